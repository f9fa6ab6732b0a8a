"""The store interface of rate limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lingpai.kernel.writes import Write


@dataclass(frozen=True)
class CheckCounter(Write):
    """Write nothing; fail if one of these counts has reached its limit."""

    key: str
    limits: Mapping[str, int]


@dataclass(frozen=True)
class IncrementCounter(Write):
    """Add one to each count that `limits` names. Fail if one of them has reached its limit."""

    key: str
    limits: Mapping[str, int]
    ttl: int


@dataclass(frozen=True)
class Incremented:
    """Whether the counts were incremented, and their values afterwards."""

    done: bool
    counts: Mapping[str, int]


class Counters(Protocol):
    """Counters: each has named counts under one key, exact under concurrency. A count starts at 0.

    The name of a count holds neither dots nor brackets.
    """

    def increment(self, key: str, limits: Mapping[str, int], ttl: int, amount: int = 1) -> Incremented:
        """Add one to each count that `limits` names, unless one of them has reached its limit: in one write.

        With an amount of 0 nothing is added, but `done` and the work are the same.
        """
        ...

    def refund(self, key: str, name: str, amount: int = 1, add: str | None = None) -> None:
        """Subtract `amount` from the count, but not below 0, and add one to the count `add`.

        Do nothing if the counter does not exist (any more).
        """
        ...

    def undo_increment(self, write: IncrementCounter) -> None:
        """Undo this write, if it was done.

        One of its counts must have a name that no other write uses, so that this write can be recognised.
        """
        ...

    def counts(self, key: str) -> Mapping[str, int]:
        """All counts under this key; sees all writes before it."""
        ...

    def counts_of(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """The counts of these keys (at most 100), by key, in one call; sees all writes before it."""
        ...

    def clear(self, key: str) -> None:
        """Remove all counts under this key, as an admin or the operator asks; what causes it is kept."""
        ...
