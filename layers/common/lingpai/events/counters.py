"""Events in the counts of limits: refusals that are many, and stops of messages.

The mapping of the stream (template.yaml) hands on only counts of 10, 100, 1,000 and so on, and those of prefixes and of
second factors.
"""

import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from lingpai.events.changes import Change, Found, number, text

_PREFIX, _ALL = "sms:prefix:", "sms:all"
# What a counter of these kinds counts: logins, or codes.
_LOGINS = frozenset({"login", "client", "second-factor", "oldpassword", "sign"})
_CODES = frozenset({"verify", "sms"})
_ROUND = re.compile("10+")
# `kind:subject:window:begin`, as `rate_limits.service.limit_of` makes keys.
_KEY = re.compile(r"(?P<kind>[a-z-]+):(?P<of>.+):[0-9]+:[0-9]+")


@dataclass(frozen=True)
class StopsAt:
    """The counts at which messages stop: unproven ones to a prefix, and all of a day. 0 is never.

    At `second_factor` an account has no guess at its second factor left: few, so that they never are many.
    """

    unproven: int
    day: int
    second_factor: int = 0


def counter_events(change: Change, stops: StopsAt) -> Iterator[Found]:
    """What has been refused so often, or has stopped."""
    key = text(change.image, "key")
    if key.startswith(_PREFIX) and _reaches(change, "n:unproven", stops.unproven):
        yield _found("sms.stopped", _subject_of_prefix(key), change, "prefix", "unproven")
    elif key.startswith(_PREFIX) and is_cleared(change):
        yield Found("sms.lifted", _subject_of_prefix(key), {"kind": "prefix"})
    elif key.startswith(f"{_ALL}:") and _reaches(change, "n:all", stops.day):
        yield _found("sms.stopped", f"counter:{_ALL}", change, "all", "all")
    elif (found := _KEY.fullmatch(key)) and (_is_round(change) or _ends_guesses(change, found["kind"], stops)):
        kind, of = found["kind"], found["of"]
        if kind in _LOGINS | _CODES and of != "all" and not key.startswith("sms:reserve:"):
            event = "login.refused" if kind in _LOGINS else "code.refused"
            yield _found(event, _subject(kind, of), change, kind, "all")


def is_cleared(change: Change) -> bool:
    """Whether the counts were removed, which has a cause. A counter keeps that, but later counts have another one."""
    return not change.is_new and change.differs("cause")


def address(change: Change) -> str:
    """The address or network that the counter is for; empty for any other counter."""
    found = _KEY.fullmatch(text(change.image, "key"))
    with suppress(ValueError):
        return str(ipaddress.ip_network(found["of"])) if found else ""
    return ""


def _found(event: str, subject: str, change: Change, kind: str, limit: str) -> Found:
    return Found(event, subject, {"kind": kind, "limit": limit, "count": number(change.after, f"n:{limit}")})


def _subject_of_prefix(key: str) -> str:
    return f"counter:{_PREFIX}{key.removeprefix(_PREFIX).partition(':')[0]}"


def _reaches(change: Change, name: str, at: int) -> bool:
    return bool(at) and number(change.before, name) < at <= number(change.after, name)


def _ends_guesses(change: Change, kind: str, stops: StopsAt) -> bool:
    return kind == "second-factor" and _reaches(change, "n:all", stops.second_factor)


def _is_round(change: Change) -> bool:
    """Whether the count of all has risen to 10, 100, 1,000 …."""
    count = number(change.after, "n:all")
    return bool(_ROUND.fullmatch(str(count))) and number(change.before, "n:all") < count


def _subject(kind: str, of: str) -> str:
    """The account or the client that the counter is for; else its kind."""
    if kind in {"second-factor", "oldpassword"}:
        return f"user:{of}"
    if of.startswith("client:"):
        return of
    return f"counter:{kind}"
