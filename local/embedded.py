"""Keep the memory of moto, the embedded DynamoDB, from growing with each request.

moto is made for short tests: it keeps a list of every object that it made, and copies every table of a transaction
for each of the transaction's items.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

type GetItem = Callable[..., Any]
type Transact = Callable[[Any, list[dict[str, Any]]], None]


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Patch moto so that it keeps only what its tables hold, as long as the context lasts."""
    from unittest.mock import patch

    from moto.core.common_models import BaseModel
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.table import Table

    with (
        patch.object(BaseModel, "__new__", staticmethod(_make)),
        # moto copies tables to roll back a transaction; `_with_rollback` does that instead.
        patch.object(Table, "__deepcopy__", _uncopied, create=True),
        patch.object(Table, "get_item", _without_side_effect(Table.get_item)),
        patch.object(DynamoDBBackend, "transact_write_items", _with_rollback(DynamoDBBackend.transact_write_items)),
    ):
        yield


def _make(cls: type[Any], *_: Any, **__: Any) -> Any:
    """Make an object of one of moto's models without adding it to a list."""
    return object.__new__(cls)


def _uncopied(table: Any, _: dict[int, Any]) -> Any:
    return table


def _without_side_effect(get_item: GetItem) -> GetItem:
    """Wrap `get_item` so that it adds no entry for a partition that is not there."""

    def get_or_none(table: Any, hash_key: Any, range_key: Any = None, *projection: Any) -> Any:
        if range_key is not None and hash_key not in table.items:
            return None
        return get_item(table, hash_key, range_key, *projection)

    return get_or_none


def _with_rollback(transact: Transact) -> Transact:
    """Wrap `transact` so that its items are restored when it fails."""

    def transact_or_roll_back(backend: Any, items: list[dict[str, Any]]) -> None:
        streams = [(table.stream_shard, len(table.stream_shard.items)) for table in _streaming(backend)]
        before = [
            (table, hash_key, range_key, copy.deepcopy(table.get_item(hash_key, range_key)))
            for table, hash_key, range_key in _written(backend, items)
        ]
        try:
            transact(backend, items)
        except BaseException:
            for shard, length in streams:
                del shard.items[length:]
            for table, hash_key, range_key, item in before:
                entries, key = (table.items, hash_key) if range_key is None else (table.items[hash_key], range_key)
                entries.pop(key, None)
                if item is not None:
                    entries[key] = item
            raise

    return transact_or_roll_back


def _streaming(backend: Any) -> list[Any]:
    return [table for table in backend.tables.values() if table.stream_shard is not None]


def _written(backend: Any, items: list[dict[str, Any]]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the table and key of each write. moto refuses malformed ones before it writes."""
    for kind, write in (pair for item in items for pair in item.items()):
        table = backend.tables.get(write.get("TableName"))
        attributes = write.get("Item" if kind == "Put" else "Key", {})
        if table is not None and kind != "ConditionCheck" and set(table.table_key_attrs) <= set(attributes):
            yield table, *backend.get_keys_value(table, attributes)


def take_records(name: str) -> tuple[list[dict[str, Any]], str]:
    """Take all records of a table's stream out of it; gives them, and the stream's ARN."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends

    tables = (
        backend.tables[name] for backend in dynamodb_backends[DEFAULT_ACCOUNT_ID].values() if name in backend.tables
    )
    table = next(tables)
    shard = table.stream_shard
    if shard is None:
        return [], ""
    taken = shard.items
    # Numbers go on where they were.
    shard.starting_sequence_number += len(taken)
    shard.items = []
    return [record.to_json() for record in taken], f"{table.table_arn}/stream/{table.latest_stream_label}"
