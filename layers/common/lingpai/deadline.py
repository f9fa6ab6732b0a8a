"""By when whoever is asked has to have answered, so that there is time left to answer the request.

Lambda ends a function at its time-out in whatever it does: nobody is told anything then, and nothing is logged. So what
is asked of AWS, of a sender or of a sign provider is given up a moment before. All calls of a request share that time,
however many they are.
"""

import math
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

# Seconds that are left for the answer, its line of log and its metrics: some milliseconds of work.
_LAST_WORDS = 0.5

_until: ContextVar[float] = ContextVar("until", default=math.inf)


def begin(context: Any) -> None:
    """A request begins. `context` is Lambda's, which tells how long the function may run; None sets it no bound."""
    if context is not None:
        left: float = context.get_remaining_time_in_millis() / 1000
        _until.set(time.monotonic() + left - _LAST_WORDS)


def end() -> None:
    """The request is answered; what is asked next belongs to none."""
    _until.set(math.inf)


def until() -> float:
    """By when, as `time.monotonic` tells it; infinite where nobody ends what is under way."""
    return _until.get()


def left_of(seconds: float) -> float:
    """How many of these seconds the request can still wait: all of them, fewer, or none (zero and less)."""
    return min(seconds, until() - time.monotonic())


def is_over() -> bool:
    """Whether the request has no time left. Who failed to answer then may be well: it was given up."""
    return time.monotonic() >= until()


def call_within[T](seconds: float, call: Callable[[], T]) -> T:
    """What `call` returns or raises; TimeoutError when `seconds` have passed.

    It runs on a thread of its own, in the caller's context, and is left to itself where it takes too long.
    """
    outcome: list[T] = []
    problem: list[BaseException] = []
    context = copy_context()

    def run() -> None:
        try:
            outcome.append(context.run(call))
        except BaseException as error:  # noqa: BLE001  it is raised where it was asked for
            problem.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if problem:
        raise problem[0]
    if not outcome:
        raise TimeoutError("no answer in time")
    return outcome[0]
