"""A call of DynamoDB as libraries make it: items, keys, conditions and updates by PynamoDB's attributes, then the call.

For the bare transport that is one kept HTTPS connection of the standard library's and botocore's signer: a yardstick is
no yardstick that shrinks with what it measures. It is what a call costs whoever writes neither items nor transport out,
measured beside Lingpai's own in the process of warm_request.py; nothing here knows the tables, so that it is as many
values of the same kinds, and no more.
"""

import base64
import http.client
import json
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import and_
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.expressions.update import Update

from lingpai.aws.dynamodb.items import Record

Item = Mapping[str, Mapping[str, Any]]
Act = Callable[[], object]

_KINDS: Mapping[str, Callable[[], Attribute[Any]]] = {
    "S": UnicodeAttribute,
    "N": NumberAttribute,
    "B": lambda: BinaryAttribute(legacy_encoding=False),
    "BOOL": BooleanAttribute,
    "L": ListAttribute,
    "M": MapAttribute,
    "SS": UnicodeSetAttribute,
    "NS": NumberSetAttribute,
}
_ABSENT = re.compile(r"attribute_(?:not_)?exists")
# Whatever it looks for, a condition without a value names an attribute.
_SOME = UnicodeAttribute(attr_name="some")


def bare(url: str) -> Callable[[str, Any], Any]:
    """What makes a call of DynamoDB at `url`, by the credentials and authorities that the environment names."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    connection = http.client.HTTPSConnection(host, port, context=context)
    known = os.environ
    keys = Credentials(known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"], known.get("AWS_SESSION_TOKEN"))
    signer = SigV4Auth(keys, "dynamodb", known["AWS_REGION"])

    def call(operation: str, arguments: Any) -> Any:
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        body = json.dumps(arguments, default=lambda value: base64.b64encode(value).decode()).encode()
        request = AWSRequest("POST", f"{url}/", headers, body)
        signer.add_auth(request)
        connection.request("POST", "/", body, dict(request.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise ValueError(f"{operation}: {answer.status} {content!r}")
        return json.loads(content, object_hook=_to_bytes)

    return call


def _to_bytes(found: dict[str, Any]) -> dict[str, Any]:
    if isinstance(value := found.get("B"), str):
        found["B"] = base64.b64decode(value)
    return found


def plain(call: Callable[[str, Any], Any], operation: str, arguments: Mapping[str, Any], answer: Any) -> Act:
    """What makes the call again: all that it says by PynamoDB, the call itself, and what was answered by PynamoDB."""
    said = [_kept(item) for item in _items(arguments)]
    expressions = list(_expressions(arguments))
    heard = [(_record(item), item) for item in _items(answer)]

    def act() -> None:
        for record in said:
            record._container_serialize()  # noqa: SLF001  as PynamoDB's own models do
        for parts in expressions:
            names: dict[str, str] = {}
            values: dict[str, Any] = {}
            for part in parts():
                part.serialize(names, values)
        call(operation, arguments)
        for kind, item in heard:
            kind()._container_deserialize(dict(item))  # noqa: SLF001

    return act


def _items(told: Any) -> Iterator[Item]:
    """The items and keys in what was said or answered, but for the values of expressions."""
    if isinstance(told, list):
        for each in told:
            yield from _items(each)
    elif isinstance(told, dict):
        for name, value in told.items():
            if name in {"Item", "Key", "Attributes"}:
                yield value
            elif name in {"Keys", "Items"}:
                yield from value
            elif name == "Responses":
                yield from (item for found in value.values() for item in found)
            elif not name.startswith("ExpressionAttribute"):
                yield from _items(value)


def _expressions(told: Any) -> Iterator[Callable[[], list[Any]]]:
    """For each place with expressions, what composes as many of PynamoDB's conditions and updates."""
    if isinstance(told, list):
        for each in told:
            yield from _expressions(each)
    elif isinstance(told, dict):
        if "ConditionExpression" in told or "UpdateExpression" in told:
            yield _composed(told)
        else:
            for value in told.values():
                yield from _expressions(value)


def _composed(told: Mapping[str, Any]) -> Callable[[], list[Any]]:
    condition, update = told.get("ConditionExpression", ""), told.get("UpdateExpression", "")
    given = told.get("ExpressionAttributeValues", {})
    compared = [_pair(value) for name, value in given.items() if _names(condition, name)]
    set_ = [_pair(value) for name, value in given.items() if _names(update, name)]
    absent = len(_ABSENT.findall(condition))

    def parts() -> list[Any]:
        conditions = [attribute == value for attribute, value in compared]
        conditions += [_SOME.exists() for _ in range(absent)]
        made: list[Any] = [reduce(and_, conditions)] if conditions else []
        if set_:
            made.append(Update(*(attribute.set(value) for attribute, value in set_)))
        return made

    return parts


def _names(expression: str, placeholder: str) -> bool:
    return re.search(re.escape(placeholder) + r"\b", expression) is not None


def _pair(value: Mapping[str, Any]) -> tuple[Attribute[Any], Any]:
    """An attribute for the value, and the value as Python has it."""
    record = _kept({"some": value})
    return type(record).get_attributes()["some"], record.some


def _kept(item: Item) -> Any:
    record = _record(item)()
    record._container_deserialize(dict(item))  # noqa: SLF001
    return record


def _record(item: Item) -> Any:
    """A record of PynamoDB's with these attributes."""
    return type("Plain", (Record,), {name: _KINDS[next(iter(value))]() for name, value in item.items()})
