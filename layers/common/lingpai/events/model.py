"""Events, and the document that goes to whoever is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

VERSION = 1


@dataclass(frozen=True)
class Event:
    """Something that has happened at `at`, in seconds since 1970.

    `id` is the same whenever the event is told again. `subject` is what it happened to (`user:1000`, `client:web`),
    `actor` who did it, "" if nobody was authenticated; `client`, `address` and `request_id` are those of the request.
    `data` depends on the type; nothing in it is secret.
    """

    id: str
    type: str
    at: int
    subject: str
    actor: str
    client: str
    address: str
    request_id: str
    data: Mapping[str, Any] = field(default_factory=dict)


def document(event: Event) -> dict[str, Any]:
    """The event as JSON."""
    return {
        "version": VERSION,
        "id": event.id,
        "type": event.type,
        "time": datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": event.subject,
        "actor": event.actor,
        "client": event.client,
        "address": event.address,
        "request_id": event.request_id,
        "data": dict(event.data),
    }


def parse(given: Mapping[str, Any]) -> Event:
    """The event of such a document; KeyError, TypeError or ValueError for anything else."""
    at = datetime.strptime(given["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    names = ("id", "type", "subject", "actor", "client", "address", "request_id")
    return Event(**{name: given[name] for name in names}, at=int(at.timestamp()), data=given["data"])
