"""Ten thousand changes on DynamoDB Local, whose streams are read by a function that is killed again and again.

The audit table has every change exactly once, those of an item in order, and none that did not happen: the test keeps
its own history. `make test-events` makes 10,000 changes, `make test` fewer (EVENT_OPERATIONS).
"""

import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest

from lingpai.accounts.model import Profile, RoleBook, User
from lingpai.accounts.storage import ChangeUser, DeleteUser, DisableUser, EnableUser, PutIdentity, PutUser
from lingpai.bootstrap import event_streams
from lingpai.clients.model import Client
from lingpai.events import service
from lingpai.events.dynamodb import audit_key
from lingpai.events.model import Event, parse
from lingpai.events.service import EventServices
from lingpai.kernel import cause
from lingpai.kernel.cause import Cause
from lingpai.kernel.writes import Conflict
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import EndSession, PutSession
from lingpai.signing_keys.model import StoredKey
from lingpai.store import DynamoStore
from local.streams import StreamReader
from tests.support import stores
from tests.support.meter import MemoryMeter

OPERATIONS = int(os.environ.get("EVENT_OPERATIONS", "1000"))
FAR = 2_000_000_000
CLIENT = Client("", "standard", frozenset({"password"}), ("a",), 3600, 0, 0)


class Killed(BaseException):
    """The function has been stopped."""


@dataclass
class World:
    """What stands in the tables, and what was done to it: by item, the request and the types of its events."""

    store: DynamoStore
    draw: random.Random
    number: int = 0
    users: dict[int, User] = field(default_factory=dict)
    sessions: list[SessionKey] = field(default_factory=list)
    clients: dict[str, Client] = field(default_factory=dict)
    book: RoleBook = field(default_factory=RoleBook)
    keys: dict[int, StoredKey] = field(default_factory=dict)
    history: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def request(self) -> str:
        return f"request-{self.number}"

    def note(self, table: str, subject: str, *types: str) -> None:
        self.history[table, subject] += [(self.request, kind) for kind in types]


def create_user(w: World) -> None:
    user = User(w.draw.randrange(1, 60), FAR, username=f"name-{w.number}", roles=frozenset({1}))
    if user.id in w.users:
        with pytest.raises(Conflict):
            w.store.commit(PutUser(user))
        return
    w.store.commit(PutUser(user))
    w.users[user.id] = user
    w.note("users", f"user:{user.id}", "user.created", "identity.linked", "role.granted")


def _change(w: World, change: Callable[[User], User], *types: str) -> None:
    """An active account is changed; with a wrong idea of how it was, nothing happens."""
    active = [user for user in w.users.values() if not user.disabled]
    if not active:
        return
    before = w.draw.choice(active)
    after = change(before)
    if w.draw.random() < 0.1:
        with pytest.raises(Conflict):
            w.store.commit(ChangeUser(replace(before, profile=Profile(name="?")), replace(after, profile=Profile())))
        return
    w.store.commit(ChangeUser(before, after))
    w.users[before.id] = after
    if before != after:
        w.note("users", f"user:{before.id}", *types)


def rename(w: World) -> None:
    _change(w, lambda user: replace(user, profile=Profile(name=w.request)), "user.updated")


def change_name(w: World) -> None:
    _change(w, lambda user: replace(user, username=f"name-{w.number}"), "identity.unlinked", "identity.linked")


def set_password(w: World) -> None:
    _change(w, lambda user: replace(user, password=w.request), "password.changed")


def change_roles(w: World) -> None:
    role = w.number
    _change(w, lambda user: replace(user, roles=frozenset({role})), "role.revoked", "role.granted")


def disable(w: World) -> None:
    if w.users:
        user = w.draw.choice([*w.users.values()])
        w.store.commit(DisableUser(user.id))
        w.users[user.id] = replace(user, disabled=True)
        if not user.disabled:
            w.note("users", f"user:{user.id}", "user.disabled")


def enable(w: World) -> None:
    disabled = [user for user in w.users.values() if user.disabled]
    if disabled:
        user = w.draw.choice(disabled)
        w.store.commit(EnableUser(user.id))
        w.users[user.id] = replace(user, disabled=False)
        w.note("users", f"user:{user.id}", "user.enabled")


def delete_user(w: World) -> None:
    if w.users:
        user = w.draw.choice([*w.users.values()])
        w.store.commit(DeleteUser(user))
        del w.users[user.id]
        w.note("users", f"user:{user.id}", "user.deleted")


def open_session(w: World) -> None:
    owner = w.draw.randrange(1, 60)
    key = SessionKey(owner, w.number.to_bytes(8))
    session = Session(key, "web", ("a",), FAR, FAR, w.number.to_bytes(32), FAR, ("a",), auth_time=FAR, methods=("pwd",))
    w.store.commit(PutSession(session, FAR))
    w.sessions.append(key)
    w.note("sessions", f"user:{owner}", "session.started")


def end_session(w: World) -> None:
    if w.sessions:
        key = w.sessions.pop(w.draw.randrange(len(w.sessions)))
        w.store.commit(EndSession(key))
        w.note("sessions", f"user:{key.owner}", "session.ended")


def end_no_session(w: World) -> None:
    w.store.commit(EndSession(SessionKey(5, b"nothing!")))


def evict_session(w: World) -> None:
    """One that makes room for another: nothing tells who has ended it."""
    if w.sessions:
        key = w.sessions.pop(w.draw.randrange(len(w.sessions)))
        # Not alone: it is always written with the session that it makes room for.
        w.store.commit(EndSession(key, evicted=True), PutIdentity(f"username:of-{w.number}", 1))
        w.history["sessions", f"user:{key.owner}"].append(("", "session.ended"))


def create_client(w: World) -> None:
    client = replace(CLIENT, id=f"client-{w.draw.randrange(20)}")
    if w.store.create_client(client):
        assert client.id not in w.clients
        w.clients[client.id] = client
        w.note("clients", f"client:{client.id}", "client.created")


def change_client(w: World) -> None:
    if w.clients:
        before = w.draw.choice([*w.clients.values()])
        after = replace(before, name=w.request, secret_hash=w.number.to_bytes(32))
        assert w.store.change_client(before, after)
        w.clients[before.id] = after
        w.note("clients", f"client:{before.id}", "client.updated", "client.rotated")


def create_role(w: World) -> None:
    book = replace(w.book, names=(*w.book.names[-9:], (w.book.next_id, w.request)), next_id=w.book.next_id + 1)
    dropped = set(w.book.names) - set(book.names)
    assert w.store.save_roles(book)
    assert not w.store.save_roles(book)
    for role, _ in sorted(dropped):
        w.note("roles", f"role:{role}", "role.deleted")
    w.note("roles", f"role:{w.book.next_id}", "role.created")
    w.book = replace(book, version=book.version + 1)


def create_key(w: World) -> None:
    number = w.draw.randrange(1, 9)
    key = StoredKey("ES256", number, f"kid-{w.number}", FAR, b"public", b"private")
    if w.store.add_key(key):
        assert number not in w.keys
        w.keys[number] = key
        w.note("keys", f"key:{key.kid}", "key.created")


def retire_key(w: World) -> None:
    if w.keys:
        key = w.draw.choice([*w.keys.values()])
        w.store.forget_private(key)
        if key.private is not None:
            w.note("keys", f"key:{key.kid}", "key.retired")
        w.keys[key.number] = replace(key, private=None)


def delete_key(w: World) -> None:
    if w.keys:
        key = w.keys.pop(w.draw.choice([*w.keys]))
        w.store.delete_key(key)
        w.note("keys", f"key:{key.kid}", "key.deleted")


OPERATION = (
    create_user, create_user, create_user, rename, rename, change_name, set_password, change_roles, disable, enable,
    delete_user, open_session, open_session, open_session, open_session, end_session, end_session, end_no_session,
    evict_session, create_client, change_client, create_role, create_key, retire_key, delete_key,
)  # fmt: skip


@dataclass
class Mortal:
    """The parts of the function, each of which may be the last thing that it does."""

    store: DynamoStore
    draw: random.Random
    sent: list[str] = field(default_factory=list)

    def append_events(self, events: Sequence[Event]) -> None:
        self._maybe_die()
        some = events[: self.draw.randrange(len(events) + 1)] if self.draw.random() < 0.1 else events
        self.store.append_events(some)
        if len(some) < len(events):
            raise Killed
        self._maybe_die()

    def find_events(self, *_: Any) -> Any:
        raise AssertionError

    def deliver(self, events: Sequence[Event]) -> None:
        self._maybe_die()
        self.sent += [event.id for event in events]
        self._maybe_die()

    def _maybe_die(self) -> None:
        if self.draw.random() < 0.05:
            raise Killed


def read_all(readers: Sequence[StreamReader]) -> list[list[dict[str, Any]]]:
    """The records of each table, in order: until all streams are read to their ends."""
    found: list[list[dict[str, Any]]] = [[] for _ in readers]
    quiet = 0
    while quiet < 2:
        polled = [reader.poll() for reader in readers]
        for records, more in zip(found, polled, strict=True):
            records.extend(more)
        quiet = 0 if any(polled) else quiet + 1
        # A record is there some milliseconds after the write.
        time.sleep(0.05)
    return found


def work_off(records: list[dict[str, Any]], services: EventServices, draw: random.Random) -> int:
    """Hand the records on in batches as Lambda does, again where the function was killed; gives how often it was."""
    at, killed = 0, 0
    while at < len(records):
        # Now and then a batch comes again that was done before.
        begin = max(0, at - draw.randrange(60)) if draw.random() < 0.2 else at
        end = max(at, begin + draw.randrange(1, 80))
        try:
            assert service.handle(services, {"Records": records[begin:end]}) == {"batchItemFailures": []}
        except Killed:
            killed += 1
        else:
            at = end
    return killed


def all_events(store: DynamoStore) -> list[Event]:
    items = store.read_all("Scan", TableName=store.settings.audit_table, ConsistentRead=True)
    return sorted((parse(json.loads(item["event"]["S"])) for item in items), key=audit_key)


@pytest.fixture
def streaming(dynamodb_endpoint: str) -> Iterator[tuple[DynamoStore, list[StreamReader]]]:
    """A store whose tables have streams, and the readers of these."""
    credentials = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    session = boto3.session.Session(**credentials)  # type: ignore[arg-type]  # three texts
    client = session.client("dynamodb", endpoint_url=dynamodb_endpoint)
    streams = session.client("dynamodbstreams", endpoint_url=dynamodb_endpoint)
    with stores.on_dynamodb_local(dynamodb_endpoint) as store:
        names = list(event_streams(store.settings).kinds)
        arns = []
        for name in names:
            wanted: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
            described = client.update_table(TableName=name, StreamSpecification=wanted)["TableDescription"]
            arns.append(described["LatestStreamArn"])
        yield store, [StreamReader(streams, arn, "TRIM_HORIZON") for arn in arns]
        for name in names:
            client.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    client.close()
    streams.close()


@pytest.mark.security("EVT-once")
def test_every_change_is_kept_exactly_once_and_in_order(streaming: tuple[DynamoStore, list[StreamReader]]) -> None:
    store, readers = streaming
    seed = int(os.environ.get("EVENT_SEED") or random.randrange(10**9))
    draw, meter = random.Random(seed), MemoryMeter()
    world, mortal = World(store, draw), Mortal(store, draw)
    services = EventServices(mortal, event_streams(store.settings), meter, mortal.deliver)
    killed = 0
    for number in range(1, OPERATIONS + 1):
        world.number = number
        with cause.caused_by(Cause(action="test", request_id=world.request, actor=f"operator:{number}")):
            draw.choice(OPERATION)(world)
        if number % 500 == 0 or number == OPERATIONS:
            for records in read_all(readers):
                killed += work_off(records, services, draw)
    events = all_events(store)
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for event in events:
        caused = event.request_id.removeprefix("request-")
        assert event.actor == (f"operator:{caused}" if caused else "")
        found[event.id.split("-")[1], event.subject].append((event.request_id, event.type))
    assert dict(found) == {item: history for item, history in world.history.items() if history}, seed
    assert {event.id for event in events} <= set(mortal.sent)
    assert len(events) > OPERATIONS // 2
    assert killed > OPERATIONS // 200
    assert meter.counted["EventsFailed"] == 0
