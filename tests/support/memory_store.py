"""The store in a process's memory: for tests of the core, under the same contract as DynamoDB."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lingpai.accounts.model import KnownAddress, RoleBook, User
from lingpai.accounts.storage import (
    ChangeUser,
    CheckIdentity,
    CheckRole,
    CheckUser,
    Count,
    DeleteIdentity,
    DeleteUser,
    Directory,
    DisableUser,
    Door,
    EnableUser,
    EndOpened,
    KnowAddresses,
    OneMore,
    Page,
    PutIdentity,
    PutUser,
    Recounted,
)
from lingpai.clients.model import Client, EndedAccount
from lingpai.clients.storage import ClientLookup, SaveEnded
from lingpai.kernel.writes import Conflict, Write
from lingpai.rate_limits.storage import CheckTally, SpendTally, Spent
from lingpai.sessions.model import Replaced, Session, SessionKey
from lingpai.sessions.storage import HISTORY_MAX, Ended, EndSession, History, PutSession, Rotated, Rotation, SessionSpan
from lingpai.sms_codes.model import Code, Guess
from lingpai.sms_codes.storage import ConsumeCode


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
    sessions: dict[SessionKey, Session] = field(default_factory=dict)
    revoked: set[SessionKey] = field(default_factory=set)
    codes: dict[str, Code] = field(default_factory=dict)
    used_by: dict[str, str] = field(default_factory=dict)
    tallies: dict[str, dict[str, int]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    # --- ledger

    def commit(self, *writes: Write) -> None:
        """Check every write, then do them all."""
        with self.lock:
            for write in writes:
                if not self._possible(write):
                    raise Conflict(write, self._counted_user(write))
            for write in writes:
                self._do(write)

    def _counted_user(self, write: Write) -> User | None:
        """The account of a write that counts a session."""
        match write:
            case ChangeUser(count=count) if count is not None:
                return self.users.get(write.before.id)
            case CheckUser(count=count) if count is not None:
                return self.users.get(write.user_id)
            case _:
                return None

    def _possible(self, write: Write) -> bool:
        match write:
            case PutUser(user):
                return user.id not in self.users
            case ChangeUser(before, after, count):
                known = self.users.get(before.id)
                usable = known is not None and not known.disabled and (count is None or count.allows(known))
                return usable and known is not None and _unchanged(known, before, after)
            case CheckUser(user_id, password, count):
                known = self.users.get(user_id)
                usable = known is not None and not known.disabled and (count is None or count.allows(known))
                return usable and known is not None and password in (None, known.password)
            case CheckRole(user_id, role_id):
                known = self.users.get(user_id)
                return known is not None and not known.disabled and role_id in known.roles
            case DisableUser(user_id) | EnableUser(user_id):
                return user_id in self.users
            case DeleteUser(user):
                known = self.users.get(user.id)
                return known is not None and _names(known) == _names(user)
            case PutIdentity(key):
                return key not in self.identities
            case CheckIdentity(key, user_id) | DeleteIdentity(key, user_id):
                return self.identities.get(key) == user_id
            case PutSession() | EndSession():
                return True
            case EndOpened(user_id, until):
                known = self.users.get(user_id)
                return known is not None and known.ended_until < until
            case SaveEnded(before):
                return self.ended == before
            case ConsumeCode(number, digest, now):
                code = self.codes.get(number)
                return code is not None and code.digest == digest and now < code.expires_at
            case CheckTally(key, limits) | SpendTally(key, limits):
                return _below(self.tallies.get(key, {}), limits)
            case KnowAddresses(key, user_id):
                return self.identities.get(key) == user_id
            case _:
                raise TypeError(f"no action for {type(write).__name__}")

    def _do(self, write: Write) -> None:
        match write:
            case PutUser(user, sessions):
                self.users[user.id] = replace(user, sessions=sessions, logins=sessions)
            case ChangeUser(before, after, count):
                self.users[before.id] = _counted(replace(self.users[before.id], **_changes(before, after)), count)
            case CheckUser(user_id, _, count):
                self.users[user_id] = _counted(self.users[user_id], count)
            case CheckRole() | CheckIdentity():
                pass
            case DisableUser(user_id):
                self.users[user_id] = replace(self.users[user_id], disabled=True)
            case EnableUser(user_id):
                self.users[user_id] = replace(self.users[user_id], disabled=False)
            case DeleteUser(user):
                del self.users[user.id]
            case PutIdentity(key, user_id):
                self.identities[key] = user_id
            case DeleteIdentity(key, _):
                del self.identities[key]
                self.addresses.pop(key, None)
            case PutSession(session):
                self.sessions[session.key] = session
            case EndSession(key):
                self.sessions.pop(key, None)
            case EndOpened(user_id, until, kept):
                self.users[user_id] = replace(self.users[user_id], ended_until=until, sessions=kept)
            case SaveEnded(_, listed):
                self.ended = listed
            case ConsumeCode(number, _, _, proof_day, by_name, decision):
                code = self.codes[number]
                self.used_by[number] = decision
                used = replace(code, digest=None, expires_at=0, proven=False, proof_day=proof_day)
                if by_name:
                    self.codes[number] = replace(used, name_tries=code.name_tries - 1)
                else:
                    self.codes[number] = replace(used, tries=code.tries - 1)
            case CheckTally():
                pass
            case SpendTally(key, limits, ttl):
                self.spend(key, limits, ttl)
            case KnowAddresses(key, _, addresses):
                self.addresses[key] = addresses
            case _:
                raise TypeError(f"no action for {type(write).__name__}")

    # --- clients

    def get_client(self, client_id: str) -> Client | None:
        """See `ports.Clients`."""
        return self.clients.get(client_id)

    def look_up_client(self, client_id: str) -> ClientLookup:
        """See `ports.ClientSource`."""
        with self.lock:
            return ClientLookup(self.clients.get(client_id), self.valid_from, self.ended)

    def put_client(self, client: Client) -> None:
        """See `ports.ClientWriter`."""
        with self.lock:
            self.clients[client.id] = client

    def create_client(self, client: Client) -> bool:
        """See `ports.ClientWriter`."""
        with self.lock:
            return self.clients.setdefault(client.id, client) is client

    def change_client(self, before: Client, after: Client) -> bool:
        """See `ports.ClientWriter`."""
        with self.lock:
            known = self.clients.get(before.id)
            if known is None or not _unchanged(known, before, after):
                return False
            self.clients[before.id] = replace(known, **_changes(before, after))
            return True

    def list_clients(self) -> tuple[Client, ...]:
        """See `ports.ClientWriter`."""
        with self.lock:
            return tuple(self.clients.values())

    def get_valid_from(self) -> int:
        """See `ports.ClientWriter`."""
        return self.valid_from

    def move_valid_from(self, valid_from: int) -> None:
        """See `ports.ClientWriter`."""
        with self.lock:
            self.valid_from = max(self.valid_from, valid_from)

    # --- accounts and roles

    def find_user_id(self, key: str) -> int | None:
        """See `ports.Accounts`."""
        return self.identities.get(key)

    def find_user_ids(self, *keys: str) -> Mapping[str, int]:
        """See `ports.Accounts`."""
        with self.lock:
            return {key: self.identities[key] for key in keys if key in self.identities}

    def find_door(self, key: str, tallies: tuple[str, ...]) -> Door:
        """See `ports.Accounts`."""
        with self.lock:
            counts = {tally: dict(self.tallies.get(tally, {})) for tally in tallies}
            return Door(self.identities.get(key), self.addresses.get(key, ()), counts)

    def get_user(self, user_id: int) -> User | None:
        """See `ports.Accounts`."""
        return self.users.get(user_id)

    def directory(self, *user_ids: int) -> Directory:
        """See `ports.Accounts`."""
        with self.lock:
            return Directory({i: self.users[i] for i in user_ids if i in self.users}, self.roles)

    def list_users(self, limit: int, after: int | None) -> Page:
        """See `ports.Accounts`; here the order is that of the ids."""
        with self.lock:
            ids = sorted(user_id for user_id in self.users if after is None or user_id > after)
            shown = ids[:limit]
            return Page(tuple(self.users[i] for i in shown), shown[-1] if len(ids) > limit else None)

    def save_roles(self, book: RoleBook) -> bool:
        """See `ports.Roles`."""
        with self.lock:
            if self.roles.version != book.version:
                return False
            self.roles = replace(book, version=book.version + 1)
            return True

    # --- sessions

    def get_session(self, key: SessionKey) -> Session | None:
        """See `ports.Sessions`."""
        return self.sessions.get(key)

    def rotate(self, rotation: Rotation) -> Rotated:
        """See `ports.Sessions`."""
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
                family_hash=rotation.family_hash,
                earlier=_earlier(session, rotation.history),
                recent=(*(session.recent if rotation.history is History.APPEND else ()), rotation.replaced),
            )
            self.sessions[rotation.key] = rotated
            return Rotated(True, rotated)

    def end_presented(self, key: SessionKey, hashed: bytes, client_id: str | None) -> Ended:
        """See `ports.Sessions`."""
        with self.lock:
            session = self.sessions.get(key)
            if session is None or hashed not in _hashes(session) or client_id not in (None, session.client_id):
                return Ended(False, session)
            del self.sessions[key]
            return Ended(True, None)

    def list_revoked(self, key: SessionKey, ttl: int) -> None:
        """See `ports.Sessions`."""
        with self.lock:
            self.revoked.add(key)

    def is_listed(self, key: SessionKey) -> bool:
        """See `ports.Sessions`."""
        return key in self.revoked

    def sessions_of(self, user_id: int, most: int | None = None) -> tuple[SessionKey, ...]:
        """See `ports.Sessions`."""
        with self.lock:
            return tuple(key for key in self.sessions if key.owner == user_id)[:most]

    def session_spans(self, user_id: int) -> tuple[SessionSpan, ...]:
        """See `ports.Sessions`."""
        with self.lock:
            return tuple(_span(session) for session in self.sessions.values() if session.key.owner == user_id)

    def end_sessions(self, keys: tuple[SessionKey, ...]) -> None:
        """See `ports.Sessions`."""
        with self.lock:
            for key in keys:
                self.sessions.pop(key, None)

    def list_ended(self) -> tuple[EndedAccount, ...]:
        """See `ports.Sessions`."""
        return self.ended

    # --- codes and counters

    def get_code(self, number: str) -> Code | None:
        """See `ports.Codes`."""
        return self.codes.get(number)

    def save_code(self, before: Code | None, after: Code, ttl: int, sending: str = "") -> bool:
        """See `ports.Codes`."""
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
        """See `ports.Codes`."""
        with self.lock:
            code = self.codes.get(used.number)
            if code is not None and code.digest is None and self.used_by.get(used.number) == used.decision:
                del self.used_by[used.number]
                self.codes[used.number] = replace(code, digest=used.digest, expires_at=expires_at)

    def mark_proven(self, number: str, digest: bytes, proof_day: int) -> bool:
        """See `ports.Codes`."""
        with self.lock:
            code = self.codes.get(number)
            if code is None or code.digest != digest or code.proven:
                return False
            self.codes[number] = replace(code, proven=True, proof_day=proof_day)
            return True

    def count_try(self, number: str, guess: Guess) -> Code:
        """See `ports.Codes`."""
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

    def spend(self, key: str, limits: Mapping[str, int], ttl: int, amount: int = 1) -> Spent:
        """See `ports.Counters`."""
        with self.lock:
            counts = self.tallies.get(key, {})
            if not _below(counts, limits):
                return Spent(False, dict(counts))
            self.tallies[key] = counts | {name: counts.get(name, 0) + amount for name in limits}
            return Spent(True, dict(self.tallies[key]))

    def give_back(self, key: str, name: str, amount: int = 1, add: str | None = None) -> None:
        """See `ports.Counters`."""
        with self.lock:
            counts = self.tallies.get(key)
            if counts is not None:
                counts[name] = max(0, counts.get(name, 0) - amount)
                if add is not None:
                    counts[add] = counts.get(add, 0) + 1

    def take_back(self, spent: SpendTally) -> None:
        """See `ports.Counters`."""
        with self.lock:
            counts = self.tallies.get(spent.key, {})
            if all(counts.get(name, 0) for name in spent.limits):
                self.tallies[spent.key] = counts | {name: counts[name] - 1 for name in spent.limits}

    def counts(self, key: str) -> Mapping[str, int]:
        """See `ports.Counters`."""
        return dict(self.tallies.get(key, {}))

    def clear(self, key: str) -> None:
        """See `ports.Counters`."""
        with self.lock:
            self.tallies.pop(key, None)


def _below(counts: Mapping[str, int], limits: Mapping[str, int]) -> bool:
    return all(counts.get(name, 0) < limit for name, limit in limits.items())


def _changes[T: (User, Client)](before: T, after: T) -> dict[str, Any]:
    """The fields that differ, as they are in `after`."""
    new = {each.name: getattr(after, each.name) for each in fields(after)}
    return {name: value for name, value in new.items() if value != getattr(before, name)}


def _unchanged[T: (User, Client)](known: T, before: T, after: T) -> bool:
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


def _span(session: Session) -> SessionSpan:
    return SessionSpan(session.key, session.created_at, session.over_at)


def _names(user: User) -> tuple[object, ...]:
    return user.username, user.mobile, user.openids


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
        and (rotation.history is not History.APPEND or len(session.recent) < HISTORY_MAX)
    )


def _earlier(session: Session, history: History) -> tuple[Replaced, ...]:
    """The rotations of the span of time before this one."""
    return {History.APPEND: session.earlier, History.SHIFT: session.recent, History.RESTART: ()}[history]
