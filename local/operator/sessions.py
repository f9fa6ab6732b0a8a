"""`lingpai sessions`: ends the sessions and tokens of a client, of an account, or of everybody."""

from dataclasses import replace
from typing import Annotated

import typer
from typer import Option

from lingpai.clients import epochs
from local.operator import clients, users
from local.operator.command_context import CommandContext, command
from local.operator.console import Failed
from local.seed import clients_of

group = typer.Typer(name="sessions", no_args_is_help=True, help="What was issued, ended at once.")


@command(group, "end", asks=True)
def end(
    context: CommandContext,
    *,
    client: Annotated[str | None, Option(metavar="ID", help="All that this client was given.")] = None,
    user: Annotated[str | None, Option(metavar="WHO", help="All sessions of this account.")] = None,
    everybody: Annotated[bool, Option("--all", help="All that the deployment has issued.")] = False,
) -> None:
    """End the sessions and tokens of a client, of an account, or all there are.

    Signed tokens end here too. An API that verifies only their signature accepts them until they expire.
    """
    if [client is not None, user is not None, everybody].count(True) != 1:
        raise Failed("one of --client, --user and --all is needed")
    if client is not None:
        _end_of_client(context, client)
    elif user is not None:
        users.logout(context, user)
    else:
        _end_of_all(context)


def _end_of_client(context: CommandContext, client_id: str) -> None:
    with context.services() as services:
        before = clients.found(services, client_id)
        context.confirm(f"all tokens that the client {client_id} was given end, those of its users too.")
        after = replace(before, valid_from=clients.next_valid_from(services, before))
        clients.change(services, before, after)
        clients.say_when(services)
    document = {"client_id": client_id, "valid_from": after.valid_from}
    context.show(document, f"what the client {client_id} was given has ended")


def _end_of_all(context: CommandContext) -> None:
    with context.services() as services:
        context.confirm("all sessions and tokens end: everybody logs in again.")
        writer = clients_of(services)
        present = [client.valid_from for client in writer.list_clients()]
        valid_from = epochs.moved(services.clock.now(), writer.get_valid_from(), *present)
        writer.move_valid_from(valid_from)
        clients.say_when(services)
    context.show({"valid_from": valid_from}, "all that was issued has ended")
