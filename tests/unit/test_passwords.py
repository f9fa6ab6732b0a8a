"""Passwords: how they are hashed and compared, and which new ones are refused."""

import re
import unicodedata
from typing import Any

import argon2
import hypothesis.strategies as st
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from lingpai.kernel.errors import LingpaiError
from lingpai.passwords import service as passwords
from lingpai.settings import Settings
from tests.support import stores

CHEAP = stores.settings()
HASH = passwords.hash_password("correct horse battery", CHEAP)


def refused(password: str, name: str | None = None, settings: Settings = CHEAP) -> tuple[str, dict[str, Any]] | None:
    """Why the password is refused, and with which values; None where it is taken."""
    try:
        passwords.check_new(password, name, settings)
    except LingpaiError as error:
        return error.reason, error.values
    return None


# --- hashing ---------------------------------------------------------------------------------------------


def test_a_hash_is_argon2id_with_the_parameters_of_the_settings() -> None:
    assert re.fullmatch(r"\$argon2id\$v=19\$m=8,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", HASH)


def test_the_parameters_by_default() -> None:
    found = argon2.extract_parameters(passwords.hash_password("x", Settings()))
    assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (argon2.Type.ID, 19456, 2, 1)


def test_no_two_hashes_are_alike() -> None:
    assert passwords.hash_password("correct horse battery", CHEAP) != HASH


@pytest.mark.security("ASVS-6.2.8")
def test_the_right_password_and_no_other() -> None:
    assert passwords.verify("correct horse battery", HASH, CHEAP)
    for wrong in ("", "Correct horse battery", "correct horse battery ", "correct horse batter", "x" * 2000, "\x00"):
        assert not passwords.verify(wrong, HASH, CHEAP)


@given(st.text(max_size=40))
@hypothesis_settings(max_examples=50, deadline=None)
def test_any_spelling_of_one_text_is_one_password(text: str) -> None:
    stored = passwords.hash_password(text, CHEAP)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert passwords.verify(unicodedata.normalize(form, text), stored, CHEAP)


def test_a_hash_made_with_other_parameters_still_verifies() -> None:
    stronger = stores.settings(argon2_memory_kib=16, argon2_time=2)
    assert passwords.verify("correct horse battery", HASH, stronger)
    assert not passwords.verify("wrong", HASH, stronger)


@pytest.mark.parametrize("changed", [{"argon2_memory_kib": 16}, {"argon2_time": 2}, {"argon2_parallelism": 2}])
def test_other_parameters_ask_for_a_new_hash(changed: dict[str, Any]) -> None:
    assert not passwords.needs_rehash(HASH, CHEAP)
    other = stores.settings(**{"argon2_memory_kib": 16, **changed} if "argon2_parallelism" in changed else changed)
    assert passwords.needs_rehash(HASH, other)


@pytest.mark.parametrize("password", ["", "A" * 43, "correct horse battery"])
def test_with_nothing_stored_no_password_is_right(password: str) -> None:
    assert not passwords.verify(password, None, CHEAP)


def test_with_nothing_stored_the_same_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []
    verify = argon2.PasswordHasher.verify

    def watched(self: Any, stored: Any, password: Any) -> Any:
        costs.append(argon2.extract_parameters(stored))
        return verify(self, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watched)
    assert not passwords.verify("a guess", HASH, CHEAP)
    assert not passwords.verify("a guess", None, CHEAP)
    assert not passwords.verify("x" * 2000, HASH, CHEAP)
    assert costs == [costs[0]] * 3


@pytest.mark.parametrize(
    "stored", ["", "x", "plain text", "$2b$12$" + "a" * 53, "$argon2id$v=19$m=8,t=1,p=1$$", "{SHA}x"]
)
def test_what_is_no_hash_matches_nothing(stored: str) -> None:
    assert passwords.why_unreadable(stored) is not None or stored.startswith("$argon2id")
    assert not passwords.verify("plain text", stored, CHEAP)


@pytest.mark.parametrize("kind", [argon2.Type.ID, argon2.Type.I, argon2.Type.D])
def test_hashes_from_elsewhere_can_be_read(kind: argon2.Type) -> None:
    stored = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=kind).hash("correct")
    assert passwords.why_unreadable(stored) is None
    assert passwords.verify("correct", stored, CHEAP)
    assert passwords.needs_rehash(stored, CHEAP) == (kind != argon2.Type.ID)


# --- new ones --------------------------------------------------------------------------------------------


@pytest.mark.security("ASVS-6.2.1", "ASVS-6.2.9")
@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("x3 " * 3, None),
        ("seven 7", "password_too_short"),
        ("", "password_too_short"),
        ("eight  8", None),
        ("é" * 8, None),
        ("e\u0301" * 7, "password_too_short"),
        ("e\u0301" * 8, None),
        ("🔑" * 7, "password_too_short"),
        ("🔑" * 8, None),
        ("ﬃ" * 3, None),
        ("ﬃ" * 2, "password_too_short"),
        ("字" * 128, None),
        ("字" * 129, "password_too_long"),
        ("e\u0301" * 128, None),
        ("ﬃ" * 43, "password_too_long"),
        ("Password1!", "password_common"),
        ("p4$$w0rd", "password_common"),
        ("Password-of-mine", None),
        ("password", "password_common"),
        ("PASSWORD", "password_common"),
        ("ＰＡＳＳＷＯＲＤ", "password_common"),
        ("11111111", "password_common"),
        ("a\x00bcdefgh", "password_unreadable"),
        ("tabs\tand such", "password_unreadable"),
        ("\ud800 lone surrogate", "password_unreadable"),
        ("\U0003ffff no character", "password_unreadable"),
        ("zero\u200dwidth joiner", None),
        ("  outer  ", None),
    ],
)
def test_which_passwords_are_taken(password: str, reason: str | None) -> None:
    found = refused(password)
    assert (found[0] if found else None) == reason


def test_the_refusal_tells_the_limit() -> None:
    assert refused("short") == ("password_too_short", {"limit": 8})
    assert refused("x" * 129) == ("password_too_long", {"limit": 128})
    assert refused("short", None, stores.settings(password_min_length=6)) == ("password_too_short", {"limit": 6})
    assert refused("xqlong", None, stores.settings(password_min_length=6)) is None
    assert refused("123456", None, stores.settings(password_min_length=6)) == ("password_common", {})


@pytest.mark.security("ASVS-6.2.11")
@pytest.mark.parametrize("name", ["margaret-hamilton", "MARGARET-Hamilton", "ｍargaret-hamilton"])
def test_the_own_name_is_refused(name: str) -> None:
    assert refused("margaret-hamilton", name) == ("password_is_name", {})
    assert refused("margaret-hamilton-", name) is None
    assert refused("margaret-hamilton", None) is None


@pytest.mark.parametrize(
    ("password", "classes"),
    [
        ("plumblossom", 1),
        ("plum blossom", 2),
        ("Plum blossom", 3),
        ("Plum blossom 7", 4),
        ("梅花梅花梅花梅花", 1),
        ("PLUM7PLUM7", 2),
    ],
)
def test_classes_of_characters(password: str, classes: int) -> None:
    """PASSWORD_CLASSES, which is off by default."""
    for wanted in range(5):
        reason = refused(password, settings=stores.settings(password_classes=wanted))
        assert reason == (None if wanted <= classes else ("password_too_plain", {"classes": wanted}))
