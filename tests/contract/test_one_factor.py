"""Writes that demand an account without a second factor, on every store; and logins that meet an enrolment."""

from dataclasses import replace
from functools import partial

import pytest

from lingpai.accounts import ended_accounts
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, CheckUser, Count, DisableUser, OneMore, PutUser
from lingpai.bootstrap import build
from lingpai.clients.service import new_client
from lingpai.identity_providers.model import Identity
from lingpai.kernel.writes import Conflict
from lingpai.services import Services
from lingpai.store import DynamoStore
from tests.support import stores
from tests.support.contention import queued_or_refused, racing_store
from tests.support.logins import by_identity as log_in
from tests.support.races import RACERS, race, refusals, won
from tests.support.samples import NOW, WholeStore, a_user
from tests.support.time import Time

CLIENT = new_client("web-client", "spring", "web-secret", scopes=("web",), sign_provider="trusted")
IDENTITY = Identity("trusted", "default", "o-1")
PLAIN = a_user(second_factors=frozenset())
ENROLLED = a_user(second_factors=frozenset({"totp"}))


def renamed(user: User) -> User:
    return replace(user, username="bob")


@pytest.mark.security("MFA-1")
@pytest.mark.parametrize("count", [None, OneMore(5, NOW)], ids=["not counted", "counted"])
def test_an_account_with_a_second_factor_is_refused(store: WholeStore, count: Count | None) -> None:
    """The conflict brings the account, so that the caller can tell why."""
    store.commit(PutUser(ENROLLED))
    for write in (
        CheckUser(1, count=count, one_factor=True),
        ChangeUser(ENROLLED, renamed(ENROLLED), count, one_factor=True),
        ChangeUser(PLAIN, renamed(PLAIN), count, one_factor=True),
    ):
        with pytest.raises(Conflict) as failed:
            store.commit(write)
        assert (failed.value.write, failed.value.user) == (write, ENROLLED)
    assert store.get_user(1) == ENROLLED


@pytest.mark.parametrize("count", [None, OneMore(5, NOW)], ids=["not counted", "counted"])
def test_an_account_without_one_is_taken(store: WholeStore, count: Count | None) -> None:
    store.commit(PutUser(PLAIN))
    store.commit(CheckUser(1, PLAIN.password, count, one_factor=True))
    store.commit(ChangeUser(PLAIN, renamed(PLAIN), count, one_factor=True))
    user = store.get_user(1)
    assert user == renamed(PLAIN)
    assert user is not None
    assert user.logins == (2 if count else 0)


def test_other_reasons_are_conflicts_as_well(store: WholeStore) -> None:
    store.commit(PutUser(PLAIN))
    for write in (CheckUser(1, "$other", one_factor=True), CheckUser(2, one_factor=True)):
        with pytest.raises(Conflict) as failed:
            store.commit(write)
        assert failed.value.write == write
    store.commit(DisableUser(1))
    with pytest.raises(Conflict) as failed:
        store.commit(CheckUser(1, one_factor=True))
    assert failed.value.user == replace(PLAIN, disabled=True)


@pytest.fixture
def services(request: pytest.FixtureRequest, reference: DynamoStore) -> Services:
    return build(stores.settings(), racing_store(request, reference), Time().clock())


def attempt(services: Services) -> int:
    """Log in with one factor; the user id."""
    return log_in(services, CLIENT, ("web",), IDENTITY).user_id or 0


def enrol(services: Services, user_id: int) -> int:
    """Give the account a second factor and end its sessions, as an enrolment does."""

    def edit(user: User) -> User:
        return replace(user, second_factors=frozenset({"totp"}))

    ended = ended_accounts.ending(services, user_id)
    accounts.change(services, user_id, edit, *ended)
    ended_accounts.end_all(services, user_id)
    return user_id


@queued_or_refused
@pytest.mark.security("MFA-2")
def test_logins_meet_an_enrolment(services: Services) -> None:
    """Each login comes before it, and its session ends with the others; or after it, and is refused."""
    user_id = attempt(services)
    login = partial(attempt, services)
    outcomes = race([*[login] * 10, partial(enrol, services, user_id), *[login] * (RACERS - 11)])
    refused = refusals(outcomes)
    assert set(refused) <= {"400 invalid_grant second_factor_required"}
    assert len(won(outcomes)) + refused.total() == RACERS
    assert services.store.sessions_of(user_id) == ()
    user = services.store.get_user(user_id)
    assert user is not None
    assert user.second_factors == {"totp"}
    assert refusals(race([login] * 2)) == {"400 invalid_grant second_factor_required": 2}
