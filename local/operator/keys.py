"""`lingpai keys`: the keys that sign tokens."""

from typing import Annotated, Any

import typer
from typer import Option

from lingpai import bootstrap
from lingpai.services import Services
from lingpai.signing_keys import service as signing_keys
from lingpai.signing_keys.model import StoredKey
from lingpai.signing_keys.service import Known
from lingpai.signing_keys.storage import KeyStore
from lingpai.signing_keys.stores import MemoryKeys
from lingpai.store import DynamoStore
from local.operator.client_fields import Algorithm
from local.operator.command_context import CommandContext, command
from local.operator.console import Failed, Refused, format_time, table

group = typer.Typer(name="keys", no_args_is_help=True, help="The keys that sign tokens.")


@command(group, "list")
def list_keys(context: CommandContext) -> None:
    """List the keys: which one signs, which one comes next, and until when the others are published."""
    with context.services() as services:
        known = signing_keys.standing(store_of(services).load_keys(), services.clock.now())
    rows = [
        (
            signing_keys.named(each.key),
            each.key.kid,
            each.state,
            *map(format_time, (each.key.signs_from, each.retires_at, each.published_until)),
        )
        for each in known
    ]
    columns = ("key", "kid", "state", "signs from", "signs until", "published until")
    context.show({"keys": [_known(each) for each in known]}, table(columns, rows))


@command(group, "rotate", asks=True)
def rotate(
    context: CommandContext,
    *,
    algorithm: Annotated[
        list[Algorithm] | None, Option(metavar="ES256|RS256", help="Of this algorithm alone; else of each.")
    ] = None,
    lead: Annotated[
        int | None,
        Option(min=0, metavar="SECONDS", help="Seconds that the key is published before it signs; else KEY_LEAD."),
    ] = None,
) -> None:
    """Make the next key early: it signs after a day, and the one that signs now is retired then; its tokens stay good.

    It asks where a next key is waiting already, and where the lead is shorter than callers keep a copy of the keys.
    """
    wanted = [each.value for each in algorithm] if algorithm else list(signing_keys.ALGORITHMS)
    with context.services() as services:
        store, wrapper = store_of(services), bootstrap.key_wrapper(services.settings)
        usual = services.settings.key_lead
        wait = usual if lead is None else lead
        known = signing_keys.standing(store.load_keys(), services.clock.now())
        signing = {each.key.algorithm for each in known if each.state == "signing"}
        waiting = sorted({each.key.algorithm for each in known if each.state == "next"} & set(wanted))
        if waiting:
            context.confirm(f"a next key is there already ({', '.join(waiting)}); one more is made.")
        if wait < usual and signing & set(wanted):
            context.confirm(f"who keeps a copy of the keys for longer than {wait} s refuses the new tokens meanwhile.")
        # Where nothing signs yet, nothing has to wait.
        tried = {
            each: signing_keys.rotate(store, wrapper, services.clock, each, wait if each in signing else 0)
            for each in dict.fromkeys(wanted)
        }
    made = [key for key in tried.values() if key is not None]
    rows = [(signing_keys.named(key), key.kid, format_time(key.signs_from)) for key in made]
    context.show({"keys": [_document(key) for key in made]}, table(("key", "kid", "signs from"), rows))
    if late := [each for each, key in tried.items() if key is None]:
        raise Refused(f"somebody else made the next key meanwhile, and none was added: {', '.join(late)}")


def _known(known: Known) -> dict[str, Any]:
    ends = {"signs_until": known.retires_at, "published_until": known.published_until}
    return {**_document(known.key), "state": known.state, **ends}


def _document(key: StoredKey) -> dict[str, Any]:
    return {"kid": key.kid, "algorithm": key.algorithm, "number": key.number, "signs_from": key.signs_from}


def store_of(services: Services) -> KeyStore:
    """Return the store of the deployment's keys; raises Failed if it has none."""
    if (store := place_of(services)) is None:
        raise Failed("this deployment has no place for keys: neither KEYS_KMS_KEY nor KEYS_FILE names one")
    return store


def place_of(services: Services) -> KeyStore | None:
    """Return the store of the deployment's keys, or None: keys in this process's memory are not the deployment's."""
    tables = services.store if isinstance(services.store, DynamoStore) else None
    store = bootstrap.key_store(services.settings, tables)
    return None if isinstance(store, MemoryKeys) else store
