"""Keys without AWS: kept in a file on one's own machine or in memory for tests, their private halves in the clear."""

import base64
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lingpai.kernel.errors import unavailable
from lingpai.signing_keys.model import KeyPair, StoredKey

RSA_BITS = 2048


class LocalKeyWrapper:
    """Makes key pairs in this process and wraps nothing: for one's own machine."""

    def generate(self, algorithm: str, number: int) -> KeyPair:  # noqa: ARG002  no name is bound to what is not wrapped
        """See `KeyWrapper`."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        private = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        )
        return KeyPair(
            private.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            private.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def unwrap(self, key: StoredKey) -> bytes:
        """See `KeyWrapper`."""
        if key.private is None:
            raise unavailable("no_signing_key")
        return key.private


Keys = tuple[StoredKey, ...]


class FileKeys:
    """Key pairs in a JSON file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load_keys(self) -> Keys:
        """See `KeyStore`; no file is no keys."""
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return ()
        return tuple(_from_json(entry) for entry in content)

    def add_key(self, key: StoredKey) -> bool:
        """See `KeyStore`."""
        return key in self._change(lambda kept: _with(kept, key))

    def forget_private(self, key: StoredKey) -> None:
        """See `KeyStore`."""
        self._change(lambda kept: _without_private(kept, key))

    def delete_key(self, key: StoredKey) -> None:
        """See `KeyStore`."""
        self._change(lambda kept: _without(kept, key))

    def _change(self, change: Callable[[Keys], Keys]) -> Keys:
        """Apply a change, and return the stored keys. The file is replaced as a whole, so no reader sees half of it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            before = self.load_keys()
            after = change(before)
            if after == before:
                return after
            draft = self._path.with_name(f"{self._path.name}.new")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump([_to_json(key) for key in after], file, indent=1)
            draft.replace(self._path)
        return after

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else changes the keys meanwhile, in this process or another: one change of the two would be lost."""
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class MemoryKeys:
    """Key pairs in this process, for tests."""

    def __init__(self, *keys: StoredKey) -> None:
        self._keys: Keys = keys
        self._lock = threading.Lock()

    def load_keys(self) -> Keys:
        """See `KeyStore`."""
        return self._keys

    def add_key(self, key: StoredKey) -> bool:
        """See `KeyStore`."""
        with self._lock:
            self._keys = _with(self._keys, key)
            return key in self._keys

    def forget_private(self, key: StoredKey) -> None:
        """See `KeyStore`."""
        with self._lock:
            self._keys = _without_private(self._keys, key)

    def delete_key(self, key: StoredKey) -> None:
        """See `KeyStore`."""
        with self._lock:
            self._keys = _without(self._keys, key)


def _with(kept: Keys, key: StoredKey) -> Keys:
    """The keys and this one, unless one of its algorithm and number is there."""
    return kept if any(_same(known, key) for known in kept) else (*kept, key)


def _without_private(kept: Keys, key: StoredKey) -> Keys:
    return tuple(replace(known, private=None) if _same(known, key) else known for known in kept)


def _without(kept: Keys, key: StoredKey) -> Keys:
    return tuple(known for known in kept if not _same(known, key))


def _same(one: StoredKey, other: StoredKey) -> bool:
    return (one.algorithm, one.number) == (other.algorithm, other.number)


def _to_json(key: StoredKey) -> dict[str, Any]:
    return {
        "algorithm": key.algorithm,
        "number": key.number,
        "kid": key.kid,
        "signs_from": key.signs_from,
        "public": base64.b64encode(key.public).decode(),
        "private": None if key.private is None else base64.b64encode(key.private).decode(),
    }


def _from_json(entry: dict[str, Any]) -> StoredKey:
    private = entry["private"]
    return StoredKey(
        algorithm=entry["algorithm"],
        number=entry["number"],
        kid=entry["kid"],
        signs_from=entry["signs_from"],
        public=base64.b64decode(entry["public"]),
        private=None if private is None else base64.b64decode(private),
    )
