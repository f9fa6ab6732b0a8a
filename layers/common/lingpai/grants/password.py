"""The resource owner's password (RFC 6749 section 4.3); RFC 9700 section 2.4 keeps it from new clients."""

from lingpai import accounts, scopes
from lingpai.model import TokenRequest, TokenSet
from lingpai.ports import Services

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
