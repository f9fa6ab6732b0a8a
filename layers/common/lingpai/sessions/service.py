"""Issue, check and revoke opaque tokens. A session is one item; each step is one call. `sessions.rotation` refreshes.

A token is `base64url(session key) "." base64url(secret)`: the first half finds the session, the second proves the right
to use it. The item has only the SHA-256 of the secrets (docs/decisions/0002-sessions.md).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lingpai.clients.model import Client
from lingpai.kernel import base64url
from lingpai.kernel.errors import (
    invalid_grant,
    invalid_token,
)
from lingpai.services import Services
from lingpai.sessions import id_tokens, jwt, session_id, token_claims, token_family
from lingpai.sessions.model import Session, SessionKey, TokenSet
from lingpai.sessions.storage import PutSession, TokenFamilies
from lingpai.sessions.token_family import digest

# A token has only one valid encoding: the unused bits at the end of each half are zero.
_TOKEN_SHAPE = re.compile(rf"({session_id.SHAPE})\.({base64url.SHAPE_32})")


@dataclass(frozen=True)
class Presented:
    """A parsed token: the key of its session, and the secret."""

    key: SessionKey
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Secrets:
    """The key and the first secrets of a session: random, or derived from an authorization code."""

    key: SessionKey
    access: bytes = field(repr=False)
    refresh: bytes = field(repr=False)


@dataclass(frozen=True)
class NewSession:
    """A session that is not written yet: the write, and the tokens that are valid once it is committed."""

    put: PutSession
    tokens: TokenSet


def issue(
    services: Services,
    client: Client,
    scope: tuple[str, ...],
    user_id: int | None = None,
    *,
    methods: tuple[str, ...] = (),
    audience: tuple[str, ...] = (),
    jkt: str | None = None,
) -> TokenSet:
    """Open a session without authenticating a user, and return its tokens. It does not count for SESSIONS_MAX.

    `oauth.issuing` opens the session of a user who has authenticated.
    """
    auth_time = services.clock.now() if methods else 0
    session = new_session(services, client, scope, user_id, methods, auth_time, audience=audience, jkt=jkt)
    # A client's own signed token is self-contained: no session is stored for it.
    if user_id is not None or client.token_format != "jwt":
        services.store.commit(session.put)
    return session.tokens


def new_session(
    services: Services,
    client: Client,
    scope: tuple[str, ...],
    user_id: int | None,
    methods: tuple[str, ...] = (),
    auth_time: int = 0,
    *,
    audience: tuple[str, ...] = (),
    jkt: str | None = None,
) -> NewSession:
    """A session for the user; for None, one for the client itself, without a refresh token (RFC 6749 section 4.4.3).

    `methods` and `auth_time` are how and when the user logged in, `audience` the resources of its tokens, `jkt` the key
    that they are bound to (`Session`). Nothing is written.
    """
    clock, now = services.clock, services.clock.now()
    owner = clock.new_machine_owner() if user_id is None else user_id
    key, access = SessionKey(owner, clock.new_session_id()), clock.new_secret()
    refresh = token_family.first_secret(clock.new_secret(), now) if user_id is not None else b""
    secrets = Secrets(key, access, refresh)
    session = first_session(client, scope, secrets, now)
    session = replace(
        session, methods=methods, auth_time=auth_time, audience=audience, access_audience=audience, jkt=jkt
    )
    return prepared(services, client, session, secrets)


def first_session(client: Client, scope: tuple[str, ...], secrets: Secrets, now: int) -> Session:
    """A session with these secrets, opened at `now`; an empty refresh secret means none."""
    access, refresh = secrets.access, secrets.refresh
    return Session(
        key=secrets.key,
        client_id=client.id,
        scope=scope,
        created_at=now,
        ends_at=now + client.session_ttl,
        access_hash=digest(access),
        access_expires_at=now + client.access_ttl,
        access_scope=scope,
        refresh_hash=digest(refresh) if refresh else None,
        refresh_expires_at=now + client.refresh_ttl if refresh else 0,
        family_hash=token_family.key_hash(refresh) if refresh else None,
        epoch=client.valid_from,
    )


def prepared(
    services: Services, client: Client, session: Session, secrets: Secrets, nonce: str | None = None
) -> NewSession:
    """The write of a new session, and its tokens; `nonce` is for the ID token."""
    tokens = first_tokens(services, client, session, secrets, nonce)
    now, of_user = session.created_at, session.key.user_id is not None
    return NewSession(PutSession(session, time_to_live(now, client) if of_user else session.access_expires_at), tokens)


def first_tokens(
    services: Services, client: Client, session: Session, secrets: Secrets, nonce: str | None = None
) -> TokenSet:
    """The tokens of a session before its first refresh. Equal arguments give equal tokens, except `expires_in`."""
    claims = user_claims(services, client, session.key.user_id, session.created_at, session.scope)
    now, refresh = services.clock.now(), secrets.refresh or None
    return token_set(services, client, session, secrets.access, refresh, now, claims, nonce)


def check(store: TokenFamilies, token: str, now: int, grace: int) -> Session:
    """The session of an opaque access token, with the scope and expiry of this token.

    LingpaiError `invalid_token` if the token is malformed (found without a call), unknown, expired or revoked.
    """
    presented = parse(token)
    session = store.get_session(presented.key) if presented else None
    if presented is None or session is None:
        raise invalid_token()
    return opened(session, digest(presented.secret), now, grace)


def opened(session: Session, hashed: bytes, now: int, grace: int) -> Session:
    """`session` with the scope and expiry of the access token of this hash; LingpaiError `invalid_token` for others.

    The access token before the last refresh stays valid for `grace` seconds, so that calls in flight do not fail.
    """
    if session.ends_at <= now:
        raise invalid_token()
    if token_family.is_hash(hashed, session.access_hash) and now < session.access_expires_at:
        return session
    if (
        token_family.is_hash(hashed, session.previous_access_hash)
        and now < session.previous_access_expires_at
        and now <= session.rotated_at + grace
    ):
        return _as_before_rotation(session, grace)
    raise invalid_token()


def revoke(store: TokenFamilies, key: SessionKey, hashed: bytes, client: Client | None) -> None:
    """End the session if this is the hash of one of its secrets, the previous ones included: one call.

    With `client`, it must be a session of this client (RFC 7009 section 2.1): LingpaiError for another client's. An
    unknown session is no error (section 2.2).
    """
    ended = store.delete_matching(key, hashed, client.id if client else None)
    if not ended.done and ended.session is not None:
        refuse_other_client(ended.session.client_id, client)


def by_refresh_token(store: TokenFamilies, token: str, now: int) -> Session | None:
    """The session whose current refresh token this is, if neither has expired."""
    presented = parse(token)
    session = store.get_session(presented.key) if presented else None
    if presented is None or session is None or now >= min(session.refresh_expires_at, session.ends_at):
        return None
    return session if token_family.is_hash(digest(presented.secret), session.refresh_hash) else None


def client_of(store: TokenFamilies, token: str) -> str | None:
    """The client id of the session that a token names, without checking its secret; None without such a session."""
    presented = parse(token)
    session = store.get_session(presented.key) if presented else None
    return session.client_id if session else None


def refuse_other_client(client_id: str, client: Client | None) -> None:
    """LingpaiError if `client` is given and has another id."""
    if client is not None and client.id != client_id:
        raise invalid_grant("token_of_another_client")


def end(store: TokenFamilies, key: SessionKey) -> None:
    """Delete the session, which revokes all its tokens."""
    store.end_sessions((key,))


def parse(token: str) -> Presented | None:
    """The parts of an opaque token; None for a text of any other form, which then costs no call."""
    found = _TOKEN_SHAPE.fullmatch(token)
    return Presented(session_id.key_in(found[1]), base64url.decode(found[2])) if found else None


def token_text(key: SessionKey, secret: bytes) -> str:
    """The token with this key and secret: 66 characters that are valid in a header (RFC 6750 section 2.1)."""
    return f"{session_id.of(key)}.{base64url.encode(secret)}"


def user_claims(
    services: Services, client: Client, user_id: int | None, now: int, scope: tuple[str, ...]
) -> Mapping[str, Any]:
    """The user's claims for a signed access token, empty for an opaque one; LingpaiError without a signing key.

    Call it before anything is written: what cannot be signed is then not issued.
    """
    if id_tokens.is_wanted(scope, user_id):
        services.keys.signing(client.id_token_alg, now)
    if client.token_format != "jwt":
        return {}
    services.keys.signing(client.token_alg, now)
    return token_claims.user_claims(services, client, user_id)


def _as_before_rotation(session: Session, grace: int) -> Session:
    return replace(
        session,
        access_expires_at=min(session.previous_access_expires_at, session.rotated_at + grace + 1),
        access_scope=session.previous_access_scope,
        # A rotation stores none if the client no longer has resources: then the audience has not changed.
        access_audience=session.previous_access_audience or session.access_audience,
        jkt=session.previous_jkt,
    )


def token_set(
    services: Services,
    client: Client,
    session: Session,
    access: bytes,
    refresh: bytes | None,
    now: int,
    claims: Mapping[str, Any],
    nonce: str | None = None,
) -> TokenSet:
    """The tokens of a session with these secrets, at `now`; `nonce` is for the ID token."""
    if client.token_format == "jwt":
        told = token_claims.of_session(services, session, claims)
        access_token = jwt.sign(services, client, session, digest(access), told)
    else:
        access_token = token_text(session.key, access)
    id_token = None
    if id_tokens.is_wanted(session.access_scope, session.key.user_id):
        id_token = id_tokens.sign(services, client, session, access_token, nonce)
    return TokenSet(
        access_token=access_token,
        refresh_token=token_text(session.key, refresh) if refresh else None,
        expires_in=max(0, min(session.access_expires_at, session.ends_at) - now),
        scope=session.access_scope,
        user_id=session.key.user_id,
        id_token=id_token,
        token_type="Bearer" if session.jkt is None else "DPoP",
    )


def time_to_live(now: int, client: Client) -> int:
    """When DynamoDB may delete the session of a user: all its tokens have expired."""
    return now + max(client.access_ttl, client.refresh_ttl)
