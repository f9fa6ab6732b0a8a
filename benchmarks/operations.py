"""What each operation of the service costs: calls, DynamoDB units, processor time, bytes of log; counted, not guessed.

The requests go through the real handlers. Units are what DynamoDB Local says it consumed (ReturnConsumedCapacity), but
at least what AWS takes for that many items, since it forgets some: a read unit for each key asked for, there or not,
and two write units for each item of a transaction. A write that a condition refused answers without units: AWS takes
one, since no item here is larger than a kilobyte. Processor time is that of this process in the handler, with the
connection to DynamoDB in clear. All of it is of a warm process with the limits of a deployment on, though high.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import argparse
import contextlib
import importlib.metadata
import io
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.machine import require_dynamodb_local
from lingpai import bootstrap
from lingpai.http.metrics import EmfMeter
from lingpai.http.observability import logger
from lingpai.kernel.clock import FIRST_MACHINE_OWNER
from lingpai.settings import Settings
from local import gateway
from tests.support import api as support
from tests.support import stores
from tests.support.api import Api, make_api

WEB = ("web-client", "web-secret")
STANDARD = ("standard-client", "standard-secret")
MACHINE_JWT = ("machine-jwt", "machine-jwt-secret")
CLIENTS = ("web-client", "standard-client", "machine-jwt", "2")
PASSWORD = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
MANY = 10**9
LIMITS = {name: MANY for name in Settings.model_fields if name.startswith(("limit_", "sms_unproven", "login_tries"))}
ARGON2 = {name: field.default for name, field in Settings.model_fields.items() if name.startswith("argon2_")}
READS = {"GetItem", "BatchGetItem", "Query", "Scan"}
VERSIONS = ("argon2-cffi", "botocore", "cryptography", "pynamodb", "pydantic")
WARM_UP, RUNS = 5, 60

# Prepares the request of this number, and gives what sends it.
Prepare = Callable[[Api, int], Callable[[], Any]]


@dataclass
class Wire:
    """What went to DynamoDB since the last look."""

    calls: list[str] = field(default_factory=list)
    read: float = 0
    written: float = 0
    # Units of each kind of key, those of reads and those of writes.
    keys: dict[str, list[int]] = field(default_factory=dict)
    _least: int = 0

    def listen(self, client: Any) -> None:
        """Ask for the units with each call, and add up the answers."""
        client.meta.events.register("before-parameter-build.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._answered)

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"
            touched = list(_touched(model.name, params))
            each = 2 if model.name == "TransactWriteItems" else 1
            self._least = each * len(touched)
            for kind in touched:
                units = self.keys.setdefault(kind, [0, 0])
                units[model.name not in READS] += each

    def _answered(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" not in model.input_shape.members:
            return
        self.calls.append(model.name)
        told = parsed.get("ConsumedCapacity") or []
        parts: list[Any] = told if isinstance(told, list) else [told]
        consumed = max(self._least, sum(part["CapacityUnits"] for part in parts))
        if model.name in READS:
            self.read += consumed
        else:
            self.written += consumed


def _touched(operation: str, params: dict[str, Any]) -> Iterator[str]:
    """The kind of each key that a call asks for or writes to."""
    match operation:
        case "BatchGetItem":
            for table, wanted in params["RequestItems"].items():
                yield from (_kind(table, key) for key in wanted["Keys"])
        case "TransactWriteItems":
            for action in params["TransactItems"]:
                (given,) = action.values()
                yield _kind(given["TableName"], given.get("Key") or given["Item"])
        case _:
            yield _kind(params["TableName"], params.get("Key") or params["Item"])


def _kind(table: str, key: dict[str, Any]) -> str:
    """A key without what differs from one person, number, client or address to the next."""
    name = table.rpartition("-")[2].removesuffix("Table")
    if name == "Counters":
        words = key["key"]["S"].split(":")[:-2]
        if words[1] == "all":
            return ":".join(words)
        if words[1] in ("client", "prefix"):
            return ":".join((*words[:-1], "*"))
        return f"{words[0]}:network" if "/" in words[1] else f"{words[0]}:name"
    if name == "Sessions":
        return "Sessions of a machine" if int(key["owner"]["N"]) >= FIRST_MACHINE_OWNER else "Sessions of a user"
    return name


def size_of(item: dict[str, Any]) -> int:
    """What DynamoDB takes the item to be, about: names, and values by their kind, in bytes."""
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(value: dict[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "B":
            return len(held)
        case "N":
            return 1 + (len(held) + 1) // 2
        case "L":
            return 3 + sum(1 + _value_size(one) for one in held)
        case "M":
            return 3 + sum(1 + len(name) + _value_size(one) for name, one in held.items())
        case "SS" | "NS" | "BS":
            return sum(len(one) for one in held)
        case _:
            return 1


@dataclass(frozen=True)
class Counted:
    """One operation. `cpu_ms` is a median; `log_bytes` are those of the log line and of the metrics."""

    name: str
    calls: tuple[str, ...]
    read_units: float
    write_units: float
    keys: dict[str, list[int]]
    log_bytes: int = 0
    cpu_ms: float = 0


def granted(answer: Any) -> Any:
    """What a good answer holds; RuntimeError for any other."""
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {answer.body}")
    return answer.json


def _address(index: int) -> str:
    return f"{11 + (index >> 16)}.{index >> 8 & 255}.{index & 255}.7"


def _login(api: Api, basic: tuple[str, str], **more: str) -> Callable[[], Any]:
    return lambda: granted(api.post("/oauth/token", form=PASSWORD, basic=basic, **more))


def _login_again(api: Api, _: int) -> Callable[[], Any]:
    _login(api, WEB)()
    return _login(api, WEB)


def _login_jwt(api: Api, _: int) -> Callable[[], Any]:
    return _login(api, ("2", "passport-secret"))


def _login_first(api: Api, index: int) -> Callable[[], Any]:
    return _login(api, WEB, source_ip=_address(index))


def _wrong_password(api: Api, index: int) -> Callable[[], Any]:
    form = {**PASSWORD, "password": f"wrong horse {index}"}
    return lambda: api.post("/oauth/token", form=form, basic=WEB, source_ip=_address(index))


def _send_code(api: Api, index: int, before: int = 0) -> Callable[[], Any]:
    form = {"mobile": f"139{before + index:08d}"}
    return lambda: granted(api.post("/mobile/code/get", form=form, basic=WEB, source_ip=_address(index)))


def _verify_code(api: Api, index: int) -> Callable[[], Any]:
    _send_code(api, index, 10_000_000)()
    form = {"mobile": api.outbox[-1].to, "code": api.last_code}
    return lambda: granted(api.post("/mobile/code/verify", form=form, source_ip=_address(index)))


def _code_first(api: Api, index: int) -> Callable[[], Any]:
    _send_code(api, index, 20_000_000)()
    form = {"mobile": api.outbox[-1].to, "code": api.last_code}
    return lambda: granted(api.post("/mobile/token", form=form, basic=WEB))


def _code_again(api: Api, index: int) -> Callable[[], Any]:
    _code_first(api, 1_000_000 + index)()
    api.time.advance(7200)
    return _code_first(api, 1_000_000 + index)


def _sign_first(api: Api, index: int) -> Callable[[], Any]:
    form = {"sign": f"openid-{index}"}
    return lambda: granted(api.post("/sign/token", form=form, basic=WEB))


def _sign_again(api: Api, index: int) -> Callable[[], Any]:
    _sign_first(api, -index)()
    return _sign_first(api, -index)


def _refresh(api: Api, _: int) -> Callable[[], Any]:
    tokens = _login(api, WEB)()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return lambda: granted(api.post("/oauth/token", form=form, basic=WEB))


def _introspect(api: Api, _: int) -> Callable[[], Any]:
    form = {"token": _login(api, WEB)()["access_token"]}
    return lambda: granted(api.post("/oauth/introspect", form=form, basic=STANDARD))


def _current(api: Api, _: int) -> Callable[[], Any]:
    token = _login(api, WEB)()["access_token"]
    return lambda: granted(api.post("/users/current", bearer=token))


def _machine(api: Api, _: int) -> Callable[[], Any]:
    return lambda: granted(api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=STANDARD))


def _machine_jwt(api: Api, _: int) -> Callable[[], Any]:
    return lambda: granted(api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE_JWT))


def _register(api: Api, index: int) -> Callable[[], Any]:
    body = {"username": f"newcomer-{index}", "password": "a longer password"}
    return lambda: granted(api.post("/users/register", json_body=body, source_ip=_address(index)))


def _revoke(api: Api, _: int) -> Callable[[], Any]:
    form = {"token": _login(api, WEB)()["refresh_token"]}
    return lambda: granted(api.post("/oauth/revoke", form=form, basic=WEB))


OPERATIONS: Mapping[str, Prepare] = {
    "login by password": _login_again,
    "login by password, signed token": _login_jwt,
    "login by password, new address": _login_first,
    "wrong password": _wrong_password,
    "code sent": _send_code,
    "code checked": _verify_code,
    "login by code": _code_again,
    "login by code, new account": _code_first,
    "login by sign": _sign_again,
    "login by sign, new account": _sign_first,
    "refresh": _refresh,
    "introspection": _introspect,
    "call with a token": _current,
    "machine token, opaque": _machine,
    "machine token, signed": _machine_jwt,
    "registration": _register,
    "revocation": _revoke,
}


@contextlib.contextmanager
def house(endpoint: str, wire: Wire | None = None, **overrides: Any) -> Iterator[Api]:
    """The API on DynamoDB Local, its clients known; `wire` counts what goes there."""
    with (
        stores.on_dynamodb_local(endpoint, wire.listen if wire else None, "botocore" if wire else "bare") as store,
        pytest.MonkeyPatch.context() as patch,
    ):
        made = make_api(patch, store, **{**LIMITS, **overrides})
        services = replace(made.services, meter=EmfMeter("Lingpai/lingpai-prod", made.services.clock))
        patch.setattr(bootstrap, "services", lambda: services)
        for client_id in CLIENTS:
            services.clients.get_client(client_id)
        yield Api(services, made.time)


def count(endpoint: str) -> list[Counted]:
    """Calls and units of each operation."""
    wire, counted = Wire(), []
    with house(endpoint, wire) as api:
        for index, (name, prepare) in enumerate(OPERATIONS.items()):
            # One of each before: what only the first of all has to do is not counted.
            prepare(api, 10_000 + index)()
            act = prepare(api, 20_000 + index)
            for client_id in CLIENTS:
                api.services.clients.get_client(client_id)
            wire.calls, wire.read, wire.written, wire.keys = [], 0, 0, {}
            act()
            keys = {kind: list(units) for kind, units in wire.keys.items()}
            counted.append(Counted(name, tuple(wire.calls), wire.read, wire.written, keys))
    return counted


def sizes(endpoint: str) -> dict[str, int]:
    """Bytes kept of an account with a name, a password, a number and a role, and of a session of its own."""
    with house(endpoint, **ARGON2) as api:
        user_id = api.user_id("alice")
        _refresh(api, 0)()
        users = [item for item in items(api, "users_table") if item["id"]["N"] == str(user_id)]
        names = [item for item in items(api, "identities_table") if item["user_id"]["N"] == str(user_id)]
        sessions = [item for item in items(api, "sessions_table") if item["owner"]["N"] == str(user_id)]
        return {
            "account": sum(map(size_of, (*users, *names))),
            "account_items": len(users) + len(names),
            "session": max(map(size_of, sessions)),
        }


def items(api: Api, name: str) -> list[dict[str, Any]]:
    """All items of the table that the setting `name` names."""
    store: Any = api.services.store
    client = store.client  # the client that the store has
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        given = {"TableName": getattr(api.services.settings, name), **start}
        answer = client.call("Scan", given)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", type=Path, help="what to write, as JSON (docs/cost.json)")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how often each operation is timed ({RUNS})")


def main(given: argparse.Namespace) -> None:
    """Count, measure and write; CannotRun where that is not possible here."""
    require_dynamodb_local()
    with stores.dynamodb_local() as endpoint:
        with silence():
            counted, kept = count(endpoint), sizes(endpoint)
        with house(endpoint, **ARGON2) as api:
            measured = [_measured(api, one, given.runs) for one in counted]
    content = {"measured_on": _machine_told(), "bytes": kept, "operations": [asdict(one) for one in measured]}
    given.file.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _measured(api: Api, one: Counted, runs: int) -> Counted:
    """With the median of the processor time in the handler, and the bytes that it wrote to the log."""
    watched, spent = timed(api)
    times, size = [], 0
    for index in range(WARM_UP + runs):
        with silence():
            act = OPERATIONS[one.name](watched, index)
        spent.clear()
        with silence() as written:
            act()
        if index >= WARM_UP:
            times.append(spent[-1])
            size = len(written.getvalue().encode())
    return replace(one, cpu_ms=round(statistics.median(times), 2), log_bytes=size)


def timed(api: Api) -> tuple[Api, list[float]]:
    """The same API, and where it notes down the processor's milliseconds of each request in the handler."""
    spent: list[float] = []

    def invoke(name: str, event: dict[str, Any]) -> object:
        begun = time.process_time()
        answer = support._invoke(name, event)  # noqa: SLF001  the handlers, as the tests have loaded them
        spent.append((time.process_time() - begun) * 1000)
        return answer

    return Api(api.services, api.time, gateway.Gateway(routes=stores.TEMPLATE.routes, invoke=invoke)), spent


@contextlib.contextmanager
def silence() -> Iterator[io.StringIO]:
    """Catch what is logged within the block."""
    handler: Any = logger.registered_handler
    with contextlib.redirect_stdout(io.StringIO()) as written:
        before = handler.setStream(written)
        try:
            yield written
        finally:
            handler.setStream(before)


def _machine_told() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "processor": platform.machine(),
        **{name: importlib.metadata.version(name) for name in VERSIONS},
    }
