"""Password hashes that other systems made: Django's, Laravel's, Spring's, bare bcrypt, and wrapped MD5 and SHA-1.

Nothing here is ever made anew: a hash of these kinds is verified until its account logs in, then argon2id takes its
place (`authentication.password`). Each library is imported when a hash needs it. The formats are those of Django's
`contrib.auth.hashers`, of PHP's `password_hash`, and of Spring Security's `PasswordEncoderFactories`.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable

# What verifying one hash may cost. A deployed function has 1 GiB of memory and 0.6 of a processor, and answers within
# 10 s: each of these takes less than 4 s there. Above them a hash would lock its owner out, or was made to do harm.
MAX_MEMORY = 256 * 2**20  # bytes
MAX_PBKDF2_ITERATIONS = 5_000_000
MAX_BCRYPT_COST = 15
MAX_ARGON2_WORK = 2**21  # KiB × passes
MAX_ARGON2_LANES = 64
MAX_SCRYPT_WORK = 2**22  # N × r × p

# Below it PBKDF2 is as good as a fast hash (RFC 2898 section 4.2).
MIN_PBKDF2_ITERATIONS = 1000

MAX_LENGTH = 1024

# Tells whether a password, in UTF-8, is the one behind the hash that was read.
Check = Callable[[bytes], bool]

_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)(?:\$v=\d{1,3})?\$m=(?P<memory>\d{1,10}),t=(?P<passes>\d{1,10}),p=(?P<lanes>\d{1,10})"
    r"\$[A-Za-z0-9+/]{11,172}\$[A-Za-z0-9+/]{16,172}"
)
# The last character of the salt holds two bits; a library that finds more there refuses the hash.
_BCRYPT = re.compile(r"\$2(?P<version>[abxy]?)\$(?P<cost>\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_HEX = re.compile(r"[0-9A-Fa-f]*")
_MD5_LENGTH, _SHA1_LENGTH = 32, 40
# bcrypt reads no more of a password, and the systems that these hashes come from cut it there without a word.
_BCRYPT_READS = 72


class Unreadable(Exception):
    """A hash that cannot be taken over; the text says why and holds nothing of the hash."""


def check_of(stored: str) -> Check:
    """The function that verifies passwords against `stored`; Unreadable for an unknown format.

    A plain MD5 or SHA-1 is never verified: it is of no known format here (see `fast_digest`).
    """
    if len(stored) > MAX_LENGTH:
        raise Unreadable(f"is longer than {MAX_LENGTH} characters")
    if not stored.isascii():
        raise Unreadable("holds characters that no hash has")
    if stored.startswith("$argon2"):
        return _argon2(stored)
    if stored.startswith("$2"):
        return _bcrypt(stored)
    if stored.startswith("{"):
        name, _, rest = stored[1:].partition("}")
        return _of(_SPRING, name, rest, "is of a kind of Spring's that is not known")
    if "+" in stored and stored.partition("+")[0] in _WRAPPED:
        name, _, rest = stored.partition("+")
        return _of(_WRAPPED, name, rest, "")
    name, _, rest = stored.partition("$")
    return _of(_DJANGO, name, rest, "is of no format that is known")


def fast_digest(given: str) -> tuple[str, str] | None:
    """The kind (md5 or sha1) and the lower-case hex digest of an unsalted fast hash; None for anything else.

    Plain, as Django writes it (`md5$$…`) or as Spring does (`{MD5}…`).
    """
    for prefix in ("md5$$", "sha1$$", "{MD5}", "{SHA-1}"):
        if given.startswith(prefix) and len(given) - len(prefix) in (_MD5_LENGTH, _SHA1_LENGTH):
            given = given.removeprefix(prefix)
            break
    if not _HEX.fullmatch(given):
        return None
    kind = {_MD5_LENGTH: "md5", _SHA1_LENGTH: "sha1"}.get(len(given))
    return (kind, given.lower()) if kind else None


def wrapped(kind: str, hashed: str) -> str:
    """How a fast digest is stored: its kind and the argon2id hash of it."""
    return f"{kind}+{hashed}"


def _of(kinds: dict[str, Callable[[str], Check]], name: str, rest: str, otherwise: str) -> Check:
    if name not in kinds:
        if name.startswith("!"):  # Django's mark
            otherwise = "marks an account that has no password; leave the field empty"
        raise Unreadable(otherwise)
    return kinds[name](rest)


# --- kinds ----------------------------------------------------------------------------------------------------


def _argon2(text: str) -> Check:
    """`$argon2id$v=19$m=…,t=…,p=…$salt$hash` (the PHC string format), and argon2i and argon2d alike."""
    match = _ARGON2.fullmatch(text)
    if match is None:
        raise Unreadable("is not a whole argon2 hash")
    memory, passes, lanes = int(match["memory"]), int(match["passes"]), int(match["lanes"])
    if memory * 1024 > MAX_MEMORY or memory * passes > MAX_ARGON2_WORK or lanes > MAX_ARGON2_LANES:
        raise Unreadable(
            f"asks for too much: argon2 with at most {MAX_MEMORY // 1024} KiB, {MAX_ARGON2_WORK} KiB times passes "
            f"and {MAX_ARGON2_LANES} lanes is taken"
        )

    def check(password: bytes) -> bool:
        import argon2

        try:
            return argon2.PasswordHasher().verify(text, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    return check


def _bcrypt(text: str) -> Check:
    """`$2a$`, `$2b$` and `$2y$`, which differ only in faults of long ago."""
    match = _BCRYPT.fullmatch(text)
    if match is None:
        raise Unreadable("is not a whole bcrypt hash")
    if match["version"] in ("", "x"):
        raise Unreadable("is a bcrypt hash of a version with known faults: $2a$, $2b$ and $2y$ are taken")
    cost = int(match["cost"])
    if not 4 <= cost <= MAX_BCRYPT_COST:
        raise Unreadable(f"asks for a bcrypt cost of {cost}: 4 to {MAX_BCRYPT_COST} is taken")

    def check(password: bytes) -> bool:
        import bcrypt

        return bcrypt.checkpw(password[:_BCRYPT_READS], text.encode())

    return check


def _bcrypt_sha256(text: str) -> Check:
    """Django's, over the hex of the SHA-256, so that long passwords count whole."""
    inner = _bcrypt(text)
    return lambda password: inner(hashlib.sha256(password).hexdigest().encode())


def _pbkdf2(algorithm: str, iterations: int, salt: bytes, expected: bytes) -> Check:
    if not MIN_PBKDF2_ITERATIONS <= iterations <= MAX_PBKDF2_ITERATIONS:
        raise Unreadable(
            f"asks for {iterations} iterations: {MIN_PBKDF2_ITERATIONS} to {MAX_PBKDF2_ITERATIONS} is taken"
        )
    return lambda password: hmac.compare_digest(
        hashlib.pbkdf2_hmac(algorithm, password, salt, iterations, len(expected)), expected
    )


def _django_pbkdf2(algorithm: str) -> Callable[[str], Check]:
    """`iterations$salt$base64`."""

    def read(text: str) -> Check:
        parts = text.split("$")
        if len(parts) != 3 or not parts[1] or not re.fullmatch(r"[0-9]{1,12}", parts[0]):
            raise Unreadable("is not a whole PBKDF2 hash of Django's")
        expected = _base64(parts[2])
        if len(expected) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
            raise Unreadable("is not a whole PBKDF2 hash of Django's")
        return _pbkdf2(algorithm, int(parts[0]), parts[1].encode(), expected)

    return read


def _spring_pbkdf2(algorithm: str, iterations: int, salt_length: int) -> Callable[[str], Check]:
    """Hex of salt and hash. What else it takes is not in the text: it is what Spring's name of the kind stands for."""

    def read(text: str) -> Check:
        if not _HEX.fullmatch(text) or len(text) != 2 * (salt_length + 32):
            raise Unreadable(
                f"is not what Spring's own settings give ({salt_length} bytes of salt and 32 of hash, in hex); "
                "PBKDF2 with other settings cannot be taken over"
            )
        raw = bytes.fromhex(text)
        return _pbkdf2(algorithm, iterations, raw[:salt_length], raw[salt_length:])

    return read


def _scrypt(n: int, r: int, p: int, salt: bytes, expected: bytes) -> Check:
    # RFC 7914 section 2: N is a power of two below 2^(16·r).
    if n < 2 or n & (n - 1) or r < 1 or n >= 1 << 16 * r or p < 1 or not salt or not 16 <= len(expected) <= 128:
        raise Unreadable("is not a whole scrypt hash")
    memory = 128 * r * (n + p + 2)
    if memory > MAX_MEMORY or n * r * p > MAX_SCRYPT_WORK:
        raise Unreadable(
            f"asks for too much: scrypt with at most {MAX_MEMORY} bytes and N·r·p {MAX_SCRYPT_WORK} is taken"
        )
    return lambda password: hmac.compare_digest(
        hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory + 2**20, dklen=len(expected)), expected
    )


def _spring_scrypt(text: str) -> Check:
    """`$params$salt$hash`, the parameters in hex: log2 N, r, p in 16, 8 and 8 bits."""
    match = re.fullmatch(r"\$([0-9a-fA-F]{1,8})\$([^$]+)\$([^$]+)", text)
    if match is None:
        raise Unreadable("is not a whole scrypt hash of Spring's")
    params = int(match[1], 16)
    if params >> 16 > 40:
        raise Unreadable("asks for too much: scrypt with an N above 2^40")
    return _scrypt(1 << (params >> 16), params >> 8 & 0xFF, params & 0xFF, _base64(match[2]), _base64(match[3]))


def _django_scrypt(text: str) -> Check:
    """`N$salt$r$p$base64`."""
    match = re.fullmatch(r"([0-9]{1,12})\$([^$]+)\$([0-9]{1,6})\$([0-9]{1,6})\$([^$]+)", text)
    if match is None:
        raise Unreadable("is not a whole scrypt hash of Django's")
    return _scrypt(int(match[1]), int(match[3]), int(match[4]), match[2].encode(), _base64(match[5]))


def _digest_within(algorithm: str) -> Callable[[str], Check]:
    """The argon2id hash of the hex of a fast one."""

    def read(text: str) -> Check:
        inner = _argon2(text)
        return lambda password: inner(hashlib.new(algorithm, password, usedforsecurity=False).hexdigest().encode())

    return read


def _refused(reason: str) -> Callable[[str], Check]:
    def read(text: str) -> Check:  # noqa: ARG001  whatever it holds
        raise Unreadable(reason)

    return read


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("holds something that is not base64") from None


_SALTED = _refused("is a salted fast hash; only the unsalted MD5 and SHA-1 in hex can be wrapped")
_CLEAR = _refused("is a password in clear text; hash it in the old system first, with bcrypt for example")

_DJANGO: dict[str, Callable[[str], Check]] = {
    "pbkdf2_sha256": _django_pbkdf2("sha256"),
    "pbkdf2_sha1": _django_pbkdf2("sha1"),
    "argon2": lambda text: _argon2("$" + text),
    "bcrypt": _bcrypt,
    "bcrypt_sha256": _bcrypt_sha256,
    "scrypt": _django_scrypt,
    "md5": _SALTED,
    "sha1": _SALTED,
}
_SPRING: dict[str, Callable[[str], Check]] = {
    "bcrypt": _bcrypt,
    "pbkdf2": _spring_pbkdf2("sha1", 185_000, 8),
    "pbkdf2@SpringSecurity_v5_8": _spring_pbkdf2("sha256", 310_000, 16),
    "scrypt": _spring_scrypt,
    "scrypt@SpringSecurity_v5_8": _spring_scrypt,
    "argon2": _argon2,
    "argon2@SpringSecurity_v5_8": _argon2,
    "noop": _CLEAR,
    "ldap": _refused("is an LDAP hash, which is not taken over"),
    "MD4": _refused("is an MD4 hash, which is not taken over"),
    "MD5": _SALTED,
    "SHA-1": _SALTED,
    "SHA-256": _refused("is a fast SHA-256, which is not taken over"),
    "sha256": _refused("is a fast SHA-256, which is not taken over"),
}
_WRAPPED: dict[str, Callable[[str], Check]] = {"md5": _digest_within("md5"), "sha1": _digest_within("sha1")}
