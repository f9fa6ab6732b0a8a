"""The key ring: when a key is published, when it signs, when it is gone; and the file that keeps it."""

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import load_der_public_key

from lingpai import bootstrap
from lingpai.clients.service import new_client
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import LingpaiError
from lingpai.sessions import jwt
from lingpai.sessions.service import issue
from lingpai.signing_keys import service as keys
from lingpai.signing_keys.model import Key, KeyPair, StoredKey
from lingpai.signing_keys.service import LEAD, RETENTION, KeyRing
from lingpai.signing_keys.stores import FileKeys, LocalKeyWrapper, MemoryKeys
from tests.support.api import signing_keys
from tests.support.memory_store import MemoryStore
from tests.support.stores import settings
from tests.support.time import START, Time

CACHE = 300
WRAPPER = LocalKeyWrapper()


def of(algorithm: str) -> StoredKey:
    return next(key for key in signing_keys() if key.algorithm == algorithm)


class House:
    """A ring with an ES256 and an RS256 key, its store and its clock."""

    def __init__(self) -> None:
        self.time = Time()
        self.store = MemoryKeys(*signing_keys())
        self.ring = KeyRing(self.store, WRAPPER, self.time.clock(), CACHE)

    @property
    def now(self) -> int:
        return int(self.time.at)

    def rotate(self) -> StoredKey:
        """A next ES256 key, and a ring that knows of it."""
        key = keys.rotate(self.store, WRAPPER, self.time.clock(), "ES256")
        assert key is not None
        self.time.advance(CACHE)
        return key

    def published(self, algorithm: str = "ES256") -> list[str]:
        return [key.kid for key in self.ring.published() if key.algorithm == algorithm]

    def signs(self, algorithm: str = "ES256") -> str:
        return self.ring.signing(algorithm, self.now).kid


@pytest.fixture
def house() -> House:
    return House()


# --- current, next, retired -------------------------------------------------------------------------------------


def test_the_lead_is_longer_than_anyone_keeps_a_copy() -> None:
    """Else a token could come before the key that verifies it: copies are kept an hour, the ring's own for CACHE."""
    assert 2 * max(3600, settings().key_cache_ttl) < LEAD


def test_the_afterlife_is_longer_than_any_token_lives() -> None:
    """Passport's tokens live a year."""
    assert new_client("2", "passport").access_ttl < RETENTION


def test_a_next_key_is_published_before_it_signs(house: House) -> None:
    first, at = of("ES256").kid, house.now
    second = house.rotate()
    assert second.signs_from == at + LEAD
    assert house.published() == [first, second.kid]
    assert house.signs() == first
    house.time.at = at + LEAD - 1
    assert (house.signs(), house.published()) == (first, [first, second.kid])
    house.time.at = at + LEAD
    assert (house.signs(), house.published()) == (second.kid, [first, second.kid])


def test_a_retired_key_verifies_for_its_afterlife(house: House) -> None:
    first = of("ES256").kid
    second = house.rotate()
    house.time.at = second.signs_from + RETENTION - 1
    assert house.ring.find(first) is not None
    assert house.published() == [first, second.kid]
    house.time.advance(1)
    assert house.ring.find(first) is None
    assert house.published() == [second.kid]


def test_a_retired_key_signs_no_more(house: House) -> None:
    house.rotate()
    house.time.advance(LEAD)
    assert house.signs() != of("ES256").kid
    assert house.ring.signing("ES256", START).kid == of("ES256").kid, "what it signed then, it signs the same again"


def test_each_algorithm_has_keys_of_its_own(house: House) -> None:
    """A new ES256 key retires no RS256 key."""
    house.rotate()
    house.time.advance(LEAD + RETENTION)
    assert house.published("RS256") == [of("RS256").kid]
    assert house.signs("RS256") == of("RS256").kid


def test_several_rotations(house: House) -> None:
    second, third = house.rotate(), house.rotate()
    assert house.published() == [of("ES256").kid, second.kid, third.kid]
    house.time.at = third.signs_from
    assert house.signs() == third.kid
    house.time.at = second.signs_from + RETENTION
    assert house.published() == [second.kid, third.kid]
    house.time.at = third.signs_from + RETENTION
    assert house.published() == [third.kid]


def test_the_last_key_stays_however_old(house: House) -> None:
    """A deployment that never rotates goes on."""
    house.time.advance(10 * RETENTION)
    assert house.published() == [of("ES256").kid]
    assert house.signs() == of("ES256").kid


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256"])
def test_without_a_key_nothing_is_signed(algorithm: str) -> None:
    """Nor with one that signs later only; the error is that of a service which is not ready."""
    time = Time()
    store = MemoryKeys()
    keys.rotate(store, WRAPPER, time.clock(), "ES256")
    with pytest.raises(LingpaiError) as raised:
        KeyRing(store, WRAPPER, time.clock(), CACHE).signing(algorithm, START)
    assert (raised.value.status, raised.value.code) == (503, "temporarily_unavailable")


class Counted(MemoryKeys):
    """Counts how often it is read."""

    def __init__(self, *kept: StoredKey) -> None:
        super().__init__(*kept)
        self.reads = 0

    def load_keys(self) -> tuple[StoredKey, ...]:
        self.reads += 1
        return super().load_keys()


def test_the_keys_are_read_once_in_a_while() -> None:
    time, store = Time(), Counted(*signing_keys())
    ring = KeyRing(store, WRAPPER, time.clock(), CACHE)
    for _ in range(3):
        ring.published()
        ring.signing("ES256", START)
        assert ring.find(of("ES256").kid)
    assert store.reads == 1
    time.advance(CACHE)
    ring.published()
    assert store.reads == 2


def test_a_key_that_another_process_made_is_looked_for() -> None:
    """Once a second, however many made-up ids come."""
    time, store = Time(), Counted(*signing_keys())
    ring = KeyRing(store, WRAPPER, time.clock(), CACHE)
    assert ring.find("made-up") is None
    reads = store.reads
    for number in range(10):
        assert ring.find(f"made-up-{number}") is None
    assert store.reads == reads
    new = keys.rotate(store, WRAPPER, time.clock(), "ES256")
    assert new is not None
    time.advance(1)
    found = ring.find(new.kid)
    assert found is not None
    assert found.kid == new.kid


# --- making them ------------------------------------------------------------------------------------------------


def test_the_first_keys_are_made_once_for_each_algorithm_and_sign_at_once() -> None:
    store, clock = MemoryKeys(*signing_keys()), Time().clock()
    assert keys.first_keys(store, WRAPPER, clock) == ()
    assert store.load_keys() == signing_keys()
    only_rsa = MemoryKeys(of("RS256"))
    keys.first_keys(only_rsa, WRAPPER, clock)
    assert [key.algorithm for key in only_rsa.load_keys()] == ["RS256", "ES256"]
    assert [key.signs_from for key in only_rsa.load_keys()] == [START, START]


def test_keys_are_strong_and_each_is_another() -> None:
    """RFC 7518 section 3.3: RSA keys of 2048 bits or more; section 3.4: ES256 is P-256."""
    house = House()
    sizes = {key.algorithm: key.public.key_size for key in house.ring.published()}
    assert sizes["RS256"] >= 2048
    assert sizes["ES256"] == 256
    made = [WRAPPER.generate("ES256", 1) for _ in range(5)]
    assert len({pair.public for pair in made}) == len({pair.private for pair in made}) == 5
    assert len({keys.thumbprint(pair.public) for pair in made}) == 5


def test_the_id_is_the_thumbprint() -> None:
    """RFC 7638 section 3.1 gives one of an RSA key; and whoever has the JWK set can count it again (section 3)."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    public = RSAPublicNumbers(65537, int.from_bytes(base64.urlsafe_b64decode(modulus + "=="))).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert keys.thumbprint(der) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert [key.kid for key in signing_keys()] == [keys.thumbprint(key.public) for key in signing_keys()]
    for jwk in jwt.public_keys(House().ring.published()):
        members = {name: jwk[name] for name in ({"RSA": "e kty n", "EC": "crv kty x y"}[jwk["kty"]]).split()}
        digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
        assert jwk["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_a_private_key_is_not_shown_by_accident() -> None:
    house = House()
    assert all("private" not in repr(key) and repr(key.private)[2:20] not in repr(key) for key in signing_keys())
    assert "private" not in repr(KeyPair(b"public", b"private"))
    assert all("object at" not in repr(key) for key in house.ring.published())


# --- the JWK set ------------------------------------------------------------------------------------------------


def test_the_jwk_set_holds_the_public_halves_alone(house: House) -> None:
    """RFC 7517 section 4: kty, use, alg, kid; RFC 7518 sections 6.2.1 and 6.3.1: crv, x, y and n, e."""
    found = {key["kid"]: key for key in jwt.public_keys(house.ring.published())}
    ec, rsa = found[of("ES256").kid], found[of("RS256").kid]
    assert set(ec) == {"kty", "use", "alg", "kid", "crv", "x", "y"}
    assert (ec["kty"], ec["crv"], ec["alg"], ec["use"]) == ("EC", "P-256", "ES256", "sig")
    assert set(rsa) == {"kty", "use", "alg", "kid", "n", "e"}
    assert (rsa["kty"], rsa["e"], rsa["alg"], rsa["use"]) == ("RSA", "AQAB", "RS256", "sig")
    # RFC 7518 section 6.2.1.2: each coordinate has 32 bytes, whatever zeros it begins with.
    assert [len(ec[name]) for name in ("x", "y")] == [43, 43]


def test_every_coordinate_has_32_bytes() -> None:
    """One in 256 begins with a zero, which must not be left out: enough keys are made to meet some."""
    pairs = [WRAPPER.generate("ES256", 1) for _ in range(400)]
    halves = [load_der_public_key(pair.public) for pair in pairs]
    found = jwt.public_keys(tuple(Key(str(number), "ES256", 0, half) for number, half in enumerate(halves)))
    assert len(found) == 400
    assert {len(key[name]) for key in found for name in ("x", "y")} == {43}


# --- signing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_signing_twice_gives_the_same_bytes(algorithm: str) -> None:
    """RFC 6979 for ES256: what a repeated answer signs is what the first one signed."""
    services = bootstrap.build(settings(issuer="https://id.example"), MemoryStore(), Time().clock(), House().store)
    client = new_client("c", "standard", "secret", token_format="jwt", token_alg=algorithm, grants=("password",))
    issue(services, client, (), 1)
    (session,) = services.store.sessions.values()  # type: ignore[attr-defined]
    tokens = {jwt.sign(services, client, session, session.access_hash) for _ in range(5)}
    assert len(tokens) == 1
    (token,) = tokens
    other = jwt.sign(services, client, session, bytes(32))
    assert other.rpartition(".")[2] != token.rpartition(".")[2]
    key = services.keys.signing(algorithm, START)
    options: Any = {"verify_iat": False}
    claims = pyjwt.decode(
        token,
        next(known.public for known in services.keys.published() if known.kid == key.kid),
        [algorithm],
        audience="https://id.example",
        issuer="https://id.example",
        options=options,
    )
    assert claims["client_id"] == "c"
    assert jwt.verify(services, token).key == session.key


def test_a_token_outlives_the_key_that_signed_it(house: House) -> None:
    """Signed in the last second of a key, it is good until it expires; tokens from then on are the next key's."""
    services = bootstrap.build(settings(issuer="https://id.example"), MemoryStore(), house.time.clock(), house.store)
    client = new_client("c", "standard", "secret", token_format="jwt", access_ttl=RETENTION)
    second = house.rotate()
    house.time.at = second.signs_from - 1
    token = issue(services, client, ()).access_token
    house.time.at = second.signs_from
    later = issue(services, client, ()).access_token
    assert [pyjwt.get_unverified_header(t)["kid"] for t in (token, later)] == [of("ES256").kid, second.kid]
    house.time.at = second.signs_from + RETENTION - 2
    assert jwt.verify(services, token).client_id == "c"
    assert jwt.verify(services, later).client_id == "c"
    house.time.advance(2)
    with pytest.raises(LingpaiError):
        jwt.verify(services, token)


# --- the file ---------------------------------------------------------------------------------------------------


def test_what_the_file_keeps_comes_back(tmp_path: Path) -> None:
    """From another object, as after a restart; folders are made as needed."""
    path = tmp_path / "a" / "b" / "keys.json"
    assert FileKeys(path).load_keys() == ()
    assert not path.parent.exists(), "reading makes nothing"
    for key in signing_keys():
        FileKeys(path).add_key(key)
    assert FileKeys(path).load_keys() == signing_keys()
    keys.first_keys(FileKeys(path), WRAPPER, Clock())
    assert FileKeys(path).load_keys() == signing_keys()


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    """Whatever the umask, and from the first moment: nothing else in the folder holds a key either."""
    path = tmp_path / "keys.json"
    before = os.umask(0)
    try:
        FileKeys(path).add_key(of("ES256"))
        FileKeys(path).add_key(of("RS256"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    others = [other for other in tmp_path.iterdir() if other != path]
    assert [other.read_text() for other in others] == [""], "the lock"


def test_a_file_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    """It would be replaced, and every token signed with its keys would be void."""
    path = tmp_path / "keys.json"
    path.write_text("[{")
    with pytest.raises(json.JSONDecodeError):
        FileKeys(path).load_keys()
    with pytest.raises(json.JSONDecodeError):
        FileKeys(path).add_key(of("ES256"))
    assert path.read_text() == "[{"


def a_key(number: int) -> StoredKey:
    return StoredKey("ES256", number, f"key-{number}", number, b"public" * 20, b"private" * 200)


def _add_ten(path: Path, start: int) -> None:
    for number in range(start, start + 10):
        FileKeys(path).add_key(a_key(number))


# The same in a process of its own.
_ADD_TEN = """
import pathlib, sys
from lingpai.signing_keys.stores import FileKeys
from lingpai.signing_keys.model import Key, KeyPair, StoredKey
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 10):
    key = StoredKey("ES256", number, f"key-{number}", number, b"public" * 20, b"private" * 200)
    FileKeys(pathlib.Path(sys.argv[1])).add_key(key)
"""


def test_no_key_is_lost_when_several_add_at_once(tmp_path: Path) -> None:
    """Threads and processes; and whoever reads meanwhile never sees half a file."""
    path = tmp_path / "keys.json"
    FileKeys(path).add_key(a_key(1000))
    processes = [
        subprocess.Popen([sys.executable, "-c", _ADD_TEN, str(path), str(start)])  # noqa: S603
        for start in (30, 40)
    ]
    threads = [threading.Thread(target=_add_ten, args=(path, start)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    while any(process.poll() is None for process in processes):
        assert FileKeys(path).load_keys()
    for thread in threads:
        thread.join()
    assert [process.returncode for process in processes] == [0, 0]
    assert {key.kid for key in FileKeys(path).load_keys()} == {f"key-{number}" for number in (*range(50), 1000)}
