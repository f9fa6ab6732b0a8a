"""A code sent to the number of an account that is named (seed 002)."""

from collections.abc import Mapping

from lingpai import accounts, scopes
from lingpai.model import Client, TokenSet
from lingpai.ports import Services

NAME, PERMISSION = "validate_code", "mobile"
REQUIRED = ("username", "validateCode")


def handle(
    services: Services, client: Client, scope: tuple[str, ...] | None, parameters: Mapping[str, str]
) -> TokenSet:
    """Tokens for `username` (a name or a mobile number) and the code sent to its number."""
    granted = scopes.granted(client, scope)
    return accounts.log_in_by_name_and_code(
        services, client, granted, parameters["username"], parameters["validateCode"]
    )
