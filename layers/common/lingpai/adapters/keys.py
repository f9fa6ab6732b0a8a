"""Where the key pairs are kept: in a file on one's own machine, in memory for tests, or nowhere."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from lingpai.model import StoredKey


class FileKeys:
    """Key pairs in a JSON file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load_keys(self) -> tuple[StoredKey, ...]:
        """See `ports.KeyStore`; no file is no keys."""
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return ()
        return tuple(StoredKey(**entry) for entry in content)

    def add_key(self, key: StoredKey) -> None:
        """See `ports.KeyStore`; the file is replaced whole, so that a reader never sees half of one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            kept = [asdict(known) for known in (*self.load_keys(), key)]
            draft = self._path.with_name(f"{self._path.name}.new")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(kept, file, indent=1)
            draft.replace(self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else adds a key meanwhile, in this process or another: one of the two would be lost."""
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class MemoryKeys:
    """Key pairs in this process, for tests."""

    def __init__(self, *keys: StoredKey) -> None:
        self._keys = keys

    def load_keys(self) -> tuple[StoredKey, ...]:
        """See `ports.KeyStore`."""
        return self._keys

    def add_key(self, key: StoredKey) -> None:
        """See `ports.KeyStore`."""
        self._keys = (*self._keys, key)
