"""Call DynamoDB: retries, errors, transactions and batches.

PynamoDB makes the items and the expressions. The calls are made without it: its own wrapper drops the item that a
failed condition returns, and would import botocore's client, which the bare transport does without.
"""

import functools
import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action as Change

from lingpai.aws.client import aws_client
from lingpai.aws.dynamodb.actions import Action
from lingpai.aws.dynamodb.attributes import Item, same_item
from lingpai.aws.dynamodb.audited import is_tombstone, tombstone
from lingpai.aws.dynamodb.expressions import Arguments, expressions
from lingpai.aws.dynamodb.write_ids import WriteId
from lingpai.kernel.errors import unavailable

if TYPE_CHECKING:
    from lingpai.settings import Settings

_CONFLICT_ATTEMPTS = 20
_BATCH_ATTEMPTS = 8
_BATCH_WRITES = 25
# As many as an account has sessions by default.
_TOMBSTONES_AT_ONCE = 100
# The most bytes of UTF-8 that a partition key may have.
_LONGEST_KEY = 2048
# What every answer to a read of several items holds. An answer without it is not DynamoDB's.
_ANSWERED = {"BatchGetItem": "Responses", "Query": "Items", "Scan": "Items"}
_BUSY = {
    "InternalServerError",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionInProgressException",
}


class Refused(Exception):
    """A condition did not hold; `item` is the stored item, None for none."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("condition")
        self.item = item


class Undescribed(Exception):
    """DynamoDB says nothing of a table; `code` and `message` are those of its refusal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Failed:
    """The first action of a transaction whose condition did not hold, and the stored item if it was asked for."""

    index: int
    item: Item | None


class DynamoTables:
    """The tables of a deployment, named by `settings`.

    `client` gives the client when the first call is made (see `aws_client`); `pause` sleeps before a further attempt.
    """

    def __init__(
        self,
        settings: "Settings",
        client: Callable[[], Any] | None = None,
        pause: Callable[[int], None] | None = None,
    ) -> None:
        self.settings = settings
        self._connect = client or (lambda: aws_client(settings, "dynamodb"))
        self._pause = pause or exponential_pause

    @functools.cached_property
    def client(self) -> Any:
        """The client that makes the calls."""
        return self._connect()

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Make one call.

        Raises Refused where a condition does not hold, `_Cancelled` for a cancelled transaction, `_TokenKnown` where
        DynamoDB knows the transaction's token with other parameters, and a 503 where DynamoDB is busy.
        """
        if "ConditionExpression" in arguments:
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                answer: dict[str, Any] = self.client.call(operation, arguments)
                if _ANSWERED.get(operation, "") not in {"", *answer}:
                    raise unavailable(detail=f"{operation}: not an answer of DynamoDB")
                return answer
            except ClientError as error:
                response: Any = error.response
                code = response["Error"]["Code"]
                if code == "ConditionalCheckFailedException":
                    raise Refused(_standing(response.get("Item"))) from None
                if code == "TransactionCanceledException":
                    raise _cancelled(error) from None
                if code == "IdempotentParameterMismatchException":
                    raise _TokenKnown from None
                # An error whose body cannot be read has its HTTP status as its code.
                unread = code.isdigit() or response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500
                if code in _BUSY or unread:
                    raise unavailable() from error
                # The item is in a transaction. Nothing was written, so the call is sent again.
                if code != "TransactionConflictException":
                    raise
            except BotoCoreError as error:
                raise unavailable() from error
            self._pause(attempt)
        raise unavailable()

    def describe(self, operation: str, table: str) -> dict[str, Any]:
        """What DynamoDB says of the table itself, in one call; Undescribed where it refuses."""
        try:
            return self.call(operation, TableName=table)
        except ClientError as error:
            refusal: Any = error.response["Error"]
            raise Undescribed(refusal["Code"], refusal.get("Message", "")) from error

    def get(self, table: str, key: Item) -> Item | None:
        """The item, after all writes before it; None, without a call, for a key that no item can have."""
        if not all(may_be_key(value["S"]) for value in key.values() if "S" in value):
            return None
        return _standing(self._read(table, key))

    def _read(self, table: str, key: Item) -> Item | None:
        """As `get`, but also a tombstone."""
        item: Item | None = self.call("GetItem", TableName=table, Key=key, ConsistentRead=True).get("Item")
        return item

    def get_batch(self, keys: Mapping[str, Iterable[Item]]) -> dict[str, list[Item]]:
        """The items of these keys, by table, after all writes before it; a further call for what DynamoDB left out."""
        found: dict[str, list[Item]] = {table: [] for table in keys}
        wanted: Arguments = {
            table: {"Keys": listed, "ConsistentRead": True} for table, some in keys.items() if (listed := list(some))
        }
        if not wanted:
            return found
        for attempt in range(_BATCH_ATTEMPTS):
            answer = self.call("BatchGetItem", RequestItems=wanted)
            for table, items in answer["Responses"].items():
                found[table] += filter(_standing, items)
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return found
            self._pause(attempt)
        raise unavailable()

    def read_all(self, operation: str, **arguments: Any) -> Iterator[Item]:
        """The items of a Query or Scan; one call for each megabyte, when its first item is asked for."""
        while True:
            answer = self.call(operation, **arguments)
            yield from filter(_standing, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def delete_all(self, table: str, keys: tuple[Item, ...]) -> None:
        """Delete these items of an audited table; one call for one item, or for each 25.

        Up to 100 leave tombstones. More leave none, since who lists the items of an owner would read them all.
        """
        if len(keys) == 1:
            self.call("PutItem", TableName=table, Item=tombstone(keys[0]))
        elif len(keys) <= _TOMBSTONES_AT_ONCE:
            self.put_all(table, tuple(map(tombstone, keys)))
        else:
            self._write_all(table, [{"DeleteRequest": {"Key": key}} for key in keys])

    def put_all(self, table: str, items: tuple[Item, ...]) -> None:
        """Put these items, each of another key, without a condition; one call for each 25."""
        self._write_all(table, [{"PutRequest": {"Item": item}} for item in items])

    def _write_all(self, table: str, requests: list[Arguments]) -> None:
        for batch in itertools.batched(requests, _BATCH_WRITES, strict=False):
            self._write_batch({table: list(batch)})

    def _write_batch(self, requests: Arguments) -> None:
        for attempt in range(_BATCH_ATTEMPTS):
            requests = self.call("BatchWriteItem", RequestItems=requests).get("UnprocessedItems") or {}
            if not requests:
                return
            self._pause(attempt)
        raise unavailable()

    def update_once(self, table: str, key: Item, write: WriteId, condition: Condition, *changes: Change) -> Item:
        """Update the item unless an earlier attempt of the same `write` has done so; gives the item after it.

        Raises Refused where the condition does not hold.
        """
        arguments = expressions(condition & write.is_absent, *changes, write.keep)
        try:
            answer = self.call("UpdateItem", TableName=table, Key=key, ReturnValues="ALL_NEW", **arguments)
        except Refused as refused:
            if refused.item is not None and write.stands_in(refused.item):
                return refused.item
            raise
        item: Item = answer.get("Attributes", {})
        return item

    def put_new(self, action: Action) -> None:
        """Put an item whose key is random, without a transaction; one call.

        Only where no item has its key, so that a late first attempt cannot bring back what was used or ended meanwhile.
        A second attempt that finds the item of the first is a success.
        """
        absent = Path([next(iter(action.key))]).does_not_exist()
        try:
            self.call("PutItem", **action.arguments, **expressions(absent))
        except Refused as refused:
            if not same_item(refused.item, action.arguments["Item"]):
                raise unavailable() from None

    def transact(self, *actions: Action) -> Failed | None:
        """Do all of these actions or none; gives the first whose condition did not hold, None for success.

        DynamoDB cancels a transaction that meets another one on the same item. That says nothing about the conditions,
        so it is sent again: the same bytes with the same token, because an earlier attempt may have been applied.
        """
        token, requests = uuid4().hex, [action.request for action in actions]
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                self.call("TransactWriteItems", TransactItems=requests, ClientRequestToken=token)
                return None
            except _Cancelled as cancelled:
                if "ConditionalCheckFailed" in cancelled.reasons:
                    index = cancelled.reasons.index("ConditionalCheckFailed")
                    return Failed(index, cancelled.items[index])
            except _TokenKnown:
                if not self._has_done(actions):
                    raise unavailable() from None
                return None
            self._pause(attempt)
        raise unavailable()

    def _has_done(self, actions: tuple[Action, ...]) -> bool:
        """Whether the items that these actions put and delete are as they leave them; one call for each.

        For the case that DynamoDB knows the transaction's token, but finds other parameters. The token is new and
        random, so only an earlier attempt can have used it, and DynamoDB remembers only transactions that were done.
        False where the function may not read what it writes.
        """
        with suppress(ClientError):
            return all(self._stands(action) for action in actions)
        return False

    def _stands(self, action: Action) -> bool:
        table = action.arguments["TableName"]
        match action.kind:
            case "Put":
                return same_item(self._read(table, action.key), action.arguments["Item"])
            case "Delete":
                return self.get(table, action.key) is None
            case _:
                return True


def _standing(item: Item | None) -> Item | None:
    """The item; None for none and for a tombstone."""
    return None if item is None or is_tombstone(item) else item


class _TokenKnown(Exception):
    """DynamoDB has done a transaction with this token, and says that its parameters were others."""


class _Cancelled(Exception):
    """A transaction was not done; `reasons` and `items` hold the code of each action, and the item it returns."""

    def __init__(self, reasons: list[str], items: list[Item | None]) -> None:
        super().__init__("cancelled")
        self.reasons = reasons
        self.items = items


def _cancelled(error: ClientError) -> Exception:
    """The error with the reasons it gives; a 503 where DynamoDB is busy; the error itself for unknown reasons."""
    response: Any = error.response
    reasons = [reason.get("Code", "None") for reason in response.get("CancellationReasons", [])]
    if not reasons or set(reasons) - _BUSY - {"None", "ConditionalCheckFailed", "TransactionConflict"}:
        return error
    if "ConditionalCheckFailed" not in reasons and set(reasons) & _BUSY:
        return unavailable()
    return _Cancelled(reasons, [_standing(reason.get("Item")) for reason in response["CancellationReasons"]])


def may_be_key(text: str) -> bool:
    """Whether the text can be a partition key: DynamoDB refuses an empty one, and one that is too long."""
    return 0 < len(text.encode()) <= _LONGEST_KEY


def exponential_pause(attempt: int) -> None:
    """Sleep up to 10 ms, 20 ms, 40 ms … 320 ms, at random, so that those who met do not meet again."""
    time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 5)))  # noqa: S311  not a secret
