"""`lingpai seed`: a deployment given its first clients, roles and users."""

from pathlib import Path
from typing import Annotated

import typer

from local import seed
from local.operator.desk import Desk, command


def add_to(group: typer.Typer) -> None:
    """Make it a command of `group`."""
    command(group, "seed")(seed_deployment)


def seed_deployment(
    desk: Desk,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="JSON, as the README says.")],
) -> None:
    """Give a deployment the clients, roles and users of FILE.

    All of it is checked first. Clients are written anew each time, secrets included; roles and users that are there
    stay as they are.
    """
    with desk.services() as services:
        content = seed.load(str(file), services.settings)
        seed.apply(content, services)
    summary = {"clients": len(content.clients), "roles": len(content.roles), "users": len(content.users)}
    desk.show(summary, ", ".join(f"{count} {kind}" for kind, count in summary.items()) + " are there")
