"""Write the types of events into docs/events.md, and docs/events.schema.json.

python -m tools.events_page
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from lingpai.events.model import VERSION
from lingpai.events.types import FIELDS, TYPES

ROOT = Path(__file__).resolve().parent.parent
PAGE, SCHEMA = ROOT / "docs" / "events.md", ROOT / "docs" / "events.schema.json"
_TABLE = re.compile(r"(?<=<!-- types -->\n).*?(?=<!-- end of types -->)", re.DOTALL)

_PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "version": ("The version of this document.", {"const": VERSION}),
    "id": ("The event's id, the same however often it is sent.", {"type": "string", "minLength": 1}),
    "time": ("When it happened, in UTC.", {"type": "string", "format": "date-time"}),
    "subject": (
        "What has changed: `user:ID`, `client:ID`, `role:ID`, `key:ID`, `counter:KIND` or `deployment`.",
        {"type": "string"},
    ),
    "actor": (
        "Who did it: `user:ID`, `client:ID`, `operator:NAME`, `system`; empty where nobody is known.",
        {"type": "string"},
    ),
    "client": ("The client by which it was done; empty without.", {"type": "string"}),
    "address": ("The IP address it came from, or the network; empty without.", {"type": "string"}),
    "request_id": ("The request, as the log has it; empty without.", {"type": "string"}),
    "action": ("The path of the route, or the operator's command; empty without.", {"type": "string"}),
}


def schema() -> str:
    """The JSON Schema of an event's document."""
    types = [
        {
            "description": kind.en,
            "properties": {
                "type": {"const": name},
                "data": {
                    "type": "object",
                    "properties": {
                        field: {"description": FIELDS[field].en, **FIELDS[field].schema} for field in kind.data
                    },
                    "required": list(kind.data),
                },
            },
        }
        for name, kind in TYPES.items()
    ]
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of Lingpai",
        "description": "Further fields may be added. A receiver ignores what it does not know.",
        "type": "object",
        "properties": {
            **{name: {"description": text, **part} for name, (text, part) in _PARTS.items()},
            "type": {"enum": list(TYPES)},
            "data": {"type": "object"},
        },
        "required": [*_PARTS, "type", "data"],
        "oneOf": types,
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def types_table() -> str:
    """The table of all types, in both languages."""
    lines = ["| Type | What has happened | 说明 | `data` |", "|---|---|---|---|"]
    for name, kind in TYPES.items():
        fields = ", ".join(f"`{field}`" for field in kind.data) or "–"
        lines.append(f"| `{name}` | {kind.en} | {kind.zh} | {fields} |")
    lines += ["", "| Field of `data` | What it is | 说明 |", "|---|---|---|"]
    lines += [f"| `{name}` | {field.en} | {field.zh} |" for name, field in FIELDS.items()]
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/events.md with its table as it should be."""
    table = types_table()
    return _TABLE.sub(lambda _: table, PAGE.read_text("utf-8"))


def main() -> int:
    """Write both files."""
    PAGE.write_text(page(), "utf-8")
    SCHEMA.write_text(schema(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
