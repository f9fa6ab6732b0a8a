"""Writes that are committed together."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lingpai.accounts.model import User


class Write:
    """A change, or a check, that a store makes of one item: data that its feature's storage defines.

    Those that belong together are committed together (`Ledger.commit`).
    """

    __slots__ = ()


class Conflict(Exception):
    """A write could not be done, so none of its transaction was. `write` is the first that failed.

    `user` is the account as it was then, for a write with a `count` or `one_factor`; None where it is gone.
    """

    def __init__(self, write: Write, user: "User | None" = None) -> None:
        super().__init__(type(write).__name__)
        self.write = write
        self.user = user


class Ledger(Protocol):
    """Writes that belong together."""

    def commit(self, *writes: Write) -> None:
        """Do all of `writes` or none (at most 100, each on another item); raise Conflict when one fails."""
        ...
