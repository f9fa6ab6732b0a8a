"""`/oauth/token`, `/mobile/token`, `/sign/token`: authenticate the client, run the grant, answer in its dialect."""

from dataclasses import replace

from lingpai.clients.model import Client
from lingpai.clients.request_authentication import authenticated_client, end_user_address
from lingpai.dpop import nonces
from lingpai.dpop import service as dpop
from lingpai.http.oauth_error import oauth
from lingpai.http.request import CLIENT, Request, all_parameters
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError, invalid_request
from lingpai.oauth import grants
from lingpai.oauth.dialect import Dialects
from lingpai.services import Services


def oauth_token(services: Services, request: Request) -> Reply:
    """The token endpoint (RFC 6749 section 3.2): the grant is `grant_type`."""
    return _answer(services, request, None)


def mobile_token(services: Services, request: Request) -> Reply:
    """Seed 003: tokens for a number and the code sent to it."""
    return _answer(services, request, "mobile")


def sign_token(services: Services, request: Request) -> Reply:
    """Seed 003: tokens for an openId or another third party's id."""
    return _answer(services, request, "sign")


def known_parameters(dialects: Dialects) -> frozenset[str]:
    """The parameters that client authentication, a grant or a dialect reads; all others are ignored."""
    return CLIENT | grants.PARAMETERS | dialects.PARAMETERS


def _answer(services: Services, request: Request, grant: str | None) -> Reply:
    dialects = services.dialects
    raw: dict[str, str] = {}
    client, refusal = None, None
    try:
        raw = all_parameters(request, known_parameters(dialects))
        given = {name: value for name, value in raw.items() if value}
        client = authenticated_client(services, request, given)
        dialect = dialects.get_dialect(client.dialect)
        grant = grant or dialect.grant(given)
        address = end_user_address(request, client)
        jkt = _proven_key(services, request, client)
        tokens = grants.run(
            services, client, grant, given, address or request.source_ip, forwarded=address is not None, jkt=jkt
        )
        reply = dialect.success(tokens, request)
        if jkt is not None and services.settings.dpop_nonce:
            # RFC 9449 section 8.2: so that the next request needs no second try.
            reply = replace(reply, headers={**reply.headers, "DPoP-Nonce": nonces.current(services)})
    except LingpaiError as error:
        refusal = error
        known = client.dialect if client else error.dialect
        dialect = dialects.get_dialect(known) if known else dialects.guess_dialect(request, raw)
        reply = dialect.failure(error, request)
    if client is None:
        return reply.about(None, grant, error=refusal)
    return reply.about(client.id, grant, client.dialect, refusal)


def _proven_key(services: Services, request: Request, client: Client) -> str | None:
    """The key of the request's DPoP proof; None without one.

    LingpaiError for a client of a legacy dialect, whose answers cannot say that a token is bound to it.
    """
    if dpop.HEADER in request.headers and client.dialect != "standard":
        raise invalid_request("dpop_not_supported")
    return dpop.proven_key(services, request)


TOKEN_ROUTES = (
    oauth("/oauth/token", oauth_token),
    oauth("/oauth/token/", oauth_token),
    oauth("/o/token", oauth_token),
    oauth("/o/token/", oauth_token),
)
MOBILE_ROUTES = (oauth("/mobile/token", mobile_token),)
SIGN_ROUTES = (oauth("/sign/token", sign_token),)
