"""`/console/audit`: what has happened, found by subject, actor, kind and time; and the same as CSV."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone

from lingpai.console import trail
from lingpai.console.trail import Row, Wanted
from lingpai.console.view import View, address, admins
from lingpai.events.export import harmless
from lingpai.http.response import Reply
from lingpai.kernel.errors import invalid_request
from lingpai.rate_limits.service import DAY

PATH, EXPORT = "/console/audit", "/console/audit.csv"
_PAGE, _EXPORTED = 50, 1000
_BY = ("", "subject", "actor", "type")
_CURSOR_MAX = 1000
_VALUE = re.compile(r"[!-~一-鿿 ]{0,200}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@admins()
def audit(view: View) -> Reply:
    """A page of events, the newest first. One call beside those of every page; more where a day has few events."""
    wanted, errors = _wanted(view)
    rows, after = ([], None) if errors else trail.find(view, wanted, _PAGE, view.query.get("after") or None)
    asked = {name: view.query.get(name, "") for name in ("by", "value", "since", "until")}
    values = {
        "title": view.texts("audit"),
        "rows": rows,
        "more": address(PATH, **asked, after=after) if after else "",
        "export": address(EXPORT, **asked),
        "asked": asked,
        "choices": [(name, view.texts(f"by_{name or 'all'}")) for name in _BY],
        "types": trail.types(view),
    }
    return view.page("audit_rows.html" if view.is_part else "audit.html", values, errors, status=400 if errors else 200)


@admins()
def export(view: View) -> Reply:
    """The events that the page would show as CSV, the newest _EXPORTED of them."""
    wanted, errors = _wanted(view)
    if errors:
        raise invalid_request("bad_parameter", name=next(iter(errors)))
    rows = trail.first(view, wanted, _EXPORTED)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("time", "type", "subject", "actor", "client", "address", "request_id", "data"))
    writer.writerows(map(harmless, _cells(row)) for row in rows)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="audit.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Reply(200, "\ufeff" + text.getvalue(), headers)


def _cells(row: Row) -> tuple[str, ...]:
    return (row.time, row.type, row.subject, row.actor, row.client, row.address, row.request_id, row.data)


def _wanted(view: View) -> tuple[Wanted, dict[str, str]]:
    """What is looked for, and a text for each field that cannot be."""
    query, errors = view.query, {}
    by, value = query.get("by", ""), query.get("value", "").strip()
    if by not in _BY or len(query.get("after", "")) > _CURSOR_MAX:
        raise invalid_request("bad_parameter", name="by")
    if by and (not value or not _VALUE.fullmatch(value)):
        errors["value"] = view.texts("missing_value")
    if by == "type" and value and value not in trail.types(view):
        errors["value"] = view.texts("no_type")
    if by in ("subject", "actor") and value.isascii() and value.isdecimal():
        # A bare number is a user's id.
        value = f"user:{value}"
    since, until = _time(view, "since", errors), _time(view, "until", errors)
    if until is not None:
        # Nothing has happened later: a year that is far away is not looked through day by day.
        until = min(until, view.services.clock.now()) + DAY - 1
    return Wanted(by, value, since, until), errors


def _time(view: View, name: str, errors: dict[str, str]) -> int | None:
    """The beginning of a day in the deployment's time zone; None without one."""
    text = view.query.get(name, "").strip()
    if not text:
        return None
    zone = timezone(timedelta(minutes=view.services.settings.utc_offset_minutes))
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        errors[name] = view.texts("bad_day")
        return None
