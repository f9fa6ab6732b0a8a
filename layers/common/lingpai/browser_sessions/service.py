"""The login of a browser: opened, recognised by its cookie, kept alive, ended.

The cookie is `base64url(session key) "." base64url(secret)`, like an opaque token; the item keeps SHA-256 of the
secret. The item names no client, so no route takes the cookie's value for an access token.
"""

import hmac
from dataclasses import dataclass, field, replace

from lingpai.accounts import ended_accounts, session_limit
from lingpai.accounts.model import User
from lingpai.accounts.storage import CheckUser
from lingpai.authentication import one_factor
from lingpai.authentication.model import Authenticated
from lingpai.authentication.service import complete
from lingpai.browser_sessions.model import BrowserSession, Place
from lingpai.browser_sessions.storage import PutBrowserSession, RaiseBrowserSession, TouchBrowserSession
from lingpai.consents.storage import Given
from lingpai.kernel import base64url, cause
from lingpai.kernel.errors import invalid_grant
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from lingpai.sessions import factor_policy
from lingpai.sessions import service as sessions
from lingpai.sessions.model import SessionKey
from lingpai.sessions.storage import EndSession
from lingpai.sessions.token_family import digest

# How old the last use that is written down may become, in seconds: most requests write none.
_TOUCHED_EVERY = 300
# How many sessions end in the transaction of a new password, where the login may end others to make room for its own.
_ENDED_AT_ONCE = 40


@dataclass(frozen=True)
class Browser:
    """A browser that is logged in: its session, its user, the secret in its cookie, and the user's consents."""

    session: BrowserSession
    user: User = field(repr=False)
    secret: bytes = field(repr=False)
    consents: Given = field(default_factory=dict)

    def mac(self, purpose: str, text: str = "") -> str:
        """A code that only this browser session gives `text`: 43 characters of base64url."""
        return message_code(self.secret, purpose, text)


def message_code(secret: bytes, purpose: str, text: str = "") -> str:
    """HMAC-SHA256 of a text under the secret of a cookie, for this purpose alone, as base64url."""
    return base64url.encode(hmac.digest(secret, f"{purpose}\0{text}".encode(), "sha256"))


def read(services: Services, cookie: str) -> Browser | None:
    """The browser whose cookie this is; None for one that is malformed (without a call), unknown, over or ended.

    One call reads the session and its account. None, too, where that is disabled or closed.
    """
    presented = sessions.parse(cookie)
    if presented is None:
        return None
    found = services.store.look_up_browser(presented.key)
    session, user = found.session, found.user
    if session is None or not hmac.compare_digest(digest(presented.secret), session.secret_hash):
        return None
    if user is None or not user.is_active:
        return None
    is_over = session.over_at <= services.clock.now()
    # First, since it reads the deployment's record where that is old.
    is_of_epoch = session.epoch >= services.clients.valid_from()
    if is_over or not is_of_epoch or services.clients.has_ended(session.key, session.created_at):
        return None
    cause.note(actor=f"user:{user.id}")
    return Browser(session, user, presented.secret, found.consents)


def open_session(
    services: Services,
    authenticated: Authenticated,
    device: str,
    place: Place | None = None,
    previous: BrowserSession | None = None,
    continued: BrowserSession | None = None,
) -> str:
    """A new session, with a new secret, for who has authenticated; gives its cookie. The `previous` one ends.

    Where it is of the same user, or `continued` is, which the proof ends, the new session has its `sid`: to clients the
    login goes on, and its end is the end of what was opened before, too.

    One transaction uses up the proof, opens the session and counts it in the account. If it sets a new password, too,
    the account's other sessions end. LingpaiError `second_factor_required` if the account has a second factor that was
    not proven.
    """
    # The cookie of the request may be that of another user, who has not asked for this.
    cause.note(actor=f"user:{authenticated.user_id}")
    settings, clock = services.settings, services.clock
    before = previous or continued
    kept_sid = before.sid if before is not None and before.key.owner == authenticated.user_id else None

    def put(who: Authenticated) -> tuple[SessionKey, str]:
        secret = clock.new_secret()
        new = _new(services, who, secret, device, settings.browser_session_ttl)
        session = replace(new, idle_until=clock.now() + settings.browser_session_idle, place=place, kept_sid=kept_sid)
        ended = (*([EndSession(previous.key)] if previous else ()), *_ended_with_password(services, who))
        writes = (*one_factor.guarded(services, who.methods, _with_new_password(who)), *dict.fromkeys(ended))
        session_limit.commit(services, PutBrowserSession(session, session.ends_at), writes)
        return session.key, sessions.token_text(session.key, secret)

    key, cookie = complete(services, authenticated, put)
    if authenticated.new_password is not None:
        ended_accounts.end_all(services, authenticated.user_id, keep=key)
    return cookie


def _with_new_password(who: Authenticated) -> tuple[Write, ...]:
    """The writes of the authentication, with the one that sets the new password in place of the account's check."""
    if who.new_password is None:
        return who.writes
    return tuple(who.new_password if isinstance(write, CheckUser) else write for write in who.writes)


def _ended_with_password(services: Services, who: Authenticated) -> tuple[EndSession, ...]:
    """The writes that end sessions of an account that gets a new password, as many as the transaction has room for."""
    return ended_accounts.ending(services, who.user_id)[:_ENDED_AT_ONCE] if who.new_password else ()


def for_code(services: Services, authenticated: Authenticated, device: str, lifetime: int) -> BrowserSession:
    """A session that keeps a login for `lifetime` seconds, until its authorization code is used. No cookie has it."""
    return _new(services, authenticated, services.clock.new_secret(), device, lifetime)


def _new(services: Services, authenticated: Authenticated, secret: bytes, device: str, lifetime: int) -> BrowserSession:
    clock, now = services.clock, services.clock.now()
    return BrowserSession(
        key=SessionKey(authenticated.user_id, clock.new_session_id()),
        secret_hash=digest(secret),
        created_at=now,
        used_at=now,
        idle_until=now + lifetime,
        ends_at=now + lifetime,
        auth_time=authenticated.auth_time,
        methods=authenticated.methods,
        device=device,
        epoch=services.clients.valid_from(),
    )


def with_second_factor(browser: Browser, methods: tuple[str, ...], writes: tuple[Write, ...] = ()) -> Authenticated:
    """The login of a browser that has proven a second factor as well: `methods` and `writes` are those of the factor.

    `open_session` opens it in a session with a new secret. The writes end the present session, and fail if it has ended
    meanwhile: LingpaiError `login_expired`, or `bad_second_factor` for a factor that was used before.
    """
    session = browser.session
    replaced: tuple[Write, ...] = (EndSession(session.key, must_exist=True), CheckUser(browser.user.id))

    def refuse(conflict: Conflict) -> Authenticated:
        raise invalid_grant("bad_second_factor" if conflict.write in writes else "login_expired")

    together = tuple(dict.fromkeys((*session.methods, *methods)))
    return Authenticated(browser.user.id, together, session.auth_time, (*replaced, *writes), refuse)


def raised(services: Services, browser: Browser, methods: tuple[str, ...]) -> tuple[Write, ...]:
    """The write that makes the session one of two factors: to be committed with the factor that the browser sets up.

    Setting it up has proven it. `methods` are those of the factor. None is needed for a session that has two.
    """
    session = browser.session
    if not factor_policy.has_one(services.settings, session.methods):
        return ()
    return (RaiseBrowserSession(session.key, tuple(dict.fromkeys((*session.methods, *methods)))),)


def touch(services: Services, session: BrowserSession) -> tuple[Write, ...]:
    """The write that tells of this use, if the last one that was told is a while ago: to be committed with others."""
    now = services.clock.now()
    idle = services.settings.browser_session_idle
    if now - session.used_at < min(_TOUCHED_EVERY, idle // 4):
        return ()
    return (TouchBrowserSession(session.key, now, now + idle),)


def note_use(services: Services, session: BrowserSession) -> bool:
    """Tell of this use, where `touch` has something to write; False where the session has ended meanwhile."""
    try:
        for write in touch(services, session):
            services.store.commit(write)
    except Conflict:
        return False
    return True
