"""Sessions (token families) and the tokens they give. Times are whole seconds since 1970."""

from dataclasses import dataclass, field

from lingpai.kernel.clock import FIRST_MACHINE_OWNER


@dataclass(frozen=True)
class SessionKey:
    """Where a session is kept: `owner` is the user id, or a random number above 2^63 for a machine."""

    owner: int
    id: bytes

    @property
    def user_id(self) -> int | None:
        """The user the session belongs to; None for one that a client opened for itself."""
        return self.owner if self.owner < FIRST_MACHINE_OWNER else None


@dataclass(frozen=True)
class Replaced:
    """A refresh secret that a rotation replaced: when, the start of its hash, and the salt that gave the next one."""

    at: int
    mark: bytes = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True)
class Session:
    """A token family: one item, whatever the number of refreshes.

    The `*_hash` fields are SHA-256 of the secrets; the secrets themselves are never kept. The `previous_*` fields are
    what the last rotation replaced, and `salt` is what made the new secrets of it.

    `family_hash` is that of the key that all its refresh secrets hold, None where a version that gave none made them.
    `earlier` and `recent` are the rotations of the last REFRESH_GRACE seconds at least, in order (see `token_family`).

    `auth_time` is when its user logged in and `methods` how (`login_methods`); a refresh changes neither. 0 and () for
    a session without a user, and for one stored before they were kept: such a login is never a recent one.

    `epoch` is the `valid_from` that it was opened under (`epochs`).

    `audience` are the resources that it was granted for (RFC 8707), and `access_audience` those of its access token; ()
    for a session of Lingpai's own. `sid` is the browser session that it came from (OpenID Connect Core section 2).
    """

    key: SessionKey
    client_id: str
    scope: tuple[str, ...]
    created_at: int
    ends_at: int
    access_hash: bytes = field(repr=False)
    access_expires_at: int
    access_scope: tuple[str, ...]
    refresh_hash: bytes | None = field(default=None, repr=False)
    refresh_expires_at: int = 0
    rotated_at: int = 0
    salt: bytes | None = field(default=None, repr=False)
    previous_refresh_hash: bytes | None = field(default=None, repr=False)
    previous_access_hash: bytes | None = field(default=None, repr=False)
    previous_access_expires_at: int = 0
    previous_access_scope: tuple[str, ...] = ()
    auth_time: int = 0
    methods: tuple[str, ...] = ()
    family_hash: bytes | None = field(default=None, repr=False)
    earlier: tuple[Replaced, ...] = field(default=(), repr=False)
    recent: tuple[Replaced, ...] = field(default=(), repr=False)
    epoch: int = 0
    audience: tuple[str, ...] = ()
    access_audience: tuple[str, ...] = ()
    previous_access_audience: tuple[str, ...] = ()
    sid: str | None = None

    @property
    def over_at(self) -> int:
        """From when on none of its tokens is good, unless it is refreshed before."""
        return min(self.ends_at, max(self.access_expires_at, self.refresh_expires_at))


@dataclass(frozen=True)
class TokenSet:
    """What a grant gives (RFC 6749 section 5.1). `expires_in` in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: tuple[str, ...]
    refresh_token: str | None = field(default=None, repr=False)
    user_id: int | None = None
    id_token: str | None = field(default=None, repr=False)
