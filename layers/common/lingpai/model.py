"""What Lingpai speaks of: clients, users, roles, sessions, codes, token sets. Data only, all frozen.

Times are whole seconds since 1970 (`*_at`), lengths of life are seconds (`*_ttl`). Fields that hold a
secret or a hash are left out of `repr`, so that no log and no traceback can show them.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from lingpai.clock import FIRST_MACHINE_OWNER
from lingpai.frozen import frozen

Language = Literal["zh", "en"]
# What a code can do: log in (or register), link a number to an account, set a password, or change how one logs in.
Purpose = Literal["login", "link", "reset", "change"]
# What a message is about: the code in it, or that its number no longer logs in to an account.
Topic = Purpose | Literal["notice"]
# What a token opens at Lingpai's own API: nothing, the account it belongs to, or what admins do.
Right = Literal["none", "account", "admin"]
# What tokens may say of the user beside `sub` (RFC 9068 section 2.2.3.1, RFC 7662 section 2.2).
ExtraClaim = Literal["roles", "username"]


@frozen
class Client:
    """An application that may ask for tokens (RFC 6749 section 2). Without a `secret_hash` it is public.

    `api` is what its tokens open at Lingpai's own API, None for the default of its dialect. `introspect` lets it ask
    about other clients' tokens, `claims` is what its tokens say of the user. Tokens issued under an earlier
    `valid_from` are refused. `codes_from` names the clients whose codes a `usercenter` client takes, since it has no
    call to ask for one. `forwards_address` lets it tell the address of its end user (`web.request.end_user_address`).
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

    @property
    def confidential(self) -> bool:
        """Whether the client has a secret that it must present (RFC 6749 section 2.1)."""
        return self.secret_hash is not None


@frozen
class WaitingClient:
    """A client that an address has presented too many wrong secrets for: it is refused there until `ends_at`.

    `dialect` is that of its record, None where there is none.
    """

    ends_at: int
    dialect: str | None


@frozen
class Detail:
    """A user's profile, in the words of seed 003. Everything is text; what was never given is None."""

    name: str | None = None
    age: str | None = None
    phone: str | None = None
    gender: str | None = None
    addr: str | None = None
    createTime: str | None = None  # noqa: N815  the name on the wire
    nation: str | None = None
    instruction: str | None = None
    images: str | None = None
    birthday: str | None = None


@frozen
class User:
    """An account. `mobile` is a proven number in E.164; `openids` maps "provider:app" to the id there (one each).

    `roles` are role ids; `digests` is the hash of the password's MD5 and SHA-1, where digest login is on. An account
    without a password logs in by code or by sign alone. `imported_from` names the import that made the account.

    `sessions` is how many sessions are alive at most, and `logins` how many were ever opened; None where none was
    counted yet. Sessions opened at `ended_until` or before have ended (see `ended_accounts`); 0 where that was never
    so. The store keeps all three (see `session_limit`), so they tell no accounts apart.
    """

    id: int
    created_at: int
    username: str | None = None
    mobile: str | None = field(default=None, repr=False)
    openids: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    password: str | None = field(default=None, repr=False)
    digests: str | None = field(default=None, repr=False)
    roles: frozenset[int] = frozenset()
    disabled: bool = False
    detail: Detail = field(default=Detail(), repr=False)
    imported_from: str | None = None
    sessions: int | None = field(default=None, compare=False)
    logins: int | None = field(default=None, compare=False)
    ended_until: int = field(default=0, compare=False)


@frozen
class KnownAddress:
    """An address from which a name was logged in to at `at`, in seconds; `mark` is a hash of both."""

    mark: str
    at: int


@frozen
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


@frozen
class SessionKey:
    """Where a session is kept: `owner` is the user id, or a random number above 2^63 for a machine."""

    owner: int
    id: bytes

    @property
    def user_id(self) -> int | None:
        """The user the session belongs to; None for one that a client opened for itself."""
        return self.owner if self.owner < FIRST_MACHINE_OWNER else None


@frozen
class EndedAccount:
    """An account whose sessions have ended while too many of them were left to delete (see `ended_accounts`).

    They are those that were opened at `until` or before, but for the one of the id `kept`.
    """

    user_id: int
    until: int
    kept: bytes | None = None

    def has_ended(self, key: SessionKey, opened_at: int) -> bool:
        """Whether this session of the account is one of them."""
        return opened_at <= self.until and key.id != self.kept


@frozen
class Replaced:
    """A refresh secret that a rotation replaced: when, the start of its hash, and the salt that gave the next one."""

    at: int
    mark: bytes = field(repr=False)
    salt: bytes = field(repr=False)


@frozen
class Session:
    """A token family: one item, whatever the number of refreshes.

    The `*_hash` fields are SHA-256 of the secrets; the secrets themselves are never kept. The `previous_*` fields are
    what the last rotation replaced, and `salt` is what made the new secrets of it.

    `family_hash` is that of the key that all its refresh secrets hold, None where a version that gave none made them.
    `earlier` and `recent` are the rotations of the last REFRESH_GRACE seconds at least, in order (see `token_family`).

    `auth_time` is when its user logged in and `methods` how (`login_methods`); a refresh changes neither. 0 and () for
    a session without a user, and for one stored before they were kept: such a login is never a recent one.

    `epoch` is the `valid_from` that it was opened under (`epochs`).
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

    @property
    def over_at(self) -> int:
        """From when on none of its tokens is good, unless it is refreshed before."""
        return min(self.ends_at, max(self.access_expires_at, self.refresh_expires_at))


@frozen
class Code:
    """All that is known of the codes sent to one number. `sent` holds the times of the last sendings.

    `tries` counts the guesses at the number until `tries_until`, `name_tries` those at the name of its account; a new
    code resets neither. `guesses` counts those at this code, by whatever door. `proven` is whether somebody gave the
    code back right, and `proof_day` the day (since 1970) whose codes the number's last proof was counted for.

    The code is good at the client `client_id`, for `purpose` (None: to log in and to link). `unsent` is the id of the
    last sending that was taken back.
    """

    number: str = field(repr=False)
    digest: bytes | None = field(default=None, repr=False)
    expires_at: int = 0
    sent: tuple[int, ...] = ()
    tries: int = 0
    tries_until: int = 0
    proven: bool = False
    client_id: str | None = None
    purpose: Purpose | None = None
    name_tries: int = 0
    name_tries_until: int = 0
    guesses: int = field(default=0, compare=False)
    proof_day: int = 0
    unsent: str = field(default="", compare=False)

    def tries_at(self, guess: "Guess") -> tuple[int, int]:
        """The tries that the guess is one of, and the end of their window."""
        return (self.name_tries, self.name_tries_until) if guess.by_name else (self.tries, self.tries_until)


@frozen
class Guess:
    """A guess at a code, made at `now`: one of `tries` in a window of `window` seconds.

    They count for the number, or (`by_name`) for the name of its account.
    """

    now: int
    window: int
    tries: int
    by_name: bool = False


@frozen
class Guesser:
    """Who presents a code: at which client (None where the route asks for no client), and from which address.

    Where `address` is None, wrong guesses are counted for the client.
    """

    client: Client | None
    address: str | None

    @classmethod
    def of(cls, client: Client, address: str, *, forwarded: bool) -> "Guesser":
        """The guesser at a client that has proven itself; `address` is the end user's where it is `forwarded`.

        Anybody may say that they are a public client; the address of one with a secret may stand for many people.
        """
        return cls(client, address if forwarded or not client.confidential else None)


@frozen
class Message:
    """A text message: `to` in E.164, `at` in seconds, `text` as it reads in `language`.

    Senders whose providers keep the texts as templates choose one by `purpose` and `language`, and fill in `code` and
    `minutes`, how long it is good. A notice has no code.
    """

    to: str = field(repr=False)
    code: str = field(repr=False)
    text: str = field(repr=False)
    at: int
    minutes: int = 10
    language: Language = "zh"
    purpose: Topic = "login"


@frozen
class KeyPair:
    """A new key pair: `public` in DER (SubjectPublicKeyInfo), `private` as the vault that made it gives it out."""

    public: bytes
    private: bytes = field(repr=False)


@frozen
class StoredKey:
    """A key pair as it is kept, one of its algorithm's, which are numbered from 1.

    `kid` is its thumbprint (RFC 7638), `public` in DER (SubjectPublicKeyInfo). `private` is what the vault made of the
    private half; None where that is gone, since the key signs no more.
    """

    algorithm: str
    number: int
    kid: str
    signs_from: int
    public: bytes = field(repr=False)
    private: bytes | None = field(repr=False)


@frozen
class Key:
    """The public half of a key, ready for use: `public` is an object of the cryptography library."""

    kid: str
    algorithm: str
    signs_from: int
    public: Any = field(repr=False)


@frozen
class SigningKey:
    """The private half of a key, ready for use: `private` is an object of the cryptography library."""

    kid: str
    algorithm: str
    private: Any = field(repr=False)


@frozen
class SingleUse:
    """A proof that may be used once: the key to remember it by, until when (Unix seconds), and an id of this use."""

    key: str
    until: int
    use: str


@frozen
class Identity:
    """Who a third party says is there: unique by provider, its app and the id in that app.

    `union` is the id that the same person has in all apps of that provider, where it gives one (WeChat's unionid).
    `single_use` is for the transaction that acts on the proof, None where the third party itself takes it once.
    """

    provider: str
    app: str
    openid: str = field(repr=False)
    union: str | None = field(default=None, repr=False)
    single_use: SingleUse | None = field(default=None, repr=False, compare=False)

    @property
    def issuer(self) -> str:
        """Provider and app as one text, in which no colon of the app's own can be mistaken for the one between."""
        return f"{self.provider}:{self.app.replace('%', '%25').replace(':', '%3A')}"

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What an account keeps of it (see `User.openids`): the id in the app first, then the one in all of them."""
        own = ((self.issuer, self.openid),)
        return own if self.union is None else (*own, (union_issuer(self.provider), self.union))


# In the place of an app: no provider that gives such ids has an app of this name.
_UNION = "unionid"


def union_issuer(provider: str) -> str:
    """The issuer under which an account keeps the id that a person has in all apps of the provider."""
    return f"{provider}:{_UNION}"


def is_union(issuer: str) -> bool:
    """Whether ids of this issuer are a person's in all apps of a provider."""
    return issuer == union_issuer("wechat")


@frozen
class Proof:
    """What somebody presents to be known by a third party: `sign`, and the `nonce` that it was asked for with."""

    sign: str = field(repr=False)
    nonce: str | None = field(default=None, repr=False)


@frozen
class TokenRequest:
    """What a grant is asked (RFC 6749 section 4): by which client, from which address, with which parameters.

    `scope` is what was asked for, None for nothing in particular. `address` is the end user's where `forwarded` says
    that the client told it, else the client's.
    """

    client: Client
    scope: tuple[str, ...] | None
    parameters: Mapping[str, str] = field(repr=False)
    address: str
    forwarded: bool = False

    @property
    def guesser(self) -> Guesser:
        """Whom a guess at a code counts for."""
        return Guesser.of(self.client, self.address, forwarded=self.forwarded)


@frozen
class TokenSet:
    """What a grant gives (RFC 6749 section 5.1). `expires_in` in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: tuple[str, ...]
    refresh_token: str | None = field(default=None, repr=False)
    user_id: int | None = None
