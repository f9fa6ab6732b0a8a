"""Messages: one for each delivery, as they wait in the queue. Nothing in them is secret, and nothing is signed yet."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EventMessage:
    """An event (its document) for a webhook."""

    webhook: str
    event: Mapping[str, Any]

    @property
    def id(self) -> str:
        """What the log calls it: the event's id."""
        return str(self.event["id"])


@dataclass(frozen=True)
class LogoutMessage:
    """The end of a user's session `sid`, for a client that the user logged in to; `id` is that of the event."""

    id: str
    client: str
    user_id: int
    sid: str


Message = EventMessage | LogoutMessage
_KINDS: Mapping[str, type[Message]] = {"event": EventMessage, "logout": LogoutMessage}


def write(message: Message) -> str:
    """The message as text."""
    kind = next(name for name, made in _KINDS.items() if isinstance(message, made))
    return json.dumps({"kind": kind, **asdict(message)}, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Message:
    """The message in a text; ValueError for any other text."""
    try:
        given = json.loads(text)
        message = _KINDS[given.pop("kind")](**given)
        _ = message.id
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("not a message of a delivery") from None
    return message
