"""The protocol Sessions: a session ended by one of its secrets, and the list of revoked tokens that stand alone."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import Ended, Rotated
from tests.support.samples import NOW, WholeStore, a_rotation, a_session, hashed, open_sessions
from tests.support.time import START

# A token that stands alone has an owner that is no user (from 2^63 up).
ALONE = SessionKey(2**63 + 7, b"\x00\x01\x02\x03\xfc\xfd\xfe\xff")
LATER = START + 3600

SECRETS = {
    "access, current": hashed("access 2"),
    "refresh, current": hashed("refresh 2"),
    "access, previous": hashed("access 1"),
    "refresh, previous": hashed("refresh 1"),
}


def rotated(store: WholeStore, number: int = 0) -> Session:
    """A session with all four secrets."""
    session = a_session(number=number)
    open_sessions(store, [session])
    assert store.rotate(a_rotation(session)).done
    found = store.get_session(session.key)
    assert found is not None
    return found


# --- delete_matching ------------------------------------------------------------------------------------------------


def test_each_of_the_four_secrets_ends_the_session(store: WholeStore) -> None:
    """For its client or without a word of one; and no other session of the user."""
    other = rotated(store, 99)
    for number, (secret, client_id) in enumerate(itertools.product(SECRETS.values(), ("web", None))):
        session = rotated(store, number)
        assert store.delete_matching(session.key, secret, client_id) == Ended(True, None)
        assert store.get_session(session.key) is None
    assert store.get_session(other.key) == other
    assert store.sessions_of(1) == (other.key,)


def test_before_the_first_rotation_there_are_two(store: WholeStore) -> None:
    for number, secret in enumerate(("access 1", "refresh 1")):
        session = a_session(number=number)
        open_sessions(store, [session])
        assert store.delete_matching(session.key, hashed(secret), "web") == Ended(True, None)
        assert store.get_session(session.key) is None


def test_without_a_refresh_secret_there_is_one(store: WholeStore) -> None:
    """What is not there matches nothing, an empty hash included."""
    session = a_session(2**63, refresh_hash=None, refresh_expires_at=0)
    open_sessions(store, [session])
    for other in (hashed("refresh 1"), b"", b"\x00", bytes(32)):
        assert store.delete_matching(session.key, other, None) == Ended(False, session)
    assert store.delete_matching(session.key, hashed("access 1"), "web") == Ended(True, None)


def test_another_secret_ends_nothing(store: WholeStore) -> None:
    """What stands in the way comes back as it is, and stays so. The salt is no secret."""
    session = rotated(store)
    current = hashed("access 2")
    for other in (hashed("access 3"), hashed("salt 2"), current[:31], current + b"\x00", b"", bytes(32)):
        for client_id in ("web", None):
            assert store.delete_matching(session.key, other, client_id) == Ended(False, session)
    assert store.get_session(session.key) == session


def test_another_client_ends_nothing(store: WholeStore) -> None:
    """With whichever secret: the right one does not make it its own."""
    session = rotated(store)
    for secret, client_id in itertools.product(SECRETS.values(), ("Web", "we", "web ", "another", "")):
        assert store.delete_matching(session.key, secret, client_id) == Ended(False, session)
    assert store.get_session(session.key) == session


def test_what_is_not_there_is_not_ended(store: WholeStore) -> None:
    session = rotated(store)
    for key in (SessionKey(2, bytes(8)), SessionKey(1, b"\x01" * 8), ALONE):
        assert store.delete_matching(key, hashed("access 2"), None) == Ended(False, None)
    assert store.delete_matching(session.key, hashed("access 2"), "web").done
    assert store.delete_matching(session.key, hashed("access 2"), "web") == Ended(False, None), "once more"


def test_an_expired_session_can_be_ended(store: WholeStore) -> None:
    """Who reads it checks expiry; who ends it need not."""
    session = a_session(ends_at=1, access_expires_at=1, refresh_expires_at=1)
    open_sessions(store, [session])
    assert store.delete_matching(session.key, hashed("access 1"), "web") == Ended(True, None)


def test_of_many_who_end_it_at_once_one_does(reference: WholeStore) -> None:
    session = rotated(reference)
    with ThreadPoolExecutor(16) as pool:
        ended = list(pool.map(lambda _: reference.delete_matching(session.key, hashed("access 2"), "web"), range(16)))
    assert sorted(outcome.done for outcome in ended) == [False] * 15 + [True]
    assert reference.get_session(session.key) is None


def test_a_session_that_is_ended_while_it_is_rotated_is_gone(reference: WholeStore) -> None:
    """Whichever comes first: a rotation makes no session, and the secrets from before it still end it."""
    for number in range(10):
        session = a_session(number=number)
        open_sessions(reference, [session])
        with ThreadPoolExecutor(2) as pool:
            rotation = pool.submit(reference.rotate, a_rotation(session))
            ending = pool.submit(reference.delete_matching, session.key, hashed("access 1"), "web")
        assert ending.result() == Ended(True, None)
        assert rotation.result().session is None or rotation.result().done
        assert reference.get_session(session.key) is None


# --- the list -----------------------------------------------------------------------------------------------------


def test_a_key_is_listed(store: WholeStore) -> None:
    """This key, and none beside it."""
    others = [SessionKey(ALONE.owner, bytes(8)), SessionKey(ALONE.owner + 1, ALONE.id), SessionKey(2**63, ALONE.id)]
    assert not store.is_revoked(ALONE)
    store.revoke_jti(ALONE, LATER)
    assert store.is_revoked(ALONE)
    assert [store.is_revoked(key) for key in others] == [False] * 3


def test_listing_twice_is_listing_once(store: WholeStore) -> None:
    for ttl in (LATER, LATER, LATER + 1):
        store.revoke_jti(ALONE, ttl)
    assert store.is_revoked(ALONE)


def test_the_keys_of_machines_are_large(store: WholeStore) -> None:
    for key in (SessionKey(2**63, b"\xff" * 8), SessionKey(2**64 - 1, bytes(8))):
        store.revoke_jti(key, LATER)
        assert store.is_revoked(key)


def test_sessions_and_the_list_leave_each_other_alone(store: WholeStore) -> None:
    """A session that is alive, of a machine with an opaque token, is not listed for it."""
    session = a_session(ALONE.owner, number=3, ends_at=NOW + 5000)
    store.revoke_jti(ALONE, LATER)
    open_sessions(store, [session])
    assert store.get_session(session.key) == session
    store.revoke_jti(SessionKey(ALONE.owner + 1, session.key.id), LATER)
    assert store.get_session(session.key) == session
    assert store.is_revoked(ALONE)


def test_every_listing_is_seen_at_once(reference: WholeStore) -> None:
    """By whoever asks next: a revoked token has no second in which it is good."""
    keys = [SessionKey(2**63 + number, number.to_bytes(8)) for number in range(40)]

    def listed(key: SessionKey) -> bool:
        reference.revoke_jti(key, LATER)
        return reference.is_revoked(key)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(listed, keys))


def test_the_key_of_a_revoked_token_is_no_session(store: WholeStore) -> None:
    """Whoever reads a `jti` can make a token that points there: it is an unknown one, not a fault."""
    store.revoke_jti(ALONE, LATER)
    assert store.get_session(ALONE) is None
    assert store.rotate(a_rotation(replace(a_session(), key=ALONE))) == Rotated(False, None)
    for client_id in ("web", None):
        assert store.delete_matching(ALONE, hashed("access 1"), client_id) == Ended(False, None)
    assert store.is_revoked(ALONE)
