"""What is done with batches of records: kept, sent, queued for webhooks, and set aside where that fails."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lingpai.aws.event_bus import BusEntry, EventBus
from lingpai.events import service
from lingpai.events.model import Event, document
from lingpai.events.service import EventServices
from lingpai.events.storage import AuditQuery
from lingpai.kernel.errors import unavailable
from lingpai.settings import Settings
from tests.support.memory_store import MemoryStore
from tests.support.streams import AT, STREAMS, record


@dataclass
class Ends:
    """Where events go, some of which refuse."""

    sent: list[BusEntry] = field(default_factory=list)
    delivered: list[Event] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    lost: tuple[int, ...] = ()
    is_down: bool = False
    is_full: bool = False

    def put(self, entries: Sequence[BusEntry]) -> tuple[int, ...]:
        self.sent += entries
        return self.lost

    def deliver(self, events: Sequence[Event]) -> None:
        if self.is_down:
            raise unavailable()
        self.delivered += events

    def send(self, messages: Sequence[str]) -> None:
        if self.is_full:
            raise unavailable()
        self.aside += messages

    def count(self, name: str, **_told: str) -> None:
        self.counted.append(name)

    def flush(self) -> None:
        pass


class BusyStore(MemoryStore):
    def append_events(self, events: Sequence[Event]) -> None:
        raise unavailable()


def services(ends: Ends, store: MemoryStore | None = None, **others: Any) -> EventServices:
    given: dict[str, Any] = {"bus": ends, "failed": ends, **others}
    return EventServices(store or MemoryStore(), STREAMS, ends, ends.deliver, **given)


def disabled(user: int, sequence: int) -> dict[str, Any]:
    before = {"id": {"N": str(user)}, "created_at": {"N": "1"}}
    return record("UsersTable", before, {**before, "disabled": {"BOOL": True}}, sequence=sequence)


def unreadable(sequence: int) -> dict[str, Any]:
    before = {"id": {"N": "1"}}
    return record("UsersTable", before, {**before, "email": {"S": "secret-{"}}, sequence=sequence)


BATCH = {"Records": [disabled(user, user) for user in (1, 2, 3)]}
DONE: dict[str, Any] = {"batchItemFailures": []}


def kept(store: MemoryStore) -> list[str]:
    return [event.subject for event in store.find_events(AuditQuery(), 100).events][::-1]


def test_events_are_kept_sent_and_queued_for_webhooks() -> None:
    ends, store = Ends(), MemoryStore()
    for _ in range(2):
        assert service.handle(services(ends, store), BATCH) == DONE
    assert kept(store) == ["user:1", "user:2", "user:3"]
    events = store.find_events(AuditQuery(), 100).events[::-1]
    assert ends.delivered == [*events, *events]
    assert [json.loads(entry.detail) for entry in ends.sent[:3]] == [document(event) for event in events]
    assert {(entry.type, entry.at) for entry in ends.sent} == {("user.disabled", AT)}
    assert (ends.aside, ends.counted) == ([], ["EventsKept"] * 6)


def test_without_a_bus() -> None:
    ends, store = Ends(), MemoryStore()
    assert service.handle(services(ends, store, bus=None), BATCH) == DONE
    assert (ends.sent, len(ends.delivered), kept(store)) == ([], 3, ["user:1", "user:2", "user:3"])


def test_a_batch_without_events() -> None:
    ends, store = Ends(), MemoryStore()
    unchanged = record("UsersTable", {"id": {"N": "1"}}, {"id": {"N": "1"}})
    assert service.handle(services(ends, store), {"Records": [unchanged]}) == DONE
    assert (ends.sent, ends.delivered, ends.aside, kept(store)) == ([], [], [], [])


@pytest.mark.security("EVT-aside")
def test_an_unreadable_record_does_not_hold_up_the_others() -> None:
    ends, store = Ends(), MemoryStore()
    batch = {"Records": [disabled(1, 1), unreadable(2), disabled(3, 3)]}
    assert service.handle(services(ends, store), batch) == DONE
    assert kept(store) == ["user:1", "user:3"]
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/UsersTable/stream/2026-12-01T00:00:00.000"
    where = {"table": "UsersTable", "stream": arn, "sequence": "2", "error": "JSONDecodeError"}
    assert [json.loads(message) for message in ends.aside] == [{"record": where}]
    assert service.read_message(ends.aside[0]) is None
    assert ends.counted == ["EventsKept", "EventsKept", "EventsFailed"]


@pytest.mark.security("EVT-aside")
@pytest.mark.parametrize("what", ["the table", "webhooks"])
def test_what_fails_is_set_aside(what: str) -> None:
    """All of it: it is not certain what was done. Nobody is told of what is not kept."""
    ends = Ends(is_down=what == "webhooks")
    store = BusyStore() if what == "the table" else MemoryStore()
    assert service.handle(services(ends, store), BATCH) == DONE
    found = [service.read_message(message) for message in ends.aside]
    assert [event.subject for event in found if event] == ["user:1", "user:2", "user:3"]
    assert (len(ends.sent), ends.delivered) == (0 if what == "the table" else 3, [])
    assert ends.counted == ["EventsFailed"] * 3


class ForbiddenStore(MemoryStore):
    def append_events(self, events: Sequence[Event]) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "BatchWriteItem")


def test_what_fails_in_any_other_way_is_set_aside_too(caplog: pytest.LogCaptureFixture) -> None:
    """Lambda would try it for a day, hold up what is behind it, and keep no more of it than where it was."""
    ends = Ends()
    assert service.handle(services(ends, ForbiddenStore()), BATCH) == DONE
    found = [service.read_message(message) for message in ends.aside]
    assert [event.subject for event in found if event] == ["user:1", "user:2", "user:3"]
    assert (ends.sent, ends.delivered, ends.counted) == ([], [], ["EventsFailed"] * 3)
    (line,) = caplog.records
    assert (line.getMessage(), line.__dict__["count"], line.__dict__["reason"]) == (
        "events unkept",
        3,
        "AccessDeniedException",
    )


def test_what_the_bus_does_not_take_is_set_aside() -> None:
    ends, store = Ends(lost=(1,)), MemoryStore()
    assert service.handle(services(ends, store), BATCH) == DONE
    (event,) = map(service.read_message, ends.aside)
    assert event is not None
    assert (event.subject, kept(store)) == ("user:2", ["user:1", "user:2", "user:3"])
    assert sorted(ends.counted) == ["EventsFailed", "EventsKept", "EventsKept"]


@pytest.mark.parametrize("failed", ["full", "none"])
def test_records_come_again_where_they_cannot_be_set_aside(failed: str) -> None:
    """From the first one that has failed on: Lambda keeps their order."""
    ends, store = Ends(lost=(1,), is_full=True), MemoryStore()
    given = services(ends, store) if failed == "full" else services(ends, store, failed=None)
    assert service.handle(given, BATCH) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    batch = {"Records": [disabled(1, 1), unreadable(2), disabled(3, 3)]}
    ends.lost = ()
    assert service.handle(given, batch) == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def test_messages_of_others_have_no_event() -> None:
    for text in ("", "[]", "{}", '{"event": {"version": 2}}', '{"DDBStreamBatchInfo": {}}', "null"):
        assert service.read_message(text) is None


class _Client:
    """EventBridge, as it answers."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def call(self, operation: str, arguments: Any) -> Any:
        self.asked.append((operation, arguments))
        return self.answers.pop(0)


def test_the_bus_is_asked_for_ten_at_once() -> None:
    client = _Client({"Entries": [{"EventId": "x"}] * 10}, {"Entries": [{"ErrorCode": "InternalFailure"}, {}]}, {})
    bus = EventBus(Settings(event_bus="lingpai-events"), lambda: client)
    entries = [BusEntry("user.created", AT, str(number)) for number in range(12)]
    assert bus.put(entries) == (10,)
    operation, arguments = client.asked[1]
    assert (operation, arguments["Entries"][0]) == (
        "PutEvents",
        {
            "EventBusName": "lingpai-events",
            "Source": "lingpai",
            "DetailType": "user.created",
            "Time": AT,
            "Detail": "10",
        },
    )
    assert bus.put(entries[:1]) == (0,)
