"""Records of DynamoDB's streams, as Lambda hands them on."""

from base64 import b64encode
from typing import Any

from lingpai.events.counters import StopsAt
from lingpai.events.records import Streams

KINDS = {
    "UsersTable": "users",
    "SessionsTable": "sessions",
    "ClientsTable": "clients",
    "RolesTable": "roles",
    "KeysTable": "keys",
    "WebhooksTable": "webhooks",
    "CountersTable": "counters",
}
STREAMS = Streams(KINDS, StopsAt(unproven=100, day=10_000, second_factor=5))
AT = 1_796_083_200


def image(item: dict[str, Any]) -> dict[str, Any]:
    """The item as a stream has it in JSON: binary values in base64."""

    def value(typed: Any) -> Any:
        match typed:
            case bytes():
                return b64encode(typed).decode()
            case dict():
                return {name: value(each) for name, each in typed.items()}
            case list() | tuple():
                return [value(each) for each in typed]
            case _:
                return typed

    return {name: value(typed) for name, typed in item.items()}


def record(
    table: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    *,
    sequence: int = 7,
    name: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The record of a change of an item. Its name says what DynamoDB calls it."""
    stream: dict[str, Any] = {
        "ApproximateCreationDateTime": float(AT),
        "SequenceNumber": str(sequence),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if before is not None:
        stream["OldImage"] = image(before)
    if after is not None:
        stream["NewImage"] = image(after)
    default = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    return {
        "eventID": f"event-{sequence}",
        "eventName": name or default,
        "eventSource": "aws:dynamodb",
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}/stream/2026-12-01T00:00:00.000",
        "dynamodb": stream,
        **more,
    }
