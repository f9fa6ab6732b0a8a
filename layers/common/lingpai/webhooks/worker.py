"""The queue's messages, as Lambda brings them from SQS: delivered at once, and each told by itself how it went.

A message that is worth another try is postponed, longer each time. After the last of `TRIES` SQS puts it into the
queue of failed deliveries (the template's `maxReceiveCount`), from where `lingpai webhook redrive` brings it back.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from lingpai.http import observability
from lingpai.kernel.errors import LingpaiError
from lingpai.webhooks import messages
from lingpai.webhooks.delivery import Courier, Outcome
from lingpai.webhooks.service import WebhookServices

_MINUTE, _HOUR = 60, 3600
# Seconds from one try to the next: two days together. SQS hides a message for 12 hours at most.
PAUSES = (5, 30, 2 * _MINUTE, 10 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, *(10 * _HOUR,) * 4)
TRIES = len(PAUSES) + 1


def work(event: dict[str, Any], services: WebhookServices, courier: Courier) -> dict[str, Any]:
    """Deliver the messages of an event of SQS, all at once; the answer names those that come again."""
    records: Sequence[dict[str, Any]] = event["Records"]
    with ThreadPoolExecutor(max_workers=max(1, len(records))) as threads:
        # Each thread has the request's deadline, which is kept in the context.
        running = [threads.submit(copy_context().run, _deliver, courier, record) for record in records]
        outcomes = [each.result() for each in running]
    again = []
    for record, (message_id, outcome) in zip(records, outcomes, strict=True):
        count = int(record["attributes"]["ApproximateReceiveCount"])
        observability.log_delivery(message_id, record["messageId"], count, outcome.state, outcome.detail)
        if outcome.state == "done":
            services.services.meter.count("WebhooksDelivered")
        else:
            services.services.meter.count("WebhooksFailed")
        if outcome.state == "again":
            again.append(record["messageId"])
            # Where that fails the message comes again sooner, when the queue shows it by itself.
            with suppress(LingpaiError):
                services.queue.postpone(record["receiptHandle"], pause(count, services.services.clock.random_bytes))
    services.services.meter.flush()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}


def pause(count: int, random_bytes: Callable[[int], bytes]) -> int:
    """The seconds to the next try after `count` tries, a tenth more at most, so that those who met do not meet again.

    After the last try it is one second: the queue gives the message up.
    """
    if count > len(PAUSES):
        return 1
    seconds = PAUSES[max(count, 1) - 1]
    return seconds + seconds * random_bytes(1)[0] // 2560


def _deliver(courier: Courier, record: dict[str, Any]) -> tuple[str, Outcome]:
    """The event's id, and how the try ended. A message that is none ends where those go that were given up."""
    try:
        message = messages.read(record["body"])
    except ValueError as error:
        return "", Outcome("again", str(error))
    try:
        return message.id, courier.deliver(message)
    except Exception as error:  # noqa: BLE001  whatever it is, the other messages of the batch are not to come again
        return message.id, Outcome("again", type(error).__name__)
