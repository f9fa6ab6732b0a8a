"""`lingpai doctor`: checks a deployment and says how to mend what is wrong."""

from typing import Annotated

import typer
from rich.text import Text
from typer import Option

from lingpai.health.model import State
from local.operator import checks
from local.operator.command_context import CommandContext
from local.operator.console import REFUSED, table
from local.operator.findings import Case

_STYLES = {State.ok: "green", State.warn: "yellow", State.fail: "bold red"}


def doctor(
    context: CommandContext,
    *,
    url: Annotated[str | None, Option(metavar="URL", help="Where the API answers, if not where it says.")] = None,
    send_test: Annotated[
        str | None, Option(metavar="NUMBER", help="Send a message to this number; else none is sent.")
    ] = None,
) -> None:
    """Check a deployment: tables, permissions, clients, keys, secrets, messages, clock, API, pages. Nothing is changed.

    A line for each check: ok, warn (it works, and wants looking at) or fail, with how to mend it.
    """
    with context.services() as services:
        found = list(checks.all_of(Case(context.target, services, url or context.target.url, send_test)))
    counts = {state.value: sum(each.state is state for each in found) for state in State}
    drawn = table(None, [(Text(each.state.value, _STYLES[each.state]), each.check, each.text) for each in found])
    drawn.caption = f"{context.target.name}: {', '.join(f'{count} {state}' for state, count in counts.items())}"
    drawn.caption_justify, drawn.caption_style = "left", ""
    document = {
        "deployment": context.target.name,
        **counts,
        "checks": [{"check": each.check, "state": each.state.value, "text": each.text} for each in found],
    }
    context.show(document, drawn)
    if counts["fail"]:
        raise typer.Exit(REFUSED)
