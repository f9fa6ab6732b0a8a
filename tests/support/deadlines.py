"""Requests that have hardly any time, while each step that they take would have much."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from lingpai.kernel import deadline

# Seconds that a request has. A machine that runs tests is busy: what it has to do meanwhile takes some milliseconds.
SHORT = 0.5
# Seconds that a step has: so many that half of them are no bound, on any machine, for what ends by the request's.
STEP = 20


def run_out() -> None:
    """What was left of the request's time is over now."""
    deadline.begin(SimpleNamespace(get_remaining_time_in_millis=lambda: 0))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """A request that has these seconds, besides those for its answer; and that ends long before a step's would."""
    begun = time.perf_counter()
    deadline.begin(SimpleNamespace(get_remaining_time_in_millis=lambda: int(seconds * 1000) + 500))
    try:
        yield
    finally:
        deadline.end()
    assert time.perf_counter() - begun < STEP / 2
