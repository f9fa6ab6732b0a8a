"""`lingpai user`: one account at a time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer
from typer import Argument, Option

from lingpai.accounts import closing, ended_accounts, identities, last_admin, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.model import RoleBook, User
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError
from lingpai.passwords import service as passwords
from lingpai.second_factors import service as second_factors
from lingpai.services import Services
from lingpai.sessions.model import Session
from local.operator.clients import new_secret
from local.operator.command_context import CommandContext, command
from local.operator.console import Failed, Missing, Refused, field_table, finish_first, format_time, say, table

group = typer.Typer(
    name="user", no_args_is_help=True, help="Accounts: made, found, changed, switched off and on, deleted."
)

_LONGEST_ID = 16
_ONCE = "Save the password now. It is not shown again: only its hash is stored."

Who = Annotated[
    str, Argument(metavar="WHO", help="A username, a mobile number or a user id; id:1 or name:1 tells apart.")
]
PasswordStdin = Annotated[bool, Option("--password-stdin", help="Read its password from standard input.")]
RoleName = Annotated[str, Argument(metavar="ROLE", help="The role's name.")]


@command(group, "create")
def create(
    context: CommandContext,
    username: Annotated[str | None, Argument(metavar="USERNAME", help="Its username.")] = None,
    *,
    mobile: Annotated[str | None, Option(metavar="NUMBER", help="Its mobile number, taken as proven.")] = None,
    role: Annotated[list[str] | None, Option(metavar="ROLE", help="A role that it gets, by name.")] = None,
    password_stdin: PasswordStdin = False,
    no_password: Annotated[bool, Option("--no-password", help="It logs in by code alone.")] = False,
) -> None:
    """Create an account and show its password, once, unless you gave it or want none.

    A password is never an argument: every process of the machine could read it there.
    """
    if not username and not mobile:
        raise Failed("an account needs a USERNAME or a --mobile")
    if password_stdin and no_password:
        raise Failed("--password-stdin and --no-password: name one of them")
    if no_password and not mobile:
        raise Failed("--no-password: an account without a --mobile could never log in")
    given = _read_password() if password_stdin else None
    with context.services() as services:
        settings, clock = services.settings, services.clock
        number = phone_numbers.as_mobile(mobile, settings.home_country) if mobile else None
        if mobile and number is None:
            raise Failed("--mobile: is not a mobile number")
        user = User(id=clock.new_user_id(), created_at=clock.now(), mobile=number)
        if username:
            name = identities.as_username(settings, username, owner=user)
            # A name that is the account's own number needs no identity of its own: the number finds the account.
            if phone_numbers.as_mobile(name, settings.home_country) is None:
                user = replace(user, username=name)
        book = services.store.directory().roles
        user = replace(user, roles=frozenset(role_id_of(book, name) for name in role or ()))
        password = None if no_password else given if password_stdin else new_secret(clock)
        if password is not None:
            passwords.check_new(password, identities.display_name(services, user), settings)
            user = accounts.with_password(services, user, password)
        with finish_first():
            user_id = accounts.add(services, user)
            made = password if given is None else None
            _show_new(context, services, replace(user, id=user_id), book, made)


@command(group, "show")
def show(context: CommandContext, who: Who) -> None:
    """Show an account: its names, roles, state and how many sessions it has. Of its password, when it was set."""
    with account(context, who) as (services, user):
        book = services.store.directory().roles
        count = len(_alive(services, user))
    kinds = sorted(user.second_factors)
    fields = {
        "id": user.id,
        "username": user.username,
        "mobile": user.mobile,
        "openids": [f"{app}={openid}" for app, openid in user.openids],
        "roles": role_names(book, user),
        "created": format_time(user.created_at),
        "state": state(user),
        "password": _password(user),
        "digest login": "possible" if user.digests else "no",
        "second factors": kinds,
        "sessions": count,
    }
    imported = {}
    if user.imported_from is not None:
        imported["imported_from"] = fields["imported from"] = user.imported_from
    context.show({**document(user, book), "second_factors": kinds, "sessions": count, **imported}, field_table(fields))


@command(group, "set-password", asks=True)
def set_password(context: CommandContext, who: Who, *, password_stdin: PasswordStdin = False) -> None:
    """Give an account another password, shown once unless you gave it. All of its sessions end.

    A password is never an argument: every process of the machine could read it there.
    """
    given = _read_password() if password_stdin else None
    with account(context, who) as (services, user):
        _require_enabled(user)
        if user.username is None and user.mobile is None:
            raise Refused(f"{named(user)} has neither username nor number: nobody could log in by a password")
        context.confirm(f"{named(user)} gets another password, and all of its sessions end.")
        password = given if given is not None else new_secret(services.clock)
        with finish_first():
            accounts.save(services, user.id, None, password, None)
            after = services.store.get_user(user.id) or user
            made = password if given is None else None
            _show_new(context, services, after, services.store.directory().roles, made)


@command(group, "remove-second-factor", asks=True)
def remove_second_factor(context: CommandContext, who: Who) -> None:
    """Remove all second factors of an account and its recovery codes, and end its sessions: for a lost phone.

    Make sure first that it is the owner who asks: from then on the first factor alone opens the account.
    """
    with account(context, who) as (services, user):
        _require_enabled(user)
        context.confirm(f"{named(user)} loses its second factors and recovery codes, and all of its sessions end.")
        with finish_first():
            second_factors.remove_all(services, user.id)
    removed = sorted(user.second_factors)
    said = f"{named(user)} has no second factor {'any more' if removed else 'anyway'}; its sessions have ended"
    context.show({"id": user.id, "removed": removed}, said)


@command(group, "delete", asks=True)
def delete(context: CommandContext, who: Who) -> None:
    """Delete an account for good: its sessions end, its names are free, and its profile is gone."""
    with account(context, who) as (services, user):
        context.confirm(
            f"{named(user)} is deleted for good, with its names and its profile.{_last_admin_warning(services, user)}"
        )
        accounts.delete(services, user.id)
    context.show({"id": user.id, "deleted": True}, f"{named(user)} is deleted")


@command(group, "undo-deletion", asks=True)
def undo_deletion(context: CommandContext, who: Who) -> None:
    """Open an account again whose owner asked for its deletion: for an owner without password and passkey.

    Make sure first that it is the owner who asks, and not the new holder of the number.
    """
    with account(context, who) as (services, user):
        context.confirm(f"{named(user)} is open again, and is not deleted.")
        changed = closing.reopen(services, user.id)
    said = f"{named(user)} is open {'again' if changed else 'anyway'}"
    context.show({"id": user.id, "changed": changed}, said)


@command(group, "disable", asks=True)
def disable(context: CommandContext, who: Who) -> None:
    """Let nobody log in to the account any more, and end its sessions. It keeps its names; `enable` brings it back."""
    with account(context, who) as (services, user):
        context.confirm(f"{named(user)} is disabled, and all of its sessions end.{_last_admin_warning(services, user)}")
        ended = accounts.disable(services, user.id)
    changed = not user.disabled
    said = f"{named(user)} is disabled{'' if changed else ' already'}; {ended} sessions ended"
    context.show({"id": user.id, "disabled": True, "changed": changed, "ended": ended}, said)


@command(group, "enable")
def enable(context: CommandContext, who: Who) -> None:
    """Let a disabled account log in again."""
    with account(context, who) as (services, user):
        accounts.enable(services, user.id)
    said = f"{named(user)} is enabled{'' if user.disabled else ' already'}"
    context.show({"id": user.id, "disabled": False, "changed": user.disabled}, said)


@command(group, "sessions")
def list_sessions(context: CommandContext, who: Who) -> None:
    """List the sessions of an account that are alive, the newest first: where, since when and until when."""
    with account(context, who) as (services, user):
        alive = _alive(services, user)
    shown = [
        {
            "client_id": session.client_id,
            "scope": list(session.scope),
            "created_at": session.created_at,
            "refreshed_at": session.rotated_at or None,
            "ends_at": session.over_at,
        }
        for session in alive
    ]
    rows = [
        (session.client_id, session.scope, *map(format_time, (session.created_at, session.rotated_at, session.over_at)))
        for session in alive
    ]
    columns = ("client", "scope", "created", "refreshed", "ends, unless refreshed")
    context.show({"id": user.id, "sessions": shown}, table(columns, rows))


@command(group, "logout", asks=True)
def logout(context: CommandContext, who: Who) -> None:
    """End all sessions of an account. Its owner can log in again."""
    with account(context, who) as (services, user):
        context.confirm(f"all sessions of {named(user)} end.")
        ended = ended_accounts.end_all(services, user.id)
    context.show({"id": user.id, "ended": ended}, f"{ended} sessions of {named(user)} ended")


@command(group, "grant-role")
def grant_role(context: CommandContext, who: Who, role: RoleName) -> None:
    """Give an account a role, which it has from the next request on."""
    _change_role(context, who, role, granted=True)


@command(group, "revoke-role", asks=True)
def revoke_role(context: CommandContext, who: Who, role: RoleName) -> None:
    """Take a role from an account, from the next request on."""
    _change_role(context, who, role, granted=False)


def _password(user: User) -> str:
    """Whether there is one, and when it was set if that is known."""
    if user.password is None:
        return "none"
    return "set" if user.password_set_at is None else f"set {format_time(user.password_set_at)}"


def state(user: User) -> str:
    """Return the word for people: disabled, enabled, or when a closed account is deleted."""
    if user.closes_at is not None:
        closed = f"closed, is deleted on {format_time(user.closes_at)}"
        return f"disabled; {closed}" if user.disabled else closed
    return "disabled" if user.disabled else "enabled"


def document(user: User, book: RoleBook) -> dict[str, Any]:
    """The account as JSON, without hashes."""
    return {
        "id": user.id,
        "username": user.username,
        "mobile": user.mobile,
        "openids": dict(user.openids),
        "roles": role_names(book, user),
        "created_at": user.created_at,
        "disabled": user.disabled,
        "closes_at": user.closes_at,
        "has_password": user.password is not None,
        "password_set_at": user.password_set_at,
        "digest_login": user.digests is not None,
    }


@contextmanager
def account(context: CommandContext, who: str) -> Iterator[tuple[Services, User]]:
    """Open the services, and find the account."""
    with context.services() as services:
        yield services, _found(services, who)


def _found(services: Services, who: str) -> User:
    """Find the account by username, mobile number or id.

    A username may look like another account's id. A text that fits two accounts is refused.
    """
    by_id = None if who.startswith("name:") else _by_id(services, who.removeprefix("id:"))
    by_name = None if who.startswith("id:") else _by_name(services, who.removeprefix("name:"))
    if by_id is not None and by_name is not None and by_id.id != by_name.id:
        raise Failed(f"{who} is the id of one account and the name of another: say id:{who} or name:{who}")
    if user := by_name or by_id:
        return user
    raise Missing("there is no such account: WHO is a username, a mobile number, id:NUMBER or name:USERNAME")


def _by_id(services: Services, text: str) -> User | None:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID):
        return None
    return services.store.get_user(int(text))


def _by_name(services: Services, name: str) -> User | None:
    user_id = identities.find_by_name(services, name)
    return services.store.get_user(user_id) if user_id is not None else None


def _require_enabled(user: User) -> None:
    if user.disabled:
        raise Refused(f"{named(user)} is disabled, and cannot be changed: `lingpai user enable` comes first")
    if user.closes_at is not None:
        raise Refused(f"{named(user)} is closed, and cannot be changed: `lingpai user undo-deletion` comes first")


def _change_role(context: CommandContext, who: str, name: str, *, granted: bool) -> None:
    with account(context, who) as (services, user):
        book = services.store.directory().roles
        role_id = role_id_of(book, name)
        _require_enabled(user)
        after, changed = user, (role_id in user.roles) != granted
        if changed:
            if not granted:
                word = _last_admin_warning(services, user) if name == services.settings.admin_role else ""
                context.confirm(f"{named(user)} loses the role {name}.{word}")
            wanted = frozenset({role_id})
            after = accounts.change(
                services,
                user.id,
                lambda now: replace(now, roles=now.roles | wanted if granted else now.roles - wanted),
            )
    state = "has" if granted else "does not have"
    said = f"{named(user)} {state} the role {name}{'' if changed else ' already' if granted else ' anyway'}"
    context.show({"id": user.id, "roles": role_names(book, after), "changed": changed}, said)


def role_id_of(book: RoleBook, name: str) -> int:
    """Return the id of the role of this name; raises Missing if there is none."""
    try:
        (role_id,) = roles.ids_of(book, [name])
    except LingpaiError:
        there = ", ".join(sorted(known for _, known in book.names)) or "none"
        raise Missing(f"there is no role {name}; there are: {there}. `lingpai seed` makes roles") from None
    return role_id


def role_names(book: RoleBook, user: User) -> list[str]:
    """Return the names of the account's roles; roles that were deleted since are left out."""
    return sorted(name for role_id, name in book.names if role_id in user.roles)


def _alive(services: Services, user: User) -> list[Session]:
    now = services.clock.now()
    marked = ended_accounts.of(services.store.list_ended(), user.id)
    found = (services.store.get_session(key) for key in services.store.sessions_of(user.id))
    alive = [
        session
        for session in found
        if session is not None
        and session.over_at > now
        and not (marked and marked.has_ended(session.key, session.created_at))
    ]
    return sorted(alive, key=lambda session: session.created_at, reverse=True)


def _last_admin_warning(services: Services, user: User) -> str:
    """Return a warning for the question about an account that seems to be the last admin, else nothing."""
    admin_role = services.store.directory().roles.id_of(services.settings.admin_role)
    if admin_role is None or admin_role not in user.roles or last_admin.find_another(services, admin_role, user.id):
        return ""
    return " No other admin was found: there may be none left."


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def named(user: User) -> str:
    """Return the account's name for messages, which never is its mobile number."""
    return f"{user.username} ({user.id})" if user.username else f"the account {user.id}"


def _show_new(context: CommandContext, services: Services, user: User, book: RoleBook, password: str | None) -> None:
    shown = {} if password is None else {"password": password}
    name = identities.display_name(services, user)
    fields = {"id": user.id, "username": name, **shown, "roles": role_names(book, user)}
    lost = "nobody saw its password: have an admin set another (/users/save)" if password else ""
    context.show({**document(user, book), "password": password}, field_table(fields), unread=lost)
    if password is not None and not context.options.as_json:
        say(_ONCE)
