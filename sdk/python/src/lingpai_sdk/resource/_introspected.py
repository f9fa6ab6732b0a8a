"""Opaque access tokens: read the answer of introspection (RFC 7662), and cache the result."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from lingpai_sdk.resource._errors import InvalidToken
from lingpai_sdk.resource._signed import Policy, access_token
from lingpai_sdk.resource._tokens import AccessToken

_Value = TypeVar("_Value")


def read(policy: Policy, answer: Mapping[str, Any]) -> AccessToken:
    """The token that the issuer's answer describes; InvalidToken if this API must not accept it.

    Refresh tokens, which have no `token_type`, are refused. Temporary tokens are refused too: they may only read, and
    this function does not know what the request does. An answer without `aud` is about a token that was requested
    without `resource`. Its audience is the issuer, as for a signed token.
    """
    if answer.get("active") is not True:
        raise InvalidToken("The access token is invalid or has expired")
    kind = answer.get("token_type")
    # RFC 9449 section 6.2: a token that is bound to a key says so.
    expected = "dpop" if "cnf" in answer else "bearer"
    if not isinstance(kind, str) or kind.lower() != expected or answer.get("temporary"):
        raise InvalidToken("The token is not an access token")
    if answer.get("iss", policy.issuer) != policy.issuer:
        raise InvalidToken("The access token is of another issuer")
    try:
        found = access_token(answer, answer.get("scope", "").split(" "), answer.get("aud", policy.issuer))
    except (AttributeError, LookupError, OSError, OverflowError, TypeError, ValueError):
        raise InvalidToken("The access token is invalid") from None
    if policy.audiences.isdisjoint(found.audience):
        raise InvalidToken("The access token is not for this API")
    return found


def digest(token: str) -> bytes:
    """The SHA-256 of the token: the key in the cache, so that the token itself is not kept."""
    return hashlib.sha256(token.encode()).digest()


class Cache(Generic[_Value]):
    """A thread-safe LRU cache of at most `size` values. Each value has its own expiry.

    Times are wall-clock seconds. If the clock was set back to before a value was stored, the value counts as expired.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[bytes, tuple[_Value, float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes, now: float) -> _Value | None:
        """The value; None if there is none or it has expired."""
        with self._lock:
            value, since, until = self._held.get(key, (None, now, now))
            if not since <= now < until:
                self._held.pop(key, None)
                return None
            self._held.move_to_end(key)
            return value

    def put(self, key: bytes, value: _Value, now: float, until: float) -> None:
        """Store the value until the time `until`."""
        with self._lock:
            self._held[key] = (value, now, until)
            self._held.move_to_end(key)
            while len(self._held) > self._size:
                self._held.popitem(last=False)
