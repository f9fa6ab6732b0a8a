"""The local server's deliveries: from the queue of its process, by the function's own code."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import standardwebhooks

from lingpai.kernel.clock import Clock
from lingpai.webhooks import worker
from lingpai.webhooks.queue import MemoryQueue
from local import deliveries
from tests.support.fake_web import Certificate
from tests.support.time import Time
from tests.support.webhooks import an_event, office, receiver

PATIENCE = 20


def until(done: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_what_comes_into_the_queue_is_delivered(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(certificate, monkeypatch) as web:
        here = office()
        _, secret = here.add(f"https://{web.host}/")
        queue = MemoryQueue(Clock())
        called: list[str] = []

        def invoke(name: str, event: dict[str, Any]) -> Any:
            called.append(name)
            return worker.work(event, here.services, here.courier)

        with deliveries.delivering(queue, invoke, print):
            here.enqueue(an_event())
            queue.send([record["body"] for record in here.due()])
            until(lambda: web.calls)
        assert called == ["WebhooksFunction"]
        (call,) = web.calls
        assert standardwebhooks.Webhook(secret).verify(call.body, dict(call.headers))["id"] == "users-100-0"
        threads = [thread.name for thread in threading.enumerate() if "delivering" in thread.name]
        assert threads == []


def test_what_fails_comes_again_until_it_is_given_up() -> None:
    """The function postpones it; where it cannot, the message comes again at once."""
    at = Time()
    queue, said, counts = MemoryQueue(at.clock()), list[str](), list[str]()

    def invoke(_: str, event: dict[str, Any]) -> Any:
        (record,) = event["Records"]
        counts.append(record["attributes"]["ApproximateReceiveCount"])
        if len(counts) == 1:
            queue.postpone(record["receiptHandle"], 5)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}

    queue.send(["a message"])
    received = queue.receive(0)
    assert received is not None
    deliveries.deliver(queue, received, invoke, said.append)
    assert queue.receive(0) is None
    at.advance(5)
    while received := queue.receive(0):
        deliveries.deliver(queue, received, invoke, said.append)
    assert counts == [str(number) for number in range(1, worker.TRIES + 1)]
    assert said == [f"  a delivery was given up after {worker.TRIES} tries"]


def test_a_function_that_fails_does_not_end_the_deliveries() -> None:
    """The message comes again, as with SQS, and so do those behind it."""
    queue, said, called = MemoryQueue(Clock()), list[str](), list[str]()

    def invoke(_: str, event: dict[str, Any]) -> Any:
        (record,) = event["Records"]
        called.append(record["body"])
        if len(called) == 1:
            raise RuntimeError
        return {"batchItemFailures": []}

    with deliveries.delivering(queue, invoke, said.append):
        queue.send(["one", "two"])
        until(lambda: len(called) == 3)
    assert (sorted(called), said) == (["one", "one", "two"], ["  a delivery failed: RuntimeError"])


def test_what_is_delivered_is_gone() -> None:
    queue = MemoryQueue(Time().clock())
    queue.send(["a message"])
    received = queue.receive(0)
    assert received is not None
    deliveries.deliver(queue, received, lambda *_: {"batchItemFailures": []}, print)
    assert queue.receive(0) is None
