"""The store interface of accounts: their writes and reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lingpai.accounts.model import KnownAddress, RoleBook, User
from lingpai.kernel.writes import Write


@dataclass(frozen=True)
class OneMore:
    """Count one more session of the account, opened at `opened_at`.

    Fails if the count has reached `most`, if the account has no count yet, or if `User.ended_until` would have ended
    the session.
    """

    most: int
    opened_at: int | None = None

    def allows(self, user: User) -> bool:
        """Whether the account can be counted so as it stands."""
        return user.sessions is not None and user.sessions < self.most and _lives(user, self.opened_at)


@dataclass(frozen=True)
class Recounted:
    """Set the account's count after its sessions were read: `now` are alive, the new one included.

    `logins` is `User.logins` as it was read before. Fails where it has changed: another session was opened. Fails, too,
    where the new session would have ended already, as for `OneMore`.
    """

    logins: int | None
    now: int
    opened_at: int | None = None

    def allows(self, user: User) -> bool:
        """Whether the account can be counted so as it stands."""
        return user.logins == self.logins and _lives(user, self.opened_at)


Count = OneMore | Recounted


def _lives(user: User, opened_at: int | None) -> bool:
    """Whether a session opened then is later than those that have ended with the account's others."""
    return opened_at is None or user.ended_until < opened_at


@dataclass(frozen=True)
class PutUser(Write):
    """Put a new account with this number of sessions. Fails if the id is taken."""

    user: User
    sessions: int = 0


# Why a login changes the stored hash: it hashes the same password anew.
REHASHED = "rehashed"


@dataclass(frozen=True)
class ChangeUser(Write):
    """Change the account from `before` to `after`.

    Fails if a field that differs is no longer as in `before`, or if the account is deleted, disabled or closed, unless
    the change opens a closed one again. `count` is applied with it, and may fail, too. With `one_factor`, fails also if
    the account has a second factor; if `alone`, if a session was opened since `before` was read. `why` is added to the
    cause of the change (`kernel.cause`).
    """

    before: User
    after: User
    count: Count | None = None
    one_factor: bool = False
    alone: bool = False
    why: str = ""

    @property
    def reopens(self) -> bool:
        """Whether it undoes the owner's wish for deletion."""
        return self.before.closes_at is not None and self.after.closes_at is None


@dataclass(frozen=True)
class CheckUser(Write):
    """Fail unless the account exists, is neither disabled nor closed and, with `password`, has this hash.

    If `closed`, fail unless it is closed, and not disabled.

    With `consented`, also unless its user has consented to the client of this id (`consents`). With `one_factor`, also
    if the account has a second factor. Write only `count`, which may fail, too.
    """

    user_id: int
    password: str | None = field(default=None, repr=False)
    count: Count | None = None
    consented: str | None = None
    one_factor: bool = False
    closed: bool = False


@dataclass(frozen=True)
class CheckRole(Write):
    """Write nothing; fail unless the account exists, is neither disabled nor closed, and has the role of this id."""

    user_id: int
    role_id: int


@dataclass(frozen=True)
class DisableUser(Write):
    """Disable the account: nobody can log in to it. Fails if it does not exist."""

    user_id: int


@dataclass(frozen=True)
class EnableUser(Write):
    """Enable the account. Fails if it does not exist."""

    user_id: int


@dataclass(frozen=True)
class DeleteUser(Write):
    """Delete the account. Fails if its identities are not exactly those of `user`, so that none is left behind.

    If `alone`, fails also if a session was opened since `user` was read: `User.logins` has changed. If `closed`, fails
    also if the account is not closed until the same time any more.
    """

    user: User
    alone: bool = False
    closed: bool = False


@dataclass(frozen=True)
class PutIdentity(Write):
    """Give the identity `key` to the user. Fails if any account has it."""

    key: str = field(repr=False)
    user_id: int


@dataclass(frozen=True)
class CheckIdentity(Write):
    """Write nothing; fail unless the user has the identity `key`."""

    key: str = field(repr=False)
    user_id: int


@dataclass(frozen=True)
class DeleteIdentity(Write):
    """Take the identity `key` from the user. Fails if the user does not have it."""

    key: str = field(repr=False)
    user_id: int


@dataclass(frozen=True)
class EndOpened(Write):
    """All sessions of the account that were opened at `until` or before have ended, but for `kept` (0 or 1) of them.

    Fails where the account is gone, or where those opened at `until` or later have ended already.
    """

    user_id: int
    until: int
    kept: int


@dataclass(frozen=True)
class DeleteFactor(Write):
    """Delete an item of the account from the table of factors. Fails if it is not there."""

    user_id: int
    id: str


@dataclass(frozen=True)
class RememberAddresses(Write):
    """Remember the addresses that the name `key` was lately logged in from. Fails unless it finds this user."""

    key: str = field(repr=False)
    user_id: int
    addresses: tuple[KnownAddress, ...]


@dataclass(frozen=True)
class Directory:
    """Users by id (those that exist) with the roles of the deployment, read at one time."""

    users: Mapping[int, User]
    roles: RoleBook


@dataclass(frozen=True)
class Page:
    """Some users, in an order that holds; `next` is where the next page starts, None after the last."""

    users: tuple[User, ...]
    next: int | None


@dataclass(frozen=True)
class LoginLookup:
    """The user that a name finds, the addresses it was lately logged in from, and the counts of counters, by key."""

    user_id: int | None
    addresses: tuple[KnownAddress, ...]
    counters: Mapping[str, Mapping[str, int]]


class Accounts(Protocol):
    """Users and the names that find them. Every read sees all writes before it."""

    def find_user_id(self, key: str) -> int | None:
        """The user that the identity `key` finds."""
        ...

    def find_user_ids(self, *keys: str) -> Mapping[str, int]:
        """The users that these identities (at most 100) find, in one call; one that finds nobody is left out."""
        ...

    def look_up_login(self, key: str, counters: tuple[str, ...]) -> LoginLookup:
        """The user of the identity `key`, with the data that a login needs, in one call."""
        ...

    def get_user(self, user_id: int) -> User | None:
        """The account, disabled or not."""
        ...

    def directory(self, *user_ids: int) -> Directory:
        """Some accounts and all roles, in one call."""
        ...

    def list_users(self, limit: int, after: int | None) -> Page:
        """At most `limit` users: the first ones, or those behind the user id `after`."""
        ...

    def list_closed(self, until: int, limit: int) -> tuple[int, ...]:
        """The ids of accounts that are to be deleted at `until` or before, the first ones first; `limit` at most.

        The list may be a little behind: an account on it may be open again, or gone.
        """
        ...

    def list_factor_ids(self, user_id: int) -> tuple[str, ...]:
        """The ids of the account's items in the table of factors, in order: what ends with the account."""
        ...


class Roles(Protocol):
    """The role book."""

    def save_roles(self, book: RoleBook) -> bool:
        """Keep `book` as the version after its own; False where the stored version is another by now."""
        ...
