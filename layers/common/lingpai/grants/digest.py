"""The password as its MD5 and SHA-1 (seed 002): the server never sees it in clear."""

from collections.abc import Mapping

from lingpai import accounts, scopes
from lingpai.errors import unsupported_grant_type
from lingpai.model import Client, TokenSet
from lingpai.ports import Services

NAME, PERMISSION = "digest", "password"
REQUIRED = ("username", "md5password", "shapassword")


def handle(
    services: Services, client: Client, scope: tuple[str, ...] | None, parameters: Mapping[str, str]
) -> TokenSet:
    """Tokens for `username` and both digests in lower-case hex, where the deployment turned DIGEST_LOGIN on."""
    if not services.settings.digest_login:
        raise unsupported_grant_type("md5password")
    return accounts.log_in_by_digests(
        services,
        client,
        scopes.granted(client, scope),
        parameters["username"],
        parameters["md5password"],
        parameters["shapassword"],
    )
