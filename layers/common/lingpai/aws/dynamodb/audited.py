"""Audited items: a change leaves its cause in the item, and a deletion leaves a tombstone (docs/events.md).

The stream of a table has the item before and after each change, but not who asked for it. So each change writes the
cause with it, and what would delete the item puts a tombstone in its place: its key and the cause, without anything of
what it held. Once it is in the stream nobody needs it, so DynamoDB may remove it at once. Reads take it for no item
(`DynamoTables`), but a Query is charged for it as long as it is there.
"""

from dataclasses import replace
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action as Change

from lingpai.aws.dynamodb.actions import Action, put
from lingpai.aws.dynamodb.attributes import Item
from lingpai.kernel import cause
from lingpai.kernel.clock import Clock

_DELETED = "deleted"
_clock = Clock()


def is_tombstone(item: Item) -> bool:
    """Whether only a tombstone is left of the item."""
    return _DELETED in item


def with_cause(item: Item) -> Item:
    """The item with the cause of its change."""
    return {**item, "cause": _written()}


def mark_deleted() -> tuple[Change, Change]:
    """The updates that make a tombstone of an item, for one that has to stay until its own `ttl`."""
    return Path([_DELETED]).set({"BOOL": True}), keep_cause()


def keep_cause(why: str = "") -> Change:
    """The update that leaves the cause of the change in the item; `why` says more of it."""
    return Path(["cause"]).set(_written(why))


def tombstone(key: Item) -> Item:
    """What is left of the item of this key."""
    return with_cause({**key, _DELETED: {"BOOL": True}, "ttl": {"N": str(_clock.now())}})


def bury(table: str, key: Item, condition: Condition | None = None) -> Action:
    """Delete the item: leave a tombstone."""
    return put(table, key, tombstone(key), condition)


def present(key: Attribute[Any]) -> Condition:
    """There is an item, and not a tombstone. `key` is the table's partition key."""
    found: Condition = key.exists() & Path([_DELETED]).does_not_exist()
    return found


def absent(key: Attribute[Any]) -> Condition:
    """There is no item, or a tombstone. `key` is the table's partition key."""
    none: Condition = key.does_not_exist() | Path([_DELETED]).exists()
    return none


def _written(why: str = "") -> dict[str, str]:
    now = cause.current()
    return {"S": cause.written(replace(now, why=why) if why else now)}
