"""Refresh a session: replace its tokens by new ones, repeat the last answer for a retry, end the session after a theft.

A refresh derives the new secrets from the presented secret and a fresh salt, which the item keeps, so that a repeated
refresh returns the same tokens (RFC 9700 section 4.14.2; docs/decisions/0013-refresh-retries.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lingpai.clients import epochs, resources
from lingpai.clients.model import Client
from lingpai.kernel import cause
from lingpai.kernel.clock import LEEWAY
from lingpai.kernel.errors import (
    REUSED,
    LingpaiError,
    invalid_dpop_proof,
    invalid_grant,
    invalid_scope,
    invalid_target,
    too_many_requests,
)
from lingpai.services import Services
from lingpai.sessions import service as sessions
from lingpai.sessions import token_family
from lingpai.sessions.model import Session, TokenSet
from lingpai.sessions.service import Presented
from lingpai.sessions.storage import History, Rotation
from lingpai.sessions.token_family import digest


@dataclass(frozen=True)
class Refresh:
    """A refresh request: who asks, with which token, for what, and the claims read for its signed token."""

    client: Client
    presented: Presented
    scope: tuple[str, ...] | None
    audience: tuple[str, ...] | None
    """The audience that it narrows the access token to; None if the client has no resources."""
    arrived: int
    jkt: str | None
    """The key of its DPoP proof; None without one."""
    claims: Mapping[str, Any] = field(repr=False)


def refresh(
    services: Services,
    client: Client,
    token: str,
    scope: tuple[str, ...] | None,
    resource: tuple[str, ...] = (),
    jkt: str | None = None,
) -> TokenSet:
    """New tokens for a refresh token (RFC 6749 section 6), which works once (RFC 9700 section 4.14.2).

    A token that was replaced a moment ago gets the session's current tokens, and so does a later retry of the last
    refresh (see `_may_repeat`). Any other secret that the session has issued counts as stolen: the whole family ends.
    `scope` may narrow the access token; None keeps the session's scope. `resource` may narrow its audience (RFC 8707
    section 2.2). The refresh token always keeps the full grant.

    `jkt` is the key of the request's DPoP proof, to which the new access token is bound. The refresh token of a public
    client is bound to it too, from the first refresh with a proof (RFC 9449 section 5). A session that is bound is
    never refreshed without a proof.
    """
    presented = sessions.parse(token)
    if presented is None:
        raise invalid_grant("bad_refresh_token")
    arrived = services.clock.now()
    audience = resources.granted(client, resource) if client.resources else None
    claims = sessions.user_claims(services, client, presented.key.user_id, arrived, client.scopes)
    request = Refresh(client, presented, scope, audience, arrived, jkt, claims)
    rotation, access, next_refresh = _rotation(request, services.clock.new_secret(), services.settings.refresh_grace)
    outcome = services.store.rotate(rotation)
    session = outcome.session
    if session is not None and not epochs.is_valid(services.clients, session, client):
        raise invalid_grant("bad_refresh_token")
    if outcome.done and session:
        return sessions.token_set(services, client, session, access, next_refresh, rotation.now, claims)
    return _after_refusal(services, request, session)


def _rotation(request: Refresh, salt: bytes, grace: int) -> tuple[Rotation, bytes, bytes]:
    """The rotation that the request asks for, and the access and refresh secret that it makes."""
    client, secret, arrived = request.client, request.presented.secret, request.arrived
    issued_at = token_family.issued_at(secret)
    # The rotations of a session are in order, even if the clock of another function is ahead.
    now = max(arrived, issued_at) if issued_at <= arrived + LEEWAY else arrived
    access, refresh = token_family.next_access(secret, salt), token_family.next_refresh(secret, salt, now)
    hashed = digest(secret)
    rotation = Rotation(
        key=request.presented.key,
        client_id=client.id,
        presented_hash=hashed,
        now=now,
        salt=salt,
        access_hash=digest(access),
        access_expires_at=now + client.access_ttl,
        refresh_hash=digest(refresh),
        refresh_expires_at=now + client.refresh_ttl,
        scope=request.scope,
        ttl=sessions.time_to_live(now, client),
        family_hash=token_family.key_hash(secret),
        history=_history(issued_at, now, grace),
        mark=token_family.mark(hashed),
        audience=request.audience,
        jkt=request.jkt,
        same_key=not client.confidential,
    )
    return rotation, access, refresh


def _history(issued_at: int, now: int, grace: int) -> History:
    """How a session records the rotation at `now` of a secret issued at `issued_at`.

    Time is divided into spans of `grace` + 1 seconds. The session keeps the rotations of the current span and the one
    before, so each for at least `grace` seconds.
    """
    span = grace + 1
    spans = now // span - issued_at // span
    return {0: History.APPEND, 1: History.SHIFT}.get(spans, History.RESTART)


def _after_refusal(services: Services, request: Refresh, session: Session | None) -> TokenSet:
    """The result of a refused rotation: the current tokens for a retry; LingpaiError for an error or a stolen token."""
    secret = request.presented.secret
    if session is None or session.client_id != request.client.id or session.ends_at <= request.arrived:
        raise invalid_grant("bad_refresh_token")
    # Before any other check: without the key, a stolen token does not even end the session.
    _require_key(request, session)
    if token_family.is_hash(digest(secret), session.refresh_hash):
        raise _why_refused(session, request)
    pair = token_family.current_pair(session, secret)
    if pair is not None and _may_repeat(services, request, session, pair[2]):
        return _repeat(services, request, session, pair[0], pair[1])
    # If the last rotation is in the future, a clock is wrong, and reuse cannot be told from a retry.
    if session.rotated_at <= services.clock.now() + LEEWAY and token_family.has_issued(session, secret):
        with cause.because("reuse_found"):
            sessions.end(services.store, session.key)
        raise invalid_grant("bad_refresh_token", detail=REUSED)
    raise invalid_grant("bad_refresh_token")


def _require_key(request: Refresh, session: Session) -> None:
    """LingpaiError if the session is bound to a key, and the request does not prove the one that it needs."""
    if session.jkt is None or request.jkt == session.jkt:
        return
    if request.jkt is None:
        raise invalid_dpop_proof("dpop_required")
    if not request.client.confidential:
        raise invalid_grant("wrong_dpop_key")


def _why_refused(session: Session, request: Refresh) -> LingpaiError:
    """Why the session's current refresh secret was not rotated."""
    if request.arrived >= session.refresh_expires_at:
        return invalid_grant("bad_refresh_token")
    if set(request.scope or ()) - set(session.scope):
        return invalid_scope()
    if set(request.audience or ()) - set(session.audience):
        return invalid_target()
    return too_many_requests("refreshed_too_often", 1)


def _may_repeat(services: Services, request: Refresh, session: Session, replaced_at: int) -> bool:
    """Whether the presented refresh token gets the session's current tokens.

    It does for REFRESH_GRACE seconds after it was replaced. The token that was replaced last, whose successor is
    unused, does for REFRESH_RETRY seconds (REFRESH_RETRY_PUBLIC for a client without a secret): the response may have
    been lost.
    """
    settings = services.settings
    span = settings.refresh_grace
    if token_family.is_hash(digest(request.presented.secret), session.previous_refresh_hash):
        retry = settings.refresh_retry if request.client.confidential else settings.refresh_retry_public
        span = max(span, retry)
    return replaced_at - LEEWAY <= services.clock.now() and request.arrived <= replaced_at + span


def _repeat(services: Services, request: Refresh, session: Session, access: bytes, refresh: bytes) -> TokenSet:
    """The tokens of the last rotation again; LingpaiError if they have expired, or if the request differs from it."""
    if session.refresh_expires_at <= request.arrived:
        raise invalid_grant("bad_refresh_token")
    if request.scope is not None and set(request.scope) != set(session.access_scope):
        raise invalid_scope()
    if request.audience and set(request.audience) != set(session.access_audience):
        raise invalid_target()
    if request.jkt != session.jkt:
        raise invalid_grant("wrong_dpop_key")
    return sessions.token_set(services, request.client, session, access, refresh, request.arrived, request.claims)
