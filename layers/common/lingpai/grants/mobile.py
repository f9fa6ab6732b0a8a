"""A code sent to a mobile number (seed 003): proves the number, and makes the account the first time."""

from collections.abc import Mapping

from lingpai import accounts, numbers, scopes
from lingpai.model import Client, TokenSet
from lingpai.ports import Services

NAME = PERMISSION = "mobile"
REQUIRED = ("mobile", "code")


def handle(
    services: Services, client: Client, scope: tuple[str, ...] | None, parameters: Mapping[str, str]
) -> TokenSet:
    """Tokens for `mobile` and the `code` that was sent to it."""
    granted = scopes.granted(client, scope)
    settings = services.settings
    number = numbers.parse_mobile(parameters["mobile"], settings.home_country, settings.sms_countries)
    return accounts.log_in_by_code(services, client, granted, number, parameters["code"])
