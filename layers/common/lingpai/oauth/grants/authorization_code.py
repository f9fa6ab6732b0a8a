"""An authorization code (RFC 6749 section 4.1.3) with the verifier of its challenge (RFC 7636 section 4.5)."""

from lingpai.authorization import codes
from lingpai.clients.model import CHALLENGE
from lingpai.kernel.errors import invalid_request
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME = PERMISSION = GRANT_TYPE = "authorization_code"
REQUIRED = ("code", "code_verifier")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for the code; `resource` may narrow what it was issued for.

    A code of `/oauth/challenge` may have no `redirect_uri` (draft-ietf-oauth-first-party-apps section 6).
    """
    given = asked.parameters
    if "redirect_uri" not in given and CHALLENGE not in asked.client.grants:
        raise invalid_request("missing_parameter", name="redirect_uri")
    code, redirect_uri, verifier = given["code"], given.get("redirect_uri", ""), given["code_verifier"]
    return codes.redeem(services, asked.client, code, redirect_uri, verifier, asked.resource, asked.jkt)
