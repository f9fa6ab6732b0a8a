"""The interface of SMS senders."""

from typing import Protocol

from lingpai.sms.model import Message


class NotSent(Exception):
    """The provider refused the message or was not reached: it was certainly not sent, and another sender may try.

    With `bad_number` the number is invalid, so other senders would fail, too. `detail` is for the log: the
    sender and its error code, nothing of the message.
    """

    def __init__(self, detail: str, *, bad_number: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.bad_number = bad_number


class MaybeSent(Exception):
    """The response was lost: the message may have been sent, so it must not be sent again. `detail` as in NotSent."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Sender(Protocol):
    """Sends text messages."""

    def send(self, message: Message) -> None:
        """Send it, or raise NotSent or MaybeSent. Never logs or quotes the code or the number."""
        ...


class Messenger(Sender, Protocol):
    """Sends text messages, and can hide that none was sent."""

    def pretend(self) -> None:
        """Take about as long as a message takes, and send nothing."""
        ...
