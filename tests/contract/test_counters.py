"""The port Counters: counts that stop at a limit."""

from tests.support.samples import NOW, WholeStore


def test_a_counter_gives_as_many_as_its_limit(store: WholeStore) -> None:
    assert [store.spend("sms:all", 3, NOW) for _ in range(5)] == [True, True, True, False, False]


def test_counters_are_apart(store: WholeStore) -> None:
    assert store.spend("register:ip:192.0.2.1:3600:0", 1, NOW)
    assert store.spend("register:ip:192.0.2.1:3600:3600", 1, NOW)
    assert not store.spend("register:ip:192.0.2.1:3600:0", 1, NOW)


def test_refusals_are_not_counted(store: WholeStore) -> None:
    """A limit that is raised opens the counter again for exactly the difference; a lowered one closes it."""
    assert [store.spend("k", 1, NOW) for _ in range(4)] == [True, False, False, False]
    assert [store.spend("k", 3, NOW) for _ in range(3)] == [True, True, False]
    assert not store.spend("k", 2, NOW)
