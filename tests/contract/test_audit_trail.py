"""The protocol AuditTrail: what is appended once or often is found once, by subject, actor, type and time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai.events.model import Event
from lingpai.events.storage import AuditQuery, BadCursor
from lingpai.events.types import TYPES
from tests.support.samples import WholeStore

DAY = 86400
# Two hours before the end of a day.
AT = 1_796_083_200 - 7_200


def an_event(number: int, at: int = AT, subject: str = "user:1000", actor: str = "user:1") -> Event:
    return Event(
        id=f"{number:040d}-users-000",
        type="user.disabled" if number % 2 else "user.enabled",
        at=at,
        subject=subject,
        actor=actor,
        client="web",
        address="192.0.2.1",
        request_id=f"request-{number}",
        data={"why": "梅"},
        action="/users/save",
    )


def pages(store: WholeStore, query: AuditQuery, limit: int) -> Iterator[tuple[Event, ...]]:
    after = None
    while True:
        page = store.find_events(query, limit, after)
        assert len(page.events) <= limit
        yield page.events
        if page.next is None:
            return
        after = page.next


def every(store: WholeStore, query: AuditQuery, limit: int = 3) -> list[Event]:
    return [event for page in pages(store, query, limit) for event in page]


def test_an_event_comes_back_whole(store: WholeStore) -> None:
    event = an_event(1)
    store.append_events(())
    assert every(store, AuditQuery(subject="user:1000")) == []
    store.append_events([event])
    assert store.find_events(AuditQuery(subject="user:1000"), 10).events == (event,)


@pytest.mark.security("EVT-once")
def test_an_event_is_kept_once(store: WholeStore) -> None:
    """In one call and in several, more than one of DynamoDB's batches."""
    events = [an_event(number, AT + number // 9) for number in range(60)]
    store.append_events(events + events[:3])
    store.append_events(events[20:])
    store.append_events(events)
    assert every(store, AuditQuery(subject="user:1000"), 7) == events[::-1]


def test_the_newest_come_first_and_those_of_one_second_in_order(store: WholeStore) -> None:
    early, late = an_event(9, AT), an_event(2, AT + 1)
    same = [an_event(number, AT + 1) for number in (10, 100)]
    store.append_events([*same, early, late])
    assert every(store, AuditQuery(subject="user:1000")) == [same[1], same[0], late, early]


def test_by_subject_actor_and_type(store: WholeStore) -> None:
    mine, other, nobody = an_event(1), an_event(2, subject="client:web", actor="operator:梅"), an_event(3, actor="")
    store.append_events([mine, other, nobody])
    assert every(store, AuditQuery(subject="user:1000")) == [nobody, mine]
    assert every(store, AuditQuery(subject="client:web")) == [other]
    assert every(store, AuditQuery(actor="user:1")) == [mine]
    assert every(store, AuditQuery(actor="operator:梅")) == [other]
    assert every(store, AuditQuery(type="user.disabled")) == [nobody, mine]
    assert every(store, AuditQuery(type="user.deleted")) == []
    assert every(store, AuditQuery(until=AT + 1)) == [nobody, other, mine]


@pytest.mark.parametrize("key", [{"subject": "user:1000"}, {"actor": "user:1"}, {"type": "user.disabled"}, {}])
def test_by_time_in_pages_of_any_size(store: WholeStore, key: dict[str, Any]) -> None:
    """Over the end of a day, too: from `since` on, and before `until`."""
    events = [an_event(number, AT + number * 3600) for number in range(1, 20, 2)]
    store.append_events(events)
    since, until = events[2].at, events[7].at
    for limit in (1, 2, 3, 20):
        assert every(store, AuditQuery(**key, since=since, until=until), limit) == events[2:7][::-1]
        assert every(store, AuditQuery(**key, until=events[-1].at + 1), limit) == events[::-1]
    assert every(store, AuditQuery(**key, since=since, until=since)) == []
    assert every(store, AuditQuery(**key, since=until, until=since)) == []


@pytest.mark.parametrize("key", [{"subject": "user:1000"}, {"actor": "user:1"}, {"type": "user.disabled"}, {}])
@pytest.mark.parametrize("until", [AT + 3 * 365 * DAY, 10**10, 253_402_300_799])
def test_until_a_time_far_ahead(store: WholeStore, key: dict[str, Any], until: int) -> None:
    """Years ahead, and where seconds have more digits than the keys of events."""
    event = an_event(1)
    store.append_events([event])
    assert every(store, AuditQuery(**key, until=until)) == [event]
    assert every(store, AuditQuery(**key, since=AT, until=until)) == [event]
    assert every(store, AuditQuery(**key, since=until)) == []


def test_a_quiet_time_is_looked_through(store: WholeStore) -> None:
    """A year between two events: pages may be empty, and there is a next one all the same."""
    old, new = an_event(1, AT - 360 * DAY), an_event(2)
    store.append_events([old, new])
    found = list(pages(store, AuditQuery(until=AT + 1), 10))
    assert [event for page in found for event in page] == [new, old]


def test_events_of_two_tables_in_one_second(store: WholeStore) -> None:
    """Their sequence numbers may be the same."""
    session = replace(an_event(1), id=f"{1:040d}-sessions-000", type="session.ended")
    store.append_events([an_event(1), session])
    assert every(store, AuditQuery(subject="user:1000")) == [an_event(1), session]


@pytest.mark.parametrize("cursor", ["", "x", "1796083200#", "1796083200#A", "1796083200#x~", "17960832001", "#x"])
def test_a_bad_cursor(store: WholeStore, cursor: str) -> None:
    for query in (AuditQuery(subject="user:1"), AuditQuery(type="user.created"), AuditQuery()):
        with pytest.raises(BadCursor, match="no cursor of a page of events"):
            store.find_events(query, 1, cursor)


def test_the_types_are_real() -> None:
    assert {an_event(number).type for number in (1, 2)} <= set(TYPES)
