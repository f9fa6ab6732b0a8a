"""The store interface of the checks: what a store says of its tables."""

from dataclasses import dataclass
from typing import Protocol

# The parts of a key: HASH or RANGE, the attribute, and its type.
Key = tuple[tuple[str, str, str], ...]


class TableRefused(Exception):
    """The store refuses to say something of a table. `code` is its error, `message` its text.

    `is_absent`: there is no such table; `is_denied`: the caller lacks the permission.
    """

    def __init__(self, code: str, message: str, *, is_absent: bool, is_denied: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.is_absent = is_absent
        self.is_denied = is_denied


@dataclass(frozen=True)
class TableDescription:
    """The key of a table, and its status: ACTIVE where it can be used."""

    key: Key
    status: str


class Tables(Protocol):
    """The tables of a deployment by their real names. Each method is one call; TableRefused for a refusal."""

    def ping(self) -> None:
        """Return once the store has answered. That it refuses this caller, or has no such table, is an answer."""
        ...

    def describe_table(self, table: str) -> TableDescription:
        """The table as it is."""
        ...

    def expires_by(self, table: str) -> str | None:
        """The attribute by which items expire; None where they do not."""
        ...

    def is_recoverable(self, table: str) -> bool:
        """Whether the table has point-in-time recovery."""
        ...
