"""A circuit breaker for each provider, its state shared by all execution environments through the counters.

Closed: everyone may send. So many failures within a minute open it for a pause: nobody may. Then it is half-open: in
each further pause one message is let through, until one of them shows that the provider is well again, and closes it.

What is kept: a counter of the failures of each minute, and one of what is open, whose counts bear in their names until
when. The right to try is a counter of its own with a limit of one, which the store gives to exactly one caller.

Where the counters cannot be read or written, everyone may send: the breaker spares waiting, not money. What costs money
(the limits for a number, an address, a client and the day) was counted before, and fails closed.
"""

from collections.abc import Callable
from typing import Literal

from lingpai.kernel.clock import Clock
from lingpai.kernel.meter import Meter
from lingpai.rate_limits.storage import Counters

MINUTE = 60
DAY = 86400
# How many times of opening are kept.
KEPT = 20

State = Literal["closed", "open", "trying"]


class Breaker:
    """`failures` within a minute open it for `pause` seconds; with 0 it is always closed."""

    def __init__(self, counters: Counters, clock: Clock, meter: Meter, failures: int, pause: int) -> None:
        self._counters = counters
        self._clock = clock
        self._meter = meter
        self._failures = failures
        self._pause = pause

    def state(self, provider: str) -> State:
        """Whether a message may be sent: not when `open`; `trying` is the one try of a half-open breaker.

        One read when closed or open, and one write when half-open.
        """
        if not self._failures:
            return "closed"
        return self._tolerant(provider, lambda: self._read(provider), "closed")

    def failed(self, provider: str) -> None:
        """The provider is not well. One write; a read and a write more for those that open it."""
        if self._failures:
            self._tolerant(provider, lambda: self._count(provider), None)

    def recovered(self, provider: str) -> None:
        """The try of a half-open breaker went well: it is closed, and counts anew. Two writes."""
        self._tolerant(provider, lambda: self._close(provider), None)

    def _read(self, provider: str) -> State:
        ends = [int(name) for name in self._counters.counts(_key(provider))]
        if not ends:
            return "closed"
        since = self._clock.now() - max(ends)
        if since < 0:
            return "open"
        # Each pause has one try to give away, so that one whose environment died with it does not keep it forever.
        turn = max(ends) + since // self._pause * self._pause
        got = self._counters.increment(f"{_key(provider)}:try:{turn}", {"tries": 1}, turn + DAY)
        return "trying" if got.done else "open"

    def _close(self, provider: str) -> None:
        self._counters.clear(self._minute(provider))
        self._counters.clear(_key(provider))

    def _count(self, provider: str) -> None:
        now = self._clock.now()
        counted = self._counters.increment(self._minute(provider), {"failed": self._failures}, now + DAY)
        if counted.counts["failed"] >= self._failures:
            self._open(provider, now + self._pause)

    def _minute(self, provider: str) -> str:
        now = self._clock.now()
        return f"{_key(provider)}:failed:{now - now % MINUTE}"

    def _open(self, provider: str, end: int) -> None:
        known = self._counters.counts(_key(provider))
        if str(end) in known:
            return
        if len(known) >= KEPT:
            # One that opens again and again, for days, would outgrow its item. Whoever asks in between may try.
            self._counters.clear(_key(provider))
        self._counters.increment(_key(provider), {str(end): 1}, end + DAY)

    def _tolerant[T](self, provider: str, call: Callable[[], T], otherwise: T) -> T:
        try:
            return call()
        except Exception:  # noqa: BLE001  whatever ails the counters, a message can be sent, and one that was sent is
            self._meter.count("SmsBreakerBlind", provider=provider)
            return otherwise


def _key(provider: str) -> str:
    return f"sms:breaker:{provider}"
