"""Imports in memory: what happens to each line, whatever the store answers."""

import io
import threading
import tracemalloc
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import RoleBook
from lingpai.accounts.storage import PutUser
from lingpai.kernel.errors import LingpaiError, unavailable
from lingpai.kernel.writes import Write
from local.transfer import files, importing, records
from local.transfer.adaptive_concurrency import AdaptiveConcurrency, Stopped
from tests.support.memory_store import MemoryStore
from tests.support.transfer import BCRYPT, as_file, bring_in, lines_of, plain, services_on, take_out


def test_everyone_is_there_with_all_names_and_no_other_id() -> None:
    store = MemoryStore()
    report = bring_in(store, plain(300))
    assert (report.lines, report.imported, report.already_there, report.refused) == (300, 300, 0, 0)
    assert len(store.users) == 300
    assert len(store.identities) == 300 + 100 + 60
    user = store.users[store.identities["username:user-15"]]
    assert (user.mobile, user.openids, user.password) == ("+8613900000015", (("trusted:default", "o15"),), BCRYPT)


def test_once_more_changes_nothing() -> None:
    store = MemoryStore()
    bring_in(store, plain(100))
    before = take_out(store)
    report = bring_in(store, plain(150))
    assert (report.imported, report.already_there, report.refused) == (50, 100, 0)
    assert take_out(store)[:100] == before


def test_what_was_changed_since_stays_as_it_is() -> None:
    store = MemoryStore()
    bring_in(store, [{"username": "a", "password_hash": BCRYPT}])
    report = bring_in(store, [{"username": "A", "profile": {"name": "another"}}])
    assert report.already_there == 1
    assert take_out(store)[0]["password_hash"] == BCRYPT


@pytest.mark.security("F5")
@pytest.mark.parametrize("kind", ["fast", "slow"])
def test_an_account_that_somebody_else_made_is_not_taken_for_the_line_s(kind: str) -> None:
    """A stranger may have registered the name of who is about to move in: their password would open the account."""
    store = MemoryStore()
    services = services_on(store)
    stranger = accounts.create(services, "mei", "the stranger's password")
    before = store.users[stranger]
    # A fast hash is looked up before it is hashed, which is another way through the importer.
    hashed = BCRYPT if kind == "slow" else "5f4dcc3b5aa765d61d8327deb882cf99"
    lines = [{"username": "Mei", "password_hash": hashed}, {"username": "bob", "password_hash": hashed}]
    for there in (0, 1):
        report = bring_in(store, lines)
        told = f"username: belongs to the account {stranger}, which no import made: "
        assert lines_of(report) == {1: told + "somebody may have registered the name"}
        assert (report.imported, report.already_there) == (1 - there, there)
    assert store.users[stranger] == before


@pytest.mark.security("F5")
def test_what_another_import_made_is_not_this_one_s() -> None:
    store = MemoryStore()
    given: list[Mapping[str, Any]] = [{"id": 7, "username": "a", "mobile": "13312341234"}, {"username": "b"}]
    assert bring_in(store, given, source="shop").imported == 2
    assert {user.imported_from for user in store.users.values()} == {"shop"}
    report = bring_in(store, given, source="forum")
    assert (report.imported, report.already_there, report.refused) == (0, 0, 2)
    assert lines_of(report)[1] == (
        "username: belongs to the account 7; mobile: belongs to the account 7, "
        "which the import 'shop' made: is it the same source? Then name it by --source"
    )
    assert bring_in(store, given, source="shop").already_there == 2


def test_a_name_of_another_account_is_refused_and_its_neighbours_are_not() -> None:
    store = MemoryStore()
    bring_in(store, [{"id": 7, "username": "a"}, {"id": 8, "username": "b", "mobile": "13312341234"}])
    report = bring_in(
        store,
        [
            {"username": "c"},
            {"username": "a", "mobile": "13312341234"},
            {"username": "b"},
            {"id": 8, "username": "d"},
            {"username": "e"},
        ],
    )
    assert lines_of(report) == {
        2: "username: belongs to the account 7; mobile: belongs to the account 8",
        4: "id: belongs to another account",
    }
    assert (report.imported, report.already_there) == (2, 1)
    for record, reason in (
        (
            {"username": "A", "mobile": "13312341235"},
            "username: belongs to the account 7, which the mobile does not find",
        ),
        ({"id": 9, "username": "a"}, "username: belongs to the account 7"),
    ):
        assert lines_of(bring_in(store, [record])) == {1: reason}
    assert bring_in(store, [{"id": 7, "username": "a"}]).already_there == 1


def test_the_same_name_twice_in_a_file() -> None:
    store = MemoryStore()
    report = bring_in(
        store,
        [
            {"username": "a", "mobile": "13312341234"},
            {"username": "b", "mobile": "+86 133 1234 1234"},
            {"username": "Ａ"},
            {"id": 5, "username": "c"},
            {"id": "5", "username": "d"},
            {"username": "b"},
            {"openid": "o1"},
            {"openids": {"trusted:default": "o1"}},
        ],
    )
    assert lines_of(report) == {
        2: "mobile: line 1 has the same",
        3: "username: line 1 has the same",
        5: "id: line 4 has the same",
        8: "openid: line 7 has the same",
    }
    assert report.imported == 4


def test_a_dry_run_writes_nothing() -> None:
    store = MemoryStore()
    report = bring_in(
        store, [*plain(10), {"mobile": "1"}, {"username": "x", "roles": ["new"]}], dry_run=True, create_roles=True
    )
    assert (report.lines, report.imported, report.refused) == (12, 0, 1)
    assert store == MemoryStore(lock=store.lock)


def test_roles_are_made_when_asked() -> None:
    store = MemoryStore(roles=RoleBook(((4, "admin"),), 9, 2))
    given = [{"username": "a", "roles": "admin,teacher"}, {"username": "b", "roles": "student"}, {"username": "c"}]
    assert bring_in(store, given).refused == 2
    report = bring_in(store, given, create_roles=True)
    assert (report.imported, report.already_there) == (2, 1)
    assert store.roles == RoleBook(((4, "admin"), (9, "student"), (10, "teacher")), 11, 3)
    assert [record.get("roles") for record in take_out(store)] == [None, ["admin", "teacher"], ["student"]]
    assert lines_of(bring_in(store, [{"username": "d", "roles": "x" * 65}], create_roles=True))[1].endswith(
        "64 characters"
    )


def test_too_many_new_roles_are_a_mistake() -> None:
    given = [{"username": f"u{i}", "roles": f"role-{i}"} for i in range(1100)]
    with pytest.raises(files.FileError, match="1001th role"):
        bring_in(MemoryStore(), given, create_roles=True)


def test_a_file_that_breaks_off_leaves_the_store_alone() -> None:
    store = MemoryStore()
    content = as_file(plain(200), "csv").getvalue() + b'"never closed'
    with pytest.raises(files.FileError):
        bring_in(store, io.BytesIO(content), "csv")
    assert not store.users


# --- a store that is busy, or loses answers -------------------------------------------------------------------------


class Moody(MemoryStore):
    """Refuses every call that `mood` says True to; with `done`, after doing it."""

    def __init__(self, *moods: str) -> None:
        super().__init__()
        self.moods: Iterator[str] = iter(moods)
        self.sizes: list[int] = []

    def commit(self, *writes: Write) -> None:
        self.sizes.append(len(writes))
        mood = next(self.moods, "good")
        if mood == "busy":
            raise unavailable()
        super().commit(*writes)
        if mood == "lost":
            raise unavailable()

    def find_user_ids(self, *keys: str) -> Mapping[str, int]:
        assert len(keys) <= 100
        return super().find_user_ids(*keys)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.transfer.adaptive_concurrency._LONGEST_PAUSE", 0.01)


def test_nobody_is_lost_or_doubled_where_the_store_is_busy_or_loses_answers() -> None:
    store = Moody(*["busy", "lost", "good", "busy", "busy", "lost", "lost"] * 3)
    report = bring_in(store, plain(600))
    assert (report.imported, report.already_there, report.refused) == (600, 0, 0)
    assert len(take_out(store)) == 600
    assert max(store.sizes) <= 100
    assert sum(size > 50 for size in store.sizes) > len(store.sizes) / 2


def test_a_store_that_takes_nothing_is_given_up() -> None:
    concurrency = AdaptiveConcurrency(4, threading.Event(), patience=0.05)
    with pytest.raises(LingpaiError, match="temporarily_unavailable"):
        concurrency.run(lambda: Moody("busy", *["busy"] * 99).commit())


def test_a_stop_ends_the_waiting_for_a_store() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        AdaptiveConcurrency(4, stop).run(Moody("busy").commit)


def test_other_errors_are_not_tried_again() -> None:
    def fails() -> None:
        raise LingpaiError("conflict", 409, "username_taken")

    with pytest.raises(LingpaiError, match="conflict"):
        AdaptiveConcurrency(4, threading.Event()).run(fails)


def test_the_pace_grows_to_what_the_store_takes_and_falls_when_it_refuses() -> None:
    concurrency = AdaptiveConcurrency(16, threading.Event())
    for _ in range(200):
        concurrency.run(lambda: None)
    assert concurrency.limit == 16
    concurrency.run(Moody("busy").commit)
    assert 8 <= concurrency.limit < 9


def test_a_stop_in_the_middle_leaves_a_store_that_the_next_run_completes() -> None:
    store, stop = Moody(), threading.Event()
    report = importing.Report()
    going: list[int] = []

    def progress(amount: int) -> None:
        going.append(amount)
        if report.imported > 100:
            stop.set()

    report.on_progress = progress
    bring_in(store, plain(3000), stop=stop, report=report, parallel=2)
    assert report.stopped
    assert 100 < report.imported < 3000
    assert len(store.users) == report.imported
    again = bring_in(store, plain(3000))
    assert (again.imported, again.already_there, again.refused) == (3000 - report.imported, report.imported, 0)
    assert len(take_out(store)) == 3000


def test_an_error_in_one_transaction_ends_the_import() -> None:
    class Broken(MemoryStore):
        def commit(self, *writes: Write) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bring_in(Broken(), plain(1000))


def test_ids_are_never_drawn_twice() -> None:
    store = Moody()
    bring_in(store, ({"username": f"u{i}"} for i in range(2000)), parallel=8)
    # Every transaction of fifty accounts went through at the first try: no two ids in it were the same.
    assert store.sizes == [100] * 40


def test_an_id_that_is_taken_by_chance_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    bring_in(store, [{"id": 100, "username": "a"}])
    drawn = iter([100, 101])
    monkeypatch.setattr("local.transfer.importing._Ids.new", lambda _: next(drawn))
    assert bring_in(store, [{"username": "b"}]).imported == 1
    assert set(store.users) == {100, 101}


def test_batches_hold_what_a_transaction_holds() -> None:
    seen: list[list[Write]] = []

    class Watching(MemoryStore):
        def commit(self, *writes: Write) -> None:
            seen.append(list(writes))
            super().commit(*writes)

    big = [{"username": f"u{i}", "profile": {"images": "x" * 300_000}} for i in range(7)]
    bring_in(Watching(), big)
    assert sorted(sum(isinstance(write, PutUser) for write in writes) for writes in seen) == [1, 3, 3]


# --- memory ---------------------------------------------------------------------------------------------------------


class Generated(io.RawIOBase):
    """A file of so many lines that is nowhere: each is made when it is read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.seek(0)

    def seek(self, offset: int, whence: int = 0) -> int:
        assert (offset, whence) == (0, 0)
        self.at = 0
        return 0

    def readline(self, size: int | None = -1, /) -> bytes:
        if self.at >= self.count:
            return b""
        self.at += 1
        # Each tenth is refused.
        name = "" if self.at % 10 == 0 else f"user-{self.at}"
        return b'{"username":"%s","password_hash":"%s"}\n' % (name.encode(), BCRYPT.encode())


def _peak(count: int, *, dry_run: bool) -> int:
    given: Any = Generated(count)
    tracemalloc.start()
    try:
        services = services_on(Forgetful())
        rules = records.rules(services, RoleBook(), records.DEFAULT_OPENID_APP, new_roles=False)
        report = importing.Report()
        source = importing.Source(given, "jsonl", rules)
        importing.run(source, report, threading.Event(), parallel=2, dry_run=dry_run)
        assert report.refused == count // 10
        assert report.imported == (0 if dry_run else count - count // 10)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Forgetful(MemoryStore):
    """Takes everything and keeps nothing."""

    def commit(self, *writes: Write) -> None:
        pass


@pytest.mark.parametrize(("few", "many", "dry_run"), [(3_000, 24_000, True), (1_000, 5_000, False)])
def test_memory_stays_flat(few: int, many: int, dry_run: bool) -> None:
    _peak(100, dry_run=dry_run)
    assert _peak(many, dry_run=dry_run) < 1.3 * _peak(few, dry_run=dry_run) + 200_000


def test_what_no_item_or_key_holds_is_a_refused_line_and_no_fault() -> None:
    """The good lines beside it are written."""
    store = MemoryStore()
    report = bring_in(
        store,
        [
            {"username": "before"},
            {"username": "wordy", "profile": {"instruction": "梅" * 120_000}},
            {"username": "many-lettered", "openids": {"a" * 2100 + ":b": "c"}},
            {"username": "after"},
        ],
    )
    assert {user.username for user in store.users.values()} == {"before", "after"}
    assert report.refused == 2
