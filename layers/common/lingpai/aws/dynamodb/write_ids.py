"""Write ids: an update that carries one is applied at most once, however often and however late its request arrives.

An update that adds to a count is not idempotent: after a lost answer the transport sends it again, and a request that
was believed lost may still arrive. So each update has a random id, which it leaves in the item and which its condition
requires to be absent. A repeat is refused, and the item that DynamoDB returns with the refusal shows why.

The item keeps the last ids in a fixed number of slots, so that it does not grow: an id is forgotten when a later update
takes its slot. Transactions do not need write ids: DynamoDB remembers their tokens for ten minutes.
"""

import itertools
import os
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from lingpai.aws.dynamodb.attributes import Item

SLOTS = 16
_PREFIX = "w"
_BYTES = 8
# Of this process's updates so many in a row have slots of their own, which none of the others can take.
_IN_A_ROW = SLOTS // 2
_turns = itertools.count()


@dataclass(frozen=True)
class WriteId:
    """The id of one update, the same for all its tries, and the attribute of the item that keeps it."""

    value: bytes
    attribute: str

    @classmethod
    def new(cls) -> "WriteId":
        """A random id."""
        value = os.urandom(_BYTES)
        slot = next(_turns) % _IN_A_ROW + value[0] % 2 * _IN_A_ROW
        return cls(value, f"{_PREFIX}{slot}")

    @property
    def is_absent(self) -> Condition:
        """That the item does not have it, so the update was not applied yet."""
        slot = Path([self.attribute])
        absent: Condition = slot.does_not_exist() | (slot != self._stored)
        return absent

    @property
    def keep(self) -> Action:
        """Leave it in the item."""
        return Path([self.attribute]).set(self._stored)

    def stands_in(self, item: Item | None) -> bool:
        """Whether the item has it: the update was applied by an earlier try."""
        return item is not None and item.get(self.attribute) == self._stored

    @property
    def _stored(self) -> dict[str, bytes]:
        return {"B": self.value}
