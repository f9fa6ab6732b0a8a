"""What happens in the stack is kept in its audit table, and sent to its event bus."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.events import service as events
from lingpai.events.model import Event
from tests.deploy.stack import Stack
from tests.deploy.stand_in import ACCOUNT, REGION


def until(look: Any) -> Any:
    """What `look` gives as soon as it gives something."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError("nothing within a minute")


@pytest.fixture
def bus(stack: Stack) -> Iterator[str]:
    """A queue that a rule of the operator's sends all events of the bus to: its address."""
    client, sqs, name = stack.client("events"), stack.client("sqs"), stack.physical("EventBus")
    url = sqs.create_queue(QueueName="all-events")["QueueUrl"]
    client.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps({"source": ["lingpai"]}))
    target = {"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:all-events"}
    client.put_targets(Rule="all", EventBusName=name, Targets=[target])
    yield url
    client.remove_targets(Rule="all", EventBusName=name, Ids=["queue"])
    client.delete_rule(Name="all", EventBusName=name)
    sqs.delete_queue(QueueUrl=url)


def test_a_change_is_kept_and_sent(stack: Stack, bus: str) -> None:
    """By the stream, the function, the table and the bus, as they are deployed."""
    name = f"events-{time.time_ns()}"
    made = stack.command("client", "create", name, "--dialect", "standard", "--json")
    assert made.returncode == 0, made.stderr

    def kept() -> list[Any]:
        ended = stack.command("audit", "--client", name, "--json")
        assert ended.returncode == 0, ended.stderr
        events: list[Any] = json.loads(ended.stdout)["events"]
        return events

    (event,) = until(kept)
    assert (event["type"], event["subject"], event["action"]) == ("client.created", f"client:{name}", "client create")
    assert event["actor"].startswith("operator:")
    sqs = stack.client("sqs")

    def sent() -> list[Any]:
        found = sqs.receive_message(QueueUrl=bus, MaxNumberOfMessages=10).get("Messages", [])
        return [body for body in (json.loads(each["Body"]) for each in found) if body["detail"]["id"] == event["id"]]

    told = until(sent)[0]
    assert (told["source"], told["detail-type"], told["detail"]) == ("lingpai", "client.created", event)


def test_what_failed_is_tried_again(stack: Stack) -> None:
    """It is kept, and no longer waits."""
    event = Event(f"{time.time_ns():040d}-users-000", "user.disabled", int(time.time()), "user:1", "", "", "", "", {})
    url = stack.physical("EventsFailedQueue")
    stack.client("sqs").send_message(QueueUrl=url, MessageBody=events.message(event))
    ended = stack.command("events", "redrive", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["redriven"] == 1
    found = json.loads(stack.command("audit", "--user", "1", "--json").stdout)["events"]
    assert event.id in [each["id"] for each in found]
    again = stack.command("events", "redrive", "--json")
    assert json.loads(again.stdout)["redriven"] == 0
