"""Records of the tables' streams, and the events in them: pure functions.

What has expired is no event. What somebody deletes leaves a tombstone, and the record of that has the item before and
the cause. Many sessions that end together, and those that make room for another, are removed: nothing tells the cause.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lingpai.events import counters
from lingpai.events.changes import Change, Found, change_of
from lingpai.events.clients import client_events
from lingpai.events.counters import StopsAt
from lingpai.events.model import Event
from lingpai.events.roles import role_events
from lingpai.events.sessions import session_events
from lingpai.events.signing_keys import key_events
from lingpai.events.users import user_events
from lingpai.events.webhooks import webhook_events
from lingpai.kernel.cause import Cause

_SEQUENCE_DIGITS = 40
_OF_ITEMS: Mapping[str, Callable[[Change], Iterable[Found]]] = {
    "users": user_events,
    "sessions": session_events,
    "clients": client_events,
    "roles": role_events,
    "keys": key_events,
    "webhooks": webhook_events,
}


@dataclass(frozen=True)
class Streams:
    """Whose streams are read: `users`, `sessions`, … by the table's name; and where messages stop."""

    kinds: Mapping[str, str]
    stops: StopsAt


def table_of(record: Mapping[str, Any]) -> str:
    """The name of the table: `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/TIME`."""
    name: str = record["eventSourceARN"].split("/")[1]
    return name


def events_of(record: Mapping[str, Any], streams: Streams) -> tuple[Event, ...]:
    """The events in a record, in order; the same ones, with the same ids, however often it is read.

    ValueError for a table that is none of the `streams`.
    """
    kind = streams.kinds.get(table_of(record))
    if kind is None:
        raise ValueError(f"a record of another table: {table_of(record)}")
    change = change_of(record)
    if change is None:
        return ()
    if kind == "counters" and not counters.is_cleared(change):
        change = replace(change, cause=Cause())
    if kind == "counters":
        found = tuple(counters.counter_events(change, streams.stops))
        address = counters.address(change) or change.cause.address
    else:
        found, address = tuple(_OF_ITEMS[kind](change)), change.cause.address
    stream = record["dynamodb"]
    return tuple(
        Event(
            id=f"{stream['SequenceNumber']:0>{_SEQUENCE_DIGITS}}-{kind}-{index:03d}",
            type=each.type,
            at=int(stream["ApproximateCreationDateTime"]),
            subject=each.subject,
            actor=change.cause.actor or _own(change, each),
            client=change.cause.client,
            address=address,
            request_id=change.cause.request_id,
            data=each.data,
            action=change.cause.action,
        )
        for index, each in enumerate(found)
    )


def _own(change: Change, found: Found) -> str:
    """The account or client itself, where nobody was authenticated for the request, such as a login."""
    return found.subject if change.cause.action and found.subject.startswith(("user:", "client:")) else ""
