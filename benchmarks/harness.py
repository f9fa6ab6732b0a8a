"""The API in this process, to count and to time its requests: on moto, or on DynamoDB Local, which is the reference."""

import contextlib
import io
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.operations import CLIENTS, OPERATIONS, Operation, Prepare
from benchmarks.units import Counter, Units
from lingpai import bootstrap
from lingpai.http.observability import logger
from lingpai.settings import Settings
from lingpai.signing_keys.storage import KeyStore
from lingpai.signing_keys.stores import MemoryKeys
from local import gateway
from tests.support import api as support
from tests.support import stores
from tests.support.api import Api, make_api

# All limits are on, as in a deployment, but none is reached.
LIMITS = {name: 10**9 for name in Settings.model_fields if name.startswith(("limit_", "sms_unproven", "login_tries"))}
# The parameters of argon2id that a deployment has.
ARGON2 = {name: field.default for name, field in Settings.model_fields.items() if name.startswith("argon2_")}
WARM_UP = 5


class CannotRun(Exception):
    """The benchmark cannot be run. The text says why."""


@dataclass(frozen=True)
class Seen:
    """A request in the handler: the function and its event, and the milliseconds of processor time of the answer."""

    function: str
    event: dict[str, Any]
    ms: float


def require_dynamodb_local() -> None:
    """CannotRun where DynamoDB Local cannot run."""
    if (reason := stores.missing()) is not None:
        raise CannotRun(f"DynamoDB Local: {reason}")


@contextlib.contextmanager
def on_dynamodb_local(endpoint: str, counter: Counter | None = None, **settings: Any) -> Iterator[Api]:
    """The API on DynamoDB Local, its clients read; `counter` counts what goes there."""
    listen, transport = (counter.listen, "botocore") if counter else (None, "bare")
    with (
        stores.on_dynamodb_local(endpoint, listen, transport) as store,  # type: ignore[arg-type]
        pytest.MonkeyPatch.context() as patch,
    ):
        api = deployed_api(patch, store, **settings)
        read_clients(api)
        yield api


def deployed_api(patch: pytest.MonkeyPatch, store: Any, **settings: Any) -> Api:
    """`make_api` with the metrics of a deployment, and its limits, though high."""
    made = make_api(patch, store, **{**LIMITS, "metrics_namespace": "Lingpai/lingpai-prod", **settings})
    return restarted(made, patch, MemoryKeys(*support.signing_keys()))


def restarted(api: Api, patch: pytest.MonkeyPatch, keys: KeyStore) -> Api:
    """The API as a new process has it: with nothing in memory, and a clock that has shown no time before this one."""
    services = bootstrap.build(api.services.settings, api.services.store, api.time.clock(), keys)
    patch.setattr(bootstrap, "services", lambda: services)
    return Api(services, api.time)


def read_clients(api: Api) -> None:
    """Have the records of the operations' clients in memory."""
    for client_id in CLIENTS:
        api.services.clients.get_client(client_id)


def count(endpoint: str, *names: str) -> dict[str, Units]:
    """What DynamoDB is asked for each of these `OPERATIONS`."""
    counter = Counter()
    with silence(), on_dynamodb_local(endpoint, counter) as api:
        return {name: count_one(api, counter, OPERATIONS[name], index) for index, name in enumerate(names)}


def count_one(api: Api, counter: Counter, operation: Operation, index: int = 0) -> Units:
    """What DynamoDB is asked for the operation. One goes before: what only the first of all does is not counted."""
    check(operation, operation.prepare(api, 10_000 + 2 * index)())
    send = operation.prepare(api, 10_001 + 2 * index)
    # Preparing may have taken so long by the API's clock that records were forgotten.
    read_clients(api)
    counter.take()
    check(operation, send())
    return counter.take()


def check(operation: Operation, answer: support.Answer) -> support.Answer:
    """The answer; RuntimeError where it has another status than the operation's."""
    if answer.status != operation.status:
        raise RuntimeError(f"{answer.status} {answer.body}")
    return answer


def watched(api: Api) -> tuple[Api, list[Seen]]:
    """The same API, and the list to which each of its requests is added."""
    seen: list[Seen] = []

    def invoke(name: str, event: dict[str, Any]) -> object:
        begun = time.process_time()
        answer = support._invoke(name, event)  # noqa: SLF001  the handlers, as the tests have loaded them
        seen.append(Seen(name, event, (time.process_time() - begun) * 1000))
        return answer

    return Api(api.services, api.time, gateway.Gateway(routes=stores.TEMPLATE.routes, invoke=invoke)), seen


def median_ms(api: Api, prepare: Prepare, runs: int, warm_up: int = WARM_UP) -> float:
    """The median of the processor time of `runs` requests in the handler, in milliseconds."""
    api, seen = watched(api)
    times = []
    for index in range(warm_up + runs):
        send = prepare(api, index)
        send()
        times.append(seen[-1].ms)
    return statistics.median(times[warm_up:])


def items(api: Api, table: str, attribute: str = "", number: int | str = "") -> list[dict[str, Any]]:
    """The items of the table that the setting `table` names: all, or those whose `attribute` is this number."""
    store: Any = api.services.store
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        answer = store.client.call("Scan", {"TableName": getattr(api.services.settings, table), **start})
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return [item for item in found if not attribute or item[attribute].get("N") == str(number)]
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


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
