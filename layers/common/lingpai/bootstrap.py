"""The composition root: settings in, services and handlers out. The only place that knows every adapter."""

import functools
import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lingpai.aws import secrets
from lingpai.aws.secret_wrapping import Kind, KmsSecretWrapper, LocalSecretWrapper, SecretWrapper
from lingpai.clients.builtin import builtin
from lingpai.clients.service import Registry
from lingpai.http import metrics, router
from lingpai.identity_providers import trusted
from lingpai.identity_providers.provider import IdentityProvider
from lingpai.identity_providers.storage import AppTokens
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import SettingsError
from lingpai.kernel.meter import Meter
from lingpai.legacy import dialects
from lingpai.oauth import rights
from lingpai.passwords import password_filter
from lingpai.passwords import service as passwords
from lingpai.rate_limits.storage import Counters
from lingpai.second_factors import model as second_factors
from lingpai.services import Services
from lingpai.settings import Settings, from_environment
from lingpai.signing_keys.kms import KmsKeyWrapper
from lingpai.signing_keys.service import KeyRing
from lingpai.signing_keys.settings import UNWRAPPED
from lingpai.signing_keys.storage import KeyStore, KeyWrapper
from lingpai.signing_keys.stores import FileKeys, LocalKeyWrapper, MemoryKeys
from lingpai.sms.sender import Messenger, Sender
from lingpai.sms.senders.console import ConsoleSender
from lingpai.store import DynamoStore, Store
from lingpai.webhooks import model as webhooks

if TYPE_CHECKING:
    from lingpai.browser_sessions.model import Place
    from lingpai.captcha.provider import Captcha
    from lingpai.captcha.settings import CaptchaProvider
    from lingpai.events.model import Event
    from lingpai.events.records import Streams
    from lingpai.events.service import EventServices
    from lingpai.identity_providers.web_login import WebLogin
    from lingpai.outbound.https import Https
    from lingpai.sms.settings import Provider
    from lingpai.webhooks.queue import MemoryQueue, Queue
    from lingpai.webhooks.service import WebhookServices


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
    providers = identity_providers(settings, clock, store)
    pepper = secrets.pepper(settings)
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        clients=Registry(store, clock, settings.client_cache_ttl, builtin=builtin(settings)),
        sms=sender(settings, store, clock, meter),
        meter=meter,
        identity_providers=providers,
        web_logins=web_logins(settings, providers),
        pepper=pepper,
        keys=KeyRing(
            keys or key_store(settings, tables), wrapper or key_wrapper(settings), clock, settings.key_cache_ttl
        ),
        totp_secrets=secret_wrapper(settings, second_factors.SECRETS),
        dialects=dialects,
        issuer=settings.issuer,
        captcha=captcha(settings, settings.captcha, pepper, clock),
        page_captcha=captcha(settings, _ON_PAGES[settings.captcha], pepper, clock),
        find_place=_find_place(settings),
        proxy_secret=secrets.optional(settings, "trusted_proxy_secret"),
        wechat_notices=secrets.optional(settings, "wechat_notices"),
    )


def identity_providers(settings: Settings, clock: Clock, store: AppTokens) -> dict[str, IdentityProvider]:
    """The identity providers that the settings configure, by the name that client records use.

    `store` keeps the access tokens by which they are asked.
    """
    providers: dict[str, IdentityProvider] = {trusted.NAME: trusted.Trusted()}
    if settings.wechat_apps.get_secret_value() or settings.wechat_apps_secret:
        from lingpai.identity_providers.wechat import WeChat
        from lingpai.identity_providers.wechat_api import NAME
        from lingpai.identity_providers.wechat_tokens import WeChatTokens

        tokens = WeChatTokens(settings, clock, store)
        providers[NAME] = WeChat(settings, secrets.secret(settings, "wechat_apps"), tokens)
    if settings.oidc_providers:
        from lingpai.identity_providers.oidc import OpenId

        for provider in settings.oidc_providers:
            providers[provider.name] = OpenId(settings, provider, clock)
    return providers


def web_logins(settings: Settings, providers: Mapping[str, IdentityProvider]) -> dict[str, "WebLogin"]:
    """Those of the `providers` that people can log in at on the pages, by their names."""
    found: dict[str, WebLogin] = {}
    if settings.oidc_providers:
        from lingpai.identity_providers.oidc import OpenId
        from lingpai.identity_providers.oidc_web import OpenIdWeb

        client_secrets = secrets.optional(settings, "oidc_client_secrets")
        for provider in settings.oidc_providers:
            openid = providers[provider.name]
            if provider.client_id is not None and isinstance(openid, OpenId):
                found[provider.name] = OpenIdWeb(settings, provider, openid, client_secrets)
    if settings.wechat_website_app or settings.wechat_official_app:
        from lingpai.identity_providers.wechat import WeChat
        from lingpai.identity_providers.wechat_api import NAME
        from lingpai.identity_providers.wechat_web import WeChatWeb

        wechat = providers.get(NAME)
        if not isinstance(wechat, WeChat):
            raise SettingsError("WECHAT_WEBSITE_APP and WECHAT_OFFICIAL_APP need WECHAT_APPS, which has their secrets")
        found[NAME] = WeChatWeb(settings, wechat)
    return found


def _find_place(settings: Settings) -> "Callable[[str], Place | None] | None":
    if not settings.places_database:
        return None
    from lingpai.browser_sessions.places import open_database

    return open_database(settings.places_database)


# Whose captcha the pages show. The scripts of Aliyun and Geetest need a policy that lets far more than them in.
_ON_PAGES: "Mapping[CaptchaProvider, CaptchaProvider]" = {
    "off": "off",
    "altcha": "altcha",
    "aliyun": "altcha",
    "geetest": "altcha",
    "turnstile": "turnstile",
}


def captcha(
    settings: Settings, provider: "CaptchaProvider", pepper: Callable[[], bytes], clock: Clock
) -> "Captcha | None":
    """The captcha of this provider; None for `off`."""
    if provider == "off":
        return None
    if provider == "altcha":
        from lingpai.captcha.altcha import Altcha

        return Altcha(settings, pepper, clock)
    from lingpai.outbound.https import Https

    https = Https(settings.captcha_connect_timeout, settings.captcha_read_timeout)
    key = secrets.secret(settings, "captcha_key")
    match provider:
        case "aliyun":
            from lingpai.captcha.aliyun import Aliyun

            return Aliyun(settings, key, https, clock)
        case "geetest":
            from lingpai.captcha.geetest import Geetest

            return Geetest(settings, key, https, clock)
        case "turnstile":
            from lingpai.captcha.turnstile import Turnstile

            return Turnstile(settings, key, pepper, https, clock)


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


def key_store(settings: Settings, tables: DynamoStore | None = None) -> KeyStore:
    """The key store that the settings choose: the table, a file, or memory."""
    if settings.keys_kms_key:
        return tables or DynamoStore(settings)
    return FileKeys(Path(settings.keys_file)) if settings.keys_file else MemoryKeys()


def key_wrapper(settings: Settings) -> KeyWrapper:
    """The key wrapper that the settings choose: it generates key pairs and decrypts private keys."""
    return LocalKeyWrapper() if settings.keys_kms_key in ("", UNWRAPPED) else KmsKeyWrapper(settings)


def secret_wrapper(settings: Settings, kind: Kind) -> SecretWrapper:
    """The wrapper that the settings choose for secrets of this kind."""
    return LocalSecretWrapper() if settings.keys_kms_key in ("", UNWRAPPED) else KmsSecretWrapper(settings, kind)


def webhook_services(services: Services) -> "WebhookServices":
    """What the functions need that queue and deliver events."""
    from lingpai.webhooks.service import Subscribers, WebhookServices

    settings = services.settings
    return WebhookServices(
        services=services,
        subscribers=Subscribers(services.store, services.clock, settings.webhook_cache_ttl),
        secrets=webhook_secrets(settings),
        queue=webhook_queue(settings),
    )


def event_services(services: Services) -> "EventServices":
    """What the function needs that keeps and sends events."""
    from lingpai.aws.event_bus import EventBus
    from lingpai.aws.queues import SqsQueue
    from lingpai.events import figures
    from lingpai.events.service import EventServices
    from lingpai.webhooks.service import enqueue

    settings, webhooks = services.settings, webhook_services(services)

    def deliver(events: "Sequence[Event]") -> None:
        enqueue(webhooks, events)
        figures.count(services, events)

    return EventServices(
        trail=services.store,
        streams=event_streams(settings),
        meter=services.meter,
        deliver=deliver,
        bus=EventBus(settings) if settings.event_bus else None,
        failed=SqsQueue(settings, settings.events_failed_queue) if settings.events_failed_queue else None,
    )


def event_streams(settings: Settings) -> "Streams":
    """The tables whose streams have events."""
    from lingpai.events.counters import StopsAt
    from lingpai.events.records import Streams

    kinds = {
        settings.users_table: "users",
        settings.sessions_table: "sessions",
        settings.clients_table: "clients",
        settings.roles_table: "roles",
        settings.keys_table: "keys",
        settings.counters_table: "counters",
        settings.webhooks_table: "webhooks",
    }
    return Streams(kinds, StopsAt(settings.sms_unproven, settings.limit_sms_day, settings.code_tries))


def webhook_secrets(settings: Settings) -> SecretWrapper:
    """The wrapper that the settings choose for the secrets of webhooks."""
    return secret_wrapper(settings, webhooks.SECRETS)


def webhook_queue(settings: Settings) -> "Queue":
    """The queue that the settings name; without one, that of this process."""
    if not settings.webhooks_queue:
        return process_queue()
    from lingpai.aws.queues import SqsQueue

    return SqsQueue(settings, settings.webhooks_queue)


@functools.cache
def process_queue() -> "MemoryQueue":
    """The queue of this process, which the local server empties."""
    from lingpai.webhooks.queue import MemoryQueue

    return MemoryQueue(Clock())


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
