"""Deletion with time to think: an account is closed when its owner asks for it, and deleted DELETION_DAYS later.

A closed account has no sessions and cannot be logged in to. Its names stay reserved, so nobody else can take them
before it is gone. Its owner may open it again with what only the owner has: the password or a passkey. A code sent to
its number is not enough, since the number may have a new holder by then.

No request looks for accounts that are due: a schedule does (`delete_due`). It reads an index that is empty while no
account is closed. Opening and deleting are conditional writes to the same item, so only one of them succeeds.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lingpai.accounts import ended_accounts
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, DeleteUser
from lingpai.http import fields
from lingpai.kernel import deadline
from lingpai.kernel.errors import LingpaiError, account_closing, conflict, invalid_grant, not_found
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.sessions.model import SessionKey

_DAY = 86400
_ATTEMPTS = 5
# What a transaction of DynamoDB holds.
_WRITES_AT_ONCE = 100
# How many accounts are listed in one call.
_PAGE = 100
# The time that one deletion may need, in seconds: none is begun with less left.
_LONGEST_DELETION = 5


@dataclass(frozen=True)
class Deleted:
    """The ids of accounts that were deleted, and whether `more` are due, for which there was no time."""

    ids: tuple[int, ...]
    more: bool


def close(services: Services, user_id: int, session: "SessionKey", *checks: Write) -> int:
    """Close the account as its owner, whose `session` asks for it; gives when it is deleted. Can be repeated.

    One transaction closes it and ends its last sessions. LingpaiError `conflict` if `checks` do not hold.
    """
    ended_accounts.end_all(services, user_id, keep=session)
    for _ in range(_ATTEMPTS):
        # Read before its sessions: a login after that changes the account, and the transaction fails.
        user = services.store.get_user(user_id)
        if user is None or user.disabled:
            raise not_found("user_not_found")
        if user.closes_at is not None:
            return user.closes_at
        closes_at = time_of(services)
        writes = (ChangeUser(user, replace(user, closes_at=closes_at), alone=True), *checks)
        ended = ended_accounts.ending(services, user_id)
        try:
            services.store.commit(*writes, *ended[: _WRITES_AT_ONCE - len(writes)])
        except Conflict as failed:
            if failed.write in checks:
                raise conflict("changed_meanwhile") from None
            continue
        return closes_at
    raise conflict("changed_meanwhile")


def time_of(services: Services) -> int:
    """When an account is deleted that is closed now."""
    return services.clock.now() + services.settings.deletion_days * _DAY


def reopened(user: User) -> ChangeUser:
    """The write that opens a closed account again."""
    return ChangeUser(user, replace(user, closes_at=None))


def reopen(services: Services, user_id: int) -> bool:
    """Open the account again as the operator; False where it was not closed. LingpaiError `not_found` without one."""
    for _ in range(_ATTEMPTS):
        user = services.store.get_user(user_id)
        if user is None or user.disabled:
            raise not_found("user_not_found")
        if user.closes_at is None:
            return False
        try:
            services.store.commit(reopened(user))
        except Conflict:
            continue
        return True
    raise conflict("changed_meanwhile")


def refusal(services: Services, user_id: int) -> LingpaiError:
    """Why an account that cannot be used refuses a login whose proof is good. One call."""
    return refusal_of(services, services.store.get_user(user_id))


def refusal_of(services: Services, user: User | None) -> LingpaiError:
    """As `refusal`, for an account that was read."""
    if user is None or user.disabled or user.closes_at is None:
        return invalid_grant("account_disabled")
    return account_closing(day_of(services, user.closes_at))


def day_of(services: Services, closes_at: int) -> str:
    """The day of a deletion, in the deployment's time zone, as `2026-12-08`."""
    return fields.moment_text(closes_at, services.settings.utc_offset_minutes)[:10]


def delete_due(services: Services) -> Deleted:
    """Delete the closed accounts whose time is over, as many as there is time for. Can be repeated at any point.

    Where one cannot be deleted now, its LingpaiError is raised after the others of the page are deleted.
    """
    now, deleted = services.clock.now(), list[int]()
    seen: set[int] = set()
    while True:
        listed = services.store.list_closed(now, _PAGE)
        # The index may still list what was deleted a moment ago.
        due = [user_id for user_id in listed if user_id not in seen]
        if not due:
            return Deleted(tuple(deleted), more=False)
        failed = None
        for user_id in due:
            if deadline.left_of(_LONGEST_DELETION) < _LONGEST_DELETION:
                return Deleted(tuple(deleted), more=True)
            seen.add(user_id)
            try:
                if delete_closed(services, user_id, now):
                    deleted.append(user_id)
            except LingpaiError as error:
                failed = error
        if failed is not None:
            raise failed


def delete_closed(services: Services, user_id: int, now: int) -> bool:
    """Delete the account with its names and factors, if it is still closed and due; whether it was. A transaction."""
    for _ in range(_ATTEMPTS):
        user = services.store.get_user(user_id)
        if user is None or user.closes_at is None or user.closes_at > now:
            return False
        try:
            services.store.commit(DeleteUser(user, closed=True), *accounts.names_and_factors(services, user))
        except Conflict:
            continue
        return True
    raise conflict("changed_meanwhile")
