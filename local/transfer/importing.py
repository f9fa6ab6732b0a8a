"""Import accounts from a file into the store.

The whole file is checked before anything is written. Then it is read again, and the valid lines are written in
concurrent transactions of several accounts each. An account is written with all its names or not at all, so an import
that was stopped or killed is finished by running it again: accounts that are there already are found and counted.

Each account keeps the name of the import that made it. An account that something else made is not taken for the line's,
even if it has the line's names: a stranger may have registered them first.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import IO, Any

from lingpai.accounts.identities import keys_of
from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.storage import PutIdentity, PutUser
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from local.transfer import files, records
from local.transfer.adaptive_concurrency import AdaptiveConcurrency, Stopped
from local.transfer.name_index import NameIndex, open_name_index
from local.transfer.records import Account, Refused, Rules

# Limits of a transaction: its items, and the part of its 4 MB that lines may take.
_ITEMS = 100
_BYTES = 1_000_000
# So many refusals are kept to be shown; all are counted.
SHOWN = 50
# All roles of a deployment are in one item.
MOST_NEW_ROLES = 1000
_ATTEMPTS = 5
DEFAULT_NAME = "import"


@dataclass
class Report:
    """The progress of an import, for use by many threads. `first_refused` has line numbers and reasons."""

    on_progress: Callable[[int], None] = lambda _: None
    on_refused: Callable[[int, str, Mapping[str, Any]], None] = lambda *_: None
    lines: int = 0
    imported: int = 0
    already_there: int = 0
    refused: int = 0
    first_refused: list[tuple[int, str]] = field(default_factory=list)
    stopped: bool = False
    guard: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, line: int, reason: str, record: Mapping[str, Any]) -> None:
        """Count and report a refused line."""
        with self.guard:
            self.refused += 1
            if len(self.first_refused) < SHOWN:
                self.first_refused.append((line, reason))
            self.on_refused(line, reason, record)

    def count(self, imported: int = 0, already_there: int = 0) -> None:
        """Count accounts that are in the store."""
        with self.guard:
            self.imported += imported
            self.already_there += already_there

    def progress(self, amount: int) -> None:
        """Report progress, in bytes while checking and in accounts while writing."""
        with self.guard:
            self.on_progress(amount)


@dataclass(frozen=True)
class Source:
    """A file of accounts, the rules to read it by, and the import's name, which its accounts keep."""

    stream: IO[bytes]
    kind: files.Format
    rules: Rules
    name: str = DEFAULT_NAME


def run(
    source: Source,
    report: Report,
    stop: threading.Event,
    *,
    parallel: int,
    dry_run: bool = False,
    on_checked: Callable[[int], None] = lambda _: None,
) -> None:
    """Check the file, then write its valid lines in at most `parallel` transactions at once.

    `on_checked` is told how many accounts will be written. After `stop` the running transactions finish and no more
    begin. Raises FileError if the file cannot be read any further, the LingpaiError `temporarily_unavailable` if the
    store refuses every call for a minute, and other errors of a call, once the running transactions have ended.
    """
    with open_name_index() as index:
        new_roles = _check(source, index, report, stop)
        on_checked(report.lines - report.refused)
        if dry_run or report.stopped:
            return
        if new_roles:
            book = add_roles(source.rules.services, new_roles)
            rules = records.rules(source.rules.services, book, source.rules.openid_app, new_roles=False)
            source = replace(source, rules=rules)
        writer = _Writer(source, AdaptiveConcurrency(parallel, stop), report)
        try:
            _write(writer, _good(source, index, report), stop, parallel)
        except Stopped:
            pass
        finally:
            report.stopped = stop.is_set()


def _check(source: Source, index: NameIndex, report: Report, stop: threading.Event) -> set[str]:
    """Check every line; returns the roles that valid lines name and that are not there (`new_roles`)."""
    new_roles: set[str] = set()
    for line in files.lines(source.stream, source.kind):
        if stop.is_set():
            report.stopped = True
            break
        report.lines += 1
        report.progress(line.size)
        try:
            account = _account(line, source.rules)
            names = (*account.keys, f"id:{account.user.id}") if account.user.id else account.keys
            if earlier := index.first_line(names, line.number):
                raise Refused(f"{_kind(earlier[0])}: line {earlier[1]} has the same")
            if len(new_roles) > MOST_NEW_ROLES:
                raise files.FileError(f"line {line.number}: names the {len(new_roles)}th role that is not there")
            new_roles |= {role for role in account.roles if role not in source.rules.role_ids}
        except Refused as refused:
            index.refuse(line.number)
            report.refuse(line.number, str(refused), line.record)
    return new_roles


def _write(writer: "_Writer", accounts: Iterator[Account], stop: threading.Event, parallel: int) -> None:
    """Write the accounts in many threads. After an error or a stop, batches that wait are not written."""
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(parallel) as pool:
        try:
            for batch in batches(accounts):
                if stop.is_set():
                    break
                while len(running) >= 2 * parallel:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    _results(done)
                # Each thread has the command's cause, which is kept in the context.
                running.add(pool.submit(copy_context().run, writer.write, batch))
            else:
                _results(wait(running).done)
        finally:
            for future in running:
                future.cancel()
            with suppress(Stopped):
                _results(wait(running).done)


def add_roles(services: Services, names: Iterable[str]) -> RoleBook:
    """Add the roles that are missing; returns the role book with them."""
    while True:
        book = services.store.directory().roles
        missing = sorted(set(names) - {name for _, name in book.names})
        if not missing:
            return book
        added = tuple((book.next_id + index, name) for index, name in enumerate(missing))
        services.store.save_roles(replace(book, names=(*book.names, *added), next_id=book.next_id + len(missing)))


def batches(accounts: Iterable[Account]) -> Iterator[list[Account]]:
    """Group accounts, each with all its names, into transactions."""
    batch: list[Account] = []
    items = size = 0
    for account in accounts:
        needs = 1 + len(account.keys)
        if batch and (items + needs > _ITEMS or size + account.size > _BYTES):
            yield batch
            batch, items, size = [], 0, 0
        batch.append(account)
        items += needs
        size += account.size
    if batch:
        yield batch


def _account(line: files.Line, rules: Rules) -> Account:
    if line.problem is not None:
        raise Refused(line.problem)
    return records.read(line.record, rules, line.number, line.size)


def _good(source: Source, index: NameIndex, report: Report) -> Iterator[Account]:
    """Read the lines again, without those that were refused."""
    refused = index.refused()
    next_refused = next(refused, None)
    for line in files.lines(source.stream, source.kind):
        if line.number == next_refused:
            next_refused = next(refused, None)
            continue
        try:
            yield _account(line, source.rules)
        except Refused as changed:  # the file or the roles have changed since the check
            report.refuse(line.number, str(changed), line.record)


def _results(futures: Iterable[Future[None]]) -> None:
    for future in futures:
        if not future.cancelled():
            future.result()


def _kind(key: str) -> str:
    return key.partition(":")[0]


class _Ids:
    """Unique user ids. Without this, two drawn within one millisecond could be equal."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._last = 0
        self._guard = threading.Lock()

    def new(self) -> int:
        with self._guard:
            self._last = max(self._last + 1, self._clock.new_user_id())
            return self._last


class _Writer:
    """Write batches, in many threads."""

    def __init__(self, source: Source, concurrency: AdaptiveConcurrency, report: Report) -> None:
        self._services = source.rules.services
        self._source = source.name
        self._store = self._services.store
        self._concurrency = concurrency
        self._report = report
        self._ids = _Ids(self._services)
        # After a batch with existing accounts, looking them up first is cheaper than a refused transaction.
        self._look_first = False

    def write(self, batch: list[Account]) -> None:
        """Write the accounts of the batch that are not there yet."""
        size = len(batch)
        if self._look_first or any(records.is_fast(account) for account in batch):
            batch = self._missing(batch, {})
            self._look_first = len(batch) < size
        if batch:
            users = {account.line: self._user(account) for account in batch}
            try:
                self._commit(*users.values())
                self._report.count(imported=len(batch))
            except Conflict:
                self._look_first = True
                for account in self._missing(batch, users):
                    self._write_one(account, users[account.line])
        self._report.progress(size)

    def _write_one(self, account: Account, user: User) -> None:
        for _ in range(_ATTEMPTS):
            try:
                self._commit(user)
                self._report.count(imported=1)
                return
            except Conflict as conflict:
                if not self._missing([account], {account.line: user}):
                    return
                if isinstance(conflict.write, PutUser):
                    if account.user.id:
                        self._refuse(account, "id: belongs to another account")
                        return
                    user = replace(user, id=self._ids.new())
        self._refuse(account, "changed while it was written; run the import again")

    def _missing(self, batch: list[Account], users: Mapping[int, User]) -> list[Account]:
        """Return the accounts whose names are free; others are counted, or refused if a name is another account's.

        `users` are the accounts, by line, that this import may have written itself.
        """
        keys = [key for account in batch for key in account.keys]
        found = self._concurrency.run(lambda: self._store.find_user_ids(*keys))
        missing: list[Account] = []
        there: list[tuple[Account, Mapping[str, int]]] = []
        for account in batch:
            owners = {key: found[key] for key in account.keys if key in found}
            own = users.get(account.line)
            if not owners:
                missing.append(account)
            elif own is not None and not account.user.id and set(owners.values()) == {own.id}:
                # Written by a transaction whose answer was lost.
                self._report.count(imported=1)
            elif len(owners) == len(account.keys) and _is_one(set(owners.values()), account.user.id):
                there.append((account, owners))
            else:
                self._refuse(account, _describe_owners(owners, account))
        self._count_or_refuse(there)
        return missing

    def _count_or_refuse(self, there: list[tuple[Account, Mapping[str, int]]]) -> None:
        """Count existing accounts that this import made; refuse the lines of others."""
        if not there:
            return
        ids = {owner for _, owners in there for owner in owners.values()}
        users = self._concurrency.run(lambda: self._store.directory(*ids)).users
        for account, owners in there:
            user = users.get(next(iter(owners.values())))
            maker = user.imported_from if user else None
            if maker == self._source:
                self._report.count(already_there=1)
            else:
                self._refuse(account, _made_by(maker, owners, account))

    def _user(self, account: Account) -> User:
        user = replace(records.kept(account.user, self._services), imported_from=self._source)
        return user if user.id else replace(user, id=self._ids.new())

    def _commit(self, *users: User) -> None:
        writes = [write for user in users for write in _puts(user)]
        self._concurrency.run(lambda: self._store.commit(*writes))

    def _refuse(self, account: Account, reason: str) -> None:
        self._report.refuse(account.line, reason, account.record)


def _puts(user: User) -> list[Write]:
    return [PutUser(user), *(PutIdentity(key, user.id) for key in keys_of(user))]


def _is_one(owners: set[int], wanted: int) -> bool:
    return len(owners) == 1 and (not wanted or owners == {wanted})


def _describe_owners(owners: Mapping[str, int], account: Account) -> str:
    taken = [f"{_kind(key)}: belongs to the account {owner}" for key, owner in owners.items()]
    free = sorted({_kind(key) for key in account.keys if key not in owners})
    return "; ".join(taken) + (f", which the {' and the '.join(free)} does not find" if free else "")


def _made_by(maker: str | None, owners: Mapping[str, int], account: Account) -> str:
    told = _describe_owners(owners, account)
    if maker is None:
        return f"{told}, which no import made: somebody may have registered the name"
    return f"{told}, which the import {maker!r} made: is it the same source? Then name it by --source"
