"""`lingpai audit`: what has happened, and who did it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from typer import Option

from lingpai.events import service as events
from lingpai.events.export import as_csv
from lingpai.events.model import Event, document
from lingpai.events.storage import AuditQuery
from lingpai.events.types import TYPES
from lingpai.services import Services
from local.operator.command_context import CommandContext
from local.operator.console import Failed, table

_PAGE = 100


def audit(
    context: CommandContext,
    *,
    user: Annotated[str | None, Option("--user", metavar="ID", help="What has happened to this account.")] = None,
    client: Annotated[str | None, Option("--client", metavar="ID", help="What has happened to this client.")] = None,
    actor: Annotated[
        str | None,
        Option("--actor", metavar="ACTOR", help="What was done by user:ID, client:ID, operator:NAME or system."),
    ] = None,
    event_type: Annotated[str | None, Option("--type", metavar="TYPE", help="Events such as user.disabled.")] = None,
    since: Annotated[str | None, Option(metavar="TIME", help="From this time on, such as 2026-12-01 (UTC).")] = None,
    until: Annotated[str | None, Option(metavar="TIME", help="Before this time.")] = None,
    limit: Annotated[int, Option(min=1, help="How many, the newest ones.")] = _PAGE,
    csv: Annotated[bool, Option("--csv", help="As CSV, for a spreadsheet.")] = False,
) -> None:
    """Show what has happened, the newest first: to an account or client, by somebody, of one type, or all of it."""
    query = _query(user, client, actor, event_type, _time("--since", since), _time("--until", until))
    with context.services() as services:
        found = list(_find(services, query, limit))
    if csv:
        context.show({"events": [document(event) for event in found]}, as_csv(found).rstrip("\r\n"))
        return
    rows = [
        (shown["time"], event.type, event.subject, event.actor, event.client, event.address, _data(event))
        for event, shown in ((event, document(event)) for event in found)
    ]
    drawn = table(("time", "type", "subject", "actor", "client", "address", "data"), rows)
    context.show({"events": [document(event) for event in found]}, drawn)


def _query(
    user: str | None,
    client: str | None,
    actor: str | None,
    event_type: str | None,
    since: int | None,
    until: int | None,
) -> AuditQuery:
    if event_type is not None and event_type not in TYPES:
        raise Failed(f"--type: {event_type} is none of {', '.join(TYPES)}")
    subject = f"user:{user}" if user is not None else f"client:{client}" if client is not None else None
    if sum(given is not None for given in (user, client, actor, event_type)) > 1:
        raise Failed("name one of --user, --client, --actor and --type")
    return AuditQuery(subject, actor, event_type, since, until)


def _find(services: Services, query: AuditQuery, limit: int) -> Iterator[Event]:
    after, left = None, limit
    while left:
        page = events.find(services, query, min(left, _PAGE), after)
        yield from page.events
        after, left = page.next, left - len(page.events)
        if after is None:
            return


def _time(option: str, text: str | None) -> int | None:
    """The seconds since 1970 of an ISO 8601 time, in UTC where it names no other."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Failed(f"{option}: {text} is no time such as 2026-12-01 or 2026-12-01T08:00:00+08:00") from None
    return max(0, int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()))


def _data(event: Event) -> str:
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in event.data.items()
        if value not in ("", [])
    )
