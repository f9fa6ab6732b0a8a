"""Codes sent to mobile numbers, and the guesses at them."""

from dataclasses import dataclass, field

from lingpai.clients.model import Client
from lingpai.sms.model import Purpose


@dataclass(frozen=True)
class Code:
    """All that is known of the codes sent to one number. `sent` holds the times of the last sendings.

    `tries` counts the guesses at the number until `tries_until`, `name_tries` those at the name of its account; a new
    code resets neither. `guesses` counts those at this code, on whatever route. `proven` is whether somebody gave the
    code back right, and `proof_day` the day (since 1970) whose codes the number's last proof was counted for.

    The code is good at the client `client_id`, for `purpose` (None: to log in and to link). `unsent` is the id of the
    last sending that was taken back.
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
    """Who presents a code: at which client (None where the route asks for no client), and from which address.

    Where `address` is None, wrong guesses are counted for the client.
    """

    client: Client | None
    address: str | None

    @classmethod
    def of(cls, client: Client, address: str, *, forwarded: bool) -> "Presenter":
        """The presenter at a client that has proven itself; `address` is the end user's where it is `forwarded`.

        Anybody may say that they are a public client; the address of one with a secret may stand for many people.
        """
        return cls(client, address if forwarded or not client.confidential else None)
