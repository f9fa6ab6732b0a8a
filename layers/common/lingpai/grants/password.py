"""The resource owner's password (RFC 6749 section 4.3); RFC 9700 section 2.4 keeps it from new clients."""

from collections.abc import Mapping

from lingpai import accounts, scopes
from lingpai.model import Client, TokenSet
from lingpai.ports import Services

NAME = PERMISSION = "password"
REQUIRED = ("username", "password")


def handle(
    services: Services, client: Client, scope: tuple[str, ...] | None, parameters: Mapping[str, str]
) -> TokenSet:
    """Tokens for `username` (a name or a mobile number) and `password`."""
    return accounts.log_in_by_password(
        services, client, scopes.granted(client, scope), parameters["username"], parameters["password"]
    )
