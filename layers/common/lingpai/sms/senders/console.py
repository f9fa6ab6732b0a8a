"""The sender for a machine without a provider: it keeps the messages for the developer to read."""

import threading
from collections import deque

from lingpai.sms.model import Message

KEPT = 1000


class ConsoleSender:
    """Keeps the last thousand messages in `outbox`, newest last, and sends nothing."""

    def __init__(self) -> None:
        self._kept: deque[Message] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Put the message into the outbox."""
        with self._lock:
            self._kept.append(message)

    def pretend(self) -> None:
        """Do nothing: to keep a message takes no time."""

    @property
    def outbox(self) -> list[Message]:
        """The messages "sent", newest last."""
        with self._lock:
            return list(self._kept)
