"""Clients: the applications that may ask for tokens."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lingpai.sessions.model import SessionKey

# What a token opens at Lingpai's own API: nothing, the account it belongs to, or what admins do.
Right = Literal["none", "account", "admin"]
# What tokens may say of the user beside `sub` (RFC 9068 section 2.2.3.1, RFC 7662 section 2.2).
ExtraClaim = Literal["roles", "username"]
# What signs ID tokens unless the record says otherwise: what every client takes (OpenID Connect Core section 15.1).
ID_TOKEN_ALG = "RS256"


@dataclass(frozen=True)
class Client:
    """An application that may ask for tokens (RFC 6749 section 2). Without a `secret_hash` it is public.

    `api` is what its tokens open at Lingpai's own API, None for the default of its dialect. `introspect` lets it ask
    about other clients' tokens, `claims` is what its tokens say of the user. Tokens issued under an earlier
    `valid_from` are refused. `codes_from` names the clients whose codes a `usercenter` client takes, since it has no
    call to ask for one. `forwards_address` lets it tell the address of its end user
    (`clients.request_authentication.end_user_address`).

    The rest is for logins in a browser. `redirect_uris` and `post_logout_redirect_uris` are where it may send users
    back to (`redirect_uris`). A `first_party` client asks for no consent. `name`, `logo`, `colour` (`#rrggbb`), `terms`
    and `policy` (addresses) are shown to its users. `id_token_alg` signs its ID tokens, and `token_alg` its signed
    access tokens. `resources` are the APIs that it may ask tokens for (RFC 8707).
    """

    id: str
    dialect: str
    grants: frozenset[str]
    scopes: tuple[str, ...]
    access_ttl: int
    refresh_ttl: int
    session_ttl: int
    secret_hash: bytes | None = field(default=None, repr=False)
    token_format: str = "opaque"
    token_alg: str = "ES256"
    roles: frozenset[str] = frozenset()
    sign_provider: str | None = None
    sign_app: str = "default"
    disabled: bool = False
    api: Right | None = None
    introspect: bool = False
    claims: frozenset[ExtraClaim] = frozenset()
    valid_from: int = 0
    codes_from: frozenset[str] = frozenset()
    forwards_address: bool = False
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    first_party: bool = False
    name: str | None = None
    logo: str | None = field(default=None, repr=False)
    colour: str | None = None
    terms: str | None = None
    policy: str | None = None
    id_token_alg: str = ID_TOKEN_ALG
    resources: tuple[str, ...] = ()

    @property
    def confidential(self) -> bool:
        """Whether the client has a secret that it must present (RFC 6749 section 2.1)."""
        return self.secret_hash is not None


@dataclass(frozen=True)
class WaitingClient:
    """A client that an address has presented too many wrong secrets for: it is refused there until `ends_at`.

    `dialect` is that of its record, None where there is none.
    """

    ends_at: int
    dialect: str | None


@dataclass(frozen=True)
class EndedAccount:
    """An account whose sessions have ended while too many of them were left to delete (see `ended_accounts`).

    They are those that were opened at `until` or before, but for the one of the id `kept`.
    """

    user_id: int
    until: int
    kept: bytes | None = None

    def has_ended(self, key: "SessionKey", opened_at: int) -> bool:
        """Whether this session of the account is one of them."""
        return opened_at <= self.until and key.id != self.kept
