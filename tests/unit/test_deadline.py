"""How long a request may ask the store: a little less than the function may run."""

import math
import os
import threading
import time
from types import SimpleNamespace

import pytest

from lingpai.kernel import deadline
from tests.support.deadlines import SHORT, within


@pytest.mark.parametrize("milliseconds", [10_000, 60_000, 400, 0])
def test_a_moment_is_left_for_the_answer(monkeypatch: pytest.MonkeyPatch, milliseconds: int) -> None:
    """Where there is not even that, nothing is asked at all."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    deadline.begin(SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds))
    assert deadline.until() == pytest.approx(1000 + milliseconds / 1000 - 0.5)
    deadline.end()
    assert deadline.until() == math.inf


def test_who_is_not_on_lambda_has_time() -> None:
    """As a script that calls a handler."""
    deadline.begin(None)
    assert deadline.until() == math.inf


@pytest.mark.security("F24")
def test_a_call_within_a_time() -> None:
    """It gives what the call gives, raises what it raises, knows the request, and is not waited out."""
    over = threading.Event()
    with within(SHORT):
        assert deadline.call_within(5, deadline.until) == deadline.until()
        with pytest.raises(KeyError):
            deadline.call_within(5, lambda: os.environ["THERE_IS_NO_SUCH_VARIABLE"])
        with pytest.raises(TimeoutError):
            deadline.call_within(0.01, lambda: over.wait(10))
    over.set()
