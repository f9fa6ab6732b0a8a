"""The password as its MD5 and SHA-1 (seed 002): the server never sees it in clear."""

from lingpai import accounts, scopes
from lingpai.errors import unsupported_grant_type
from lingpai.model import TokenRequest, TokenSet
from lingpai.ports import Services

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
