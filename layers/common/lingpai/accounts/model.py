"""Accounts, their profiles and the roles of a deployment. Times are whole seconds since 1970."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Profile:
    """A user's own data, as text; None for fields that were never set.

    The names are those of OpenID Connect's claims (Core 1.0 section 5.1) where it has one. Nothing here is proven:
    `phone_number` and `picture` are any text, and the proven number is `User.mobile`. `birthdate` is `YYYY-MM-DD`.
    `created_at` is `YYYY-MM-DD hh:mm:ss` in the deployment's time, and `address` is what OpenID calls `formatted`.
    """

    name: str | None = None
    age: str | None = None
    phone_number: str | None = None
    gender: str | None = None
    address: str | None = None
    created_at: str | None = None
    nation: str | None = None
    introduction: str | None = None
    picture: str | None = None
    birthdate: str | None = None


@dataclass(frozen=True)
class Email:
    """An e-mail address as `kernel.email_addresses.parse` gives it, and whether its holder has proven it.

    Both are stored and compared as one value, so verifying an address never verifies one that replaced it meanwhile.
    """

    address: str = field(repr=False)
    verified: bool = False


@dataclass(frozen=True)
class Agreement:
    """That the user accepted a version of a document (`terms` or `policy`): when, from where, and in which client."""

    document: str
    version: str
    at: int
    address: str = field(repr=False)
    client: str


@dataclass(frozen=True)
class User:
    """An account. `mobile` is a proven number in E.164; `openids` maps "provider:app" to the id there (one each).

    `email` finds the account whether it is verified or not: check `verified` before anybody is logged in by it.

    `roles` are role ids; `digests` is the hash of the password's MD5 and SHA-1, where digest login is on. An account
    without a password logs in by code or by sign alone. `password_set_at` is when the password was set by its owner or
    an admin (a login that hashes it anew sets none); None where that is not known, as in accounts from before it was
    kept. `imported_from` names the import that made the account.

    `second_factors` are the kinds of second factor that are enrolled, such as `totp` and `passkey`. It changes in the
    transaction that adds or removes the factor, so that every login knows of it without a further call.

    `sessions` is how many sessions are alive at most, and `logins` how many were ever opened; None where none was
    counted yet. Sessions opened at `ended_until` or before have ended (see `ended_accounts`); 0 where that was never
    so. The store keeps all three (see `session_limit`), so they tell no accounts apart.

    `agreements` are what the user accepted, the first one first: entries are added, and none is changed or removed.

    `closes_at` is when an account is deleted whose owner has asked for it (see `closing`); None for any other.
    """

    id: int
    created_at: int
    username: str | None = None
    mobile: str | None = field(default=None, repr=False)
    email: Email | None = field(default=None, repr=False)
    openids: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    password: str | None = field(default=None, repr=False)
    digests: str | None = field(default=None, repr=False)
    password_set_at: int | None = None
    roles: frozenset[int] = frozenset()
    disabled: bool = False
    profile: Profile = field(default=Profile(), repr=False)
    imported_from: str | None = None
    second_factors: frozenset[str] = frozenset()
    sessions: int | None = field(default=None, compare=False)
    logins: int | None = field(default=None, compare=False)
    ended_until: int = field(default=0, compare=False)
    closes_at: int | None = None
    agreements: tuple[Agreement, ...] = field(default=(), repr=False)

    @property
    def is_active(self) -> bool:
        """Whether the account can be logged in to and changed: neither disabled nor waiting for its deletion."""
        return not self.disabled and self.closes_at is None


@dataclass(frozen=True)
class KnownAddress:
    """An address from which a name was logged in to at `at`, in seconds; `mark` is a hash of both."""

    mark: str
    at: int


@dataclass(frozen=True)
class RoleBook:
    """All roles of the deployment: one document, so that unique names need one compare-and-swap.

    `next_id` only grows: the id of a deleted role is never given again, so an account that still holds
    it gains nothing.
    """

    names: tuple[tuple[int, str], ...] = ()
    next_id: int = 1
    version: int = 0

    def name_of(self, role_id: int) -> str | None:
        """The role's name, or None when there is no such role (any more)."""
        return dict(self.names).get(role_id)

    def names_of(self, ids: frozenset[int]) -> frozenset[str]:
        """The names of those that there are."""
        return frozenset(name for role_id, name in self.names if role_id in ids)

    def id_of(self, name: str) -> int | None:
        """The id of the role of this name, or None."""
        return next((role_id for role_id, known in self.names if known == name), None)
