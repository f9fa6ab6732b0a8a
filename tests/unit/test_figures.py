"""The figures of a day that events make: what counts, and how often."""

from typing import Any

import pytest

from lingpai.events import figures
from lingpai.events.model import Event
from lingpai.kernel.errors import unavailable
from lingpai.statistics import service as statistics
from tests.support.api import Api, make_api
from tests.support.memory_store import MemoryStore
from tests.support.time import START

DAY = 86400
TODAY = START // DAY * DAY


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, MemoryStore())


def event(kind: str, subject: str = "user:1", at: int = START, **data: Any) -> Event:
    return Event(f"{kind}-{at}", kind, at, subject, "", "", "", "", data)


def counted(api: Api, *events: Event) -> tuple[dict[str, int], dict[str, int]]:
    """The figures of yesterday and today after these events."""
    figures.count(api.services, events)
    yesterday, today = statistics.by_day(api.services, (TODAY - DAY, TODAY))
    return dict(yesterday), dict(today)


def test_a_login_counts_once(api: Api) -> None:
    """By its first session: neither an app that it opens nor a client's own token is one more."""
    browser, app, machine = event("session.started"), event("session.started", sid="s"), "client:job"
    assert counted(api, browser, app, event("session.started", machine)) == ({}, {"logins": 1})


def test_days_are_apart(api: Api) -> None:
    """Those of UTC."""
    late, early = event("user.created", at=TODAY - 1), event("user.created", at=TODAY)
    assert counted(api, late, early, early) == ({"users": 1}, {"users": 2})


@pytest.mark.parametrize("kind", ["login.refused", "code.refused"])
@pytest.mark.parametrize("told", [(10,), (10, 100), (10, 100, 1000)])
def test_refusals_count_as_often_as_they_were(api: Api, kind: str, told: tuple[int, ...]) -> None:
    """One event stands for those since the one before."""
    events = [event(kind, "counter:login", count=count) for count in told]
    assert counted(api, *events) == ({}, {"refusals": told[-1]})


def test_other_events_count_for_nothing(api: Api) -> None:
    assert counted(api, event("user.updated"), event("session.ended"), event("client.created", "client:a")) == ({}, {})


def test_no_event_waits_for_a_figure(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: Any) -> None:
        raise unavailable()

    monkeypatch.setattr(MemoryStore, "increment", fail)
    assert counted(api, event("user.created")) == ({}, {})
