"""`find_user_ids`: many names in one call, in every store."""

from typing import Any

from lingpai.accounts.storage import PutIdentity


def test_each_name_finds_its_user_and_the_others_are_left_out(store: Any) -> None:
    keys = [f"username:用户-{i}" for i in range(100)]
    store.commit(*(PutIdentity(key, i) for i, key in enumerate(keys) if i % 2))
    assert store.find_user_ids(*keys) == {key: i for i, key in enumerate(keys) if i % 2}


def test_no_name_finds_nobody(store: Any) -> None:
    assert store.find_user_ids() == {}


def test_a_name_given_twice_or_too_long_to_be_one(store: Any) -> None:
    store.commit(PutIdentity("mobile:+8613312341234", 7))
    assert store.find_user_ids("mobile:+8613312341234", "mobile:+8613312341234", "x" * 2049, "") == {
        "mobile:+8613312341234": 7
    }
