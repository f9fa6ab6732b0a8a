"""The composition root: settings in, services out. The only place that knows every adapter."""

import functools
import os

from lingpai.adapters import secrets
from lingpai.adapters.dynamodb import DynamoStore
from lingpai.adapters.sign import trusted
from lingpai.adapters.sms.console import ConsoleSender
from lingpai.clients import Registry
from lingpai.clock import Clock
from lingpai.ports import Services, Store
from lingpai.settings import Settings, from_environment


def build(settings: Settings, store: Store | None = None, clock: Clock | None = None) -> Services:
    """The services that `settings` ask for; a test gives the store and the clock it wants."""
    clock = clock or Clock()
    store = store or DynamoStore(settings)
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        clients=Registry(store, clock, settings.client_cache_ttl),
        sms=ConsoleSender(),
        sign_providers={trusted.NAME: trusted.resolve},
        pepper=secrets.pepper(settings),
    )


@functools.cache
def services() -> Services:
    """The services of this process, built from its environment when first asked for."""
    return build(from_environment(os.environ))
