"""Where counts of what happens go: into the log, as CloudWatch's embedded metrics, or nowhere.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

The document is written here and not by Powertools, which gives all metrics of a document the same dimensions: what one
request counts would be a line for each.
"""

import functools
import json
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lingpai.clock import Clock
from lingpai.ports import Meter

if TYPE_CHECKING:
    from lingpai.settings import Settings

SERVICE = "lingpai"
_TIME = '"Timestamp":'
_json = json.JSONEncoder(separators=(",", ":")).encode

# By what the counts of a name are told apart in CloudWatch. Each combination of values that occurs is a metric, and
# has a price of its own, so these take few values, all of them ours. What else is told of a count, such as the prefix
# of a number, stands in the log beside it.
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "TokensIssued": ("grant", "dialect"),
    "Refused": ("reason",),
    "Throttled": (),
    "RefreshReuse": (),
    "StoreErrors": (),
    "CodesSent": (),
    "CodesVerified": (),
    "PrefixStopped": (),
    "NoticesLost": (),
    "SmsSent": ("provider",),
    "SmsFailed": ("provider",),
    "SmsBreakerBlind": ("provider",),
}

# By what the operator may have them told apart besides (METRICS_BY_PREFIX): a metric for each prefix that gets codes.
BY_PREFIX: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("CodesSent", "CodesVerified", "PrefixStopped"), ("country", "prefix")
)


@dataclass(slots=True)
class _Document:
    """What fits into one line: a dimension has one value in it. `finer` are the dimensions told besides, by name."""

    finer: Mapping[str, tuple[str, ...]]
    dimensions: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    details: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, name: str, told: Mapping[str, str]) -> bool:
        """Count one more, or tell that it does not fit."""
        wanted = {key: told[key] for key in (*DIMENSIONS.get(name, ()), *self.finer.get(name, ())) if key in told}
        if any(self.dimensions.get(key, value) != value for key, value in wanted.items()):
            return False
        self.dimensions |= wanted
        self.counts[name] = self.counts.get(name, 0) + 1
        if len(told) > len(wanted):
            self.details[name] = {key: value for key, value in told.items() if key not in wanted}
        return True

    def text(self, namespace: str) -> str:
        """The line, but for its time, which is 0: one directive for each set of dimensions."""
        directives: dict[tuple[tuple[str, ...], ...], list[dict[str, str]]] = {}
        for name in self.counts:
            keys = ("service", *(key for key in DIMENSIONS.get(name, ()) if key in self.dimensions))
            finer = self.finer.get(name)
            sets = (keys, (*keys, *finer)) if finer else (keys,)
            directives.setdefault(sets, []).append({"Name": name, "Unit": "Count"})
        content: dict[str, Any] = {
            "_aws": {
                "Timestamp": 0,
                "CloudWatchMetrics": [
                    {"Namespace": namespace, "Dimensions": sets, "Metrics": metrics}
                    for sets, metrics in directives.items()
                ],
            },
            "service": SERVICE,
            **self.dimensions,
            **self.counts,
        }
        if self.details:
            content["details"] = self.details
        return _json(content)


# What a request counted: names, each with what was told of it.
_Counted = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@functools.lru_cache(maxsize=256)
def _lines(namespace: str, counted: _Counted, *, by_prefix: bool) -> tuple[tuple[str, str], ...]:
    """The lines for it, each in two parts, between which its time stands. Most requests count what others did."""
    documents: list[_Document] = []
    for name, told in counted:
        if not any(document.add(name, dict(told)) for document in documents):
            documents.append(_Document(BY_PREFIX if by_prefix else {}))
            documents[-1].add(name, dict(told))
    texts = (document.text(namespace).partition(_TIME + "0") for document in documents)
    return tuple((before + _TIME, after + "\n") for before, _, after in texts)


class EmfMeter:
    """Gathers what a request counts and writes it as one line of the log, which costs no call.

    It takes a second line where a dimension has two values in one request. Each thread has counts of its own.
    `by_prefix` tells the codes of each prefix apart.
    """

    def __init__(
        self,
        namespace: str,
        clock: Clock,
        write: Callable[[str], object] | None = None,
        *,
        by_prefix: bool = False,
    ) -> None:
        self._namespace = namespace
        self._by_prefix = by_prefix
        self._clock = clock
        self._write = write or _print
        self._gathered = threading.local()

    def count(self, name: str, **told: str) -> None:
        """See `ports.Meter`."""
        counted: list[Any] = self._gathered.__dict__.setdefault("counted", [])
        counted.append((name, tuple(told.items())))

    def flush(self) -> None:
        """See `ports.Meter`."""
        counted: Iterable[Any] = self._gathered.__dict__.pop("counted", ())
        for before, after in _lines(self._namespace, tuple(counted), by_prefix=self._by_prefix):
            self._write(f"{before}{self._clock.now() * 1000}{after}")


class NoMeter:
    """Counts nothing: for a machine whose operator watches no metrics."""

    def count(self, name: str, **told: str) -> None:
        """See `ports.Meter`."""

    def flush(self) -> None:
        """See `ports.Meter`."""


def meter(settings: "Settings", clock: Clock) -> Meter:
    """The meter that the settings ask for."""
    if not settings.metrics_namespace:
        return NoMeter()
    return EmfMeter(settings.metrics_namespace, clock, by_prefix=settings.metrics_by_prefix)


def _print(line: str) -> None:
    # In one piece: the lines of two threads must not run into each other.
    sys.stdout.write(line)
