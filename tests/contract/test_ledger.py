"""The protocol Ledger: each write, alone and with others; all of a commit or nothing of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.model import Agreement, Email, Profile, User
from lingpai.accounts.storage import (
    ChangeUser,
    CheckIdentity,
    CheckRole,
    CheckUser,
    DeleteIdentity,
    DeleteUser,
    DisableUser,
    EnableUser,
    EndOpened,
    OneMore,
    PutIdentity,
    PutUser,
)
from lingpai.kernel.writes import Conflict, Write
from lingpai.rate_limits.storage import CheckCounter, IncrementCounter
from lingpai.sessions.storage import EndSession, PutSession
from tests.support.samples import NOW, NUMBER, Eye, Seen, WholeStore, a_code, a_guess, a_session, a_user, consume

ALICE = a_user()
SESSION = a_session()
BYSTANDER = PutIdentity("username:bystander", 99)

Commit = Callable[[Write], None]


@pytest.fixture(params=["alone", "with another"])
def commit(request: pytest.FixtureRequest, store: WholeStore) -> Commit:
    """Does one write: alone, or together with one that is always possible and must share its fate."""

    def do(write: Write) -> None:
        if request.param == "alone":
            store.commit(write)
        else:
            store.commit(BYSTANDER, write)
            assert store.find_user_id(BYSTANDER.key) == 99
            store.commit(DeleteIdentity(BYSTANDER.key, 99))

    return do


@pytest.fixture
def eye(store: WholeStore) -> Eye:
    """Looks at everything that these tests write."""
    return Eye(
        store,
        users=(1, 2),
        names=("username:alice", "username:bob", BYSTANDER.key),
        sessions=(SESSION.key, a_session(number=1).key),
    )


def refused(commit: Commit, eye: Eye, *writes: Write) -> None:
    """Each of these writes is a Conflict that names it and changes nothing."""
    before = eye.look()
    for write in writes:
        with pytest.raises(Conflict) as failed:
            commit(write)
        assert failed.value.write == write
        assert eye.look() == before, f"{write!r} was refused and yet changed something"


def test_put_user(store: WholeStore, commit: Commit, eye: Eye) -> None:
    commit(PutUser(ALICE))
    assert store.get_user(1) == ALICE
    refused(commit, eye, PutUser(ALICE), PutUser(User(id=1, created_at=NOW)))
    store.commit(DisableUser(1))
    refused(commit, eye, PutUser(ALICE))


CHANGES: dict[str, Any] = {
    "created_at": NOW + 1,
    "username": "bob",
    "mobile": "+8613800000000",
    "email": Email("bob@example.com"),
    "openids": (("trusted:a", "o-3"),),
    "password": "$argon2id$two",
    "roles": frozenset({2, 4}),
    "profile": Profile(name="other"),
    "second_factors": frozenset({"passkey"}),
    "agreements": (Agreement("terms", "第二版", NOW, "2001:db8::1", "web-client"),),
}
NOTHING: dict[str, Any] = {
    "username": None,
    "mobile": None,
    "email": None,
    "openids": (),
    "password": None,
    "roles": frozenset(),
    "profile": Profile(),
    "second_factors": frozenset(),
    "agreements": (),
}


def test_change_user(store: WholeStore, commit: Commit) -> None:
    """Field by field: to another value, to none, and from none again; then all of them at once."""
    store.commit(PutUser(ALICE))
    now = ALICE
    for changes in (
        *({name: value} for name, value in CHANGES.items()),
        *({name: value} for name, value in NOTHING.items()),
        CHANGES,
        NOTHING,
        CHANGES,
    ):
        after = replace(now, **changes)
        commit(ChangeUser(now, after))
        assert store.get_user(1) == after
        now = after


CLOSED = replace(ALICE, closes_at=NOW + 9)


def test_close_and_open_a_user(store: WholeStore, commit: Commit, eye: Eye) -> None:
    """A closed account is good for nothing but what opens or deletes it."""
    store.commit(PutUser(ALICE))
    refused(commit, eye, CheckUser(1, closed=True), ChangeUser(CLOSED, ALICE), DeleteUser(CLOSED, closed=True))
    commit(ChangeUser(ALICE, CLOSED))
    assert store.get_user(1) == CLOSED
    renamed = replace(CLOSED, username="bob")
    refused(commit, eye, CheckUser(1), CheckRole(1, 2), ChangeUser(CLOSED, renamed), ChangeUser(ALICE, CLOSED))
    later = replace(CLOSED, closes_at=NOW + 10)
    refused(commit, eye, DeleteUser(later, closed=True), ChangeUser(later, ALICE))
    refused(commit, eye, CheckUser(1, "another hash", closed=True))
    commit(CheckUser(1, ALICE.password, closed=True))
    commit(ChangeUser(CLOSED, ALICE))
    assert store.get_user(1) == ALICE
    commit(CheckUser(1))
    commit(ChangeUser(ALICE, CLOSED))
    store.commit(DisableUser(1))
    refused(commit, eye, CheckUser(1, closed=True), ChangeUser(CLOSED, ALICE))
    commit(DeleteUser(CLOSED, closed=True))
    assert store.get_user(1) is None


def test_an_account_is_closed_only_by_itself(store: WholeStore, commit: Commit, eye: Eye) -> None:
    """Not if a session was opened since it was read."""
    store.commit(PutUser(ALICE, sessions=1))
    read = store.get_user(1)
    assert read is not None
    commit(CheckUser(1, count=OneMore(9)))
    refused(commit, eye, ChangeUser(read, CLOSED, alone=True))
    now = store.get_user(1)
    assert now is not None
    commit(ChangeUser(now, CLOSED, alone=True))


def test_change_user_leaves_other_fields_to_others(store: WholeStore, commit: Commit) -> None:
    """What was changed by somebody else meanwhile stays, where this change does not touch it."""
    store.commit(PutUser(ALICE))
    commit(ChangeUser(ALICE, replace(ALICE, password="$argon2id$two")))
    commit(ChangeUser(ALICE, replace(ALICE, roles=frozenset({7}))))
    assert store.get_user(1) == replace(ALICE, password="$argon2id$two", roles=frozenset({7}))


def test_change_user_refuses_a_field_that_changed(store: WholeStore) -> None:
    """Also where it has by now the value that it shall get, or was given its first one meanwhile."""
    wanted: dict[str, Any] = {
        "created_at": 1,
        "username": "w",
        "mobile": "+8613900000000",
        "email": Email("w@example.com", verified=True),
        "openids": (("w", "w"),),
        "password": "w",
        "roles": frozenset({5}),
        "profile": Profile(address="w"),
        "second_factors": frozenset({"totp"}),
        "agreements": (Agreement("policy", "w", 1, "192.0.2.1", "w"),),
    }
    assert wanted.keys() == CHANGES.keys()
    for user_id, (name, value) in enumerate(CHANGES.items(), start=1):
        user = a_user(user_id)
        changed = replace(user, **{name: value})
        want = replace(user, **{name: wanted[name]})
        store.commit(PutUser(changed))
        writes = [ChangeUser(user, want), ChangeUser(user, changed)]
        if name in NOTHING:
            none = replace(user, **{name: NOTHING[name]})
            writes += [ChangeUser(user, none), ChangeUser(none, want)]
        refused(store.commit, Eye(store, users=(user_id,)), *writes)


def test_change_user_refuses_an_account_that_is_gone_or_disabled(store: WholeStore, commit: Commit, eye: Eye) -> None:
    change = ChangeUser(ALICE, replace(ALICE, username="bob"))
    first_role = ChangeUser(User(1, NOW), User(1, NOW, roles=frozenset({1})))
    nothing = ChangeUser(ALICE, ALICE)
    refused(commit, eye, change, first_role, nothing)
    store.commit(PutUser(ALICE))
    commit(nothing)
    assert store.get_user(1) == ALICE
    store.commit(DisableUser(1))
    refused(commit, eye, change, nothing, ChangeUser(replace(ALICE, disabled=True), ALICE))


def test_change_user_may_disable_it(store: WholeStore, commit: Commit, eye: Eye) -> None:
    store.commit(PutUser(ALICE))
    commit(ChangeUser(ALICE, replace(ALICE, disabled=True)))
    assert store.get_user(1) == replace(ALICE, disabled=True)


def test_check_user(store: WholeStore, commit: Commit, eye: Eye) -> None:
    refused(commit, eye, CheckUser(1))
    bare = User(id=2, created_at=NOW)
    store.commit(PutUser(ALICE), PutUser(bare))
    before = eye.look()
    for check in (CheckUser(1), CheckUser(1, "$argon2id$one"), CheckUser(2)):
        commit(check)
        assert eye.look() == before
    refused(commit, eye, CheckUser(1, "$argon2id$two"), CheckUser(1, ""), CheckUser(2, "$argon2id$one"), CheckUser(3))
    store.commit(DisableUser(1))
    refused(commit, eye, CheckUser(1), CheckUser(1, "$argon2id$one"))


@pytest.mark.security("F18")
def test_check_role(store: WholeStore, commit: Commit, eye: Eye) -> None:
    refused(commit, eye, CheckRole(1, 1))
    store.commit(PutUser(replace(ALICE, roles=frozenset({1, 30}))), PutUser(User(id=2, created_at=NOW)))
    before = eye.look()
    for check in (CheckRole(1, 1), CheckRole(1, 30)):
        commit(check)
        assert eye.look() == before
    refused(commit, eye, CheckRole(1, 3), CheckRole(1, 0), CheckRole(2, 1))
    store.commit(DisableUser(1))
    refused(commit, eye, CheckRole(1, 1))


def test_disable_user(store: WholeStore, commit: Commit, eye: Eye) -> None:
    refused(commit, eye, DisableUser(1))
    store.commit(PutUser(ALICE))
    for _ in range(2):
        commit(DisableUser(1))
        assert store.get_user(1) == replace(ALICE, disabled=True)


def test_delete_user(store: WholeStore, commit: Commit, eye: Eye) -> None:
    for user in (ALICE, User(1, NOW)):
        refused(commit, eye, DeleteUser(user))
        store.commit(PutUser(user))
        refused(
            commit,
            eye,
            DeleteUser(replace(user, username="bob")),
            DeleteUser(replace(user, openids=(("trusted:a", "o-1"),))),
            DeleteUser(replace(user, mobile=None if user.mobile else NUMBER)),
        )
        store.commit(DisableUser(1))
        commit(DeleteUser(user))
        assert store.get_user(1) is None


def test_delete_user_alone(store: WholeStore, commit: Commit, eye: Eye) -> None:
    """Not after a session was opened that whoever deletes it has not seen."""
    for sessions in (0, 1):
        store.commit(PutUser(ALICE, sessions=sessions))
        user = store.get_user(1)
        assert user is not None
        store.commit(CheckUser(1, count=OneMore(5, NOW)))
        refused(commit, eye, DeleteUser(user, alone=True), DeleteUser(ALICE, alone=True))
        user = store.get_user(1)
        assert user is not None
        commit(DeleteUser(user, alone=True))
        assert store.get_user(1) is None


def test_enable_user(store: WholeStore, commit: Commit, eye: Eye) -> None:
    """It is as it was before it was disabled, and may be changed again."""
    refused(commit, eye, EnableUser(1))
    store.commit(PutUser(ALICE))
    store.commit(DisableUser(1))
    for _ in range(2):
        commit(EnableUser(1))
        assert store.get_user(1) == ALICE
    store.commit(CheckUser(1), BYSTANDER)
    store.commit(ChangeUser(ALICE, replace(ALICE, roles=frozenset())))


def test_put_identity(store: WholeStore, commit: Commit, eye: Eye) -> None:
    commit(PutIdentity("username:alice", 1))
    assert store.find_user_id("username:alice") == 1
    refused(commit, eye, PutIdentity("username:alice", 2), PutIdentity("username:alice", 1))


def test_check_identity(store: WholeStore, commit: Commit, eye: Eye) -> None:
    refused(commit, eye, CheckIdentity("username:alice", 1))
    store.commit(PutIdentity("username:alice", 1))
    before = eye.look()
    commit(CheckIdentity("username:alice", 1))
    assert eye.look() == before
    refused(commit, eye, CheckIdentity("username:alice", 2))


def test_delete_identity(store: WholeStore, commit: Commit, eye: Eye) -> None:
    refused(commit, eye, DeleteIdentity("username:alice", 1))
    store.commit(PutIdentity("username:alice", 1))
    refused(commit, eye, DeleteIdentity("username:alice", 2))
    commit(DeleteIdentity("username:alice", 1))
    assert store.find_user_id("username:alice") is None
    commit(PutIdentity("username:alice", 2))
    assert store.find_user_id("username:alice") == 2


def test_put_session(store: WholeStore, commit: Commit) -> None:
    """A session that is refreshed, and one of a machine; putting one again changes nothing."""
    machine = a_session(2**64 - 1, refresh_hash=None, refresh_expires_at=0, scope=(), access_scope=())
    for session in (SESSION, machine, SESSION):
        commit(PutSession(session, NOW + 6000))
        assert store.get_session(session.key) == session


def test_end_session(store: WholeStore, commit: Commit) -> None:
    other = a_session(number=1)
    store.commit(PutSession(SESSION, NOW + 6000), PutSession(other, NOW + 6000))
    for _ in range(2):
        commit(EndSession(SESSION.key))
        assert store.get_session(SESSION.key) is None
        assert store.get_session(other.key) == other


def test_end_opened(store: WholeStore, commit: Commit, eye: Eye) -> None:
    """The account keeps until when, disabled or not, and how many sessions are left; no earlier time comes after."""
    refused(commit, eye, EndOpened(1, NOW, 0))
    store.commit(PutUser(ALICE, sessions=5))
    for until, kept in ((NOW, 1), (NOW + 1, 0)):
        commit(EndOpened(1, until, kept))
        user = store.get_user(1)
        assert user is not None
        assert (user, user.ended_until, user.sessions, user.logins) == (ALICE, until, kept, 5)
        refused(commit, eye, EndOpened(1, until, 1), EndOpened(1, until - 1, 1))
    store.commit(DisableUser(1))
    commit(EndOpened(1, NOW + 2, 0))


def test_consume_code(store: WholeStore, commit: Commit, eye: Eye) -> None:
    """The digest goes, the guess that found it is not counted, all else stays; used once, it is used up."""
    refused(commit, eye, consume())
    store.save_code(None, a_code(), NOW + 10000)
    counted = [store.count_try(NUMBER, a_guess(NOW, 3600)) for _ in range(3)][-1]
    assert counted == a_code(tries=3)
    refused(commit, eye, consume(digest=b"another"), consume(number="+8613800000000"), consume(now=NOW + 600))
    commit(consume(now=NOW + 599))
    assert store.get_code(NUMBER) == a_code(digest=None, expires_at=0, tries=2)
    refused(commit, eye, consume())


def test_consume_code_needs_a_code(store: WholeStore, commit: Commit, eye: Eye) -> None:
    """Guesses alone are no code."""
    store.count_try(NUMBER, a_guess(NOW, 3600))
    refused(commit, eye, consume())


WORLD: tuple[Write, ...] = (
    PutUser(ALICE),
    PutIdentity("username:alice", 1),
    PutIdentity("username:bob", 2),
    PutSession(SESSION, NOW + 6000),
)
GOOD: tuple[Write, ...] = (
    PutUser(User(id=2, created_at=NOW)),
    ChangeUser(ALICE, replace(ALICE, username="bob")),
    BYSTANDER,
    DeleteIdentity("username:bob", 2),
    PutSession(a_session(number=1), NOW + 6000),
    EndSession(SESSION.key),
    consume(),
)
BAD: tuple[Write, ...] = (
    PutIdentity("username:alice", 2),
    DeleteIdentity("username:nobody", 1),
    CheckUser(3),
    CheckRole(8, 1),
    DisableUser(4),
    EnableUser(7),
    DeleteUser(a_user(5)),
    ChangeUser(a_user(6), a_user(6, username="six")),
    consume(number="+8613800000000"),
)


def test_check_counter(store: WholeStore, commit: Commit) -> None:
    """What was never counted is open; a limit that is reached is not."""
    write = CheckCounter("login:1", {"all": 2, "x": 1})
    commit(write)
    store.increment("login:1", {"all": 2}, NOW)
    commit(write)
    store.increment("login:1", {"all": 2}, NOW)
    with pytest.raises(Conflict) as failed:
        commit(write)
    assert failed.value.write == write
    assert store.counts("login:1") == {"all": 2}
    with pytest.raises(Conflict):
        commit(CheckCounter("login:1", {"x": 1, "all": 2}))
    commit(CheckCounter("login:1", {"x": 1}))


def test_increment_counter(store: WholeStore, commit: Commit) -> None:
    write = IncrementCounter("login:1", {"all": 2, "x": 9}, NOW)
    commit(write)
    commit(write)
    with pytest.raises(Conflict) as failed:
        commit(write)
    assert failed.value.write == write
    assert store.counts("login:1") == {"all": 2, "x": 2}


def world(store: WholeStore, eye: Eye) -> Seen:
    """One account, two names, a session and a code."""
    store.commit(*WORLD)
    store.save_code(None, a_code(tries=1), NOW + 10000)
    return eye.look()


def test_all_of_a_commit_is_done(store: WholeStore, eye: Eye) -> None:
    world(store, eye)
    store.commit(*GOOD)
    assert eye.look() == Seen(
        users={1: replace(ALICE, username="bob"), 2: User(id=2, created_at=NOW)},
        names={"username:alice": 1, "username:bob": None, BYSTANDER.key: 99},
        sessions={SESSION.key: None, a_session(number=1).key: a_session(number=1)},
        codes={NUMBER: a_code(digest=None, expires_at=0, tries=0)},
    )


def test_nothing_of_a_commit_is_done_when_one_write_fails(store: WholeStore, eye: Eye) -> None:
    """Wherever in the commit it stands."""
    before = world(store, eye)
    for place, bad in enumerate(BAD):
        with pytest.raises(Conflict) as failed:
            store.commit(*GOOD[:place], bad, *GOOD[place:])
        assert failed.value.write == bad
        assert eye.look() == before
    store.commit(*GOOD)


def test_the_conflict_names_the_first_write_that_failed(store: WholeStore, eye: Eye) -> None:
    before = world(store, eye)
    for first in range(len(BAD)):
        with pytest.raises(Conflict) as failed:
            store.commit(*GOOD, *BAD[first:])
        assert failed.value.write == BAD[first]
        assert str(failed.value) == type(BAD[first]).__name__, "the text of a conflict tells no name and no number"
    assert eye.look() == before


def test_a_hundred_writes_are_one_commit(store: WholeStore) -> None:
    """All of them, or none when the last one fails."""
    names = [f"openid:trusted:a:{i}" for i in range(99)]
    writes = [PutIdentity(name, 1) for name in names]
    with pytest.raises(Conflict) as failed:
        store.commit(*writes, CheckUser(1))
    assert failed.value.write == CheckUser(1)
    assert [store.find_user_id(name) for name in names] == [None] * 99
    store.commit(*writes, PutUser(ALICE))
    assert [store.find_user_id(name) for name in names] == [1] * 99
    assert store.get_user(1) == ALICE
