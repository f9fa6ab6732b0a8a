"""`lingpai doctor`: checks a deployment and says how to mend what is wrong."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from local.operator import checks
from local.operator.checks import Finding, State
from local.operator.command_context import CommandContext, command
from local.operator.console import REFUSED

_STYLES = {State.ok: "green", State.warn: "yellow", State.fail: "bold red"}


def add_to(group: typer.Typer) -> None:
    """Make it a command of `group`."""
    command(group, "doctor")(doctor)


def doctor(
    context: CommandContext,
    *,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where the API answers, if not where it says.")] = None,
    send_test: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Send a message to this number; else none is sent.")
    ] = None,
) -> None:
    """Check a deployment: tables, permissions, keys, secrets, messages, clock and API. Nothing is changed.

    A line for each check: ok, warn (it works, and wants looking at) or fail, with how to mend it.
    """
    with context.services() as services:
        found = list(checks.all_of(checks.Case(context.target, services, url or context.target.url, send_test)))
    counts = {state.value: sum(each.state is state for each in found) for state in State}
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    document = {
        "deployment": context.target.name,
        **counts,
        "checks": [{"check": each.check, "state": each.state.value, "text": each.text} for each in found],
    }
    context.show(document, _lines(found, f"{context.target.name}: {summary}"))
    if counts["fail"]:
        raise typer.Exit(REFUSED)


def _lines(found: list[Finding], summary: str) -> Table:
    drawn = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0), caption=summary)
    drawn.caption_justify = "left"
    drawn.caption_style = ""
    for each in found:
        drawn.add_row(Text(each.state.value, style=_STYLES[each.state]), Text(each.check), Text(each.text))
    return drawn
