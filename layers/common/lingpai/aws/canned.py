"""A client of DynamoDB without DynamoDB, for the requests that are answered before a snapshot is made (`priming`)."""

from collections.abc import Mapping
from typing import Any

import orjson

from lingpai.aws import json_format
from lingpai.aws.credentials import Credentials
from lingpai.aws.json_client import JsonClient
from lingpai.outbound.connections import Answer, ConnectionPool

type _Item = dict[str, Any]

# Requests are signed as they will be.
_OPEN_NOTHING = Credentials("primed", "primed", "primed")


class _CannedPool(ConnectionPool):
    """Opens no connection. The first item that was put into a table stands there under each key that is asked for."""

    def __init__(self) -> None:
        super().__init__("https://dynamodb.invalid", 1, 1, "")
        self._items: dict[str, _Item] = {}

    def post(self, headers: Mapping[str, str], body: bytes, until: float, largest: int) -> Answer:  # noqa: ARG002
        operation = headers["x-amz-target"].rpartition(".")[2]
        return Answer(200, {}, orjson.dumps(self._answer(operation, orjson.loads(body))))

    def _answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "GetItem":
                found = self._found(asked["TableName"], [asked["Key"]])
                return {"Item": found[0]} if found else {}
            case "BatchGetItem":
                wanted = asked["RequestItems"].items()
                return {"Responses": {table: self._found(table, keys["Keys"]) for table, keys in wanted}}
            case "UpdateItem":
                return {"Attributes": {**self._items.get(asked["TableName"], {}), **asked["Key"]}}
            case "Query" | "Scan":
                return {"Items": []}
            case "PutItem":
                self._put(asked)
            case "TransactWriteItems":
                for action in asked["TransactItems"]:
                    if "Put" in action:
                        self._put(action["Put"])
            case _:  # nothing of the answer is read
                pass
        return {}

    def _put(self, asked: dict[str, Any]) -> None:
        self._items.setdefault(asked["TableName"], asked["Item"])

    def _found(self, table: str, keys: list[_Item]) -> list[_Item]:
        return [{**self._items[table], **key} for key in keys] if table in self._items else []


def canned_client() -> JsonClient:
    """A client of DynamoDB that calls nobody."""
    return JsonClient(json_format.DYNAMODB, "us-east-1", _CannedPool(), lambda: _OPEN_NOTHING, 1)
