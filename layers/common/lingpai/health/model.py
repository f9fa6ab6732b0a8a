"""What the checks look at, and what they find."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lingpai.clients.model import Client
from lingpai.services import Services
from lingpai.signing_keys.model import StoredKey


class State(StrEnum):
    """How serious a finding is."""

    ok = "ok"
    warn = "warn"
    fail = "fail"


@dataclass(frozen=True)
class Finding:
    """The result of a check. `text` is the name of a text (`health.texts`), and `values` are filled in.

    `subject` is what was looked at where the check has several results: a table, or an algorithm.
    """

    check: str
    state: State
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""


@dataclass(frozen=True)
class ClientList:
    """The records of the clients that are looked at; `has_more`: there are others."""

    clients: tuple[Client, ...]
    has_more: bool = False


@dataclass(frozen=True)
class Deployment:
    """The deployment that is looked at. `clients`, `keys` and `pepper` read when they are called.

    `keys` and `pepper` are None where nothing says where they are. `senders` are those of the functions that send.
    `url` is where its clients reach it, if known. `is_local`: it is for development; `is_stack`: its settings are the
    parameters of a stack. `tracing` is the stack's parameter of this name, if known.
    """

    services: Services
    clients: Callable[[], ClientList]
    keys: Callable[[], Iterable[StoredKey]] | None
    pepper: Callable[[], bytes] | None
    senders: tuple[str, ...]
    region: str
    url: str | None
    is_local: bool = False
    is_stack: bool = False
    tracing: str | None = None


type Check = Callable[[Deployment], Iterator[Finding]]
