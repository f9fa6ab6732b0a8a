"""Read attributes of items. PynamoDB's records would read each value twice, and most requests do little else."""

import json
from typing import Any

from lingpai.aws.dynamodb.attributes import Item

_NO_LIST: dict[str, Any] = {"L": ()}


def read_text(item: Item, name: str) -> str | None:
    """A string; None where the attribute is absent."""
    value = item.get(name)
    return value["S"] if value else None


def read_bytes(item: Item, name: str) -> bytes | None:
    """A binary value; None where the attribute is absent."""
    value = item.get(name)
    return value["B"] if value else None


def read_number(item: Item, name: str) -> int:
    """An integer; 0 where the attribute is absent."""
    value = item.get(name)
    return int(value["N"]) if value else 0


def read_optional_number(item: Item, name: str) -> int | None:
    """An integer; None where the attribute is absent."""
    return int(item[name]["N"]) if name in item else None


def read_flag(item: Item, name: str) -> bool:
    """A boolean; False where the attribute is absent."""
    return bool(item.get(name, {}).get("BOOL"))


def read_list(item: Item, name: str) -> tuple[dict[str, Any], ...]:
    """The typed elements of a list; none where the attribute is absent."""
    return tuple(item.get(name, _NO_LIST)["L"])


def read_texts(item: Item, name: str) -> tuple[str, ...]:
    """The strings in a list; none where the attribute is absent."""
    return tuple(value["S"] for value in item.get(name, _NO_LIST)["L"])


def read_json(item: Item, name: str) -> Any:
    """The value of a JSON text; None where the attribute is absent."""
    value = item.get(name)
    return json.loads(value["S"]) if value else None
