"""The only source of time and of random values, so that tests can replace both."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lingpai.kernel.errors import SettingsError

SESSION_ID_BYTES = 8
SECRET_BYTES = 32
CODE_DIGITS = 6

# 2024-01-01T00:00:00Z. With 41 bits of milliseconds the ids last until 2093.
USER_ID_EPOCH_MS = 1_704_067_200_000
USER_ID_RANDOM_BITS = 12

# The accepted clock skew in seconds: a time so far in the future still counts as now.
LEEWAY = 30

# Owners from here up are not users: no user id has more than 53 bits.
FIRST_MACHINE_OWNER = 2**63


# Defined here, because in the class below `time` is a field, not the module.
_MONOTONIC = time.monotonic


class _Seen:
    """The state of a process's two clocks, in seconds: the latest time, and the elapsed time."""

    __slots__ = ("latest", "lock", "monotonic", "passed", "wall")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.latest = self.passed = self.wall = self.monotonic = 0.0


@dataclass(frozen=True)
class Clock:
    """The time, and random values.

    `time` returns seconds since 1970 as a float, `monotonic` seconds since an arbitrary moment, `random_bytes` that
    many bytes from the system's CSPRNG.
    """

    time: Callable[[], float] = time.time
    random_bytes: Callable[[int], bytes] = os.urandom
    monotonic: Callable[[], float] = _MONOTONIC
    _seen: _Seen = field(default_factory=_Seen, init=False, repr=False, compare=False)

    def now(self) -> int:
        """Whole seconds since 1970-01-01T00:00:00Z. It never goes back, even if the machine's clock is set back."""
        return int(self._latest())

    def elapsed(self) -> int:
        """Whole seconds since an arbitrary moment, for the age of cached values.

        It follows the faster of two clocks: the wall clock may be set back, and the monotonic one stops while a Lambda
        environment is frozen.
        """
        seen = self._seen
        with seen.lock:
            wall, monotonic = self.time(), self.monotonic()
            # The first call counts from 1970, so that an age counted from 0 is large.
            seen.passed += max(wall - seen.wall, monotonic - seen.monotonic if seen.passed else 0.0, 0.0)
            seen.wall, seen.monotonic = wall, monotonic
            return int(seen.passed)

    def check(self) -> None:
        """SettingsError if the machine's clock shows a time before 2024."""
        if self.time() * 1000 < USER_ID_EPOCH_MS:
            shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.time()))
            raise SettingsError(f"the clock of this machine shows {shown}, a time before 2024: set it and start again")

    def _latest(self) -> float:
        seen = self._seen
        with seen.lock:
            seen.latest = max(seen.latest, self.time())
            return seen.latest

    def new_user_id(self) -> int:
        """A number below 2^53, so that JavaScript reads it whole: milliseconds first, 12 random bits last."""
        milliseconds = int(self._latest() * 1000) - USER_ID_EPOCH_MS
        low = int.from_bytes(self.random_bytes(2)) & ((1 << USER_ID_RANDOM_BITS) - 1)
        return milliseconds << USER_ID_RANDOM_BITS | low

    def new_machine_owner(self) -> int:
        """A random owner, 63 bits, for a session without a user: it spreads such sessions over the table."""
        return FIRST_MACHINE_OWNER | int.from_bytes(self.random_bytes(8)) >> 1

    def new_session_id(self) -> bytes:
        """The random half of a session's key: 64 bits."""
        return self.random_bytes(SESSION_ID_BYTES)

    def new_secret(self) -> bytes:
        """256 bits: an access or refresh secret, or a salt from which the next ones are derived."""
        return self.random_bytes(SECRET_BYTES)

    def new_code(self) -> str:
        """Six unbiased decimal digits: a draw above the last whole multiple of 10^6 is drawn again."""
        span = 10**CODE_DIGITS
        limit = 2**32 - 2**32 % span
        while (draw := int.from_bytes(self.random_bytes(4))) >= limit:
            pass
        return f"{draw % span:0{CODE_DIGITS}d}"
