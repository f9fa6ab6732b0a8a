"""The proofs that were used: each is good once (RFC 9449 section 11.1)."""

import threading
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Protocol

# The most proofs that a process keeps in memory.
SIZE = 100_000


class ReplayCache(Protocol):
    """Where used proofs are kept. An API that runs in several processes needs one that they share, such as Redis."""

    def add(self, key: str, expires_at: float) -> bool:
        """Keep the key until this time (seconds since 1970); whether it was not there before.

        Of several calls at once with the same key, one is told True: in Redis `SET key 1 NX EXAT time`.
        """
        ...


class AsyncReplayCache(Protocol):
    """As `ReplayCache`, for asyncio."""

    def add(self, key: str, expires_at: float) -> Awaitable[bool]:
        """As `ReplayCache.add`."""
        ...


class MemoryReplayCache:
    """The proofs that one process has seen, at most `size` of them: after that the oldest is forgotten."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._held: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, key: str, expires_at: float) -> bool:
        """See `ReplayCache`. The time is not needed: a proof that is too old is refused before."""
        with self._lock:
            if key in self._held:
                return False
            self._held[key] = expires_at
            while len(self._held) > self._size:
                self._held.popitem(last=False)
            return True
