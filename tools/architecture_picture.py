"""Draw docs/architecture-light.svg and docs/architecture-dark.svg from template.yaml.

    .venv/bin/python -m tools.architecture_picture

Columns are the functions with their routes, rows are what they may use: tables, the KMS key, secrets, third parties.
The marks are what each function's policy allows. The layout is tools/architecture.svg.jinja.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

from local import template

TOOLS = Path(__file__).resolve().parent
ROOT = TOOLS.parent
THEMES = ("light", "dark")
WRITING = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}
SERVICES = {"kms": "KMS key", "secretsmanager": "Secrets Manager"}
# No policy says which third parties a function calls; it is given their settings.
CALLS = {
    "SMS senders": "SMS_PROVIDER",
    "WeChat, OpenID providers": "OIDC_PROVIDERS",
    "Webhooks, OpenID clients": "WEBHOOK_PORTS",
}


@dataclass(frozen=True)
class Column:
    """A function: what calls it, and how it uses rows (`writes`, `reads` or `calls`)."""

    name: str
    description: str
    callers: tuple[str, ...]
    uses: Mapping[str, str]


def _of_type(resources: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Any]]:
    """The names of the resources, without the last word of their type, with their properties."""
    for name, resource in resources.items():
        if resource["Type"] == kind:
            yield name.removesuffix(kind.rpartition(":")[2]), resource["Properties"]


def _column(name: str, properties: Mapping[str, Any], rows: set[str], sources: Mapping[str, tuple[str, ...]]) -> Column:
    uses: dict[str, str] = {}
    for service, operation, resource in _allowed(properties["Policies"]):
        row = SERVICES.get(service, resource)
        if row in rows:
            uses[row] = "writes" if operation in WRITING or uses.get(row) == "writes" else "reads"
    settings = properties.get("Environment", {}).get("Variables", {})
    uses |= {row: "calls" for row, setting in CALLS.items() if setting in settings}
    callers = tuple(_callers(properties.get("Events", {}).values())) or sources[name]
    return Column(name, properties["Description"], callers, uses)


def _allowed(policies: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Service, operation and table of each action that is allowed."""
    for statement in (statement for policy in policies for statement in policy["Statement"]):
        # A statement that depends on a condition is the second argument of `!If`.
        given = statement if isinstance(statement, dict) else statement.argument[1]
        if given["Effect"] == "Allow":
            resources = given["Resource"] if isinstance(given["Resource"], list) else [given["Resource"]]
            names = [str(getattr(resource, "argument", resource)).removesuffix("Table.Arn") for resource in resources]
            for action in given["Action"]:
                service, _, operation = action.partition(":")
                yield from ((service, operation, name) for name in names)


def _callers(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The paths, those below one folder as one; or the schedule."""
    folders: dict[str, list[str]] = defaultdict(list)
    for event in events:
        properties = event["Properties"]
        if event["Type"] == "ScheduleV2":
            yield from ("schedule:", properties["ScheduleExpression"])
        elif "Path" in properties:
            folders[properties["Path"].split("/")[1]].append(properties["Path"])
    for folder, paths in folders.items():
        yield paths[0] if len(paths) == 1 else f"/{folder}/*"


def _sources(resources: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What calls each function beside routes and schedules, by the function's name: a queue, or streams of tables."""
    found: dict[str, list[str]] = defaultdict(list)
    for _, source in _of_type(resources, "AWS::Lambda::EventSourceMapping"):
        found[source["FunctionName"].argument.removesuffix("Function.Alias")].append(source["EventSourceArn"].argument)
    return {
        name: ("queue:", arns[0].removesuffix("Queue.Arn"))
        if arns[0].endswith("Queue.Arn")
        else ("streams of", f"{len(arns)} tables")
        for name, arns in found.items()
    }


def _kept(properties: Mapping[str, Any]) -> str:
    """The words that stand beside a table."""
    kept = {"TTL": "TimeToLiveSpecification", "PITR": "PointInTimeRecoverySpecification"}
    return " · ".join(word for word, key in kept.items() if key in properties)


def pictures() -> dict[Path, str]:
    """The content of each file."""
    file = ROOT / "template.yaml"
    document = yaml.load(file.read_text("utf-8"), Loader=template._Loader)  # noqa: S506, SLF001 (a SafeLoader)
    resources = document["Resources"]
    # What functions use, each with a note.
    groups = {
        "DynamoDB tables": {name: _kept(table) for name, table in _of_type(resources, "AWS::DynamoDB::Table")},
        "Keys and secrets": {"KMS key": "wraps signing keys", "Secrets Manager": ""},
        "Third parties": dict.fromkeys(CALLS, ""),
    }
    rows = {name for group in groups.values() for name in group}
    sources = _sources(resources)
    loader = jinja2.FileSystemLoader(TOOLS)
    layout = jinja2.Environment(loader=loader, autoescape=True).get_template("architecture.svg.jinja")
    given = {
        "columns": [_column(*function, rows, sources) for function in _of_type(resources, "AWS::Serverless::Function")],
        "groups": groups,
        "layer_description": resources["CommonLayer"]["Properties"]["Description"],
        "runtime": document["Globals"]["Function"]["Runtime"],
        "routes": len(template.load(file).routes),
    }
    return {ROOT / "docs" / f"architecture-{theme}.svg": layout.render(given, theme=theme) + "\n" for theme in THEMES}


if __name__ == "__main__":
    for path, picture in pictures().items():
        path.write_text(picture, "utf-8")
