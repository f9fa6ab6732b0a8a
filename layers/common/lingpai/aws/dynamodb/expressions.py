"""Conditions and updates as DynamoDB wants them: expressions with their names and values."""

from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action, Update

from lingpai.accounts.model import User
from lingpai.accounts.storage import Count, OneMore, Recounted
from lingpai.aws.dynamodb.items import (
    ClientItem,
    Item,
    ProfileJson,
    Record,
    TallyItem,
    UserItem,
    below,
    client_item,
    count_path,
    replaced_bytes,
    user_item,
)
from lingpai.clients.model import Client
from lingpai.sessions.storage import HISTORY_MAX, History, Rotation

Arguments = dict[str, Any]


def expressions(condition: Condition | None, *actions: Action) -> Arguments:
    """The condition and the update as DynamoDB wants them: expressions, names and values."""
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


def put(item: Record, condition: Condition | None = None) -> Arguments:
    """A whole item, and the condition on what stands in its place."""
    return {"Item": item.serialize(), **expressions(condition)}


def alive_user() -> Condition:
    """That the account is there and may be used."""
    alive: Condition = UserItem.id.exists() & UserItem.disabled.does_not_exist()
    return alive


def as_it_was(attribute: Attribute[Any], item: Record) -> Condition:
    """That the attribute stored is that of `item`, in any spelling that it may have been written in."""
    value = getattr(item, attribute.attr_name)
    unchanged: Condition
    if value in (None, set()):
        unchanged = attribute.does_not_exist()
    elif isinstance(attribute, ProfileJson):
        unchanged = Path([attribute.attr_name]).is_in(*attribute.spellings(value))
    else:
        unchanged = attribute == value
    return unchanged


def counting(count: Count | None) -> tuple[list[Action], list[Condition]]:
    """What counts a session in its account, and the condition that it may be counted; nothing for no count."""
    sessions = UserItem.sessions
    opened = UserItem.logins.add(1)
    if count is None:
        return [], []
    lives = [] if count.opened_at is None else [ended_before(count.opened_at)]
    match count:
        case OneMore(most):
            return [sessions.set(sessions + 1), opened], [sessions < most, *lives]
        case Recounted(logins, now):
            unchanged = UserItem.logins.does_not_exist() if logins is None else UserItem.logins == logins
            return [sessions.set(now), opened], [unchanged, *lives]


def ended_before(at: int) -> Condition:
    """That no session of the account which was opened at this time has ended with all others."""
    until = UserItem.ended_until
    earlier: Condition = until.does_not_exist() | (until < at)
    return earlier


def user_changes(before: User, after: User) -> tuple[list[Action], Condition]:
    """What to set so that `before` becomes `after`, and the condition that those fields are still as before."""
    return _changes(user_item(before), user_item(after), alive_user())


def client_changes(before: Client, after: Client) -> tuple[list[Action], Condition]:
    """As `user_changes`, of a client's record."""
    return _changes(client_item(before), client_item(after), ClientItem.client_id.exists())


def _changes[T: Record](old: T, new: T, condition: Condition) -> tuple[list[Action], Condition]:
    actions: list[Action] = []
    for name, attribute in type(old).get_attributes().items():
        value = getattr(new, name)
        if value != getattr(old, name):
            actions.append(attribute.remove() if value in (None, set()) else attribute.set(value))
            condition &= as_it_was(attribute, old)
    return actions, condition


def spending(limits: Mapping[str, int], ttl: int, amount: int = 1) -> tuple[Condition, list[Action]]:
    """That no count of a tally has reached its limit, and `amount` more of each."""
    return below(limits), [*(count_path(name).add(amount) for name in limits), TallyItem.ttl.set(ttl)]


# The right sides are read before anything is written: what was current becomes previous.
_ROTATED = {
    "previous_refresh_hash": "#refresh_hash",
    "previous_access_hash": "#access_hash",
    "previous_access_expires_at": "#access_expires_at",
    "previous_access_scope": "#access_scope",
    "access_hash": ":access_hash",
    "access_expires_at": ":access_expires_at",
    "access_scope": "#scope",
    "refresh_hash": ":refresh_hash",
    "refresh_expires_at": ":refresh_expires_at",
    "rotated_at": ":now",
    "salt": ":salt",
    "ttl": ":ttl",
    "family_hash": ":family_hash",
}
# Each name has to be used, that of the scope too where none is wanted.
_ROTATES = (
    "#refresh_hash = :presented_hash AND #client_id = :client_id AND attribute_exists(#scope)"
    " AND #refresh_expires_at > :now AND #ends_at > :now"
)
_ROTATION_NAMES = {f"#{name}": name for name in (*_ROTATED, "scope", "client_id", "ends_at", "recent")}
_ROTATION = "SET " + ", ".join(f"#{name} = {value}" for name, value in _ROTATED.items())
_NARROWED = _ROTATION.replace("#access_scope = #scope", "#access_scope = :scope")
# A session from before rotations were remembered has neither list.
_REMEMBERED = {
    History.APPEND: ", #recent = list_append(if_not_exists(#recent, :none), :replaced)",
    History.SHIFT: ", #earlier = if_not_exists(#recent, :none), #recent = :replaced",
    History.RESTART: ", #recent = :replaced REMOVE #earlier",
}


def rotating(rotation: Rotation) -> Arguments:
    """The update of a session by a refresh, and the condition that it may be refreshed so.

    Written out, since its text is nearly always the same: PynamoDB would compose it anew for each refresh.
    """
    history = rotation.history
    values: Item = {
        ":presented_hash": {"B": rotation.presented_hash},
        ":client_id": {"S": rotation.client_id},
        ":now": {"N": str(rotation.now)},
        ":access_hash": {"B": rotation.access_hash},
        ":access_expires_at": {"N": str(rotation.access_expires_at)},
        ":refresh_hash": {"B": rotation.refresh_hash},
        ":refresh_expires_at": {"N": str(rotation.refresh_expires_at)},
        ":salt": {"B": rotation.salt},
        ":ttl": {"N": str(rotation.ttl)},
        ":family_hash": {"B": rotation.family_hash},
        ":replaced": {"L": [{"B": replaced_bytes(rotation.replaced)}]},
    }
    names = _ROTATION_NAMES
    condition = _ROTATES
    if history is not History.RESTART:
        values[":none"] = {"L": []}
    if history is History.APPEND:
        values[":most"] = {"N": str(HISTORY_MAX)}
        condition += " AND (attribute_not_exists(#recent) OR size(#recent) < :most)"
    else:
        names = {**names, "#earlier": "earlier"}
    if rotation.scope is not None:
        wanted: Item = {f":scope{index}": {"S": word} for index, word in enumerate(rotation.scope)}
        condition += "".join(f" AND contains(#scope, {name})" for name in wanted)
        values |= {":scope": {"L": list(wanted.values())}, **wanted}
    return {
        "ConditionExpression": condition,
        "UpdateExpression": (_ROTATION if rotation.scope is None else _NARROWED) + _REMEMBERED[history],
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
