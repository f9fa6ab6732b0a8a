"""Who is at the console: an admin, by the session that an authorization code of ours has opened.

The console logs in as every client does: by `/oauth/authorize`, with PKCE and `state`. It redeems the code itself, and
keeps the access token in a cookie. That names no scope, so it opens nothing else. It asks for no ID token: what one
would say, it reads in the session. So it needs no signing key, and no `nonce`, whose part PKCE has.

Each request checks that the session is alive and the account enabled, that it has the admin role now and a second
factor where the policy wants one, and that its login is not too old.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

from lingpai.accounts import caller
from lingpai.accounts.caller import Caller
from lingpai.accounts.model import RoleBook, User
from lingpai.authorization import codes
from lingpai.browser_sessions.service import message_code
from lingpai.clients import epochs
from lingpai.clients.builtin import CONSOLE, CONSOLE_CALLBACK
from lingpai.clients.model import Client
from lingpai.html import cookies
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel import base64url
from lingpai.kernel.errors import (
    LingpaiError,
    forbidden,
    insufficient_user_authentication,
    invalid_client,
    invalid_token,
)
from lingpai.services import Services
from lingpai.sessions import access_tokens, login_methods
from lingpai.sessions import service as sessions
from lingpai.sessions.model import Session

HOME = "/console"
COOKIE, _LOGIN = cookies.CONSOLE, "lingpai-console-login"
# How long a login may take, in seconds.
_LOGIN_TTL = 1800
# Where a login leads to: pages of the console.
_ONWARD = re.compile(r"/console(?:/[a-z]+)*(?:\.csv)?(?:\?[A-Za-z0-9%&=_.~+:-]*)?")
_LONGEST = 1500


@dataclass(frozen=True)
class Admin:
    """Who is at the console: the session, its account, all roles, and the secret of the cookie."""

    session: Session
    user: User = field(repr=False)
    book: RoleBook
    secret: bytes = field(repr=False)

    def mac(self, purpose: str, text: str = "") -> str:
        """A code that only this session gives `text`."""
        return message_code(self.secret, purpose, text)

    def seals(self, purpose: str, text: str, code: str) -> bool:
        """Whether the code is the one that this session gives `text`."""
        return hmac.compare_digest(code.encode(), self.mac(purpose, text).encode())


def read(services: Services, request: Request) -> Admin | None:
    """The admin whose browser sends the request; None without a session that is alive. Two calls.

    LingpaiError `access_denied` for an account that is no admin any more.
    """
    text = cookies.value_of(request, COOKIE)
    presented = sessions.parse(text)
    if presented is None:
        return None
    found = access_tokens.unless_refused(lambda: _caller(services, text))
    if found is None or found.user is None:
        return None
    _require_admin(services, found)
    if services.clock.now() - found.session.auth_time > services.settings.console_login_max:
        return None
    return Admin(found.session, found.user, found.book, presented.secret)


def _caller(services: Services, token: str) -> Caller:
    return caller.caller_of(services, _session(services, token), opens="admin")


def _session(services: Services, token: str) -> Session:
    """The session of the console's own token; LingpaiError for any other text. One call."""
    now, grace = services.clock.now(), services.settings.refresh_grace
    found = sessions.check(services.store, token, now, grace)
    if found.client_id != CONSOLE or not epochs.is_current(services.clients, found):
        raise invalid_token()
    return found


def _require_admin(services: Services, found: Caller) -> None:
    if found.lacks_factor:
        raise insufficient_user_authentication(login_methods.ACR_TWO)
    if not caller.is_admin(services, found):
        raise forbidden()


def log_in(services: Services, request: Request, then: str, max_age: int, *, another: bool = False) -> Reply:
    """Send the browser to log in, if its login is older than `max_age` seconds; it comes back to `then`.

    With `another`, it is asked which account it wants.
    """
    secret, then = services.clock.new_secret(), onward(then)
    verifier = base64url.encode(secret)
    asked = {
        "response_type": "code",
        "client_id": CONSOLE,
        "redirect_uri": _redirect_uri(services),
        "code_challenge": base64url.encode(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
        "state": _state(secret, then),
        "max_age": str(max_age),
        **({"prompt": "login"} if another else {}),
    }
    cookie = cookies.keep(request, _LOGIN, f"{verifier}.{base64url.encode(then.encode())}", _LOGIN_TTL)
    return see_other(f"{services.issuer}/oauth/authorize?{urlencode(asked)}", cookie)


def come_back(services: Services, request: Request, given: dict[str, str]) -> Reply:
    """Open the console for a browser that brings the code of its login, and lead it on.

    LingpaiError `login_unconfirmed` for a login that this browser has not begun, `access_denied` for one of no admin,
    whose session ends.
    """
    verifier, _, encoded = cookies.value_of(request, _LOGIN).partition(".")
    secret, then = base64url.decode_32(verifier), _decoded(encoded)
    if secret is None or not hmac.compare_digest(given.get("state", "").encode(), _state(secret, then).encode()):
        raise forbidden("login_unconfirmed")
    if "code" not in given:
        raise forbidden("login_unconfirmed")
    client = _client(services)
    try:
        tokens = codes.redeem(services, client, given["code"], _redirect_uri(services), verifier)
    except LingpaiError as error:
        if error.status == 503:
            raise
        raise forbidden("login_unconfirmed") from error
    token = tokens.access_token
    try:
        _require_admin(services, _caller(services, token))
    except LingpaiError:
        end(services, token)
        raise
    end(services, cookies.value_of(request, COOKIE))
    kept = cookies.keep(request, COOKIE, token, services.settings.console_login_max)
    return see_other(onward(then), kept, cookies.keep(request, _LOGIN, "", 0))


def end(services: Services, token: str) -> None:
    """End the session of this token of the console; nothing for any other text."""
    session = access_tokens.unless_refused(lambda: _session(services, token)) if token else None
    if session is not None:
        sessions.end(services.store, session.key)


def forget(request: Request) -> str:
    """The header that deletes the cookie."""
    return cookies.keep(request, COOKIE, "", 0)


def onward(text: str) -> str:
    """The text if it leads to a page of the console; else to the first one."""
    return text if len(text) <= _LONGEST and _ONWARD.fullmatch(text) else HOME


def see_other(location: str, *set_cookies: str) -> Reply:
    """A redirect that is followed by a GET."""
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Reply(303, "", headers, set_cookies)


def _client(services: Services) -> Client:
    client = services.clients.get_client(CONSOLE)
    if client is None:
        raise invalid_client("unknown_client")
    return client


def _redirect_uri(services: Services) -> str:
    return f"{services.issuer}{CONSOLE_CALLBACK}"


def _state(secret: bytes, then: str) -> str:
    return message_code(secret, "console login", then)


def _decoded(text: str) -> str:
    try:
        return base64url.decode(text).decode()
    except ValueError:
        return ""
