"""Metrics: written to the log in CloudWatch's embedded metric format, or not at all.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from lingpai.kernel.clock import Clock
from lingpai.kernel.meter import Meter

if TYPE_CHECKING:
    from lingpai.settings import Settings

SERVICE = "lingpai"

# The dimensions of each metric in CloudWatch. Each combination of values is billed as a metric, so dimensions have few
# values, all defined by us. Other details of a count, such as the prefix of a number, are only in the log line.
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "TokensIssued": ("grant", "dialect"),
    "Refused": ("reason",),
    "Throttled": (),
    "RefreshReuse": (),
    "StoreErrors": (),
    "CodesSent": (),
    "CodesVerified": (),
    "PrefixStopped": (),
    "CaptchasAsked": (),
    "CaptchasSolved": (),
    "CaptchasUnchecked": (),
    "NoticesLost": (),
    "EventsKept": (),
    "EventsFailed": (),
    "WebhooksDelivered": (),
    "WebhooksFailed": (),
    "SmsSent": ("provider",),
    "SmsFailed": ("provider",),
    "SmsBreakerBlind": ("provider",),
}

# Additional dimensions with METRICS_BY_PREFIX: a metric for each prefix that gets codes.
BY_PREFIX: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("CodesSent", "CodesVerified", "PrefixStopped"), ("country", "prefix")
)


# The name of a metric, and the details of the count.
type _Counted = tuple[str, tuple[tuple[str, str], ...]]


class _Line(EphemeralMetrics):
    """Powertools' document for one line, but with dimensions for each metric.

    Powertools gives all metrics of a document the same dimensions, which would create (and bill) unwanted metrics.
    """

    def __init__(self, namespace: str, finer: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(namespace=namespace, default_dimensions={"service": SERVICE})
        self._finer = finer

    def add(self, name: str, told: Mapping[str, str], number: int) -> bool:
        """Count `number` more, unless the line has another value for one of the dimensions."""
        wanted = {key: told[key] for key in (*DIMENSIONS.get(name, ()), *self._finer.get(name, ())) if key in told}
        if any(self.dimension_set.get(key, value) != value for key, value in wanted.items()):
            return False
        for key, value in wanted.items():
            self.add_dimension(key, value)
        self.add_metric(name, MetricUnit.Count, number)
        if len(told) > len(wanted):
            details = {key: value for key, value in told.items() if key not in wanted}
            self.add_metadata("details", {**self.metadata_set.get("details", {}), name: details})
        return True

    def document(self, at: int) -> dict[str, Any]:
        """The document of this time (seconds since 1970): a directive for each set of dimensions, and sums."""
        directives: dict[tuple[tuple[str, ...], ...], list[dict[str, str]]] = {}
        for name, metric in self.metric_set.items():
            keys = ("service", *(key for key in DIMENSIONS.get(name, ()) if key in self.dimension_set))
            finer = self._finer.get(name)
            sets = (keys, (*keys, *finer)) if finer else (keys,)
            directives.setdefault(sets, []).append({"Name": name, "Unit": metric["Unit"]})
        return {
            **self.serialize_metric_set(),
            **{name: int(sum(metric["Value"])) for name, metric in self.metric_set.items()},
            "_aws": {
                "Timestamp": at * 1000,
                "CloudWatchMetrics": [
                    {"Namespace": self.namespace, "Dimensions": sets, "Metrics": metrics}
                    for sets, metrics in directives.items()
                ],
            },
        }


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
        self._finer = BY_PREFIX if by_prefix else {}
        self._clock = clock
        self._write = write or _print
        self._gathered = threading.local()

    def count(self, name: str, **told: str) -> None:
        """See `Meter`."""
        counts: Counter[_Counted] = self._gathered.__dict__.setdefault("counts", Counter())
        counts[name, tuple(told.items())] += 1

    def flush(self) -> None:
        """See `Meter`."""
        counts: Counter[_Counted] = self._gathered.__dict__.pop("counts", Counter())
        lines: list[_Line] = []
        for (name, told), number in counts.items():
            if not any(line.add(name, dict(told), number) for line in lines):
                lines.append(_Line(self._namespace, self._finer))
                lines[-1].add(name, dict(told), number)
        for line in lines:
            self._write(json.dumps(line.document(self._clock.now()), separators=(",", ":")) + "\n")


class NoMeter:
    """Counts nothing: for a machine whose operator watches no metrics."""

    def count(self, name: str, **told: str) -> None:
        """See `Meter`."""

    def flush(self) -> None:
        """See `Meter`."""


def meter(settings: "Settings", clock: Clock) -> Meter:
    """The meter that the settings ask for."""
    if not settings.metrics_namespace:
        return NoMeter()
    return EmfMeter(settings.metrics_namespace, clock, by_prefix=settings.metrics_by_prefix)


def _print(line: str) -> None:
    # In one piece: the lines of two threads must not run into each other.
    sys.stdout.write(line)
    sys.stdout.flush()
