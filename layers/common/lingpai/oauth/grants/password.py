"""The resource owner's password (RFC 6749 section 4.3); RFC 9700 section 2.4 keeps it from new clients."""

from lingpai.accounts import service as accounts
from lingpai.oauth import scopes
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME = PERMISSION = "password"
REQUIRED = ("username", "password")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `username` (a name or a mobile number) and `password`."""
    return accounts.log_in_by_password(
        services,
        asked.client,
        scopes.granted(asked.client, asked.scope),
        asked.parameters["username"],
        asked.parameters["password"],
        asked.address,
    )
