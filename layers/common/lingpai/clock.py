"""The only source of time and chance: what a test must be able to hold still comes from here."""

import os
import time
from collections.abc import Callable

from lingpai.frozen import frozen

SESSION_ID_BYTES = 8
SECRET_BYTES = 32
CODE_DIGITS = 6

# 2024-01-01T00:00:00Z. With 41 bits of milliseconds the ids last until 2093.
USER_ID_EPOCH_MS = 1_704_067_200_000
USER_ID_RANDOM_BITS = 12

# Clocks that differ a little: so much may a time be in the future and still be taken for now, in seconds.
LEEWAY = 30

# Owners from here up are not users: no user id has more than 53 bits.
FIRST_MACHINE_OWNER = 2**63


@frozen
class Clock:
    """Tells the time and draws the dice.

    `time` gives seconds since 1970 as a float; `random_bytes` gives that many bytes from the system's CSPRNG.
    """

    time: Callable[[], float] = time.time
    random_bytes: Callable[[int], bytes] = os.urandom

    def now(self) -> int:
        """Whole seconds since 1970-01-01T00:00:00Z."""
        return int(self.time())

    def new_user_id(self) -> int:
        """A number below 2^53, so that JavaScript reads it whole: milliseconds first, 12 random bits last."""
        milliseconds = int(self.time() * 1000) - USER_ID_EPOCH_MS
        low = int.from_bytes(self.random_bytes(2)) & ((1 << USER_ID_RANDOM_BITS) - 1)
        return milliseconds << USER_ID_RANDOM_BITS | low

    def new_machine_owner(self) -> int:
        """A random owner, 63 bits, for a session that belongs to no user: it spreads them over the table."""
        return FIRST_MACHINE_OWNER | int.from_bytes(self.random_bytes(8)) >> 1

    def new_session_id(self) -> bytes:
        """The random half of a session's key: 64 bits."""
        return self.random_bytes(SESSION_ID_BYTES)

    def new_secret(self) -> bytes:
        """256 bits: an access or refresh secret, or a salt to derive the next ones from."""
        return self.random_bytes(SECRET_BYTES)

    def new_code(self) -> str:
        """Six unbiased decimal digits: a draw above the last whole multiple of 10^6 is drawn again."""
        span = 10**CODE_DIGITS
        limit = 2**32 - 2**32 % span
        while (draw := int.from_bytes(self.random_bytes(4))) >= limit:
            pass
        return f"{draw % span:0{CODE_DIGITS}d}"
