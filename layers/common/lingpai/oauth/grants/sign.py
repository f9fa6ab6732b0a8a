"""A third party's word (seed 003: an openId): who it is, by the provider that the client's record names.

`nonce` is what an ID token was asked for with; other providers have no use for it.
"""

from lingpai.authentication import federated
from lingpai.clients import scopes
from lingpai.identity_providers import service as identity_providers
from lingpai.identity_providers.model import ProviderCredential
from lingpai.kernel.errors import unauthorized_client
from lingpai.oauth import issuing
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet

NAME = PERMISSION = "sign"
GRANT_TYPE = "urn:lingpai:grant:sign"
REQUIRED = ("sign",)


def handle(services: Services, asked: TokenRequest) -> TokenSet:
    """Tokens for the user whom `sign` identifies; the first time, the account is created."""
    granted = scopes.granted(asked.client, asked.scope)
    provider = services.identity_providers.get(asked.client.sign_provider or "")
    if provider is None:
        raise unauthorized_client(NAME)
    credential = ProviderCredential(asked.parameters["sign"], asked.parameters.get("nonce"))
    identity = identity_providers.identify(services, provider, asked.client, credential, asked.presenter.address)
    who = federated.authenticate(services, asked.client, identity)
    return issuing.issue(services, asked, granted, who)
