"""`/oauth/userinfo`: the claims about the user of an access token (OpenID Connect Core section 5.3)."""

from lingpai.accounts.caller import caller_of, require_user, token_of
from lingpai.http.oauth_error import description, oauth_error
from lingpai.http.request import Request, parameters
from lingpai.http.response import Reply, error_headers, json_reply
from lingpai.http.router import Route
from lingpai.kernel.errors import LingpaiError, insufficient_scope, invalid_request, invalid_token, unauthorized
from lingpai.oauth import user_claims
from lingpai.oauth.rights import is_for_lingpai
from lingpai.services import Services
from lingpai.sessions import access_tokens
from lingpai.sessions.id_tokens import SCOPE


def user_info(services: Services, request: Request) -> Reply:
    """The claims that the token's scope asks for. Two calls: the session, the account with its roles."""
    token = access_tokens.read(services, _token(request))
    client = services.clients.get_client(token.session.client_id)
    if client is None or not is_for_lingpai(services, client, token):
        raise invalid_token()
    scope = token.session.access_scope
    if SCOPE not in scope or token.session.key.user_id is None:
        raise insufficient_scope(SCOPE)
    caller = caller_of(services, token.session)
    return json_reply(200, user_claims.of_user(require_user(caller), caller.roles, scope)).about(client.id)


def refused(error: LingpaiError, _: Request) -> Reply:
    """The refusal of a bearer token, with the challenge of RFC 6750 section 3; of anything else as in RFC 6749."""
    if error.status not in (401, 403):
        return oauth_error(error)
    challenge = 'Bearer realm="lingpai"'
    if error.code != "unauthorized":
        # Section 3.1: no error code for a request that lacked any authentication.
        challenge += f', error="{error.code}"'
    if error.code == "insufficient_scope":
        challenge += f', scope="{SCOPE}"'
    content = {"error": error.code, "error_description": description(error)}
    return json_reply(error.status, content, {"WWW-Authenticate": challenge, **error_headers(error)})


def _token(request: Request) -> str:
    """The token in the header, or in a form (RFC 6750 sections 2.1 and 2.2); LingpaiError for both, and for none."""
    in_header = token_of(request)
    in_form = parameters(request, {"access_token"}).get("access_token") if request.method == "POST" else None
    if in_header is not None and in_form is not None:
        raise invalid_request("duplicate_parameter", name="access_token")
    token = in_header or in_form
    if token is None:
        raise unauthorized()
    return token


ROUTES = (Route("/oauth/userinfo", user_info, refused, methods=("GET", "POST"), changes=False),)
