"""The composition root: settings in, services out. The only place that knows every adapter."""

import functools
import os
import random
from pathlib import Path

from lingpai import password_filter, passwords
from lingpai.adapters import secrets
from lingpai.adapters.dynamodb import DynamoStore
from lingpai.adapters.keys import FileKeys, MemoryKeys, OpenVault
from lingpai.adapters.kms import KmsVault
from lingpai.adapters.metrics import meter
from lingpai.adapters.sign import trusted
from lingpai.adapters.sms.console import ConsoleSender
from lingpai.clients import Registry
from lingpai.clock import Clock
from lingpai.keys import KeyRing
from lingpai.ports import KeyStore, Services, Store, Vault
from lingpai.settings import Settings, SettingsError, from_environment


def build(
    settings: Settings,
    store: Store | None = None,
    clock: Clock | None = None,
    keys: KeyStore | None = None,
    vault: Vault | None = None,
) -> Services:
    """The services that `settings` ask for; a test gives the store, the clock, the keys and the vault it wants.

    SettingsError where a file that a setting names cannot be used.
    """
    _check_password_filter(settings)
    clock = clock or Clock()
    tables = DynamoStore(settings)
    store = store or tables
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        clients=Registry(store, clock, settings.client_cache_ttl),
        sms=ConsoleSender(),
        meter=meter(settings),
        sign_providers={trusted.NAME: trusted.resolve},
        pepper=secrets.pepper(settings),
        keys=KeyRing(keys or key_store(settings, tables), vault or key_vault(settings), clock, settings.key_cache_ttl),
        issuer=settings.issuer,
    )


def key_store(settings: Settings, tables: DynamoStore | None = None) -> KeyStore:
    """Where the settings say that the key pairs are kept: in the table if KMS wraps them, in a file, or nowhere."""
    if settings.keys_kms_key:
        return tables or DynamoStore(settings)
    return FileKeys(Path(settings.keys_file)) if settings.keys_file else MemoryKeys()


def key_vault(settings: Settings) -> Vault:
    """What the settings say that makes the key pairs and opens them."""
    return KmsVault(settings) if settings.keys_kms_key else OpenVault()


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
