"""The application that joins all commands."""

import typer

from local.operator import (
    audit,
    clients,
    compliance,
    consents,
    doctor,
    events,
    keys,
    prefixes,
    seeding,
    sessions,
    transfer,
    user_lists,
    users,
    webhooks,
)
from local.operator.command_context import accept_options, command, version_option

_CODES = (
    "Exit codes: 0 done; 1 refused, or done in part, or doctor found a fault; 2 could not begin or go on; "
    "3 what it is about is not there; 130 stopped."
)

app = typer.Typer(
    name="lingpai",
    help="Lingpai, for its operator.",
    epilog=_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
accept_options(app, version_option)
command(app, "seed")(seeding.seed_deployment)
command(app, "doctor")(doctor.doctor)
command(app, "compliance")(compliance.report)
command(app, "audit")(audit.audit)
command(users.group, "list")(user_lists.list_users)
command(users.group, "find")(user_lists.find_users)
for group in (
    *(clients.group, users.group, sessions.group, consents.group, keys.group, prefixes.group),
    *(events.group, webhooks.group),
    transfer.group,
):
    accept_options(group)
    app.add_typer(group)
