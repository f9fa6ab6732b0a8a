"""The protocol BrowserSessions: found with their account, told of their use; counted, listed, ended with the others."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser, PutUser
from lingpai.browser_sessions.model import BrowserSession, Place
from lingpai.browser_sessions.storage import BrowserLookup, PutBrowserSession, RaiseBrowserSession, TouchBrowserSession
from lingpai.kernel.writes import Conflict
from lingpai.sessions import session_id
from lingpai.sessions.model import SessionKey
from lingpai.sessions.storage import EndSession, SessionSpan
from tests.support.samples import NOW, WholeStore, a_rotation, a_session, a_user, hashed, open_sessions


def a_browser_session(owner: int = 1, number: int = 100, **changes: Any) -> BrowserSession:
    session = BrowserSession(
        key=SessionKey(owner, number.to_bytes(8)),
        secret_hash=hashed("cookie"),
        created_at=NOW,
        used_at=NOW,
        idle_until=NOW + 1000,
        ends_at=NOW + 5000,
        auth_time=NOW - 1,
        methods=("sms", "pwd"),
        device="Chrome/Windows",
        epoch=NOW - 2000,
        place=Place("中国 上海", "Shanghai, China"),
        kept_sid="the sid of an earlier one",
    )
    return replace(session, **changes)


SESSION = a_browser_session()


def put(store: WholeStore, *sessions: BrowserSession) -> None:
    for session in sessions:
        store.commit(PutBrowserSession(session, session.ends_at))


def test_it_comes_back_whole_with_its_account(store: WholeStore) -> None:
    """Expired or not, disabled or not: who reads it checks that."""
    bare = a_browser_session(2, methods=(), device="", epoch=0, place=None, kept_sid=None, idle_until=1, ends_at=1)
    assert bare.sid == session_id.of(bare.key)
    put(store, SESSION, bare)
    assert store.look_up_browser(SESSION.key) == BrowserLookup(SESSION, None)
    assert store.look_up_browser(bare.key) == BrowserLookup(bare, None)
    store.commit(PutUser(a_user()))
    assert store.look_up_browser(SESSION.key) == BrowserLookup(SESSION, a_user())
    store.commit(DisableUser(1))
    assert store.look_up_browser(SESSION.key) == BrowserLookup(SESSION, a_user(disabled=True))
    for missing in (SessionKey(2, bytes(8)), SessionKey(3, SESSION.key.id)):
        assert store.look_up_browser(missing).session is None


@pytest.mark.security("ASVS-7.4.1")
def test_neither_kind_is_taken_for_the_other(store: WholeStore) -> None:
    """A cookie is no access token and no refresh token, and a token is no cookie."""
    family = a_session()
    open_sessions(store, [family])
    put(store, SESSION)
    assert store.get_session(SESSION.key) is None
    assert store.look_up_browser(family.key) == BrowserLookup(None, None)
    rotated = store.rotate(a_rotation(a_session(number=100), presented_hash=SESSION.secret_hash))
    assert (rotated.done, rotated.session) == (False, None)
    assert not store.delete_matching(SESSION.key, SESSION.secret_hash, None).done
    assert store.look_up_browser(SESSION.key).session == SESSION
    with pytest.raises(Conflict):
        store.commit(TouchBrowserSession(family.key, NOW + 10, NOW + 2000))


def test_its_use_is_written_down(store: WholeStore) -> None:
    put(store, SESSION)
    store.commit(TouchBrowserSession(SESSION.key, NOW + 10, NOW + 2000))
    assert store.look_up_browser(SESSION.key).session == replace(SESSION, used_at=NOW + 10, idle_until=NOW + 2000)


def test_a_session_that_has_ended_does_not_come_back_by_its_use(store: WholeStore) -> None:
    put(store, SESSION)
    store.commit(EndSession(SESSION.key))
    touch = TouchBrowserSession(SESSION.key, NOW + 10, NOW + 2000)
    with pytest.raises(Conflict) as failed:
        store.commit(touch)
    assert failed.value.write == touch
    assert store.look_up_browser(SESSION.key).session is None


@pytest.mark.security("MFA-6")
def test_it_becomes_one_of_two_factors(store: WholeStore) -> None:
    """Not after its end, and no token family does."""
    family = a_session()
    open_sessions(store, [family])
    both = ("pwd", "otp", "mfa")
    for key in (SESSION.key, family.key):
        with pytest.raises(Conflict):
            store.commit(RaiseBrowserSession(key, both))
    assert store.look_up_browser(SESSION.key).session is None
    put(store, SESSION)
    store.commit(RaiseBrowserSession(SESSION.key, both))
    assert store.look_up_browser(SESSION.key).session == replace(SESSION, methods=both)


def test_it_is_counted_and_listed_with_the_others(store: WholeStore) -> None:
    """Its life ends at its idle time or, if that is earlier, at its own end."""
    family, last = a_session(), a_browser_session(number=101, idle_until=NOW + 9000, created_at=NOW + 1)
    open_sessions(store, [family, a_session(2)])
    put(store, SESSION, last, a_browser_session(2))
    assert set(store.sessions_of(1)) == {family.key, SESSION.key, last.key}
    assert set(store.session_spans(1)) == {
        SessionSpan(family.key, NOW, NOW + 3000),
        SessionSpan(SESSION.key, NOW, NOW + 1000),
        SessionSpan(last.key, NOW + 1, NOW + 5000),
    }
    assert sorted(map(repr, store.list_sessions(1, 100))) == sorted(map(repr, (family, SESSION, last)))
    assert len(store.list_sessions(1, 2)) == 2
    assert [store.opened_at(session.key) for session in (family, SESSION, last)] == [NOW, NOW, NOW + 1]
    assert store.opened_at(SessionKey(3, SESSION.key.id)) is None
    assert store.list_sessions(3, 100) == ()


def test_it_ends_with_the_others(store: WholeStore) -> None:
    family, last, anothers = a_session(), a_browser_session(number=101), a_browser_session(2)
    open_sessions(store, [family])
    put(store, SESSION, last, anothers)
    store.end_sessions((SESSION.key,))
    assert set(store.sessions_of(1)) == {family.key, last.key}
    store.end_sessions((family.key, last.key))
    assert store.sessions_of(1) == ()
    assert store.look_up_browser(anothers.key).session == anothers
