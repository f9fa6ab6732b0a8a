"""Recovery codes: ten random texts, each good for one login in place of an authenticator app or a passkey.

A code has 60 random bits and is kept as an HMAC-SHA256 under the deployment's pepper, which is not in the tables. So
whoever reads the table alone can test no guess. A slow hash is for passwords, which people choose.
"""

import hmac
import unicodedata

from lingpai.kernel import base64url, typed_text
from lingpai.kernel.clock import Clock
from lingpai.services import Services

COUNT = 10
# Crockford's Base32: I, L, O and U are left out, and the first three are read as the digits that they look like.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("ILO", "110", "-‐‑–—")
_LENGTH, _GROUP = 12, 4
_BITS = 5


def make(clock: Clock) -> tuple[str, ...]:
    """Ten new codes, in groups of characters as people read them: `1A2B-3C4D-5E6F`."""
    return tuple(_make(clock) for _ in range(COUNT))


def _make(clock: Clock) -> str:
    drawn = int.from_bytes(clock.random_bytes(8))
    code = "".join(_ALPHABET[drawn >> _BITS * place & 2**_BITS - 1] for place in range(_LENGTH))
    return "-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def parse(typed: str) -> str | None:
    """The code as it was meant, without groups; None for a text that can be none."""
    if len(typed) > typed_text.LONGEST:
        return None
    code = typed_text.digits(unicodedata.normalize("NFKC", typed)).upper().translate(_READ_AS)
    return code if len(code) == _LENGTH and set(code) <= set(_ALPHABET) else None


def mark(services: Services, user_id: int, code: str) -> str:
    """What is kept of a code of this account, as `parse` gives it: a keyed hash."""
    content = f"recovery code:{user_id}:{code}".encode()
    return base64url.encode(hmac.digest(services.pepper(), content, "sha256"))
