"""A code sent to a mobile number (seed 003): proves the number, and makes the account the first time."""

from lingpai import accounts, numbers, scopes
from lingpai.model import TokenRequest, TokenSet
from lingpai.ports import Services

NAME = PERMISSION = "mobile"
REQUIRED = ("mobile", "code")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `mobile` and the `code` that was sent to it."""
    granted = scopes.granted(asked.client, asked.scope)
    number = numbers.parse_mobile(asked.parameters["mobile"], services.settings)
    return accounts.log_in_by_code(services, asked.client, granted, number, asked.parameters["code"], asked.guesser)
