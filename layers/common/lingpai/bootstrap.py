"""The composition root: settings in, services out. The only place that knows every adapter."""

import functools
import os
from pathlib import Path

from lingpai import password_filter, passwords
from lingpai.adapters import secrets
from lingpai.adapters.dynamodb import DynamoStore
from lingpai.adapters.keys import FileKeys, MemoryKeys
from lingpai.adapters.metrics import meter
from lingpai.adapters.sign import trusted
from lingpai.adapters.sms.console import ConsoleSender
from lingpai.clients import Registry
from lingpai.clock import Clock
from lingpai.keys import KeyRing
from lingpai.ports import KeyStore, Services, Store
from lingpai.settings import Settings, SettingsError, from_environment


def build(
    settings: Settings, store: Store | None = None, clock: Clock | None = None, keys: KeyStore | None = None
) -> Services:
    """The services that `settings` ask for; a test gives the store, the clock and the keys it wants.

    SettingsError where a file that a setting names cannot be used.
    """
    _check_password_filter(settings)
    clock = clock or Clock()
    store = store or DynamoStore(settings)
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        clients=Registry(store, clock, settings.client_cache_ttl),
        sms=ConsoleSender(),
        meter=meter(settings, clock),
        sign_providers={trusted.NAME: trusted.resolve},
        pepper=secrets.pepper(settings),
        keys=KeyRing(keys or key_store(settings), clock, settings.key_cache_ttl),
        issuer=settings.issuer,
    )


def key_store(settings: Settings) -> KeyStore:
    """Where the settings say that the key pairs are kept."""
    return FileKeys(Path(settings.keys_file)) if settings.keys_file else MemoryKeys()


def _check_password_filter(settings: Settings) -> None:
    """A look at its header alone: the whole is read, and compared with its checksum, at the first new password."""
    try:
        password_filter.check(passwords.filter_path(settings))
    except password_filter.FilterError as error:
        raise SettingsError(f"PASSWORD_FILTER: {error}") from None


@functools.cache
def services() -> Services:
    """The services of this process, built from its environment when first asked for."""
    return build(from_environment(os.environ))
