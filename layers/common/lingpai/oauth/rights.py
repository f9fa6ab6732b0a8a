"""What an access token opens at Lingpai's own API, and the one place that compares it with what a route needs.

A route needs `account` (the caller's own account) or `admin`. What a token opens is said by its client's record, for
`standard` clients by the token's scope. A temporary token opens only routes that change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.accounts.caller import token_of
from lingpai.clients.model import Client, Right
from lingpai.clients.scopes import API_SCOPES
from lingpai.clients.service import DEFAULTS
from lingpai.kernel.errors import forbidden, insufficient_scope, invalid_token, unauthorized
from lingpai.services import Services
from lingpai.sessions import access_tokens, jwt
from lingpai.sessions.access_tokens import AccessToken
from lingpai.sessions.model import Session

if TYPE_CHECKING:
    from lingpai.http.request import Request

_RANKS: Mapping[Right, int] = {"none": 0, "account": 1, "admin": 2}


@dataclass(frozen=True)
class Admission:
    """A token that a route has let in: its session, what it opens, and what the route needs."""

    session: Session
    opens: Right
    needs: Right


def admit(services: Services, request: "Request", needs: Right, *, changes: bool) -> Admission:
    """Let the request's bearer token into a route that `needs` this right, and `changes` something or only reads.

    LingpaiError `unauthorized` without a token, `invalid_token` for one that is not good, `insufficient_scope` for one
    that opens less, `access_denied` for a temporary one where something changes.
    """
    token = token_of(request)
    if token is None:
        raise unauthorized()
    presented = access_tokens.read(services, token)
    client = services.clients.get_client(presented.session.client_id)
    if client is None:
        raise invalid_token()
    opens = opened_by(services, client, presented)
    if _RANKS[opens] < _RANKS[needs]:
        raise insufficient_scope(needs)
    if changes and presented.temporary:
        raise forbidden("temporary_token")
    return Admission(presented.session, opens, needs)


def opened_by(services: Services, client: Client, token: AccessToken) -> Right:
    """What the client's token opens. One for another audience opens nothing (RFC 9068 section 4)."""
    if not is_for_lingpai(services, client, token):
        return "none"
    if client.dialect == "standard":
        # The record's scopes of today: a session may have been granted one that was taken from the client since.
        held = set(token.session.access_scope).intersection(client.scopes)
        granted = [API_SCOPES[scope] for scope in held if scope in API_SCOPES]
        return max(granted, key=_RANKS.__getitem__, default="none")
    return client.api or default_of(client)


def is_for_lingpai(services: Services, client: Client, token: AccessToken) -> bool:
    """Whether the client's token may be used at Lingpai: it was asked for, and signed for, no other API."""
    if token.session.access_audience:
        return False
    audience = token.audience
    if token.temporary and client.token_format == "jwt":
        # It opens what the signed token opens that it was made of.
        audience = (jwt.audience(services, client),)
    # Of a Passport token the audience is the client, whatever the token is for.
    return client.dialect == "passport" or audience in ((), (services.issuer,))


def default_of(client: Client) -> Right:
    """What a record opens that does not say it: its dialect's default, but `admin` only with a secret."""
    default = DEFAULTS[client.dialect].api
    return "account" if default == "admin" and not client.confidential else default
