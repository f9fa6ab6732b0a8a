"""Identifying users by third parties, with limits for each client and address.

Without limits, made-up codes would use up the provider's quota and the functions' time for everybody.
"""

from lingpai.clients.model import Client
from lingpai.identity_providers.model import Identity, ProviderCredential
from lingpai.identity_providers.provider import IdentityProvider, NumberProvider
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import invalid_grant
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits.storage import IncrementCounter
from lingpai.services import Services


def identify(
    services: Services, provider: IdentityProvider, client: Client, credential: ProviderCredential, address: str | None
) -> Identity:
    """The identity that the credential proves; `address` is the presenter's, None if it is not counted.

    A call to the third party is counted before it is made (`count_call`). The other errors are those of
    `IdentityProvider.resolve`.
    """
    if provider.asks(client, credential):
        count_call(services, client, address)
    return provider.resolve(client, credential)


def phone_number(
    services: Services, provider: IdentityProvider, client: Client, phone_code: str, address: str | None, openid: str
) -> str:
    """The number (E.164) that the phone code proves, of the user with this id in the client's app (`identify`).

    The call is counted before it is made; `address` is as for `identify`. LingpaiError `invalid_grant` for a code that
    is wrong, used, or of another user or app, or a provider that proves no numbers; `invalid_request` for a number
    that is not served; 429 or 503 if the third party does not answer.
    """
    proves = check_phone_code(provider, phone_code)
    count_call(services, client, address)
    return phone_numbers.parse_mobile(proves.phone_number(client, phone_code, openid), services.settings)


def check_phone_code(provider: IdentityProvider, phone_code: str) -> NumberProvider:
    """The provider, if it can be asked about this code; LingpaiError `invalid_grant` without a call, if not."""
    if not isinstance(provider, NumberProvider):
        raise invalid_grant("bad_phone_code")
    provider.check_phone_code(phone_code)
    return provider


def count_call(services: Services, client: Client, address: str | None) -> None:
    """Count a call to a third party, before it is made; LingpaiError 429 if a limit is reached.

    For the address (`LIMIT_SIGN_IP`, `LIMIT_SIGN_NET`) and for the client (`LIMIT_SIGN_CLIENT`), in hourly windows.
    """
    settings, now = services.settings, services.clock.now()
    if address is not None:
        rate_limits.increment(services, rate_limits.address_limit(settings, "sign", address, now))
    rate_limits.increment(services, rate_limits.client_limit(settings, "sign", client.id, now))


def single_use(identity: Identity) -> tuple[IncrementCounter, ...]:
    """The write that uses up the proof of the identity; () if the proof is not single-use."""
    once = identity.single_use
    return () if once is None else (IncrementCounter(once.key, {"all": 1, f"use-{once.use}": 1}, once.until),)
