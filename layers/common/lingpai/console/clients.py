"""`/console/clients` and `/console/client`: the applications, their records, secrets and state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from lingpai.clients import epochs
from lingpai.clients.model import Client
from lingpai.clients.service import ID_MAX, JOINED_FIELDS, hash_secret, inconsistency
from lingpai.console import changes, client_form, trail
from lingpai.console.changes import Question, note_of, noted
from lingpai.console.client_form import FORM
from lingpai.console.session import see_other
from lingpai.console.view import View, address, admins
from lingpai.http.response import Reply
from lingpai.kernel import base64url, typed_text
from lingpai.kernel.errors import LingpaiError, conflict, forbidden, invalid_request, not_found
from lingpai.oauth.client_records import client_document, unusable

PATH, ONE, EDIT, CHANGE = "/console/clients", "/console/client", "/console/client/edit", "/console/client/change"
_PAGE = 25
_UNDO = "client undo"


@admins()
def clients(view: View) -> Reply:
    """A page of clients. One call beside those of every page."""
    after = view.query.get("after", "")
    if len(after) > ID_MAX:
        raise invalid_request("bad_parameter", name="after")
    page = view.services.store.page_clients(_PAGE, after or None)
    values = {
        "title": view.texts("clients"),
        "clients": [_row(client) for client in sorted(page.clients, key=lambda client: client.id)],
        "more": address(PATH, after=page.next),
        "new": EDIT,
    }
    values["more"] = values["more"] if page.next is not None else ""
    return view.page("clients_rows.html" if view.is_part else "clients.html", values)


def _row(client: Client) -> dict[str, Any]:
    return {
        "id": client.id,
        "address": address(ONE, id=client.id),
        "name": client.name or "",
        "dialect": client.dialect,
        "confidential": client.confidential,
        "grants": sorted(client.grants),
        "disabled": client.disabled,
    }


@admins()
def client(view: View) -> Reply:
    """One client: its record, and how to try it."""
    found = _client(view, view.query.get("id", ""))
    note = note_of(view, _NOTES, "id")
    return _show(view, found, note, _undo_of(found, note))


def _show(view: View, found: Client, note: str, undo: Mapping[str, str]) -> Reply:
    values = {
        "title": found.name or found.id,
        "client": found,
        "fields": client_form.shown(view, found),
        "tries": client_form.tries(view, found),
        "latest": trail.latest(view, f"client:{found.id}"),
        "audit": address("/console/audit", by="subject", value=f"client:{found.id}"),
        "edit": address(EDIT, id=found.id),
        "change": lambda action: address(CHANGE, id=found.id, action=action),
        "note": note,
        "undo": undo,
    }
    return view.page("client.html", values)


def _undo_of(found: Client, note: str) -> dict[str, str]:
    inverse = {"client_disabled": "enable", "client_enabled": "disable"}.get(note, "")
    return changes.undo(CHANGE, {"id": found.id, "action": inverse}) if inverse else {}


# --- creating and editing ---------------------------------------------------------------------------------


@admins(recent=True)
def edit(view: View) -> Reply:
    """The form of a record, a new one without `id`; or its fields, as they are sent."""
    if view.request.method == "POST":
        given = view.form(("id", "version", *FORM.names), FORM.lines)
        found = _client(view, given["id"]) if given.get("id") else None
        return _create(view, given) if found is None else _update(view, found, given)
    client_id = view.query.get("id", "")
    found = _client(view, client_id) if client_id else None
    return _form(view, found, client_form.typed(found))


def _form(
    view: View,
    found: Client | None,
    typed: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    error: LingpaiError | None = None,
) -> Reply:
    values = {
        "title": view.texts("edit_client" if found else "new_client"),
        "client": found,
        "version": client_form.version(found) if found else "",
        "groups": client_form.groups(view, found, typed),
        "back": address(ONE, id=found.id) if found else PATH,
        "action": address(EDIT, id=found.id if found else ""),
    }
    return view.page("client_edit.html", values, errors, error, 400 if errors else 200)


def _create(view: View, given: Mapping[str, str]) -> Reply:
    services = view.services
    secret = None if given.get("public") == "yes" else base64url.encode(services.clock.new_secret())
    client_id = typed_text.trimmed(given.get("client_id", ""))
    wrong = client_form.id_fault(view, client_id, ID_MAX)
    entry, errors = client_form.entry(view, given, client_id, given.get("dialect", ""), secret, is_new=True)
    errors = {**wrong, **errors}
    if entry is None or errors:
        return _form(view, None, given, errors)
    if fault := unusable(entry, services.settings):
        return _form(view, None, given, client_form.fault(view, fault))
    made = client_form.record(entry)
    if not services.store.create_client(made):
        return _form(view, None, given, {"client_id": view.texts("client_taken")})
    if secret is None:
        return see_other(noted(view, ONE, "client_created", id=made.id))
    return _secret(view, made, secret, "client_created_text")


def _update(view: View, before: Client, given: Mapping[str, str]) -> Reply:
    """Change the fields of the record. What undoes it is sealed into the page that says that it is done.

    A form that was filled in for an earlier record is shown anew: it would take back what has changed since.
    """
    if given.get("version") != client_form.version(before):
        error = conflict("changed_meanwhile")
        return _form(view, before, client_form.typed(before), {"": view.texts.refusal(error)}, error)
    entry, errors = client_form.entry(view, given, before.id, before.dialect, None)
    if entry is None:
        return _form(view, before, given, errors)
    after = _kept(client_form.record(entry), before)
    same_provider = (before.sign_provider, before.sign_app) == (after.sign_provider, after.sign_app)
    if fault := inconsistency(after) or (None if same_provider else unusable(entry, view.services.settings)):
        return _form(view, before, given, client_form.fault(view, fault))
    try:
        _save(view, before, after)
    except LingpaiError as error:
        return _form(view, before, given, {"": view.texts.refusal(error)}, error)
    return _show(view, after, "client_saved", _sealed(view, before, after))


def _kept(after: Client, before: Client) -> Client:
    """The record with what no form changes."""
    return replace(after, secret_hash=before.secret_hash, disabled=before.disabled, valid_from=before.valid_from)


def _save(view: View, before: Client, after: Client) -> None:
    if after != before and not view.services.store.change_client(before, after, depends_on=JOINED_FIELDS):
        raise conflict("changed_meanwhile")


def _sealed(view: View, before: Client, after: Client) -> dict[str, str]:
    """The fields of the form that undoes the edit: the values of before, which only this session can have sealed.

    Beside them those of after: an undo takes back nothing that was changed later.
    """
    old, new = _document(before), _document(after)
    changed = {name: (old[name], new[name]) for name in old if old[name] != new[name]}
    if not changed:
        return {}
    text = orjson.dumps(changed).decode()
    seal = view.admin.mac(_UNDO, f"{before.id}\0{text}")
    return changes.undo(CHANGE, {"id": before.id, "action": "undo"}, before=text, seal=seal)


def _document(client: Client) -> dict[str, Any]:
    """The record as JSON has it: lists, and no tuples."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(client_document(client)))
    return found


# --- changes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Change:
    """A change of a client's state: the note that says that it was made."""

    note: str
    danger: bool = True


_CHANGES: Mapping[str, _Change] = {
    "disable": _Change("client_disabled"),
    "enable": _Change("client_enabled", danger=False),
    "end": _Change("client_ended"),
    "rotate": _Change(""),
}
_NOTES = {*(change.note for change in _CHANGES.values() if change.note), "client_created", "client_undone"}


@admins(recent=True)
def change(view: View) -> Reply:
    """Ask about a change of a client, or make it."""
    is_sent = view.request.method == "POST"
    given = view.form(("id", "action", "before", "seal", "confirm")) if is_sent else view.query
    action, found = given.get("action", ""), _client(view, given.get("id", ""))
    if action == "undo":
        # What was sealed is lost where a login came between.
        return _undo(view, found, given) if is_sent else see_other(address(ONE, id=found.id))
    wanted = _CHANGES.get(action)
    if wanted is None:
        raise invalid_request("bad_parameter", name="action")
    name = found.name or found.id
    question = Question(
        action=CHANGE,
        title=view.texts(f"ask_client_{action}", name=name),
        texts=(view.texts(f"tell_client_{action}", seconds=view.services.settings.client_cache_ttl),),
        button=view.texts(f"do_client_{action}"),
        fields={"id": found.id, "action": action},
        back=address(ONE, id=found.id),
        danger=wanted.danger,
    )
    if not is_sent:
        return changes.ask(view, question)
    if action == "rotate":
        return _rotate(view, found)
    done = noted(view, ONE, wanted.note, id=found.id)
    return changes.make(view, question, given, lambda: _save(view, found, _changed(view, found, action)), done)


def _changed(view: View, found: Client, action: str) -> Client:
    match action:
        case "enable":
            return replace(found, disabled=False)
        case "disable":
            return replace(found, disabled=True, valid_from=_next_epoch(view, found))
        case _:
            return replace(found, valid_from=_next_epoch(view, found))


def _next_epoch(view: View, found: Client) -> int:
    return epochs.next_of(view.services.store, found, view.services.clock.now())


def _rotate(view: View, found: Client) -> Reply:
    """A new secret, shown once; the old one is refused, and what was issued under it ends."""
    if not found.confidential:
        raise conflict("client_is_public")
    secret = base64url.encode(view.services.clock.new_secret())
    _save(view, found, replace(found, secret_hash=hash_secret(secret), valid_from=_next_epoch(view, found)))
    return _secret(view, found, secret, "client_rotated_text")


def _secret(view: View, found: Client, secret: str, lead: str) -> Reply:
    values = {
        "title": view.texts("new_secret"),
        "lead": view.texts(lead, id=found.id),
        "label": "client_secret",
        "secret": secret,
        "switch": "",
        "back": address(ONE, id=found.id),
    }
    return view.page("secret.html", values)


def _undo(view: View, found: Client, given: Mapping[str, str]) -> Reply:
    """Give the fields the values of before, as far as the form was sealed by this session."""
    text = given.get("before", "")
    if not view.admin.seals(_UNDO, f"{found.id}\0{text}", given.get("seal", "")):
        raise forbidden("form_expired")
    changed, now = orjson.loads(text), _document(found)
    if any(now[name] != new for name, (_, new) in changed.items()):
        raise conflict("changed_meanwhile")
    entry, _ = client_form.entry_of({**now, **{name: old for name, (old, _) in changed.items()}})
    if entry is None:
        raise conflict("changed_meanwhile")
    after = _kept(client_form.record(entry), found)
    if inconsistency(after):
        raise conflict("changed_meanwhile")
    _save(view, found, after)
    return see_other(noted(view, ONE, "client_undone", id=found.id))


def _client(view: View, client_id: str) -> Client:
    found = view.services.store.get_client(client_id) if 0 < len(client_id) <= ID_MAX else None
    if found is None:
        raise not_found("client_not_found")
    return found
