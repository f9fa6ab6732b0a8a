"""What Lambda does with the streams of the tables, in this process: their records go to the function of events.

In: the local store, and what calls functions. Out: a thread that runs until the end of the block. What is changed while
no server runs is in no stream that it reads.
"""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import batched
from typing import TYPE_CHECKING, Any, Literal, Protocol

from botocore.exceptions import ClientError

from local import background
from local.template import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FUNCTION = "EventsFunction"
# Records that the function gets at once, as in the template.
_BATCH = 100
_LOOK_EVERY = 0.5
# What is said of an iterator that was not used for a while.
_TOO_OLD = {"ExpiredIteratorException", "TrimmedDataAccessException"}

type Record = dict[str, Any]
type Invoke = Callable[[str, dict[str, Any]], Any]


class Reader(Protocol):
    """The records of one table's stream."""

    def poll(self) -> list[Record]:
        """The records since the last call, as Lambda hands them on."""
        ...


class StreamReader:
    """Reads the stream of this ARN by `client`, which speaks for DynamoDB Streams: a shard after the one it comes from.

    `start` is where the first shards begin; later ones are read whole.
    """

    def __init__(self, client: Any, arn: str, start: Literal["LATEST", "TRIM_HORIZON"] = "LATEST") -> None:
        self._client = client
        self._arn = arn
        self._open: dict[str, str] = {}
        self._last: dict[str, str] = {}
        self._done: set[str] = set()
        self._find_shards(start)

    def poll(self) -> list[Record]:
        """See `Reader`."""
        found: list[Record] = []
        known = set(self._done)
        for shard, iterator in tuple(self._open.items()):
            answer = self._records(shard, iterator)
            if answer["Records"]:
                self._last[shard] = answer["Records"][-1]["dynamodb"]["SequenceNumber"]
            found += [handed_on(record, self._arn) for record in answer["Records"]]
            following = answer.get("NextShardIterator")
            if following:
                self._open[shard] = following
            else:
                del self._open[shard]
                self._done.add(shard)
        if self._done - known:
            self._find_shards("TRIM_HORIZON")
        return found

    def _records(self, shard: str, iterator: str) -> dict[str, Any]:
        """Records behind the iterator; behind the last record where it is too old, as after a pause of the machine."""
        try:
            answer: dict[str, Any] = self._client.get_records(ShardIterator=iterator)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TOO_OLD:
                raise
            answer = self._client.get_records(ShardIterator=self._iterator(shard, "TRIM_HORIZON"))
        return answer

    def _iterator(self, shard: str, start: str) -> str:
        """An iterator behind the last record that was read of this shard, else at its `start`."""
        place = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._last[shard]}
            if shard in self._last
            else {"ShardIteratorType": start}
        )
        answer = self._client.get_shard_iterator(StreamArn=self._arn, ShardId=shard, **place)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _find_shards(self, start: str) -> None:
        """Open the shards whose parents are read to their ends, or are no longer known."""
        shards = {shard["ShardId"]: shard.get("ParentShardId") for shard in self._shards()}
        for shard, parent in shards.items():
            if shard not in self._done and shard not in self._open and (parent not in shards or parent in self._done):
                self._open[shard] = self._iterator(shard, start)

    def _shards(self) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            described = self._client.describe_stream(StreamArn=self._arn, **more)["StreamDescription"]
            yield from described["Shards"]
            if "LastEvaluatedShardId" not in described:
                return
            more = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}


class EmbeddedReader:
    """Takes the records of a table of the embedded store, which would keep them for ever."""

    def __init__(self, name: str, turn: AbstractContextManager[Any]) -> None:
        self._name = name
        self._turn = turn

    def poll(self) -> list[Record]:
        """See `Reader`."""
        from local.embedded import take_records

        with self._turn:
            records, arn = take_records(self._name)
        return [handed_on(record, arn) for record in records]


def handed_on(record: Record, arn: str) -> Record:
    """The record as Lambda hands it on: JSON, with binary values in base64 and times in seconds."""
    handed: Record = _as_json(record)
    return {**handed, "eventSourceARN": arn}


def _as_json(value: Any) -> Any:
    match value:
        case bytes() | bytearray():
            return b64encode(value).decode()
        case dict():
            return {name: _as_json(each) for name, each in value.items()}
        case list() | tuple() | set():
            return [_as_json(each) for each in value]
        case _ if hasattr(value, "timestamp"):
            return value.timestamp()
        case _:
            return value


def open_streams(
    client: "DynamoDBClient", tables: Iterable[Table], say: Callable[[str], object], endpoint: str | None
) -> list[Reader]:
    """Readers of the streams of those tables that have one in the template, from now on.

    `endpoint` is the store's address. A table that has no stream, since an earlier version made it, is given one.
    """
    import boto3.session

    streams = boto3.session.Session().client("dynamodbstreams", endpoint_url=endpoint)
    readers: list[Reader] = []
    for table in tables:
        if table.stream is None:
            continue
        described = client.describe_table(TableName=table.name)["Table"]
        if "LatestStreamArn" not in described:
            say(f"  {table.name} gets a stream: what was changed before is in no audit trail")
            described = client.update_table(TableName=table.name, StreamSpecification=table.stream)["TableDescription"]  # type: ignore[arg-type]  # as the template has it
        readers.append(StreamReader(streams, described["LatestStreamArn"]))
    return readers


def pumping(readers: Sequence[Reader], invoke: Invoke, say: Callable[[str], object]) -> AbstractContextManager[None]:
    """Hand the records of the streams to the function as long as the context lasts."""

    def run(over: threading.Event) -> None:
        while not over.wait(_LOOK_EVERY):
            for reader in readers:
                try:
                    lost = pump(reader.poll(), invoke, lambda: over.wait(1))
                except Exception as error:  # noqa: BLE001  the thread goes on, and says what it has not done
                    say(f"  events of a table are lost: {type(error).__name__}")
                    continue
                if lost:
                    say(f"  events of a table are lost: {lost} changes")

    return background.running(run, 5)


def pump(records: Sequence[Record], invoke: Invoke, pause: Callable[[], object], attempts: int = 20) -> int:
    """Hand these records to the function, again from the first one that it could not do anything with.

    Gives how many were given up after so many attempts.
    """
    lost = 0
    for batch in batched(records, _BATCH, strict=False):
        left = list(batch)
        for _ in range(attempts):
            failures = invoke(FUNCTION, {"Records": left})["batchItemFailures"]
            if not failures:
                break
            numbers = [record["dynamodb"]["SequenceNumber"] for record in left]
            left = left[numbers.index(failures[0]["itemIdentifier"]) :]
            pause()
        else:
            lost += len(left)
    return lost
