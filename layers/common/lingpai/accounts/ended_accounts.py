"""All sessions of an account end at once, however many it has (docs/decisions/0017-session-limit.md).

A request has time to delete some of them. Where there are more, the account is marked, and the request is answered: the
deployment's record, which is read with each client's, lists the account, and sessions that were opened until then are
refused within CLIENT_CACHE_TTL. The account itself keeps the time, too: a login that comes after the mark opens a later
session, whatever the clock of its function says. What is left of the sessions is deleted by the next requests that end
all of them, by the operator's command, or by the table itself.
"""

from contextlib import suppress

from lingpai.accounts.storage import EndOpened
from lingpai.clients import epochs
from lingpai.clients.model import EndedAccount
from lingpai.clients.storage import SaveEnded
from lingpai.kernel import deadline
from lingpai.kernel.clock import LEEWAY
from lingpai.kernel.errors import LingpaiError, unavailable
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from lingpai.sessions.model import SessionKey
from lingpai.sessions.storage import EndSession

# How many sessions a request deletes: DynamoDB writes about 1,000 items a second under one partition key.
DELETED_AT_ONCE = 1000
# How many sessions end in the transaction of a change: what it holds, less the account, its names and the codes.
_SESSIONS_AT_ONCE = 90
# How many accounts the record lists: it stays below the 4 KB that one unit reads.
ACCOUNTS_MAX = 75
_ATTEMPTS = 20


def end_all(services: Services, user_id: int, keep: SessionKey | None = None) -> int:
    """End all sessions of the user but for `keep`; gives how many were deleted. Can be repeated.

    A request deletes DELETED_AT_ONCE at most, and marks the account where there may be more. A command, which has no
    deadline, deletes all.
    """
    store, deleted, in_request, is_second_look = services.store, 0, deadline.is_set(), False
    marked = services.clients.ended_account(user_id) if in_request else of(store.list_ended(), user_id)
    while True:
        keys = store.sessions_of(user_id, DELETED_AT_ONCE)
        found = tuple(key for key in keys if key != keep)
        deleted += len(found)
        are_all = len(keys) < DELETED_AT_ONCE
        if not are_all and in_request and _mark(services, user_id, keep):
            # They have ended: where the store is busy now, more of them stay to be deleted.
            with suppress(LingpaiError):
                store.end_sessions(found)
            return deleted
        store.end_sessions(found)
        if are_all and (is_second_look or not found):
            break
        # A code that was redeemed between looking and deleting has opened a session more.
        is_second_look = are_all
    if marked is not None:
        _unmark(services, marked)
    return deleted


def ending(services: Services, user_id: int, keep: SessionKey | None = None) -> tuple[EndSession, ...]:
    """The writes that end the account's sessions but for `keep`: as many as a transaction holds."""
    others = (key for key in services.store.sessions_of(user_id, _SESSIONS_AT_ONCE) if key != keep)
    return tuple(EndSession(key) for key in others)


def of(accounts: tuple[EndedAccount, ...], user_id: int) -> EndedAccount | None:
    """The entry of this account in the list; None without one."""
    return next((account for account in accounts if account.user_id == user_id), None)


def _mark(services: Services, user_id: int, keep: SessionKey | None) -> bool:
    """List the account; False where the list is full."""
    store = services.store
    for _ in range(_ATTEMPTS):
        listed, user = store.list_ended(), store.get_user(user_id)
        present, others = of(listed, user_id), tuple(account for account in listed if account.user_id != user_id)
        if len(others) >= ACCOUNTS_MAX:
            return False
        # Another function's clock may be ahead, and a session may have been opened since the mark before.
        earlier = (present.until if present else 0, user.ended_until if user else 0)
        until = epochs.moved(services.clock.now() + LEEWAY, *earlier)
        kept = _kept(services, keep, present)
        writes: list[Write] = [SaveEnded(listed, (*others, EndedAccount(user_id, until, kept)))]
        if user is not None:
            writes.append(EndOpened(user_id, until, 1 if kept else 0))
        try:
            store.commit(*writes)
        except Conflict:
            continue
        return True
    raise unavailable()


def _kept(services: Services, keep: SessionKey | None, present: EndedAccount | None) -> bytes | None:
    """The id of the session to keep, if it is still good: what an earlier mark has ended does not come back."""
    opened_at = services.store.opened_at(keep) if keep else None
    if keep is None or opened_at is None or (present is not None and present.has_ended(keep, opened_at)):
        return None
    return keep.id


def _unmark(services: Services, marked: EndedAccount) -> None:
    """Take the account off the list, which it was on before the last of its old sessions was deleted."""
    for _ in range(_ATTEMPTS):
        listed = services.store.list_ended()
        if marked not in listed:
            return
        with suppress(Conflict):
            services.store.commit(SaveEnded(listed, tuple(account for account in listed if account != marked)))
            return
    raise unavailable()
