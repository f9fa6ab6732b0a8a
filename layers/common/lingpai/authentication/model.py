"""The result of an authentication."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lingpai.accounts.storage import ChangeUser
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.writes import Conflict, Write


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Authenticated:
    """An authenticated user: the id, how (`login_methods`) and when they logged in, and the writes to commit.

    The `writes` use up the proof, and check that the account has not changed or create it. They are committed together
    with the caller's own writes, such as a new session: see `service.complete`, which also calls the three functions.

    `after_conflict` gets the Conflict of one of the writes: it authenticates again, or raises the LingpaiError to
    answer. `after_commit` is called after a commit. `after_unavailable` is called after a 503, when it is unknown
    whether the commit was done: it makes the proof valid again, so that the caller can retry.

    A proof that is good and logs nobody in has a `refusal`: it is raised once the writes are committed, so that it is
    told to nobody who has not proven the account within the limits, and never of an account that cannot be used.

    `new_password` is the write that sets a new password. It is committed in the transaction that opens the session, in
    place of the CheckUser among the `writes`, so that an account that has two factors changes for none but both.
    """

    user_id: int
    methods: tuple[str, ...]
    auth_time: int
    writes: tuple[Write, ...] = field(repr=False)
    after_conflict: Callable[[Conflict], "Authenticated"] = field(repr=False)
    after_commit: Callable[[], None] = field(default=_nothing, repr=False)
    after_unavailable: Callable[[], None] = field(default=_nothing, repr=False)
    refusal: LingpaiError | None = None
    new_password: ChangeUser | None = field(default=None, repr=False)
