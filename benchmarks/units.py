"""DynamoDB's calls, capacity units and bytes, counted where botocore's client sends them to DynamoDB Local.

Units are what DynamoDB Local says it consumed (ReturnConsumedCapacity), but at least what AWS takes for that many
items, since it forgets some: a read unit for each key asked for, there or not, and two write units for each item of a
transaction. A write that a condition refused answers without units: AWS takes one, since no item here is larger than a
kilobyte.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lingpai.kernel.clock import FIRST_MACHINE_OWNER

_READS = {"GetItem", "BatchGetItem", "Query", "Scan"}


@dataclass(frozen=True)
class Units:
    """What requests cost: the calls by name, read units, write units, and both of these for each kind of key."""

    calls: tuple[str, ...] = ()
    read: float = 0
    written: float = 0
    keys: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class Counter:
    """Adds up the units of all calls since the last `take`."""

    units: Units = field(default_factory=Units)
    _least: int = 0

    def listen(self, client: Any) -> None:
        """Ask for the units with each call of botocore's client, and add up the answers."""
        client.meta.events.register("before-parameter-build.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._add)

    def take(self) -> Units:
        """What was counted. It begins at zero again."""
        taken, self.units = self.units, Units()
        return taken

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"
            each = 2 if model.name == "TransactWriteItems" else 1
            touched = list(_touched(model.name, params))
            self._least = each * len(touched)
            for kind in touched:
                self.units.keys.setdefault(kind, [0, 0])[model.name not in _READS] += each

    def _add(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" not in model.input_shape.members:
            return
        answered: Any = parsed.get("ConsumedCapacity") or []
        parts = answered if isinstance(answered, list) else [answered]
        consumed = max(self._least, sum(part["CapacityUnits"] for part in parts))
        read, written = (consumed, 0) if model.name in _READS else (0, consumed)
        sofar = self.units
        self.units = Units((*sofar.calls, model.name), sofar.read + read, sofar.written + written, sofar.keys)


def _touched(operation: str, params: dict[str, Any]) -> Iterator[str]:
    """The kind of each key that a call asks for or writes to; a query may find any number, so none of it."""
    match operation:
        case "Query" | "Scan":
            return
        case "BatchGetItem":
            for table, wanted in params["RequestItems"].items():
                yield from (_kind(table, key) for key in wanted["Keys"])
        case "BatchWriteItem":
            for table, requests in params["RequestItems"].items():
                yield from (_kind(table, _key(*request.values())) for request in requests)
        case "TransactWriteItems":
            for action in params["TransactItems"]:
                (given,) = action.values()
                yield _kind(given["TableName"], _key(given))
        case _:
            yield _kind(params["TableName"], _key(params))


def _key(given: dict[str, Any]) -> Any:
    return given.get("Key") or given["Item"]


def _kind(table: str, key: dict[str, Any]) -> str:
    """A key without what differs from one person, number, client or address to the next."""
    name = table.rpartition("-")[2].removesuffix("Table")
    if name == "Counters":
        words = key["key"]["S"].split(":")[:-2]
        if words[1] == "all":
            return ":".join(words)
        if words[1] in ("client", "prefix"):
            return ":".join((*words[:-1], "*"))
        return f"{words[0]}:network" if "/" in words[1] else f"{words[0]}:name"
    if name == "Sessions":
        return "Sessions of a machine" if int(key["owner"]["N"]) >= FIRST_MACHINE_OWNER else "Sessions of a user"
    return name


def size_of(item: dict[str, Any]) -> int:
    """About what DynamoDB takes the item to be, in bytes: names, and values by their kind."""
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(value: dict[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "B":
            return len(held)
        case "N":
            return 1 + (len(held) + 1) // 2
        case "L":
            return 3 + sum(1 + _value_size(one) for one in held)
        case "M":
            return 3 + len(held) + size_of(held)
        case "SS" | "NS" | "BS":
            return sum(map(len, held))
        case _:
            return 1
