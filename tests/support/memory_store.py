"""The store in a process's memory: for tests of the core, under the same contract as DynamoDB."""

import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lingpai import store
from lingpai.accounts.model import KnownAddress, RoleBook, User
from lingpai.accounts.storage import (
    ChangeUser,
    CheckIdentity,
    CheckRole,
    CheckUser,
    Count,
    DeleteFactor,
    DeleteIdentity,
    DeleteUser,
    Directory,
    DisableUser,
    EnableUser,
    EndOpened,
    LoginLookup,
    OneMore,
    Page,
    PutIdentity,
    PutUser,
    Recounted,
    RememberAddresses,
)
from lingpai.authorization.model import AuthorizationCode, PushedRequest
from lingpai.authorization.storage import (
    PutAuthorizationCode,
    PutPushedRequest,
    UseAuthorizationCode,
    UsePushedRequest,
)
from lingpai.aws.dynamodb.actions import Action
from lingpai.browser_sessions.model import BrowserSession
from lingpai.browser_sessions.storage import BrowserLookup, PutBrowserSession, RaiseBrowserSession, TouchBrowserSession
from lingpai.clients.model import Client, EndedAccount
from lingpai.clients.storage import ClientLookup, ClientPage, SaveEnded
from lingpai.consents.storage import Given, SaveConsents
from lingpai.events.model import Event
from lingpai.events.storage import AuditPage, AuditQuery, BadCursor
from lingpai.health.storage import TableDescription
from lingpai.identity_providers.model import AppToken
from lingpai.kernel.setting_types import Table
from lingpai.kernel.writes import Conflict, Write
from lingpai.passkeys.model import Challenge, Passkey, Passkeys
from lingpai.passkeys.storage import (
    LIST,
    PREFIX,
    ChangePasskeys,
    PutChallenge,
    PutPasskey,
    RenamePasskey,
    UseChallenge,
    UsePasskey,
    item_id,
)
from lingpai.pending_logins.model import PendingLogin
from lingpai.pending_logins.storage import PutPendingLogin, UsePendingLogin
from lingpai.rate_limits.storage import CheckCounter, IncrementCounter, Incremented
from lingpai.second_factors.model import AccountFactors, RecoveryCodes, Totp
from lingpai.second_factors.storage import (
    RECOVERY,
    TOTP,
    BeginTotp,
    ConfirmTotp,
    SaveRecoveryCodes,
    UseRecoveryCode,
    UseTotpStep,
)
from lingpai.sessions.model import Replaced, Session, SessionKey
from lingpai.sessions.storage import (
    HISTORY_MAX,
    CheckSession,
    Ended,
    EndSession,
    History,
    PutSession,
    Rotated,
    Rotation,
    SessionSpan,
)
from lingpai.settings import Settings
from lingpai.sms_codes.model import Code, Guess
from lingpai.sms_codes.storage import ConsumeCode
from lingpai.webhooks.model import Webhook

_SETTINGS = Settings()


def _dynamodb_action(write: Write) -> Action:
    """What DynamoDB would be asked for."""
    return store.ACTIONS[type(write)](_SETTINGS, write)


@dataclass
class MemoryStore:
    """Everything in dictionaries behind one lock."""

    clients: dict[str, Client] = field(default_factory=dict)
    valid_from: int = 0
    ended: tuple[EndedAccount, ...] = ()
    users: dict[int, User] = field(default_factory=dict)
    identities: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, tuple[KnownAddress, ...]] = field(default_factory=dict)
    roles: RoleBook = field(default_factory=RoleBook)
    consents: dict[int, Given] = field(default_factory=dict)
    # By user id and id of the item.
    factors: dict[tuple[int, str], Any] = field(default_factory=dict)
    sessions: dict[SessionKey, Session] = field(default_factory=dict)
    browser_sessions: dict[SessionKey, BrowserSession] = field(default_factory=dict)
    revoked: set[SessionKey] = field(default_factory=set)
    codes: dict[str, Code] = field(default_factory=dict)
    authorization_codes: dict[bytes, AuthorizationCode] = field(default_factory=dict)
    pushed_requests: dict[bytes, PushedRequest] = field(default_factory=dict)
    challenges: dict[bytes, Challenge] = field(default_factory=dict)
    pending_logins: dict[bytes, PendingLogin] = field(default_factory=dict)
    app_tokens: dict[str, AppToken] = field(default_factory=dict)
    claims: dict[str, bytes] = field(default_factory=dict)
    used_by: dict[str, str] = field(default_factory=dict)
    counters: dict[str, dict[str, int]] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    # By cursor, which is the time and the event's id.
    events: dict[str, Event] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def contents(self) -> dict[str, Any]:
        """All that is kept, by field. Values are never changed in place, but for those of dictionaries."""
        with self.lock:
            return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "lock"}

    # --- ledger

    def commit(self, *writes: Write) -> None:
        """Check every write, then do them all. As DynamoDB, it takes no two writes on one item."""
        items = [(action.arguments["TableName"], repr(action.key)) for action in map(_dynamodb_action, writes)]
        assert len(set(items)) == len(items), f"two writes on one item: {writes}"
        with self.lock:
            steps = [ACTIONS[type(write)](self, write) for write in writes]
            for write, step in zip(writes, steps, strict=True):
                if not next(step):
                    raise Conflict(write, self._counted_user(write))
            for step in steps:
                next(step, None)

    def _counted_user(self, write: Write) -> User | None:
        """The account of a write that counts a session, or demands that the account has no second factor."""
        match write:
            case ChangeUser(count=count, one_factor=one_factor) if count is not None or one_factor:
                return self.users.get(write.before.id)
            case CheckUser(count=count, one_factor=one_factor) if count is not None or one_factor:
                return self.users.get(write.user_id)
            case _:
                return None

    # --- clients

    def get_client(self, client_id: str) -> Client | None:
        """See `Clients`."""
        return self.clients.get(client_id)

    def look_up_client(self, client_id: str) -> ClientLookup:
        """See `ClientSource`."""
        with self.lock:
            return ClientLookup(self.clients.get(client_id), self.valid_from, self.ended)

    def put_client(self, client: Client) -> None:
        """See `ClientWriter`."""
        with self.lock:
            self.clients[client.id] = client

    def create_client(self, client: Client) -> bool:
        """See `ClientWriter`."""
        with self.lock:
            return self.clients.setdefault(client.id, client) is client

    def change_client(self, before: Client, after: Client, *, depends_on: Collection[str] = ()) -> bool:
        """See `ClientWriter`."""
        with self.lock:
            known = self.clients.get(before.id)
            if known is None or not _unchanged(known, before, after):
                return False
            if any(getattr(known, name) != getattr(before, name) for name in depends_on):
                return False
            self.clients[before.id] = replace(known, **_changes(before, after))
            return True

    def list_clients(self) -> tuple[Client, ...]:
        """See `ClientWriter`."""
        with self.lock:
            return tuple(self.clients.values())

    def page_clients(self, limit: int, after: str | None) -> ClientPage:
        """See `ClientWriter`; here the order is that of the ids."""
        with self.lock:
            ids = sorted(client_id for client_id in self.clients if after is None or client_id > after)
            shown = ids[:limit]
            return ClientPage(tuple(self.clients[i] for i in shown), shown[-1] if len(ids) > limit else None)

    def get_valid_from(self) -> int:
        """See `ClientWriter`."""
        return self.valid_from

    def move_valid_from(self, valid_from: int) -> None:
        """See `ClientWriter`."""
        with self.lock:
            self.valid_from = max(self.valid_from, valid_from)

    # --- events

    def append_events(self, events: Sequence[Event]) -> None:
        """See `AuditTrail`."""
        with self.lock:
            self.events |= {f"{event.at:010d}#{event.id}": event for event in events}

    def find_events(self, query: AuditQuery, limit: int, after: str | None = None) -> AuditPage:
        """See `AuditTrail`."""
        if after is not None and not re.fullmatch(r"[0-9]{10}(#[0-9a-z-]{1,80})?", after):
            raise BadCursor
        with self.lock:
            known = sorted(self.events.items(), reverse=True)
        found = [
            (cursor, event) for cursor, event in known if _is_asked(query, event) and (not after or cursor < after)
        ]
        page = found[:limit]
        return AuditPage(tuple(event for _, event in page), page[-1][0] if len(found) > limit else None)

    # --- webhooks

    def list_webhooks(self) -> tuple[Webhook, ...]:
        """See `Webhooks`."""
        with self.lock:
            return tuple(self.webhooks.values())

    def get_webhook(self, webhook_id: str) -> Webhook | None:
        """See `Webhooks`."""
        return self.webhooks.get(webhook_id)

    def create_webhook(self, webhook: Webhook) -> bool:
        """See `Webhooks`."""
        with self.lock:
            if webhook.id in self.webhooks:
                return False
            self.webhooks[webhook.id] = webhook
            return True

    def change_webhook(self, before: Webhook, after: Webhook) -> bool:
        """See `Webhooks`."""
        with self.lock:
            known = self.webhooks.get(before.id)
            if known is None or not _unchanged(known, before, after):
                return False
            self.webhooks[before.id] = replace(known, **_changes(before, after))
            return True

    def delete_webhook(self, webhook_id: str) -> bool:
        """See `Webhooks`."""
        with self.lock:
            return self.webhooks.pop(webhook_id, None) is not None

    # --- accounts and roles

    def find_user_id(self, key: str) -> int | None:
        """See `Accounts`."""
        return self.identities.get(key)

    def find_user_ids(self, *keys: str) -> Mapping[str, int]:
        """See `Accounts`."""
        with self.lock:
            return {key: self.identities[key] for key in keys if key in self.identities}

    def look_up_login(self, key: str, counters: tuple[str, ...]) -> LoginLookup:
        """See `Accounts`."""
        with self.lock:
            counts = {counter: dict(self.counters.get(counter, {})) for counter in counters}
            return LoginLookup(self.identities.get(key), self.addresses.get(key, ()), counts)

    def get_user(self, user_id: int) -> User | None:
        """See `Accounts`."""
        return self.users.get(user_id)

    def directory(self, *user_ids: int) -> Directory:
        """See `Accounts`."""
        with self.lock:
            return Directory({i: self.users[i] for i in user_ids if i in self.users}, self.roles)

    def list_users(self, limit: int, after: int | None) -> Page:
        """See `Accounts`; here the order is that of the ids."""
        with self.lock:
            ids = sorted(user_id for user_id in self.users if after is None or user_id > after)
            shown = ids[:limit]
            return Page(tuple(self.users[i] for i in shown), shown[-1] if len(ids) > limit else None)

    def save_roles(self, book: RoleBook) -> bool:
        """See `Roles`."""
        with self.lock:
            if self.roles.version != book.version:
                return False
            self.roles = replace(book, version=book.version + 1)
            return True

    def list_closed(self, until: int, limit: int) -> tuple[int, ...]:
        """See `Accounts`."""
        with self.lock:
            closed = [(user.closes_at, user.id) for user in self.users.values() if user.closes_at is not None]
            return tuple(user_id for closes_at, user_id in sorted(closed) if closes_at <= until)[:limit]

    def list_factor_ids(self, user_id: int) -> tuple[str, ...]:
        """See `Accounts`."""
        with self.lock:
            return tuple(sorted(factor_id for owner, factor_id in self.factors if owner == user_id))

    def get_factors(self, user_id: int) -> AccountFactors:
        """See `SecondFactors`."""
        with self.lock:
            return AccountFactors(self.factors.get((user_id, TOTP)), self.factors.get((user_id, RECOVERY)))

    def get_passkey(self, user_id: int, mark: bytes) -> Passkey | None:
        """See `PasskeyStore`."""
        found: Passkey | None = self.factors.get((user_id, item_id(mark)))
        return found

    def list_passkeys(self, user_id: int) -> Passkeys:
        """See `PasskeyStore`."""
        with self.lock:
            own = [item for (owner, name), item in self.factors.items() if owner == user_id and name.startswith(PREFIX)]
            listed = sorted(own, key=lambda passkey: (passkey.created_at, passkey.mark))
            return Passkeys(tuple(listed), self.factors.get((user_id, LIST), 0))

    def get_consents(self, user_id: int) -> Given:
        """See `Consents`."""
        return self.consents.get(user_id, {})

    # --- sessions

    def get_session(self, key: SessionKey) -> Session | None:
        """See `Sessions`."""
        return self.sessions.get(key)

    def rotate(self, rotation: Rotation) -> Rotated:
        """See `Sessions`."""
        with self.lock:
            session = self.sessions.get(rotation.key)
            if session is None or not _may_rotate(session, rotation):
                return Rotated(False, session)
            rotated = replace(
                session,
                access_hash=rotation.access_hash,
                access_expires_at=rotation.access_expires_at,
                access_scope=session.scope if rotation.scope is None else rotation.scope,
                refresh_hash=rotation.refresh_hash,
                refresh_expires_at=rotation.refresh_expires_at,
                rotated_at=rotation.now,
                salt=rotation.salt,
                previous_refresh_hash=session.refresh_hash,
                previous_access_hash=session.access_hash,
                previous_access_expires_at=session.access_expires_at,
                previous_access_scope=session.access_scope,
                **_audience(session, rotation),
                jkt=rotation.jkt or session.jkt,
                previous_jkt=session.jkt if rotation.jkt else session.previous_jkt,
                family_hash=rotation.family_hash,
                earlier=_earlier(session, rotation.history),
                recent=(*(session.recent if rotation.history is History.APPEND else ()), rotation.replaced),
            )
            self.sessions[rotation.key] = rotated
            return Rotated(True, rotated)

    def delete_matching(self, key: SessionKey, hashed: bytes, client_id: str | None) -> Ended:
        """See `Sessions`."""
        with self.lock:
            session = self.sessions.get(key)
            if session is None or hashed not in _hashes(session) or client_id not in (None, session.client_id):
                return Ended(False, session)
            del self.sessions[key]
            return Ended(True, None)

    def revoke_jti(self, key: SessionKey, ttl: int) -> None:
        """See `Sessions`."""
        with self.lock:
            self.revoked.add(key)

    def is_revoked(self, key: SessionKey) -> bool:
        """See `Sessions`."""
        return key in self.revoked

    def sessions_of(self, user_id: int, most: int | None = None) -> tuple[SessionKey, ...]:
        """See `Sessions`."""
        with self.lock:
            return tuple(session.key for session in self._all_sessions(user_id))[:most]

    def opened_at(self, key: SessionKey) -> int | None:
        """See `Sessions`."""
        with self.lock:
            session = self.sessions.get(key) or self.browser_sessions.get(key)
            return session.created_at if session else None

    def session_spans(self, user_id: int) -> tuple[SessionSpan, ...]:
        """See `Sessions`."""
        with self.lock:
            return tuple(map(_span, self._all_sessions(user_id)))

    def end_sessions(self, keys: tuple[SessionKey, ...]) -> None:
        """See `Sessions`."""
        with self.lock:
            for key in keys:
                self.sessions.pop(key, None)
                self.browser_sessions.pop(key, None)

    def look_up_browser(self, key: SessionKey) -> BrowserLookup:
        """See `BrowserSessions`."""
        with self.lock:
            return BrowserLookup(
                self.browser_sessions.get(key), self.users.get(key.owner), self.get_consents(key.owner)
            )

    def list_sessions(self, user_id: int, most: int) -> tuple[Session | BrowserSession, ...]:
        """See `BrowserSessions`."""
        with self.lock:
            return self._all_sessions(user_id)[:most]

    def _all_sessions(self, user_id: int) -> tuple[Session | BrowserSession, ...]:
        everyones: list[Session | BrowserSession] = [*self.sessions.values(), *self.browser_sessions.values()]
        return tuple(session for session in everyones if session.key.owner == user_id)

    def list_ended(self) -> tuple[EndedAccount, ...]:
        """See `EndedAccounts`."""
        return self.ended

    # --- authorization codes and pushed requests

    def get_authorization_code(self, digest: bytes) -> AuthorizationCode | None:
        """See `Authorizations`."""
        return self.authorization_codes.get(digest)

    def get_pushed_request(self, digest: bytes) -> PushedRequest | None:
        """See `Authorizations`."""
        return self.pushed_requests.get(digest)

    # --- pending logins

    def get_pending_login(self, digest: bytes) -> PendingLogin | None:
        """See `PendingLogins`."""
        return self.pending_logins.get(digest)

    # --- the apps' tokens at providers

    def get_app_token(self, app: str) -> AppToken:
        """See `AppTokens`."""
        return self.app_tokens.get(app, AppToken(app))

    def claim_app_token(self, seen: AppToken, claim: bytes, now: int, until: int) -> bool:
        """See `AppTokens`."""
        with self.lock:
            known = self.get_app_token(seen.app)
            if known.sealed != seen.sealed or known.claimed_until > now:
                return False
            self.app_tokens[seen.app] = replace(known, claimed_until=until)
            self.claims[seen.app] = claim
            return True

    def put_app_token(self, token: AppToken, claim: bytes) -> bool:
        """See `AppTokens`."""
        with self.lock:
            if self.claims.get(token.app) != claim:
                return False
            del self.claims[token.app]
            self.app_tokens[token.app] = replace(token, claimed_until=0)
            return True

    def release_app_token(self, app: str, claim: bytes) -> None:
        """See `AppTokens`."""
        with self.lock:
            if self.claims.get(app) == claim:
                del self.claims[app]
                self.app_tokens[app] = replace(self.app_tokens[app], claimed_until=0)

    # --- codes and counters

    def get_code(self, number: str) -> Code | None:
        """See `Codes`."""
        return self.codes.get(number)

    def save_code(self, before: Code | None, after: Code, ttl: int, sending: str = "") -> bool:
        """See `Codes`."""
        with self.lock:
            known = self.codes.get(after.number)
            if _sendings(known) != _sendings(before) or (known is not None and sending and known.unsent == sending):
                return False
            if known is not None:
                after = replace(
                    after,
                    tries=known.tries if after.tries_until == known.tries_until else after.tries,
                    name_tries=known.name_tries,
                    name_tries_until=known.name_tries_until,
                    proof_day=known.proof_day,
                    unsent=after.unsent or known.unsent,
                )
            self.codes[after.number] = after
            return True

    def reopen_code(self, used: ConsumeCode, expires_at: int) -> None:
        """See `Codes`."""
        with self.lock:
            code = self.codes.get(used.number)
            if code is not None and code.digest is None and self.used_by.get(used.number) == used.decision:
                del self.used_by[used.number]
                self.codes[used.number] = replace(code, digest=used.digest, expires_at=expires_at)

    def mark_proven(self, number: str, digest: bytes, proof_day: int) -> bool:
        """See `Codes`."""
        with self.lock:
            code = self.codes.get(number)
            if code is None or code.digest != digest or code.proven:
                return False
            self.codes[number] = replace(code, proven=True, proof_day=proof_day)
            return True

    def count_try(self, number: str, guess: Guess) -> Code:
        """See `Codes`."""
        with self.lock:
            known = self.codes.get(number) or Code(number)
            tries, until = known.tries_at(guess)
            if until <= guess.now:
                tries, until = 0, guess.now + guess.window
            if tries < guess.tries:
                known = replace(known, guesses=known.guesses + 1)
            if guess.by_name:
                known = replace(known, name_tries=tries + 1, name_tries_until=until)
            else:
                known = replace(known, tries=tries + 1, tries_until=until)
            self.codes[number] = known
            return known

    def increment(self, key: str, limits: Mapping[str, int], ttl: int, amount: int = 1) -> Incremented:
        """See `Counters`."""
        with self.lock:
            counts = self.counters.get(key, {})
            if not _below(counts, limits):
                return Incremented(False, dict(counts))
            self.counters[key] = counts | {name: counts.get(name, 0) + amount for name in limits}
            return Incremented(True, dict(self.counters[key]))

    def refund(self, key: str, name: str, amount: int = 1, add: str | None = None) -> None:
        """See `Counters`."""
        with self.lock:
            counts = self.counters.get(key)
            if counts is not None:
                counts[name] = max(0, counts.get(name, 0) - amount)
                if add is not None:
                    counts[add] = counts.get(add, 0) + 1

    def undo_increment(self, write: IncrementCounter) -> None:
        """See `Counters`."""
        with self.lock:
            counts = self.counters.get(write.key, {})
            if all(counts.get(name, 0) for name in write.limits):
                self.counters[write.key] = counts | {name: counts[name] - 1 for name in write.limits}

    def counts(self, key: str) -> Mapping[str, int]:
        """See `Counters`."""
        return dict(self.counters.get(key, {}))

    def counts_of(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """See `Counters`."""
        return {key: dict(self.counters[key]) for key in keys if key in self.counters}

    def clear(self, key: str) -> None:
        """See `Counters`."""
        with self.lock:
            self.counters.pop(key, None)

    # --- tables

    def ping(self) -> None:
        """See `Tables`."""

    def describe_table(self, table: str) -> TableDescription:
        """See `Tables`. They are as they should be."""
        return TableDescription(_shape(table).key, "ACTIVE")

    def expires_by(self, table: str) -> str | None:
        """See `Tables`."""
        return _shape(table).ttl

    def is_recoverable(self, table: str) -> bool:
        """See `Tables`."""
        return _shape(table).is_recoverable


def _shape(table: str) -> Table:
    """What the settings say of the table of this name, which is the one that it has in the template."""
    fields = Settings.model_fields.values()
    (shape,) = (each for field in fields if field.default == table for each in field.metadata)
    assert isinstance(shape, Table)
    return shape


# What a write does: it yields whether it is possible, and makes its change when it goes on.
type _Step = Iterator[bool]


def _put_user(store: MemoryStore, write: PutUser) -> _Step:
    yield write.user.id not in store.users
    store.users[write.user.id] = replace(write.user, sessions=write.sessions, logins=write.sessions)


def _change_user(store: MemoryStore, write: ChangeUser) -> _Step:
    known = store.users.get(write.before.id, _NOBODY)
    is_alone = not write.alone or known.logins == write.before.logins
    yield _usable(known, write) and is_alone and _unchanged(known, write.before, write.after)
    store.users[known.id] = _counted(replace(known, **_changes(write.before, write.after)), write.count)


def _check_user(store: MemoryStore, write: CheckUser) -> _Step:
    known = store.users.get(write.user_id, _NOBODY)
    consented = write.consented is None or write.consented in store.get_consents(write.user_id)
    yield _usable(known, write) and write.password in (None, known.password) and consented
    store.users[known.id] = _counted(known, write.count)


def _check_role(store: MemoryStore, write: CheckRole) -> _Step:
    known = store.users.get(write.user_id, _NOBODY)
    yield known.is_active and write.role_id in known.roles


def _disable_user(store: MemoryStore, write: DisableUser | EnableUser) -> _Step:
    yield write.user_id in store.users
    store.users[write.user_id] = replace(store.users[write.user_id], disabled=isinstance(write, DisableUser))


def _delete_user(store: MemoryStore, write: DeleteUser) -> _Step:
    known = store.users.get(write.user.id)
    is_alone = known is not None and (not write.alone or known.logins == write.user.logins)
    is_closed = known is not None and (not write.closed or known.closes_at == write.user.closes_at)
    yield known is not None and _names(known) == _names(write.user) and is_alone and is_closed
    del store.users[write.user.id]
    store.consents.pop(write.user.id, None)


def _end_opened(store: MemoryStore, write: EndOpened) -> _Step:
    known = store.users.get(write.user_id)
    yield known is not None and known.ended_until < write.until
    store.users[write.user_id] = replace(store.users[write.user_id], ended_until=write.until, sessions=write.kept)


def _put_identity(store: MemoryStore, write: PutIdentity) -> _Step:
    yield write.key not in store.identities
    store.identities[write.key] = write.user_id


def _check_identity(store: MemoryStore, write: CheckIdentity) -> _Step:
    yield store.identities.get(write.key) == write.user_id


def _delete_identity(store: MemoryStore, write: DeleteIdentity) -> _Step:
    yield store.identities.get(write.key) == write.user_id
    del store.identities[write.key]
    store.addresses.pop(write.key, None)


def _delete_factor(store: MemoryStore, write: DeleteFactor) -> _Step:
    yield (write.user_id, write.id) in store.factors
    del store.factors[write.user_id, write.id]


def _begin_totp(store: MemoryStore, write: BeginTotp) -> _Step:
    yield True
    totp = store.factors.get((write.user_id, TOTP), Totp())
    store.factors[write.user_id, TOTP] = replace(totp, pending=write.secret, pending_until=write.until)


def _confirm_totp(store: MemoryStore, write: ConfirmTotp) -> _Step:
    totp = store.factors.get((write.user_id, TOTP), Totp())
    yield totp.pending == write.secret and write.now < totp.pending_until
    store.factors[write.user_id, TOTP] = Totp(write.secret, write.now, write.step)


def _use_totp_step(store: MemoryStore, write: UseTotpStep) -> _Step:
    totp = store.factors.get((write.user_id, TOTP), Totp())
    yield totp.secret == write.secret and totp.last_step < write.step
    store.factors[write.user_id, TOTP] = replace(totp, last_step=write.step)


def _save_recovery_codes(store: MemoryStore, write: SaveRecoveryCodes) -> _Step:
    known: RecoveryCodes | None = store.factors.get((write.user_id, RECOVERY))
    yield (known and known.marks) == (write.before and write.before.marks)
    store.factors[write.user_id, RECOVERY] = write.after


def _use_recovery_code(store: MemoryStore, write: UseRecoveryCode) -> _Step:
    known = store.factors.get((write.user_id, RECOVERY), RecoveryCodes(frozenset(), 0))
    yield write.mark in known.marks
    store.factors[write.user_id, RECOVERY] = replace(known, marks=known.marks - {write.mark})


def _remember_addresses(store: MemoryStore, write: RememberAddresses) -> _Step:
    yield store.identities.get(write.key) == write.user_id
    store.addresses[write.key] = write.addresses


def _save_ended(store: MemoryStore, write: SaveEnded) -> _Step:
    yield store.ended == write.before
    store.ended = write.after


def _check_counter(store: MemoryStore, write: CheckCounter) -> _Step:
    yield _below(store.counters.get(write.key, {}), write.limits)


def _increment_counter(store: MemoryStore, write: IncrementCounter) -> _Step:
    yield _below(store.counters.get(write.key, {}), write.limits)
    store.increment(write.key, write.limits, write.ttl)


def _put_session(store: MemoryStore, write: PutSession) -> _Step:
    yield True
    store.sessions[write.session.key] = write.session


def _end_session(store: MemoryStore, write: EndSession) -> _Step:
    yield not write.must_exist or write.key in store.sessions or write.key in store.browser_sessions
    store.sessions.pop(write.key, None)
    store.browser_sessions.pop(write.key, None)


def _put_browser_session(store: MemoryStore, write: PutBrowserSession) -> _Step:
    yield True
    store.browser_sessions[write.session.key] = write.session


def _touch_browser_session(store: MemoryStore, write: TouchBrowserSession) -> _Step:
    session = store.browser_sessions.get(write.key)
    yield session is not None
    touched = replace(store.browser_sessions[write.key], used_at=write.used_at, idle_until=write.idle_until)
    store.browser_sessions[write.key] = touched


def _raise_browser_session(store: MemoryStore, write: RaiseBrowserSession) -> _Step:
    yield write.key in store.browser_sessions
    store.browser_sessions[write.key] = replace(store.browser_sessions[write.key], methods=write.methods)


def _consume_code(store: MemoryStore, write: ConsumeCode) -> _Step:
    code = store.codes.get(write.number, Code(write.number))
    yield code.digest == write.digest and write.now < code.expires_at
    store.used_by[write.number] = write.decision
    used = replace(code, digest=None, expires_at=0, proven=False, proof_day=write.proof_day)
    if write.by_name:
        store.codes[write.number] = replace(used, name_tries=code.name_tries - 1)
    else:
        store.codes[write.number] = replace(used, tries=code.tries - 1)


def _save_consents(store: MemoryStore, write: SaveConsents) -> _Step:
    known = store.get_consents(write.user_id)
    yield write.user_id in store.users and list(known.items()) == list(write.before.items())
    store.consents[write.user_id] = write.after


def _put_authorization_code(store: MemoryStore, write: PutAuthorizationCode) -> _Step:
    yield True
    store.authorization_codes.setdefault(write.code.digest, write.code)


def _use_authorization_code(store: MemoryStore, write: UseAuthorizationCode) -> _Step:
    code = store.authorization_codes.get(write.digest)
    yield code is not None and not code.used_at and write.now < code.expires_at
    store.authorization_codes[write.digest] = replace(store.authorization_codes[write.digest], used_at=write.now)


def _put_pushed_request(store: MemoryStore, write: PutPushedRequest) -> _Step:
    yield True
    store.pushed_requests.setdefault(write.request.digest, write.request)


def _use_pushed_request(store: MemoryStore, write: UsePushedRequest) -> _Step:
    yield write.digest in store.pushed_requests
    del store.pushed_requests[write.digest]


def _put_challenge(store: MemoryStore, write: PutChallenge) -> _Step:
    yield True
    store.challenges.setdefault(write.challenge.value, write.challenge)


def _use_challenge(store: MemoryStore, write: UseChallenge) -> _Step:
    found = store.challenges.get(write.value)
    wanted = (write.purpose, write.user_id)
    yield found is not None and (found.purpose, found.user_id) == wanted and write.now < found.expires_at
    del store.challenges[write.value]


def _put_passkey(store: MemoryStore, write: PutPasskey) -> _Step:
    key = (write.passkey.user_id, item_id(write.passkey.mark))
    yield key not in store.factors
    store.factors[key] = write.passkey


def _change_passkeys(store: MemoryStore, write: ChangePasskeys) -> _Step:
    yield store.factors.get((write.user_id, LIST), 0) == write.version
    store.factors[write.user_id, LIST] = write.version + 1


def _use_passkey(store: MemoryStore, write: UsePasskey) -> _Step:
    key = (write.user_id, item_id(write.mark))
    known: Passkey | None = store.factors.get(key)
    yield known is not None and (known.counter < write.counter or known.counter == write.counter == 0)
    store.factors[key] = replace(
        store.factors[key], counter=write.counter, backed_up=write.backed_up, used_at=write.now
    )


def _rename_passkey(store: MemoryStore, write: RenamePasskey) -> _Step:
    key = (write.user_id, item_id(write.mark))
    yield key in store.factors
    store.factors[key] = replace(store.factors[key], name=write.name)


def _put_pending_login(store: MemoryStore, write: PutPendingLogin) -> _Step:
    yield True
    store.pending_logins.setdefault(write.login.digest, write.login)


def _use_pending_login(store: MemoryStore, write: UsePendingLogin) -> _Step:
    login = store.pending_logins.get(write.digest)
    yield login is not None and write.now < login.expires_at
    del store.pending_logins[write.digest]


def _check_session(store: MemoryStore, write: CheckSession) -> _Step:
    yield write.key in store.sessions or write.key in store.browser_sessions


ACTIONS: dict[type[Write], Callable[[MemoryStore, Any], _Step]] = {
    PutUser: _put_user,
    ChangeUser: _change_user,
    CheckUser: _check_user,
    CheckRole: _check_role,
    DisableUser: _disable_user,
    EnableUser: _disable_user,
    DeleteUser: _delete_user,
    EndOpened: _end_opened,
    PutIdentity: _put_identity,
    CheckIdentity: _check_identity,
    DeleteIdentity: _delete_identity,
    DeleteFactor: _delete_factor,
    BeginTotp: _begin_totp,
    ConfirmTotp: _confirm_totp,
    UseTotpStep: _use_totp_step,
    SaveRecoveryCodes: _save_recovery_codes,
    UseRecoveryCode: _use_recovery_code,
    RememberAddresses: _remember_addresses,
    SaveEnded: _save_ended,
    CheckCounter: _check_counter,
    IncrementCounter: _increment_counter,
    PutSession: _put_session,
    EndSession: _end_session,
    PutBrowserSession: _put_browser_session,
    TouchBrowserSession: _touch_browser_session,
    RaiseBrowserSession: _raise_browser_session,
    CheckSession: _check_session,
    SaveConsents: _save_consents,
    ConsumeCode: _consume_code,
    PutAuthorizationCode: _put_authorization_code,
    UseAuthorizationCode: _use_authorization_code,
    PutPushedRequest: _put_pushed_request,
    UsePushedRequest: _use_pushed_request,
    PutChallenge: _put_challenge,
    UseChallenge: _use_challenge,
    PutPasskey: _put_passkey,
    ChangePasskeys: _change_passkeys,
    UsePasskey: _use_passkey,
    RenamePasskey: _rename_passkey,
    PutPendingLogin: _put_pending_login,
    UsePendingLogin: _use_pending_login,
}

# Stands for an account that is not there: it cannot be used.
_NOBODY = User(id=0, created_at=0, disabled=True)


def _usable(user: User, write: ChangeUser | CheckUser) -> bool:
    may_be_closed = (isinstance(write, ChangeUser) and write.reopens) or (isinstance(write, CheckUser) and write.closed)
    is_closed = user.closes_at is not None
    is_refused = user.disabled or is_closed != may_be_closed or (write.one_factor and bool(user.second_factors))
    return not is_refused and (write.count is None or write.count.allows(user))


def _below(counts: Mapping[str, int], limits: Mapping[str, int]) -> bool:
    return all(counts.get(name, 0) < limit for name, limit in limits.items())


def _changes[T: (User, Client, Webhook)](before: T, after: T) -> dict[str, Any]:
    """The fields that differ, as they are in `after`."""
    new = {each.name: getattr(after, each.name) for each in fields(after)}
    return {name: value for name, value in new.items() if value != getattr(before, name)}


def _unchanged[T: (User, Client, Webhook)](known: T, before: T, after: T) -> bool:
    return all(getattr(known, name) == getattr(before, name) for name in _changes(before, after))


def _counted(user: User, count: Count | None) -> User:
    logins = (user.logins or 0) + 1
    match count:
        case None:
            return user
        case OneMore():
            return replace(user, sessions=(user.sessions or 0) + 1, logins=logins)
        case Recounted(_, now):
            return replace(user, sessions=now, logins=logins)


def _is_asked(query: AuditQuery, event: Event) -> bool:
    wanted = {"subject": query.subject, "actor": query.actor, "type": query.type}
    in_time = (query.since or 0) <= event.at and (query.until is None or event.at < query.until)
    return in_time and all(value is None or value == getattr(event, name) for name, value in wanted.items())


def _span(session: Session | BrowserSession) -> SessionSpan:
    return SessionSpan(session.key, session.created_at, session.over_at)


def _names(user: User) -> tuple[object, ...]:
    return user.username, user.mobile, user.email, user.openids


def _sendings(code: Code | None) -> tuple[object, ...]:
    return (code.sent, code.digest, code.tries_until) if code else ((), None, 0)


def _hashes(session: Session) -> tuple[bytes | None, ...]:
    return (
        session.access_hash,
        session.refresh_hash,
        session.previous_access_hash,
        session.previous_refresh_hash,
    )


def _may_rotate(session: Session, rotation: Rotation) -> bool:
    return (
        session.client_id == rotation.client_id
        and session.refresh_hash == rotation.presented_hash
        and rotation.now < min(session.refresh_expires_at, session.ends_at)
        and set(rotation.scope or ()) <= set(session.scope)
        and set(rotation.audience or ()) <= set(session.audience)
        and _proves_key(session, rotation)
        and (rotation.history is not History.APPEND or len(session.recent) < HISTORY_MAX)
    )


def _proves_key(session: Session, rotation: Rotation) -> bool:
    if session.jkt is None:
        return True
    return rotation.jkt is not None and (rotation.jkt == session.jkt or not rotation.same_key)


def _audience(session: Session, rotation: Rotation) -> dict[str, Any]:
    if rotation.audience is None:
        return {}
    return {
        "access_audience": rotation.audience or session.audience,
        "previous_access_audience": session.access_audience,
    }


def _earlier(session: Session, history: History) -> tuple[Replaced, ...]:
    """The rotations of the span of time before this one."""
    return {History.APPEND: session.earlier, History.SHIFT: session.recent, History.RESTART: ()}[history]
