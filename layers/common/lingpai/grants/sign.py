"""A third party's word (seed 003: an openId): who it is, by the provider that the client's record names."""

from collections.abc import Mapping

from lingpai import accounts, scopes
from lingpai.errors import unauthorized_client
from lingpai.model import Client, TokenSet
from lingpai.ports import Services

NAME = PERMISSION = "sign"
REQUIRED = ("sign",)


def handle(
    services: Services, client: Client, scope: tuple[str, ...] | None, parameters: Mapping[str, str]
) -> TokenSet:
    """Tokens for whoever `sign` stands for; the account is made the first time."""
    granted = scopes.granted(client, scope)
    provider = services.sign_providers.get(client.sign_provider or "")
    if provider is None:
        raise unauthorized_client(NAME)
    return accounts.log_in_by_identity(services, client, granted, provider(client, parameters["sign"]))
