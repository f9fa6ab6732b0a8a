"""Counts for operators."""

from typing import Protocol


class Meter(Protocol):
    """Counts what an operator watches."""

    def count(self, name: str, **told: str) -> None:
        """One more of `name` (CamelCase). What is `told` of it holds nothing about a person."""
        ...

    def flush(self) -> None:
        """Write down what this thread has counted since it last did so: at the end of each request."""
        ...
