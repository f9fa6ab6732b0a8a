"""A seed's `password_hash`: any hash that can be taken over, a fast one wrapped, the others refused with the reason."""

import hashlib
import json
from pathlib import Path

import pytest

from lingpai.passwords import service as passwords
from local import seed
from tests.support.memory_store import MemoryStore
from tests.support.transfer import BCRYPT, PASSWORD, services_on


def seeded(path: Path, *hashes: str) -> list[str | None]:
    people = [{"username": f"u{i}", "password_hash": hashed} for i, hashed in enumerate(hashes)]
    path.write_text(json.dumps({"users": people}))
    store = MemoryStore()
    seed.apply(seed.load(str(path)), services_on(store))
    return [store.users[store.identities[f"username:u{i}"]].password for i in range(len(hashes))]


def test_a_hash_is_kept_and_a_fast_one_wrapped(tmp_path: Path) -> None:
    md5 = hashlib.md5(PASSWORD.encode()).hexdigest()  # noqa: S324
    kept, wrapped = seeded(tmp_path / "seed.json", BCRYPT, md5)
    assert kept == BCRYPT
    assert wrapped is not None
    assert wrapped.startswith("md5+$argon2id$")
    assert passwords.verify(PASSWORD, wrapped, services_on(MemoryStore()).settings)


def test_a_hash_that_cannot_be_taken_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(seed.SeedError) as refused:
        seeded(tmp_path / "seed.json", "{noop}secret")
    assert "users[0] (u0): password_hash: is a password in clear text" in refused.value.args[0][0]
    assert "secret" not in refused.value.args[0][0].replace(str(tmp_path), "")
