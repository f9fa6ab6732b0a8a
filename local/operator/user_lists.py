"""`lingpai user list` and `lingpai user find`, which read accounts one after the other."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from typer import Argument, BadParameter, Option

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.kernel import phone_numbers
from lingpai.kernel.names import folded
from lingpai.services import Services
from local.operator.command_context import CommandContext
from local.operator.console import Missing, format_time, say, table
from local.operator.users import document, role_id_of, role_names, state

Limit = Annotated[int, Option("--limit", min=1, max=10_000, metavar="N", help="At most so many.")]
After = Annotated[
    int | None, Option("--after", min=1, metavar="ID", help="Go on behind this account, the last one shown.")
]


def list_users(
    context: CommandContext,
    *,
    role: Annotated[str | None, Option("--role", metavar="ROLE", help="Those that have this role.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> None:
    """List accounts, in the order of the table, which is none that people know."""
    with context.services() as services:
        users = accounts.users_after(services.store.list_users, after)
        if role is not None:
            role_id = role_id_of(services.store.directory().roles, role)
            users = (user for user in users if role_id in user.roles)
        _show(context, services, users, limit)


def find_users(
    context: CommandContext,
    text: Annotated[str, Argument(metavar="TEXT", help="A part of a username, number, openid or name.")],
    *,
    limit: Limit = 100,
    after: After = None,
) -> None:
    """Find accounts that have TEXT in their username, number, an openid or the name of their profile.

    All accounts are read for it: `lingpai user show` finds one by its whole name with a single read.
    """
    wanted = folded(text)
    if not wanted:
        raise BadParameter("TEXT: is empty")
    with context.services() as services:
        country = services.settings.home_country
        users = (
            user
            for user in accounts.users_after(services.store.list_users, after)
            if wanted in _searched(user, country)
        )
        if not _show(context, services, users, limit):
            raise Missing("no account has this in its username, number, openids or name")


def _searched(user: User, country: str) -> str:
    """Return the texts that a search looks at, one a line, so that no match spans two of them."""
    spellings = [user.mobile, phone_numbers.national(user.mobile, country)] if user.mobile else []
    openids = [openid for _, openid in user.openids]
    return "\n".join(folded(text) for text in (user.username, *spellings, *openids, user.profile.name) if text)


def _show(context: CommandContext, services: Services, users: Iterator[User], limit: int) -> int:
    """Show at most `limit` of the accounts; returns how many."""
    book = services.store.directory().roles
    shown = list(islice(users, limit))
    more = next(users, None) is not None
    columns = ("id", "username", "mobile", "roles", "created", "state")
    rows = [
        (user.id, user.username, user.mobile, role_names(book, user), format_time(user.created_at), state(user))
        for user in shown
    ]
    next_after = shown[-1].id if more else None
    if shown or context.options.as_json:
        result = {"users": [document(user, book) for user in shown], "next": next_after}
        context.show(result, table(columns, rows))
    if next_after is not None:
        say(f"there are more: --after {next_after} goes on")
    return len(shown)
