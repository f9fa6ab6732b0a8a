"""Countries and prefixes: how many messages may go there, and whether the codes in them come back.

An attacker who pumps messages to numbers of their own never gives a code back. So each prefix has an allowance of
messages that nobody has proven to have read: a message takes one, a code given back right returns `SMS_PROOF` of them,
once a day for each number. When it is used up the prefix is stopped, until its day (UTC) ends or the operator lifts the
stop: then only numbers that have an account are sent a code, and nobody is told which.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits.service import Limit
from lingpai.services import Services

_SENT, _UNPROVEN, _VERIFIED = "sent", "unproven", "verified"


@dataclass(frozen=True)
class Traffic:
    """What a prefix has had today: messages sent, how many of them count as unproven, and codes that came back."""

    sent: int
    unproven: int
    verified: int


@dataclass(frozen=True)
class Destination:
    """Where a number is: its country (ISO 3166-1), and the calling code with the digits that make its prefix."""

    country: str
    prefix: str


def destination(services: Services, number: str) -> Destination:
    """Where messages to `number` (E.164) go."""
    return Destination(*phone_numbers.prefix(number, services.settings.sms_prefix_digits))


@dataclass(frozen=True)
class Taken:
    """The limit that a message was taken from; `stopped` where the prefix has no unproven messages left."""

    limit: Limit | None
    stopped: bool = False


def increment(services: Services, to: Destination) -> Taken:
    """Take a message for the prefix, unless it is stopped; LingpaiError 429 where it has had its day's."""
    now = services.clock.now()
    limit = _limit(services, to.prefix, now)
    if limit is None:
        return Taken(None)
    counted = services.store.increment(limit.key, limit.counts, limit.ttl)
    used_up = _UNPROVEN in limit.counts and counted.counts.get(_UNPROVEN, 0) >= limit.counts[_UNPROVEN]
    if not counted.done and not used_up:
        raise limit.refusal(now, detail=f"{to.country} {to.prefix}: {_traffic(counted.counts)}")
    if counted.done and used_up:
        # One message alone is the last of the allowance, so each stop is reported once.
        services.meter.count("PrefixStopped", country=to.country, prefix=to.prefix)
    return Taken(limit, stopped=not counted.done)


def message_limits(services: Services, to: Destination, client_id: str, now: int) -> tuple[Limit | None, ...]:
    """The limits of a message whose code need not come back: those of the prefix, of the client and of the day."""
    of_prefix = _limit_of(to.prefix, {_SENT: services.settings.limit_sms_prefix}, now)
    return (of_prefix, *rate_limits.message_limits(services.settings, client_id, now))


def sent(services: Services, to: Destination) -> None:
    """A message went there."""
    services.meter.count("CodesSent", country=to.country, prefix=to.prefix)


def proven(services: Services, number: str, sent_at: int, *, counts: bool) -> None:
    """The code that was sent to `number` at this time came back right.

    Where it `counts`, the prefix gets messages back. A failure of the store is ignored: it brings a stop nearer, but
    the number is proven all the same.
    """
    to = destination(services, number)
    services.meter.count("CodesVerified", country=to.country, prefix=to.prefix)
    limit = _limit(services, to.prefix, sent_at) if counts else None
    if limit is not None and _UNPROVEN in limit.counts:
        with contextlib.suppress(LingpaiError):
            services.store.refund(limit.key, _UNPROVEN, services.settings.sms_proof, add=_VERIFIED)


def traffic(services: Services, prefix: str) -> Traffic:
    """What the prefix, such as "+861331", has had today."""
    limit = _limit(services, prefix, services.clock.now())
    return _traffic(services.store.counts(limit.key) if limit else {})


def lift(services: Services, prefix: str) -> None:
    """End the stop of a prefix: its day begins anew."""
    limit = _limit(services, prefix, services.clock.now())
    if limit is not None:
        services.store.clear(limit.key)


def _limit(services: Services, prefix: str, at: int) -> Limit | None:
    settings = services.settings
    counts = {_SENT: settings.limit_sms_prefix, _UNPROVEN: settings.sms_unproven}
    return _limit_of(prefix, counts, at)


def _limit_of(prefix: str, counts: Mapping[str, int], at: int) -> Limit | None:
    return rate_limits.limit_of(f"sms:prefix:{prefix}", counts, rate_limits.DAY, at)


def _traffic(counts: Mapping[str, int]) -> Traffic:
    return Traffic(counts.get(_SENT, 0), counts.get(_UNPROVEN, 0), counts.get(_VERIFIED, 0))
