"""Queues of AWS SQS."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lingpai.aws.client import aws_client
from lingpai.kernel.errors import unavailable

if TYPE_CHECKING:
    from lingpai.settings import Settings

# What one call sends or receives at most.
_BATCH = 10
# Seconds that SQS waits for a message before it says that there is none.
_WAIT = 1
# How often a batch is sent of which SQS has refused a part, which it does where it is busy.
_ATTEMPTS = 3


@dataclass(frozen=True)
class QueuedMessage:
    """A message as it was received; by `receipt` it is deleted."""

    receipt: str
    body: str


class SqsQueue:
    """The queue at this address; `connect` gives the client when it is first needed."""

    def __init__(self, settings: "Settings", url: str, connect: Callable[[], Any] | None = None) -> None:
        self._url = url
        self._connect = connect or (lambda: aws_client(settings, "sqs"))
        self._client: Any = None

    def send(self, messages: Sequence[str]) -> None:
        """Add these messages, one call for each ten; LingpaiError 503 where it is not certain that all were added."""
        for batch in itertools.batched(messages, _BATCH, strict=False):
            self._send_batch({str(number): body for number, body in enumerate(batch)})

    def postpone(self, receipt: str, seconds: int) -> None:
        """Let the received message come again after so many seconds, unless it is deleted."""
        self._call("ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=seconds)

    def receive_all(self) -> Iterator[QueuedMessage]:
        """The messages in the queue, each once, until a call finds none. Each comes again later unless it is deleted.

        A message that stays in the queue comes again while others are still worked on: as soon as that is all that
        comes, this ends.
        """
        seen: set[str] = set()
        repeated = 0
        while messages := self._receive():
            for message in messages:
                if message["MessageId"] in seen:
                    repeated += 1
                    continue
                repeated = 0
                seen.add(message["MessageId"])
                yield QueuedMessage(message["ReceiptHandle"], message["Body"])
            if repeated > len(seen):
                return

    def _receive(self) -> Sequence[dict[str, str]]:
        """Some messages; none where the queue is empty: without a wait SQS asks only some of its servers."""
        answer = self._call("ReceiveMessage", MaxNumberOfMessages=_BATCH, WaitTimeSeconds=_WAIT)
        found: Sequence[dict[str, str]] = answer.get("Messages") or ()
        return found

    def delete(self, receipt: str) -> None:
        """Delete the received message."""
        self._call("DeleteMessage", ReceiptHandle=receipt)

    def _send_batch(self, left: dict[str, str]) -> None:
        for _ in range(_ATTEMPTS):
            entries = [{"Id": number, "MessageBody": body} for number, body in left.items()]
            failed = self._call("SendMessageBatch", Entries=entries).get("Failed") or ()
            left = {entry["Id"]: left[entry["Id"]] for entry in failed}
            if not left:
                return
        raise unavailable(detail="SQS SendMessageBatch: not all of it")

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            if self._client is None:
                self._client = self._connect()
            answer: dict[str, Any] = self._client.call(operation, {"QueueUrl": self._url, **arguments})
        except ClientError as error:
            raise unavailable(detail=f"SQS {operation}: {error.response['Error']['Code']}") from error
        except BotoCoreError as error:
            raise unavailable(detail=f"SQS {operation}: {type(error).__name__}") from error
        return answer
