"""Conditions and updates as DynamoDB takes them: expressions with their names and values."""

from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action, Update

from lingpai.aws.dynamodb.attributes import Record, Utf8Json

Arguments = dict[str, Any]


def expressions(condition: Condition | None, *actions: Action) -> Arguments:
    """The arguments of a call that has this condition and does these updates."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    arguments: Arguments = {}
    if condition is not None:
        arguments["ConditionExpression"] = condition.serialize(names, values)
    if actions:
        arguments["UpdateExpression"] = Update(*actions).serialize(names, values)
    if names:
        arguments["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
    if values:
        arguments["ExpressionAttributeValues"] = values
    return arguments


def unchanged(attribute: Attribute[Any], item: Record) -> Condition:
    """The stored attribute is that of `item`, in any spelling that it may have been written in."""
    value = getattr(item, attribute.attr_name)
    condition: Condition
    if value in (None, set()):
        condition = attribute.does_not_exist()
    elif isinstance(attribute, Utf8Json):
        condition = Path([attribute.attr_name]).is_in(*attribute.spellings(value))
    else:
        condition = attribute == value
    return condition


def changes[T: Record](old: T, new: T, condition: Condition) -> tuple[list[Action], Condition]:
    """The updates that make `new` of `old`, and `condition` with: the changed attributes are still as in `old`."""
    actions: list[Action] = []
    for name, attribute in type(old).get_attributes().items():
        value = getattr(new, name)
        if value != getattr(old, name):
            actions.append(attribute.remove() if value in (None, set()) else attribute.set(value))
            condition &= unchanged(attribute, old)
    return actions, condition
