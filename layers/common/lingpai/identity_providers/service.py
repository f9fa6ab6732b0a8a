"""Questions to third parties about who somebody is, limited for each client and address.

Without limits, made-up codes would use up the provider's quota and the functions' time for everybody.
"""

from lingpai.clients.model import Client
from lingpai.identity_providers.model import Identity, ProviderCredential
from lingpai.identity_providers.provider import IdentityProvider
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits.storage import IncrementCounter
from lingpai.services import Services


def identify(
    services: Services, provider: IdentityProvider, client: Client, credential: ProviderCredential, address: str | None
) -> Identity:
    """The identity that the credential shows; `address` is that of whoever presents it, None where it is not counted.

    What the provider would ask its third party is counted before it is asked, for the address (`LIMIT_SIGN_IP`,
    `LIMIT_SIGN_NET`) and for the client (`LIMIT_SIGN_CLIENT`), an hour each: LingpaiError 429 where none is left.
    The other errors are those of `IdentityProvider.resolve`.
    """
    if provider.asks(client, credential):
        settings, now = services.settings, services.clock.now()
        if address is not None:
            rate_limits.increment(services, rate_limits.address_limit(settings, "sign", address, now))
        rate_limits.increment(services, rate_limits.client_limit(settings, "sign", client.id, now))
    return provider.resolve(client, credential)


def single_use(identity: Identity) -> tuple[IncrementCounter, ...]:
    """The write that uses up what has proven the identity, where it may be used once."""
    once = identity.single_use
    return () if once is None else (IncrementCounter(once.key, {"all": 1, f"use-{once.use}": 1}, once.until),)
