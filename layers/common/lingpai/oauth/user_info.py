"""`/oauth/userinfo`: the claims about the user of an access token (OpenID Connect Core section 5.3)."""

from lingpai.accounts.caller import caller_of, require_user
from lingpai.http.challenges import challenge
from lingpai.http.oauth_error import description, oauth_error
from lingpai.http.reasons import reason_field
from lingpai.http.request import Request, parameters
from lingpai.http.response import Reply, error_headers, json_reply
from lingpai.http.router import Route
from lingpai.kernel.errors import LingpaiError, insufficient_scope, invalid_token
from lingpai.oauth import presented, user_claims
from lingpai.oauth.rights import is_for_lingpai
from lingpai.services import Services
from lingpai.sessions.id_tokens import SCOPE


def user_info(services: Services, request: Request) -> Reply:
    """The claims that the token's scope asks for. Two calls: the session, the account with its roles.

    The token is in the header, or in a form (RFC 6750 sections 2.1 and 2.2).
    """
    in_form = parameters(request, {"access_token"}).get("access_token") if request.method == "POST" else None
    token = presented.read(services, request, in_form)
    client = services.clients.get_client(token.session.client_id)
    if client is None or not is_for_lingpai(services, client, token):
        raise invalid_token()
    scope = token.session.access_scope
    if SCOPE not in scope or token.session.key.user_id is None:
        raise insufficient_scope(SCOPE)
    caller = caller_of(services, token.session)
    return json_reply(200, user_claims.of_user(require_user(caller), caller.roles, scope)).about(client.id)


def refused(error: LingpaiError, request: Request) -> Reply:
    """The refusal of an access token, with the challenge of RFC 6750 section 3; of anything else as in RFC 6749."""
    if error.status not in (401, 403):
        return oauth_error(error)
    challenged = challenge(error, request, SCOPE if error.code == "insufficient_scope" else None)
    content = {"error": error.code, "error_description": description(error)} | reason_field(error)
    return json_reply(error.status, content, {**challenged, **error_headers(error)})


ROUTES = (Route("/oauth/userinfo", user_info, refused, methods=("GET", "POST"), changes=False),)
