"""The result of an authentication."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lingpai.kernel.writes import Conflict, Write


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Authenticated:
    """Who somebody has proven to be, how (`login_methods`), when, and the writes that belong to it.

    The `writes` use up the proof, check that the account is still as it was seen, or create it. They are committed
    together with what the authentication is good for, such as a session: see `service.complete`, which calls the rest.

    `after_conflict` gets the Conflict of one of the writes: it authenticates again, or raises the LingpaiError that
    says why it cannot. `after_commit` follows a commit. `after_unavailable` follows a 503, when nobody knows whether
    the commit was done: it makes the proof good again, since the caller got nothing for it.
    """

    user_id: int
    methods: tuple[str, ...]
    auth_time: int
    writes: tuple[Write, ...] = field(repr=False)
    after_conflict: Callable[[Conflict], "Authenticated"] = field(repr=False)
    after_commit: Callable[[], None] = field(default=_nothing, repr=False)
    after_unavailable: Callable[[], None] = field(default=_nothing, repr=False)
