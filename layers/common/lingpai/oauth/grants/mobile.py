"""A code sent to a mobile number (seed 003): proves the number, and makes the account the first time."""

from lingpai.authentication import sms_code
from lingpai.clients import scopes
from lingpai.kernel import phone_numbers
from lingpai.oauth import issuing
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME = PERMISSION = "mobile"
GRANT_TYPE = "urn:lingpai:grant:mobile-code"
REQUIRED = ("mobile", "code")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `mobile` and the `code` that was sent to it."""
    granted = scopes.granted(asked.client, asked.scope)
    number = phone_numbers.parse_mobile(asked.parameters["mobile"], services.settings)
    who = sms_code.authenticate(services, asked.client, number, asked.parameters["code"], asked.presenter)
    return issuing.issue(services, asked, granted, who)
