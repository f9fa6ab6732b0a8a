"""What an operator may say of a client: the options of `lingpai client create` and `client update`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, Literal

from typer import Option

from lingpai.clients.model import Client, Right
from lingpai.oauth.client_records import client_document
from lingpai.oauth.grants import GRANT_TYPES
from local.operator.console import Failed

# The options whose fields of a record have other names (docs/seed.md).
_OTHERWISE = {
    "grant": "grant_types",
    "scope": "scopes",
    "role": "roles",
    "access_ttl": "access_token_ttl",
    "refresh_ttl": "refresh_token_ttl",
    "resource_server": "introspect",
    "claim": "claims",
    "redirect_uri": "redirect_uris",
    "post_logout_redirect_uri": "post_logout_redirect_uris",
    "resource": "resources",
}
_LISTS = ("grant", "scope", "role", "claim", "codes_from", "redirect_uri", "post_logout_redirect_uri", "resource")
# What is shown of a client, and no option changes.
_FIXED = {"confidential", "disabled", "valid_from"}

Words = list[str] | None
TokenFormat = Literal["opaque", "jwt"]
Mfa = Literal["ignore"]


# Enums because Typer takes no list of a Literal.
class Algorithm(StrEnum):
    """What signs tokens."""

    ES256 = "ES256"
    RS256 = "RS256"


class ClaimName(StrEnum):
    """What tokens say of the user."""

    roles = "roles"
    username = "username"


@dataclass(frozen=True, kw_only=True)
class ClientFields:
    """The fields that were given; None, or an empty list, for the others."""

    grant: Annotated[Words, Option(metavar="GRANT", help="A grant it may use; all that it may are given.")] = None
    scope: Annotated[Words, Option(metavar="SCOPE", help="A scope it may have; all that it may are given.")] = None
    role: Annotated[Words, Option(metavar="ROLE", help="A role of its own (client credentials).")] = None
    access_ttl: Annotated[int | None, Option(min=1, metavar="SECONDS", help="Life of an access token, in seconds.")] = (
        None
    )
    refresh_ttl: Annotated[
        int | None, Option(min=1, metavar="SECONDS", help="Life of a refresh token, in seconds.")
    ] = None
    session_ttl: Annotated[
        int | None, Option(min=1, metavar="SECONDS", help="After this one logs in again, in seconds.")
    ] = None
    token_format: Annotated[TokenFormat | None, Option(help="What its access tokens are.")] = None
    token_alg: Annotated[Algorithm | None, Option(help="What signs its JWTs.")] = None
    sign_provider: Annotated[str | None, Option(metavar="NAME", help="Who resolves its sign: trusted, wechat, …")] = (
        None
    )
    sign_app: Annotated[str | None, Option(metavar="NAME", help="Whose openIds it brings.")] = None
    api: Annotated[Right | None, Option(help="What its tokens open at Lingpai's own API.")] = None
    resource_server: Annotated[
        bool | None, Option("--resource-server", help="It may introspect the tokens of other clients.")
    ] = None
    claim: Annotated[list[ClaimName] | None, Option(help="What signed tokens and introspection say of the user.")] = (
        None
    )
    codes_from: Annotated[Words, Option(metavar="ID", help="A client whose codes it takes (usercenter).")] = None
    forwards_address: Annotated[
        bool | None, Option("--forwards-address", help="It tells its end user's address in X-End-User-Address.")
    ] = None
    redirect_uri: Annotated[Words, Option(metavar="URI", help="Where it may send users back to after a login.")] = None
    post_logout_redirect_uri: Annotated[
        Words, Option(metavar="URI", help="Where it may send users back to after a logout.")
    ] = None
    first_party: Annotated[
        bool | None, Option("--first-party", help="It is yours: its users are not asked for consent.")
    ] = None
    name: Annotated[str | None, Option(metavar="TEXT", help="What its users know it by.")] = None
    logo: Annotated[str | None, Option(metavar="URL", help="Its picture.")] = None
    colour: Annotated[str | None, Option(metavar="#RRGGBB", help="Its colour.")] = None
    terms: Annotated[str | None, Option(metavar="URL", help="Its terms.")] = None
    policy: Annotated[str | None, Option(metavar="URL", help="Its privacy policy.")] = None
    id_token_alg: Annotated[Algorithm | None, Option(help="What signs its ID tokens.")] = None
    resource: Annotated[Words, Option(metavar="URI", help="An API that it may ask tokens for (RFC 8707).")] = None
    dpop_bound_access_tokens: Annotated[
        bool | None, Option("--dpop-bound-access-tokens", help="No tokens without a DPoP proof (RFC 9449).")
    ] = None
    mfa: Annotated[Mfa | None, Option(help="Its logins need no second factor: a risk that you accept.")] = None
    backchannel_logout_uri: Annotated[
        str | None, Option(metavar="URL", help="Where it is told of its users' logouts (OpenID Connect).")
    ] = None
    backchannel_logout_session_required: Annotated[
        bool | None, Option("--backchannel-logout-session-required", help="It needs to know which session has ended.")
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the fields that were given, by their names in a record, as texts, numbers and lists."""
        values = {each.name: _plain(getattr(self, each.name)) for each in fields(self)}
        return {_field(name): value for name, value in values.items() if value not in (None, [])}


@dataclass(frozen=True)
class Edit:
    """A change of a client: fields to `set`, entries to `add` and `remove` of lists, and fields to `clear`."""

    set: Mapping[str, Any]
    add: Mapping[str, Sequence[str]]
    remove: Mapping[str, Sequence[str]]
    clear: frozenset[str]

    def of(self, client: Client) -> dict[str, Any]:
        """Return the fields as they become; None for those that get the default of the client's dialect."""
        now = client_document(client)
        lists: dict[str, Any] = {}
        for field in sorted({*self.add, *self.remove}):
            kept = [entry for entry in now[field] if entry not in self.remove.get(field, ())]
            lists[field] = list(dict.fromkeys([*kept, *self.add.get(field, ())]))
        return {**self.set, **lists, **dict.fromkeys(self.clear)}


def edit(given: ClientFields, add: Sequence[str], remove: Sequence[str], clear: Sequence[str]) -> Edit:
    """Return the change that the options ask for.

    Raises Failed where they ask for nothing, for what is no field or list, or for two things of one field.
    """
    names = {each.name.replace("_", "-"): _field(each.name) for each in fields(ClientFields)}
    unknown = [name for name in clear if name not in names]
    if unknown:
        raise Failed(f"--clear: {unknown[0]!r} is no option of `client create`; there are: {', '.join(names)}")
    change = Edit(
        set=given.given(),
        add=_entries("--add", add),
        remove=_entries("--remove", remove),
        clear=frozenset(names[name] for name in clear),
    )
    asked = [*change.set, *{*change.add, *change.remove}, *change.clear]
    if not asked:
        raise Failed("nothing is to be changed: name a field, such as --name, or --add, --remove or --clear")
    twice = [name for name, field in names.items() if asked.count(field) > 1]
    if twice:
        raise Failed(f"{twice[0]}: is to be set, extended and cleared at once; ask for one of these")
    return change


def entry_of(client: Client) -> dict[str, Any]:
    """Return the client as an entry of a seed file, without its secret."""
    return {name: value for name, value in client_document(client).items() if name not in _FIXED}


def differences(before: Client, after: Client) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ, by their names in a record: the value before, and the one after."""
    old, new = client_document(before), client_document(after)
    return {name: (_plain(old[name]), _plain(new[name])) for name in old if old[name] != new[name]}


def shown(value: Any) -> object:
    """Return the value of a field for people."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _field(option: str) -> str:
    return _OTHERWISE.get(option, option)


def _plain(value: Any) -> Any:
    """Return the value with lists for tuples, and texts for members of an enum."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, StrEnum) else value


def _entries(option: str, given: Iterable[str]) -> dict[str, list[str]]:
    """Read LIST=ENTRY; returns the entries by the names of their lists in a record."""
    lists = {name.replace("_", "-"): _field(name) for name in _LISTS}
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, entry = text.partition("=")
        if not equals or name not in lists:
            raise Failed(f"{option}: {text[:100]!r} is not LIST=ENTRY, with one of the lists {', '.join(lists)}")
        found.setdefault(lists[name], []).append(GRANT_TYPES.get(entry, entry) if name == "grant" else entry)
    return found
