"""Sessions (token families) and their tokens. Times are whole seconds since 1970."""

from dataclasses import dataclass, field

from lingpai.kernel.clock import FIRST_MACHINE_OWNER


@dataclass(frozen=True)
class SessionKey:
    """The key of a session: `owner` is the user id, or a random number from 2^63 on for a client's own session."""

    owner: int
    id: bytes

    @property
    def user_id(self) -> int | None:
        """The user of the session; None for a client's own."""
        return self.owner if self.owner < FIRST_MACHINE_OWNER else None


@dataclass(frozen=True)
class Replaced:
    """A rotation: when it was, the start of the hash of the replaced refresh secret, and the salt of the next one."""

    at: int
    mark: bytes = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True)
class Session:
    """A token family: one item, however often it is refreshed.

    The `*_hash` fields are the SHA-256 of secrets; the secrets themselves are never stored. The last rotation replaced
    the values in the `previous_*` fields, and derived the current secrets with `salt`.

    `family_hash` is the hash of the family key in all its refresh secrets (see `token_family`); None for a session of
    an earlier version, which had no such key. `earlier` and `recent` are its rotations in order, at least those of the
    last REFRESH_GRACE seconds.

    `auth_time` is when its user logged in and `methods` how (`login_methods`); a refresh changes neither. They are 0
    and () for a session without a user, and for one of an earlier version: such a login never counts as recent.

    `epoch` is the client's `valid_from` when the session was opened (`epochs`).

    `audience` are the resources that were granted (RFC 8707), and `access_audience` those of the access token; () for
    Lingpai's own API. `sid` is the browser session in which it was opened (OpenID Connect Core section 2).

    `jkt` is the thumbprint of the key that its access token is bound to, and a public client's refresh token too
    (RFC 9449 section 5); None for bearer tokens.
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
    jkt: str | None = None
    previous_jkt: str | None = None

    @property
    def over_at(self) -> int:
        """When its last token expires, unless it is refreshed before."""
        return min(self.ends_at, max(self.access_expires_at, self.refresh_expires_at))


@dataclass(frozen=True)
class TokenSet:
    """The tokens that a grant returns (RFC 6749 section 5.1). `expires_in` is in seconds.

    `token_type` is `Bearer`, or `DPoP` for an access token that is bound to a key (RFC 9449 section 5).
    """

    access_token: str = field(repr=False)
    expires_in: int
    scope: tuple[str, ...]
    refresh_token: str | None = field(default=None, repr=False)
    user_id: int | None = None
    id_token: str | None = field(default=None, repr=False)
    token_type: str = "Bearer"
