"""What is done with the records of the streams: their events are kept, sent to the bus, and queued for webhooks.

Each step may be done again: a kept event is put again as it is, and whoever takes events knows them by their ids. So
records that Lambda brings again, since the function was stopped, do no harm. What cannot be done is put into the queue
of failed events, for `lingpai events redrive`: one bad record does not hold up those behind it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lingpai.aws.event_bus import BusEntry
from lingpai.events.model import Event, document, parse
from lingpai.events.records import Streams, events_of, table_of
from lingpai.events.storage import AuditPage, AuditQuery, AuditTrail
from lingpai.http import observability
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.meter import Meter
from lingpai.services import Services


class Bus(Protocol):
    """Where others take events from."""

    def put(self, entries: Sequence[BusEntry]) -> tuple[int, ...]:
        """Send these; gives the places of those that were not sent for certain."""
        ...


class FailedQueue(Protocol):
    """Where events wait that could not be kept or sent."""

    def send(self, messages: Sequence[str]) -> None:
        """Add these messages; LingpaiError 503 where it is not certain that all were added."""
        ...


@dataclass(frozen=True)
class EventServices:
    """What the function needs. Without a `bus` nothing is sent there; without `failed` Lambda tries again.

    `deliver` queues events for webhooks.
    """

    trail: AuditTrail
    streams: Streams
    meter: Meter
    deliver: Callable[[Sequence[Event]], None]
    bus: Bus | None = None
    failed: FailedQueue | None = None


def handle(services: EventServices, batch: Mapping[str, Any]) -> dict[str, Any]:
    """Do what the records of a batch ask for, as Lambda hands them on; names the first one that has to come again."""
    records: Sequence[Mapping[str, Any]] = batch["Records"]
    found: dict[str, tuple[Event, ...]] = {}
    messages: dict[str, str] = {}
    for record in records:
        number = record["dynamodb"]["SequenceNumber"]
        try:
            found[number] = events_of(record, services.streams)
        except Exception as error:  # noqa: BLE001  whatever it is, the records behind it are not to wait
            observability.log_event_failure(number, error)
            messages[number] = _unread(record, error)
    events = [event for each in found.values() for event in each]
    failed = _publish(services, events)
    for _ in range(len(events) - len(failed)):
        services.meter.count("EventsKept")
    for _ in range(len(failed) + len(messages)):
        services.meter.count("EventsFailed")
    services.meter.flush()
    lost = _set_aside(services, [*messages.values(), *map(message, failed)])
    if not lost:
        return {"batchItemFailures": []}
    again = {event.id for event in failed}
    first = next(number for number in _numbers(records) if number in messages or _ids(found[number]) & again)
    return {"batchItemFailures": [{"itemIdentifier": first}]}


def _publish(services: EventServices, events: Sequence[Event]) -> list[Event]:
    """As `publish`, whatever goes wrong: Lambda would bring the batch again and again, and then forget its events."""
    try:
        return publish(services, events)
    except Exception as error:  # noqa: BLE001  such as a permission that is missing
        observability.log_publish_failure(len(events), error)
        return list(events)


def publish(services: EventServices, events: Sequence[Event]) -> list[Event]:
    """Keep these events, send them to the bus and queue them for webhooks; gives those for which it is not certain.

    They are sent only when they are kept: nobody is told of what the audit table does not have.
    """
    if not events:
        return []
    try:
        services.trail.append_events(events)
    except LingpaiError as error:
        observability.log_events_unkept(len(events), error)
        return list(events)
    lost = (
        {events[place].id for place in services.bus.put([_entry(event) for event in events])} if services.bus else set()
    )
    try:
        services.deliver(events)
    except LingpaiError as error:
        observability.log_events_unkept(len(events), error)
        return list(events)
    return [event for event in events if event.id in lost]


def find(services: Services, query: AuditQuery, limit: int, after: str | None = None) -> AuditPage:
    """See `AuditTrail.find_events`."""
    return services.store.find_events(query, limit, after)


def message(event: Event) -> str:
    """The event as it waits in the queue of failed events."""
    return json.dumps({"event": document(event)}, ensure_ascii=False, separators=(",", ":"))


def read_message(text: str) -> Event | None:
    """The event of such a message; None for a message that has none: the records have to be read again."""
    try:
        given = json.loads(text)
        return parse(given["event"])
    except (ValueError, KeyError, TypeError):
        return None


def _unread(record: Mapping[str, Any], error: Exception) -> str:
    """Which record could not be read. Nothing of the item, which may have secrets."""
    where = {"table": table_of(record), "stream": record["eventSourceARN"]}
    stream = record["dynamodb"]
    return json.dumps({"record": {**where, "sequence": stream["SequenceNumber"], "error": type(error).__name__}})


def _set_aside(services: EventServices, messages: Sequence[str]) -> bool:
    """Put what failed into its queue; whether it is lost there, too."""
    if not messages:
        return False
    if services.failed is None:
        return True
    try:
        services.failed.send(messages)
    except LingpaiError as error:
        observability.log_events_unkept(len(messages), error)
        return True
    return False


def _entry(event: Event) -> BusEntry:
    return BusEntry(event.type, event.at, json.dumps(document(event), ensure_ascii=False, separators=(",", ":")))


def _numbers(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def _ids(events: Sequence[Event]) -> set[str]:
    return {event.id for event in events}
