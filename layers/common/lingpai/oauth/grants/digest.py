"""The password as its MD5 and SHA-1 (seed 002): the server never sees it in clear."""

from lingpai.accounts import service as accounts
from lingpai.kernel.errors import unsupported_grant_type
from lingpai.oauth import scopes
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME, PERMISSION = "digest", "password"
REQUIRED = ("username", "md5password", "shapassword")


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for `username` and both digests in lower-case hex, where the deployment turned DIGEST_LOGIN on."""
    if not services.settings.digest_login:
        raise unsupported_grant_type("md5password")
    return accounts.log_in_by_digests(
        services,
        asked.client,
        scopes.granted(asked.client, asked.scope),
        asked.parameters["username"],
        asked.parameters["md5password"],
        asked.parameters["shapassword"],
        asked.address,
    )
