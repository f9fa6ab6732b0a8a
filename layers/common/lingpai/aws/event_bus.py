"""The event bus of AWS EventBridge."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lingpai.aws.client import aws_client

if TYPE_CHECKING:
    from lingpai.settings import Settings

_SOURCE = "lingpai"
# What one call takes at most.
_BATCH = 10


@dataclass(frozen=True)
class BusEntry:
    """An event for the bus: its type, its time in seconds since 1970, and the document as JSON."""

    type: str
    at: int
    detail: str


class EventBus:
    """The bus of this name; `connect` gives the client when it is first needed."""

    def __init__(self, settings: "Settings", connect: Callable[[], Any] | None = None) -> None:
        self._name = settings.event_bus
        self._connect = connect or (lambda: aws_client(settings, "events"))
        self._client: Any = None

    def put(self, entries: Sequence[BusEntry]) -> tuple[int, ...]:
        """Send these, one call for each ten; gives the places in `entries` of those that were not sent for certain."""
        lost: list[int] = []
        for batch in itertools.batched(enumerate(entries), _BATCH, strict=False):
            places = [place for place, _ in batch]
            sent = self._put([entry for _, entry in batch])
            lost += [place for place, done in zip(places, sent, strict=True) if not done]
        return tuple(lost)

    def _put(self, entries: Sequence[BusEntry]) -> list[bool]:
        asked = [
            {
                "EventBusName": self._name,
                "Source": _SOURCE,
                "DetailType": entry.type,
                "Time": entry.at,
                "Detail": entry.detail,
            }
            for entry in entries
        ]
        try:
            if self._client is None:
                self._client = self._connect()
            answered = self._client.call("PutEvents", {"Entries": asked}).get("Entries") or ()
        except (ClientError, BotoCoreError):
            return [False] * len(entries)
        if len(answered) != len(entries):
            return [False] * len(entries)
        return [not each.get("ErrorCode") for each in answered]
