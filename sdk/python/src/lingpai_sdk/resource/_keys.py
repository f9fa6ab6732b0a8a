"""The issuer's public keys: how long they are used, and when they may be fetched again."""

import math
from collections.abc import Mapping

import jwt

from lingpai_sdk.resource._errors import InvalidToken, Unavailable

# Seconds between two fetches, even if many tokens name unknown keys.
COOL_DOWN = 30.0
# Seconds after a fetch that failed.
FAILURE_COOL_DOWN = 5.0
# For how many seconds keys are used while the issuer cannot be reached.
STALE_LIMIT = 86400.0


class Keys:
    """The keys by `kid`. Reading needs no lock. The caller makes sure that only one fetch runs at a time.

    `ttl` is the age in seconds at which keys are fetched again. A key that the issuer has withdrawn is accepted for at
    most that time. Times are wall-clock seconds: a monotonic clock may stop while a Lambda function is frozen.
    """

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = -math.inf
        self._tried_at = -math.inf
        self._pause = 0.0
        self._failed = False

    def has(self, kid: str, now: float) -> bool:
        """Whether `get` would return this key."""
        return self._are_usable(now) and kid in self._keys

    def are_due(self, kid: str, now: float) -> bool:
        """Whether to fetch now: this key is unknown or the keys are too old, and the cool-down is over."""
        fresh = within(self._ttl, self._fetched_at, now) and self.has(kid, now)
        return not fresh and not within(self._pause, self._tried_at, now)

    def get(self, kid: str, now: float) -> jwt.PyJWK:
        """The key; InvalidToken if the issuer has no such key, Unavailable if the keys could not be fetched."""
        if self.has(kid, now):
            return self._keys[kid]
        if self._failed or not self._are_usable(now):
            raise Unavailable("The issuer's keys cannot be fetched", FAILURE_COOL_DOWN)
        raise InvalidToken("The access token is signed by an unknown key")

    def fail(self, now: float) -> None:
        """Record a failed fetch. The keys stay as they are."""
        self._failed, self._tried_at, self._pause = True, now, FAILURE_COOL_DOWN

    def replace(self, keys: Mapping[str, jwt.PyJWK], now: float) -> None:
        """Store the keys of a successful fetch."""
        self._keys, self._fetched_at = keys, now
        self._failed, self._tried_at, self._pause = False, now, COOL_DOWN

    def _are_usable(self, now: float) -> bool:
        return within(STALE_LIMIT, self._fetched_at, now)


def within(seconds: float, since: float, now: float) -> bool:
    """Whether fewer than `seconds` have passed since `since`; False if the clock was set back."""
    return 0 <= now - since < seconds
