"""What the record of a stream says of an item: how it was, how it is, and what caused the change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lingpai.kernel import cause
from lingpai.kernel.cause import Cause

# An item as a stream has it: values with their types, and binary ones in base64.
Image = Mapping[str, Mapping[str, Any]]
_NOTHING: Image = {}


@dataclass(frozen=True)
class Change:
    """An item before and after a change; empty where there was none, or only a tombstone, and where none is left."""

    before: Image
    after: Image
    cause: Cause

    @property
    def image(self) -> Image:
        """The item after the change, or what was deleted."""
        return self.after or self.before

    @property
    def is_new(self) -> bool:
        """Whether there was no item before."""
        return not self.before

    @property
    def is_deletion(self) -> bool:
        """Whether there is no item any more."""
        return not self.after

    def differs(self, name: str) -> bool:
        """Whether this attribute has changed."""
        return self.before.get(name) != self.after.get(name)


@dataclass(frozen=True)
class Found:
    """An event in a change: what does not depend on the record."""

    type: str
    subject: str
    data: Mapping[str, Any]


def change_of(record: Mapping[str, Any]) -> Change | None:
    """The change in a record; None where it has none: the item has expired, or there was and is no item."""
    if record["eventName"] not in {"INSERT", "MODIFY", "REMOVE"} or _has_expired(record):
        return None
    stream = record["dynamodb"]
    new = stream.get("NewImage") or _NOTHING
    before, after = _item(stream.get("OldImage") or _NOTHING), _item(new)
    return Change(before, after, cause.read(text(new, "cause"))) if before or after else None


def _has_expired(record: Mapping[str, Any]) -> bool:
    """Whether DynamoDB has removed the item by its time to live, and nobody asked for it."""
    principal: str = (record.get("userIdentity") or {}).get("principalId", "")
    return principal == "dynamodb.amazonaws.com"


def _item(image: Image) -> Image:
    """The item; none for a tombstone."""
    return _NOTHING if "deleted" in image else image


def text(image: Image, name: str) -> str:
    """A string; empty where the attribute is absent."""
    value: str = image.get(name, {}).get("S", "")
    return value


def number(image: Image, name: str) -> int:
    """An integer; 0 where the attribute is absent."""
    return int(image.get(name, {}).get("N", 0))


def texts(image: Image, name: str) -> list[str]:
    """The strings in a list or set; none where the attribute is absent. Those of a set are sorted."""
    value = image.get(name, {})
    return sorted(value["SS"]) if "SS" in value else [each["S"] for each in value.get("L", ())]
