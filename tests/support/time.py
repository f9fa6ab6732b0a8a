"""A clock that stands still until a test turns it."""

from dataclasses import dataclass

from lingpai.kernel.clock import Clock

# 2030-01-01T08:00:00Z, a whole hour: windows of limits begin here. In the future, since DynamoDB Local takes away
# what has outlived its `ttl` by the real time.
START = 1_893_484_800


@dataclass
class Time:
    """What `Clock.time` calls: seconds since 1970. `ran` is what the monotonic clock shows."""

    at: float = START
    ran: float = 0

    def __call__(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass."""
        self.at += seconds
        self.ran += seconds

    def clock(self) -> Clock:
        """A clock that shows this time and still draws real dice."""
        return Clock(time=self, monotonic=lambda: self.ran)
