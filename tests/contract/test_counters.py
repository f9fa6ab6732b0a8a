"""The protocol Counters: counters whose counts stop at a limit."""

import pytest

from lingpai.rate_limits.storage import IncrementCounter, Incremented
from tests.support.samples import NOW, WholeStore


def incremented(store: WholeStore, key: str, **limits: int) -> bool:
    return store.increment(key, limits, NOW).done


def test_a_count_gives_as_many_as_its_limit(store: WholeStore) -> None:
    assert [incremented(store, "sms:all", all=3) for _ in range(5)] == [True, True, True, False, False]


def test_counters_are_apart(store: WholeStore) -> None:
    assert incremented(store, "register:192.0.2.1:3600:0", all=1)
    assert incremented(store, "register:192.0.2.1:3600:3600", all=1)
    assert not incremented(store, "register:192.0.2.1:3600:0", all=1)


def test_refusals_are_not_counted(store: WholeStore) -> None:
    """A limit that is raised opens the count again for exactly the difference; a lowered one closes it."""
    assert [incremented(store, "k", all=1) for _ in range(4)] == [True, False, False, False]
    assert [incremented(store, "k", all=3) for _ in range(3)] == [True, True, False]
    assert not incremented(store, "k", all=2)


def test_several_counts_are_spent_together_or_not_at_all(store: WholeStore) -> None:
    assert store.increment("net", {"all": 3, "c0000201": 2}, NOW) == Incremented(True, {"all": 1, "c0000201": 1})
    assert store.increment("net", {"all": 3, "c0000201": 2}, NOW) == Incremented(True, {"all": 2, "c0000201": 2})
    assert store.increment("net", {"all": 3, "c0000201": 2}, NOW) == Incremented(False, {"all": 2, "c0000201": 2})
    assert store.increment("net", {"all": 3, "c0000202": 2}, NOW).counts == {"all": 3, "c0000201": 2, "c0000202": 1}
    assert store.increment("net", {"all": 3, "c0000203": 2}, NOW).done is False
    assert store.counts("net") == {"all": 3, "c0000201": 2, "c0000202": 1}


def test_counts_of_any_name_are_counts(store: WholeStore) -> None:
    """Even those that a table uses itself."""
    names = {"key": 9, "ttl": 9, "2001:db8::/64": 9, "n:key": 9, "数": 9, "#n": 9}
    assert store.increment("k", names, NOW).counts == dict.fromkeys(names, 1)
    assert store.counts("k") == dict.fromkeys(names, 1)


def test_what_was_never_counted_has_no_counts(store: WholeStore) -> None:
    assert store.counts("nothing") == {}


def test_what_is_given_back_can_be_spent_again(store: WholeStore) -> None:
    assert [incremented(store, "k", all=2) for _ in range(3)] == [True, True, False]
    store.refund("k", "all")
    assert store.counts("k") == {"all": 1}
    assert [incremented(store, "k", all=2) for _ in range(2)] == [True, False]


def test_a_count_does_not_fall_below_nothing(store: WholeStore) -> None:
    for _ in range(6):
        store.increment("k", {"sent": 9, "unproven": 9}, NOW)
    store.refund("k", "unproven", 4, add="verified")
    assert store.counts("k") == {"sent": 6, "unproven": 2, "verified": 1}
    store.refund("k", "unproven", 4, add="verified")
    assert store.counts("k") == {"sent": 6, "unproven": 0, "verified": 2}
    store.refund("k", "unproven", 4)
    assert store.counts("k") == {"sent": 6, "unproven": 0, "verified": 2}


def test_nothing_is_given_back_to_a_counter_that_is_gone(store: WholeStore) -> None:
    """A row that nobody incremented would have no time at which it is forgotten."""
    store.refund("k", "all", add="verified")
    assert store.counts("k") == {}


def test_a_counter_that_is_cleared_begins_again(store: WholeStore) -> None:
    assert [incremented(store, "k", all=1) for _ in range(2)] == [True, False]
    store.clear("k")
    store.clear("nothing")
    assert store.counts("k") == {}
    assert incremented(store, "k", all=1)


@pytest.mark.security("F22")
def test_what_a_write_has_added_is_taken_back(store: WholeStore) -> None:
    """Once, and only where it was this one."""
    mine, other = (IncrementCounter("k", {"all": 1, name: 1}, NOW) for name in ("mine", "other"))
    store.undo_increment(mine)
    assert store.counts("k") == {}
    store.commit(mine)
    store.undo_increment(other)
    assert store.counts("k") == {"all": 1, "mine": 1}
    for _ in range(2):
        store.undo_increment(mine)
        assert store.counts("k") == {"all": 0, "mine": 0}
    store.commit(other)
    store.undo_increment(mine)
    assert store.counts("k") == {"all": 1, "mine": 0, "other": 1}


def test_many_counters_in_one_call(store: WholeStore) -> None:
    store.increment("a", {"sent": 9}, NOW, amount=3)
    store.increment("b", {"sent": 9, "+861331": 9}, NOW)
    assert store.counts_of(["a", "b", "none", "a"]) == {"a": {"sent": 3}, "b": {"sent": 1, "+861331": 1}}
    assert store.counts_of([]) == {}
