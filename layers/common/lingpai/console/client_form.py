"""The form of a client's record: its fields in groups, what is typed, and what is wrong with it."""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import orjson
from pydantic import ValidationError

from lingpai.clients.model import Client
from lingpai.clients.service import DEFAULTS
from lingpai.console.view import View
from lingpai.kernel import names
from lingpai.kernel.validation_errors import error_text
from lingpai.oauth.client_records import GRANTS, ClientEntry, client_document, to_client

Kind = Literal["text", "seconds", "lines", "choice", "flag", "checks"]


@dataclass(frozen=True)
class Field:
    """A field of the form: its name in a record, and how it is filled in. `options` are those of a choice."""

    name: str
    kind: Kind = "text"
    options: tuple[str, ...] = ()


# An empty option is the default of the dialect.
_ALGORITHMS = ("", "ES256", "RS256")
# The groups by the names of their texts.
_GROUPS: Mapping[str, tuple[Field, ...]] = {
    "group_looks": (Field("name"), Field("logo"), Field("colour"), Field("terms"), Field("policy")),
    "group_logins": (
        Field("grant_types", "checks", tuple(GRANTS)),
        Field("redirect_uris", "lines"),
        Field("post_logout_redirect_uris", "lines"),
        Field("backchannel_logout_uri"),
        Field("backchannel_logout_session_required", "flag"),
        Field("first_party", "flag"),
        Field("mfa", "choice", ("", "ignore")),
    ),
    "group_rights": (
        Field("scopes", "lines"),
        Field("roles", "lines"),
        Field("api", "choice", ("", "none", "account", "admin")),
        Field("resources", "lines"),
        Field("introspect", "flag"),
        Field("claims", "checks", ("roles", "username")),
        Field("codes_from", "lines"),
        Field("forwards_address", "flag"),
    ),
    "group_tokens": (
        Field("token_format", "choice", ("", "opaque", "jwt")),
        Field("token_alg", "choice", _ALGORITHMS),
        Field("id_token_alg", "choice", _ALGORITHMS),
        Field("access_token_ttl", "seconds"),
        Field("refresh_token_ttl", "seconds"),
        Field("session_ttl", "seconds"),
        Field("dpop_bound_access_tokens", "flag"),
    ),
    "group_providers": (Field("sign_provider"), Field("sign_app")),
}
_FIELDS = tuple(field for fields in _GROUPS.values() for field in fields)


@dataclass(frozen=True)
class _Form:
    """The names of the fields that are sent: those of one line, and those of more."""

    names: tuple[str, ...]
    lines: tuple[str, ...]


FORM = _Form(
    names=(
        "client_id",
        "dialect",
        "public",
        *(field.name for field in _FIELDS if field.kind not in ("lines", "checks")),
        *(f"{field.name}.{option}" for field in _FIELDS if field.kind == "checks" for option in field.options),
    ),
    lines=tuple(field.name for field in _FIELDS if field.kind == "lines"),
)


def version(client: Client) -> str:
    """What differs as soon as a field of the form does: by it a form tells for which record it was filled in."""
    document = client_document(client)
    values = orjson.dumps([document[field.name] for field in _FIELDS])
    return hashlib.sha256(values).hexdigest()


def typed(client: Client | None) -> dict[str, str]:
    """The fields of the form as they are filled in for this client; empty for a new one."""
    if client is None:
        return {"dialect": "standard", "grant_types.authorization_code": "yes", "grant_types.refresh_token": "yes"}
    document = client_document(client)
    filled: dict[str, str] = {}
    for field in _FIELDS:
        value = document[field.name]
        match field.kind:
            case "lines":
                filled[field.name] = "\n".join(value)
            case "checks":
                filled.update({f"{field.name}.{option}": "yes" for option in value})
            case "flag":
                filled[field.name] = "yes" if value else ""
            case _:
                filled[field.name] = "" if value is None else str(value)
    return filled


def entry(
    view: View, given: Mapping[str, str], client_id: str, dialect: str, secret: str | None, *, is_new: bool = False
) -> tuple[ClientEntry | None, dict[str, str]]:
    """The record that the form asks for; None, and a text for each field, where it is wrong.

    Without scopes a new client gets those of its dialect.
    """
    fields: dict[str, Any] = {"client_id": client_id, "dialect": dialect, "client_secret": secret}
    wrong: dict[str, str] = {}
    for field in _FIELDS:
        text = given.get(field.name, "").strip()
        match field.kind:
            case "lines" if field.name == "scopes":
                # No scope holds a space (RFC 6749 section 3.3): several on one line are several.
                fields[field.name] = tuple(text.split())
            case "lines":
                fields[field.name] = tuple(line.strip() for line in text.splitlines() if line.strip())
            case "checks":
                chosen = (option for option in field.options if given.get(f"{field.name}.{option}") == "yes")
                fields[field.name] = tuple(chosen)
            case "flag":
                fields[field.name] = text == "yes"
            case "seconds" if text and not (text.isascii() and text.isdecimal() and len(text) < 11):
                wrong[field.name] = view.texts("no_seconds")
            case "seconds":
                fields[field.name] = int(text) if text else None
            case _:
                fields[field.name] = text or None
    if is_new and not fields["scopes"]:
        fields["scopes"] = None
    found, errors = entry_of(fields)
    said = {name: _said(view, reason) for name, reason in errors.items()}
    return (None if wrong else found), {**said, **wrong}


def entry_of(fields: Mapping[str, Any]) -> tuple[ClientEntry | None, dict[str, str]]:
    """The record of these fields; None, and a text for each that is wrong."""
    known = {name: value for name, value in fields.items() if name in ClientEntry.model_fields and value is not None}
    try:
        return ClientEntry.model_validate(known), {}
    except ValidationError as error:
        return None, {str(problem["loc"][0]): error_text(problem) for problem in error.errors()}


def record(found: ClientEntry) -> Client:
    """The entry as a record."""
    return to_client(found)


def fault(view: View, text: str) -> dict[str, str]:
    """A fault of the whole record, `field: reason`, as a text for that field."""
    name, _, reason = text.partition(": ")
    return {name: _said(view, reason)} if reason else {"": _said(view, text)}


def _said(view: View, reason: str) -> str:
    """A reason, which is in English, as a text for people."""
    return view.texts("bad_value", reason=reason)


def id_fault(view: View, client_id: str, most: int) -> dict[str, str]:
    """What is wrong with the id of a new client."""
    is_good = 0 < len(client_id) <= most and names.is_visible(client_id)
    return {} if is_good else {"client_id": view.texts("bad_client_id", limit=most)}


def groups(view: View, client: Client | None, filled: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields for the template, in groups; of a new client also its id, dialect, and whether it is public."""
    first = (
        [
            _filled(view, Field("client_id"), filled),
            _filled(view, Field("dialect", "choice", tuple(DEFAULTS)), filled),
            _filled(view, Field("public", "flag"), filled),
        ]
        if client is None
        else []
    )
    shown = [{"title": view.texts("group_new"), "fields": first}] if first else []
    for name, fields in _GROUPS.items():
        shown.append({"title": view.texts(name), "fields": [_filled(view, field, filled) for field in fields]})
    return shown


def _filled(view: View, field: Field, filled: Mapping[str, str]) -> dict[str, Any]:
    texts = view.texts
    chosen = [option for option in field.options if filled.get(f"{field.name}.{option}") == "yes"]
    return {
        "name": field.name,
        "kind": field.kind,
        "label": texts(f"client_{field.name}"),
        "hint": texts(f"client_{field.name}_hint"),
        "value": filled.get(field.name, ""),
        "options": [(option, texts.option(field.name, option), option in chosen) for option in field.options],
    }


def shown(view: View, client: Client) -> list[dict[str, Any]]:
    """The record for people: a label and a value for each field that is set, in groups."""
    document, texts = client_document(client), view.texts
    found = []
    for name, fields in _GROUPS.items():
        rows = [
            (texts(f"client_{field.name}"), _value(view, field, document[field.name]))
            for field in fields
            if document[field.name] not in (None, "", [], (), False)
        ]
        if rows:
            found.append({"title": texts(name), "rows": rows})
    return found


def _value(view: View, field: Field, value: Any) -> list[str]:
    match field.kind:
        case "lines" | "checks":
            return [str(each) for each in value]
        case "flag":
            return [view.texts("yes")]
        case "seconds":
            return [view.texts.duration(int(value))]
        case "text" if field.name == "logo" and str(value).startswith("data:"):
            return [view.texts("inline_picture")]
        case _:
            return [str(value)]


def tries(view: View, client: Client) -> list[dict[str, str]]:
    """How to try the client by hand: a command, or an address. It holds no secret."""
    issuer, found = view.services.issuer, []
    user = ("-u", f"{client.id}:CLIENT_SECRET") if client.confidential else ()
    own = () if client.confidential else _fields(client_id=client.id)

    def token(**fields: str) -> str:
        # Quoted for a shell: an address may hold `&` and `$(…)`.
        return shlex.join(("curl", *user, f"{issuer}/oauth/token", *own, *_fields(**fields)))

    if "client_credentials" in client.grants:
        found.append({"title": view.texts("try_credentials"), "text": token(grant_type="client_credentials")})
    if "password" in client.grants and client.dialect != "usercenter":
        text = token(grant_type="password", username="NAME", password="PASSWORD")
        found.append({"title": view.texts("try_password"), "text": text})
    if "authorization_code" in client.grants and client.redirect_uris:
        redirect_uri = client.redirect_uris[0]
        asked = {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": redirect_uri,
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
            "state": "try",
        }
        found.append({"title": view.texts("try_code"), "text": f"{issuer}/oauth/authorize?{urlencode(asked)}"})
        verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        redeem = token(grant_type="authorization_code", code="CODE", redirect_uri=redirect_uri, code_verifier=verifier)
        found.append({"title": view.texts("try_redeem"), "text": redeem})
    return found


def _fields(**fields: str) -> tuple[str, ...]:
    """The arguments by which curl sends these fields."""
    return tuple(text for name, value in fields.items() for text in ("--data-urlencode", f"{name}={value}"))
