"""The request's deadline, shared by all outbound calls.

Lambda ends a function at its time-out, without an answer to the client and without a line in the log. So calls to AWS,
to senders and to sign providers are given up half a second before.
"""

import math
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

# Kept for the answer, its line in the log and its metrics, in seconds.
_LAST_WORDS = 0.5

_until: ContextVar[float] = ContextVar("until", default=math.inf)


def begin(context: Any) -> None:
    """Set the deadline of a new request. `context` is Lambda's and tells the time left; None sets no deadline."""
    if context is not None:
        left: float = context.get_remaining_time_in_millis() / 1000
        _until.set(time.monotonic() + left - _LAST_WORDS)


def end() -> None:
    """Clear the deadline: the request is answered."""
    _until.set(math.inf)


def until() -> float:
    """The deadline, on the clock of `time.monotonic`; infinite where there is none."""
    return _until.get()


def is_set() -> bool:
    """Whether a request is being answered that has a deadline."""
    return until() < math.inf


def left_of(seconds: float) -> float:
    """`seconds`, or the time left until the deadline where that is less; zero or negative when it has passed."""
    return min(seconds, until() - time.monotonic())


def is_over() -> bool:
    """Whether the deadline has passed. A call that failed then says nothing about the service that was called."""
    return time.monotonic() >= until()


def call_within[T](seconds: float, call: Callable[[], T]) -> T:
    """Run `call`, and return its result; TimeoutError after `seconds`.

    It runs on a thread of its own, in the caller's context. The thread is not stopped where it takes longer.
    """
    outcome: list[T] = []
    problem: list[BaseException] = []
    context = copy_context()

    def run() -> None:
        try:
            outcome.append(context.run(call))
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            problem.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if problem:
        raise problem[0]
    if not outcome:
        raise TimeoutError("no answer in time")
    return outcome[0]
