"""`lingpai seed`: gives a deployment its first clients, roles and users."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from local import seed
from local.operator.command_context import CommandContext
from local.operator.console import Failed, say


def seed_deployment(
    context: CommandContext,
    file: Annotated[Path, Argument(exists=True, dir_okay=False, readable=True, help="JSON, as docs/seed.md says.")],
    *,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Clients that are there get the file's secret, and are enabled.")
    ] = False,
    allow_short_secrets: Annotated[
        bool, Option("--allow-short-secrets", help=f"Take secrets under {seed.SECRET_MIN} characters.")
    ] = False,
) -> None:
    """Give a deployment the clients, roles and users of FILE.

    All of it is checked first. Clients that are there become as the file has them, but keep their secret and whether
    they are disabled; roles and users that are there stay as they are.
    """
    with context.services() as services:
        content = seed.load(str(file), services.settings)
        if not allow_short_secrets and (short := seed.short_secrets(content)):
            raise Failed(
                f"{file}: the secret of {', '.join(short)} has fewer than {seed.SECRET_MIN} characters: "
                "`lingpai client create` makes good ones, and --allow-short-secrets takes those of clients that move in"
            )
        applied = seed.apply(content, services, overwrite=overwrite)
    say(*applied.notes())
    summary = {"clients": len(content.clients), "roles": len(content.roles), "users": len(content.users)}
    context.show(summary, ", ".join(f"{count} {kind}" for kind, count in summary.items()) + " are there")
