"""A code sent to the number of an account that is named (seed 002)."""

from lingpai.accounts import service as accounts
from lingpai.oauth import scopes
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME, PERMISSION = "validate_code", "mobile"
REQUIRED = ("username", "validateCode")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `username` (a name or a mobile number) and the code sent to its number."""
    granted = scopes.granted(asked.client, asked.scope)
    return accounts.log_in_by_name_and_code(
        services,
        asked.client,
        granted,
        asked.parameters["username"],
        asked.parameters["validateCode"],
        asked.guesser,
    )
