"""How operations grow: with an account's roles, profile and sessions, and with a deployment's roles and clients.

In: deployments on DynamoDB Local that have so many of one thing and are else alike. Out, for each operation that
touches it: calls of DynamoDB, units, and the median of the processor's time in the handler, the connection in clear and
without the slow hash of passwords; and the bytes of what grows.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import report
from benchmarks.harness import (
    WARM_UP,
    count_one,
    items,
    median_ms,
    on_dynamodb_local,
    require_dynamodb_local,
    silence,
)
from benchmarks.operations import (
    PASSWORD,
    WEB,
    Operation,
    Prepare,
    Send,
    by_bearer,
    introspect,
    login,
    machine_token,
    refresh,
)
from benchmarks.units import Counter, Units, size_of
from lingpai.accounts import profile_names, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.model import Profile, RoleBook
from lingpai.clients.service import CACHE_SIZE, new_client
from lingpai.sessions import service as sessions
from tests.support import stores
from tests.support.api import Api

RUNS, SELDOM = 30, 3
CLIENT_SECRET = "the secret of each client"
CHANGE_PASSWORD = "change of the password"
ADMIN_ROLE = 1
# What the profile takes of its two longest fields.
LONG_TEXTS = (profile_names.LIMITS["introduction"], profile_names.LIMITS["picture"])


@dataclass(frozen=True)
class Cost:
    """Of one operation, at one size. `cpu_ms` is a median; 0 where only calls were counted."""

    units: Units
    cpu_ms: float = 0

    @property
    def counted(self) -> tuple[int, float, float]:
        """Calls, units read, units written."""
        return len(self.units.calls), self.units.read, self.units.written

    def __str__(self) -> str:
        calls, read, written = self.counted
        return f"{calls} · {read:g} + {written:g} · {self.cpu_ms:.2f}"


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
    client = api.services.clients.get_client(WEB[0])
    assert client is not None
    for _ in range(count):
        sessions.issue(api.services, client, ("web",), api.user_id("alice"))


def _change(api: Api, **fields: Any) -> None:
    accounts.change(api.services, api.user_id("alice"), lambda user: replace(user, **fields))


def _client(number: int) -> str:
    return f"client-{number:05}"


# --- what is done


def _in_turn(count: int) -> Mapping[str, Prepare]:
    """A machine token for each client after the other."""
    in_turn: Prepare = lambda api, index: machine_token((_client(index % count), CLIENT_SECRET))(api, index)  # noqa: E731
    return {"machine token, opaque": in_turn}


def _by_user(count: int) -> Mapping[str, Prepare]:
    """Those that tell on an account, and one with which so many other sessions end."""

    def change_password(api: Api, _: int) -> Send:
        user_id = api.user_id("alice")
        store: Any = api.services.store
        _open_sessions(api, count - len(store.sessions_of(user_id)))
        token = api.token()
        body = {"userId": user_id, "oldPassword": PASSWORD["password"], "newPassword": PASSWORD["password"]}
        return lambda: api.post("/users/pwd/update", json_body=body, bearer=token)

    return {**_BY_ACCOUNT, CHANGE_PASSWORD: change_password}


_BY_ACCOUNT: Mapping[str, Prepare] = {
    "login by password": login(),
    "refresh": refresh,
    "introspection": introspect,
    "`/users/current`": by_bearer("/users/current"),
}
_BY_ADMIN: Mapping[str, Prepare] = {**_BY_ACCOUNT, "`/roles/list`": by_bearer("/roles/list")}


# --- what grows


@dataclass(frozen=True)
class Growth:
    """What grows and to how many; how a deployment gets so many; which operations it may tell on; what is weighed.

    `weigh` returns the items that hold it.
    """

    name: str
    counts: tuple[int, ...]
    fill: Callable[[Api, int], None]
    operations: Callable[[int], Mapping[str, Prepare]]
    weighed: str
    weigh: Callable[[Api], list[dict[str, Any]]]


def _account(api: Api) -> list[dict[str, Any]]:
    return items(api, "users_table", "id", api.user_id("alice"))


def _sessions(api: Api) -> list[dict[str, Any]]:
    return items(api, "sessions_table", "owner", api.user_id("alice"))


def _one_client(api: Api) -> list[dict[str, Any]]:
    return [item for item in items(api, "clients_table") if item["client_id"]["S"] == _client(0)]


GROWTHS = (
    Growth(
        f"Roles of an account, where there are {roles.MOST}",
        (1, 10, 100, roles.MOST),
        _with_roles,
        lambda _: _BY_ADMIN,
        "bytes of the account",
        _account,
    ),
    Growth(
        "Roles of the deployment, one of them the account's",
        (1, 10, 100, roles.MOST),
        _with_book,
        lambda _: _BY_ADMIN,
        "bytes of the book of roles",
        lambda api: items(api, "roles_table"),
    ),
    Growth(
        "Characters in the profile of an account, Chinese ones",
        (0, 100, 1000, sum(LONG_TEXTS)),
        _with_profile,
        lambda _: _BY_ACCOUNT,
        "bytes of the account",
        _account,
    ),
    Growth(
        "Clients of the deployment, which ask in turn",
        (1, 10, 100, CACHE_SIZE, 2 * CACHE_SIZE),
        _with_clients,
        _in_turn,
        "bytes of a client",
        _one_client,
    ),
    Growth(
        "Sessions of an account",
        (1, 10, 100, 1000),
        _with_sessions,
        _by_user,
        "bytes of all its sessions",
        _sessions,
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
    counter = Counter()
    with on_dynamodb_local(endpoint, counter) as api:
        growth.fill(api, size)
        weight = sum(map(size_of, growth.weigh(api)))
        prepared = growth.operations(size)
        costs = {name: Cost(count_one(api, counter, Operation(prepare))) for name, prepare in prepared.items()}
    return Grown(size, weight, costs)


def measure(endpoint: str, growth: Growth, counted: Grown, runs: int) -> Grown:
    """What was counted, with the processor's time."""
    costs = {}
    with on_dynamodb_local(endpoint) as api:
        growth.fill(api, counted.count)
        for name, prepare in growth.operations(counted.count).items():
            # It takes as much to make it ready as to do it.
            often, warm_up = (SELDOM, 1) if name == CHANGE_PASSWORD else (runs, WARM_UP)
            costs[name] = replace(counted.costs[name], cpu_ms=median_ms(api, prepare, often, warm_up))
    return replace(counted, costs=costs)


def told(growth: Growth, found: Sequence[Grown]) -> str:
    """The growth as a table under its name."""
    head = (growth.name, *(f"{one.count:,}" for one in found))
    costs = [(name, *(str(one.costs[name]) for one in found)) for name in found[0].costs]
    return report.table(head, [(growth.weighed, *(f"{one.size:,}" for one in found)), *costs])


def main(given: argparse.Namespace) -> None:
    """Count and measure how operations grow with the data."""
    require_dynamodb_local()
    tables = []
    with stores.dynamodb_local() as endpoint:
        for growth in GROWTHS:
            with silence():
                counted = [count(endpoint, growth, size) for size in growth.counts]
                found = [measure(endpoint, growth, one, given.runs or RUNS) for one in counted]
            tables.append(told(growth, found))
            print(tables[-1], end="\n\n", flush=True)
    if given.write:
        report.write("growth", "\n\n".join(tables))
