"""At most SESSIONS_MAX live sessions for each account (docs/decisions/0017-session-limit.md).

The account has a counter of its sessions, which does not notice when a session expires. A login adds one in the
transaction that opens its session, which fails if the limit is reached. Only then are the sessions read: the live ones
are counted again, and the oldest end if there are too many. So only few logins take more calls.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, CheckUser, Count, OneMore, PutUser, Recounted
from lingpai.kernel.errors import unavailable
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from lingpai.sessions.model import SessionKey
from lingpai.sessions.storage import EndSession, PutSession

if TYPE_CHECKING:
    from lingpai.browser_sessions.storage import PutBrowserSession

_ATTEMPTS = 20


@runtime_checkable
class _Dated(Protocol):
    """A write that says when the session was opened, as that of a code does which rests on the session."""

    def opened_at(self, at: int) -> Write:
        """The same write, of a session that is opened at `at`."""
        ...


# The most sessions that one login ends, since a transaction has room for no more. An account from before the limit may
# have any number of sessions.
_ENDED_AT_ONCE = 50


def commit(services: Services, put: "PutSession | PutBrowserSession", writes: tuple[Write, ...]) -> None:
    """Put a user's session together with `writes`, and count it in the account that they check, change or put.

    It is not counted if no write is one of an account. A session that the writes end makes room for it. Conflict as
    from `Store.commit`, but never for the count.
    """
    most = services.settings.sessions_max
    leaving = {write.key for write in writes if isinstance(write, EndSession)}
    count: Count = OneMore(most, put.session.created_at)
    ended: tuple[EndSession, ...] = ()
    for _ in range(_ATTEMPTS):
        try:
            services.store.commit(*(_counting(write, count) for write in writes), put, *ended)
            return
        except Conflict as failed:
            # If the count was allowed, another condition of the transaction failed.
            if failed.user is None or failed.user.disabled or count.allows(failed.user) or _is_refused(failed):
                raise Conflict(_counting(failed.write, None), failed.user) from None
            # All sessions up to `ended_until` have ended. That may be in the future by the clock here.
            opened_at = max(put.session.created_at, failed.user.ended_until + 1)
            put = put.opened_at(opened_at)
            writes = tuple(write.opened_at(opened_at) if isinstance(write, _Dated) else write for write in writes)
            count, ended = OneMore(most, opened_at), ()
            if not count.allows(failed.user):
                count, ended = _make_room(services, failed.user, leaving, most, opened_at)
    raise unavailable()


def _is_refused(failed: Conflict) -> bool:
    """Whether the account has a second factor, and the write demands that it has none."""
    write = failed.write
    return (
        isinstance(write, CheckUser | ChangeUser)
        and write.one_factor
        and bool(failed.user and failed.user.second_factors)
    )


def _counting(write: Write, count: Count | None) -> Write:
    """The write with this count, if it is one of an account."""
    match write:
        case CheckUser() | ChangeUser():
            return replace(write, count=count)
        case PutUser():
            return replace(write, sessions=1 if count else 0)
        case _:
            return write


def _make_room(
    services: Services, user: User, leaving: Collection[SessionKey], most: int, opened_at: int
) -> tuple[Recounted, tuple[EndSession, ...]]:
    """The count of the live sessions and one more, and the writes that end the oldest beyond the limit.

    The sessions that are `leaving` are ended by other writes, and count no more.
    """
    now = services.clock.now()
    alive = [
        span
        for span in services.store.session_spans(user.id)
        if span.key not in leaving and span.over_at > now and not services.clients.has_ended(span.key, span.opened_at)
    ]
    alive.sort(key=lambda span: (span.opened_at, span.key.id))
    ended = tuple(
        EndSession(span.key, evicted=True) for span in alive[: max(0, len(alive) + 1 - most)][:_ENDED_AT_ONCE]
    )
    return Recounted(user.logins, len(alive) + 1 - len(ended), opened_at), ended
