"""Types of attributes that PynamoDB lacks, and items as DynamoDB takes them."""

import json
from typing import Any

from pynamodb.attributes import Attribute, AttributeContainer, JSONAttribute

Item = dict[str, dict[str, Any]]


class Integer(Attribute[int]):
    """An integer. PynamoDB's own number attribute is a float."""

    attr_type = "N"

    def serialize(self, value: int) -> str:
        """The number in digits."""
        return str(value)


class Integers(Attribute[list[int]]):
    """A list of integers. PynamoDB's own lists do not know the type of their elements."""

    attr_type = "L"

    def serialize(self, value: list[int]) -> list[dict[str, str]]:
        """Each number with its type."""
        return [{"N": str(element)} for element in value]


class Texts(Attribute[list[str]]):
    """A list of strings. Unlike a set it keeps their order and may be empty."""

    attr_type = "L"

    def serialize(self, value: list[str]) -> list[dict[str, str]]:
        """Each string with its type."""
        return [{"S": element} for element in value]


class CompactJson(JSONAttribute):
    """JSON without spaces or escapes: an escaped Chinese character takes twice its bytes, an emoji three times."""

    def serialize(self, value: object) -> str:
        """The value as JSON."""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Utf8Json(JSONAttribute):
    """JSON in UTF-8. Items written by earlier versions have characters beyond ASCII escaped."""

    def serialize(self, value: object) -> str:
        """The value as JSON."""
        return json.dumps(value, ensure_ascii=False)

    def spellings(self, value: object) -> tuple[str, ...]:
        """The texts that may be stored for the value: as this version writes it, and as earlier ones did."""
        return tuple(dict.fromkeys((self.serialize(value), json.dumps(value))))


class Record(AttributeContainer):
    """The attributes of a table's items. PynamoDB's own Model would import its client, too."""

    def __init__(self, _user_instantiated: bool = True, **values: Any) -> None:
        super().__init__(_user_instantiated, **values)

    def serialize(self) -> Item:
        """The item as DynamoDB takes it."""
        item: Item = self._container_serialize()
        return item


def same_item(stored: Item | None, item: Item) -> bool:
    """Whether `stored` is this item. The order of a set does not matter."""
    return stored is not None and _ordered(stored) == _ordered(item)


def _ordered(item: Item) -> Item:
    return {
        name: {kind: sorted(value) if kind in {"NS", "SS", "BS"} else value for kind, value in typed.items()}
        for name, typed in item.items()
    }
