"""Write docs/cost.md: what a deployment costs, how it scales, and which key is hot under which load.

    .venv/bin/python -m tools.cost    # `make cost`

In: docs/cost.json (`make cost-data` counts and measures it), template.yaml, and the prices and limits of
tools/cost.toml. The words are in tools/cost.md.jinja.
"""

import json
import math
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from lingpai.http.metrics import DIMENSIONS
from lingpai.kernel.messages import TEXTS
from lingpai.legacy.dialects import REGISTRY as DIALECTS
from lingpai.oauth.grants import REGISTRY as GRANTS
from lingpai.settings import Settings

TOOLS = Path(__file__).resolve().parent
ROOT = TOOLS.parent
DATA = ROOT / "docs" / "cost.json"
PAGE = ROOT / "docs" / "cost.md"
TEMPLATE = ROOT / "template.yaml"

GIVEN: Mapping[str, Any] = tomllib.loads((TOOLS / "cost.toml").read_text("utf-8"))
PRICES: Mapping[str, Mapping[str, Any]] = GIVEN["prices"]
ASSUMED: Mapping[str, Any] = GIVEN["assumed"]
SHARED: Mapping[str, str] = GIVEN["shared"]
FULL_PROCESSOR_MB: int = ASSUMED["full_processor_mb"]

MILLION = 1_000_000
MONTH = 30 * 86400


@dataclass(frozen=True)
class Operation:
    """One operation as docs/cost.json has it, with what follows from it."""

    name: str
    calls: tuple[str, ...]
    read: float
    written: float
    keys: Mapping[str, tuple[int, int]]
    log_bytes: int
    cpu_ms: float
    memory: int

    @property
    def billed_ms(self) -> int:
        """Milliseconds that Lambda bills: the processor's share grows with the memory, and waiting costs as working."""
        working: float = (self.cpu_ms + ASSUMED["tls_ms"] * len(self.calls)) * max(1.0, FULL_PROCESSOR_MB / self.memory)
        transactions = sum(call.startswith("Transact") for call in self.calls)
        others = len(self.calls) - transactions
        waiting: float = ASSUMED["wait_transaction_ms"] * transactions + ASSUMED["wait_ms"] * others
        return math.ceil(working + waiting)

    @property
    def parts(self) -> dict[str, float]:
        """Dollars for a million."""
        price = {name: entry["dollars"] for name, entry in PRICES.items()}
        gb_s = MILLION * self.billed_ms / 1000 * self.memory / 1024
        return {
            "HTTP API": price["api"],
            "Lambda": price["calls"] + gb_s * price["gb_s"],
            "DynamoDB": self.read * price["read"] + self.written * price["write"],
            "Logs": MILLION * (self.log_bytes + ASSUMED["platform_log_bytes"]) / 2**30 * price["logs"],
        }

    @property
    def dollars(self) -> float:
        """Dollars for a million, all in all."""
        return sum(self.parts.values())


def load(data: Mapping[str, Any], memory: int) -> dict[str, Operation]:
    """The operations of docs/cost.json by name."""
    return {
        given["name"]: Operation(
            name=given["name"],
            calls=tuple(given["calls"]),
            read=given["read_units"],
            written=given["write_units"],
            keys={kind: (read, written) for kind, (read, written) in given["keys"].items()},
            log_bytes=given["log_bytes"],
            cpu_ms=given["cpu_ms"],
            memory=memory,
        )
        for given in data["operations"]
    }


def page(data: Mapping[str, Any], template: str) -> str:
    """The page for this data and this template."""
    memory = int(re.findall(r"MemorySize: (\d+)", template)[0])
    operations = load(data, memory)
    dollars = {name: count * operations[name].dollars / MILLION for name, count in GIVEN["habits"].items()}
    kept, people = data["bytes"], GIVEN["crowds"][-1]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TOOLS),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["whole"] = "{:,.0f}".format
    return environment.get_template("cost.md.jinja").render(
        GIVEN,
        memory=memory,
        measured_on=data["measured_on"],
        bytes=kept,
        settings=Settings(),
        operations=operations,
        person=sum(dollars.values()),
        introspection=dollars["introspection"],
        standing=_standing(template),
        metrics=[(name, dimensions, _most(dimensions)) for name, dimensions in DIMENSIONS.items()],
        throttles=dict(re.findall(r"(?m)^  (Throttle\w+):\n    Type: Number\n    Default: (\d+)", template)),
        hottest=_hottest(operations),
        peak=_peak(operations, people),
        gigabytes=people * (kept["account"] + kept["account_items"] * 100 + kept["session"] + 100) / 2**30,
    )


def _standing(template: str) -> tuple[tuple[str, float, str], ...]:
    """What is paid for while nobody calls: its name, how many there are, and the name of its price."""
    types = re.findall(r"(?m)^    Type: (AWS::\S+)$", template)
    alarms = re.findall(r"(?ms)^    Type: AWS::CloudWatch::Alarm\n.*?(?=^  \w|\Z)", template)
    sources = template.count("      EventSourceArn: !GetAtt WebhooksQueue.Arn")
    return (
        ("secrets", types.count("AWS::SecretsManager::Secret"), "secret"),
        ("KMS keys", types.count("AWS::KMS::Key"), "key"),
        ("metrics that alarms look at", sum(alarm.count("MetricStat:") or 1 for alarm in alarms), "alarm"),
        ("dashboards", types.count("AWS::CloudWatch::Dashboard"), "dashboard"),
        ("million requests of functions that wait at queues", sources * ASSUMED["polls"] / MILLION, "queue"),
    )


def _hottest(operations: Mapping[str, Operation]) -> dict[str, tuple[float, Operation]]:
    """By kind of key, the hottest first: how often a second its hardest operation can be done, and which one it is."""
    most = (GIVEN["limits"]["item_reads"], GIVEN["limits"]["item_writes"])

    def rate(kind: str, one: Operation) -> float:
        rates = (limit / units for limit, units in zip(most, one.keys[kind], strict=True) if units)
        return min(rates, default=math.inf)

    found = {}
    for kind in sorted({kind for one in operations.values() for kind in one.keys}):
        one = min((one for one in operations.values() if kind in one.keys), key=lambda one: rate(kind, one))
        found[kind] = (rate(kind, one), one)
    return dict(sorted(found.items(), key=lambda item: (item[1][0], item[0])))


def _peak(operations: Mapping[str, Operation], people: int) -> dict[str, float]:
    """What so many people bring about in a second of the busiest hour."""
    rates = {name: people * count / MONTH * ASSUMED["peak"] for name, count in GIVEN["habits"].items()}
    return {
        "requests": sum(rates.values()),
        "without": sum(rates.values()) - rates["introspection"],
        "at_once": sum(rate * operations[name].billed_ms / 1000 for name, rate in rates.items()),
        "read": sum(rate * operations[name].read for name, rate in rates.items()),
        "written": sum(rate * operations[name].written for name, rate in rates.items()),
        "codes": rates["code sent"],
    }


def _most(dimensions: tuple[str, ...]) -> int:
    """How many metrics there can be with these dimensions."""
    values = {"grant": len(GRANTS), "dialect": len(DIALECTS), "reason": len(TEXTS), "provider": _senders()}
    return math.prod(values[dimension] for dimension in dimensions)


def _senders() -> int:
    """How many senders of messages `SmsProvider` can name."""
    provider = TEMPLATE.read_text("utf-8").partition("\n  SmsProvider:")[2].partition("\n  Limit")[0]
    listed = re.search(r"AllowedValues: \[(.*)\]", provider)
    # Without a list there may be any of the senders that there are.
    folder = ROOT / "layers" / "common" / "lingpai" / "sms" / "senders"
    sources = [path.read_text("utf-8") for path in folder.glob("*.py") if path.name != "chain.py"]
    classes = sum(source.count("    def send(self, message: Message)") for source in sources)
    return len(listed[1].split(",")) if listed else classes


def main(write: Callable[[str], object] = lambda text: PAGE.write_text(text, "utf-8")) -> int:
    """Write the page; return the exit code."""
    write(page(json.loads(DATA.read_text("utf-8")), TEMPLATE.read_text("utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
