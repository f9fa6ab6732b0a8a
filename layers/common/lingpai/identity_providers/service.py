"""Identifying users by third parties, with limits for each client and address.

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
    """The identity that the credential proves; `address` is the presenter's, None if it is not counted.

    A call to the third party is counted before it is made, for the address (`LIMIT_SIGN_IP`, `LIMIT_SIGN_NET`) and for
    the client (`LIMIT_SIGN_CLIENT`), in hourly windows: LingpaiError 429 if a limit is reached.
    The other errors are those of `IdentityProvider.resolve`.
    """
    if provider.asks(client, credential):
        settings, now = services.settings, services.clock.now()
        if address is not None:
            rate_limits.increment(services, rate_limits.address_limit(settings, "sign", address, now))
        rate_limits.increment(services, rate_limits.client_limit(settings, "sign", client.id, now))
    return provider.resolve(client, credential)


def single_use(identity: Identity) -> tuple[IncrementCounter, ...]:
    """The write that uses up the proof of the identity; () if the proof is not single-use."""
    once = identity.single_use
    return () if once is None else (IncrementCounter(once.key, {"all": 1, f"use-{once.use}": 1}, once.until),)
