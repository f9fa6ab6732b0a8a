"""`lingpai client`: the applications that may ask for tokens."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer import Argument, Option

from lingpai.clients import epochs
from lingpai.clients.model import Client
from lingpai.clients.service import ID_MAX, JOINED_FIELDS, DialectName, hash_secret, inconsistency
from lingpai.kernel import base64url, names
from lingpai.kernel.clock import Clock
from lingpai.kernel.validation_errors import error_text
from lingpai.oauth.client_records import ClientEntry, client_document, to_client, unusable
from lingpai.services import Services
from local.operator import client_fields
from local.operator.client_fields import ClientFields, Words
from local.operator.command_context import CommandContext, command
from local.operator.console import Failed, Missing, Refused, field_table, finish_first, say, table
from local.seed import clients_of

group = typer.Typer(name="client", no_args_is_help=True, help="The applications that may ask for tokens.")

_ONCE = "Save the secret now. It is not shown again: only its hash is stored."


ClientId = Annotated[str, Argument(metavar="ID", help="The client's id.")]
KeepTokens = Annotated[
    bool, Option("--keep-tokens", help="Tokens that it was given stay good: for a change that was planned.")
]


@command(group, "create")
def create(
    context: CommandContext,
    client_id: ClientId,
    dialect: Annotated[DialectName, Option(help="Whose requests it sends, and whose answers it reads.")],
    fields: ClientFields,
    *,
    public: Annotated[bool, Option("--public", help="Without a secret: an app that could not keep one.")] = False,
) -> None:
    """Create the client ID and show its secret, once.

    Refused where there is a client of this id. What is not given is as the dialect has it.
    """
    if not 0 < len(client_id) <= ID_MAX or not names.is_visible(client_id):
        raise Failed(f"ID: must have 1 to {ID_MAX} visible characters, and no space at its ends")
    secret = None if public else new_secret(Clock())
    entry = _checked({"client_id": client_id, "client_secret": secret, "dialect": dialect, **fields.given()})
    client = to_client(entry)
    with context.services() as services, finish_first():
        if reason := unusable(entry, services.settings):
            raise Failed(reason)
        _warn_of_roles(services, client)
        if not clients_of(services).create_client(client):
            raise Refused(
                f"there is a client {client_id} already; "
                f"`lingpai client rotate-secret {client_id}` gives it a new secret"
            )
        _show_secret(context, client, secret)


@command(group, "update")
def update(
    context: CommandContext,
    client_id: ClientId,
    fields: ClientFields,
    *,
    add: Annotated[Words, Option(metavar="LIST=ENTRY", help="An entry more of a list, such as scope=read.")] = None,
    remove: Annotated[Words, Option(metavar="LIST=ENTRY", help="An entry less of a list.")] = None,
    clear: Annotated[Words, Option(metavar="NAME", help="An option of `client create` that is taken back.")] = None,
) -> None:
    """Change fields of the client ID, by the options of `client create`, and show what has changed.

    Its secret stays, and so do id, dialect, and whether it has a secret at all. A list that is given replaces the one
    that is there. Refused where somebody else changes the same fields at once.
    """
    edit = client_fields.edit(fields, add or [], remove or [], clear or [])
    with context.services() as services:
        before = found(services, client_id)
        entry = _checked({**client_fields.entry_of(before), **edit.of(before)})
        after = replace(
            to_client(entry),
            secret_hash=before.secret_hash,
            disabled=before.disabled,
            valid_from=before.valid_from,
        )
        if reason := _unusable(before, after, entry, services):
            raise Failed(reason)
        changed = client_fields.differences(before, after)
        if changed:
            _warn_of_roles(services, after)
            change(services, before, after, depends_on=JOINED_FIELDS)
            say_when(services)
    document = {**client_document(after), "changed": {name: list(values) for name, values in changed.items()}}
    rows = [(name, *map(client_fields.shown, values)) for name, values in changed.items()]
    said = table(("field", "before", "now"), rows) if changed else f"the client {client_id} is like that already"
    context.show(document, said)


@command(group, "list")
def list_clients(context: CommandContext) -> None:
    """List all clients, without their secrets: nobody has those."""
    with context.services() as services:
        every = sorted(clients_of(services).list_clients(), key=lambda client: client.id)
    columns = ("id", "dialect", "kind", "grants", "scopes", "tokens", "roles", "state")
    rows = [
        (
            client.id,
            client.dialect,
            "confidential" if client.confidential else "public",
            sorted(client.grants),
            client.scopes,
            f"{client.token_alg} {client.access_ttl} s" if client.token_format == "jwt" else f"{client.access_ttl} s",
            sorted(client.roles),
            _state(client),
        )
        for client in every
    ]
    context.show({"clients": [client_document(client) for client in every]}, table(columns, rows))


@command(group, "rotate-secret", asks=True)
def rotate_secret(context: CommandContext, client_id: ClientId, *, keep_tokens: KeepTokens = False) -> None:
    """Give the client a new secret and show it, once. The old one is refused from then on, and so are its tokens."""
    with context.services() as services:
        before = found(services, client_id)
        if not before.confidential:
            raise Refused(f"the client {client_id} is public: it has no secret")
        tokens = "" if keep_tokens else " All tokens that the client was given end, those of its users too."
        context.confirm(
            f"the secret of the client {client_id} is replaced; whoever uses the old one is refused.{tokens}"
        )
        secret = new_secret(services.clock)
        after = replace(before, secret_hash=hash_secret(secret))
        if not keep_tokens:
            after = replace(after, valid_from=next_valid_from(services, before))
        with finish_first():
            change(services, before, after)
            _show_secret(context, after, secret)
            say_when(services)


@command(group, "disable", asks=True)
def disable(context: CommandContext, client_id: ClientId, *, keep_tokens: KeepTokens = False) -> None:
    """Refuse the client from now on, and the tokens that it was given. `enable` brings the client back, not them."""
    kept = "access tokens that it has stay good until they expire"
    ended = "all tokens that it was given end, those of its users too"
    question = f"the client {client_id} is refused; {kept if keep_tokens else ended}."
    _switch(context, client_id, disabled=True, keep_tokens=keep_tokens, question=question)


@command(group, "enable")
def enable(context: CommandContext, client_id: ClientId) -> None:
    """Let a disabled client ask for tokens again. Those that have ended stay ended."""
    _switch(context, client_id, disabled=False)


def new_secret(clock: Clock) -> str:
    """Return 256 random bits as 43 characters that need no quoting in forms, headers and shells."""
    return base64url.encode(clock.new_secret())


def _checked(given: Mapping[str, Any]) -> ClientEntry:
    """Check the fields of a record by a seed's rules, None for a default; raises Failed with a line for each fault."""
    try:
        return ClientEntry.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = (f"{problem['loc'][0]}: {error_text(problem)}" for problem in error.errors())
        raise Failed("\n".join(lines)) from None


def _unusable(before: Client, after: Client, entry: ClientEntry, services: Services) -> str | None:
    """Why the client cannot become like that, or None. The deployment's providers count where its own is changed."""
    same_provider = (before.sign_provider, before.sign_app) == (after.sign_provider, after.sign_app)
    # The entry has no secret: what a client with one may not have is found in `after` alone.
    return inconsistency(after) or (None if same_provider else unusable(entry, services.settings))


def found(services: Services, client_id: str) -> Client:
    """Return the client's record; raises Missing if there is none."""
    client = services.store.get_client(client_id)
    if client is None:
        raise Missing(f"there is no client {client_id}; `lingpai client list` has those that there are")
    return client


def next_valid_from(services: Services, client: Client) -> int:
    """Return the `valid_from` that ends everything issued to the client so far."""
    return epochs.next_of(clients_of(services), client, services.clock.now())


def _switch(
    context: CommandContext, client_id: str, *, disabled: bool, keep_tokens: bool = True, question: str = ""
) -> None:
    with context.services() as services:
        before = found(services, client_id)
        changed = before.disabled != disabled
        if changed and question:
            context.confirm(question)
        after = replace(before, disabled=disabled)
        if not keep_tokens:
            # Also for a client that is disabled already: its tokens may have been kept then.
            after = replace(after, valid_from=next_valid_from(services, before))
        if after != before:
            change(services, before, after)
        if changed:
            say_when(services)
    ended = "" if keep_tokens else "; the tokens that it was given have ended"
    said = f"the client {client_id} is {_state(after)}" + ("" if changed else f" already{ended}")
    context.show({"client_id": client_id, "disabled": disabled, "changed": changed}, said)


def change(services: Services, before: Client, after: Client, depends_on: Collection[str] = ()) -> None:
    """Replace `before` by `after`; raises Refused if somebody else changed its fields, or these, meanwhile."""
    if not clients_of(services).change_client(before, after, depends_on=depends_on):
        raise Refused(f"somebody else changed the client {before.id} meanwhile, and nothing was done: run it again")


def _show_secret(context: CommandContext, client: Client, secret: str | None) -> None:
    lost = f"`lingpai client rotate-secret {client.id}` makes another secret: nobody saw this one" if secret else ""
    fields = {"client_id": client.id, "client_secret": secret or "– (public)", "dialect": client.dialect}
    context.show({**client_document(client), "client_secret": secret}, field_table(fields), unread=lost)
    if secret is not None and not context.options.as_json:
        say(_ONCE)


def _warn_of_roles(services: Services, client: Client) -> None:
    known = {name for _, name in services.store.directory().roles.names}
    for name in sorted(client.roles - known):
        say(f"there is no role {name} yet: until there is, it gives the client nothing")


def say_when(services: Services) -> None:
    """Say how long functions may still use the record that they have read."""
    say(f"the functions know it within {services.settings.client_cache_ttl} s")


def _state(client: Client) -> str:
    return "disabled" if client.disabled else "enabled"
