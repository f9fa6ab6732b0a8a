"""The id of a session in text: the first half of its tokens, and of the `jti` of a signed one."""

import re

from lingpai.kernel import base64url
from lingpai.sessions.model import SessionKey

_OWNER_BYTES = 8
# As a regular expression. The spare bits of the last character are zero: a key has one spelling.
SHAPE = "[A-Za-z0-9_-]{21}[AQgw]"
_SHAPE = re.compile(SHAPE)


def of(key: SessionKey) -> str:
    """Return the id of a session: 22 characters."""
    return base64url.encode(key.owner.to_bytes(_OWNER_BYTES) + key.id)


def parse(text: str) -> SessionKey | None:
    """Return the key in an id; None for a text that is no id, or is not spelled as `of` spells it."""
    return key_in(text) if _SHAPE.fullmatch(text) else None


def key_in(text: str) -> SessionKey:
    """Return the key in a text that has the shape of an id."""
    raw = base64url.decode(text)
    return SessionKey(int.from_bytes(raw[:_OWNER_BYTES]), raw[_OWNER_BYTES:])
