"""The refresh grant (RFC 6749 section 6): new tokens for a refresh token, which works once."""

from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions import rotation
from lingpai.sessions.model import TokenSet

NAME = PERMISSION = GRANT_TYPE = "refresh_token"
REQUIRED = ("refresh_token",)


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `refresh_token`; `scope` and `resource` may narrow the grant of the session (`sessions.rotation`)."""
    token = asked.parameters["refresh_token"]
    return rotation.refresh(services, asked.client, token, asked.scope, asked.resource, asked.jkt)
