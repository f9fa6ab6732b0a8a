"""What SMS codes need from a store."""

from dataclasses import dataclass, field
from typing import Protocol

from lingpai.kernel.writes import Write
from lingpai.sms_codes.model import Code, Guess


@dataclass(frozen=True)
class ConsumeCode(Write):
    """The code of this digest is used up, and the guess that found it (`by_name`) is not counted as a wrong one.

    `proof_day` is the day whose codes the number has now given a proof for. Fails where the code is another, used or
    expired at `now`. `decision` is a random id, kept with the number: see `Codes.reopen_code`.
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
        """What is known of the number."""
        ...

    def save_code(self, before: Code | None, after: Code, ttl: int, sending: str = "") -> bool:
        """Keep `after`; False where what is known is not `before` any more: another sending, or a code used up.

        Tries are left out of that: they stay as counted, unless `after` opens a new window for them. `sending` is this
        sending's id; it is refused once `unsent` names it, so that a write which arrives late does nothing.
        """
        ...

    def reopen_code(self, used: ConsumeCode, expires_at: int) -> None:
        """Make the code good again until `expires_at`, if it was this write that used it up and nothing came since."""
        ...

    def mark_proven(self, number: str, digest: bytes, proof_day: int) -> bool:
        """Remember that the code of this digest was given back right, on this day: whether this was the first time."""
        ...

    def count_try(self, number: str, guess: Guess) -> Code:
        """Count one guess, then tell what is known, the count included.

        After its window, which begins with the first guess (or with the code that opened it), the count begins again
        at 1. Guesses at a number that no code was sent to count as well. While tries are left, it counts for the code,
        too.
        """
        ...
