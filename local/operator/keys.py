"""`lingpai keys`: what signs tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from lingpai import bootstrap, keys
from lingpai.adapters.keys import MemoryKeys
from lingpai.model import StoredKey
from lingpai.ports import KeyStore
from lingpai.settings import Settings
from local.operator.clients import Algorithm
from local.operator.desk import Desk, command
from local.operator.talk import Failed, moment, table

group = typer.Typer(name="keys", no_args_is_help=True, help="The keys that sign tokens.")

# Long after this key nothing of its algorithm takes over.
_FOREVER = 2**62


@dataclass(frozen=True)
class Known:
    """A key and where it stands: next, signing, retired (published still) or gone. Times in seconds since 1970."""

    key: StoredKey
    state: str
    retires_at: int | None
    published_until: int | None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "kid": self.key.kid,
            "algorithm": self.key.algorithm,
            "state": self.state,
            "signs_from": self.key.signs_from,
            "signs_until": self.retires_at,
            "published_until": self.published_until,
        }


@command(group, "list")
def list_keys(desk: Desk) -> None:
    """List the keys: which one signs, which one comes next, and until when the others are published."""
    with desk.services() as services:
        known = standing(store_of(services.settings).load_keys(), services.clock.now())
    rows = [
        (
            each.key.kid,
            each.key.algorithm,
            each.state,
            moment(each.key.signs_from),
            moment(each.retires_at) if each.retires_at else "–",
            moment(each.published_until) if each.published_until else "–",
        )
        for each in known
    ]
    columns = ("kid", "algorithm", "state", "signs from", "signs until", "published until")
    desk.show({"keys": [each.document() for each in known]}, table(columns, rows))


@command(group, "rotate", asks=True)
def rotate(
    desk: Desk,
    *,
    algorithm: Annotated[
        list[Algorithm] | None, typer.Option(metavar="ES256|RS256", help="Of this algorithm alone; else of each.")
    ] = None,
    lead: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="Seconds that the key is published before it signs.")
    ] = keys.LEAD,
) -> None:
    """Make a key that signs after a day; the one that signs now is retired then, and its tokens stay good.

    It asks where a next key is waiting already, and where the lead is shorter than callers keep a copy of the keys.
    """
    wanted = [each.value for each in algorithm] if algorithm else list(keys.ALGORITHMS)
    with desk.services() as services:
        store = store_of(services.settings)
        known = standing(store.load_keys(), services.clock.now())
        signing = {each.key.algorithm for each in known if each.state == "signing"}
        waiting = sorted({each.key.algorithm for each in known if each.state == "next"} & set(wanted))
        if waiting:
            desk.agreed(f"a next key is there already ({', '.join(waiting)}); one more is made.")
        if lead < keys.LEAD and signing & set(wanted):
            desk.agreed(f"who keeps a copy of the keys for longer than {lead} s refuses the new tokens meanwhile.")
        # Where nothing signs yet, nothing has to wait.
        made = [
            keys.rotate(store, services.clock, each, lead if each in signing else 0) for each in dict.fromkeys(wanted)
        ]
    shown = [{"kid": key.kid, "algorithm": key.algorithm, "signs_from": key.signs_from} for key in made]
    rows = [(key.kid, key.algorithm, moment(key.signs_from)) for key in made]
    desk.show({"keys": shown}, table(("kid", "algorithm", "signs from"), rows))


def store_of(settings: Settings) -> KeyStore:
    """Where the deployment keeps its keys; Failed where it has no place for them."""
    store = bootstrap.key_store(settings)
    if isinstance(store, MemoryKeys):
        raise Failed("this deployment has no place for keys: none is named by KEYS_FILE")
    return store


def standing(stored: Iterable[StoredKey], now: int) -> list[Known]:
    """Each key and where it stands (`lingpai.keys` has the rules), by algorithm and time."""
    known = []
    ordered = sorted(stored, key=lambda key: (key.algorithm, key.signs_from, key.kid))
    for key in ordered:
        after = (other.signs_from for other in ordered if other.algorithm == key.algorithm)
        retires_at = min((at for at in after if at > key.signs_from), default=_FOREVER)
        gone_at = retires_at + keys.AFTERLIFE
        if key.signs_from > now:
            state = "next"
        elif now < retires_at:
            state = "signing"
        else:
            state = "retired" if now < gone_at else "gone"
        ends = retires_at != _FOREVER
        known.append(Known(key, state, retires_at if ends else None, gone_at if ends else None))
    return known
