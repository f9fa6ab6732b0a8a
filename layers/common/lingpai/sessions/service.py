"""Issue, check, refresh and revoke opaque tokens. A session is one item; each step is one call.

A token is `base64url(session key) "." base64url(secret)`: the first half finds the session, the second proves the right
to use it. The item has only the SHA-256 of the secrets (docs/decisions/0002-sessions.md). A refresh derives the new
secrets from the presented secret and a fresh salt, which the item keeps, so that a repeated refresh returns the same
tokens (docs/decisions/0013-refresh-retries.md).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lingpai.clients import epochs, resources
from lingpai.clients.model import Client
from lingpai.kernel import base64url
from lingpai.kernel.clock import LEEWAY
from lingpai.kernel.errors import (
    REUSED,
    LingpaiError,
    invalid_grant,
    invalid_scope,
    invalid_target,
    invalid_token,
    too_many_requests,
)
from lingpai.services import Services
from lingpai.sessions import id_tokens, jwt, session_id, token_claims, token_family
from lingpai.sessions.model import Session, SessionKey, TokenSet
from lingpai.sessions.storage import History, PutSession, Rotation, TokenFamilies
from lingpai.sessions.token_family import digest

# A token has only one valid encoding: the unused bits at the end of each half are zero.
_TOKEN_SHAPE = re.compile(rf"({session_id.SHAPE})\.([A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048])")


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
) -> TokenSet:
    """Open a session without authenticating a user, and return its tokens. It does not count for SESSIONS_MAX.

    `oauth.issuing` opens the session of a user who has authenticated.
    """
    auth_time = services.clock.now() if methods else 0
    session = new_session(services, client, scope, user_id, methods, auth_time, audience=audience)
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
) -> NewSession:
    """A session for the user; for None, one for the client itself, without a refresh token (RFC 6749 section 4.4.3).

    `methods` and `auth_time` are how and when the user logged in, `audience` the resources of its tokens (`Session`).
    Nothing is written.
    """
    clock, now = services.clock, services.clock.now()
    owner = clock.new_machine_owner() if user_id is None else user_id
    key, access = SessionKey(owner, clock.new_session_id()), clock.new_secret()
    refresh = token_family.first_secret(clock.new_secret(), now) if user_id is not None else b""
    secrets = Secrets(key, access, refresh)
    session = first_session(client, scope, secrets, now)
    session = replace(session, methods=methods, auth_time=auth_time, audience=audience, access_audience=audience)
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
    return NewSession(PutSession(session, _time_to_live(now, client) if of_user else session.access_expires_at), tokens)


def first_tokens(
    services: Services, client: Client, session: Session, secrets: Secrets, nonce: str | None = None
) -> TokenSet:
    """The tokens of a session before its first refresh. Equal arguments give equal tokens, except `expires_in`."""
    claims = _user_claims(services, client, session.key.user_id, session.created_at, session.scope)
    now, refresh = services.clock.now(), secrets.refresh or None
    return _token_set(services, client, session, secrets.access, refresh, now, claims, nonce)


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


def refresh(
    services: Services, client: Client, token: str, scope: tuple[str, ...] | None, resource: tuple[str, ...] = ()
) -> TokenSet:
    """New tokens for a refresh token (RFC 6749 section 6), which works once (RFC 9700 section 4.14.2).

    A token that was replaced a moment ago gets the session's current tokens, and so does a later retry of the last
    refresh (see `_may_repeat`). Any other secret that the session has issued counts as stolen: the whole family ends.
    `scope` may narrow the access token; None keeps the session's scope. `resource` may narrow its audience (RFC 8707
    section 2.2). The refresh token always keeps the full grant.
    """
    presented = parse(token)
    if presented is None:
        raise invalid_grant("bad_refresh_token")
    arrived, salt = services.clock.now(), services.clock.new_secret()
    audience = resources.granted(client, resource) if client.resources else None
    claims = _user_claims(services, client, presented.key.user_id, arrived, client.scopes)
    issued_at, grace = token_family.issued_at(presented.secret), services.settings.refresh_grace
    # The rotations of a session are in order, even if the clock of another function is ahead.
    now = max(arrived, issued_at) if issued_at <= arrived + LEEWAY else arrived
    next_access = token_family.next_access(presented.secret, salt)
    next_refresh = token_family.next_refresh(presented.secret, salt, now)
    outcome = services.store.rotate(
        Rotation(
            key=presented.key,
            client_id=client.id,
            presented_hash=(hashed := digest(presented.secret)),
            now=now,
            salt=salt,
            access_hash=digest(next_access),
            access_expires_at=now + client.access_ttl,
            refresh_hash=digest(next_refresh),
            refresh_expires_at=now + client.refresh_ttl,
            scope=scope,
            ttl=_time_to_live(now, client),
            family_hash=token_family.key_hash(presented.secret),
            history=_history(issued_at, now, grace),
            mark=token_family.mark(hashed),
            audience=audience,
        )
    )
    if outcome.session is not None and not epochs.is_valid(services.clients, outcome.session, client):
        raise invalid_grant("bad_refresh_token")
    if outcome.done and outcome.session:
        return _token_set(services, client, outcome.session, next_access, next_refresh, now, claims)
    return _after_refusal(services, client, presented, outcome.session, scope, audience or (), arrived, claims)


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


def _history(issued_at: int, now: int, grace: int) -> History:
    """How a session records the rotation at `now` of a secret issued at `issued_at`.

    Time is divided into spans of `grace` + 1 seconds. The session keeps the rotations of the current span and the one
    before, so each for at least `grace` seconds.
    """
    span = grace + 1
    spans = now // span - issued_at // span
    return {0: History.APPEND, 1: History.SHIFT}.get(spans, History.RESTART)


def _after_refusal(
    services: Services,
    client: Client,
    presented: Presented,
    session: Session | None,
    scope: tuple[str, ...] | None,
    resource: tuple[str, ...],
    now: int,
    claims: Mapping[str, Any],
) -> TokenSet:
    """The result of a refused rotation: the current tokens for a retry; LingpaiError for an error or a stolen token."""
    if session is None or session.client_id != client.id or session.ends_at <= now:
        raise invalid_grant("bad_refresh_token")
    if token_family.is_hash(digest(presented.secret), session.refresh_hash):
        raise _why_refused(session, scope, resource, now)
    pair = token_family.current_pair(session, presented.secret)
    if pair is not None and _may_repeat(services, client, presented, session, pair[2], now):
        access, refresh, _ = pair
        return _repeat(services, client, session, access, refresh, scope, resource, now, claims)
    # If the last rotation is in the future, a clock is wrong, and reuse cannot be told from a retry.
    if session.rotated_at <= services.clock.now() + LEEWAY and token_family.has_issued(session, presented.secret):
        end(services.store, session.key)
        raise invalid_grant("bad_refresh_token", detail=REUSED)
    raise invalid_grant("bad_refresh_token")


def _why_refused(session: Session, scope: tuple[str, ...] | None, resource: tuple[str, ...], now: int) -> LingpaiError:
    """Why the session's current refresh secret was not rotated."""
    if now >= session.refresh_expires_at:
        return invalid_grant("bad_refresh_token")
    if set(scope or ()) - set(session.scope):
        return invalid_scope()
    if set(resource) - set(session.audience):
        return invalid_target()
    return too_many_requests("refreshed_too_often", 1)


def _may_repeat(
    services: Services, client: Client, presented: Presented, session: Session, replaced_at: int, now: int
) -> bool:
    """Whether the presented refresh token gets the session's current tokens.

    It does for REFRESH_GRACE seconds after it was replaced. The token that was replaced last, whose successor is
    unused, does for REFRESH_RETRY seconds (REFRESH_RETRY_PUBLIC for a client without a secret): the response may have
    been lost.
    """
    settings = services.settings
    span = settings.refresh_grace
    if token_family.is_hash(digest(presented.secret), session.previous_refresh_hash):
        span = max(span, settings.refresh_retry if client.confidential else settings.refresh_retry_public)
    return replaced_at - LEEWAY <= services.clock.now() and now <= replaced_at + span


def _repeat(
    services: Services,
    client: Client,
    session: Session,
    access: bytes,
    refresh: bytes,
    scope: tuple[str, ...] | None,
    resource: tuple[str, ...],
    now: int,
    claims: Mapping[str, Any],
) -> TokenSet:
    """The tokens of the last rotation again; LingpaiError if they have expired, or if the request differs from it."""
    if session.refresh_expires_at <= now:
        raise invalid_grant("bad_refresh_token")
    if scope is not None and set(scope) != set(session.access_scope):
        raise invalid_scope()
    if resource and set(resource) != set(session.access_audience):
        raise invalid_target()
    return _token_set(services, client, session, access, refresh, now, claims)


def _user_claims(
    services: Services, client: Client, user_id: int | None, now: int, scope: tuple[str, ...]
) -> Mapping[str, Any]:
    """The user's claims for a signed token, read before anything is written; LingpaiError without a signing key."""
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
    )


def _token_set(
    services: Services,
    client: Client,
    session: Session,
    access: bytes,
    refresh: bytes | None,
    now: int,
    claims: Mapping[str, Any],
    nonce: str | None = None,
) -> TokenSet:
    if client.token_format == "jwt":
        access_token = jwt.sign(services, client, session, digest(access), claims)
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
    )


def _time_to_live(now: int, client: Client) -> int:
    """When DynamoDB may delete the session of a user: all its tokens have expired."""
    return now + max(client.access_ttl, client.refresh_ttl)
