"""`/oauth/par`: an authorization request sent ahead by the client's back end (RFC 9126)."""

from lingpai.authorization import pushed_requests
from lingpai.authorization.request import PARAMETERS, check, pairs_of
from lingpai.clients.request_authentication import authenticated_client
from lingpai.dpop import service as dpop
from lingpai.http import observability
from lingpai.http.oauth_error import oauth
from lingpai.http.request import CLIENT, Request, parameters
from lingpai.http.response import Reply, json_reply
from lingpai.kernel.errors import invalid_request
from lingpai.services import Services


def push(services: Services, request: Request) -> Reply:
    """Check the request as the authorization endpoint would, keep it, and give its reference (section 2.2)."""
    given = parameters(request, CLIENT | PARAMETERS)
    client = authenticated_client(services, request, given)
    with observability.log_client(client):
        if "request_uri" in given:
            # Section 2.1.
            raise invalid_request("bad_parameter", name="request_uri")
        pairs = pairs_of(client, given, dpop.proven_key(services, request))
        check(services, client, pairs)
        uri = pushed_requests.push(services, client, pairs)
    return json_reply(201, {"request_uri": uri, "expires_in": pushed_requests.LIFETIME}).about(client.id)


ROUTES = (oauth("/oauth/par", push),)
