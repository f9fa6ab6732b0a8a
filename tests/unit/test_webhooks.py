"""Addresses of webhooks, their secrets, the messages, and the queue of a process."""

import base64
import threading
from typing import Any

import pytest

from lingpai.kernel.clock import Clock
from lingpai.webhooks import messages, signatures, urls
from lingpai.webhooks.messages import EventMessage, LogoutMessage
from lingpai.webhooks.model import Webhook
from lingpai.webhooks.queue import MemoryQueue, Received
from tests.support.stores import settings
from tests.support.time import Time


@pytest.mark.security("HOOK-address")
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://receiver.example/", "is no address that begins with https://"),
        ("ftp://receiver.example/", "is no address that begins with https://"),
        ("https://user@receiver.example/", "names a user"),
        ("https://receiver.example/#x", "has a fragment"),
        ("https://10.0.0.1/", "has a host or a port that cannot be used"),
        ("https://0x7f.1/", "has a host or a port that cannot be used"),
        ("https://[fd00::1]/", "has a character that may not stand in an address, or a wildcard"),
        ("https://receiver.example:8443/", "has a port that WEBHOOK_PORTS does not list"),
        ("https://receiver.example:80/", "has a port that WEBHOOK_PORTS does not list"),
        ("https://127.0.0.1/", "leads to this machine"),
        ("https://[::1]/", "leads to this machine"),
        ("https://localhost/", "leads to this machine"),
        ("http://127.0.0.1:3000/", "leads to this machine"),
        ("https://receiver.example/a/../b", "has a path with a step up, or with an escaped separator"),
        ("https://receiver.example/" + "x" * 500, "has more than 500 characters"),
        ("", "has a character that may not stand in an address, or a wildcard"),
    ],
)
def test_what_is_no_address_of_a_receiver(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match="^" + reason.replace("(", r"\(") + "$"):
        urls.check(url, settings())


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("https://receiver.example/hook?token=1", {}),
        ("https://receiver.example:443/", {}),
        ("https://receiver.example:8443/", {"webhook_ports": "443, 8443"}),
        ("http://127.0.0.1:8000/", {"webhook_loopback": True}),
        ("http://localhost:8000/", {"webhook_loopback": True}),
        ("https://127.0.0.1:8443/", {"webhook_loopback": True}),
    ],
)
def test_what_is_one(url: str, given: dict[str, Any]) -> None:
    assert urls.check(url, settings(**given)) == url


def test_only_a_setting_lets_this_machine_be_called() -> None:
    for address, usual, here in (("8.8.8.8", True, True), ("127.0.0.1", False, True), ("10.0.0.1", False, False)):
        assert urls.admit(settings())(address) is usual
        assert urls.admit(settings(webhook_loopback=True))(address) is here


def test_the_example_of_standard_webhooks() -> None:
    """What the tests of its libraries sign."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signatures.headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert signatures.secret_text(secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_no_secret_is_shown_by_chance() -> None:
    webhook = Webhook("wh_1", "https://receiver.example/?token=t", ("*",), b"wrapped", 1, b"before")
    assert repr(webhook) == (
        "Webhook(id='wh_1', types=('*',), created_at=1, previous_until=0, disabled=None, disabled_at=0)"
    )


@pytest.mark.parametrize(
    "message",
    [
        EventMessage("wh_1", {"id": "e-1", "data": {"名": ["x"]}}),
        LogoutMessage("e-1", "web", 1000, "a-sid"),
    ],
)
def test_a_message_comes_back(message: messages.Message) -> None:
    assert messages.read(messages.write(message)) == message
    assert message.id == "e-1"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"kind":"event","webhook":"w"}', '{"kind":"logout","id":"e"}'])
def test_another_text_is_no_message(text: str) -> None:
    with pytest.raises(ValueError, match="not a message"):
        messages.read(text)


def test_the_queue_of_a_process() -> None:
    """In the order of their times; each comes again unless it is settled."""
    time = Time()
    queue = MemoryQueue(time.clock())
    assert queue.receive(0) is None
    queue.send(["one", "two"])
    one, two = queue.receive(0), queue.receive(0)
    assert one is not None
    assert two is not None
    assert (one.message, one.count, two.message, two.count) == ("one", 1, "two", 1)
    queue.settle(one.receipt, done=True)
    queue.postpone(two.receipt, 5)
    queue.settle(two.receipt, done=False)
    assert queue.receive(0) is None
    time.advance(5)
    again = queue.receive(0)
    assert again is not None
    assert (again.message, again.count) == ("two", 2)
    queue.settle(again.receipt, done=False)
    third = queue.receive(0)
    assert third is not None
    assert (third.message, third.count) == ("two", 3)


def test_who_waits_at_the_queue_gets_what_comes() -> None:
    queue, got = MemoryQueue(Clock()), list[Received | None]()
    waiting = threading.Thread(target=lambda: got.append(queue.receive(20)))
    waiting.start()
    queue.send(["one"])
    waiting.join(20)
    assert [each.message for each in got if each] == ["one"]
    assert queue.receive(0.01) is None
