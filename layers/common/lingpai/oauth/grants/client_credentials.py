"""A client for itself (RFC 6749 section 4.4): no user, no refresh token."""

from lingpai.clients import scopes
from lingpai.clients import service as clients
from lingpai.kernel.errors import unauthorized_client
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions import service as sessions
from lingpai.sessions.model import TokenSet

NAME = PERMISSION = GRANT_TYPE = "client_credentials"
REQUIRED: tuple[str, ...] = ()


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """An access token that acts with the roles of the client's record.

    Only for a client with a secret, whose id, the `sub` of the token, cannot be a user's.
    """
    if not asked.client.confidential or clients.is_numeric(asked.client.id):
        raise unauthorized_client(NAME)
    scope = scopes.granted(asked.client, asked.scope)
    return sessions.issue(services, asked.client, scope, audience=asked.resource, jkt=asked.jkt)
