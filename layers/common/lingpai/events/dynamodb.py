"""The audit table: one item for each event, found by its subject, its actor, its type or its day."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lingpai.aws.dynamodb.attributes import Item
from lingpai.aws.dynamodb.tables import DynamoTables
from lingpai.events.model import Event, document, parse
from lingpai.events.storage import AuditPage, AuditQuery, BadCursor
from lingpai.kernel.clock import Clock

DAY = 86400
# How many days one call looks through, so that one about a quiet year is not a long one.
_DAYS_AT_ONCE = 31
# Behind each key: they begin with digits.
_LAST = "~"
_CURSOR = re.compile(r"[0-9]{10}(#[0-9a-z-]{1,80})?")
_clock = Clock()


def audit_key(event: Event) -> str:
    """The range key: by time, and in the order of the item's changes. The cursors of pages are such keys."""
    return f"{event.at:010d}#{event.id}"


class DynamoEvents(DynamoTables):
    """`AuditTrail` on DynamoDB."""

    def append_events(self, events: Sequence[Event]) -> None:
        """See `AuditTrail`; one call for each 25. The same event is put again as it is."""
        items = {(event.subject, event.id): self._serialize(event) for event in events}
        self.put_all(self.settings.audit_table, tuple(items.values()))

    def find_events(self, query: AuditQuery, limit: int, after: str | None = None) -> AuditPage:
        """See `AuditTrail`; one call, and by day one for each day until the page is full, 31 at most."""
        if after is not None and not _CURSOR.fullmatch(after):
            raise BadCursor
        for name, index in (("subject", None), ("actor", "by_actor"), ("type", "by_type")):
            value = getattr(query, name)
            if value is not None:
                items, more = self._audited(name, value, index, query, limit, after)
                return AuditPage(tuple(map(_deserialize, items)), items[-1]["key"]["S"] if more and items else None)
        return self._find_by_day(query, limit, after)

    def _find_by_day(self, query: AuditQuery, limit: int, after: str | None) -> AuditPage:
        latest = _clock.now() + DAY
        # Nothing has happened later, and `since` counts back from here.
        until = latest if query.until is None else min(query.until, latest)
        since = max(query.since or 0, until - (self.settings.audit_days + 1) * DAY, 0)
        days = _days(since, min(until, int(after[:10]) + 1) if after else until)
        found: list[Item] = []
        for start in days[:_DAYS_AT_ONCE]:
            items, more = self._audited("day", _day(start), "by_day", query, limit - len(found), after)
            found += items
            if more or len(found) == limit:
                return AuditPage(tuple(map(_deserialize, found)), found[-1]["key"]["S"])
        rest = f"{days[_DAYS_AT_ONCE - 1]:010d}" if len(days) > _DAYS_AT_ONCE else None
        return AuditPage(tuple(map(_deserialize, found)), rest)

    def _audited(
        self, name: str, value: str, index: str | None, query: AuditQuery, limit: int, after: str | None
    ) -> tuple[list[Item], bool]:
        """The newest items of this value before the cursor, and whether there may be more."""
        low, high = _bound(query.since or 0), _LAST if query.until is None else _bound(query.until)
        high = min(high, _below(after)) if after else high
        if high < low:
            return [], False
        answer = self.call(
            "Query",
            TableName=self.settings.audit_table,
            **({"IndexName": index} if index else {"ConsistentRead": True}),
            KeyConditionExpression="#name = :value AND #key BETWEEN :low AND :high",
            ExpressionAttributeNames={"#name": name, "#key": "key"},
            ExpressionAttributeValues={
                ":value": {"S": value},
                ":low": {"S": low},
                ":high": {"S": high},
            },
            ScanIndexForward=False,
            Limit=limit,
        )
        return answer["Items"], "LastEvaluatedKey" in answer

    def _serialize(self, event: Event) -> Item:
        text = json.dumps(document(event), ensure_ascii=False, separators=(",", ":"))
        values: dict[str, Any] = {
            "subject": event.subject,
            "key": audit_key(event),
            "event": text,
            "type": event.type,
            "actor": event.actor,
            "day": _day(event.at),
        }
        numbers = {"at": event.at, "ttl": event.at + self.settings.audit_days * DAY}
        # An index takes no empty text: what has no actor is not in that of the actors.
        item: Item = {name: {"S": value} for name, value in values.items() if value}
        return {**item, **{name: {"N": str(number)} for name, number in numbers.items()}}


def _deserialize(item: Item) -> Event:
    return parse(json.loads(item["event"]["S"]))


def _bound(at: int) -> str:
    """The least key of this time; behind all keys where it has more digits than they have."""
    return f"{at:010d}" if at < 10**10 else _LAST


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _days(since: int, until: int) -> list[int]:
    """The starts of the days from that of `since` to that of the last second before `until`, the last one first."""
    return list(range((until - 1) // DAY * DAY, since // DAY * DAY - 1, -DAY)) if until > since else []


def _below(cursor: str) -> str:
    """A text behind each key before the cursor, and before the cursor itself: `BETWEEN` includes its ends."""
    return f"{cursor[:-1]}{chr(ord(cursor[-1]) - 1)}{_LAST}"
