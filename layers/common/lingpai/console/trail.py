"""The audit trail as the console shows it."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from lingpai.console.view import View
from lingpai.events import service as events
from lingpai.events.model import Event
from lingpai.events.storage import AuditPage, AuditQuery, BadCursor
from lingpai.events.types import TYPES
from lingpai.kernel.errors import invalid_request
from lingpai.statistics import service as statistics


@dataclass(frozen=True)
class Wanted:
    """What is looked for: `by` says what `value` is; times in seconds, both included; None for any."""

    by: str = ""
    value: str = ""
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True)
class Row:
    """An event for people."""

    time: str
    type: str
    what: str
    subject: str
    actor: str
    client: str
    address: str
    request_id: str
    data: str


def types(view: View) -> Mapping[str, str]:
    """The types of events, with what they mean."""
    return {name: kind.zh if view.language == "zh" else kind.en for name, kind in TYPES.items()}


def find(view: View, wanted: Wanted, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Events, the newest first, and where the next page starts. LingpaiError for a cursor that is none."""
    query = AuditQuery(
        subject=wanted.value if wanted.by == "subject" else None,
        actor=wanted.value if wanted.by == "actor" else None,
        type=wanted.value if wanted.by == "type" else None,
        since=wanted.since,
        until=None if wanted.until is None else wanted.until + 1,
    )
    page = _page(view, query, limit, after)
    meanings = types(view)
    return [_row(view, event, meanings) for event in page.events], page.next


def first(view: View, wanted: Wanted, most: int) -> list[Row]:
    """The newest `most` events: page after page, since one of a quiet time may be short or empty."""
    rows, after = find(view, wanted, most, None)
    while after is not None and len(rows) < most:
        more, after = find(view, wanted, most - len(rows), after)
        rows += more
    return rows


def latest(view: View, subject: str) -> list[Row]:
    """The latest events of a subject. One call."""
    return find(view, Wanted("subject", subject), 10, None)[0]


def newest(view: View, days: int) -> list[Row]:
    """The latest events of so many days. One call for each day, until ten events are found."""
    since, *_ = statistics.last_days(view.services, days)
    return find(view, Wanted(since=since), 10, None)[0]


def new_accounts(view: View, limit: int, after: str | None) -> tuple[list[int], str | None]:
    """The ids of the newest accounts, deleted ones too, and where the next page starts. One call.

    LingpaiError for a cursor that is none.
    """
    page = _page(view, AuditQuery(type="user.created"), limit, after)
    return [int(event.subject.removeprefix("user:")) for event in page.events], page.next


def _page(view: View, query: AuditQuery, limit: int, after: str | None) -> AuditPage:
    try:
        return events.find(view.services, query, limit, after)
    except BadCursor:
        raise invalid_request("bad_parameter", name="after") from None


def _row(view: View, event: Event, meanings: Mapping[str, str]) -> Row:
    return Row(
        time=view.moment(event.at),
        type=event.type,
        what=meanings.get(event.type, event.type),
        subject=event.subject,
        actor=event.actor,
        client=event.client,
        address=event.address,
        request_id=event.request_id,
        data=", ".join(f"{name}={_text(value)}" for name, value in event.data.items() if value not in ("", [], None)),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
