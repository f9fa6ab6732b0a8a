"""`/console/sms`: the messages of today by prefix, what is left of their budgets, and a stop lifted."""

import re
from collections.abc import Mapping
from typing import Any

from lingpai.console import changes
from lingpai.console.changes import Question, note_of, noted
from lingpai.console.view import View, address, admins
from lingpai.http.response import Reply
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import conflict, invalid_request
from lingpai.rate_limits.service import DAY
from lingpai.sms import budget
from lingpai.sms.budget import Traffic

PATH, LIFT = "/console/sms", "/console/sms/lift"
_SHAPE = re.compile(r"\+[1-9][0-9]{2,14}")


@admins()
def sms(view: View) -> Reply:
    """The prefixes with many messages today, and the one that is asked for. Three calls beside those of every page."""
    if view.request.method == "POST":
        # A number may stand here, which no address is to hold.
        typed = view.form(("prefix",)).get("prefix", "")
        wanted = _prefix(view, typed)
        return _show(view, wanted, {} if wanted else {"prefix": view.texts("bad_prefix")})
    return _show(view, _prefix(view, view.query.get("prefix", "")), {})


def _show(view: View, wanted: str, errors: Mapping[str, str]) -> Reply:
    services, settings = view.services, view.services.settings
    today = services.clock.now() // DAY * DAY
    (sent,) = budget.by_day(services, (today,))
    found = budget.listed(services, *([wanted] if wanted else []))
    rows = [_row(view, prefix, traffic) for prefix, traffic in found.items()]
    rows.sort(key=lambda row: (row["prefix"] != wanted, not row["stopped"], -row["sent"]))
    verified, counted = sum(row["verified"] for row in rows), sum(row["sent"] for row in rows)
    price = settings.sms_price
    values = {
        "title": view.texts("sms"),
        "sent": sent,
        "limit": settings.limit_sms_day,
        "share": f"{verified * 100 // counted} %" if counted else "–",
        "cost": f"{sent * price:.2f}" if price else "",
        "stopped": sum(row["stopped"] for row in rows),
        "rows": rows,
        "wanted": wanted,
        "least": budget.LISTED_AT,
        "most": settings.sms_unproven,
        "note": note_of(view, ("stop_lifted",), "prefix"),
    }
    return view.page("sms.html", values, errors, status=400 if errors else 200)


def _row(view: View, prefix: str, traffic: Traffic) -> dict[str, Any]:
    most = view.services.settings.sms_unproven
    return {
        "prefix": prefix,
        "sent": traffic.sent,
        "verified": traffic.verified,
        "share": f"{traffic.verified * 100 // traffic.sent} %" if traffic.sent else "–",
        "unproven": traffic.unproven,
        "left": max(0, most - traffic.unproven),
        "stopped": not budget.stands(view.services, traffic),
        "lift": address(LIFT, prefix=prefix),
    }


@admins(recent=True)
def lift(view: View) -> Reply:
    """Ask whether a stop is to be lifted, or lift it."""
    is_sent = view.request.method == "POST"
    given = view.form(("prefix", "confirm")) if is_sent else view.query
    prefix = _prefix(view, given.get("prefix", ""))
    if not prefix:
        raise invalid_request("bad_parameter", name="prefix")
    question = Question(
        action=LIFT,
        title=view.texts("ask_lift", prefix=prefix),
        texts=(view.texts("tell_lift", limit=view.services.settings.sms_unproven),),
        button=view.texts("do_lift"),
        fields={"prefix": prefix},
        back=address(PATH, prefix=prefix),
    )
    if not is_sent:
        return changes.ask(view, question)

    def make() -> None:
        if budget.stands(view.services, budget.traffic(view.services, prefix)):
            raise conflict("prefix_not_stopped")
        budget.lift(view.services, prefix)

    return changes.make(view, question, given, make, noted(view, PATH, "stop_lifted", prefix=prefix))


def _prefix(view: View, text: str) -> str:
    """The prefix that the text is or begins with, as messages are counted; empty for what is none."""
    import phonenumbers

    number = re.sub(r"[\s-]", "", text)
    if not _SHAPE.fullmatch(number):
        return ""
    try:
        code = phone_numbers.prefix(number, 0)[1]
    except phonenumbers.NumberParseException:
        return ""
    digits = view.services.settings.sms_prefix_digits
    return number[: len(code) + digits] if len(number) >= len(code) + digits else ""
