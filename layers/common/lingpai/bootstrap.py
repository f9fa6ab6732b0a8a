"""The composition root: settings in, services and handlers out. The only place that knows every adapter."""

import functools
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

from lingpai.aws import secrets
from lingpai.clients.service import Registry
from lingpai.http import metrics, router
from lingpai.identity_providers import trusted
from lingpai.identity_providers.provider import IdentityProvider
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import SettingsError
from lingpai.kernel.meter import Meter
from lingpai.legacy import dialects
from lingpai.oauth import rights
from lingpai.passwords import password_filter
from lingpai.passwords import service as passwords
from lingpai.rate_limits.storage import Counters
from lingpai.services import Services
from lingpai.settings import Settings, from_environment
from lingpai.signing_keys.kms import KmsKeyWrapper
from lingpai.signing_keys.service import KeyRing
from lingpai.signing_keys.storage import KeyStore, KeyWrapper
from lingpai.signing_keys.stores import FileKeys, LocalKeyWrapper, MemoryKeys
from lingpai.sms.sender import Messenger, Sender
from lingpai.sms.senders.console import ConsoleSender
from lingpai.store import DynamoStore, Store

if TYPE_CHECKING:
    from lingpai.outbound.https import Https
    from lingpai.sms.settings import Provider


def build(
    settings: Settings,
    store: Store | None = None,
    clock: Clock | None = None,
    keys: KeyStore | None = None,
    wrapper: KeyWrapper | None = None,
) -> Services:
    """The services that `settings` describe; tests pass their own store, clock, keys and key wrapper.

    SettingsError if a file that a setting names cannot be used, or if the machine's clock is obviously wrong.
    """
    _check_password_filter(settings)
    clock = clock or Clock()
    clock.check()
    tables = DynamoStore(settings)
    store = store or tables
    meter = metrics.meter(settings, clock)
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        clients=Registry(store, clock, settings.client_cache_ttl),
        sms=sender(settings, store, clock, meter),
        meter=meter,
        identity_providers=identity_providers(settings, clock),
        pepper=secrets.pepper(settings),
        keys=KeyRing(
            keys or key_store(settings, tables), wrapper or key_wrapper(settings), clock, settings.key_cache_ttl
        ),
        dialects=dialects,
        issuer=settings.issuer,
        proxy_secret=secrets.optional(settings, "trusted_proxy_secret"),
    )


def identity_providers(settings: Settings, clock: Clock) -> dict[str, IdentityProvider]:
    """The identity providers that the settings configure, by the name that client records use."""
    providers: dict[str, IdentityProvider] = {trusted.NAME: trusted.Trusted()}
    if settings.wechat_apps.get_secret_value() or settings.wechat_apps_secret:
        from lingpai.identity_providers import wechat

        providers[wechat.NAME] = wechat.WeChat(settings, secrets.secret(settings, "wechat_apps"))
    if settings.oidc_providers:
        from lingpai.identity_providers.oidc import OpenId

        for provider in settings.oidc_providers:
            providers[provider.name] = OpenId(settings, provider, clock)
    return providers


# SMS senders are imported only if the settings choose them.


def sender(settings: Settings, counters: Counters, clock: Clock, meter: Meter) -> Messenger:
    """The SMS sender: the console, or a chain of the providers that the settings name."""
    if settings.sms_provider == ("console",):
        return ConsoleSender()
    from lingpai.outbound.https import Https
    from lingpai.sms.senders.breaker import Breaker
    from lingpai.sms.senders.chain import Chain

    https = Https(settings.sms_connect_timeout, settings.sms_read_timeout)
    return Chain(
        {name: _sender(name, settings, clock, https) for name in settings.sms_provider},
        Breaker(counters, clock, meter, settings.sms_breaker_failures, settings.sms_breaker_pause),
        meter,
        longest_try=settings.sms_connect_timeout + settings.sms_read_timeout,
        deadline=settings.sms_deadline,
    )


def _sender(name: "Provider", settings: Settings, clock: Clock, https: "Https") -> Sender:
    match name:
        case "console":
            return ConsoleSender()
        case "aliyun":
            from lingpai.sms.senders.aliyun import AliyunSender

            return AliyunSender(settings, secrets.secret(settings, "aliyun_key"), https, clock)
        case "tencent":
            from lingpai.sms.senders.tencent import TencentSender

            return TencentSender(settings, secrets.secret(settings, "tencent_secret_key"), https, clock)
        case "aws":
            from lingpai.sms.senders.aws import AwsSender

            return AwsSender(settings, https)
        case "sns":
            from lingpai.sms.senders.sns import SnsSender

            return SnsSender(settings, https)
        case "twilio":
            from lingpai.sms.senders.twilio import TwilioSender

            return TwilioSender(settings, secrets.secret(settings, "twilio_token"), https)


# A value of `keys_kms_key` in place of an ARN: private keys are stored unencrypted (`sam local` has no KMS).
UNWRAPPED = "local"


def key_store(settings: Settings, tables: DynamoStore | None = None) -> KeyStore:
    """The key store that the settings choose: the table, a file, or memory."""
    if settings.keys_kms_key:
        return tables or DynamoStore(settings)
    return FileKeys(Path(settings.keys_file)) if settings.keys_file else MemoryKeys()


def key_wrapper(settings: Settings) -> KeyWrapper:
    """The key wrapper that the settings choose: it generates key pairs and decrypts private keys."""
    return LocalKeyWrapper() if settings.keys_kms_key in ("", UNWRAPPED) else KmsKeyWrapper(settings)


def _check_password_filter(settings: Settings) -> None:
    """Check the header alone. The first new password reads the whole file and verifies its checksum."""
    try:
        password_filter.check(passwords.filter_path(settings))
    except password_filter.FilterError as error:
        raise SettingsError(f"PASSWORD_FILTER: {error}") from None


@functools.cache
def services() -> Services:
    """The services of this process, built from its environment by the first request, never before."""
    # Environments restored from one snapshot share its seed; without a new one botocore's retries would coincide.
    random.seed()
    return build(from_environment(os.environ))


def lambda_handler(*routes: router.Route) -> router.Handler:
    """The Lambda handler for these routes, with the services of this process."""

    def current() -> Services:
        return services()

    return router.lambda_handler(current, rights.admit, *routes)
