"""`/console`: logins, new accounts, refusals and messages of the last days."""

from datetime import UTC, datetime

from lingpai.console import charts, trail
from lingpai.console.view import View, admins
from lingpai.http.response import Reply
from lingpai.sms import budget
from lingpai.statistics import service as statistics

_DAYS = 14
# How far the latest events are looked for, in days.
_EVENT_DAYS = 7


@admins()
def overview(view: View) -> Reply:
    """The first page. Two calls beside those of every page, and one for each day until ten events are found."""
    days = statistics.last_days(view.services, _DAYS)
    labels = [datetime.fromtimestamp(day, UTC).strftime("%m-%d") for day in days]
    counted = statistics.by_day(view.services, days)
    of = {name: [day.get(name, 0) for day in counted] for name in ("logins", "users", "refusals")}
    of["messages"] = list(budget.by_day(view.services, days))
    values = {
        "title": view.texts("overview"),
        "charts": [charts.bars(view.texts(f"chart_{name}"), labels, numbers) for name, numbers in of.items()],
        "days": _DAYS,
        "event_days": _EVENT_DAYS,
        "latest": trail.newest(view, _EVENT_DAYS),
    }
    return view.page("overview.html", values)
