"""Actions: the parts of a transaction, each on one item."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action as Change

from lingpai.aws.dynamodb.attributes import Item
from lingpai.aws.dynamodb.expressions import Arguments, expressions
from lingpai.kernel.writes import Write

if TYPE_CHECKING:
    from lingpai.settings import Settings


@dataclass(frozen=True)
class Action:
    """One part of a transaction, on the item of this key."""

    kind: Literal["Put", "Update", "Delete", "ConditionCheck"]
    key: Item
    arguments: Arguments

    @property
    def request(self) -> dict[str, Arguments]:
        """The action as DynamoDB takes it."""
        return {self.kind: self.arguments}


def put(table: str, key: Item, item: Item, condition: Condition | None = None) -> Action:
    """Put the whole item."""
    return Action("Put", key, {"TableName": table, "Item": item, **expressions(condition)})


def update(table: str, key: Item, condition: Condition | None, *changes: Change) -> Action:
    """Make these changes; without any, only check the condition."""
    kind: Literal["Update", "ConditionCheck"] = "Update" if changes else "ConditionCheck"
    return Action(kind, key, {"TableName": table, "Key": key, **expressions(condition, *changes)})


def delete(table: str, key: Item, condition: Condition | None = None) -> Action:
    """Delete the item."""
    return Action("Delete", key, {"TableName": table, "Key": key, **expressions(condition)})


# How each type of write becomes an action.
type Actions = dict[type[Write], Callable[[Settings, Any], Action]]
