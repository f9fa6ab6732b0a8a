"""The stores that the suite runs on: memory, moto, and DynamoDB Local, which is the reference."""

import functools
import itertools
import os
import pickle
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import moto

from lingpai.aws.client import aws_client
from lingpai.settings import Settings
from lingpai.store import DynamoStore
from local import dynamodb, embedded, template
from tests.support.memory_store import MemoryStore

ROOT = Path(__file__).resolve().parents[2]
JAR = ROOT / ".cache" / "dynamodb-local" / "DynamoDBLocal.jar"
TEMPLATE = template.load(ROOT / "template.yaml")
TABLE_FIELDS = tuple(name for name in Settings.model_fields if name.endswith("_table"))

# The cheapest parameters that argon2 takes.
CHEAP: dict[str, Any] = {
    "argon2_memory_kib": 8,
    "argon2_time": 1,
    "code_pepper": "a-pepper-for-tests",
    # Tests log in wrongly all the time; those about that ask for GUARDED.
    "login_tries": 0,
    "limit_login_ip": 0,
    "limit_login_net": 0,
    "limit_client_ip": 0,
    "limit_client_net": 0,
    # Where moto stands, and what tests listen at. Those of the bare one ask for it.
    "aws_transport": "botocore",
    # A machine that runs tests is busy.
    "store_connect_timeout": 20,
    "store_read_timeout": 20,
}


# What makes the calls: the setting `aws_transport`.
Transport = Literal["bare", "botocore"]
# What the API of a test stands on: see `for_api`.
ApiStore = Literal["memory", "moto"]

_GUARDS = ("login_tries", "limit_login_ip", "limit_login_net", "limit_client_ip", "limit_client_net")
GUARDED: dict[str, Any] = {name: Settings.model_fields[name].default for name in _GUARDS}


def settings(prefix: str = "", **overrides: Any) -> Settings:
    """Settings for a test: cheap hashes, tables named with `prefix`."""
    tables = {name: prefix + str(Settings.model_fields[name].default) for name in TABLE_FIELDS}
    return Settings.model_validate({**CHEAP, **tables, **overrides})


@contextmanager
def on_moto() -> Iterator[DynamoStore]:
    """A store on an empty moto, with the template's tables."""
    with moto.mock_aws(), embedded.bounded_memory():
        os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
        client = _client(None)
        _filled("tables", lambda: dynamodb.create_tables(client, TEMPLATE.tables))
        yield DynamoStore(settings(), client=lambda: client)


@contextmanager
def for_api(kind: ApiStore = "memory") -> Iterator[MemoryStore | DynamoStore]:
    """An empty store for tests that make their requests in this process.

    A call of moto takes fifty times the CPU time of one in memory, and the suite in `tests/contract` shows that both
    do the same. So moto is for tests whose subject is what DynamoDB is asked for and what it can store.
    `API_STORE=moto` in the environment gives moto to all of them.
    """
    if "moto" in (kind, os.environ.get("API_STORE")):
        with on_moto() as opened:
            yield opened
    else:
        yield MemoryStore()


def fill(store: object, name: object, write: Callable[[], object]) -> None:
    """Call `write`, which fills the empty `store`; in this process only once for each `name`: then that is copied."""
    if isinstance(store, MemoryStore):
        if name not in _CONTENTS:
            write()
            _CONTENTS[name] = pickle.dumps(store.contents())
        for field, value in pickle.loads(_CONTENTS[name]).items():  # noqa: S301  made by this process
            setattr(store, field, value)
    elif isinstance(store, DynamoStore) and store.client is _client(None):
        _filled(name, write)
    else:
        write()


def shown(store: MemoryStore, apart: Collection[str] = ()) -> dict[str, list[str]]:
    """All that the store keeps, by field but those `apart`, as text: with what the `repr` of its values leaves out."""
    return {
        name: sorted(map(_text, value.items() if isinstance(value, dict) else (value,)))
        for name, value in store.contents().items()
        if name not in apart
    }


def _text(value: object) -> str:
    kind: Any = type(value)
    if kind in _PLAIN:
        return str(value)
    if isinstance(value, tuple):
        return str([_text(part) for part in value])
    names = _names_of(kind)
    return str(value) if names is None else str({name: _text(getattr(value, name)) for name in names})


# What most values are.
_PLAIN = {str, int, bool, bytes, frozenset, type(None)}


@functools.cache
def _names_of(kind: Any) -> tuple[str, ...] | None:
    """The names of a dataclass's fields; None for other classes."""
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else None


# What memory stores hold, pickled, by what is in them.
_CONTENTS: dict[object, bytes] = {}


# moto's tables, pickled, by what is in them.
_FILLED: dict[object, bytes] = {}


def _filled(name: object, write: Callable[[], object]) -> None:
    """The tables of moto as `write` leaves them, which is called once for each name."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends

    backend = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
    if name in _FILLED:
        backend.tables = pickle.loads(_FILLED[name])  # noqa: S301  made by this process
    else:
        write()
        _FILLED[name] = pickle.dumps(backend.tables)


def missing() -> str | None:
    """Why DynamoDB Local cannot run here, or None when it can."""
    if shutil.which("java") is None:
        return "no java on the PATH (Java 17 is needed)"
    if not JAR.exists():
        return "run `make dynamodb-local` to fetch it"
    return None


@contextmanager
def dynamodb_local(port: int = 0) -> Iterator[str]:
    """Run DynamoDB Local, in memory, on this port or a free one; gives its address and stops it at the end."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    command = [
        "java",
        # A file of tests is too short for the optimising compiler to earn what it costs; a process of the suite is not.
        *(() if "PYTEST_XDIST_WORKER" in os.environ else ("-XX:TieredStopAtLevel=1",)),
        "-XX:+UseSerialGC",
        f"-Djava.library.path={JAR.parent / 'DynamoDBLocal_lib'}",
        "-jar",
        str(JAR),
        "-inMemory",
        "-sharedDb",
        "-disableTelemetry",
        "-port",
        str(port),
    ]
    process = subprocess.Popen(command, cwd=JAR.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def on_dynamodb_local(
    endpoint: str, on_connect: Callable[[Any], None] | None = None, transport: Transport = "bare"
) -> Iterator[DynamoStore]:
    """A store on DynamoDB Local with empty tables of its own; emptied at the end, they are another one's.

    With `on_connect` the store has a client of its own, too, and this gets it.
    """
    free = _FREE.setdefault(endpoint, [])
    chosen = free.pop() if free else _new_tables(endpoint)
    shared = _bare_client if transport == "bare" else _client
    calls = shared(endpoint)
    if on_connect is not None:
        calls = shared.__wrapped__(endpoint)
        on_connect(calls)
    yield DynamoStore(chosen, client=lambda: calls)
    if on_connect is not None:
        calls.close()
    if _empty(endpoint, chosen):
        free.append(chosen)


_MANY = 500
# Settings with the names of tables that nobody uses, by the DynamoDB Local that has them.
_FREE: dict[str, list[Settings]] = {}


def _new_tables(endpoint: str) -> Settings:
    chosen = settings(prefix=uuid.uuid4().hex[:12] + "-", sms_countries="CN")
    # No TTL: DynamoDB Local deletes by the real time what a test's clock still holds alive.
    tables = [replace(table, ttl=None) for table in TEMPLATE.tables]
    dynamodb.create_tables(_client(endpoint), tables, prefix=chosen.clients_table.removesuffix("ClientsTable"))
    return chosen


def _empty(endpoint: str, chosen: Settings) -> bool:
    """Delete all items; False where there are so many that the tables were deleted instead, which is faster."""
    call = _bare_client(endpoint).call
    keys = {
        chosen.clients_table.removesuffix("ClientsTable") + table.name: [
            part["AttributeName"] for part in table.create["KeySchema"]
        ]
        for table in TEMPLATE.tables
    }
    found = {name: call("Scan", {"TableName": name, "Limit": _MANY}) for name in keys}
    if any("LastEvaluatedKey" in answer for answer in found.values()):
        for name in keys:
            call("DeleteTable", {"TableName": name})
        return False
    for name, answer in found.items():
        for batch in itertools.batched(answer["Items"], 25, strict=False):
            deletions = [{"DeleteRequest": {"Key": {part: item[part] for part in keys[name]}}} for item in batch]
            call("BatchWriteItem", {"RequestItems": {name: deletions}})
    return True


@functools.cache
def _client(endpoint: str | None) -> Any:
    """The client of moto, or of the DynamoDB Local at `endpoint`: one for all tests, since it takes long to make."""
    if endpoint is None:
        return aws_client(settings(), "dynamodb")
    return aws_client(settings(), "dynamodb", endpoint, credentials=("local", "local"), max_connections=40)


@functools.cache
def _bare_client(endpoint: str) -> Any:
    """A bare client of the DynamoDB Local at `endpoint`, for all tests, too: its connections are kept."""
    return aws_client(settings(aws_transport="bare"), "dynamodb", endpoint, credentials=("local", "local"))


def hang_up(endpoint: str) -> None:
    """Close the connections that are kept to this DynamoDB Local."""
    _bare_client(endpoint).close()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"DynamoDB Local stopped at once, with exit code {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("DynamoDB Local did not start within 180 s")
