"""The life of a token: issue, check, refresh, revoke. One item for each family, one call for each step.

A token is `base64url(session key) "." base64url(secret)`: the first half finds the session, the second
proves the right to it. The item keeps SHA-256 of the secrets alone (docs/decisions/0002-sessions.md). What a refresh
gives out is derived from the secret presented and a fresh salt kept in the item, so that a refresh that is repeated
has the same answer (docs/decisions/0013-refresh-retries.md).
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

# One token has one spelling: the spare bits at the end of each half are zero.
_TOKEN_SHAPE = re.compile(rf"({session_id.SHAPE})\.([A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048])")


@dataclass(frozen=True)
class Presented:
    """A token taken apart: where its session is, and the secret that shall open it."""

    key: SessionKey
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Secrets:
    """The first access and refresh secret of a session, and its key: drawn, or derived from an authorization code."""

    key: SessionKey
    access: bytes = field(repr=False)
    refresh: bytes = field(repr=False)


@dataclass(frozen=True)
class NewSession:
    """A session that is yet to be committed by `put`, and the tokens that it then has."""

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
    """Open a session that follows from no authentication of a user, and give its tokens. It is not counted.

    What follows from one is issued by `oauth.issuing`.
    """
    auth_time = services.clock.now() if methods else 0
    session = new_session(services, client, scope, user_id, methods, auth_time, audience=audience)
    # A signed token of a client for itself carries all there is to know: nothing is kept.
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
    """A session for the user, or (None) for the client itself, without a refresh token (RFC 6749 section 4.4.3).

    `methods` and `auth_time` are how and when the user has logged in, `audience` are the resources that its tokens are
    for (`Session`). Nothing is written.
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
    """A session with these secrets, opened at `now`; without a refresh secret where that is empty."""
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
    """The tokens of a session that was not refreshed. The same gives the same tokens, but for `expires_in`."""
    about = _about(services, client, session.key.user_id, session.created_at, session.scope)
    now, refresh = services.clock.now(), secrets.refresh or None
    return _token_set(services, client, session, secrets.access, refresh, now, about, nonce)


def check(store: TokenFamilies, token: str, now: int, grace: int) -> Session:
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

    One that was replaced a moment ago gets the tokens that the session has now, and so does a later retry of the last
    refresh (see `_may_repeat`). Any other secret that the session gave out is one that somebody has stolen: the whole
    family ends. `scope` may narrow the access token, None keeps the session's; `resource` may narrow its audience (RFC
    8707 section 2.2). The refresh token always keeps what was granted.
    """
    presented = parse(token)
    if presented is None:
        raise invalid_grant("bad_refresh_token")
    arrived, salt = services.clock.now(), services.clock.new_secret()
    audience = resources.granted(client, resource) if client.resources else None
    about = _about(services, client, presented.key.user_id, arrived, client.scopes)
    issued_at, grace = token_family.issued_at(presented.secret), services.settings.refresh_grace
    # No rotation of a session is before the last one, though the clock of another function may be ahead.
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
        return _token_set(services, client, outcome.session, next_access, next_refresh, now, about)
    return _after_refusal(services, client, presented, outcome.session, scope, audience or (), arrived, about)


def revoke(store: TokenFamilies, key: SessionKey, hashed: bytes, client: Client | None) -> None:
    """End the session if this is the hash of one of its secrets, the previous ones included: one call.

    With `client`, only a session of its own (RFC 7009 section 2.1): LingpaiError for another's. What is not there is
    as good as revoked (section 2.2).
    """
    ended = store.delete_matching(key, hashed, client.id if client else None)
    if not ended.done and ended.session is not None:
        refuse_other_client(ended.session.client_id, client)


def by_refresh_token(store: TokenFamilies, token: str, now: int) -> Session | None:
    """The session whose current refresh token this is, if both are alive."""
    presented = parse(token)
    session = store.get_session(presented.key) if presented else None
    if presented is None or session is None or now >= min(session.refresh_expires_at, session.ends_at):
        return None
    return session if token_family.is_hash(digest(presented.secret), session.refresh_hash) else None


def client_of(store: TokenFamilies, token: str) -> str | None:
    """The client whose session a token points to, whatever its secret; None when there is none."""
    presented = parse(token)
    session = store.get_session(presented.key) if presented else None
    return session.client_id if session else None


def refuse_other_client(client_id: str, client: Client | None) -> None:
    """LingpaiError where `client` is not the one of this id."""
    if client is not None and client.id != client_id:
        raise invalid_grant("token_of_another_client")


def end(store: TokenFamilies, key: SessionKey) -> None:
    """The session and every token of it are gone."""
    store.end_sessions((key,))


def parse(token: str) -> Presented | None:
    """The parts of an opaque token; None for a text of any other shape, so that it costs no call."""
    found = _TOKEN_SHAPE.fullmatch(token)
    return Presented(session_id.key_in(found[1]), base64url.decode(found[2])) if found else None


def token_text(key: SessionKey, secret: bytes) -> str:
    """The token of `secret` under `key`: 66 characters, all of them safe in a header (RFC 6750 section 2.1)."""
    return f"{session_id.of(key)}.{base64url.encode(secret)}"


def _history(issued_at: int, now: int, grace: int) -> History:
    """How a rotation at `now` of a secret issued at that time is remembered: for `grace` seconds, at most thrice that.

    Time is cut into spans that are longer than `grace`; this one and the one before are kept.
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
    about: Mapping[str, Any],
) -> TokenSet:
    """The answer to a refused rotation: the pair of a retry, or LingpaiError for a mistake or a theft."""
    if session is None or session.client_id != client.id or session.ends_at <= now:
        raise invalid_grant("bad_refresh_token")
    if token_family.is_hash(digest(presented.secret), session.refresh_hash):
        raise _why_refused(session, scope, resource, now)
    pair = token_family.current_pair(session, presented.secret)
    if pair is not None and _may_repeat(services, client, presented, session, pair[2], now):
        access, refresh, _ = pair
        return _repeat(services, client, session, access, refresh, scope, resource, now, about)
    # Where the last rotation is in the future, a clock is wrong: nobody can be told a thief by it.
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
    """Whether the refresh token that was presented may have the tokens that the session has now.

    It may for REFRESH_GRACE seconds after it was replaced. If it was replaced last, so that the next one is unused, it
    may for REFRESH_RETRY seconds (REFRESH_RETRY_PUBLIC for a client without a secret): its answer may have been lost.
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
    about: Mapping[str, Any],
) -> TokenSet:
    """The answer that the last rotation gave, once more."""
    if session.refresh_expires_at <= now:
        raise invalid_grant("bad_refresh_token")
    if scope is not None and set(scope) != set(session.access_scope):
        raise invalid_scope()
    if resource and set(resource) != set(session.access_audience):
        raise invalid_target()
    return _token_set(services, client, session, access, refresh, now, about)


def _about(
    services: Services, client: Client, user_id: int | None, now: int, scope: tuple[str, ...]
) -> Mapping[str, Any]:
    """What a signed token is to say of the user, read before anything is written; LingpaiError where no key signs."""
    if id_tokens.is_wanted(scope, user_id):
        services.keys.signing(client.id_token_alg, now)
    if client.token_format != "jwt":
        return {}
    services.keys.signing(client.token_alg, now)
    return token_claims.about(services, client, user_id)


def _as_before_rotation(session: Session, grace: int) -> Session:
    return replace(
        session,
        access_expires_at=min(session.previous_access_expires_at, session.rotated_at + grace + 1),
        access_scope=session.previous_access_scope,
        # None was kept where the client has no resources any more: then the two are the same.
        access_audience=session.previous_access_audience or session.access_audience,
    )


def _token_set(
    services: Services,
    client: Client,
    session: Session,
    access: bytes,
    refresh: bytes | None,
    now: int,
    about: Mapping[str, Any],
    nonce: str | None = None,
) -> TokenSet:
    if client.token_format == "jwt":
        access_token = jwt.sign(services, client, session, digest(access), about)
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
    """When the table may forget the session of a user: no token of it can be good any more."""
    return now + max(client.access_ttl, client.refresh_ttl)
