"""The token endpoint, and whether the service is well."""

from lingpai.web.app import gate, oauth
from lingpai.web.endpoints import standards, token

handler = gate(
    oauth("/oauth/token", token.oauth_token),
    oauth("/oauth/token/", token.oauth_token),
    oauth("/o/token", token.oauth_token),
    oauth("/o/token/", token.oauth_token),
    oauth("/health", standards.health, methods=("GET",)),
)
