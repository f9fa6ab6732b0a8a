"""The store interface of events: the audit table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lingpai.events.model import Event


@dataclass(frozen=True)
class AuditQuery:
    """Which events: of one subject, one actor or one type; of all where none of them is given.

    Those of `since` and later, and before `until`, in seconds since 1970. At most one of the first three is given.
    """

    subject: str | None = None
    actor: str | None = None
    type: str | None = None
    since: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        if sum(chosen is not None for chosen in (self.subject, self.actor, self.type)) > 1:
            raise ValueError("one of subject, actor and type")


@dataclass(frozen=True)
class AuditPage:
    """Some events, the newest first; `next` is where the next page starts, None after the last.

    A page may have fewer events than were asked for, or none, and still a `next`.
    """

    events: tuple[Event, ...]
    next: str | None


class BadCursor(ValueError):
    """The cursor is none that a page has given."""

    def __init__(self) -> None:
        super().__init__("no cursor of a page of events")


class AuditTrail(Protocol):
    """The events that are kept."""

    def append_events(self, events: Sequence[Event]) -> None:
        """Keep these events. One that is kept already stays as it is, so this can be repeated."""
        ...

    def find_events(self, query: AuditQuery, limit: int, after: str | None = None) -> AuditPage:
        """At most `limit` events, the newest first: the first ones, or those behind the cursor `after`.

        A cursor is a place in time, good for any query; BadCursor for any other text.
        """
        ...
