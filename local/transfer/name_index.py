"""Which names a file has had so far, and which of its lines were refused. Kept on disk, so memory stays flat."""

import hashlib
import secrets
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

# KiB that SQLite keeps of the file.
_CACHE = 16 * 1024


class NameIndex:
    """An index of names by keyed digests, so that mobile numbers and openids cannot be read from the disk."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._key = secrets.token_bytes(32)

    def first_line(self, names: Iterable[str], line: int) -> tuple[str, int] | None:
        """Return the first of these names that an earlier line has, and that line; else add them for `line`."""
        digests = {name: hashlib.blake2b(name.encode(), digest_size=16, key=self._key).digest() for name in names}
        for name, digest in digests.items():
            row = self._database.execute("SELECT line FROM names WHERE digest = ?", (digest,)).fetchone()
            if row is not None:
                return name, row[0]
        self._database.executemany("INSERT INTO names VALUES (?, ?)", [(digest, line) for digest in digests.values()])
        return None

    def refuse(self, line: int) -> None:
        """Add a refused line."""
        self._database.execute("INSERT INTO refused VALUES (?)", (line,))

    def refused(self) -> Iterator[int]:
        """Return the refused lines, in order."""
        return (row[0] for row in self._database.execute("SELECT line FROM refused ORDER BY line"))


@contextmanager
def open_name_index() -> Iterator[NameIndex]:
    """Open an empty index in a temporary file."""
    with (
        tempfile.TemporaryDirectory(prefix="lingpai-") as folder,
        closing(sqlite3.connect(Path(folder) / "names", isolation_level=None)) as database,
    ):
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            f"PRAGMA cache_size = -{_CACHE}",
            "CREATE TABLE names (digest BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID",
            "CREATE TABLE refused (line INTEGER PRIMARY KEY)",
            "BEGIN",
        ):
            database.execute(statement)
        yield NameIndex(database)
