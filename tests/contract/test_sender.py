"""The protocol Sender, as the console has it."""

import logging

import pytest

from lingpai.sms.model import Message
from lingpai.sms.senders.console import KEPT, ConsoleSender
from tests.support.samples import NOW, NUMBER

MESSAGE = Message(to=NUMBER, code="135791", text="Your code is 135791.", at=NOW)


def test_messages_are_kept_whole_and_in_order() -> None:
    sender = ConsoleSender()
    assert sender.outbox == []
    other = Message(to="+8613800000000", code="246802", text="246802", at=NOW + 1)
    sender.send(MESSAGE)
    sender.send(other)
    assert sender.outbox == [MESSAGE, other]


def test_the_outbox_is_bounded_and_forgets_the_oldest() -> None:
    sender = ConsoleSender()
    messages = [Message(to=NUMBER, code=f"{i:06d}", text="", at=NOW) for i in range(KEPT + 2)]
    for message in messages:
        sender.send(message)
    assert sender.outbox == messages[2:]


def test_what_was_read_is_a_copy() -> None:
    sender = ConsoleSender()
    sender.outbox.append(MESSAGE)
    assert sender.outbox == []


def test_nothing_is_told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither a log nor the terminal nor a message's `repr` shows the code or the number."""
    with caplog.at_level(logging.DEBUG):
        ConsoleSender().send(MESSAGE)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert repr(MESSAGE) == f"Message(at={NOW}, minutes=10, language='zh', purpose='login')"
