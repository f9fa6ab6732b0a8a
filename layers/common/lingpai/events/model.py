"""Events, and the documents that they are sent and kept as (docs/events.schema.json)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

VERSION = 1
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Event:
    """Something that has changed, or that was refused again and again.

    `id` is the same however often the event is found or sent. `type` is one of `events.types`, `at` in whole seconds
    since 1970. `subject` is what has changed: `user:ID`, `client:ID`, `role:ID`, `key:KID`, `webhook:ID`,
    `counter:KIND` or `deployment`. `actor` is `user:ID`, `client:ID`, `operator:NAME` or `system`; empty where nobody
    was authenticated. `client`, `address`, `request_id` and `action` (see `kernel.cause`) are empty where they are not
    known. `data` depends on the type. Nothing in it is a secret.
    """

    id: str
    type: str
    at: int
    subject: str
    actor: str
    client: str
    address: str = field(repr=False)
    request_id: str
    data: Mapping[str, Any] = field(repr=False)
    action: str = ""


def document(event: Event) -> dict[str, Any]:
    """The event as it is kept and sent."""
    return {
        "version": VERSION,
        "id": event.id,
        "type": event.type,
        "time": datetime.fromtimestamp(event.at, UTC).strftime(_TIME),
        "subject": event.subject,
        "actor": event.actor,
        "client": event.client,
        "address": event.address,
        "request_id": event.request_id,
        "action": event.action,
        "data": dict(event.data),
    }


def parse(given: Mapping[str, Any]) -> Event:
    """The event of a document; ValueError for one of another version."""
    if given.get("version") != VERSION:
        raise ValueError(f"version of an event: {given.get('version')!r}")
    return Event(
        id=given["id"],
        type=given["type"],
        at=int(datetime.strptime(given["time"], _TIME).replace(tzinfo=UTC).timestamp()),
        subject=given["subject"],
        actor=given["actor"],
        client=given["client"],
        address=given["address"],
        request_id=given["request_id"],
        data=dict(given["data"]),
        action=given.get("action", ""),
    )
