"""DynamoDB's own refusals of writes that meet: DynamoDB Local lets them queue, AWS does not."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lingpai.aws.dynamodb.tables import exponential_pause
from lingpai.store import DynamoStore

_KEYS = ("client_id", "user_id", "id", "owner", "key", "book", "number")
# Seconds that a transaction takes between 32 threads on a machine that does nothing else.
_USUAL = 0.01
# A machine that stood still for a while is not waited for as long again, each time.
_MOST = 50
_WRITES = ("PutItem", "UpdateItem", "DeleteItem")


def failure(code: str, operation: str, status: int = 400, **more: Any) -> ClientError:
    """The error that botocore raises for this code of DynamoDB's."""
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, operation)


def cancelled(*reasons: str | None) -> ClientError:
    """A transaction that was cancelled for these reasons, one for each of its actions."""
    listed = [{"Code": reason or "None"} for reason in reasons]
    return failure("TransactionCanceledException", "TransactWriteItems", CancellationReasons=listed)


@dataclass
class Contended:
    """A client that refuses a write whose item is just being written by a transaction, and counts how often.

    The store's pauses are made for transactions of some milliseconds. Where a busy machine takes longer over them,
    `pause` is as much longer: who meets whom is not to depend on what else the machine does.
    """

    client: Any
    met: Counter[str] = field(default_factory=Counter)
    _took: float = _USUAL
    _under_way: set[tuple[str, ...]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        transaction = operation == "TransactWriteItems"
        if transaction:
            places = [_place(*action.values()) for action in arguments["TransactItems"]]
        else:
            places = [_place(arguments)] if operation in _WRITES else []
        with self._lock:
            taken = [place in self._under_way for place in places]
            if any(taken):
                self.met[operation] += 1
                if transaction:
                    raise cancelled(*("TransactionConflict" if met else None for met in taken))
                raise failure("TransactionConflictException", operation)
            if transaction:
                self._under_way.update(places)
        began = time.monotonic()
        try:
            return self.client.call(operation, arguments)
        finally:
            if transaction:
                with self._lock:
                    self._took += (time.monotonic() - began - self._took) / 8
                    self._under_way.difference_update(places)

    def pause(self, attempt: int) -> None:
        """Sleep before an attempt, as the store does, as many times as a transaction takes longer than it should."""
        for _ in range(min(max(1, round(self._took / _USUAL)), _MOST)):
            exponential_pause(attempt)


def _place(action: Mapping[str, Any]) -> tuple[str, ...]:
    """Table and key of the item that an action writes or checks."""
    found = action.get("Key") or action["Item"]
    return (action["TableName"], *(str(found[name]) for name in _KEYS if name in found))


# DynamoDB Local lets writes that meet a transaction queue; AWS refuses them. Races marked so are run both ways.
queued_or_refused = pytest.mark.parametrize("services", ["queued", "refused"], indirect=True)


def racing_store(request: pytest.FixtureRequest, reference: DynamoStore) -> DynamoStore:
    """For a fixture `services` that `queued_or_refused` may parametrise: the reference store, one way or the other."""
    if getattr(request, "param", "queued") == "queued":
        return reference
    client = Contended(reference.client)
    return DynamoStore(reference.settings, client=lambda: client, pause=client.pause)
