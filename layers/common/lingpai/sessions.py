"""The life of a token: issue, check, refresh, revoke. One item for each family, one call for each step.

A token is `base64url(session key) "." base64url(secret)`: the first half finds the session, the second
proves the right to it. The item keeps SHA-256 of the secrets alone. What a refresh gives out is derived
from the secret presented and a fresh salt kept in the item, so that the same question asked again within
the grace time has the same answer, with nothing secret stored (docs/decisions/0002-sessions.md).
"""

import hashlib
import hmac
import re
from dataclasses import field, replace

from lingpai import jwt, selector
from lingpai.errors import invalid_grant, invalid_scope, invalid_token
from lingpai.frozen import frozen
from lingpai.model import Client, Session, SessionKey, TokenSet
from lingpai.ports import PutSession, Rotation, Services, Sessions, Write

# For the log: a refresh token came back that had been used, so somebody holds a stolen one.
REUSED = "refresh_token_reused"
# One token has one spelling: the spare bits at the end of each half are zero.
_TOKEN_SHAPE = re.compile(rf"({selector.SHAPE})\.([A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048])")


@frozen
class Presented:
    """A token taken apart: where its session is, and the secret that shall open it."""

    key: SessionKey
    secret: bytes = field(repr=False)


def issue(
    services: Services,
    client: Client,
    scope: tuple[str, ...],
    user_id: int | None = None,
    *,
    methods: tuple[str, ...] = (),
    together_with: tuple[Write, ...] = (),
) -> TokenSet:
    """Open a session and give its tokens; a session without a user has no refresh token (RFC 6749 section 4.4.3).

    `methods` is how the user has just logged in (`login_methods`); () for a session that follows from no login.
    `together_with` are the writes that must happen with it or not at all; their Conflict is the caller's.
    """
    clock, now = services.clock, services.clock.now()
    _require_key(services, client, now)
    owner = clock.new_machine_owner() if user_id is None else user_id
    key = SessionKey(owner, clock.new_session_id())
    access = clock.new_secret()
    refresh = clock.new_secret() if user_id is not None else None
    session = Session(
        key=key,
        client_id=client.id,
        scope=scope,
        created_at=now,
        ends_at=now + client.session_ttl,
        access_hash=digest(access),
        access_expires_at=now + client.access_ttl,
        access_scope=scope,
        refresh_hash=digest(refresh) if refresh else None,
        refresh_expires_at=now + client.refresh_ttl if refresh else 0,
        auth_time=now if methods else 0,
        methods=methods,
    )
    # A signed token of a client for itself carries all there is to know: nothing is kept.
    if user_id is not None or client.token_format != "jwt":
        kept_until = _time_to_live(now, client) if refresh else session.access_expires_at
        services.store.commit(*together_with, PutSession(session, kept_until))
    return _token_set(services, client, session, access, refresh, now)


def check(store: Sessions, token: str, now: int, grace: int) -> Session:
    """The session that an opaque access token opens, with the scope and expiry of this token.

    LingpaiError `invalid_token` for one that is malformed (without a call), unknown, expired or revoked.
    """
    presented = parse(token)
    session = store.get_session(presented.key) if presented else None
    if presented is None or session is None:
        raise invalid_token()
    return opened(session, digest(presented.secret), now, grace)


def opened(session: Session, hashed: bytes, now: int, grace: int) -> Session:
    """`session` as the access token of this hash may use it; LingpaiError `invalid_token` when it may not.

    The access token before the last refresh stays good for `grace` seconds, so that calls under way do not fail.
    """
    if session.ends_at <= now:
        raise invalid_token()
    if _same(hashed, session.access_hash) and now < session.access_expires_at:
        return session
    if (
        _same(hashed, session.previous_access_hash)
        and now < session.previous_access_expires_at
        and now <= session.rotated_at + grace
    ):
        return _as_before_rotation(session, grace)
    raise invalid_token()


def refresh(services: Services, client: Client, token: str, scope: tuple[str, ...] | None) -> TokenSet:
    """New tokens for a refresh token (RFC 6749 section 6), which works once (RFC 9700 section 4.14.2).

    The same one again within the grace time gets the same new pair. After it, or with a secret that the session
    does not know, somebody holds a stolen token: the whole family ends. `scope` may narrow the access token,
    None keeps the session's; the refresh token always keeps the scope that was granted.
    """
    presented = parse(token)
    if presented is None:
        raise invalid_grant("bad_refresh_token")
    now, salt = services.clock.now(), services.clock.new_secret()
    _require_key(services, client, now)
    next_access, next_refresh = derive(presented.secret, salt)
    outcome = services.store.rotate(
        Rotation(
            key=presented.key,
            client_id=client.id,
            presented_hash=digest(presented.secret),
            now=now,
            salt=salt,
            access_hash=digest(next_access),
            access_expires_at=now + client.access_ttl,
            refresh_hash=digest(next_refresh),
            refresh_expires_at=now + client.refresh_ttl,
            scope=scope,
            ttl=_time_to_live(now, client),
        )
    )
    if outcome.done and outcome.session:
        return _token_set(services, client, outcome.session, next_access, next_refresh, now)
    return _after_refusal(services, client, presented, outcome.session, scope, now)


def revoke(store: Sessions, key: SessionKey, hashed: bytes, client: Client | None) -> None:
    """End the session if this is the hash of one of its secrets, the previous ones included: one call.

    With `client`, only a session of its own (RFC 7009 section 2.1): LingpaiError for another's. What is not there is
    as good as revoked (section 2.2).
    """
    ended = store.end_presented(key, hashed, client.id if client else None)
    if not ended.done and ended.session is not None:
        refuse_other_client(ended.session.client_id, client)


def by_refresh_token(store: Sessions, token: str, now: int) -> Session | None:
    """The session whose current refresh token this is, if both are alive."""
    presented = parse(token)
    session = store.get_session(presented.key) if presented else None
    if presented is None or session is None or now >= min(session.refresh_expires_at, session.ends_at):
        return None
    return session if _same(digest(presented.secret), session.refresh_hash) else None


def client_of(store: Sessions, token: str) -> str | None:
    """The client whose session a token points to, whatever its secret; None when there is none."""
    presented = parse(token)
    session = store.get_session(presented.key) if presented else None
    return session.client_id if session else None


def refuse_other_client(client_id: str, client: Client | None) -> None:
    """LingpaiError where `client` is not the one of this id."""
    if client is not None and client.id != client_id:
        raise invalid_grant("token_of_another_client")


def end(store: Sessions, key: SessionKey) -> None:
    """The session and every token of it are gone."""
    store.end_sessions((key,))


def end_all(store: Sessions, user_id: int, keep: SessionKey | None = None) -> int:
    """All sessions of the user are gone, but for `keep`; gives how many there were."""
    keys = tuple(key for key in store.sessions_of(user_id) if key != keep)
    store.end_sessions(keys)
    return len(keys)


def parse(token: str) -> Presented | None:
    """The parts of an opaque token; None for a text of any other shape, so that it costs no call."""
    found = _TOKEN_SHAPE.fullmatch(token)
    return Presented(selector.key_in(found[1]), selector.decode(found[2])) if found else None


def token_text(key: SessionKey, secret: bytes) -> str:
    """The token of `secret` under `key`: 66 characters, all of them safe in a header (RFC 6750 section 2.1)."""
    return f"{selector.of(key)}.{selector.encode(secret)}"


def digest(secret: bytes) -> bytes:
    """SHA-256. The secrets are 256 random bits: no slow hash would make them harder to guess."""
    return hashlib.sha256(secret).digest()


def derive(presented: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """The access and refresh secrets that follow `presented`: HMAC-SHA256 keyed by it over the salt."""
    return (
        hmac.digest(presented, salt + b"access", "sha256"),
        hmac.digest(presented, salt + b"refresh", "sha256"),
    )


def _after_refusal(
    services: Services,
    client: Client,
    presented: Presented,
    session: Session | None,
    scope: tuple[str, ...] | None,
    now: int,
) -> TokenSet:
    """Why a rotation was refused: a retry (the same pair again), a mistake, or theft."""
    if session is None or session.client_id != client.id:
        raise invalid_grant("bad_refresh_token")
    hashed = digest(presented.secret)
    if _same(hashed, session.refresh_hash):
        alive = now < min(session.refresh_expires_at, session.ends_at)
        raise invalid_scope() if alive else invalid_grant("bad_refresh_token")
    if _same(hashed, session.previous_refresh_hash) and now <= session.rotated_at + services.settings.refresh_grace:
        return _repeat(services, client, session, presented, scope, now)
    end(services.store, session.key)
    raise invalid_grant("bad_refresh_token", detail=REUSED)


def _repeat(
    services: Services,
    client: Client,
    session: Session,
    presented: Presented,
    scope: tuple[str, ...] | None,
    now: int,
) -> TokenSet:
    """The answer that the last rotation gave, once more."""
    if session.ends_at <= now or session.salt is None:
        raise invalid_grant("bad_refresh_token")
    if scope is not None and set(scope) != set(session.access_scope):
        raise invalid_scope()
    return _token_set(services, client, session, *derive(presented.secret, session.salt), now)


def _require_key(services: Services, client: Client, now: int) -> None:
    """LingpaiError where there is no key for the client's signed tokens: before anything is written."""
    if client.token_format == "jwt":
        services.keys.signing(client.token_alg, now)


def _as_before_rotation(session: Session, grace: int) -> Session:
    return replace(
        session,
        access_expires_at=min(session.previous_access_expires_at, session.rotated_at + grace + 1),
        access_scope=session.previous_access_scope,
    )


def _token_set(
    services: Services, client: Client, session: Session, access: bytes, refresh: bytes | None, now: int
) -> TokenSet:
    if client.token_format == "jwt":
        access_token = jwt.sign(services, client, session, digest(access))
    else:
        access_token = token_text(session.key, access)
    return TokenSet(
        access_token=access_token,
        refresh_token=token_text(session.key, refresh) if refresh else None,
        expires_in=max(0, min(session.access_expires_at, session.ends_at) - now),
        scope=session.access_scope,
        user_id=session.key.user_id,
    )


def _time_to_live(now: int, client: Client) -> int:
    """When the table may forget the session of a user: no token of it can be good any more."""
    return now + max(client.access_ttl, client.refresh_ttl)


def _same(hashed: bytes, stored: bytes | None) -> bool:
    return stored is not None and hmac.compare_digest(hashed, stored)
