"""Codes sent to mobile numbers, and the guesses at them."""

from dataclasses import dataclass, field

from lingpai.clients.model import Client
from lingpai.sms.model import Purpose


@dataclass(frozen=True)
class Code:
    """The record of the codes sent to one number. `sent` are the times of the last messages.

    `tries` counts the guesses at the number until `tries_until`, `name_tries` those at the name of its account; a new
    code resets neither. `guesses` counts those at this code, on all routes. `proven` is whether the code was entered
    correctly, and `proof_day` the day (since 1970) for which the number's last correct code was counted.

    The code is valid for the client `client_id` and for `purpose` (None: to log in and to link). `unsent` is the id of
    the last message that was undone.
    """

    number: str = field(repr=False)
    digest: bytes | None = field(default=None, repr=False)
    expires_at: int = 0
    sent: tuple[int, ...] = ()
    tries: int = 0
    tries_until: int = 0
    proven: bool = False
    client_id: str | None = None
    purpose: Purpose | None = None
    name_tries: int = 0
    name_tries_until: int = 0
    guesses: int = field(default=0, compare=False)
    proof_day: int = 0
    unsent: str = field(default="", compare=False)

    def tries_at(self, guess: "Guess") -> tuple[int, int]:
        """The tries that the guess is one of, and the end of their window."""
        return (self.name_tries, self.name_tries_until) if guess.by_name else (self.tries, self.tries_until)


@dataclass(frozen=True)
class Guess:
    """A guess at a code, made at `now`: one of `tries` in a window of `window` seconds.

    They count for the number, or (`by_name`) for the name of its account.
    """

    now: int
    window: int
    tries: int
    by_name: bool = False


@dataclass(frozen=True)
class Presenter:
    """The client (None if the route needs none) and the address from which a code is presented.

    If `address` is None, wrong guesses are counted for the client.
    """

    client: Client | None
    address: str | None

    @classmethod
    def of(cls, client: Client, address: str, *, forwarded: bool) -> "Presenter":
        """The presenter at a client that has proven itself; `address` is the end user's where it is `forwarded`.

        Anybody may say that they are a public client; the address of one with a secret may stand for many people.
        """
        return cls(client, address if forwarded or not client.confidential else None)
