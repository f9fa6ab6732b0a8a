"""The resource owner's password (RFC 6749 section 4.3); RFC 9700 section 2.4 keeps it from new clients."""

from lingpai.authentication import password
from lingpai.clients import scopes
from lingpai.oauth import issuing
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME = PERMISSION = GRANT_TYPE = "password"
REQUIRED = ("username", "password")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `username` (a name or a mobile number) and `password`."""
    granted = scopes.granted(asked.client, asked.scope)
    name, given = asked.parameters["username"], asked.parameters["password"]
    who = password.authenticate(services, name, given, asked.address)
    return issuing.issue(services, asked, granted, who)
