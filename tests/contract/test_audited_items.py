"""What a stream tells of an audited item: the cause of each change, and a tombstone where it was deleted."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.model import RoleBook
from lingpai.accounts.storage import ChangeUser, DeleteUser, DisableUser, EnableUser, EndOpened, PutUser
from lingpai.consents.storage import SaveConsents
from lingpai.kernel import cause
from lingpai.kernel.cause import Cause
from lingpai.kernel.clock import FIRST_MACHINE_OWNER
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.writes import Conflict
from lingpai.sessions.model import SessionKey
from lingpai.sessions.storage import CheckSession, EndSession, PutSession
from lingpai.signing_keys.model import StoredKey
from lingpai.webhooks.model import Webhook
from tests.support.samples import NOW, a_client, a_rotation, a_session, a_user, hashed

FIRST = Cause("/users/save", "request-1", "192.0.2.1", "user:7", "web")
NEXT = Cause("user disable", actor="operator:mei")
KEY = StoredKey("ES256", 1, "kid", NOW, b"public", b"private")
SESSION = a_session()
WEBHOOK = Webhook("crm", "https://crm.example/", ("*",), b"wrapped", NOW)


def in_store(store: Any, table: str) -> dict[str, Any]:
    """The only item of the table, as it is stored."""
    (item,) = store.call("Scan", TableName=getattr(store.settings, table), ConsistentRead=True)["Items"]
    found: dict[str, Any] = item
    return found


def cause_in(store: Any, table: str) -> Cause:
    """The cause that the only item of the table has."""
    return cause.read(in_store(store, table)["cause"]["S"])


MADE: dict[str, tuple[str, Callable[[Any], object]]] = {
    "user": ("users_table", lambda store: store.commit(PutUser(a_user()))),
    "session": ("sessions_table", lambda store: store.commit(PutSession(SESSION, NOW + 9000))),
    "roles": ("roles_table", lambda store: store.save_roles(RoleBook(((1, "editor"),), 2))),
    "client": ("clients_table", lambda store: store.create_client(a_client())),
    "client, by the seed": ("clients_table", lambda store: store.put_client(a_client())),
    "key": ("keys_table", lambda store: store.add_key(KEY)),
    "webhook": ("webhooks_table", lambda store: store.create_webhook(WEBHOOK)),
}


@pytest.mark.parametrize("name", MADE)
def test_made(reference: Any, name: str) -> None:
    table, make = MADE[name]
    with cause.caused_by(FIRST):
        make(reference)
    assert cause_in(reference, table) == FIRST


CHANGED: dict[str, tuple[str, Callable[[Any], object]]] = {
    "changed": ("user", lambda store: store.commit(ChangeUser(a_user(), a_user(username="bob")))),
    "disabled": ("user", lambda store: store.commit(DisableUser(1))),
    "enabled": ("user", lambda store: store.commit(EnableUser(1))),
    "sessions ended": ("user", lambda store: store.commit(EndOpened(1, NOW, 0))),
    "consents": ("user", lambda store: store.commit(SaveConsents(1, {}, {"shop": ("read",)}))),
    "roles": ("roles", lambda store: store.save_roles(RoleBook(((1, "author"),), 2, 1))),
    "client": ("client", lambda store: store.change_client(a_client(), a_client(disabled=True))),
    "private half": ("key", lambda store: store.forget_private(KEY)),
    "webhook": ("webhook", lambda store: store.change_webhook(WEBHOOK, replace(WEBHOOK, disabled="gone"))),
}


@pytest.mark.parametrize("name", CHANGED)
def test_changed(reference: Any, name: str) -> None:
    made, change = CHANGED[name]
    table, make = MADE[made]
    with cause.caused_by(FIRST):
        make(reference)
    with cause.caused_by(NEXT):
        change(reference)
    assert cause_in(reference, table) == NEXT


def test_a_later_change_without_a_cause(reference: Any) -> None:
    """It has none, rather than that of the change before."""
    with cause.caused_by(FIRST):
        reference.commit(PutUser(a_user()))
    reference.commit(DisableUser(1))
    assert cause_in(reference, "users_table") == Cause()


def test_what_changes_nothing(reference: Any) -> None:
    """A login that is counted, and a refresh, leave the cause as it was."""
    with cause.caused_by(FIRST):
        reference.commit(PutUser(a_user()))
        reference.commit(PutSession(SESSION, NOW + 9000))
    with cause.caused_by(NEXT):
        reference.commit(ChangeUser(a_user(), a_user()))
        assert reference.rotate(a_rotation(SESSION)).done
    assert (cause_in(reference, "users_table"), cause_in(reference, "sessions_table")) == (FIRST, FIRST)


DELETED: dict[str, tuple[str, Callable[[Any], object]]] = {
    "user": ("user", lambda store: store.commit(DeleteUser(a_user()))),
    "session": ("session", lambda store: store.commit(EndSession(SESSION.key))),
    "session that exists": ("session", lambda store: store.commit(EndSession(SESSION.key, must_exist=True))),
    "one session": ("session", lambda store: store.end_sessions((SESSION.key,))),
    "session of a token": ("session", lambda store: store.delete_matching(SESSION.key, hashed("access 1"), "web")),
    "key": ("key", lambda store: store.delete_key(KEY)),
    "webhook": ("webhook", lambda store: store.delete_webhook("crm")),
}
KEYS: dict[str, dict[str, Any]] = {
    "users_table": {"id": {"N": "1"}},
    "sessions_table": {"owner": {"N": "1"}, "id": {"B": SESSION.key.id}},
    "keys_table": {"algorithm": {"S": "ES256"}, "number": {"N": "1"}},
    "webhooks_table": {"id": {"S": "crm"}},
}


@pytest.mark.security("EVT-deleted")
@pytest.mark.parametrize("name", DELETED)
def test_deleted(reference: Any, name: str) -> None:
    """The key and the cause are left until DynamoDB comes by, and nothing of what the item held; no read finds it."""
    made, delete = DELETED[name]
    table, make = MADE[made]
    make(reference)
    with cause.caused_by(FIRST):
        delete(reference)
    left = in_store(reference, table)
    assert time.time() - 60 < int(left.pop("ttl")["N"]) <= time.time()
    assert json.loads(left.pop("cause")["S"])["actor"] == "user:7"
    assert left == {**KEYS[table], "deleted": {"BOOL": True}}
    assert reference.get_user(1) is None
    assert reference.directory(1).users == {}
    assert reference.list_users(10, None).users == ()
    assert reference.load_keys() == ()
    assert (reference.list_webhooks(), reference.get_webhook("crm")) == ((), None)
    assert (reference.get_session(SESSION.key), reference.sessions_of(1)) == (None, ())
    assert (reference.session_spans(1), reference.list_sessions(1, 10)) == ((), ())
    assert (reference.opened_at(SESSION.key), reference.is_revoked(SESSION.key)) == (None, False)
    assert reference.look_up_browser(SESSION.key) == reference.look_up_browser(a_session(9).key)


def test_nothing_is_done_to_what_was_deleted(reference: Any) -> None:
    reference.commit(PutUser(a_user()))
    reference.commit(DeleteUser(a_user()))
    reference.commit(PutSession(SESSION, NOW + 9000))
    reference.commit(EndSession(SESSION.key))
    writes = [
        ChangeUser(a_user(), a_user(username="bob")),
        DeleteUser(a_user()),
        DisableUser(1),
        EnableUser(1),
        EndOpened(1, NOW, 0),
        SaveConsents(1, {}, {"shop": ("read",)}),
        CheckSession(SESSION.key),
        EndSession(SESSION.key, must_exist=True),
    ]
    before = [in_store(reference, table) for table in ("users_table", "sessions_table")]
    for write in writes:
        with pytest.raises(Conflict) as failed:
            reference.commit(write)
        assert (failed.value.write, failed.value.user) == (write, None)
    assert reference.rotate(a_rotation(SESSION)).session is None
    assert not reference.delete_matching(SESSION.key, hashed("access 1"), None).done
    assert [in_store(reference, table) for table in ("users_table", "sessions_table")] == before


def test_what_was_deleted_may_be_made_anew(reference: Any) -> None:
    """As an import does it, whose accounts keep their ids, and a key whose number is free again."""
    for _ in range(2):
        reference.commit(PutUser(a_user()))
        assert reference.get_user(1) == a_user()
        reference.commit(DeleteUser(a_user()))
        assert reference.add_key(KEY)
        assert reference.load_keys() == (KEY,)
        reference.delete_key(KEY)


@pytest.mark.parametrize("count", [1, 2, 25, 26, 100])
def test_sessions_that_end_together(reference: Any, count: int) -> None:
    keys = put_sessions(reference, count)
    with cause.caused_by(NEXT):
        reference.end_sessions(keys)
    left = reference.call("Scan", TableName=reference.settings.sessions_table, ConsistentRead=True)["Items"]
    assert [cause.read(item["cause"]["S"]) for item in left] == [NEXT] * count
    assert reference.sessions_of(1) == ()


def test_what_leaves_nothing(reference: Any) -> None:
    """Many sessions that end together, and those that make room: whoever lists an account's would read them all."""
    reference.end_sessions(put_sessions(reference, 101))
    (evicted,) = put_sessions(reference, 1)
    reference.commit(PutUser(a_user()), EndSession(evicted, evicted=True))
    assert reference.call("Scan", TableName=reference.settings.sessions_table, ConsistentRead=True)["Items"] == []


def put_sessions(store: Any, count: int) -> tuple[SessionKey, ...]:
    sessions = [a_session(1, number) for number in range(count)]
    for session in sessions:
        store.commit(PutSession(session, NOW + 9000))
    return tuple(session.key for session in sessions)


def test_a_client_s_own_session(reference: Any) -> None:
    """Its item stays until its token would have expired, since the call that put it may arrive once more."""
    own = replace(SESSION, key=SessionKey(FIRST_MACHINE_OWNER, bytes(8)))
    reference.commit(PutSession(own, NOW + 9000))
    with cause.caused_by(FIRST):
        assert reference.delete_matching(own.key, own.access_hash, "web").done
    left = in_store(reference, "sessions_table")
    assert (left["deleted"], left["ttl"]) == ({"BOOL": True}, {"N": str(NOW + 9000)})
    assert cause.read(left["cause"]["S"]) == FIRST
    assert left.keys().isdisjoint({"client_id", "access_hash"})
    assert reference.get_session(own.key) is None
    with pytest.raises(LingpaiError):
        reference.commit(PutSession(own, NOW + 9000))
