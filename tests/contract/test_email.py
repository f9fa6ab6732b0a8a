"""An account's e-mail address is an identity of it, as its number is: unique, moved, freed, and never shown."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts import identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import Email, User
from lingpai.accounts.storage import ChangeUser, DeleteUser, PutUser
from lingpai.bootstrap import build
from lingpai.kernel import email_addresses
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.writes import Conflict
from lingpai.services import Services
from tests.support import stores
from tests.support.logs import LOGS
from tests.support.samples import WholeStore
from tests.support.time import START, Time

ADDRESS, OTHER = "Mei.Lin@example.com", "lin@example.org"


@pytest.fixture
def services(store: Any) -> Services:
    """The use cases on one store of each kind."""
    LOGS.hush("e-mail address", ADDRESS)
    return build(stores.settings(), store, Time().clock())


def account(user_id: int, email: Email | None) -> User:
    return User(user_id, START, f"user {user_id}", email=email)


def holder(services: Services, typed: str) -> int | None:
    """Who is found by the address as somebody types it."""
    return services.store.find_user_id(identities.email_key(email_addresses.parse(typed)))


def test_an_address_finds_its_account_however_it_is_typed(services: Services) -> None:
    accounts.add(services, account(1, Email(ADDRESS, verified=True)))
    for typed in (ADDRESS, " mei.lin@EXAMPLE.com "):
        assert holder(services, typed) == 1
    assert holder(services, OTHER) is None
    user = services.store.get_user(1)
    assert user is not None
    assert user.email == Email(ADDRESS, verified=True)


@pytest.mark.parametrize("verified", [True, False])
def test_an_address_is_one_accounts(services: Services, verified: bool) -> None:
    """Also in another case, and whether the one or the other has proven it; nothing is left of who came second."""
    accounts.add(services, account(1, Email(ADDRESS, verified=not verified)))
    with pytest.raises(LingpaiError, match="email_taken") as refused:
        accounts.add(services, account(2, Email(ADDRESS.lower(), verified=verified)))
    assert (refused.value.code, refused.value.status) == ("conflict", 409)
    assert services.store.get_user(2) is None
    assert services.store.find_user_id(identities.username_key("user 2")) is None
    accounts.add(services, account(2, None))
    with pytest.raises(LingpaiError, match="email_taken"):
        accounts.change(services, 2, lambda user: replace(user, email=Email(ADDRESS, verified=verified)))
    assert holder(services, ADDRESS) == 1


def test_an_address_that_is_replaced_or_removed_is_free(services: Services) -> None:
    accounts.add(services, account(1, Email(ADDRESS)))
    accounts.change(services, 1, lambda user: replace(user, email=Email(OTHER)))
    assert (holder(services, ADDRESS), holder(services, OTHER)) == (None, 1)
    accounts.add(services, account(2, Email(ADDRESS)))
    accounts.change(services, 1, lambda user: replace(user, email=None))
    assert (holder(services, ADDRESS), holder(services, OTHER)) == (2, None)


def test_an_address_in_another_spelling_stays_found(services: Services) -> None:
    accounts.add(services, account(1, Email(ADDRESS)))
    after = accounts.change(services, 1, lambda user: replace(user, email=Email(ADDRESS.lower(), verified=True)))
    assert services.store.get_user(1) == after
    assert holder(services, ADDRESS) == 1


def test_an_address_goes_with_its_account(services: Services) -> None:
    accounts.add(services, account(1, Email(ADDRESS, verified=True)))
    accounts.delete(services, 1)
    assert (services.store.get_user(1), holder(services, ADDRESS)) == (None, None)


def test_an_address_given_meanwhile_is_not_verified(store: WholeStore) -> None:
    """Who has proven one address proves nothing of the one that took its place."""
    before = account(1, Email(ADDRESS))
    meanwhile = replace(before, email=Email(OTHER))
    store.commit(PutUser(meanwhile))
    with pytest.raises(Conflict):
        store.commit(ChangeUser(before, replace(before, email=Email(ADDRESS, verified=True))))
    assert store.get_user(1) == meanwhile


@pytest.mark.parametrize("email", [None, Email(OTHER), Email(ADDRESS, verified=True)])
def test_an_account_is_deleted_only_with_the_address_that_it_has(store: WholeStore, email: Email | None) -> None:
    """Else the address would find an account that is gone."""
    stored = account(1, Email(ADDRESS))
    store.commit(PutUser(stored))
    with pytest.raises(Conflict):
        store.commit(DeleteUser(account(1, email)))
    assert store.get_user(1) == stored


def test_no_text_of_an_account_shows_its_address() -> None:
    user = account(1, Email(ADDRESS, verified=True))
    shown = f"{user!r} {user} {user.email!r} {PutUser(user)!r} {LingpaiError('conflict', 409, 'email_taken')!r}"
    assert ADDRESS.lower() not in shown.lower()
