"""The composition root: settings in, services out. The only place that knows every adapter."""

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lingpai.adapters import secrets
from lingpai.adapters.dynamodb import DynamoStore
from lingpai.adapters.keys import FileKeys, MemoryKeys
from lingpai.adapters.metrics import NoMeter
from lingpai.adapters.sign import trusted
from lingpai.adapters.sms.console import ConsoleSender
from lingpai.clients import Registry
from lingpai.clock import Clock
from lingpai.keys import KeyRing
from lingpai.ports import Counters, KeyStore, Meter, Sender, Services, Store
from lingpai.settings import Provider, Settings, from_environment

if TYPE_CHECKING:
    from lingpai.adapters.https import Https


def build(
    settings: Settings, store: Store | None = None, clock: Clock | None = None, keys: KeyStore | None = None
) -> Services:
    """The services that `settings` ask for; a test gives the store, the clock and the keys it wants."""
    clock = clock or Clock()
    store = store or DynamoStore(settings)
    meter = NoMeter()
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        clients=Registry(store, clock, settings.client_cache_ttl),
        sms=sender(settings, store, clock, meter),
        meter=meter,
        sign_providers={trusted.NAME: trusted.resolve},
        pepper=secrets.pepper(settings),
        keys=KeyRing(keys or key_store(settings), clock, settings.key_cache_ttl),
        issuer=settings.issuer,
    )


# What delivers messages is imported only where it was chosen.


def sender(settings: Settings, counters: Counters, clock: Clock, meter: Meter) -> Sender:
    """Who delivers messages: the console, or the chain that the settings name."""
    if settings.sms_provider == ("console",):
        return ConsoleSender()
    from lingpai.adapters.https import Https
    from lingpai.adapters.sms.breaker import Breaker
    from lingpai.adapters.sms.chain import Chain

    https = Https(settings.sms_connect_timeout, settings.sms_read_timeout)
    return Chain(
        {name: _sender(name, settings, clock, https) for name in settings.sms_provider},
        Breaker(counters, clock, meter, settings.sms_breaker_failures, settings.sms_breaker_pause),
        meter,
        longest_try=settings.sms_connect_timeout + settings.sms_read_timeout,
        deadline=settings.sms_deadline,
    )


def _sender(name: Provider, settings: Settings, clock: Clock, https: "Https") -> Sender:
    match name:
        case "console":
            return ConsoleSender()
        case "aliyun":
            from lingpai.adapters.sms.aliyun import AliyunSender

            return AliyunSender(settings, secrets.secret(settings, "aliyun_key"), https, clock)
        case "tencent":
            from lingpai.adapters.sms.tencent import TencentSender

            return TencentSender(settings, secrets.secret(settings, "tencent_secret_key"), https, clock)
        case "aws":
            from lingpai.adapters.sms.aws import AwsSender

            return AwsSender(settings, https)
        case "sns":
            from lingpai.adapters.sms.sns import SnsSender

            return SnsSender(settings, https)
        case "twilio":
            from lingpai.adapters.sms.twilio import TwilioSender

            return TwilioSender(settings, secrets.secret(settings, "twilio_token"), https)


def key_store(settings: Settings) -> KeyStore:
    """Where the settings say that the key pairs are kept."""
    return FileKeys(Path(settings.keys_file)) if settings.keys_file else MemoryKeys()


@functools.cache
def services() -> Services:
    """The services of this process, built from its environment when first asked for."""
    return build(from_environment(os.environ))
