"""Countries and prefixes: how many messages may go there, and whether the codes in them come back.

Who pumps messages to numbers of their own never gives a code back. So each prefix has an allowance of messages that
nobody has proven to have read: a message takes one, a code given back right returns `SMS_PROOF` of them. When it is
used up the prefix is stopped, until its day (UTC) ends or the operator lifts the stop.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from lingpai import numbers, throttle
from lingpai.errors import LingpaiError
from lingpai.ports import Services
from lingpai.throttle import Limit

_SENT, _UNPROVEN, _VERIFIED = "sent", "unproven", "verified"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a prefix has had today: messages sent, how many of them count as unproven, and codes that came back."""

    sent: int
    unproven: int
    verified: int


def spend(services: Services, number: str) -> Limit | None:
    """Take a message for the prefix of `number` (E.164); LingpaiError 429 where it is stopped or has had its day's.

    Gives the limit that it was taken from.
    """
    country, prefix = numbers.prefix(number, services.settings.sms_prefix_digits)
    now = services.clock.now()
    limit = _limit(services, prefix, now)
    if limit is None:
        return None
    spent = services.store.spend(limit.key, limit.counts, limit.ttl)
    used_up = _UNPROVEN in limit.counts and spent.counts.get(_UNPROVEN, 0) >= limit.counts[_UNPROVEN]
    if not spent.done:
        detail = f"{country} {prefix}: {_traffic(spent.counts)}"
        raise limit.refusal(now, "prefix_stopped" if used_up else "limit_reached", detail)
    if used_up:
        # One message alone is the last of the allowance, so each stop is reported once.
        services.meter.count("PrefixStopped", country=country, prefix=prefix)
    return limit


def sent(services: Services, number: str) -> None:
    """A message went to `number`."""
    country, prefix = numbers.prefix(number, services.settings.sms_prefix_digits)
    services.meter.count("CodesSent", country=country, prefix=prefix)


def proven(services: Services, number: str, sent_at: int) -> None:
    """The code that was sent to `number` at this time came back right.

    A store that cannot note it brings a stop nearer, and is no reason to refuse who has proven their number.
    """
    country, prefix = numbers.prefix(number, services.settings.sms_prefix_digits)
    services.meter.count("CodesVerified", country=country, prefix=prefix)
    limit = _limit(services, prefix, sent_at)
    if limit is not None and _UNPROVEN in limit.counts:
        with contextlib.suppress(LingpaiError):
            services.store.give_back(limit.key, _UNPROVEN, services.settings.sms_proof, add=_VERIFIED)


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
    return throttle.limit_of(f"sms:prefix:{prefix}", counts, throttle.DAY, at)


def _traffic(counts: Mapping[str, int]) -> Traffic:
    return Traffic(counts.get(_SENT, 0), counts.get(_UNPROVEN, 0), counts.get(_VERIFIED, 0))
