"""How operations grow: with an account's roles, profile and sessions, and with a deployment's roles and clients.

In: deployments on DynamoDB Local that have so many of one thing and are else alike. Out, for each operation that
touches it: calls of DynamoDB, units as benchmarks/operations.py counts them, and the median of the processor's time in
the handler, the bare transport included, in clear and without the slow hash of passwords; and the bytes of the item
that grows. With --write, the tables of docs/performance.md.
"""

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import report
from benchmarks.machine import require_dynamodb_local
from benchmarks.operations import (
    OPERATIONS,
    PASSWORD,
    WEB,
    Prepare,
    Wire,
    granted,
    house,
    items,
    silence,
    size_of,
    timed,
)
from benchmarks.report import table
from lingpai.accounts import profile_routes, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.model import Profile, RoleBook
from lingpai.clients.service import CACHE_SIZE, new_client
from lingpai.sessions import service as sessions
from tests.support import stores
from tests.support.api import Api

WARM_UP, RUNS, SELDOM = 5, 30, 3
CLIENT_SECRET = "the secret of each client"
CHANGE_PASSWORD = "change of the password"
ADMIN_ROLE = 1
# What the profile takes of its two longest fields.
LONG_TEXTS = (profile_routes.LIMITS["instruction"], profile_routes.LIMITS["images"])


@dataclass(frozen=True)
class Cost:
    """Of one operation, at one size. `cpu_ms` is a median; 0 where only calls were counted."""

    calls: float
    read: float
    written: float
    cpu_ms: float = 0

    def __str__(self) -> str:
        return f"{self.calls:g} · {self.read:g} + {self.written:g} · {self.cpu_ms:.2f}"


class _Wire(Wire):
    """As for single operations, and for what asks for or writes many items at once."""

    def _ask(self, params: dict[str, Any], model: Any, **more: Any) -> None:
        match model.name:
            case "Query" | "Scan":
                self._least = 0
            case "BatchWriteItem":
                self._least = sum(map(len, params["RequestItems"].values()))
            case _:
                super()._ask(params, model, **more)
                return
        params["ReturnConsumedCapacity"] = "TOTAL"


# --- what is filled in


def _with_book(api: Api, count: int) -> None:
    """The deployment has so many roles, and alice the first of them, the admin's."""
    store: Any = api.services.store
    names = ((ADMIN_ROLE, "admin"), *((number, f"role {number:04}") for number in range(2, count + 1)))
    book = store.directory().roles
    assert store.save_roles(RoleBook(names, count + 1, book.version))
    _change(api, roles=frozenset((ADMIN_ROLE,)))


def _with_roles(api: Api, count: int) -> None:
    _with_book(api, roles.MOST)
    _change(api, roles=frozenset(range(1, count + 1)))


def _with_profile(api: Api, count: int) -> None:
    """So many Chinese characters, in the two fields that take most."""
    _with_book(api, 2)
    first = min(count, LONG_TEXTS[0])
    _change(api, profile=Profile(introduction="令" * first or None, picture="牌" * (count - first) or None))


def _with_clients(api: Api, count: int) -> None:
    store: Any = api.services.store
    for number in range(count):
        store.put_client(new_client(_client(number), "standard", CLIENT_SECRET))
    for number in range(count):
        api.services.clients.get_client(_client(number))


def _with_sessions(api: Api, count: int) -> None:
    """Alice is logged in so often."""
    _with_book(api, 2)
    _open_sessions(api, count)


def _open_sessions(api: Api, count: int) -> None:
    user_id = api.user_id("alice")
    client = api.services.clients.get_client(WEB[0])
    assert client is not None
    for _ in range(count):
        sessions.issue(api.services, client, ("web",), user_id)


def _change(api: Api, **fields: Any) -> None:
    accounts.change(api.services, api.user_id("alice"), lambda user: replace(user, **fields))


def _client(number: int) -> str:
    return f"client-{number:05}"


# --- what is done


def _login(api: Api, _: int) -> Callable[[], Any]:
    return lambda: granted(api.post("/oauth/token", form=PASSWORD, basic=WEB))


def _logged_in(api: Api) -> Any:
    return _login(api, 0)()


def _by_bearer(path: str) -> Prepare:
    def prepare(api: Api, _: int) -> Callable[[], Any]:
        token = _logged_in(api)["access_token"]
        return lambda: granted(api.post(path, bearer=token))

    return prepare


def _in_turn(count: int) -> Prepare:
    """A machine token for each client after the other."""

    def prepare(api: Api, index: int) -> Callable[[], Any]:
        basic = (_client(index % count), CLIENT_SECRET)
        return lambda: granted(api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=basic))

    return prepare


def _change_password(count: int) -> Prepare:
    """So many other sessions end with it."""

    def prepare(api: Api, _: int) -> Callable[[], Any]:
        user_id = api.user_id("alice")
        kept: Any = api.services.store
        _open_sessions(api, count - len(kept.sessions_of(user_id)))
        token = _logged_in(api)["access_token"]
        body = {"userId": user_id, "oldPassword": PASSWORD["password"], "newPassword": PASSWORD["password"]}
        return lambda: granted(api.post("/users/pwd/update", json_body=body, bearer=token))

    return prepare


_BY_ACCOUNT: Mapping[str, Prepare] = {
    "login by password": _login,
    "refresh": OPERATIONS["refresh"],
    "introspection": OPERATIONS["introspection"],
    "`/users/current`": _by_bearer("/users/current"),
}
_BY_ADMIN: Mapping[str, Prepare] = {**_BY_ACCOUNT, "`/roles/list`": _by_bearer("/roles/list")}


# --- what is weighed


def _of_account(api: Api) -> int:
    user_id = str(api.user_id("alice"))
    return sum(size_of(item) for item in items(api, "users_table") if item["id"]["N"] == user_id)


def _of_book(api: Api) -> int:
    return sum(map(size_of, items(api, "roles_table")))


def _of_client(api: Api) -> int:
    return max(size_of(item) for item in items(api, "clients_table") if item["client_id"]["S"] == _client(0))


def _of_sessions(api: Api) -> int:
    user_id = str(api.user_id("alice"))
    return sum(size_of(item) for item in items(api, "sessions_table") if item["owner"]["N"] == user_id)


# --- what grows


@dataclass(frozen=True)
class Growth:
    """What grows and to how many; how a deployment gets so many; which operations it may tell on; what is weighed.

    `seldom` are operations that need as much to be made ready as they take: they are timed three times.
    """

    name: str
    counts: tuple[int, ...]
    fill: Callable[[Api, int], None]
    operations: Callable[[int], Mapping[str, Prepare]]
    weighed: str
    weigh: Callable[[Api], int]
    seldom: frozenset[str] = frozenset()


GROWTHS = (
    Growth(
        f"Roles of an account, where there are {roles.MOST}",
        (1, 10, 100, roles.MOST),
        _with_roles,
        lambda _: _BY_ADMIN,
        "bytes of the account",
        _of_account,
    ),
    Growth(
        "Roles of the deployment, one of them the account's",
        (1, 10, 100, roles.MOST),
        _with_book,
        lambda _: _BY_ADMIN,
        "bytes of the book of roles",
        _of_book,
    ),
    Growth(
        "Characters in the profile of an account, Chinese ones",
        (0, 100, 1000, LONG_TEXTS[0] + LONG_TEXTS[1]),
        _with_profile,
        lambda _: _BY_ACCOUNT,
        "bytes of the account",
        _of_account,
    ),
    Growth(
        "Clients of the deployment, which ask in turn",
        (1, 10, 100, CACHE_SIZE, 2 * CACHE_SIZE),
        _with_clients,
        lambda count: {"machine token, opaque": _in_turn(count)},
        "bytes of a client",
        _of_client,
    ),
    Growth(
        "Sessions of an account",
        (1, 10, 100, 1000),
        _with_sessions,
        lambda count: {**_BY_ACCOUNT, CHANGE_PASSWORD: _change_password(count)},
        "bytes of all its sessions",
        _of_sessions,
        frozenset({CHANGE_PASSWORD}),
    ),
)


# --- counting and measuring


@dataclass(frozen=True)
class Grown:
    """What was found at one size: bytes, and the cost of each operation."""

    count: int
    size: int
    costs: Mapping[str, Cost]


def count(endpoint: str, growth: Growth, size: int) -> Grown:
    """Calls and units of each operation where there are so many."""
    wire, costs = _Wire(), {}
    with house(endpoint, wire) as api:
        growth.fill(api, size)
        weight = growth.weigh(api)
        for name, prepare in growth.operations(size).items():
            # One before: what only the first of all has to do is not counted.
            prepare(api, 0)()
            act = prepare(api, 1)
            wire.calls, wire.read, wire.written = [], 0, 0
            act()
            costs[name] = Cost(len(wire.calls), wire.read, wire.written)
    return Grown(size, weight, costs)


def measure(endpoint: str, growth: Growth, counted: Grown, runs: int) -> Grown:
    """What was counted, with the processor's time."""
    costs = dict(counted.costs)
    with house(endpoint) as api:
        growth.fill(api, counted.count)
        watched, spent = timed(api)
        for name, prepare in growth.operations(counted.count).items():
            warm_up, times = (1, SELDOM) if name in growth.seldom else (WARM_UP, runs)
            taken = []
            for index in range(warm_up + times):
                act = prepare(watched, index)
                spent.clear()
                act()
                taken.append(spent[-1])
            costs[name] = replace(costs[name], cpu_ms=statistics.median(taken[warm_up:]))
    return replace(counted, costs=costs)


def told(growth: Growth, found: Sequence[Grown]) -> str:
    """The growth as a table under its name."""
    head = (growth.name, *(f"{one.count:,}" for one in found))
    rows = [
        (growth.weighed, *(f"{one.size:,}" for one in found)),
        *((name, *(str(one.costs[name]) for one in found)) for name in found[0].costs),
    ]
    return table(head, rows)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how often each operation is timed ({RUNS})")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/performance.md")


def main(given: argparse.Namespace) -> None:
    """Count, measure and report; CannotRun where that is not possible here."""
    require_dynamodb_local()
    tables = []
    with stores.dynamodb_local() as endpoint:
        for growth in GROWTHS:
            with silence():
                counted = [count(endpoint, growth, size) for size in growth.counts]
                found = [measure(endpoint, growth, one, given.runs) for one in counted]
            tables.append(told(growth, found))
            print(tables[-1], end="\n\n", flush=True)
    if given.write:
        report.write("growth", "\n\n".join(tables))
