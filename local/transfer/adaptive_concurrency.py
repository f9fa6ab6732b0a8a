"""Adapt the number of concurrent calls to the store: raised slowly after successes, halved after a refusal."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lingpai.kernel.errors import LingpaiError

_FIRST = 4
_LONGEST_PAUSE = 5.0


class Stopped(Exception):
    """The import was stopped while it waited for the store."""


class AdaptiveConcurrency:
    """Let at most `limit` calls run at once, from 1 to `most`. For use by many threads.

    It gives up after `patience` seconds in which the store refused every call. `stop` ends the waiting.
    """

    def __init__(self, most: int, stop: threading.Event, patience: float = 60) -> None:
        self.limit = float(min(_FIRST, most))
        self._most = most
        self._stop = stop
        self._patience = patience
        self._running = 0
        self._turn = threading.Condition()
        self._cut_at = 0.0
        self._busy_since: float | None = None

    def run[T](self, call: Callable[[], T]) -> T:
        """Return what `call` returns; the call is repeated while the store is busy.

        Raises the LingpaiError `temporarily_unavailable` after `patience` seconds, and Stopped when told to stop.
        """
        refusals = 0
        while True:
            with self._slot() as started:
                try:
                    answer = call()
                except LingpaiError as error:
                    if error.code != "temporarily_unavailable":
                        raise
                    self._busy(error, started)
                else:
                    self._good()
                    return answer
            refusals += 1
            longest = min(0.05 * 2**refusals, _LONGEST_PAUSE)
            if self._stop.wait(random.uniform(longest / 2, longest)):  # noqa: S311  no secret hangs on it
                raise Stopped

    @contextmanager
    def _slot(self) -> Iterator[float]:
        """Wait until another call may run; yields the time at which it started."""
        with self._turn:
            self._turn.wait_for(lambda: self._running < int(self.limit))
            self._running += 1
        try:
            yield time.monotonic()
        finally:
            with self._turn:
                self._running -= 1
                self._turn.notify_all()

    def _good(self) -> None:
        with self._turn:
            self._busy_since = None
            self.limit = min(self.limit + 1 / self.limit, float(self._most))

    def _busy(self, error: LingpaiError, started: float) -> None:
        with self._turn:
            now = time.monotonic()
            # Calls that ran at the same time and were all refused halve the limit once.
            if started >= self._cut_at:
                self.limit = max(self.limit / 2, 1.0)
                self._cut_at = now
            if self._busy_since is None:
                self._busy_since = now
            elif now - self._busy_since > self._patience:
                raise error
