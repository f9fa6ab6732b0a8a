"""Counts for operators."""

from typing import Protocol


class Meter(Protocol):
    """Counts events for metrics and the log."""

    def count(self, name: str, **told: str) -> None:
        """Add one to the metric `name` (CamelCase). Its details `told` identify no person."""
        ...

    def flush(self) -> None:
        """Write the counts of this thread since the last call. Called at the end of each request."""
        ...
