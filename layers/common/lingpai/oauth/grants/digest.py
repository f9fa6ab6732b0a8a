"""The password as its MD5 and SHA-1 (seed 002): the server never sees it in clear."""

from lingpai.authentication import password
from lingpai.clients import scopes
from lingpai.kernel.errors import unsupported_grant_type
from lingpai.oauth import issuing
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME, PERMISSION = "digest", "password"
GRANT_TYPE = None
REQUIRED = ("username", "md5password", "shapassword")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `username` and both digests in lower-case hex, where the deployment turned DIGEST_LOGIN on."""
    if not services.settings.digest_login:
        raise unsupported_grant_type("md5password")
    granted = scopes.granted(asked.client, asked.scope)
    name, md5, sha1 = (asked.parameters[parameter] for parameter in REQUIRED)
    who = password.authenticate_by_digests(services, name, md5, sha1, asked.address)
    return issuing.issue(services, asked, granted, who)
