"""Base64url without padding (RFC 7515 section 2), as tokens are written in it."""

import binascii
import re

# The regular expression of 32 bytes, such as a secret, in their only encoding: the unused bits at the end are zero.
SHAPE_32 = "[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"

_32_BYTES = re.compile(SHAPE_32)
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def encode(raw: bytes) -> str:
    """Return the bytes as text."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes of a text; ValueError for one that is no base64url."""
    return binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4))


def decode_32(text: str) -> bytes | None:
    """Return the 32 bytes of a text, such as a secret, in their only encoding; None for any other text."""
    return decode(text) if _32_BYTES.fullmatch(text) else None
