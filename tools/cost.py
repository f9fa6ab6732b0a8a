"""Write docs/cost.md: what a deployment costs, how it scales, and which key is hot under which load.

    .venv/bin/python -m tools.cost    # `make cost`

In: docs/cost.json (`make cost-data` counts and measures it), template.yaml, and the prices and limits below. No figure
of the page comes from anywhere else.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lingpai.http.metrics import DIMENSIONS
from lingpai.kernel.messages import TEXTS
from lingpai.legacy.dialects import REGISTRY as DIALECTS
from lingpai.oauth.grants import REGISTRY as GRANTS
from lingpai.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "docs" / "cost.json"
PAGE = ROOT / "docs" / "cost.md"
TEMPLATE = ROOT / "template.yaml"

MILLION = 1_000_000
MONTH = 30 * 86400


@dataclass(frozen=True)
class Price:
    """Dollars for so much of something, and whose price list says so."""

    what: str
    dollars: float
    per: str
    source: str


# List prices of us-east-1, without free tiers and discounts.
PRICES: Mapping[str, Price] = {
    "api": Price("HTTP API", 1.00, "million requests", "https://aws.amazon.com/api-gateway/pricing/"),
    "calls": Price("Lambda, calls", 0.20, "million", "https://aws.amazon.com/lambda/pricing/"),
    "gb_s": Price("Lambda, arm64", 0.0000133334, "GB-second", "https://aws.amazon.com/lambda/pricing/"),
    "write": Price(
        "DynamoDB on demand, writes", 0.625, "million units", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "read": Price(
        "DynamoDB on demand, reads", 0.125, "million units", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "store": Price("DynamoDB, kept", 0.25, "GB-month", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "pitr": Price("DynamoDB, recoverable", 0.20, "GB-month", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "logs": Price("CloudWatch Logs, taken in", 0.50, "GB", "https://aws.amazon.com/cloudwatch/pricing/"),
    "metric": Price("CloudWatch, metric of one's own", 0.30, "month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarm": Price("CloudWatch, metric of an alarm", 0.10, "month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboard": Price("CloudWatch, dashboard", 3.00, "month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "secret": Price("Secrets Manager, secret", 0.40, "month", "https://aws.amazon.com/secrets-manager/pricing/"),
    "key": Price("KMS, key", 1.00, "month", "https://aws.amazon.com/kms/pricing/"),
    "cognito_m2m": Price("Cognito, machine token", 2.25, "thousand", "https://aws.amazon.com/cognito/pricing/"),
    "cognito_user": Price(
        "Cognito Essentials, user who is active in a month", 0.015, "user", "https://aws.amazon.com/cognito/pricing/"
    ),
}

# What nothing here can measure. Milliseconds, bytes, and a ratio.
WAIT_MS = 4.0
WAIT_TRANSACTION_MS = 10.0
TLS_MS = 0.8
PLATFORM_LOG_BYTES = 700
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
FULL_PROCESSOR_MB = 1769
PEAK = 4

# What AWS allows before one asks for more, and what no one gets more of.
ACCOUNT_CONCURRENCY = 1000
API_RPS = 10_000
ITEM_WRITES, ITEM_READS = 1000, 3000
TABLE_UNITS = 40_000
LIMITS = (
    ("functions that run at once, in an account and region", f"{ACCOUNT_CONCURRENCY:,}", "can be raised",
     "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"),
    ("requests a second to all APIs of an account and region", f"{API_RPS:,}", "can be raised",
     "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"),
    ("write units a second of a partition, and so of an item", f"{ITEM_WRITES:,}", "cannot",
     "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"),
    ("read units a second of a partition, and so of an item", f"{ITEM_READS:,}", "cannot",
     "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"),
    ("units a second of a table, reads and writes each", f"{TABLE_UNITS:,}", "can be raised",
     "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"),
)  # fmt: skip

# What the dollars of a million are shown of, beside what Cognito takes for the same.
SHOWN = (
    "login by password",
    "login by code",
    "refresh",
    "introspection",
    "machine token, opaque",
    "machine token, signed",
)

# What a person does in a month, for the comparison and for the load.
HABITS: Mapping[str, int] = {
    "login by password": 1,
    "code sent": 1,
    "login by code": 1,
    "refresh": 30,
    "introspection": 300,
}
CROWDS = (10_000, 100_000, 1_000_000, 100_000_000)

# Who shares a key, and so what heats it.
SHARED: Mapping[str, str] = {
    "Codes": "one number: never hot, five codes an hour are the most",
    "Identities": "one name, number or openId",
    "Roles": "**everybody**: each call with a token at `/users`, `/userDetail` and `/roles` reads the one book of roles",
    "Sessions of a machine": "one session: nothing is shared, the owner is random",
    "Sessions of a user": "the sessions of one account",
    "Users": "one account",
    "login:name": "logins to one name, or to it from one address",
    "login:network": "logins from one /24, or /64 of IPv6: a school, a carrier's gateway; `TRUSTED_ADDRESSES` spares it",
    "register:network": "registrations from one network",
    "sms:all": "**everybody** who asks for a code",
    "sms:client:*": "all who ask for a code by one client",
    "sms:network": "all who ask for a code from one network",
    "sms:prefix:*": "all numbers of one prefix, when codes are sent and when they come back",
    "verify:client:*": "all logins by code at one client with a secret; written for wrong codes alone",
    "verify:network": "all who have codes checked from one network",
}


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
        working = (self.cpu_ms + TLS_MS * len(self.calls)) * max(1.0, FULL_PROCESSOR_MB / self.memory)
        waiting = sum(WAIT_TRANSACTION_MS if call.startswith("Transact") else WAIT_MS for call in self.calls)
        return math.ceil(working + waiting)

    @property
    def parts(self) -> dict[str, float]:
        """Dollars for a million."""
        gb_s = MILLION * self.billed_ms / 1000 * self.memory / 1024
        return {
            "HTTP API": PRICES["api"].dollars,
            "Lambda": PRICES["calls"].dollars + gb_s * PRICES["gb_s"].dollars,
            "DynamoDB": self.read * PRICES["read"].dollars + self.written * PRICES["write"].dollars,
            "Logs": MILLION * (self.log_bytes + PLATFORM_LOG_BYTES) / 2**30 * PRICES["logs"].dollars,
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
    memory = int(_found(r"MemorySize: (\d+)", template))
    operations = load(data, memory)
    sections = (
        _opening(data, memory),
        _of_a_million(operations),
        _beside_cognito(operations),
        _without_a_call(template),
        _inputs(),
        _limits(template),
        _hot_keys(operations),
        _of_many(operations, data["bytes"], template),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _opening(data: Mapping[str, Any], memory: int) -> Iterator[str]:
    measured = ", ".join(f"{name} {value}" for name, value in data["measured_on"].items())
    yield "# What it costs, and how it scales"
    yield ""
    yield "Written by `make cost` of [cost.json](cost.json), [the template](../template.yaml) and the prices below; a test"
    yield "compares. `make cost-data` counts calls and units on DynamoDB Local and measures the rest; a test counts again."
    yield ""
    yield f"Milliseconds are the processor's in the handler ({measured}), on Lambda with {memory} MB, which has"
    yield f"{memory / FULL_PROCESSOR_MB:.2f} of a processor, plus what the calls to DynamoDB wait. A processor of Lambda is taken to be"
    yield "as fast as the one measured on. Nobody has compared with a bill yet."


def _of_a_million(operations: Mapping[str, Operation]) -> Iterator[str]:
    yield "## A million of each"
    yield ""
    yield "| Operation | DynamoDB calls | units read | written | ms billed | HTTP API | Lambda | DynamoDB | logs | **dollars** |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for one in operations.values():
        parts = " | ".join(f"{part:.2f}" for part in one.parts.values())
        yield (
            f"| {one.name} | {len(one.calls)} | {one.read:g} | {one.written:g} | {one.billed_ms} | {parts} "
            f"| **{one.dollars:.2f}** |"
        )
    yield ""
    yield "Messages are not in it: a code sent costs what its sender takes, which is more than all of this."
    yield "A retried call, a cold start and a client's record read once a minute are not in it either."


def _beside_cognito(operations: Mapping[str, Operation]) -> Iterator[str]:
    machine = PRICES["cognito_m2m"].dollars * 1000
    user = PRICES["cognito_user"].dollars
    yield "## Beside Cognito"
    yield ""
    yield "Cognito takes a price for each machine token and for each user who is active in a month, whatever they do."
    yield ""
    yield "| A million | Lingpai | Cognito Essentials |"
    yield "|---|---|---|"
    for name in SHOWN:
        other = f"{machine:,.0f} $" if name.startswith("machine") else "by user"
        yield f"| {name} | {operations[name].dollars:.2f} $ | {other} |"
    yield ""
    habits = ", ".join(f"{count} × {name}" for name, count in HABITS.items())
    yield f"A month of people who do this, each of them: {habits}."
    yield ""
    yield "| People | Lingpai | Cognito Essentials |"
    yield "|---|---|---|"
    each = sum(count * operations[name].dollars / MILLION for name, count in HABITS.items())
    for people in CROWDS:
        yield f"| {people:,} | {people * each:,.0f} $ | {people * user:,.0f} $ |"
    yield ""
    share = HABITS["introspection"] * operations["introspection"].dollars / MILLION / each
    yield f"Introspection is {share:.0%} of it: back ends that verify signed tokens by themselves, as those of Cognito do, save that."
    yield "Cognito's price has more in it (hosted pages, federation), and Lingpai's has its operator's time beside it."


def _without_a_call(template: str) -> Iterator[str]:
    resources = re.findall(r"(?m)^    Type: (AWS::\S+)$", template)
    looked_at = _alarm_metrics(template)
    counted = sum(_most(name) for name in DIMENSIONS)
    rows = (
        ("secrets", resources.count("AWS::SecretsManager::Secret"), "secret"),
        ("KMS keys", resources.count("AWS::KMS::Key"), "key"),
        ("metrics that alarms look at", looked_at, "alarm"),
        ("dashboards", resources.count("AWS::CloudWatch::Dashboard"), "dashboard"),
    )
    yield "## A month in which nobody calls"
    yield ""
    yield "| What | How many | Dollars |"
    yield "|---|---|---|"
    for what, count, price in rows:
        if count:
            yield f"| {what} | {count} | {count * PRICES[price].dollars:.2f} |"
    yield ""
    yield "Alarms and the dashboard are there in prod, and in dev where `Monitoring=true` asks for them. AWS gives ten metrics of"
    yield "alarms and three dashboards for nothing."
    yield ""
    yield "Metrics of one's own are paid for in the hours in which something is counted. Their dimensions are few and take values of"
    yield f"the code's own, so that there can be {counted} at most, {counted * PRICES['metric'].dollars:.2f} $ a month:"
    yield ""
    yield "| Metric | By | At most |"
    yield "|---|---|---|"
    for name, dimensions in DIMENSIONS.items():
        yield f"| `{name}` | {', '.join(dimensions) or '–'} | {_most(name)} |"
    yield ""
    yield "The prefix of a number is no dimension: a country has hundreds. It stands in the log beside the count."


def _inputs() -> Iterator[str]:
    yield "## What goes in"
    yield ""
    yield "List prices of us-east-1, without free tiers:"
    yield ""
    yield "| Price | Dollars | for a |"
    yield "|---|---|---|"
    for price in PRICES.values():
        yield f"| [{price.what}]({price.source}) | {price.dollars:.10f}".rstrip("0").rstrip(".") + f" | {price.per} |"
    yield ""
    yield "Taken, not measured:"
    yield ""
    yield f"- a call to DynamoDB waits {WAIT_MS:g} ms, a transaction {WAIT_TRANSACTION_MS:g} ms, and TLS takes {TLS_MS:g} ms of the processor for each call"
    yield f"- the access log, and the lines that Lambda itself writes, are {PLATFORM_LOG_BYTES} bytes for each request"
    yield f"- the busiest hour has {PEAK} times the calls of the average one"


def _limits(template: str) -> Iterator[str]:
    rates = dict(re.findall(r"^  (Throttle\w+):\n    Type: Number\n    Default: (\d+)", template, re.MULTILINE))
    yield "## Limits"
    yield ""
    yield "| Of AWS | By default | Can it be raised |"
    yield "|---|---|---|"
    for what, most, raised, source in LIMITS:
        yield f"| [{what}]({source}) | {most} | {raised} |"
    yield ""
    yield "The template itself stops each route at so many requests a second, and as many at once; its parameters raise that:"
    yield ", ".join(f"`{name}` {rate}" for name, rate in rates.items()) + "."


def _hot_keys(operations: Mapping[str, Operation]) -> Iterator[str]:
    yield "## Which key is hot under which load"
    yield ""
    yield "DynamoDB spreads tables over partitions by itself, down to a single key; what one key can take is the end of it."
    yield "Counted at the wire: which kinds of key an operation reads and writes, and with how many units."
    yield ""
    yield "| Key | Shared by | Busiest operation | units read, written | at most, a second |"
    yield "|---|---|---|---|---|"
    kinds = sorted({kind for one in operations.values() for kind in one.keys})
    rates = {kind: _hottest(kind, operations) for kind in kinds}
    for kind in sorted(kinds, key=lambda kind: (rates[kind][0], kind)):
        rate, one = rates[kind]
        read, written = one.keys[kind]
        yield f"| `{kind}` | {SHARED[kind]} | {one.name} | {read}, {written} | {rate:,.0f} |"
    yield ""
    day = Settings().limit_sms_day
    everybody = rates["sms:all"][0]
    yield f"`sms:all` ends at {everybody * 86400:,.0f} codes a day; `LIMIT_SMS_DAY` is {day:,}. The book of roles ends at {rates['Roles'][0]:,.0f} calls a second:"
    yield "a deployment that comes near lets back ends introspect tokens, or verify signed ones, which read no roles."
    cached = Settings().client_cache_ttl
    yield f"A client's record is not among them: each execution environment reads it once in {cached} seconds, so that {ACCOUNT_CONCURRENCY:,} of them read it"
    yield f"{ACCOUNT_CONCURRENCY / cached:,.0f} times a second. Nor are keys that sign, for the same reason."


def _hottest(kind: str, operations: Mapping[str, Operation]) -> tuple[float, Operation]:
    """How often a second the operation that is hardest on this kind of key can be done, and which one that is."""

    def rate(one: Operation) -> float:
        read, written = one.keys[kind]
        return min(ITEM_READS / read if read else math.inf, ITEM_WRITES / written if written else math.inf)

    one = min((one for one in operations.values() if kind in one.keys), key=rate)
    return rate(one), one


def _of_many(operations: Mapping[str, Operation], kept: Mapping[str, int], template: str) -> Iterator[str]:
    people = CROWDS[-1]
    yield f"## {people:,} accounts"
    yield ""
    yield "With the habits above, all of them in one region:"
    yield ""
    peak = {name: people * count / MONTH * PEAK for name, count in HABITS.items()}
    at_once = sum(rate * operations[name].billed_ms / 1000 for name, rate in peak.items())
    read = sum(rate * operations[name].read for name, rate in peak.items())
    written = sum(rate * operations[name].written for name, rate in peak.items())
    every = sum(peak.values())
    without = every - peak["introspection"]
    stop = int(_found(r"ThrottleChecks:\n    Type: Number\n    Default: (\d+)", template))
    gigabytes = people * (kept["account"] + kept["account_items"] * 100 + kept["session"] + 100) / 2**30
    month = gigabytes * (PRICES["store"].dollars + PRICES["pitr"].dollars)
    codes = people * HABITS["code sent"] / 30
    rows: tuple[tuple[str, str, str, str], ...] = (
        ("requests a second", f"{every:,.0f}", f"{API_RPS:,} of the account, {stop} of the template for a route", _beyond(every, API_RPS)),
        ("the same without introspection", f"{without:,.0f}", f"{API_RPS:,}, {stop}", _beyond(without, API_RPS)),
        ("functions at once", f"{at_once:,.0f}", f"{ACCOUNT_CONCURRENCY:,}", _beyond(at_once, ACCOUNT_CONCURRENCY)),
        ("units read a second, all tables", f"{read:,.0f}", f"{TABLE_UNITS:,} for a table", _beyond(read, TABLE_UNITS)),
        ("units written a second, all tables", f"{written:,.0f}", f"{TABLE_UNITS:,} for a table", _beyond(written, TABLE_UNITS)),
        ("codes a second through `sms:all`", f"{peak['code sent']:,.0f}", f"{ITEM_WRITES:,}", _beyond(peak["code sent"], ITEM_WRITES)),
        ("codes a day", f"{codes:,.0f}", f"{Settings().limit_sms_day:,} (`LIMIT_SMS_DAY`)", _beyond(codes, Settings().limit_sms_day)),
    )  # fmt: skip
    yield "| In the busiest hour | | Limit | |"
    yield "|---|---|---|---|"
    for what, much, limit, verdict in rows:
        yield f"| {what} | {much} | {limit} | {verdict} |"
    yield ""
    yield f"Accounts ({kept['account_items']} items, {kept['account']} bytes) and a session each ({kept['session']} bytes), with 100 bytes for an item:"
    yield f"{gigabytes:,.0f} GB, {month:,.0f} $ a month with recovery."
    yield ""
    yield "What such a deployment changes:"
    yield ""
    yield "- It has the limits of the account raised that the table shows, and those of the template (`Throttle…`,"
    yield "  `LimitSmsDay`, `LIMIT_SMS_CLIENT`, `LIMIT_SMS_PREFIX`, `SMS_UNPROVEN`), and warms the tables' throughput before it opens."
    yield "- Its back ends verify signed tokens by the keys at `/.well-known/jwks.json`, and introspect where it matters."
    yield "- It spares what reads the book of roles, or keeps that in the function for some seconds."
    yield "- `/users/list` and an export read the whole table of accounts: they take their time, and belong to the night."
    yield "- Units on demand cost more than provisioned ones: with a load that is known, the tables change to those."
    yield "- `Refused`, `TokensIssued` and the rest stay as many metrics as they are: no dimension grows with people."


def _beyond(much: float, limit: float) -> str:
    return "**beyond it**" if much > limit else "within it"


def _most(name: str) -> int:
    """How many metrics there can be of this name."""
    values = {"grant": len(GRANTS), "dialect": len(DIALECTS), "reason": len(TEXTS), "provider": _senders()}
    return math.prod(values[dimension] for dimension in DIMENSIONS[name])


def _senders() -> int:
    """How many senders of messages `SmsProvider` can name."""
    provider = TEMPLATE.read_text("utf-8").partition("\n  SmsProvider:")[2].partition("\n  Limit")[0]
    listed = re.search(r"AllowedValues: \[(.*)\]", provider)
    # Without a list there may be any of the senders that there are.
    folder = ROOT / "layers" / "common" / "lingpai" / "sms" / "senders"
    sources = [path.read_text("utf-8") for path in folder.glob("*.py") if path.name != "chain.py"]
    classes = sum(source.count("    def send(self, message: Message)") for source in sources)
    return len(listed[1].split(",")) if listed else classes


def _alarm_metrics(template: str) -> int:
    alarms = re.findall(r"(?ms)^    Type: AWS::CloudWatch::Alarm\n.*?(?=^  \w|\Z)", template)
    return sum(alarm.count("MetricStat:") or 1 for alarm in alarms)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"template.yaml: there is no {pattern}")
    return found[1]


def main(write: Callable[[str], object] = lambda text: PAGE.write_text(text, "utf-8")) -> int:
    """Write the page; return the exit code."""
    write(page(json.loads(DATA.read_text("utf-8")), TEMPLATE.read_text("utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
