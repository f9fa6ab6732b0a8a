"""Counters on DynamoDB. A counter is an item, and each of its counts an attribute."""

import functools
import operator
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action as Change

from lingpai.aws.dynamodb.actions import Action, Actions, update
from lingpai.aws.dynamodb.attributes import Integer, Item, Record
from lingpai.aws.dynamodb.audited import keep_cause
from lingpai.aws.dynamodb.tables import DynamoTables, Refused
from lingpai.aws.dynamodb.write_ids import WriteId
from lingpai.kernel.errors import unavailable
from lingpai.rate_limits.storage import CheckCounter, IncrementCounter, Incremented

if TYPE_CHECKING:
    from lingpai.settings import Settings

# What a count's attribute begins with, so that it is neither the key nor the ttl.
_COUNT = "n:"
_REFUND_ATTEMPTS = 5


class CounterItem(Record):
    """A counter; its counts are attributes named by `_count`."""

    key = UnicodeAttribute(hash_key=True)
    ttl = Integer()


def counter_key(key: str) -> Item:
    """The key of a counter."""
    return {"key": {"S": key}}


def deserialize_counts(item: Item | None) -> Mapping[str, int]:
    """The counts of a counter."""
    counts = ((name, value) for name, value in (item or {}).items() if name.startswith(_COUNT))
    return {name.removeprefix(_COUNT): int(value["N"]) for name, value in counts}


class DynamoCounters(DynamoTables):
    """`Counters` on DynamoDB. Each method is one call unless its docstring says otherwise."""

    def increment(self, key: str, limits: Mapping[str, int], ttl: int, amount: int = 1) -> Incremented:
        """See `Counters`. The counts come back in the same call, whether they were added to or not."""
        condition, changes = _under_limits(limits), _increment_update(limits, ttl, amount)
        try:
            item = self._update_counter(key, WriteId.new(), condition, *changes)
        except Refused as refused:
            return Incremented(False, deserialize_counts(refused.item))
        return Incremented(True, deserialize_counts(item))

    def refund(self, key: str, name: str, amount: int = 1, add: str | None = None) -> None:
        """See `Counters`; a second call where the count is more than `amount`."""
        count = _count(name)
        added = [_count(add).add(1)] if add else []
        to_zero = (CounterItem.key.exists() & (count.does_not_exist() | (count <= amount)), count.set(0), *added)
        reduced = (CounterItem.key.exists() & (count > amount), count.set(count - amount), *added)
        write = WriteId.new()
        for _ in range(_REFUND_ATTEMPTS):
            for condition, *changes in (to_zero, reduced):
                try:
                    self._update_counter(key, write, condition, *changes)
                    return
                except Refused as refused:
                    if refused.item is None:
                        return
        raise unavailable()

    def undo_increment(self, write: IncrementCounter) -> None:
        """See `Counters`."""
        counts = [_count(name) for name in write.limits]
        positive: Condition = functools.reduce(operator.and_, (count > 0 for count in counts))
        with suppress(Refused):
            self._update_counter(write.key, WriteId.new(), positive, *(count.set(count - 1) for count in counts))

    def counts(self, key: str) -> Mapping[str, int]:
        """See `Counters`."""
        return deserialize_counts(self.get(self.settings.counters_table, counter_key(key)))

    def counts_of(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """See `Counters`."""
        if not keys:
            return {}
        table = self.settings.counters_table
        found = self.get_batch({table: [counter_key(key) for key in dict.fromkeys(keys)]})[table]
        return {item["key"]["S"]: deserialize_counts(item) for item in found}

    def clear(self, key: str) -> None:
        """See `Counters`; a read and, where there are counts, a write.

        The item stays with its write ids, so that no earlier update is applied after this, and with the cause.
        """
        counts = self.counts(key)
        if not counts:
            return
        with suppress(Refused):  # the item has expired meanwhile
            self._update_counter(
                key, WriteId.new(), CounterItem.key.exists(), keep_cause(), *(_count(name).remove() for name in counts)
            )

    def _update_counter(self, key: str, write: WriteId, condition: Condition, *changes: Change) -> Item:
        return self.update_once(self.settings.counters_table, counter_key(key), write, condition, *changes)


def _count(name: str) -> Path:
    """The attribute of a count."""
    return Path([_COUNT + name])


def _under_limits(limits: Mapping[str, int]) -> Condition:
    """None of these counts has reached its limit."""
    counts = [(_count(name), limit) for name, limit in limits.items()]
    condition: Condition = functools.reduce(
        operator.and_, (count.does_not_exist() | (count < limit) for count, limit in counts)
    )
    return condition


def _increment_update(limits: Mapping[str, int], ttl: int, amount: int = 1) -> list[Change]:
    """Add `amount` to each of these counts."""
    return [*(_count(name).add(amount) for name in limits), CounterItem.ttl.set(ttl)]


def _check_counter(settings: "Settings", write: CheckCounter) -> Action:
    return update(settings.counters_table, counter_key(write.key), _under_limits(write.limits))


def _increment_counter(settings: "Settings", write: IncrementCounter) -> Action:
    changes = _increment_update(write.limits, write.ttl)
    return update(settings.counters_table, counter_key(write.key), _under_limits(write.limits), *changes)


ACTIONS: Actions = {CheckCounter: _check_counter, IncrementCounter: _increment_counter}
