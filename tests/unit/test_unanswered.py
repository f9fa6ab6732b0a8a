"""Notes of requests that were answered 503."""

from typing import Any

import pytest

from lingpai.bootstrap import build
from lingpai.kernel.errors import LingpaiError, conflict, unavailable
from lingpai.rate_limits import unanswered
from lingpai.services import Services
from tests.support.memory_store import MemoryStore
from tests.support.stores import settings
from tests.support.time import Time

pytestmark = pytest.mark.security("F19")


def services_at(time: Time, **overrides: Any) -> Services:
    return build(settings(**overrides), MemoryStore(), time.clock())


def fail(services: Services, error: Exception, *request: object) -> None:
    """The request ends by this error, which is raised on."""
    with pytest.raises(type(error)), unanswered.noted(services, *request):
        raise error


def test_a_repeat_is_known_for_a_minute() -> None:
    time = Time()
    services = services_at(time)
    assert not unanswered.is_repeat(services, "delete", 1)
    fail(services, unavailable(), "delete", 1)
    assert unanswered.is_repeat(services, "delete", 1)
    assert not unanswered.is_repeat(services, "delete", 2)
    time.advance(59)
    assert unanswered.is_repeat(services, "delete", 1)
    time.advance(1)
    assert not unanswered.is_repeat(services, "delete", 1)


@pytest.mark.parametrize("error", [conflict("username_taken"), KeyError("a fault of ours")])
def test_nothing_is_noted_of_what_was_answered(error: Exception) -> None:
    services = services_at(Time())
    fail(services, error, "create", "alice")
    with unanswered.noted(services, "create", "alice"):
        pass
    assert not unanswered.is_repeat(services, "create", "alice")


def test_a_note_tells_nothing_of_the_request() -> None:
    services = services_at(Time())
    fail(services, unavailable(), "link", "+8613312341234", "123456")
    store = services.store
    assert isinstance(store, MemoryStore)
    assert not any(told in repr(store.counters) for told in ("link", "13312341234", "123456"))


def test_a_store_that_takes_no_note_hides_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a deployment without a pepper."""
    services = services_at(Time())

    def broken(*_: object) -> None:
        raise unavailable("provider_unavailable")

    monkeypatch.setattr(services.store, "increment", broken)
    with pytest.raises(LingpaiError) as refused, unanswered.noted(services, "delete", 1):
        raise unavailable()
    assert refused.value.reason == "store_unavailable"
    without = services_at(Time(), code_pepper="")
    fail(without, unavailable(), "delete", 1)
    assert not unanswered.is_repeat(without, "delete", 1)
