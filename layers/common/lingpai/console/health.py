"""`/console/health`: what the checks of `lingpai doctor` find that a function can make itself."""

from lingpai.console.view import View, admins
from lingpai.health import texts
from lingpai.health.model import State
from lingpai.health.service import look
from lingpai.http.response import Reply

PATH = "/console/health"
_WORST_FIRST = (State.fail, State.warn, State.ok)


@admins()
def health(view: View) -> Reply:
    """All findings, the worst first."""
    found = sorted(look(view.services), key=lambda each: _WORST_FIRST.index(each.state))
    values = {
        "title": view.texts("health"),
        "findings": [
            {
                "check": texts.label(finding, view.language),
                "state": finding.state.value,
                "state_text": view.texts(f"state_{finding.state.value}"),
                "text": texts.text(finding, view.language),
            }
            for finding in found
        ],
    }
    return view.page("health.html", values)
