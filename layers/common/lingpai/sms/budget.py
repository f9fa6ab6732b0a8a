"""The daily budget of messages for each prefix, and how many of their codes are entered (SMS pumping, docs/limits.md).

An attacker who pumps messages to their own numbers never enters a code. So each prefix has an allowance of unproven
messages: a message takes one, and a correctly entered code refunds `SMS_PROOF` of them, once a day for each number.
When the allowance is used up the prefix is stopped, until the day (UTC) ends or the operator lifts the stop: then only
numbers with an account get a code, and the response does not tell which. Where captchas are on, a part of the allowance
and a reserve for a stopped prefix are for requests with a solved captcha.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits.service import Limit
from lingpai.services import Services

_SENT, _UNPROVEN, _VERIFIED = "sent", "unproven", "verified"
# A prefix is listed when so many messages were sent to it in a day: only those are shown without being asked for, and
# few messages cost a further write.
LISTED_AT = 10
# More than a list of a day can hold.
_NO_LIMIT = 2**53


@dataclass(frozen=True)
class Traffic:
    """The counts of a prefix today: messages sent, those that count as unproven, and codes entered correctly."""

    sent: int
    unproven: int
    verified: int


@dataclass(frozen=True)
class Destination:
    """The country (ISO 3166-1) and the prefix of a number: its calling code and first digits."""

    country: str
    prefix: str


def destination(services: Services, number: str) -> Destination:
    """The destination of messages to `number` (E.164)."""
    return Destination(*phone_numbers.prefix(number, services.settings.sms_prefix_digits))


@dataclass(frozen=True)
class Taken:
    """The limit that counted a message.

    `stopped` if the prefix has no unproven messages left, `guarded` if it has none left without a captcha. Then the
    message was not counted.
    """

    limit: Limit | None
    stopped: bool = False
    guarded: bool = False


def increment(services: Services, to: Destination, percent: int = 100) -> Taken:
    """Count a message for the prefix, unless it is stopped; LingpaiError 429 if its daily limit is reached.

    It may use so many `percent` of the unproven messages.
    """
    now = services.clock.now()
    limit = _limit(services, to.prefix, now)
    if limit is None:
        return Taken(None)
    maxima = dict(limit.counts)
    if _UNPROVEN in maxima:
        maxima[_UNPROVEN] = limit.share(percent).counts[_UNPROVEN]
    counted = services.store.increment(limit.key, maxima, limit.ttl)
    unproven = counted.counts.get(_UNPROVEN, 0)
    used_up = _UNPROVEN in limit.counts and unproven >= limit.counts[_UNPROVEN]
    guarded = not counted.done and not used_up and _UNPROVEN in maxima and unproven >= maxima[_UNPROVEN]
    if not counted.done and not used_up and not guarded:
        raise limit.refusal(now, detail=f"{to.country} {to.prefix}: {_traffic(counted.counts)}")
    if counted.done and counted.counts.get(_SENT) == LISTED_AT:
        _list(services, to.prefix, now)
    if counted.done and used_up:
        # Exactly one message uses up the allowance, so each stop is reported once.
        services.meter.count("PrefixStopped", country=to.country, prefix=to.prefix)
    return Taken(limit, stopped=not counted.done and used_up, guarded=guarded)


def reserve(services: Services, to: Destination, now: int) -> Limit | None:
    """Count a message for the reserve of a stopped prefix, and return its limit; None if nothing is left of it."""
    limit = rate_limits.limit_of(
        f"sms:reserve:{to.prefix}", {"all": services.settings.captcha_reserve}, rate_limits.DAY, now
    )
    if limit is None or not services.store.increment(limit.key, limit.counts, limit.ttl).done:
        return None
    return limit


def message_limits(services: Services, to: Destination, client_id: str, now: int) -> tuple[Limit | None, ...]:
    """The limits of a message that does not count as unproven: those of the prefix, the client and the day."""
    of_prefix = _limit_of(to.prefix, {_SENT: services.settings.limit_sms_prefix}, now)
    return (of_prefix, *rate_limits.message_limits(services.settings, client_id, now))


def sent(services: Services, to: Destination) -> None:
    """Count a sent message."""
    services.meter.count("CodesSent", country=to.country, prefix=to.prefix)


def proven(services: Services, number: str, sent_at: int, *, counts: bool) -> None:
    """Count a correctly entered code that was sent to `number` at this time.

    If it `counts`, messages are refunded to the prefix. A failure of the store is ignored: the number is proven even
    without the refund.
    """
    to = destination(services, number)
    services.meter.count("CodesVerified", country=to.country, prefix=to.prefix)
    limit = _limit(services, to.prefix, sent_at) if counts else None
    if limit is not None and _UNPROVEN in limit.counts:
        with contextlib.suppress(LingpaiError):
            services.store.refund(limit.key, _UNPROVEN, services.settings.sms_proof, add=_VERIFIED)


def traffic(services: Services, prefix: str) -> Traffic:
    """The counts of the prefix, such as "+861331", today."""
    limit = _limit(services, prefix, services.clock.now())
    return _traffic(services.store.counts(limit.key) if limit else {})


def stands(services: Services, traffic: Traffic) -> bool:
    """Whether a prefix with these counts still gets codes for all numbers."""
    settings = services.settings
    pairs = ((traffic.sent, settings.limit_sms_prefix), (traffic.unproven, settings.sms_unproven))
    return not any(0 < limit <= count for count, limit in pairs)


def listed(services: Services, *also: str, most: int = 100) -> Mapping[str, Traffic]:
    """The counts of today of the prefixes with LISTED_AT messages or more, and of `also`, `most` in all. Two calls."""
    now = services.clock.now()
    names = [*also, *sorted(services.store.counts(_list_key(now)))]
    keys = {limit.key: name for name in dict.fromkeys(names) if (limit := _limit(services, name, now)) is not None}
    chosen = list(keys)[:most]
    found = services.store.counts_of(chosen)
    return {keys[key]: _traffic(found.get(key, {})) for key in chosen}


def by_day(services: Services, days: Sequence[int]) -> tuple[int, ...]:
    """The messages of the deployment on the days that begin at these times, as far as they are still kept. One call."""
    keys = [f"sms:all:{rate_limits.DAY}:{day}" for day in days]
    found = services.store.counts_of(keys)
    return tuple(found.get(key, {}).get("all", 0) for key in keys)


def lift(services: Services, prefix: str) -> None:
    """End the stop of a prefix by resetting its counts."""
    limit = _limit(services, prefix, services.clock.now())
    if limit is not None:
        services.store.clear(limit.key)


def _list(services: Services, prefix: str, now: int) -> None:
    """Add the prefix to the list of today. A failure of the store is ignored: it is for those who look at it."""
    with contextlib.suppress(LingpaiError):
        services.store.increment(_list_key(now), {prefix: _NO_LIMIT}, now + 2 * rate_limits.DAY)


def _list_key(now: int) -> str:
    return f"sms:prefixes:{now - now % rate_limits.DAY}"


def _limit(services: Services, prefix: str, at: int) -> Limit | None:
    settings = services.settings
    counts = {_SENT: settings.limit_sms_prefix, _UNPROVEN: settings.sms_unproven}
    return _limit_of(prefix, counts, at)


def _limit_of(prefix: str, counts: Mapping[str, int], at: int) -> Limit | None:
    return rate_limits.limit_of(f"sms:prefix:{prefix}", counts, rate_limits.DAY, at)


def _traffic(counts: Mapping[str, int]) -> Traffic:
    return Traffic(counts.get(_SENT, 0), counts.get(_UNPROVEN, 0), counts.get(_VERIFIED, 0))
