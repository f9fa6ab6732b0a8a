"""Hashes that other systems made: each logs in once and is argon2id afterwards; what cannot be taken says why."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.clients.service import new_client
from lingpai.kernel.errors import LingpaiError
from lingpai.passwords import legacy_hashes
from lingpai.passwords import service as passwords
from lingpai.services import Services
from tests.support import logins, stores
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.stores import ROOT, settings

VECTORS: list[dict[str, str]] = json.loads((ROOT / "tests/support/hash_vectors.json").read_text("utf-8"))["vectors"]
CHEAP = settings()
PLAIN = "correct horse battery"
WIDE = "密码① Ａ🔑 passwörd"
# Of PLAIN, by the parameters of CHEAP.
ARGON2 = "$argon2id$v=19$m=8,t=1,p=1$KgHbtOnBHm5DphqPgnrLyA$VMRkQ1Hyd3eQFMpTg/P/gUaj6Ssx4lKVEpvAxBXI4vQ"
PBKDF2 = "pbkdf2_sha256$1000$salt$" + base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"x", b"salt", 1000)).decode()
BCRYPT = "$2b$04$ttT1dTXiypwiZpLLss6o4.3lw4NFC0KneoRWMntawb5EEV3HJcEOK"
MD5 = hashlib.md5(PLAIN.encode()).hexdigest()  # noqa: S324
SHA1 = hashlib.sha1(PLAIN.encode()).hexdigest()  # noqa: S324
B64 = base64.b64encode(b"x" * 32).decode()

named = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['maker']} {vector['kind']}")


@pytest.fixture
def services() -> Services:
    return bootstrap.build(CHEAP, MemoryStore())


@pytest.fixture
def on_moto() -> Iterator[Services]:
    with stores.on_moto() as store:
        yield bootstrap.build(CHEAP, store)


def holding(services: Services, given: str | None) -> User:
    user = User(id=services.clock.new_user_id(), created_at=0, username=f"holder-{services.clock.new_user_id()}")
    stored = passwords.as_kept(given, services.settings) if given is not None else None
    accounts.add(services, replace(user, password=stored))
    return replace(user, password=stored)


def log_in(services: Services, user: User, password: str) -> Any:
    LOGS.hush("password", password)
    client = new_client("web-client", "spring", "web-secret", scopes=("web",))
    return logins.by_password(services, client, (), user.username or "", password, "192.0.2.1")


def stored_of(services: Services, user: User) -> str:
    stored = services.store.get_user(user.id)
    assert stored is not None
    assert stored.password is not None
    return stored.password


# --- good ones ------------------------------------------------------------------------------------------------


@named
def test_a_hash_logs_in_once_and_is_argon2id_afterwards(services: Services, vector: dict[str, str]) -> None:
    check_first_login(services, vector)


def test_the_same_in_dynamodb(on_moto: Services) -> None:
    for maker in ("Django", "PHP", "Spring", "bcrypt"):
        check_first_login(on_moto, next(v for v in VECTORS if v["maker"] == maker))


def check_first_login(services: Services, vector: dict[str, str]) -> None:
    user = holding(services, vector["hash"])
    assert stored_of(services, user) == vector["hash"]
    assert passwords.needs_rehash(vector["hash"], CHEAP)
    assert log_in(services, user, vector["password"]).user_id == user.id
    after = stored_of(services, user)
    assert after.startswith(f"$argon2id$v=19$m={CHEAP.argon2_memory_kib},t={CHEAP.argon2_time},")
    assert not passwords.needs_rehash(after, CHEAP)
    assert log_in(services, user, vector["password"]).user_id == user.id
    assert stored_of(services, user) == after


@pytest.mark.parametrize("given", [MD5, MD5.upper(), f"{{MD5}}{MD5}", f"md5$${MD5}", SHA1, f"{{SHA-1}}{SHA1}"])
def test_a_fast_hash_is_wrapped_and_logs_in_once(services: Services, given: str) -> None:
    user = holding(services, given)
    wrapped = stored_of(services, user)
    assert wrapped.startswith(("md5+$argon2id$", "sha1+$argon2id$"))
    assert not {MD5, SHA1} & set(wrapped.lower().split("$"))
    with pytest.raises(LingpaiError, match="bad_credentials"):
        log_in(services, user, "another-password")
    assert stored_of(services, user) == wrapped
    assert log_in(services, user, PLAIN).user_id == user.id
    assert stored_of(services, user).startswith("$argon2id$")


def test_a_wrapped_hash_goes_out_and_in_again_as_it_is() -> None:
    wrapped = passwords.as_kept(MD5, CHEAP)
    assert passwords.why_unreadable(wrapped) is None
    assert passwords.as_kept(wrapped, CHEAP) == wrapped


@named
def test_another_password_is_refused(vector: dict[str, str]) -> None:
    assert not passwords.verify(vector["password"][:-9], vector["hash"], CHEAP)


@pytest.mark.parametrize("stored", [BCRYPT, PBKDF2, ARGON2])
@pytest.mark.parametrize("strange", ["", "\x00", PLAIN + "\x00", "\ud800", "x" * 100_000])
def test_a_strange_password_is_refused_and_no_error(stored: str, strange: str) -> None:
    assert not passwords.verify(strange, stored, CHEAP)


@pytest.mark.parametrize("label", ["bcrypt, longer than 72 bytes", "bcrypt_sha256, longer than 72 bytes"])
def test_bcrypt_counts_as_much_of_a_password_as_its_system_did(label: str) -> None:
    vector = next(vector for vector in VECTORS if vector["kind"] == label)
    # PHP cuts at 72 bytes; Django's bcrypt_sha256 is there so that nothing is cut.
    assert passwords.verify(vector["password"], vector["hash"], CHEAP)
    cut = passwords.verify(vector["password"][:72], vector["hash"], CHEAP)
    assert cut == (vector["maker"] == "PHP")


def test_a_password_is_tried_as_it_came_and_normalised() -> None:
    for spelling in (WIDE, passwords.normalise(WIDE)):
        raw = f"pbkdf2_sha256$1000$salt${base64.b64encode(_pbkdf2(spelling)).decode()}"
        assert passwords.verify(WIDE, raw, CHEAP)
    assert not passwords.verify(passwords.normalise(WIDE), passwords.as_kept(_md5(WIDE), CHEAP), CHEAP)


def test_an_argon2_hash_of_a_raw_password_is_read_whatever_its_parameters() -> None:
    import argon2

    same = argon2.PasswordHasher(CHEAP.argon2_time, CHEAP.argon2_memory_kib, CHEAP.argon2_parallelism)
    assert passwords.verify(WIDE, same.hash(WIDE), CHEAP)
    assert passwords.verify(WIDE, passwords.hash_password(WIDE, CHEAP), CHEAP)


def test_a_plain_fast_hash_is_never_verified() -> None:
    for stored in (MD5, SHA1, f"{{MD5}}{MD5}", "{noop}" + PLAIN, "no hash", ""):
        assert not passwords.verify(PLAIN, stored, CHEAP)


@pytest.mark.parametrize("stored", [None, "no hash", MD5])
def test_who_has_no_readable_hash_costs_one_argon2id(monkeypatch: pytest.MonkeyPatch, stored: str | None) -> None:
    import argon2

    verified: list[str | bytes] = []
    real = argon2.PasswordHasher.verify

    def counted(self: argon2.PasswordHasher, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002
        verified.append(hash)
        return real(self, hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    assert not passwords.verify(PLAIN, stored, CHEAP)
    assert [str(hashed)[:14] for hashed in verified] == ["$argon2id$v=19"]


# --- bad ones -------------------------------------------------------------------------------------------------

WHOLE = "$2b$04$ttT1dTXiypwiZpLLss6o4.3lw4NFC0KneoRWMntawb5EEV3HJcEO"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "is of no format"),
        ("secret", "is of no format"),
        (MD5 + "0", "is of no format"),
        ("x" * 1025, "is longer than 1024"),
        ("!Kx0lPPLwHpBkZ4xzSzI9C8nTgFSrzLXlZQWvW0wr", "has no password"),
        ("{noop}secret", "clear text"),
        ("{MD5}{c2FsdA==}" + MD5, "salted fast hash"),
        (f"md5$salt${MD5}", "salted fast hash"),
        (f"sha1$salt${SHA1}", "salted fast hash"),
        ("{sha256}97cde38028ad898ebc02e690819fa220e88c62e0699403e94fff291cfffaf8410849f27605abcbc0", "SHA-256"),
        ("{SHA-256}x", "SHA-256"),
        ("{ldap}{SSHA}x", "LDAP"),
        ("{MD4}x", "MD4"),
        ("{mine}x", "kind of Spring's that is not known"),
        ("{bcrypt}secret", "not a whole bcrypt"),
        (WHOLE, "not a whole bcrypt"),
        (BCRYPT.replace("$2b$", "$2x$"), "known faults"),
        (BCRYPT.replace("$2b$", "$2$"), "known faults"),
        (BCRYPT.replace("$04$", "$03$"), "cost of 3"),
        (BCRYPT.replace("$04$", "$16$"), "cost of 16"),
        (BCRYPT.replace("$04$", "$31$"), "cost of 31"),
        ("bcrypt_sha256$" + BCRYPT.replace("$04$", "$31$"), "cost of 31"),
        (PBKDF2.replace("1000", "999"), "999 iterations"),
        (PBKDF2.replace("1000", "5000001"), "5000001 iterations"),
        (PBKDF2.replace("1000", "9" * 13), "not a whole PBKDF2"),
        (PBKDF2.replace("$salt$", "$$"), "not a whole PBKDF2"),
        (PBKDF2.replace("sha256", "sha1"), "not a whole PBKDF2"),
        (PBKDF2[:-1], "not base64"),
        (PBKDF2 + "$", "not a whole PBKDF2"),
        ("{pbkdf2}" + "0" * 96, "Spring's own settings"),
        ("{pbkdf2@SpringSecurity_v5_8}" + "0" * 80, "Spring's own settings"),
        ("{pbkdf2}" + B64, "Spring's own settings"),
        ("{scrypt}x", "not a whole scrypt"),
        (f"{{scrypt}}$e0800${B64}${B64}", "not a whole scrypt"),
        (f"{{scrypt}}$ffff0801${B64}${B64}", "too much"),
        (f"{{scrypt}}$120801${B64}${B64}", "too much"),
        (f"{{scrypt}}$e08ff${B64}${B64}", "too much"),
        (f"scrypt$16385$salt$8$1${B64}", "not a whole scrypt"),
        (f"scrypt$4194304$salt$8$1${B64}", "too much"),
        ("scrypt$16384$salt$8$1$????", "not base64"),
        (ARGON2[:-30], "not a whole argon2"),
        (ARGON2.replace("m=8", "m=262145"), "too much"),
        (ARGON2.replace("m=8", "m=262144").replace("t=1", "t=9"), "too much"),
        (ARGON2.replace("t=1", "t=4294967295"), "too much"),
        (ARGON2.replace("p=1", "p=65"), "too much"),
        ("argon2" + ARGON2.replace("t=1", "t=4294967295"), "too much"),
        ("md5+" + ARGON2.replace("t=1", "t=4294967295"), "too much"),
        ("md5+" + BCRYPT, "not a whole argon2"),
        ("sha256+" + ARGON2, "is of no format"),
    ],
)
def test_why_a_hash_cannot_be_taken(given: str, reason: str) -> None:
    said = passwords.why_unreadable(given)
    assert said is not None
    assert reason in said
    if not given.startswith("$argon2"):
        assert not passwords.verify("secret", given, CHEAP)


def test_the_reason_shows_nothing_of_the_hash() -> None:
    said = passwords.why_unreadable("{noop}my-own-secret") or ""
    assert "my-own-secret" not in said


def test_what_a_system_makes_by_default_is_within_the_limits() -> None:
    for vector in VECTORS:
        legacy_hashes.check_of(vector["hash"])


def _pbkdf2(password: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000)


def _md5(password: str) -> str:
    return hashlib.md5(password.encode()).hexdigest()  # noqa: S324


@pytest.mark.parametrize(
    "stored",
    [
        "scrypt$65536$c2FsdA==$1$1$" + "A" * 86 + "==",  # RFC 7914: N < 2^(16 r)
        "$argon2id$v=19$m=\u0668\u0660\u0660,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "$2b$\u0660\u0664$" + "a" * 53,
    ],
)
def test_a_hash_that_no_library_takes_is_refused_and_opens_nothing(stored: str) -> None:
    """At import with a reason; and where one is stored all the same, a login is refused and no fault."""
    assert passwords.why_unreadable(stored) is not None
    assert not passwords.verify("correct horse battery", stored, stores.settings())
