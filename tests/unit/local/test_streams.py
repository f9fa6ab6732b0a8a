"""The streams of the local store: shards in order, old iterators, and batches that come again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from local.streams import StreamReader, handed_on, pump

ARN = "arn:aws:dynamodb:ddblocal:000000000000:table/UsersTable/stream/2026"


@dataclass
class Streams:
    """DynamoDB Streams: shards with their parents and their records. A shard is closed once a child is there."""

    shards: dict[str, tuple[str | None, list[str]]]
    expired: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def describe_stream(self, **given: Any) -> Mapping[str, Any]:
        """One shard in each answer."""
        names = list(self.shards)
        first = names.index(given["ExclusiveStartShardId"]) + 1 if "ExclusiveStartShardId" in given else 0
        name = names[first]
        parent = self.shards[name][0]
        shard = {"ShardId": name, **({"ParentShardId": parent} if parent else {})}
        more = {} if name == names[-1] else {"LastEvaluatedShardId": name}
        return {"StreamDescription": {"Shards": [shard], **more}}

    def get_shard_iterator(self, **given: Any) -> Mapping[str, Any]:
        shard, kind = given["ShardId"], given["ShardIteratorType"]
        self.asked.append((shard, kind))
        records = self.shards[shard][1]
        at = {"LATEST": len(records), "TRIM_HORIZON": 0}.get(kind)
        return {"ShardIterator": f"{shard}:{records.index(given['SequenceNumber']) + 1 if at is None else at}"}

    def get_records(self, **given: Any) -> Mapping[str, Any]:
        if self.expired:
            self.expired = False
            raise ClientError({"Error": {"Code": "ExpiredIteratorException"}}, "GetRecords")
        shard, _, at = given["ShardIterator"].partition(":")
        records = self.shards[shard][1]
        closed = any(parent == shard for parent, _ in self.shards.values())
        found = [{"dynamodb": {"SequenceNumber": number}} for number in records[int(at) :]]
        return {"Records": found, **({} if closed else {"NextShardIterator": f"{shard}:{len(records)}"})}


def numbers(records: list[dict[str, Any]]) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def test_a_shard_is_read_after_the_one_it_comes_from() -> None:
    streams = Streams({"a": (None, ["1"]), "b": (None, ["2"])})
    reader = StreamReader(streams, ARN, "TRIM_HORIZON")
    assert numbers(reader.poll()) == ["1", "2"]
    streams.shards["a"][1].append("3")
    streams.shards |= {"c": ("a", ["5"]), "d": ("c", ["7"])}
    streams.shards["e"] = ("b", ["6"])
    found = [numbers(reader.poll()) for _ in range(5)]
    assert found == [["3"], ["5", "6"], ["7"], [], []]
    assert [shard for shard, _ in streams.asked] == ["a", "b", "c", "e", "d"]


def test_from_now_on() -> None:
    """Shards that come later are read whole all the same."""
    streams = Streams({"a": (None, ["1"])})
    reader = StreamReader(streams, ARN)
    streams.shards["a"][1].append("2")
    streams.shards["b"] = ("a", ["3"])
    assert [numbers(reader.poll()) for _ in range(2)] == [["2"], ["3"]]
    assert streams.asked == [("a", "LATEST"), ("b", "TRIM_HORIZON")]


def test_an_iterator_that_is_too_old() -> None:
    streams = Streams({"a": (None, ["1"])})
    reader = StreamReader(streams, ARN, "TRIM_HORIZON")
    assert numbers(reader.poll()) == ["1"]
    streams.shards["a"][1].append("2")
    streams.expired = True
    assert numbers(reader.poll()) == ["2"]


def test_a_record_as_lambda_hands_it_on() -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    given = {"dynamodb": {"ApproximateCreationDateTime": at, "Keys": {"id": {"B": b"\0\1"}}, "L": [{"N": "1"}]}}
    stream = {"ApproximateCreationDateTime": at.timestamp(), "Keys": {"id": {"B": "AAE="}}, "L": [{"N": "1"}]}
    assert handed_on(given, ARN) == {"dynamodb": stream, "eventSourceARN": ARN}


def test_a_batch_comes_again_from_the_first_record_that_failed() -> None:
    batches: list[list[str]] = []
    answers = [[{"itemIdentifier": "2"}], [{"itemIdentifier": "3"}], []]

    def invoke(_name: str, event: dict[str, Any]) -> Any:
        batches.append(numbers(event["Records"]))
        return {"batchItemFailures": answers.pop(0)}

    pump([{"dynamodb": {"SequenceNumber": str(number)}} for number in range(1, 4)], invoke, lambda: None)
    assert batches == [["1", "2", "3"], ["2", "3"], ["3"]]


def test_what_is_given_up_is_said() -> None:
    """And what comes behind it is handed on."""
    records = [{"dynamodb": {"SequenceNumber": str(number)}} for number in range(150)]
    batches: list[int] = []

    def invoke(_name: str, event: dict[str, Any]) -> Any:
        found = numbers(event["Records"])
        batches.append(len(found))
        return {"batchItemFailures": [{"itemIdentifier": "98"}] if "98" in found else []}

    assert pump(records, invoke, lambda: None, attempts=3) == 2
    assert batches == [100, 2, 2, 50]
