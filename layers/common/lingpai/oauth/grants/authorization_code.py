"""An authorization code (RFC 6749 section 4.1.3) with the verifier of its challenge (RFC 7636 section 4.5)."""

from lingpai.authorization import codes
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME = PERMISSION = GRANT_TYPE = "authorization_code"
REQUIRED = ("code", "redirect_uri", "code_verifier")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for the code; `resource` may narrow what it was issued for."""
    code, redirect_uri, verifier = (asked.parameters[parameter] for parameter in REQUIRED)
    return codes.redeem(services, asked.client, code, redirect_uri, verifier, asked.resource)
