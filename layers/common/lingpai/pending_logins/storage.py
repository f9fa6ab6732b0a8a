"""The store interface of pending logins: their writes and reads."""

from dataclasses import dataclass, field
from typing import Protocol

from lingpai.kernel.writes import Write
from lingpai.pending_logins.model import PendingLogin


@dataclass(frozen=True)
class PutPendingLogin(Write):
    """Put a new pending login. Its digest is random: an item that is there already is this one, put before."""

    login: PendingLogin


@dataclass(frozen=True)
class UsePendingLogin(Write):
    """Delete the pending login of this digest. Fails if there is none, or if it has expired by `now`."""

    digest: bytes = field(repr=False)
    now: int


class PendingLogins(Protocol):
    """Pending logins. An expired one may still be found: callers check the expiry."""

    def get_pending_login(self, digest: bytes) -> PendingLogin | None:
        """The pending login; sees all writes before it."""
        ...
