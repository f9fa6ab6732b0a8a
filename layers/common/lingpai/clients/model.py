"""Clients: the applications that may ask for tokens."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lingpai.sessions.model import SessionKey

# The right of a token at Lingpai's own API: none, its user's account, or all that admins may do.
Right = Literal["none", "account", "admin"]
# The permission to log users in without a browser, at `/oauth/challenge`: it stands among the grants.
CHALLENGE = "challenge"
# The claims about the user that tokens may have beside `sub` (RFC 9068 section 2.2.3.1, RFC 7662 section 2.2).
ExtraClaim = Literal["roles", "username"]
# The default algorithm of ID tokens, which every client supports (OpenID Connect Core section 15.1).
ID_TOKEN_ALG = "RS256"


@dataclass(frozen=True)
class Client:
    """An application that may ask for tokens (RFC 6749 section 2). Without a `secret_hash` it is public.

    `api` is the right of its tokens at Lingpai's own API, None for the default of its dialect. `introspect` lets it
    introspect other clients' tokens. `claims` are the claims about the user in its tokens. Tokens issued under an
    earlier `valid_from` are refused. `codes_from` are the clients whose codes a `usercenter` client accepts, since its
    dialect has no call to request one. `forwards_address` lets it send the address of its end user
    (`clients.request_authentication.end_user_address`). With `mfa` as `ignore`, its logins need no second factor
    (`sessions.factor_policy`).

    The rest is for logins in a browser. `redirect_uris` and `post_logout_redirect_uris` are the addresses to which it
    may redirect users (`redirect_uris`). A `first_party` client needs no consent. `name`, `logo`, `colour` (`#rrggbb`),
    `terms` and `policy` (addresses) are shown to its users. `id_token_alg` signs its ID tokens, and `token_alg` its
    signed access tokens. `resources` are the APIs for which it may request tokens (RFC 8707).

    `backchannel_logout_uri` is told of its users' logouts; with `backchannel_logout_session_required` it needs to know
    which session has ended (OpenID Connect Back-Channel Logout 1.0 section 2.2).

    With `dpop_bound_access_tokens` it gets no tokens without a DPoP proof (RFC 9449 section 5.2).
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
    dpop_bound_access_tokens: bool = False
    mfa: Literal["ignore"] | None = None
    backchannel_logout_uri: str | None = field(default=None, repr=False)
    backchannel_logout_session_required: bool = False

    @property
    def confidential(self) -> bool:
        """Whether the client has a secret that it must present (RFC 6749 section 2.1)."""
        return self.secret_hash is not None


@dataclass(frozen=True)
class WaitingClient:
    """A client for which an address has sent too many wrong secrets: it is refused there until `ends_at`.

    `dialect` is that of its record; None without a record.
    """

    ends_at: int
    dialect: str | None


@dataclass(frozen=True)
class EndedAccount:
    """An account whose sessions have ended while too many of them were left to delete (see `ended_accounts`).

    They are those opened at `until` or before, except the one with the id `kept`.
    """

    user_id: int
    until: int
    kept: bytes | None = None

    def has_ended(self, key: "SessionKey", opened_at: int) -> bool:
        """Whether this session of the account is one of them."""
        return opened_at <= self.until and key.id != self.kept
