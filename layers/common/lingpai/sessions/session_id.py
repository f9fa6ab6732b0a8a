"""The half of a token, and of a signed token's `jti`, that finds the session; and base64url as tokens spell it."""

import binascii
import re

from lingpai.sessions.model import SessionKey

_OWNER_BYTES = 8
# As a regular expression. The spare bits of the last character are zero: a key has one spelling.
SHAPE = "[A-Za-z0-9_-]{21}[AQgw]"
_SHAPE = re.compile(SHAPE)
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def of(key: SessionKey) -> str:
    """The selector of a session's key: 22 characters."""
    return encode(key.owner.to_bytes(_OWNER_BYTES) + key.id)


def parse(text: str) -> SessionKey | None:
    """The key in a selector; None for a text that is none, another spelling of one included."""
    return key_in(text) if _SHAPE.fullmatch(text) else None


def key_in(selector: str) -> SessionKey:
    """The key in what has the shape of a selector."""
    raw = decode(selector)
    return SessionKey(int.from_bytes(raw[:_OWNER_BYTES]), raw[_OWNER_BYTES:])


def encode(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of a base64url text without padding."""
    return binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4))
