"""Many callers at once: threads that start together, and what became of each."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lingpai.kernel.errors import LingpaiError

RACERS = 32


def race[T](calls: Sequence[Callable[[], T]]) -> list[T | LingpaiError]:
    """Make all these calls, each in a thread of its own, released by one barrier.

    Gives what each returned, or the LingpaiError that refused it; anything else that is raised is raised here.
    """
    barrier = threading.Barrier(len(calls), timeout=60)

    def run(call: Callable[[], T]) -> T | LingpaiError:
        barrier.wait()
        try:
            return call()
        except LingpaiError as refused:
            return refused

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def won[T](outcomes: Sequence[T | LingpaiError]) -> list[T]:
    """What the calls that were not refused returned."""
    return [outcome for outcome in outcomes if not isinstance(outcome, LingpaiError)]


def refusals(outcomes: Sequence[object]) -> Counter[str]:
    """How often each reason was given for a refusal."""
    return Counter(f"{o.status} {o.code} {o.reason}" for o in outcomes if isinstance(o, LingpaiError))
