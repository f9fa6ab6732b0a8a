"""Where deliveries wait for their next try: in SQS, or in the process where there is no AWS."""

import heapq
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lingpai.kernel.clock import Clock


class Queue(Protocol):
    """A queue of messages. Each comes at least once, in any order."""

    def send(self, messages: Sequence[str]) -> None:
        """Add these messages; LingpaiError 503 where it is not certain that all of them were added."""
        ...

    def postpone(self, receipt: str, seconds: int) -> None:
        """Let the received message come again after so many seconds, unless it is deleted; LingpaiError 503."""
        ...


@dataclass(frozen=True)
class Received:
    """A message, and how often it has come, this time included."""

    receipt: str
    message: str
    count: int


class MemoryQueue:
    """A queue in this process. A message that is neither deleted nor postponed comes again at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, int, str, int]] = []
        self._taken: dict[str, tuple[str, int]] = {}
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def send(self, messages: Sequence[str]) -> None:
        """See `Queue`."""
        for message in messages:
            self._put(message, 0, 0)

    def postpone(self, receipt: str, seconds: int) -> None:
        """See `Queue`."""
        with self._changed:
            message, count = self._taken.pop(receipt)
        self._put(message, count, seconds)

    def receive(self, within: float) -> Received | None:
        """The next message that is due within so many seconds; None without one."""
        until = self._clock.monotonic() + within
        with self._changed:
            while not self._waiting or self._waiting[0][0] > self._clock.monotonic():
                now = self._clock.monotonic()
                if until <= now:
                    return None
                due = self._waiting[0][0] if self._waiting else until
                self._changed.wait(min(until, due) - now)
            _, number, message, count = heapq.heappop(self._waiting)
            receipt = str(number)
            self._taken[receipt] = (message, count + 1)
            return Received(receipt, message, count + 1)

    def settle(self, receipt: str, *, done: bool) -> None:
        """Delete the message that was taken, where it is `done`; else let it come again, unless it was postponed."""
        with self._changed:
            taken = self._taken.pop(receipt, None)
        if taken is not None and not done:
            self._put(*taken, 0)

    def _put(self, message: str, count: int, seconds: int) -> None:
        with self._changed:
            heapq.heappush(self._waiting, (self._clock.monotonic() + seconds, next(self._numbers), message, count))
            self._changed.notify_all()
