"""Limits: so many times in a window, exact under concurrency, one write for each decision.

Windows begin at whole multiples of their length since 1970. A limit of 0 is off. What the store cannot count is
refused: what costs money fails closed.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lingpai.kernel.errors import LingpaiError, too_many_requests
from lingpai.rate_limits.storage import CheckCounter, IncrementCounter
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.rate_limits.settings import RateLimitSettings

# What addresses are limited in.
Counted = Literal["client", "sms", "login", "verify", "register", "sign"]

HOUR = 3600
DAY = 86400
# The networks that one subscriber, or one rented machine, has to itself.
_NETWORK_BITS = {4: 24, 6: 64}


@dataclass(frozen=True)
class Limit:
    """So many of each thing that is counted, within the window that ends at `ends_at`."""

    key: str
    counts: Mapping[str, int]
    ends_at: int
    ttl: int

    def reached(self, counts: Mapping[str, int]) -> bool:
        """Whether one of these counts leaves none."""
        return any(counts.get(name, 0) >= limit for name, limit in self.counts.items())

    def refusal(self, now: int, reason: str = "limit_reached", detail: str | None = None) -> LingpaiError:
        """The 429 for who comes at `now`, when nothing is left."""
        return too_many_requests(reason, retry_after=max(1, self.ends_at - now), detail=detail)

    @property
    def check(self) -> CheckCounter:
        """The write that fails where the limit is reached."""
        return CheckCounter(self.key, self.counts)

    @property
    def increment(self) -> IncrementCounter:
        """The write that takes one, and fails where none is left."""
        return IncrementCounter(self.key, self.counts, self.ttl)


def limit_of(key: str, counts: Mapping[str, int], window: int, at: int) -> Limit | None:
    """The limit that holds at this time for `key` (times and lengths in seconds); None where every count is off."""
    on = {name: most for name, most in counts.items() if most}
    begins = at - at % window
    return Limit(f"{key}:{window}:{begins}", on, begins + window, begins + 2 * window) if on else None


def address_limit(settings: "RateLimitSettings", what: Counted, address: str, at: int) -> Limit | None:
    """The limit of an hour for an address and the network around it (/24, or /64 of IPv6), kept as one counter.

    How much of `what` they have is in the settings, as `LIMIT_<what>_IP` and `LIMIT_<what>_NET`. None for the addresses
    that the settings trust, such as one's own back ends'. Where networks have no limit, each address has a counter
    of its own: nothing would end how many there are in that of a network.
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
    """One text for a name and an address, or the /64 of an IPv6 address, whose rest its holder changes at will."""
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
    """The limit of an hour for a client: `LIMIT_<what>_CLIENT` of the settings."""
    per_client: int = getattr(settings, f"limit_{what}_client")
    return limit_of(f"{what}:client:{client_id}", {"all": per_client}, HOUR, at)


def message_limits(settings: "RateLimitSettings", client_id: str, now: int) -> tuple[Limit | None, ...]:
    """The limits that messages to all numbers share: the client's of an hour, the deployment's of a day."""
    return (
        client_limit(settings, "sms", client_id, now),
        limit_of("sms:all", {"all": settings.limit_sms_day}, DAY, now),
    )


def increment(services: Services, wanted: Limit | None, reason: str = "limit_reached", amount: int = 1) -> Limit | None:
    """Take one, and give the limit again; LingpaiError 429 when none is left.

    With an amount of 0 nothing is taken, by the same work.
    """
    if wanted is not None and not services.store.increment(wanted.key, wanted.counts, wanted.ttl, amount).done:
        raise wanted.refusal(services.clock.now(), reason)
    return wanted


@contextmanager
def refund_on_refusal(services: Services) -> Iterator[list[Limit | None]]:
    """The limits put into this list are given back what was taken when the block ends by a refusal.

    An error that is no refusal keeps what was taken: then nobody knows what came of it.
    """
    taken: list[Limit | None] = []
    try:
        yield taken
    except LingpaiError:
        for limit in filter(None, taken):
            for name in limit.counts:
                services.store.refund(limit.key, name)
        raise
