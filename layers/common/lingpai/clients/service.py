"""Client records: defaults, validation, cache, and client authentication."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote_plus

from lingpai.clients import browser_fields
from lingpai.clients.model import ID_TOKEN_ALG, Client, EndedAccount, ExtraClaim, Right
from lingpai.clients.storage import Clients, ClientSource
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import invalid_client
from lingpai.signing_keys.service import RETENTION

if TYPE_CHECKING:
    from lingpai.sessions.model import SessionKey

CACHE_SIZE = 1000
# The client of the hosted login pages. It has no record.
PAGES = "lingpai:pages"
ID_MAX = 255
# The prefix of ids that are reserved for Lingpai's own records.
RESERVED = "lingpai:"
# The longest lifetime, in seconds, of access tokens with claims about the user beside `sub`.
CLAIMS_TTL_MAX = 3600

DAY = 86400
REFRESH_TTL = 30 * DAY
# Rotation does not extend it: afterwards the user must log in again.
SESSION_TTL = 180 * DAY


DialectName = Literal["django", "passport", "spring", "standard", "usercenter"]


@dataclass(frozen=True)
class Defaults:
    """The defaults of a dialect for a client's record; lifetimes in seconds."""

    access_ttl: int
    grants: frozenset[str]
    scopes: tuple[str, ...] = ()
    token_format: str = "opaque"
    token_alg: str = "ES256"
    api: Right = "none"


DEFAULTS: Mapping[str, Defaults] = {
    "django": Defaults(7 * DAY, frozenset({"password", "refresh_token"}), ("read", "write", "groups")),
    "passport": Defaults(365 * DAY, frozenset({"password"}), token_format="jwt", token_alg="RS256"),
    "usercenter": Defaults(DAY, frozenset({"password", "mobile", "refresh_token"}), api="account"),
    "spring": Defaults(15 * DAY, frozenset({"client_credentials", "refresh_token", "password", "mobile"}), api="admin"),
    "standard": Defaults(3600, frozenset({"client_credentials", "refresh_token"})),
}


def new_client(
    client_id: str,
    dialect: str,
    secret: str | None = None,
    *,
    grants: Iterable[str] | None = None,
    scopes: tuple[str, ...] | None = None,
    access_ttl: int | None = None,
    refresh_ttl: int | None = None,
    session_ttl: int | None = None,
    token_format: str | None = None,
    token_alg: str | None = None,
    roles: Iterable[str] = (),
    sign_provider: str | None = None,
    sign_app: str = "default",
    api: Right | None = None,
    introspect: bool = False,
    claims: Iterable[ExtraClaim] = (),
    codes_from: Iterable[str] = (),
    forwards_address: bool = False,
    redirect_uris: tuple[str, ...] = (),
    post_logout_redirect_uris: tuple[str, ...] = (),
    first_party: bool = False,
    name: str | None = None,
    logo: str | None = None,
    colour: str | None = None,
    terms: str | None = None,
    policy: str | None = None,
    id_token_alg: str | None = None,
    resources: tuple[str, ...] = (),
    dpop_bound_access_tokens: bool = False,
    mfa: Literal["ignore"] | None = None,
    backchannel_logout_uri: str | None = None,
    backchannel_logout_session_required: bool = False,
) -> Client:
    """A client's record, with its dialect's defaults for omitted arguments; without a secret it is public.

    A signed access token lives no longer than the key that signed it stays published.
    """
    defaults = DEFAULTS[dialect]
    if grants is None:
        grants = defaults.grants | ({"sign"} if dialect == "spring" and sign_provider else set())
        grants |= {"authorization_code"} if redirect_uris else set()
        if is_numeric(client_id):
            grants -= {"client_credentials"}
    token_format = token_format or defaults.token_format
    access_ttl = access_ttl or defaults.access_ttl
    if token_format == "jwt":
        access_ttl = min(access_ttl, RETENTION)
    return Client(
        id=client_id,
        dialect=dialect,
        grants=frozenset(grants),
        scopes=defaults.scopes if scopes is None else scopes,
        access_ttl=access_ttl,
        refresh_ttl=refresh_ttl or REFRESH_TTL,
        session_ttl=max(session_ttl or SESSION_TTL, access_ttl),
        secret_hash=hash_secret(secret) if secret else None,
        token_format=token_format,
        token_alg=token_alg or defaults.token_alg,
        roles=frozenset(roles),
        sign_provider=sign_provider,
        sign_app=sign_app,
        api=api,
        introspect=introspect,
        claims=frozenset(claims),
        codes_from=frozenset(codes_from),
        forwards_address=forwards_address,
        redirect_uris=redirect_uris,
        post_logout_redirect_uris=post_logout_redirect_uris,
        first_party=first_party,
        name=name,
        logo=logo,
        colour=colour,
        terms=terms,
        policy=policy,
        id_token_alg=id_token_alg or ID_TOKEN_ALG,
        resources=resources,
        dpop_bound_access_tokens=dpop_bound_access_tokens,
        mfa=mfa,
        backchannel_logout_uri=backchannel_logout_uri,
        backchannel_logout_session_required=backchannel_logout_session_required,
    )


# The fields that a record's rules compare with one another.
JOINED_FIELDS = (
    *("access_ttl", "backchannel_logout_session_required", "backchannel_logout_uri", "claims", "first_party", "grants"),
    *("redirect_uris", "session_ttl", "sign_app", "sign_provider", "token_format"),
)


def is_numeric(client_id: str) -> bool:
    """Whether the id consists of digits, as user ids do: then it may not be the `sub` of a token."""
    return client_id.isdecimal()


def inconsistency(client: Client) -> str | None:
    """The first fault of the record, as `field: reason`; None if it is valid."""
    if client.id.startswith(RESERVED):
        return f"client_id: ids that begin with {RESERVED} are kept for Lingpai's own records"
    if "client_credentials" in client.grants and is_numeric(client.id):
        return "grant_types: a client whose id has digits only may not use client_credentials: users have such ids"
    if client.dialect == "standard" and client.api is not None:
        return "api: the tokens of a standard client open what their scopes say: lingpai:account, lingpai:admin"
    if client.dialect != "standard" and client.dpop_bound_access_tokens:
        return "dpop_bound_access_tokens: only clients of the dialect standard may use DPoP"
    if client.claims and client.access_ttl > CLAIMS_TTL_MAX:
        return f"claims: what tokens say of a user grows old: they need an access_token_ttl of {CLAIMS_TTL_MAX} at most"
    return browser_fields.fault(client)


@dataclass(frozen=True)
class Credentials:
    """The credentials in a request: the client's id, and its secret if there is one."""

    client_id: str
    secret: str | None = field(default=None, repr=False)


class Registry:
    """A cache of client records: a record is read again after `ttl` seconds.

    Only existing records are cached, at most `size` of them, so that made-up ids cannot evict real ones. The `builtin`
    clients, by id, have no records.
    """

    def __init__(
        self,
        source: ClientSource,
        clock: Clock,
        ttl: int,
        size: int = CACHE_SIZE,
        builtin: Mapping[str, Client] | None = None,
    ) -> None:
        self._source = source
        self._builtin = builtin or {}
        self._clock = clock
        self._ttl = ttl
        self._size = size
        self._known: dict[str, tuple[int, Client]] = {}
        self._ended: dict[int, EndedAccount] = {}
        self._valid_from = 0
        self._deployment_read_at = 0

    def get_client(self, client_id: str) -> Client | None:
        """The client's record, at most `ttl` seconds old, or None; `valid_from` is the deployment's if later."""
        now = self._clock.elapsed()
        read_at, client = self._known.get(client_id, (0, None))
        if client is not None and now < read_at + self._ttl:
            return client
        found = self._source.look_up_client(client_id)
        if found.ended is not None:
            self._ended = {account.user_id: account for account in found.ended}
            self._valid_from, self._deployment_read_at = found.valid_from, now
        client = self._builtin.get(client_id, found.client)
        if client is not None and client.valid_from < found.valid_from:
            client = replace(client, valid_from=found.valid_from)
        self._known.pop(client_id, None)
        if client is not None:
            if len(self._known) >= self._size:
                self._known.pop(next(iter(self._known)), None)
            self._known[client_id] = (now, client)
        return client

    def valid_from(self) -> int:
        """See `KnownClients`; at most `ttl` seconds old. One call if no client was read within that time."""
        if self._clock.elapsed() >= self._deployment_read_at + self._ttl:
            self.get_client(PAGES)
        return self._valid_from

    def has_ended(self, key: "SessionKey", opened_at: int) -> bool:
        """See `KnownClients`; at most `ttl` seconds old if `get_client` was called before."""
        account = self._ended.get(key.owner)
        return account is not None and account.has_ended(key, opened_at)

    def ended_account(self, user_id: int) -> EndedAccount | None:
        """See `KnownClients`."""
        return self._ended.get(user_id)


def authenticate(clients: Clients, credentials: Credentials | None) -> Client:
    """The client that the credentials prove; LingpaiError `invalid_client` for any other, and for none.

    RFC 6749 section 2.3. A client with a secret must present it. A public client (section 2.1) is not
    authenticated.
    """
    if credentials is None:
        raise invalid_client()
    client = _find(clients, credentials.client_id)
    stored = (client.secret_hash if client else None) or bytes(32)
    # All spellings are compared, even after a match, so that the time tells nothing.
    right = [hmac.compare_digest(hash_secret(spelling), stored) for spelling in _spellings(credentials.secret or "")]
    if client is None or client.disabled or (client.confidential and not any(right)):
        raise invalid_client(dialect=client.dialect if client else None)
    return client


def _find(clients: Clients, client_id: str) -> Client | None:
    """The client with this id, in either spelling. An id that is too long costs no call."""
    for spelling in _spellings(client_id):
        client = clients.get_client(spelling) if 0 < len(spelling) <= ID_MAX else None
        if client is not None:
            return client
    return None


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a client's secret, which is long and random, so it needs no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def _spellings(credential: str) -> tuple[str, ...]:
    """An id or secret as sent, and form-decoded (RFC 6749 section 2.3.1): some clients encode it, others do not."""
    if "%" not in credential and "+" not in credential:
        return (credential,)
    return (credential, form_decoded(credential))


def form_decoded(credential: str) -> str:
    """The id or secret form-decoded (RFC 6749 section 2.3.1), which is the same for all its spellings."""
    return unquote_plus(credential)
