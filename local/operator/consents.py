"""`lingpai consents`: what users let third-party clients have, and taking that back for them."""

from typing import Annotated

import typer
from typer import Argument

from lingpai.consents import service as consents
from local.operator import users
from local.operator.command_context import CommandContext, command
from local.operator.console import Missing, table
from local.operator.users import Who

group = typer.Typer(name="consents", no_args_is_help=True, help="What users let third-party clients have.")


@command(group, "list")
def list_consents(context: CommandContext, who: Who) -> None:
    """List the clients that an account has let have scopes, the last one first."""
    with users.account(context, who) as (services, user):
        given = consents.list_consents(services, user.id)
    newest_first = list(given.items())[::-1]
    document = {
        "id": user.id,
        "consents": [{"client_id": client_id, "scopes": list(scopes)} for client_id, scopes in newest_first],
    }
    context.show(document, table(("client", "scopes"), newest_first))


@command(group, "revoke", asks=True)
def revoke(
    context: CommandContext, who: Who, client: Annotated[str, Argument(metavar="CLIENT", help="The client's id.")]
) -> None:
    """Take back what an account has let a client have, and end the client's sessions of the account.

    Its user is asked again at the next login there.
    """
    with users.account(context, who) as (services, user):
        if client not in consents.list_consents(services, user.id):
            nothing = f"{users.named(user)} has let the client {client} have nothing"
            raise Missing(f"{nothing}: `lingpai consents list` has what there is")
        context.confirm(
            f"the client {client} loses what {users.named(user)} has let it have, and its sessions of the account end."
        )
        consents.revoke(services, user.id, client)
    said = f"the client {client} has nothing of {users.named(user)} any more, and its sessions have ended"
    context.show({"id": user.id, "client_id": client, "revoked": True}, said)
