"""A third party's word (seed 003: an openId): who it is, by the provider that the client's record names."""

from lingpai import accounts, scopes
from lingpai.errors import unauthorized_client
from lingpai.model import TokenRequest, TokenSet
from lingpai.ports import Services

NAME = PERMISSION = "sign"
REQUIRED = ("sign",)


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for whoever `sign` stands for; the account is made the first time."""
    granted = scopes.granted(asked.client, asked.scope)
    provider = services.sign_providers.get(asked.client.sign_provider or "")
    if provider is None:
        raise unauthorized_client(NAME)
    return accounts.log_in_by_identity(
        services, asked.client, granted, provider(asked.client, asked.parameters["sign"])
    )
