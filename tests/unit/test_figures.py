"""The figures of a day: what of the events of a batch is a login, a new account or a refusal."""

from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.events import figures
from lingpai.events.model import Event
from lingpai.kernel.errors import unavailable
from lingpai.statistics import service as statistics
from tests.support.memory_store import MemoryStore
from tests.support.stores import settings
from tests.support.webhooks import an_event

AT = 1_893_484_800
DAY = AT - AT % 86400


def counted(*events: Event, day: int = DAY) -> dict[str, int]:
    services = bootstrap.build(settings(), MemoryStore())
    figures.count(services, events)
    return dict(statistics.by_day(services, [day])[0])


def refused(kind: str, count: int, event_type: str = "login.refused") -> Event:
    return an_event(type=event_type, subject=f"counter:{kind}", data={"kind": kind, "limit": "all", "count": count})


def started(subject: str = "user:1", **data: Any) -> Event:
    return an_event(type="session.started", subject=subject, data=data)


def test_logins_and_new_accounts() -> None:
    """A login is counted once, whatever apps it opens; a client's own token is none."""
    given = (an_event(), started(), started(sid=""), started(sid="a-browser"), started("client:web"))
    assert counted(*given) == {"users": 1, "logins": 2}


@pytest.mark.parametrize(
    ("counts", "times"), [((5,), 5), ((10,), 10), ((10, 25), 25), ((10, 100), 100), ((10, 100, 1000), 1000)]
)
def test_refusals(counts: tuple[int, ...], times: int) -> None:
    """Each event stands for those since the one before."""
    assert counted(*(refused("login", count) for count in counts)) == {"refusals": times}
    assert counted(*(refused("verify", count, "code.refused") for count in counts)) == {"refusals": times}


def test_what_is_done_is_no_refusal() -> None:
    """Codes that were sent, and logins by a provider that was asked, have counters, too."""
    assert counted(refused("sign", 10), refused("sms", 100, "code.refused")) == {}


def test_other_events_count_for_nothing() -> None:
    assert counted(an_event(type="user.updated"), an_event(type="session.ended")) == {}


def test_days_are_apart() -> None:
    """Those of UTC."""
    late, early = an_event(at=DAY - 1), an_event(at=DAY)
    assert counted(late, early, early) == {"users": 2}
    assert counted(late, early, day=DAY - 86400) == {"users": 1}


def test_no_event_waits_for_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: Any) -> None:
        raise unavailable()

    monkeypatch.setattr(MemoryStore, "increment", fail)
    assert counted(an_event()) == {}
