"""What the use cases need from the world, as small protocols. The docstrings are the contract.

Every adapter of a port passes the same suite (`tests/contract`). Any method of a store may raise the
LingpaiError `temporarily_unavailable`; the operation is then either done or not, never half.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from lingpai.clock import Clock
from lingpai.frozen import frozen
from lingpai.model import (
    Client,
    Code,
    EndedAccount,
    Guess,
    Identity,
    Key,
    KeyPair,
    KnownAddress,
    Message,
    Proof,
    Replaced,
    RoleBook,
    Session,
    SessionKey,
    SigningKey,
    StoredKey,
    User,
    WaitingClient,
)

if TYPE_CHECKING:
    from lingpai.settings import Settings

# --- writes -----------------------------------------------------------------------------------------------


@frozen
class OneMore:
    """Count one more session of the account, opened at `opened_at`.

    Fails where `most` are counted already, where none ever were, or where the session would have ended already
    (`User.ended_until`).
    """

    most: int
    opened_at: int | None = None

    def allows(self, user: User) -> bool:
        """Whether the account can be counted so as it stands."""
        return user.sessions is not None and user.sessions < self.most and _lives(user, self.opened_at)


@frozen
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


@frozen
class PutUser:
    """A new account, with so many sessions. Fails where the id is taken."""

    user: User
    sessions: int = 0


@frozen
class ChangeUser:
    """The account `before` becomes `after`.

    Fails where a field that differs is no longer as in `before`, or where the account is gone or disabled. `count` is
    done with it, and may fail, too.
    """

    before: User
    after: User
    count: Count | None = None


@frozen
class CheckUser:
    """Fails unless the account is there, not disabled and, where `password` is given, has this hash.

    Writes nothing but `count`, which may fail, too.
    """

    user_id: int
    password: str | None = field(default=None, repr=False)
    count: Count | None = None


@frozen
class CheckRole:
    """Writes nothing. Fails unless the account is there, not disabled, and has the role of this id."""

    user_id: int
    role_id: int


@frozen
class DisableUser:
    """Nobody logs in to the account any more. Fails where there is none."""

    user_id: int


@frozen
class EnableUser:
    """The account may be used again. Fails where there is none."""

    user_id: int


@frozen
class DeleteUser:
    """The account is gone. Fails where its names are not exactly those of `user`, so that none of them stays behind."""

    user: User


@frozen
class PutIdentity:
    """The name `key` now finds the user. Fails where it finds anybody already."""

    key: str = field(repr=False)
    user_id: int


@frozen
class CheckIdentity:
    """Writes nothing. Fails unless the name `key` finds the user."""

    key: str = field(repr=False)
    user_id: int


@frozen
class DeleteIdentity:
    """The name `key` is free again. Fails where it does not find this user."""

    key: str = field(repr=False)
    user_id: int


@frozen
class PutSession:
    """A new session. Its key is random: where one stands there already, it is this one, put before."""

    session: Session
    ttl: int


@frozen
class EndSession:
    """The session is gone, if it was there."""

    key: SessionKey


@frozen
class EndOpened:
    """All sessions of the account that were opened at `until` or before have ended, but for `kept` (0 or 1) of them.

    Fails where the account is gone, or where those opened at `until` or later have ended already.
    """

    user_id: int
    until: int
    kept: int


@frozen
class SaveEnded:
    """The deployment's list of ended accounts `before` becomes `after`. Fails where it is another by now."""

    before: tuple[EndedAccount, ...]
    after: tuple[EndedAccount, ...]


@frozen
class ConsumeCode:
    """The code of this digest is used up, and the guess that found it (`by_name`) is not counted as a wrong one.

    `proof_day` is the day whose codes the number has now given a proof for. Fails where the code is another, used or
    expired at `now`. `decision` is a random id, kept with the number: see `Codes.reopen_code`.
    """

    number: str = field(repr=False)
    digest: bytes = field(repr=False)
    now: int
    proof_day: int = 0
    by_name: bool = False
    decision: str = ""


@frozen
class CheckTally:
    """Writes nothing. Fails where a count of the tally has reached its limit."""

    key: str
    limits: Mapping[str, int]


@frozen
class SpendTally:
    """One is added to each count that `limits` names. Fails where one of them has reached its limit."""

    key: str
    limits: Mapping[str, int]
    ttl: int


@frozen
class KnowAddresses:
    """From these addresses the name `key` was lately logged in to. Fails where it does not find this user."""

    key: str = field(repr=False)
    user_id: int
    addresses: tuple[KnownAddress, ...]


Write = (
    PutUser
    | ChangeUser
    | CheckUser
    | CheckRole
    | DisableUser
    | EnableUser
    | DeleteUser
    | PutIdentity
    | CheckIdentity
    | DeleteIdentity
    | PutSession
    | EndSession
    | EndOpened
    | SaveEnded
    | ConsumeCode
    | CheckTally
    | SpendTally
    | KnowAddresses
)


class Conflict(Exception):
    """A write could not be done, so none of its transaction was. `write` is the first that failed.

    `user` is the account as it was then, for a write with a `count`; None where it is gone.
    """

    def __init__(self, write: Write, user: User | None = None) -> None:
        super().__init__(type(write).__name__)
        self.write = write
        self.user = user


class Ledger(Protocol):
    """Writes that belong together."""

    def commit(self, *writes: Write) -> None:
        """Do all of `writes` or none (at most 100, each on another item); raise Conflict when one fails."""
        ...


# --- stores -----------------------------------------------------------------------------------------------


class Clients(Protocol):
    """The clients' records."""

    def get_client(self, client_id: str) -> Client | None:
        """The client's record, or None."""
        ...


class KnownClients(Clients, Protocol):
    """The clients' records as a function keeps them, with the deployment's."""

    def has_ended(self, key: SessionKey, opened_at: int) -> bool:
        """Whether the session has ended with all others of its account, by the deployment's record as last read."""
        ...

    def ended_account(self, user_id: int) -> EndedAccount | None:
        """What the deployment's record, as last read, says of this account."""
        ...


@frozen
class ClientLookup:
    """A client's record, None for none, and the deployment's `valid_from` and ended accounts, read at one time.

    `ended` is None where nothing was read.
    """

    client: Client | None
    valid_from: int
    ended: tuple[EndedAccount, ...] | None = ()


class ClientSource(Clients, Protocol):
    """The clients' records as a store has them."""

    def look_up_client(self, client_id: str) -> ClientLookup:
        """The client's record and the deployment's, in one call; sees all writes before it."""
        ...


class ClientWriter(ClientSource, Protocol):
    """For the operator's tools: the functions only read clients."""

    def put_client(self, client: Client) -> None:
        """Keep the record, in place of one of the same id."""
        ...

    def create_client(self, client: Client) -> bool:
        """Keep the record; False where there is one of this id."""
        ...

    def change_client(self, before: Client, after: Client) -> bool:
        """Make `after` of the record `before`; False where a field that differs is no longer as in `before`.

        False, too, where the record is gone. Fields that are alike in both stay as they are by then.
        """
        ...

    def list_clients(self) -> tuple[Client, ...]:
        """All records, in any order."""
        ...

    def get_valid_from(self) -> int:
        """The deployment's `valid_from`."""
        ...

    def move_valid_from(self, valid_from: int) -> None:
        """Make it the deployment's `valid_from`, unless that is later already."""
        ...


@frozen
class Directory:
    """Users by id (those that exist) with the roles of the deployment, read at one time."""

    users: Mapping[int, User]
    roles: RoleBook


@frozen
class Page:
    """Some users, in an order that holds; `next` is where the next page starts, None after the last."""

    users: tuple[User, ...]
    next: int | None


@frozen
class Door:
    """Who may be behind a name, from where it was lately logged in to, and the tallies asked for, by key."""

    user_id: int | None
    addresses: tuple[KnownAddress, ...]
    tallies: Mapping[str, Mapping[str, int]]


class Accounts(Protocol):
    """Users and the names that find them. Every read sees all writes before it."""

    def find_user_id(self, key: str) -> int | None:
        """The user that the identity `key` finds."""
        ...

    def find_user_ids(self, *keys: str) -> Mapping[str, int]:
        """The users that these identities (at most 100) find, in one call; one that finds nobody is left out."""
        ...

    def find_door(self, key: str, tallies: tuple[str, ...]) -> Door:
        """What is known of a login at the identity `key`, in one call."""
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


class Roles(Protocol):
    """The role book."""

    def save_roles(self, book: RoleBook) -> bool:
        """Keep `book` as the version after its own; False where the stored version is another by now."""
        ...


# How many rotations a session remembers in one span of time: more than anybody needs, and far from an item's limit.
HISTORY_MAX = 500


class History(Enum):
    """What becomes of the rotations that a session knows, once there is one more."""

    # `recent` gets one more. Refused where it has HISTORY_MAX already.
    APPEND = auto()
    # `recent` becomes `earlier`, and is the new one alone.
    SHIFT = auto()
    # Those before are forgotten: `recent` is the new one alone.
    RESTART = auto()


@frozen
class Rotation:
    """New secrets in place of the refresh secret that was presented (all as SHA-256).

    `scope` is what the new access token may do; None for the whole scope of the session. `history` says where the
    rotation itself is remembered.
    """

    key: SessionKey
    client_id: str
    presented_hash: bytes = field(repr=False)
    now: int
    salt: bytes = field(repr=False)
    access_hash: bytes = field(repr=False)
    access_expires_at: int
    refresh_hash: bytes = field(repr=False)
    refresh_expires_at: int
    scope: tuple[str, ...] | None
    ttl: int
    family_hash: bytes = field(repr=False)
    history: History
    mark: bytes = field(repr=False)

    @property
    def replaced(self) -> Replaced:
        """The rotation as the session remembers it."""
        return Replaced(self.now, self.mark, self.salt)


@frozen
class SessionSpan:
    """A session's life: when it was opened, and from when on none of its tokens is good unless it is refreshed."""

    key: SessionKey
    opened_at: int
    over_at: int


@frozen
class Rotated:
    """What became of a rotation: `session` as it is now; when it was refused, as it stood in the way."""

    done: bool
    session: Session | None


@frozen
class Ended:
    """Whether a session was ended; when it was refused, `session` is what stood in the way."""

    done: bool
    session: Session | None


class Sessions(Protocol):
    """Token families. An expired one may still be found: expiry is checked by who reads."""

    def get_session(self, key: SessionKey) -> Session | None:
        """The session; sees all writes before it."""
        ...

    def rotate(self, rotation: Rotation) -> Rotated:
        """Replace the secrets in one conditional write.

        Done only where the session's current refresh secret is the presented one, it belongs to the client,
        neither it nor the session has expired at `now`, and the session's scope holds all of `scope`. What was
        current (access secret, its expiry and scope, refresh secret) becomes previous, and `History` says what becomes
        of the rotations before.
        """
        ...

    def end_presented(self, key: SessionKey, hashed: bytes, client_id: str | None) -> Ended:
        """Delete the session in one conditional write.

        Done only where `hashed` is one of its four secrets (current and previous, access and refresh) and, where
        `client_id` is given, it belongs to this client.
        """
        ...

    def list_revoked(self, key: SessionKey, ttl: int) -> None:
        """Remember until `ttl` that the token which stands alone under this key is revoked."""
        ...

    def is_listed(self, key: SessionKey) -> bool:
        """Whether the key is remembered as revoked; sees all writes before it."""
        ...

    def sessions_of(self, user_id: int, most: int | None = None) -> tuple[SessionKey, ...]:
        """The keys of all sessions of the user, or of any `most` of them; sees all writes before it."""
        ...

    def session_spans(self, user_id: int) -> tuple[SessionSpan, ...]:
        """The lives of all sessions of the user, those that are over included; sees all writes before it."""
        ...

    def end_sessions(self, keys: tuple[SessionKey, ...]) -> None:
        """Delete these sessions; those that are not there are no error."""
        ...

    def list_ended(self) -> tuple[EndedAccount, ...]:
        """The accounts that `SaveEnded` has listed; sees all writes before it."""
        ...


class Codes(Protocol):
    """Codes sent to numbers, and the guesses at them."""

    def get_code(self, number: str) -> Code | None:
        """What is known of the number."""
        ...

    def save_code(self, before: Code | None, after: Code, ttl: int, sending: str = "") -> bool:
        """Keep `after`; False where what is known is not `before` any more: another sending, or a code used up.

        Tries are left out of that: they stay as counted, unless `after` opens a new window for them. `sending` is this
        sending's id; it is refused once `unsent` names it, so that a write which arrives late does nothing.
        """
        ...

    def reopen_code(self, used: ConsumeCode, expires_at: int) -> None:
        """Make the code good again until `expires_at`, if it was this write that used it up and nothing came since."""
        ...

    def mark_proven(self, number: str, digest: bytes, proof_day: int) -> bool:
        """Remember that the code of this digest was given back right, on this day: whether this was the first time."""
        ...

    def count_try(self, number: str, guess: Guess) -> Code:
        """Count one guess, then tell what is known, the count included.

        After its window, which begins with the first guess (or with the code that opened it), the count begins again
        at 1. Guesses at a number that no code was sent to count as well. While tries are left, it counts for the code,
        too.
        """
        ...


@frozen
class Spent:
    """Whether the counts were added to, and what they are by now."""

    done: bool
    counts: Mapping[str, int]


class Counters(Protocol):
    """Tallies: named counts under one key, exact under concurrency. What was never counted is 0.

    The name of a count holds neither dots nor brackets.
    """

    def spend(self, key: str, limits: Mapping[str, int], ttl: int, amount: int = 1) -> Spent:
        """Add one to each count that `limits` names, unless one of them has reached its limit: in one write.

        With an amount of 0 it only tells whether it would; the work is the same.
        """
        ...

    def give_back(self, key: str, name: str, amount: int = 1, add: str | None = None) -> None:
        """Take `amount` off the count, which does not fall below 0, and add one to the count `add`.

        A tally that is not there (any more) is left alone.
        """
        ...

    def take_back(self, spent: SpendTally) -> None:
        """Take off what this write has added, if it was done.

        One of its counts must have a name that no other write uses, so that this write can be recognised.
        """
        ...

    def counts(self, key: str) -> Mapping[str, int]:
        """The counts of the tally; sees all writes before it."""
        ...

    def clear(self, key: str) -> None:
        """Forget the tally."""
        ...


class Store(Ledger, ClientSource, Accounts, Roles, Sessions, Codes, Counters, Protocol):
    """All of the above: what a deployment keeps."""


# --- keys ---------------------------------------------------------------------------------------------------


class KeyStore(Protocol):
    """Where key pairs are kept."""

    def load_keys(self) -> tuple[StoredKey, ...]:
        """All of them, in any order; sees all writes before it."""
        ...

    def add_key(self, key: StoredKey) -> bool:
        """Keep one more; False where another of its algorithm and number is there, which then stays as it is."""
        ...

    def forget_private(self, key: StoredKey) -> None:
        """Delete the private half of the key of this algorithm and number; one that is not there is no error."""
        ...

    def delete_key(self, key: StoredKey) -> None:
        """Delete the key of this algorithm and number; one that is not there is no error."""
        ...


class Vault(Protocol):
    """Makes key pairs, and keeps their private halves from whoever reads the store alone."""

    def make_pair(self, algorithm: str, number: int) -> KeyPair:
        """A new key pair (RFC 7518 section 3.1), to be kept under this algorithm and number."""
        ...

    def open_private(self, key: StoredKey) -> bytes:
        """The private half in DER (PKCS #8); LingpaiError where it cannot be opened, now or as this key's."""
        ...


class Keys(Protocol):
    """The key ring as those who sign and verify need it."""

    def signing(self, algorithm: str, at: int) -> SigningKey:
        """The key of this algorithm that signs at this time; LingpaiError where there is none."""
        ...

    def published(self) -> tuple[Key, ...]:
        """Every key that may have signed a token that is alive, or will sign."""
        ...

    def find(self, kid: str) -> Key | None:
        """The published key of this id."""
        ...


# --- the rest of the world --------------------------------------------------------------------------------


class NotSent(Exception):
    """The message was refused, or never reached who sends it: nobody gets it, and it may be tried elsewhere.

    `bad_number` says that the number is at fault, which no other sender would mend. `detail` is for the log: the
    sender and its error code, nothing of the message.
    """

    def __init__(self, detail: str, *, bad_number: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.bad_number = bad_number


class MaybeSent(Exception):
    """The answer was lost: the message may be on its way, so it must not be sent again. `detail` as in NotSent."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Sender(Protocol):
    """Sends text messages."""

    def send(self, message: Message) -> None:
        """Send it, or raise NotSent or MaybeSent. Never logs or quotes the code or the number."""
        ...


class Messenger(Sender, Protocol):
    """Sends text messages, and can hide that none was sent."""

    def pretend(self) -> None:
        """Take about as long as a message takes, and send nothing."""
        ...


class Meter(Protocol):
    """Counts what an operator watches."""

    def count(self, name: str, **told: str) -> None:
        """One more of `name` (CamelCase). What is `told` of it holds nothing about a person."""
        ...

    def flush(self) -> None:
        """Write down what this thread has counted since it last did so: at the end of each request."""
        ...


class SignProvider(Protocol):
    """A third party who says who somebody is, or what stands for it here."""

    @property
    def proves(self) -> bool:
        """Whether `resolve` has the third party's own word, so that the person's alone is enough to link it."""
        ...

    def asks(self, client: Client, proof: Proof) -> bool:
        """Whether `resolve` asks the third party about this proof, so that the question has to be counted before.

        LingpaiError for a proof that is refused without a question.
        """
        ...

    def resolve(self, client: Client, proof: Proof) -> Identity:
        """Who presents the proof to the client.

        LingpaiError `invalid_grant` for a proof that is wrong, used or another's, `invalid_request` where it lacks
        something, 429 or 503 where the third party does not say. Neither it nor its cause quotes the proof.
        """
        ...

    def identity(self, client: Client, openid: str) -> Identity:
        """The identity that the client's users of this id have, proven by nothing: for an admin's word."""
        ...

    def app(self, issuer: str) -> str | None:
        """How people know the app of this `Identity.issuer`, if whoever it names can log in by this provider."""
        ...


# Told apart by identity: what is made of them for an address is kept under them (`web.app`).
@dataclass(frozen=True, slots=True, eq=False)
class Services:
    """Everything a use case may need, put together by `bootstrap`.

    `waiting_clients` is what this process knows of wrong secrets (`client_login`), `pepper` keys the digests of codes,
    `issuer` is the address that tokens are issued under (RFC 8414 section 2); `proxy_secret` is what a trusted proxy
    proves itself by, None where there is none.
    """

    settings: "Settings"
    clock: Clock
    store: Store
    clients: KnownClients
    sms: Messenger
    meter: Meter
    sign_providers: Mapping[str, SignProvider]
    pepper: Callable[[], bytes] = field(repr=False)
    keys: Keys
    issuer: str = ""
    waiting_clients: dict[str, WaitingClient] = field(default_factory=dict, repr=False)
    proxy_secret: Callable[[], str] | None = field(default=None, repr=False)
