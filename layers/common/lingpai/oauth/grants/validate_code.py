"""A code sent to the number of an account that is named (seed 002)."""

from lingpai.authentication import sms_code
from lingpai.clients import scopes
from lingpai.oauth import issuing
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME, PERMISSION = "validate_code", "mobile"
GRANT_TYPE = None
REQUIRED = ("username", "validateCode")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `username` (a name or a mobile number) and the code sent to its number."""
    granted = scopes.granted(asked.client, asked.scope)
    name, code = asked.parameters["username"], asked.parameters["validateCode"]
    who = sms_code.authenticate_by_name(services, asked.client, name, code, asked.presenter)
    return issuing.issue(services, asked, granted, who)
