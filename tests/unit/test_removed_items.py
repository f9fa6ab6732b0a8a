"""Items that are gone from a table: which of them an event tells."""

from typing import Any

import pytest

from lingpai.events.counters import StopsAt
from lingpai.events.records import Streams, events_of

STREAMS = Streams({"Sessions": "sessions"}, StopsAt(0, 0))
SESSION: dict[str, Any] = {
    "owner": {"N": "1000"},
    "id": {"B": "AAAAAAAAAAE="},
    "client_id": {"S": "web"},
    "sid": {"S": "a-browser"},
    "cause": {"S": '{"action":"/oauth/token","address":"192.0.2.1"}'},
}
BY_TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def removal(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The record of a stream, as AWS writes it."""
    return {
        "eventName": "REMOVE",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/Sessions/stream/2026-12-01T00:00:00.000",
        "dynamodb": {"SequenceNumber": "7", "ApproximateCreationDateTime": 1_796_000_000, "OldImage": item},
        **more,
    }


def test_a_session_that_was_removed() -> None:
    """Of many that end together, and of one that makes room, nothing tells who asked for it."""
    (event,) = events_of(removal(SESSION), STREAMS)
    assert (event.type, event.subject) == ("session.ended", "user:1000")
    assert (event.actor, event.client, event.address, event.request_id) == ("", "", "", "")
    assert (event.data["client"], event.data["sid"], event.data["why"]) == ("web", "a-browser", "")


@pytest.mark.parametrize(
    "record",
    [
        removal(SESSION, userIdentity=BY_TTL),
        removal(SESSION, eventName="UNKNOWN_TO_SDK_VERSION"),  # DynamoDB Local's, of what has expired
        removal({**SESSION, "deleted": {"BOOL": True}}),
        removal({**SESSION, "deleted": {"BOOL": True}}, userIdentity=BY_TTL),
    ],
)
def test_what_is_no_event(record: dict[str, Any]) -> None:
    """What has expired, a session or its tombstone."""
    assert events_of(record, STREAMS) == ()
