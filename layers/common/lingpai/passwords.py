"""Passwords: argon2id hashes, and which new ones are refused.

argon2 is imported when first needed: most requests of most functions verify no password.
"""

import functools
import importlib.resources
import unicodedata
from typing import TYPE_CHECKING

from lingpai.errors import invalid_request
from lingpai.settings import Settings

if TYPE_CHECKING:
    import argon2

MAX_LENGTH = 128
# What is longer as it comes is no password: normalising 64 KiB of accents alone takes half a second.
_LONGEST = 1024


def hash_password(password: str, settings: Settings) -> str:
    """The argon2id hash (PHC string) of `password`, with the parameters of `settings`."""
    return _hasher(settings).hash(normalise(password))


def verify(password: str, stored: str | None, settings: Settings) -> bool:
    """Whether `password` is the one behind `stored`.

    With nothing stored, the same work is done on a hash that no password has, so that the time tells
    nothing about which accounts exist.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > _LONGEST:
        password, stored = "", None
    try:
        _hasher(settings).verify(stored or _unmatchable(settings), normalise(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def readable(stored: str) -> bool:
    """Whether `verify` can make sense of a hash that comes from elsewhere."""
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    try:
        extract_parameters(stored)
    except InvalidHashError:
        return False
    return True


def needs_rehash(stored: str, settings: Settings) -> bool:
    """Whether `stored` was made with other parameters than those of `settings`."""
    return _hasher(settings).check_needs_rehash(stored)


def check_new(password: str, username: str | None, settings: Settings) -> None:
    """Refuse a new password that is too short or long, the account's own name, or among the commonest.

    Lengths are counted in code points after NFKC; there are no rules of composition (NIST SP 800-63B).
    """
    plain = normalise(password)
    if len(plain) < settings.password_min_length:
        raise invalid_request("password_too_short", limit=settings.password_min_length)
    if len(plain) > MAX_LENGTH:
        raise invalid_request("password_too_long", limit=MAX_LENGTH)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Cn") for character in plain):
        raise invalid_request("password_unreadable")
    if username is not None and plain.casefold() == normalise(username).casefold():
        raise invalid_request("password_is_name")
    if plain.casefold() in _commonest():
        raise invalid_request("password_common")


def normalise(password: str) -> str:
    """NFKC, so that one password typed on two keyboards is one (RFC 8265 keeps NFC; NIST allows NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _hasher(settings: Settings) -> "argon2.PasswordHasher":
    return _hasher_of(settings.argon2_time, settings.argon2_memory_kib, settings.argon2_parallelism)


@functools.cache
def _hasher_of(time_cost: int, memory_kib: int, parallelism: int) -> "argon2.PasswordHasher":
    import argon2

    return argon2.PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)


def _unmatchable(settings: Settings) -> str:
    """A well-formed hash of nothing: verifying against it costs what a real one costs, and fails."""
    return (
        f"$argon2id$v=19$m={settings.argon2_memory_kib},t={settings.argon2_time}"
        f",p={settings.argon2_parallelism}${'A' * 22}${'A' * 43}"
    )


@functools.cache
def _commonest() -> frozenset[str]:
    listed = importlib.resources.files("lingpai").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if line and not line.startswith("#"))
