"""At most SESSIONS_MAX live sessions for each account (docs/decisions/0017-session-limit.md).

The account has a counter of its sessions, which does not notice when a session expires. A login adds one in the
transaction that opens its session, which fails if the limit is reached. Only then are the sessions read: the live ones
are counted again, and the oldest end if there are too many. So only few logins take more calls.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, CheckUser, Count, OneMore, PutUser, Recounted
from lingpai.kernel.errors import unavailable
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from lingpai.sessions.storage import CheckSession, EndSession, PutSession

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

    It is not counted if no write is one of an account. A session that the writes end makes room for it. One that they
    check, such as the browser's that a code came from, ends last. Conflict as from `Store.commit`, but never for the
    count.
    """
    most = services.settings.sessions_max
    count: Count = OneMore(most, put.session.created_at)
    ended: tuple[EndSession, ...] = ()
    for _ in range(_ATTEMPTS):
        try:
            services.store.commit(*(_counting(write, count) for write in _unless_ended(writes, ended)), put, *ended)
            return
        except Conflict as failed:
            # If the count was allowed, another condition of the transaction failed.
            if failed.user is None or count.allows(failed.user) or _is_refused(failed):
                raise Conflict(_counting(failed.write, None), failed.user) from None
            # All sessions up to `ended_until` have ended. That may be in the future by the clock here.
            opened_at = max(put.session.created_at, failed.user.ended_until + 1)
            put = put.opened_at(opened_at)
            writes = tuple(write.opened_at(opened_at) if isinstance(write, _Dated) else write for write in writes)
            count, ended = OneMore(most, opened_at), ()
            if not count.allows(failed.user):
                count, ended = _make_room(services, failed.user, writes, most, opened_at)
    raise unavailable()


def _is_refused(failed: Conflict) -> bool:
    """Whether the account cannot be used, or has a second factor where the write demands that it has none."""
    write, user = failed.write, failed.user
    if user is None or not isinstance(write, CheckUser | ChangeUser):
        return False
    reopens = isinstance(write, ChangeUser) and write.reopens
    is_closed = user.closes_at is not None and not reopens
    return user.disabled or is_closed or (write.one_factor and bool(user.second_factors))


def _counting(write: Write, count: Count | None) -> Write:
    """The write with this count, if it is one of an account."""
    match write:
        case CheckUser() | ChangeUser():
            return replace(write, count=count)
        case PutUser():
            return replace(write, sessions=1 if count else 0)
        case _:
            return write


def _unless_ended(writes: Sequence[Write], ended: Sequence[EndSession]) -> Iterator[Write]:
    """The writes but those that check a session which is `ended`: that fails just as the check would."""
    keys = {write.key for write in ended}
    return (write for write in writes if not (isinstance(write, CheckSession) and write.key in keys))


def _make_room(
    services: Services, user: User, writes: Sequence[Write], most: int, opened_at: int
) -> tuple[Recounted, tuple[EndSession, ...]]:
    """The count of the live sessions and one more, and the writes that end the oldest beyond the limit.

    Those that `writes` end count no more, and those that they check end last.
    """
    now = services.clock.now()
    leaving = {write.key for write in writes if isinstance(write, EndSession)}
    checked = {write.key for write in writes if isinstance(write, CheckSession)}
    alive = [
        span
        for span in services.store.session_spans(user.id)
        if span.key not in leaving and span.over_at > now and not services.clients.has_ended(span.key, span.opened_at)
    ]
    alive.sort(key=lambda span: (span.key in checked, span.opened_at, span.key.id))
    ended = tuple(
        EndSession(span.key, must_exist=span.key in checked, evicted=True)
        for span in alive[: max(0, len(alive) + 1 - most)][:_ENDED_AT_ONCE]
    )
    return Recounted(user.logins, len(alive) + 1 - len(ended), opened_at), ended
