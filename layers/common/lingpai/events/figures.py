"""The figures of a day that the console draws, from the events of a batch."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from lingpai.events.model import Event
from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services
from lingpai.statistics import service as statistics

# The counters of what is mostly done: questions to identity providers, and codes that are asked for.
_NO_REFUSAL = ("sign", "sms")


def count(services: Services, events: Sequence[Event]) -> None:
    """Count what the figures are made of. A failure of the store is ignored: no event waits for a figure."""
    with suppress(LingpaiError):
        statistics.count(services, _happened(events))


def _happened(events: Sequence[Event]) -> Iterator[tuple[str, int, int]]:
    """The types of events, when they were, and how often."""
    for event in events:
        if event.type == "session.started":
            # A login is counted once: not again for each app that it opens, and not for a client's own token.
            if event.subject.startswith("user:") and not event.data.get("sid"):
                yield event.type, event.at, 1
        elif event.type in ("login.refused", "code.refused"):
            if event.data.get("kind") in _NO_REFUSAL:
                continue
            # There is an event for 10, for 100 and so on: each stands for those since the one before.
            times = int(event.data.get("count", 0))
            yield event.type, event.at, times if times <= 10 else times - 10 ** (len(str(times - 1)) - 1)
        else:
            yield event.type, event.at, 1
