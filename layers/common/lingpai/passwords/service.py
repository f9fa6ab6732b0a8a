"""Passwords: argon2id hashes, hashes that other systems made, and which new ones are refused.

argon2 is imported when first needed: most requests of most functions verify no password.
"""

import functools
import hashlib
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from lingpai.kernel.errors import invalid_request, unavailable
from lingpai.passwords import password_filter

if TYPE_CHECKING:
    import argon2

    from lingpai.passwords.settings import PasswordSettings

MAX_LENGTH = 128
# What is longer as it comes is no password: normalising 64 KiB of accents alone takes half a second.
LONGEST = 1024

_ARGON2 = "$argon2"


def hash_password(password: str, settings: "PasswordSettings") -> str:
    """The argon2id hash (PHC string) of `password`, with the parameters of `settings`."""
    return _hasher(settings).hash(normalise(password))


def verify(password: str, stored: str | None, settings: "PasswordSettings") -> bool:
    """Whether `password` is the one behind `stored`, which may be a hash of another system (`legacy_hashes`).

    With nothing stored, the same work is done on a hash that no password has, so that the time tells nothing about
    which accounts exist. (An account that still has a hash of another system differs until its first login:
    decision 0006.) A password is tried normalised and as it came, since other systems hashed what came.
    """
    if len(password) > LONGEST:
        password, stored = "", None
    if stored is not None and not stored.startswith(_ARGON2):
        return _verify_legacy(password, stored, settings)
    return _verify_argon2(password, stored or _unmatchable(settings), settings) and stored is not None


def why_unreadable(given: str) -> str | None:
    """Why a hash that comes from elsewhere cannot be taken over, as the end of a sentence; None where it can."""
    from lingpai.passwords import legacy_hashes

    if legacy_hashes.fast_digest(given):
        return None
    try:
        legacy_hashes.check_of(given)
    except legacy_hashes.Unreadable as error:
        return str(error)
    return None


def is_fast(given: str) -> bool:
    """Whether it is a fast hash, which `as_kept` wraps."""
    from lingpai.passwords import legacy_hashes

    return legacy_hashes.fast_digest(given) is not None


def without_padding(given: str) -> str:
    """A hash of another system without padding: blanks of a column of fixed width, and the `=` of base64 in argon2.

    The PHC string format writes base64 without padding.
    """
    hashed = given.strip(" ")
    return re.sub(r"=+(?=\$|$)", "", hashed) if _ARGON2 in hashed else hashed


def as_kept(given: str, settings: "PasswordSettings") -> str:
    """The form in which a readable hash from elsewhere is stored: as it is, or a fast one wrapped in argon2id.

    The work of wrapping is that of hashing a password.
    """
    from lingpai.passwords import legacy_hashes

    fast = legacy_hashes.fast_digest(given)
    if fast is None:
        return given
    kind, digest = fast
    return legacy_hashes.wrapped(kind, _hasher(settings).hash(digest))


def needs_rehash(stored: str, settings: "PasswordSettings") -> bool:
    """Whether `stored`, a hash that was just verified, was made in another way than `settings` ask for."""
    return not stored.startswith(_ARGON2) or _hasher(settings).check_needs_rehash(stored)


def check_new(password: str, username: str | None, settings: "PasswordSettings") -> None:
    """Refuse a new password that is too short or long, the account's own name, or one that is common or has leaked.

    Lengths are counted in code points after NFKC. There are no rules of composition (NIST SP 800-63B-4, 3.1.1.2), but
    for those of PASSWORD_CLASSES.
    Where the filter of common ones cannot be read, every new password is refused with 503.
    """
    if len(password) > LONGEST:
        raise invalid_request("password_too_long", limit=MAX_LENGTH)
    normalised = normalise(password)
    if len(normalised) < settings.password_min_length:
        raise invalid_request("password_too_short", limit=settings.password_min_length)
    if len(normalised) > MAX_LENGTH:
        raise invalid_request("password_too_long", limit=MAX_LENGTH)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Cn") for character in normalised):
        raise invalid_request("password_unreadable")
    if _classes(normalised) < settings.password_classes:
        raise invalid_request("password_too_plain", classes=settings.password_classes)
    if username is not None and normalised.casefold() == normalise(username).casefold():
        raise invalid_request("password_is_name")
    if _filter(settings).refuses(password):
        raise invalid_request("password_common")


def check_differs(new: str, old: str) -> None:
    """LingpaiError if the new password is the old one, on whatever keyboard it was typed."""
    if normalise(new) == normalise(old):
        raise invalid_request("password_unchanged")


def _classes(password: str) -> int:
    """How many of these classes its characters are of: lower case, upper case, digits, and all others."""
    kinds = (
        str.islower,
        str.isupper,
        str.isdigit,
        lambda each: not (each.islower() or each.isupper() or each.isdigit()),
    )
    return sum(any(map(kind, password)) for kind in kinds)


def filter_path(settings: "PasswordSettings") -> Path:
    """The path of the filter of common passwords: the operator's, or the one that is shipped."""
    return Path(settings.password_filter) if settings.password_filter else password_filter.SHIPPED


def digests_of(password: str) -> str:
    """The digests of `password` that a client of seed 002 sends, joined as they are stored."""
    raw = password.encode()
    return joined_digests(hashlib.md5(raw).hexdigest(), hashlib.sha1(raw).hexdigest())  # noqa: S324  the seed's choice


def joined_digests(md5: str, sha1: str) -> str:
    """Both digests (hex, in either case) as one text, to be hashed as a password is."""
    return f"{md5.lower()}:{sha1.lower()}"


def normalise(password: str) -> str:
    """NFKC, so that one password typed on two keyboards is one (RFC 8265 keeps NFC; NIST allows NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _verify_argon2(password: str, stored: str, settings: "PasswordSettings") -> bool:
    from argon2.exceptions import VerificationError

    for attempt in dict.fromkeys((normalise(password), password)):
        try:
            return _hasher(settings).verify(stored, _encode(attempt))
        except (VerificationError, ValueError):
            continue
    return False


def _verify_legacy(password: str, stored: str, settings: "PasswordSettings") -> bool:
    from lingpai.passwords import legacy_hashes

    try:
        check = legacy_hashes.check_of(stored)
    except legacy_hashes.Unreadable:
        return _verify_argon2(password, _unmatchable(settings), settings)
    try:
        return any(check(_encode(attempt)) for attempt in dict.fromkeys((password, normalise(password))))
    except ValueError:
        # A hash that looks whole, and that the library of its kind does not take: it has no password.
        return False


def _encode(password: str) -> bytes:
    """UTF-8; half a surrogate pair, which JSON can bring, makes a password that nobody has, and no error."""
    return password.encode("utf-8", "surrogatepass")


def _hasher(settings: "PasswordSettings") -> "argon2.PasswordHasher":
    return _hasher_of(settings.argon2_time, settings.argon2_memory_kib, settings.argon2_parallelism)


@functools.cache
def _hasher_of(time_cost: int, memory_kib: int, parallelism: int) -> "argon2.PasswordHasher":
    import argon2

    return argon2.PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)


def _unmatchable(settings: "PasswordSettings") -> str:
    """A well-formed hash of nothing: verifying against it costs what a real one costs, and fails."""
    return (
        f"$argon2id$v=19$m={settings.argon2_memory_kib},t={settings.argon2_time}"
        f",p={settings.argon2_parallelism}${'A' * 22}${'A' * 43}"
    )


def _filter(settings: "PasswordSettings") -> password_filter.PasswordFilter:
    try:
        return _filter_at(filter_path(settings))
    except password_filter.FilterError as error:
        raise unavailable("passwords_unchecked", retry_after=60, detail=str(error)) from None


# Read at the first new password, and kept: a filter that could not be read is tried again.
_filter_at = functools.cache(password_filter.load)
