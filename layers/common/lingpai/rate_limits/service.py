"""Limits in fixed windows, exact under concurrency: one write for each decision.

Windows begin at whole multiples of their length since 1970. A limit of 0 is off. If the store cannot count a request,
the request is refused (fail closed).
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lingpai.kernel.errors import LingpaiError, too_many_requests
from lingpai.rate_limits.storage import CheckCounter, IncrementCounter
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.rate_limits.settings import RateLimitSettings

# The actions that are limited by address.
Counted = Literal["client", "sms", "login", "verify", "register", "sign"]

HOUR = 3600
DAY = 86400
# How long the day's count of messages is kept: the console shows so many days.
DAYS_KEPT = 31
# Prefix lengths of the networks that one subscriber or rented machine typically has.
_NETWORK_BITS = {4: 24, 6: 64}


@dataclass(frozen=True)
class Limit:
    """The maximum of each count in the window that ends at `ends_at` (Unix seconds), and the counter's key and ttl."""

    key: str
    counts: Mapping[str, int]
    ends_at: int
    ttl: int

    def reached(self, counts: Mapping[str, int]) -> bool:
        """Whether one of these counts has reached its maximum."""
        return any(counts.get(name, 0) >= limit for name, limit in self.counts.items())

    def share(self, percent: int) -> "Limit":
        """The same counter with maxima of so many percent, rounded down, and at least 1."""
        return replace(self, counts={name: max(1, most * percent // 100) for name, most in self.counts.items()})

    def refusal(self, now: int, reason: str = "limit_reached", detail: str | None = None) -> LingpaiError:
        """The error 429 for a request at `now`, after the limit is reached."""
        return too_many_requests(reason, retry_after=max(1, self.ends_at - now), detail=detail)

    @property
    def check(self) -> CheckCounter:
        """The write that fails if the limit is reached."""
        return CheckCounter(self.key, self.counts)

    @property
    def increment(self) -> IncrementCounter:
        """The write that counts one, and fails if the limit is reached."""
        return IncrementCounter(self.key, self.counts, self.ttl)


def limit_of(key: str, counts: Mapping[str, int], window: int, at: int) -> Limit | None:
    """The limit for `key` in the window of this time (times and lengths in seconds); None if every count is off."""
    on = {name: most for name, most in counts.items() if most}
    begins = at - at % window
    return Limit(f"{key}:{window}:{begins}", on, begins + window, begins + 2 * window) if on else None


def address_limit(settings: "RateLimitSettings", what: Counted, address: str, at: int) -> Limit | None:
    """The hourly limit for an address and the network around it (/24, or /64 of IPv6), in one counter.

    The settings `LIMIT_<what>_IP` and `LIMIT_<what>_NET` are the maxima. None for TRUSTED_ADDRESSES, such as one's own
    back ends. If networks have no limit, each address has a counter of its own, since the counter of a network could
    grow without bound.
    """
    import ipaddress

    per_address: int = getattr(settings, f"limit_{what}_ip")
    per_network: int = getattr(settings, f"limit_{what}_net")
    ip = ipaddress.ip_address(address)
    if any(ip in ipaddress.ip_network(trusted) for trusted in settings.trusted_addresses):
        return None
    network = ipaddress.ip_network((ip, _NETWORK_BITS[ip.version]), strict=False)
    if not per_network:
        return limit_of(f"{what}:{ip}", {"all": per_address}, HOUR, at)
    return limit_of(f"{what}:{network}", {"all": per_network, ip.packed.hex(): per_address}, HOUR, at)


def address_mark(key: str, address: str) -> str:
    """A hash of a name and an address; of IPv6 only the /64, since its holder can choose the rest freely."""
    import ipaddress

    ip = ipaddress.ip_address(address)
    known = ip if ip.version == 4 else ipaddress.ip_network((ip, 64), strict=False)
    return hashed(f"{key} {known}")


def hashed(text: str) -> str:
    """A short hash of a name, for keys and marks of limits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def client_limit(
    settings: "RateLimitSettings", what: Literal["sms", "verify", "sign"], client_id: str, at: int
) -> Limit | None:
    """The hourly limit for a client: the setting `LIMIT_<what>_CLIENT`."""
    per_client: int = getattr(settings, f"limit_{what}_client")
    return limit_of(f"{what}:client:{client_id}", {"all": per_client}, HOUR, at)


def message_limits(settings: "RateLimitSettings", client_id: str, now: int) -> tuple[Limit | None, ...]:
    """The limits that all numbers share: the client's hourly one, the deployment's daily one."""
    of_day = limit_of("sms:all", {"all": settings.limit_sms_day}, DAY, now)
    kept = replace(of_day, ttl=of_day.ends_at + DAYS_KEPT * DAY) if of_day else None
    return (client_limit(settings, "sms", client_id, now), kept)


def increment(services: Services, wanted: Limit | None, reason: str = "limit_reached", amount: int = 1) -> Limit | None:
    """Count one, and return the limit; LingpaiError 429 if it is reached.

    With an amount of 0 nothing is counted, but the work is the same.
    """
    if wanted is not None and not services.store.increment(wanted.key, wanted.counts, wanted.ttl, amount).done:
        raise wanted.refusal(services.clock.now(), reason)
    return wanted


@contextmanager
def refund_on_refusal(services: Services) -> Iterator[list[Limit | None]]:
    """A block that refunds the limits in its list if it ends with a LingpaiError.

    After any other error it is unknown whether the action was done, so nothing is refunded.
    """
    taken: list[Limit | None] = []
    try:
        yield taken
    except LingpaiError:
        for limit in filter(None, taken):
            for name in limit.counts:
                services.store.refund(limit.key, name)
        raise
