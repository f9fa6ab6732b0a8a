"""Counts of logins, new accounts and refusals for each day (UTC), which the console draws.

`count` is for whoever sees events go by; one call for each day that a batch touches. Events that are delivered again
are counted again: these are figures for people, and the audit trail is what proves something.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lingpai.rate_limits.service import DAY, DAYS_KEPT
from lingpai.services import Services

# What is counted, by the type of the event.
KINDS: Mapping[str, str] = {
    "session.started": "logins",
    "user.created": "users",
    "login.refused": "refusals",
    "code.refused": "refusals",
}
_NO_LIMIT = 2**53


def count(services: Services, happened: Iterable[tuple[str, int, int]]) -> None:
    """Count what has happened: types of events, when, and how often."""
    days: dict[int, Counter[str]] = {}
    for kind, at, times in happened:
        if kind in KINDS:
            days.setdefault(at - at % DAY, Counter())[KINDS[kind]] += times
    for day, counts in days.items():
        for times in set(counts.values()):
            names = {name: _NO_LIMIT for name, value in counts.items() if value == times}
            services.store.increment(_key(day), names, day + (DAYS_KEPT + 1) * DAY, times)


def by_day(services: Services, days: Sequence[int]) -> tuple[Mapping[str, int], ...]:
    """The counts of the days that begin at these times: `logins`, `users`, `refusals`. One call."""
    found = services.store.counts_of([_key(day) for day in days])
    return tuple(found.get(_key(day), {}) for day in days)


def last_days(services: Services, number: int) -> tuple[int, ...]:
    """The beginnings of the last days, the present one too."""
    today = services.clock.now() // DAY * DAY
    return tuple(today - DAY * ago for ago in range(number - 1, -1, -1))


def _key(day: int) -> str:
    return f"day:{day}"
