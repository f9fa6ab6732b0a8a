"""Nonces for proofs (RFC 9449 section 8). None is stored: a nonce is the time, with a MAC under the pepper."""

import hmac
import re
from typing import TYPE_CHECKING

from lingpai.kernel import base64url
from lingpai.kernel.clock import LEEWAY

if TYPE_CHECKING:
    from lingpai.services import Services

# Seconds for which a nonce may be used, any number of times (RFC 9449 section 11.1).
LIFETIME = 300

_STAMP_BYTES, _MAC_BYTES = 4, 16
_SHAPE = re.compile(r"[A-Za-z0-9_-]{27}")


def current(services: "Services") -> str:
    """The nonce of this second: 27 characters."""
    return _nonce(services, services.clock.now().to_bytes(_STAMP_BYTES))


def is_recent(services: "Services", nonce: str | None) -> bool:
    """Whether it is a nonce of the last LIFETIME seconds; the clock of the function that made it may be ahead."""
    if nonce is None or not _SHAPE.fullmatch(nonce):
        return False
    stamp = base64url.decode(nonce)[:_STAMP_BYTES]
    is_ours = hmac.compare_digest(nonce.encode(), _nonce(services, stamp).encode())
    return is_ours and -LEEWAY <= services.clock.now() - int.from_bytes(stamp) <= LIFETIME


def _nonce(services: "Services", stamp: bytes) -> str:
    mac = hmac.digest(services.pepper(), b"dpop-nonce:" + stamp, "sha256")
    return base64url.encode(stamp + mac[:_MAC_BYTES])
