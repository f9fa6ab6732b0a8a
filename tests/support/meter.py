"""A meter that remembers what it was told."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class MemoryMeter:
    """Counts by name and by what tells the counts of a name apart, as in "CodesSent country=CN prefix=+861331"."""

    counted: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, **told: str) -> None:
        """See `Meter`."""
        with self._lock:
            self.counted[" ".join([name, *(f"{key}={value}" for key, value in sorted(told.items()))])] += 1

    def flush(self) -> None:
        """See `Meter`."""
