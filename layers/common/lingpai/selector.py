"""The half of a token, and of a signed token's `jti`, that finds the session; and base64url as tokens spell it."""

import base64
import re

from lingpai.model import SessionKey

_OWNER_BYTES = 8
_SHAPE = re.compile(r"[A-Za-z0-9_-]{22}")


def of(key: SessionKey) -> str:
    """The selector of a session's key: 22 characters."""
    return encode(key.owner.to_bytes(_OWNER_BYTES) + key.id)


def parse(text: str) -> SessionKey | None:
    """The key in a selector; None for a text that is none, another spelling of one included."""
    if not _SHAPE.fullmatch(text) or encode(raw := decode(text)) != text:
        return None
    return SessionKey(int.from_bytes(raw[:_OWNER_BYTES]), raw[_OWNER_BYTES:])


def encode(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of a base64url text without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
