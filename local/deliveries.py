"""What SQS and Lambda do with deliveries, in this process: each message goes to the function, again where it says so.

In: the process's queue, and what calls functions. Out: a thread that runs until the end of the block. What waits then
is gone. Here no message is kept that was given up: a line says so.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from lingpai.webhooks.worker import TRIES
from local import background

if TYPE_CHECKING:
    from lingpai.webhooks.queue import MemoryQueue, Received

FUNCTION = "WebhooksFunction"
# Seconds after which the thread looks whether it is to end.
_LOOK_EVERY = 0.2

type Invoke = Callable[[str, dict[str, Any]], Any]


def delivering(queue: "MemoryQueue", invoke: Invoke, say: Callable[[str], object]) -> AbstractContextManager[None]:
    """Deliver what is in the queue and what comes into it, as long as the context lasts."""

    def run(over: threading.Event) -> None:
        while not over.is_set():
            if received := queue.receive(_LOOK_EVERY):
                deliver(queue, received, invoke, say)

    # A receiver that says nothing does not keep the server from ending.
    return background.running(run, 2)


def deliver(queue: "MemoryQueue", received: "Received", invoke: Invoke, say: Callable[[str], object]) -> None:
    """Hand one message to the function, and to the queue what the function says of it."""
    if received.count > TRIES:
        say(f"  a delivery was given up after {TRIES} tries")
        queue.settle(received.receipt, done=True)
        return
    record = {
        "messageId": received.receipt,
        "receiptHandle": received.receipt,
        "body": received.message,
        "attributes": {"ApproximateReceiveCount": str(received.count)},
        "eventSource": "aws:sqs",
    }
    try:
        done = not invoke(FUNCTION, {"Records": [record]})["batchItemFailures"]
    except Exception as error:  # noqa: BLE001  the thread goes on, and the message comes again, as with SQS
        say(f"  a delivery failed: {type(error).__name__}")
        done = False
    queue.settle(received.receipt, done=done)
