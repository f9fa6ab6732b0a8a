"""Access tokens in all their forms: opaque, signed, temporary. Checking and revoking them.

An opaque token consists of the session key and a secret (`sessions.service`). A user's signed token names its session
in `jti` and ends with it; a client's own has no session, and its revocation is recorded. A temporary token is derived
from an opaque or signed one, is not stored, and ends with it.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from lingpai.clients import epochs
from lingpai.clients.model import Client
from lingpai.kernel import base64url
from lingpai.kernel.errors import LingpaiError, forbidden, invalid_token, unsupported_token_type
from lingpai.services import Services
from lingpai.sessions import jwt, session_id, token_family
from lingpai.sessions import service as sessions
from lingpai.sessions.model import Session

TEMPORARY_TTL = 300

_STAMP_BYTES = 4
_TEMPORARY_SHAPE = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{48}")


@dataclass(frozen=True)
class AccessToken:
    """A valid access token: its session, with the scope and expiry of this token.

    `audience` are the APIs that it is for: the `aud` of a signed token, or the requested resources (RFC 8707); else ().
    A `temporary` token may only read.
    """

    session: Session
    audience: tuple[str, ...] = ()
    temporary: bool = False


def read(services: Services, token: str) -> AccessToken:
    """The access token in the text `token`: opaque, signed or temporary.

    One call; none for a text that has not the form of a token. LingpaiError `invalid_token` for an invalid token.
    """
    found = _read(services, token)
    if not epochs.is_current(services.clients, found.session):
        raise invalid_token()
    return found


def check(services: Services, token: str) -> Session:
    """The session of a token that is presented without a proof: as `read`, and `invalid_token` for one bound to a key.

    RFC 9449 section 7.2.
    """
    session = read(services, token).session
    if session.jkt is not None:
        raise invalid_token("dpop_bound")
    return session


def temporary(services: Services, token: str) -> str:
    """A token for `token` that is valid for five minutes and only reads (seed 002). No other token is issued for it."""
    if _TEMPORARY_SHAPE.fullmatch(token):
        raise invalid_token()
    session = check(services, token)
    if session.key.user_id is None:
        raise forbidden("no_user")
    now = services.clock.now()
    stamp = min(now + TEMPORARY_TTL, session.access_expires_at, session.ends_at).to_bytes(_STAMP_BYTES)
    proof = _proof(services, _hash_of(services, token), stamp)
    return f"{session_id.of(session.key)}.{base64url.encode(stamp + proof)}"


def revoke(services: Services, token: str, client: Client | None) -> None:
    """End the session of a token of any form (RFC 7009), in one call. An unknown token is no error.

    With `client`, it must be a token of this client: LingpaiError for another's. LingpaiError `unsupported_token_type`
    for a temporary token, which may not change anything.
    """
    if token.count(".") == 2:
        _revoke_signed(services, token, client)
    elif _TEMPORARY_SHAPE.fullmatch(token):
        _refuse_temporary(services, token, client)
    elif presented := sessions.parse(token):
        sessions.revoke(services.store, presented.key, token_family.digest(presented.secret), client)


def unless_refused[T](read: Callable[[], T]) -> T | None:
    """The result of `read`; None if it refuses the token. A failure of the store is raised."""
    try:
        return read()
    except LingpaiError as error:
        if error.status == 503:
            raise
        return None


def _read(services: Services, token: str) -> AccessToken:
    if token.count(".") == 2:
        return _read_signed(services, token)
    if _TEMPORARY_SHAPE.fullmatch(token):
        return AccessToken(_check_temporary(services, token), temporary=True)
    session = sessions.check(services.store, token, services.clock.now(), services.settings.refresh_grace)
    return AccessToken(session, session.access_audience)


def _read_signed(services: Services, token: str) -> AccessToken:
    claims = jwt.verify(services, token)
    if claims.key.user_id is None:
        if services.store.is_revoked(claims.key):
            raise invalid_token()
        return AccessToken(_alone(claims), claims.audience)
    session = services.store.get_session(claims.key)
    if session is None:
        raise invalid_token()
    opened = sessions.opened(session, claims.hashed, services.clock.now(), services.settings.refresh_grace)
    return AccessToken(opened, claims.audience)


def _revoke_signed(services: Services, token: str, client: Client | None) -> None:
    claims = unless_refused(lambda: jwt.verify(services, token))
    if claims is None:
        return
    if claims.key.user_id is None:
        sessions.refuse_other_client(claims.client_id, client)
        services.store.revoke_jti(claims.key, ttl=claims.expires_at)
    else:
        sessions.revoke(services.store, claims.key, claims.hashed, client)


def _alone(claims: jwt.Claims) -> Session:
    """The session of a client's own signed token, built from its claims: none is stored."""
    return Session(
        key=claims.key,
        client_id=claims.client_id,
        scope=claims.scope,
        created_at=claims.issued_at,
        ends_at=claims.expires_at,
        access_hash=b"",
        access_expires_at=claims.expires_at,
        access_scope=claims.scope,
        epoch=claims.epoch,
        jkt=claims.jkt,
    )


def _check_temporary(services: Services, token: str) -> Session:
    """The session of a temporary token. It is valid while its parent is (grace time included), until its own expiry."""
    now = services.clock.now()
    selected, _, rest = token.partition(".")
    raw = base64url.decode(rest)
    stamp, proof = raw[:_STAMP_BYTES], raw[_STAMP_BYTES:]
    expires_at = int.from_bytes(stamp)
    if expires_at <= now:
        raise invalid_token()
    key = session_id.parse(selected)
    session = services.store.get_session(key) if key else None
    for parent in (session.access_hash, session.previous_access_hash) if session else ():
        if session and parent and hmac.compare_digest(proof, _proof(services, parent, stamp)):
            opened = sessions.opened(session, parent, now, services.settings.refresh_grace)
            return replace(opened, access_expires_at=expires_at)
    raise invalid_token()


def _refuse_temporary(services: Services, token: str, client: Client | None) -> None:
    """LingpaiError for a valid temporary token, which cannot be revoked; an invalid one is no error."""
    session = unless_refused(lambda: _check_temporary(services, token))
    if session is not None:
        sessions.refuse_other_client(session.client_id, client)
        raise unsupported_token_type()


def _hash_of(services: Services, token: str) -> bytes:
    """The hash of a valid access token's secret."""
    if presented := sessions.parse(token):
        return token_family.digest(presented.secret)
    return jwt.verify(services, token).hashed


def _proof(services: Services, parent: bytes, stamp: bytes) -> bytes:
    """The MAC of a temporary token, for the access token with this hash. The key is the pepper, not in any table."""
    return hmac.digest(services.pepper(), b"temporary:" + parent + stamp, "sha256")
