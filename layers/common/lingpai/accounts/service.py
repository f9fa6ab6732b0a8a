"""Register, find, change and delete accounts. Transactions keep names unique; changes use compare-and-swap."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from lingpai.accounts import ended_accounts, identities
from lingpai.accounts.model import Agreement, Profile, User
from lingpai.accounts.storage import (
    ChangeUser,
    CheckRole,
    DeleteFactor,
    DeleteIdentity,
    DeleteUser,
    DisableUser,
    EnableUser,
    Page,
    PutIdentity,
    PutUser,
)
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError, conflict, not_found
from lingpai.kernel.writes import Conflict, Write
from lingpai.passwords import service as passwords
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits import unanswered
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.sessions.model import SessionKey
    from lingpai.settings import Settings

# No user has this id.
NOBODY = 0
_ATTEMPTS = 5
# What a transaction of DynamoDB holds.
_WRITES_AT_ONCE = 100

# --- registering ------------------------------------------------------------------------------------------


def register(
    services: Services,
    username: str,
    password: str,
    address: str,
    phone: str | None = None,
    agreements: tuple[Agreement, ...] = (),
) -> int:
    """Register an account, within the limits of the address; return its id. `phone` is unproven: profile only."""
    settings = services.settings
    username = _check_new(settings, username, password)
    rate_limits.increment(services, rate_limits.address_limit(settings, "register", address, services.clock.now()))
    user_id, profile = services.clock.new_user_id(), Profile(phone_number=phone)
    user = User(user_id, services.clock.now(), username, profile=profile, agreements=agreements)
    return _create_once(services, user, password, address)


def first_login(services: Services, username: str, address: str) -> AbstractContextManager[None]:
    """For the login that follows `register` in the same request.

    If it is answered 503, the same registration finds its account for a minute, and is not told that the name is taken.
    """
    return unanswered.noted(services, "create", address, identities.as_username(services.settings, username))


def create(services: Services, username: str, password: str, roles: frozenset[int] = frozenset()) -> int:
    """Create an account as an admin; return its id. LingpaiError `conflict` if the name is taken."""
    username = _check_new(services.settings, username, password)
    user = User(services.clock.new_user_id(), services.clock.now(), username, roles=roles)
    return _create_once(services, user, password, "admin")


def _check_new(settings: "Settings", username: str, password: str) -> str:
    """The username as it is stored; LingpaiError for an invalid name or password."""
    username = identities.as_username(settings, username)
    passwords.check_new(password, username, settings)
    return username


def _create_once(services: Services, user: User, password: str, asker: str) -> int:
    """Add the account with its password; return its id, also if an unanswered try of the request has added it."""
    username = user.username or ""
    request = ("create", asker, username)
    try:
        with unanswered.noted(services, *request):
            return add(services, with_password(services, user, password))
    except LingpaiError as error:
        if error.reason != "username_taken" or not unanswered.is_repeat(services, *request):
            raise
        known = user_or_nobody(services, identities.find_by_name(services, username))
        if known is None or known.username != username:
            raise
        if not passwords.verify(password, known.password, services.settings):
            raise
        return known.id


def add(services: Services, user: User) -> int:
    """Put the account and its identities in one transaction; return its id, a new random one if it was taken."""
    for _ in range(_ATTEMPTS):
        try:
            services.store.commit(PutUser(user), *(PutIdentity(key, user.id) for key in identities.keys_of(user)))
            return user.id
        except Conflict as failed:
            if isinstance(failed.write, PutIdentity):
                raise identities.taken(failed.write.key) from None
            user = replace(user, id=services.clock.new_user_id())
    raise conflict("changed_meanwhile")


def with_password(services: Services, user: User, password: str) -> User:
    """The account with this password, set now."""
    return replace(hashed(services, user, password), password_set_at=services.clock.now())


def hashed(services: Services, user: User, password: str) -> User:
    """The account with a new hash of this password and, if digest login is on, of its digests."""
    settings = services.settings
    digests = None
    if settings.digest_login:
        digests = passwords.hash_password(passwords.digests_of(password), settings)
    return replace(user, password=passwords.hash_password(password, settings), digests=digests)


# --- changing ---------------------------------------------------------------------------------------------


def change(services: Services, user_id: int, edit: Callable[[User], User], *together_with: Write) -> User:
    """Apply `edit` to the account, again after a concurrent change, and update its identities.

    The writes `together_with` are part of the transaction; the caller handles a Conflict of one, except a CheckRole.
    LingpaiError `not_found`, or `conflict` if another account has an identity.
    """
    for _ in range(_ATTEMPTS):
        before = services.store.get_user(user_id)
        if before is None or not before.is_active:
            raise not_found("user_not_found")
        after = edit(before)
        old, new = set(identities.keys_of(before)), set(identities.keys_of(after))
        # An account without the role cannot be its last holder, so the other admin need not be checked.
        needed = [write for write in together_with if not isinstance(write, CheckRole) or write.role_id in before.roles]
        try:
            if after != before or needed:
                services.store.commit(
                    ChangeUser(before, after),
                    *(PutIdentity(key, user_id) for key in sorted(new - old)),
                    *(DeleteIdentity(key, user_id) for key in sorted(old - new)),
                    *needed,
                )
            return after
        except LingpaiError:
            # The transaction may have been committed: compare the account.
            if after == before or services.store.get_user(user_id) != after:
                raise
            return after
        except Conflict as failed:
            if isinstance(failed.write, PutIdentity):
                raise identities.taken(failed.write.key) from None
            if isinstance(failed.write, CheckRole):
                raise conflict("changed_meanwhile") from None
            if failed.write in together_with:
                raise
    raise conflict("changed_meanwhile")


def save(
    services: Services,
    user_id: int,
    username: str | None,
    password: str | None,
    roles: frozenset[int] | None,
    *checks: Write,
) -> None:
    """Change an account as an admin; None leaves a field as it is. A new password ends all its sessions.

    `checks` must hold when it is written (see `last_admin`).
    """

    def edit(user: User) -> User:
        if username is not None:
            name = identities.as_username(services.settings, username, owner=user)
            # A name that is the account's own number needs no row of its own: the number finds it.
            is_number = phone_numbers.as_mobile(name, services.settings.home_country) is not None
            user = replace(user, username=None if is_number else name)
        if password is not None:
            passwords.check_new(password, identities.display_name(services, user), services.settings)
            user = with_password(services, user, password)
        return user if roles is None else replace(user, roles=roles)

    change(services, user_id, edit, *checks)
    if password is not None:
        ended_accounts.end_all(services, user_id)


def disable(services: Services, user_id: int, *checks: Write) -> int:
    """Disable the account and end its sessions; return their number. Can be repeated.

    A concurrent login has either put its session before, or fails because the account is disabled. `checks` must hold
    when it is written (see `last_admin`).
    """
    try:
        services.store.commit(DisableUser(user_id), *checks)
    except Conflict as failed:
        if failed.write in checks:
            raise conflict("changed_meanwhile") from None
        raise not_found("user_not_found") from None
    return ended_accounts.end_all(services, user_id)


def enable(services: Services, user_id: int) -> None:
    """Enable the account, with the identities, password and roles that it had. Can be repeated."""
    try:
        services.store.commit(EnableUser(user_id))
    except Conflict:
        raise not_found("user_not_found") from None


def delete(services: Services, user_id: int, *checks: Write) -> None:
    """Delete the account: its sessions end, and its identities become available. Can be repeated.

    `checks` must hold when it is disabled, which is the first step (see `last_admin`).
    """
    try:
        with unanswered.noted(services, "delete", user_id):
            _delete(services, user_id, *checks)
    except LingpaiError as error:
        if error.reason != "user_not_found" or not unanswered.is_repeat(services, "delete", user_id):
            raise


def _delete(services: Services, user_id: int, *checks: Write) -> None:
    for _ in range(_ATTEMPTS):
        disable(services, user_id, *checks)
        user = services.store.get_user(user_id)
        if user is None:
            return
        try:
            services.store.commit(DeleteUser(user), *names_and_factors(services, user))
            return
        except Conflict:
            continue
    raise conflict("changed_meanwhile")


def delete_own(services: Services, user_id: int, session: "SessionKey", *checks: Write) -> None:
    """Delete the account as its owner, whose `session` asks for it; LingpaiError `conflict` if `checks` do not hold.

    One transaction deletes the account with its factors and sessions. A failure leaves it as it was, except that its
    other sessions have ended. The account is not disabled first, since its owner could not log in again and repeat the
    request.
    """
    ended_accounts.end_all(services, user_id, keep=session)
    for _ in range(_ATTEMPTS):
        # Read before its sessions: a login after that changes the account, and the transaction fails.
        user = services.store.get_user(user_id)
        if user is None:
            return
        writes = (DeleteUser(user, alone=True), *names_and_factors(services, user), *checks)
        ended = ended_accounts.ending(services, user_id)
        try:
            services.store.commit(*writes, *ended[: _WRITES_AT_ONCE - len(writes)])
        except Conflict as failed:
            if failed.write in checks:
                raise conflict("changed_meanwhile") from None
            continue
        # Factors that were set up since they were listed. None is added to an account that is gone.
        with suppress(LingpaiError, Conflict):
            for factor_id in services.store.list_factor_ids(user_id):
                services.store.commit(DeleteFactor(user_id, factor_id))
        return
    raise conflict("changed_meanwhile")


def names_and_factors(services: Services, user: User) -> tuple[Write, ...]:
    """The writes that delete what belongs to the account in other tables, its sessions apart."""
    names = (DeleteIdentity(key, user.id) for key in identities.keys_of(user))
    factors = (DeleteFactor(user.id, factor_id) for factor_id in services.store.list_factor_ids(user.id))
    return (*names, *factors)


# --- finding ----------------------------------------------------------------------------------------------


def users_after(
    read_page: Callable[[int, int | None], Page], after: int | None, page_size: int = 500
) -> Iterator[User]:
    """All accounts after the user id `after`, or all. `read_page` is `Accounts.list_users` of a store.

    A page is read once the one before is consumed.
    """
    while True:
        page = read_page(page_size, after)
        yield from page.users
        if page.next is None:
            return
        after = page.next


def user_or_nobody(services: Services, user_id: int | None) -> User | None:
    """The account; None for no id, after the same calls."""
    return services.store.get_user(NOBODY if user_id is None else user_id)
