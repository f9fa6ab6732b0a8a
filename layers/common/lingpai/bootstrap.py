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
    """The services that `settings` ask for; a test gives the store, the clock, the keys and the key wrapper it wants.

    SettingsError where a file that a setting names cannot be used, or where the machine's clock cannot be right.
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
    """Who may say who somebody is here, by the name that a client's record gives."""
    providers: dict[str, IdentityProvider] = {trusted.NAME: trusted.Trusted()}
    if settings.wechat_apps.get_secret_value() or settings.wechat_apps_secret:
        from lingpai.identity_providers import wechat

        providers[wechat.NAME] = wechat.WeChat(settings, secrets.secret(settings, "wechat_apps"))
    if settings.oidc_providers:
        from lingpai.identity_providers.oidc import OpenId

        for provider in settings.oidc_providers:
            providers[provider.name] = OpenId(settings, provider, clock)
    return providers


# What delivers messages is imported only where it was chosen.


def sender(settings: Settings, counters: Counters, clock: Clock, meter: Meter) -> Messenger:
    """Who delivers messages: the console, or the chain that the settings name."""
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


# What `keys_kms_key` may be in place of an ARN: private halves lie in the table as they are (`sam local` has no KMS).
UNWRAPPED = "local"


def key_store(settings: Settings, tables: DynamoStore | None = None) -> KeyStore:
    """Where the settings say that the key pairs are kept: in the table, in a file, or nowhere."""
    if settings.keys_kms_key:
        return tables or DynamoStore(settings)
    return FileKeys(Path(settings.keys_file)) if settings.keys_file else MemoryKeys()


def key_wrapper(settings: Settings) -> KeyWrapper:
    """What the settings say that makes the key pairs and opens them."""
    return LocalKeyWrapper() if settings.keys_kms_key in ("", UNWRAPPED) else KmsKeyWrapper(settings)


def _check_password_filter(settings: Settings) -> None:
    """A look at its header alone: the whole is read, and compared with its checksum, at the first new password."""
    try:
        password_filter.check(passwords.filter_path(settings))
    except password_filter.FilterError as error:
        raise SettingsError(f"PASSWORD_FILTER: {error}") from None


@functools.cache
def services() -> Services:
    """The services of this process, built from its environment when first asked for: by a request, never before."""
    # All environments restored from one snapshot came with the same seed, and botocore's retries would keep in step.
    random.seed()
    return build(from_environment(os.environ))


def lambda_handler(*routes: router.Route) -> router.Handler:
    """The Lambda handler for these routes, with the services of this process."""

    def current() -> Services:
        return services()

    return router.lambda_handler(current, rights.admit, *routes)
