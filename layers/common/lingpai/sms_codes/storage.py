"""The store interface of SMS codes."""

from dataclasses import dataclass, field
from typing import Protocol

from lingpai.kernel.writes import Write
from lingpai.sms_codes.model import Code, Guess


@dataclass(frozen=True)
class ConsumeCode(Write):
    """Use up the code of this digest, and do not count its guess (`by_name`) as a wrong one.

    `proof_day` is the day for which a correct code of the number is counted. Fails if the code is another, used or
    expired at `now`. `decision` is a random id, stored with the number: see `Codes.reopen_code`.
    """

    number: str = field(repr=False)
    digest: bytes = field(repr=False)
    now: int
    proof_day: int = 0
    by_name: bool = False
    decision: str = ""


class Codes(Protocol):
    """Codes sent to numbers, and the guesses at them."""

    def get_code(self, number: str) -> Code | None:
        """The record of the number; None without one."""
        ...

    def save_code(self, before: Code | None, after: Code, ttl: int, sending: str = "") -> bool:
        """Store `after`; False if the record is no longer `before`: another code was sent, or the code was used up.

        Tries are not compared: they stay as counted, unless `after` opens a new window for them. `sending` is this
        sending's id; it is refused once `unsent` names it, so that a write which arrives late does nothing.
        """
        ...

    def reopen_code(self, used: ConsumeCode, expires_at: int) -> None:
        """Make the code valid again until `expires_at`, if this write used it up and nothing was written since."""
        ...

    def mark_proven(self, number: str, digest: bytes, proof_day: int) -> bool:
        """Record that the code of this digest was entered correctly on this day; True the first time."""
        ...

    def count_try(self, number: str, guess: Guess) -> Code:
        """Count one guess, and return the record with the new count.

        After its window, which begins with the first guess (or with the code that opened it), the count begins again
        at 1. Guesses at a number that no code was sent to count as well. While tries are left, it counts for the code,
        too.
        """
        ...
