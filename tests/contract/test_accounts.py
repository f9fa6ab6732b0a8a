"""The protocol Accounts: users by id and by name, the directory, pages of all users."""

from dataclasses import replace

import pytest

from lingpai.accounts.model import KnownAddress, Profile, RoleBook, User
from lingpai.accounts.storage import (
    ChangeUser,
    DeleteIdentity,
    DeleteUser,
    Directory,
    DisableUser,
    LoginLookup,
    Page,
    PutIdentity,
    PutUser,
    RememberAddresses,
)
from lingpai.kernel.writes import Conflict
from tests.support.samples import NOW, WholeStore, a_user

BARE = User(id=2, created_at=NOW)
LARGEST = a_user(
    2**53 - 1, username="third", mobile=None, email=None, openids=(), roles=frozenset({9}), profile=Profile(name="三")
)


def test_an_account_comes_back_whole(store: WholeStore) -> None:
    for user in (a_user(), BARE, LARGEST):
        store.commit(PutUser(user))
    assert [store.get_user(i) for i in (1, 2, 2**53 - 1)] == [a_user(), BARE, LARGEST]
    assert store.get_user(3) is None


def test_a_disabled_account_is_still_read(store: WholeStore) -> None:
    store.commit(PutUser(a_user()))
    store.commit(DisableUser(1))
    assert store.get_user(1) == a_user(disabled=True)
    assert store.directory(1) == Directory({1: a_user(disabled=True)}, RoleBook())


def test_a_name_finds_its_user(store: WholeStore) -> None:
    """Names are compared by every byte; a name is found at once, whether or not the account is there."""
    names = {"username:alice": 1, "username:Alice": 2, "mobile:+8613312341234": 1, "openid:trusted:a:ö 🀄": 2**53 - 1}
    store.commit(*(PutIdentity(name, user_id) for name, user_id in names.items()))
    assert {name: store.find_user_id(name) for name in names} == names


def test_a_name_of_any_length_finds_nobody(store: WholeStore) -> None:
    """Whatever a request names as its user: the answer is None, not an error of the table."""
    for name in ("", "username:nobody", "x" * 2048, "x" * 2049, "龍" * 700):
        assert store.find_user_id(name) is None


def test_directory(store: WholeStore) -> None:
    """Those of the users that exist, each once, with all roles."""
    assert store.directory() == Directory({}, RoleBook())
    store.commit(PutUser(a_user()), PutUser(BARE))
    assert store.directory(1, 5) == Directory({1: a_user()}, RoleBook())
    book = RoleBook(names=((1, "admin"), (2, "用户")), next_id=3)
    assert store.save_roles(book)
    kept = RoleBook(names=((1, "admin"), (2, "用户")), next_id=3, version=1)
    assert store.directory() == Directory({}, kept)
    assert store.directory(1, 2, 1, 5) == Directory({1: a_user(), 2: BARE}, kept)


def test_directory_of_many(store: WholeStore) -> None:
    """99 users and the roles fit into one call."""
    users = {user_id: User(id=user_id, created_at=NOW) for user_id in range(1, 100)}
    store.commit(*(PutUser(user) for user in users.values()))
    assert store.directory(*users) == Directory(users, RoleBook())


def pages(store: WholeStore, limit: int) -> list[Page]:
    """All pages of so many users."""
    found = [store.list_users(limit, None)]
    while found[-1].next is not None:
        found.append(store.list_users(limit, found[-1].next))
    return found


def test_pages_hold_everybody_once(store: WholeStore) -> None:
    assert store.list_users(10, None) == Page((), None)
    everybody = [a_user(user_id, username=f"user {user_id}") for user_id in range(1, 8)]
    store.commit(*(PutUser(user) for user in everybody))
    for limit in (1, 3, 7, 100):
        found = pages(store, limit)
        assert all(len(page.users) <= limit for page in found)
        users = [user for page in found for user in page.users]
        assert sorted(users, key=lambda user: user.id) == everybody
        assert users == [user for page in pages(store, 2) for user in page.users], "another order"


def test_a_page_starts_behind_a_user_that_is_gone(store: WholeStore) -> None:
    """The last of a page may be deleted before the next page is asked for."""
    store.commit(*(PutUser(User(id=user_id, created_at=NOW)) for user_id in range(1, 8)))
    first = store.list_users(3, None)
    rest = [user for page in pages(store, 100) for user in page.users if user not in first.users]
    store.commit(DeleteUser(first.users[-1]))
    second = store.list_users(100, first.users[-1].id)
    assert list(second.users) == rest


KEY = "username:alice"
KNOWN = (KnownAddress("m1", NOW), KnownAddress("m2", NOW + 1))


def test_a_login_lookup_shows_who_it_is_and_the_counters(store: WholeStore) -> None:
    store.commit(PutUser(a_user(7)), PutIdentity(KEY, 7))
    store.increment("login:1", {"all": 9}, NOW)
    store.commit(RememberAddresses(KEY, 7, KNOWN))
    assert store.look_up_login(KEY, ("login:1", "login:2")) == LoginLookup(
        7, KNOWN, {"login:1": {"all": 1}, "login:2": {}}
    )
    assert store.look_up_login(KEY, ()) == LoginLookup(7, KNOWN, {})


def test_a_login_lookup_of_nobody_shows_the_counters_as_well(store: WholeStore) -> None:
    store.increment("login:1", {"all": 9}, NOW)
    assert store.look_up_login("username:nobody", ("login:1",)) == LoginLookup(None, (), {"login:1": {"all": 1}})


def test_addresses_are_those_of_the_name_and_its_user(store: WholeStore) -> None:
    """Who gets the name next knows nothing of them."""
    store.commit(PutUser(a_user(7)), PutIdentity(KEY, 7))
    for key, user_id in (("username:bob", 7), (KEY, 8)):
        with pytest.raises(Conflict):
            store.commit(RememberAddresses(key, user_id, KNOWN))
    assert store.look_up_login(KEY, ()).addresses == store.look_up_login("username:bob", ()).addresses == ()
    store.commit(RememberAddresses(KEY, 7, KNOWN))
    store.commit(RememberAddresses(KEY, 7, KNOWN[1:]))
    assert store.look_up_login(KEY, ()).addresses == KNOWN[1:]
    assert store.find_user_id(KEY) == 7
    store.commit(DeleteIdentity(KEY, 7))
    store.commit(PutIdentity(KEY, 8))
    assert store.look_up_login(KEY, ()) == LoginLookup(8, (), {})


def test_closed_accounts_are_listed_when_due(store: WholeStore) -> None:
    """The first ones first, `limit` at most; one that is open again, or gone, is on the list no more."""
    store.commit(PutUser(BARE))
    users = {user_id: User(id=user_id, created_at=NOW, closes_at=NOW + user_id) for user_id in (7, 5, 9)}
    store.commit(*(PutUser(user) for user in users.values()))
    assert store.list_closed(NOW + 4, 10) == ()
    assert store.list_closed(NOW + 9, 10) == (5, 7, 9)
    assert store.list_closed(NOW + 8, 10) == (5, 7)
    assert store.list_closed(NOW + 9, 2) == (5, 7)
    store.commit(DeleteUser(users[7], closed=True), ChangeUser(users[5], replace(users[5], closes_at=None)))
    assert store.list_closed(NOW + 9, 10) == (9,)
    assert store.get_user(5) == User(id=5, created_at=NOW)
