"""The rights of access tokens at Lingpai's own API, and the one check of them against the needs of a route.

A route needs `account` (the caller's own account) or `admin`. The right of a token follows from its client's record,
for `standard` clients from the token's scope. A temporary token may only use routes that change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.clients.model import Client, Right
from lingpai.clients.scopes import API_SCOPES
from lingpai.clients.service import DEFAULTS
from lingpai.kernel.errors import forbidden, insufficient_scope, invalid_token
from lingpai.oauth import presented
from lingpai.services import Services
from lingpai.sessions import jwt
from lingpai.sessions.access_tokens import AccessToken
from lingpai.sessions.model import Session

if TYPE_CHECKING:
    from lingpai.http.request import Request

_RANKS: Mapping[Right, int] = {"none": 0, "account": 1, "admin": 2}


@dataclass(frozen=True)
class Admission:
    """A token that passed the check of a route: its session, its right, and the right that the route needs."""

    session: Session
    opens: Right
    needs: Right


def admit(services: Services, request: "Request", needs: Right, *, changes: bool) -> Admission:
    """Check the request's access token for a route that `needs` this right, and `changes` something or only reads.

    LingpaiError as by `presented.read`, `insufficient_scope` if its right is too low, `access_denied` for a temporary
    one on a route that changes something.
    """
    token = presented.read(services, request)
    client = services.clients.get_client(token.session.client_id)
    if client is None:
        raise invalid_token()
    opens = opened_by(services, client, token)
    if _RANKS[opens] < _RANKS[needs]:
        raise insufficient_scope(needs)
    if changes and token.temporary:
        raise forbidden("temporary_token")
    return Admission(token.session, opens, needs)


def opened_by(services: Services, client: Client, token: AccessToken) -> Right:
    """The right of the client's token; `none` for one with another audience (RFC 9068 section 4)."""
    if not is_for_lingpai(services, client, token):
        return "none"
    if client.dialect == "standard":
        # The client may have lost a scope since it was granted to the session.
        held = set(token.session.access_scope).intersection(client.scopes)
        granted = [API_SCOPES[scope] for scope in held if scope in API_SCOPES]
        return max(granted, key=_RANKS.__getitem__, default="none")
    return client.api or default_of(client)


def is_for_lingpai(services: Services, client: Client, token: AccessToken) -> bool:
    """Whether the client's token may be used at Lingpai, that is, has no other API as its audience."""
    if token.session.access_audience:
        return False
    audience = token.audience
    if token.temporary and client.token_format == "jwt":
        # Its audience is that of the signed token from which it was derived.
        audience = (jwt.audience(services, client),)
    # The audience of a Passport token is always the client.
    return client.dialect == "passport" or audience in ((), (services.issuer,))


def default_of(client: Client) -> Right:
    """The right of a record without `api`: its dialect's default, but `admin` only with a secret."""
    default = DEFAULTS[client.dialect].api
    return "account" if default == "admin" and not client.confidential else default
