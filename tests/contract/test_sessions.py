"""The protocol Sessions: found, rotated by compare-and-swap, listed, ended."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.sessions.model import Replaced, Session, SessionKey
from lingpai.sessions.storage import HISTORY_MAX, History, PutSession, Rotated
from tests.support.samples import NOW, WholeStore, a_rotation, a_session, hashed, open_sessions

FIRST = a_session()
# What the first rotation makes of it: what was current is previous.
SECOND = replace(
    FIRST,
    access_hash=hashed("access 2"),
    access_expires_at=NOW + 1100,
    access_scope=("read", "write"),
    refresh_hash=hashed("refresh 2"),
    refresh_expires_at=NOW + 3100,
    rotated_at=NOW + 100,
    salt=hashed("salt 2"),
    previous_refresh_hash=hashed("refresh 1"),
    previous_access_hash=hashed("access 1"),
    previous_access_expires_at=NOW + 1000,
    previous_access_scope=("read", "write"),
    family_hash=hashed("family"),
    recent=(Replaced(NOW + 100, b"12345678", hashed("salt 2")),),
)


def test_a_session_comes_back_whole(store: WholeStore) -> None:
    """Expired or not: who reads it checks that."""
    sessions = [
        FIRST,
        a_session(number=2**64 - 1, client_id="客户", scope=("a",), ends_at=1, access_expires_at=1),
        a_session(2**63, refresh_hash=None, refresh_expires_at=0, scope=(), access_scope=()),
        a_session(2**64 - 1, number=5, access_scope=("write",)),
        a_session(2**53 - 1),
        a_session(number=6, auth_time=NOW, methods=("sms", "pwd")),
        a_session(number=7, family_hash=hashed("family")),
        a_session(number=8, jkt="a key"),
    ]
    open_sessions(store, sessions)
    assert [store.get_session(session.key) for session in sessions] == sessions
    for missing in (SessionKey(2, bytes(8)), SessionKey(1, b"\x01" * 8)):
        assert store.get_session(missing) is None


def test_rotate(store: WholeStore) -> None:
    open_sessions(store, [FIRST, a_session(number=1)])
    assert store.rotate(a_rotation(FIRST)) == Rotated(True, SECOND)
    assert store.get_session(FIRST.key) == SECOND
    assert store.get_session(a_session(number=1).key) == a_session(number=1), "the other session of the user"


def test_rotate_again(store: WholeStore) -> None:
    """Only the last generation is remembered; the scope and the end of the session never move."""
    open_sessions(store, [FIRST])
    store.rotate(a_rotation(FIRST))
    again = a_rotation(
        FIRST,
        presented_hash=hashed("refresh 2"),
        now=NOW + 200,
        salt=hashed("salt 3"),
        access_hash=hashed("access 3"),
        access_expires_at=NOW + 1200,
        refresh_hash=hashed("refresh 3"),
        refresh_expires_at=NOW + 3200,
        scope=("write",),
    )
    third = replace(
        SECOND,
        access_hash=hashed("access 3"),
        access_expires_at=NOW + 1200,
        access_scope=("write",),
        refresh_hash=hashed("refresh 3"),
        refresh_expires_at=NOW + 3200,
        rotated_at=NOW + 200,
        salt=hashed("salt 3"),
        previous_refresh_hash=hashed("refresh 2"),
        previous_access_hash=hashed("access 2"),
        previous_access_expires_at=NOW + 1100,
        previous_access_scope=("read", "write"),
        recent=(Replaced(NOW + 200, b"12345678", hashed("salt 3")),),
    )
    assert store.rotate(again) == Rotated(True, third)
    assert store.get_session(FIRST.key) == third
    widened = store.rotate(replace(again, presented_hash=hashed("refresh 3"), scope=None))
    assert widened.done
    assert widened.session is not None
    assert (widened.session.access_scope, widened.session.previous_access_scope) == (("read", "write"), ("write",))


def test_a_rotation_keeps_when_and_how_the_user_logged_in(store: WholeStore) -> None:
    session = a_session(auth_time=NOW, methods=("pwd",))
    open_sessions(store, [session])
    rotated = replace(SECOND, auth_time=NOW, methods=("pwd",))
    assert store.rotate(a_rotation(session)) == Rotated(True, rotated)


def test_rotate_with_a_scope(store: WholeStore) -> None:
    """The scope of the session or less of it, in the order that was asked for; its own scope stays as granted."""
    for number, scope in enumerate([("read", "write"), ("write", "read"), ("write",), ()]):
        session = a_session(number=number)
        open_sessions(store, [session])
        rotated = replace(SECOND, key=session.key, access_scope=scope)
        assert store.rotate(a_rotation(session, scope=scope)) == Rotated(True, rotated)
        assert store.get_session(session.key) == rotated


def rotate_on(store: WholeStore, number: int, history: History) -> Session:
    """The session after its `number`th rotation, from the secret that the one before gave."""
    rotation = a_rotation(
        FIRST,
        presented_hash=hashed(f"refresh {number}"),
        refresh_hash=hashed(f"refresh {number + 1}"),
        now=NOW + number,
        salt=hashed(f"salt {number}"),
        mark=number.to_bytes(8),
        history=history,
    )
    outcome = store.rotate(rotation)
    assert outcome.done
    assert outcome.session is not None
    assert store.get_session(FIRST.key) == outcome.session
    return outcome.session


def replaced(*numbers: int) -> tuple[Replaced, ...]:
    """What `rotate_on` leaves of these rotations."""
    return tuple(Replaced(NOW + number, number.to_bytes(8), hashed(f"salt {number}")) for number in numbers)


@pytest.mark.security("F16")
def test_rotations_are_remembered(store: WholeStore) -> None:
    """Those of two spans of time, in order; a session that remembers none yet is no exception."""
    open_sessions(store, [FIRST])
    steps: list[tuple[History, tuple[int, ...], tuple[int, ...]]] = [
        (History.APPEND, (), (1,)),
        (History.APPEND, (), (1, 2)),
        (History.SHIFT, (1, 2), (3,)),
        (History.APPEND, (1, 2), (3, 4)),
        (History.SHIFT, (3, 4), (5,)),
        (History.RESTART, (), (6,)),
        (History.RESTART, (), (7,)),
        (History.SHIFT, (7,), (8,)),
    ]
    for number, (history, earlier, recent) in enumerate(steps, start=1):
        session = rotate_on(store, number, history)
        assert (session.earlier, session.recent) == (replaced(*earlier), replaced(*recent)), number


@pytest.mark.security("F16")
@pytest.mark.parametrize("history", [History.SHIFT, History.RESTART])
def test_a_session_that_remembers_no_rotation_begins_to(store: WholeStore, history: History) -> None:
    open_sessions(store, [FIRST])
    session = rotate_on(store, 1, history)
    assert (session.earlier, session.recent) == ((), replaced(1))


@pytest.mark.security("F16")
@pytest.mark.parametrize("store", ["memory", pytest.param("bare", marks=pytest.mark.dynamodb_local)], indirect=True)
def test_a_session_does_not_remember_rotations_without_end(store: WholeStore) -> None:
    """In one span of time; the next span has room again."""
    open_sessions(store, [FIRST])
    for number in range(1, HISTORY_MAX + 1):
        rotate_on(store, number, History.APPEND)
    last = hashed(f"refresh {HISTORY_MAX + 1}")
    refused = store.rotate(a_rotation(FIRST, presented_hash=last, history=History.APPEND))
    assert not refused.done
    assert refused.session is not None
    assert (refused.session.refresh_hash, len(refused.session.recent)) == (last, HISTORY_MAX)
    assert store.rotate(a_rotation(FIRST, presented_hash=last, history=History.SHIFT)).done


def test_rotate_in_the_last_second(store: WholeStore) -> None:
    open_sessions(store, [FIRST, a_session(number=1, refresh_expires_at=NOW + 9000)])
    assert store.rotate(a_rotation(FIRST, now=NOW + 2999)).done
    assert store.rotate(a_rotation(a_session(number=1), now=NOW + 4999)).done


@pytest.mark.security("RFC9449-5")
@pytest.mark.parametrize("same_key", [True, False])
def test_a_rotation_binds_to_a_key(store: WholeStore, same_key: bool) -> None:
    """From then on each rotation needs a key; where it has to be the same, another one changes nothing."""
    open_sessions(store, [FIRST])
    bound = replace(SECOND, jkt="a key")
    assert store.rotate(a_rotation(FIRST, jkt="a key", same_key=same_key)) == Rotated(True, bound)
    assert store.get_session(FIRST.key) == bound
    again = a_rotation(FIRST, presented_hash=hashed("refresh 2"), refresh_hash=hashed("refresh 3"), same_key=same_key)
    assert store.rotate(again) == Rotated(False, bound)
    other = store.rotate(replace(again, jkt="another"))
    assert (other.done, other.session and other.session.jkt) == ((False, "a key") if same_key else (True, "another"))
    right = store.rotate(replace(again, jkt="a key")) if same_key else other
    assert right.done
    assert right.session == store.get_session(FIRST.key)
    assert right.session is not None
    assert (right.session.jkt, right.session.previous_jkt) == ("a key" if same_key else "another", "a key")


def test_rotate_refuses(store: WholeStore) -> None:
    """What is refused comes back as it stands, and stays so."""
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "a wrong secret": ({}, {"presented_hash": hashed("wrong")}),
        "the access secret": ({}, {"presented_hash": hashed("access 1")}),
        "the start of the secret's hash": ({}, {"presented_hash": hashed("refresh 1")[:31]}),
        "another client": ({}, {"client_id": "Web"}),
        "an expired refresh secret": ({}, {"now": NOW + 3000}),
        "an expired session": ({"refresh_expires_at": NOW + 9000}, {"now": NOW + 5000}),
        "a scope that was not granted": ({}, {"scope": ("read", "admin")}),
        "a part of a scope": ({}, {"scope": ("rea",)}),
        "any scope where there is none": ({"scope": (), "access_scope": ()}, {"scope": ("read",)}),
        "a session without a refresh secret": ({"refresh_hash": None, "refresh_expires_at": 0}, {}),
    }
    for number, (name, (session_is, rotation_is)) in enumerate(cases.items()):
        session = a_session(number=number, **session_is)
        open_sessions(store, [session])
        assert store.rotate(a_rotation(session, **rotation_is)) == Rotated(False, session), name
        assert store.get_session(session.key) == session, name


def test_rotate_refuses_the_previous_secret(store: WholeStore) -> None:
    """Its item comes back, with the salt that makes the last answer once more."""
    open_sessions(store, [FIRST])
    store.rotate(a_rotation(FIRST))
    again = a_rotation(FIRST, salt=hashed("salt 3"), access_hash=hashed("x"), refresh_hash=hashed("y"))
    assert store.rotate(again) == Rotated(False, SECOND)
    assert store.get_session(FIRST.key) == SECOND


def test_rotate_brings_nothing_back_to_life(store: WholeStore) -> None:
    """Neither a session that was ended nor one that never was."""
    open_sessions(store, [FIRST])
    store.end_sessions((FIRST.key,))
    for session in (FIRST, a_session(7)):
        assert store.rotate(a_rotation(session)) == Rotated(False, None)
        assert store.get_session(session.key) is None
    assert store.sessions_of(1) == store.sessions_of(7) == ()


def keys(sessions: list[Session]) -> set[SessionKey]:
    """Their keys."""
    return {session.key for session in sessions}


def test_sessions_of_a_user(store: WholeStore) -> None:
    """130 of them, each once, expired ones too, and nobody else's."""
    mine = [a_session(number=number, ends_at=number) for number in range(130)]
    others = [a_session(2), a_session(11), a_session(2**63 + 1)]
    open_sessions(store, [*mine, *others])
    found = store.sessions_of(1)
    assert len(found) == 130
    assert set(found) == keys(mine)
    assert store.sessions_of(2) == (others[0].key,)
    assert store.sessions_of(3) == ()


def test_sessions_of_a_user_who_has_megabytes_of_them(store: WholeStore) -> None:
    """More than DynamoDB reads in one page."""
    mine = [a_session(number=number, scope=("s" * 60_000,)) for number in range(40)]
    open_sessions(store, mine, at_once=10)
    found = store.sessions_of(1)
    assert len(found) == 40
    assert set(found) == keys(mine)


def test_end_sessions(store: WholeStore) -> None:
    """None, one, 26 and 101 of them; those that are not there are no error, the others stay."""
    mine = [a_session(number=number) for number in range(130)]
    open_sessions(store, [*mine, a_session(2)])
    store.end_sessions(())
    assert set(store.sessions_of(1)) == keys(mine)
    for start, count in ((0, 1), (1, 26), (27, 101)):
        ending = tuple(session.key for session in mine[start : start + count])
        for _ in range(2):
            store.end_sessions((*ending, SessionKey(1, b"missing!")))
            assert set(store.sessions_of(1)) == keys(mine[start + count :])
    store.end_sessions((SessionKey(1, b"missing!"),))
    assert [store.get_session(session.key) for session in mine] == [None] * 128 + mine[128:]
    assert store.sessions_of(2) == (a_session(2).key,)


def test_a_session_may_be_put_again(store: WholeStore) -> None:
    """A write that is repeated because its answer was lost."""
    for _ in range(2):
        store.commit(PutSession(FIRST, NOW + 6000))
        assert store.sessions_of(1) == (FIRST.key,)
        assert store.get_session(FIRST.key) == FIRST
