"""The count of an account's sessions, as every store keeps it: one more below the limit, counted anew at it."""

from dataclasses import replace
from functools import partial

import pytest

from lingpai.accounts.storage import ChangeUser, CheckUser, Count, EndOpened, OneMore, PutUser, Recounted
from lingpai.bootstrap import build
from lingpai.clients.service import new_client
from lingpai.identity_providers.model import Identity
from lingpai.kernel.writes import Conflict
from lingpai.sessions import service as sessions
from lingpai.sessions.storage import SessionSpan
from tests.support import stores
from tests.support.logins import by_identity as log_in
from tests.support.races import race, refusals, won
from tests.support.samples import NOW, WholeStore, a_session, a_user, open_sessions
from tests.support.time import Time

pytestmark = pytest.mark.security("F17")

CLIENT = new_client("web-client", "spring", "web-secret", scopes=("web",), sign_provider="trusted")
ALICE = a_user(password="$old")


def counted(store: WholeStore) -> int | None:
    user = store.get_user(1)
    assert user is not None
    return user.sessions


@pytest.mark.parametrize("change", [False, True], ids=["checked", "changed"])
def test_a_session_is_counted_below_the_limit(store: WholeStore, change: bool) -> None:
    store.commit(PutUser(ALICE))
    after = replace(ALICE, password="$new")

    def write(count: Count) -> CheckUser | ChangeUser:
        return ChangeUser(ALICE, after, count) if change else CheckUser(1, "$old", count)

    assert counted(store) == 0
    store.commit(write(OneMore(1)))
    assert counted(store) == 1
    with pytest.raises(Conflict) as failed:
        store.commit(write(OneMore(1)))
    assert failed.value.write == write(OneMore(1))
    assert failed.value.user is not None
    assert failed.value.user.sessions == 1


def test_what_is_counted_anew_has_to_be_as_it_was_read(store: WholeStore) -> None:
    """No session was opened since: each raises the number of logins, though the count may be the same afterwards."""
    store.commit(PutUser(ALICE, sessions=3))
    for logins in (None, 2, 4):
        with pytest.raises(Conflict):
            store.commit(CheckUser(1, count=Recounted(logins, 1)))
    store.commit(CheckUser(1, count=Recounted(3, 3)))
    assert counted(store) == 3
    with pytest.raises(Conflict):
        store.commit(CheckUser(1, count=Recounted(3, 3)))
    store.commit(CheckUser(1, count=Recounted(4, 1)))
    store.commit(CheckUser(1, count=OneMore(2)))
    assert counted(store) == 2


def test_a_session_is_counted_later_than_those_that_have_ended(store: WholeStore) -> None:
    """At the limit and below it: one that would have ended already is refused, and the account tells until when."""
    store.commit(PutUser(ALICE, sessions=3))
    store.commit(CheckUser(1, count=OneMore(9, NOW)))
    store.commit(EndOpened(1, NOW, 1))
    for count in (OneMore(9, NOW), Recounted(4, 2, NOW)):
        with pytest.raises(Conflict) as failed:
            store.commit(CheckUser(1, count=count))
        assert failed.value.user is not None
        assert (failed.value.user.ended_until, count.allows(failed.value.user)) == (NOW, False)
    store.commit(CheckUser(1, count=OneMore(9, NOW + 1)))
    store.commit(CheckUser(1, count=Recounted(5, 3, NOW + 1)))
    assert counted(store) == 3


def test_a_change_of_the_account_leaves_its_count(store: WholeStore) -> None:
    store.commit(PutUser(ALICE, sessions=3))
    store.commit(ChangeUser(ALICE, replace(ALICE, password="$new")))
    store.commit(CheckUser(1))
    assert counted(store) == 3


def test_a_conflict_that_counts_nothing_brings_no_account(store: WholeStore) -> None:
    store.commit(PutUser(ALICE))
    with pytest.raises(Conflict) as failed:
        store.commit(CheckUser(1, "$wrong"))
    assert failed.value.user is None
    with pytest.raises(Conflict) as failed:
        store.commit(CheckUser(2, count=OneMore(5)))
    assert failed.value.user is None


def test_the_lives_of_sessions(store: WholeStore) -> None:
    """Until the later of its two tokens expires, and never beyond its own end."""
    mine = [
        a_session(),
        a_session(number=1, refresh_hash=None, refresh_expires_at=0),
        a_session(number=2, refresh_expires_at=NOW + 9000),
        a_session(number=3, created_at=NOW - 5, access_expires_at=NOW + 4000),
    ]
    open_sessions(store, [*mine, a_session(2)])
    ends = (3000, 1000, 5000, 4000)
    expected = {
        SessionSpan(session.key, session.created_at, NOW + end) for session, end in zip(mine, ends, strict=True)
    }
    assert set(store.session_spans(1)) == expected
    assert store.session_spans(3) == ()


def test_logins_at_once_do_not_exceed_the_limit(reference: WholeStore) -> None:
    """On an account that is full: each of them is opened, and three are alive at the end."""
    time = Time()
    services = build(stores.settings(sessions_max=3), reference, time.clock())
    identity = Identity("trusted", "default", "o-1")
    first = [log_in(services, CLIENT, ("web",), identity) for _ in range(3)]
    user_id = first[0].user_id or 0
    time.advance(1)
    outcomes = race([partial(log_in, services, CLIENT, ("web",), identity)] * 8)
    assert refusals(outcomes) == {}
    assert len(reference.sessions_of(user_id)) == 3
    keys = {parsed.key for tokens in won(outcomes) if (parsed := sessions.parse(tokens.access_token))}
    assert set(reference.sessions_of(user_id)) <= keys
