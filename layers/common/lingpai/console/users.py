"""`/console/users` and `/console/user`: accounts, found by id, name, number or third party's id, and looked after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lingpai.accounts import closing, ended_accounts, identities, last_admin
from lingpai.accounts import service as accounts
from lingpai.accounts.model import RoleBook, User
from lingpai.browser_sessions.model import BrowserSession
from lingpai.consents import service as consents
from lingpai.console import changes, trail
from lingpai.console.changes import Question, note_of, noted
from lingpai.console.session import see_other
from lingpai.console.view import View, address, admins
from lingpai.http.response import Reply
from lingpai.kernel import base64url
from lingpai.kernel.errors import conflict, forbidden, invalid_request, not_found
from lingpai.second_factors import service as second_factors
from lingpai.sessions import session_id
from lingpai.sessions.model import Session

PATH, ONE, CHANGE = "/console/users", "/console/user", "/console/user/change"
_PAGE = 25
# How many sessions are shown, and read: what is over stays in the table for a while.
_SESSIONS, _READ = 100, 1100
_ID_MAX = 2**53
# How long a new password is at least, and the random bytes of the longest one.
_PASSWORD, _PASSWORD_BYTES = 24, 96
# The fields of the forms of `CHANGE`.
_FIELDS = ("id", "action", "role", "session", "client", "confirm")


@admins()
def users(view: View) -> Reply:
    """A page of accounts, the newest first, or those that a text finds."""
    if view.request.method == "POST":
        return _search(view, view.form(("q",)).get("q", "") if view.request.raw_body else "")
    ids, after = trail.new_accounts(view, _PAGE, view.query.get("after") or None)
    known = view.services.store.directory(*ids).users if ids else {}
    values = {
        "title": view.texts("users"),
        "users": [_row(view, known[user_id], view.admin.book) for user_id in ids if user_id in known],
        "more": address(PATH, after=after) if after is not None else "",
        "days": view.services.settings.audit_days,
        "typed": "",
        "searched": False,
        "note": note_of(view, _NOTES),
    }
    return view.page("users_rows.html" if view.is_part else "users.html", values)


def _search(view: View, text: str) -> Reply:
    """To the account that the text finds; all of them, where it finds several."""
    found = _find(view, text.strip())
    if len(found) == 1:
        return see_other(address(ONE, id=found[0].id))
    values = {
        "title": view.texts("users"),
        "users": [_row(view, user, view.admin.book) for user in found],
        "more": "",
        "typed": text,
        "searched": True,
    }
    return view.page("users.html", values)


def _find(view: View, text: str) -> list[User]:
    """The accounts whose id, username, number or third party's id (`provider:app=openid`) this is."""
    services = view.services
    if not text or len(text) > 500:
        return []
    keys = [identities.login_key(services, text)]
    issuer, equals, openid = text.partition("=")
    if equals:
        keys.append(identities.openid_key(issuer, openid))
    keys.append(identities.openid_key("trusted:default", text))
    keys.extend(identities.openid_key(f"{name}:default", text) for name in services.identity_providers)
    wanted = set(services.store.find_user_ids(*dict.fromkeys(keys)).values())
    if (user_id := _id(text)) is not None:
        wanted.add(user_id)
    return list(services.store.directory(*sorted(wanted)).users.values()) if wanted else []


def _row(view: View, user: User, book: RoleBook) -> dict[str, Any]:
    return {
        "id": user.id,
        "address": address(ONE, id=user.id),
        "name": user.username or "",
        "number": user.mobile or "",
        "roles": sorted(book.names_of(user.roles)),
        "created": view.moment(user.created_at),
        "disabled": user.disabled,
        "closing": _deleted_on(view, user),
    }


def _deleted_on(view: View, user: User) -> str:
    """The day of the deletion that the account's owner has asked for; empty for none."""
    return closing.day_of(view.services, user.closes_at) if user.closes_at is not None else ""


@admins()
def user(view: View) -> Reply:
    """One account. Five calls beside those of every page, and one for each client that was not read lately."""
    found = _user(view, view.query.get("id", ""))
    services, book = view.services, view.admin.book
    held = sorted((name, role_id) for role_id, name in book.names if role_id in found.roles)
    free = sorted((name, role_id) for role_id, name in book.names if role_id not in found.roles)
    note = note_of(view, _NOTES, "id", "role")
    profile = found.profile
    given, alive = consents.list_consents(services, found.id), _alive(view, found.id)
    # Once for each, since a client that is gone is looked for anew each time.
    of_apps = {each.client_id for each in alive if isinstance(each, Session)}
    names = {client_id: _client_name(view, client_id) for client_id in {*given, *of_apps}}
    values = {
        "title": found.username or str(found.id),
        "user": found,
        "name": _name(view, found),
        "created": view.moment(found.created_at),
        "closing": _deleted_on(view, found),
        "password_set": view.moment(found.password_set_at),
        "roles": held,
        "free": free,
        "is_self": found.id == view.admin.user.id,
        "profile": [
            (name, value)
            for name, value in (
                ("profile_name", profile.name),
                ("gender", profile.gender),
                ("birthdate", profile.birthdate),
                ("address", profile.address),
                ("nation", profile.nation),
            )
            if value
        ],
        "sessions": [_session(view, each, names) for each in alive],
        "consents": [
            {"client": client_id, "name": names[client_id], "scopes": scopes} for client_id, scopes in given.items()
        ],
        "latest": trail.latest(view, f"user:{found.id}"),
        "audit": address("/console/audit", by="subject", value=f"user:{found.id}"),
        "note": note,
        "undo": _undo(view, found, note),
        "change": lambda action, **more: address(CHANGE, id=found.id, action=action, **more),
    }
    return view.page("user.html", values)


def _undo(view: View, found: User, note: str) -> dict[str, str]:
    """The fields of the form that undoes what was noted; none where that cannot be undone."""
    inverse = _NOTES.get(note, "")
    role = view.query.get("role", "")
    if not inverse or (inverse.endswith("role") and not role.isdecimal()):
        return {}
    more = {"role": role} if inverse.endswith("role") else {}
    return changes.undo(CHANGE, {"id": str(found.id), "action": inverse, **more})


def _alive(view: View, user_id: int) -> list[Session | BrowserSession]:
    """The newest sessions of the account that are alive, _SESSIONS at most."""
    now = view.services.clock.now()
    found = view.services.store.list_sessions(user_id, _READ)
    marked = ended_accounts.of(view.services.store.list_ended(), user_id)
    alive = [
        each for each in found if each.over_at > now and not (marked and marked.has_ended(each.key, each.created_at))
    ]
    return sorted(alive, key=lambda each: each.created_at, reverse=True)[:_SESSIONS]


def _session(view: View, each: Session | BrowserSession, names: Mapping[str, str]) -> dict[str, Any]:
    texts = view.texts
    if isinstance(each, Session):
        what, place, used = names[each.client_id], "", each.rotated_at or each.created_at
    else:
        what, place, used = texts.device(each.device), texts.place(each.place), each.used_at
    return {
        "id": session_id.of(each.key),
        "what": what,
        "is_app": isinstance(each, Session),
        "place": place,
        "opened": view.moment(each.created_at),
        "used": view.moment(used),
    }


def _client_name(view: View, client_id: str) -> str:
    client = view.services.clients.get_client(client_id)
    return (client.name or client.id) if client else client_id


def _name(view: View, found: User) -> str:
    """The account as the questions call it."""
    return found.username or view.texts("account_of", id=found.id)


# --- changes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Change:
    """A change of an account: the note that says that it was made, and what undoes it, if anything.

    Without `make`, it shows a page of its own (`_reset_password`).
    """

    make: Callable[[View, User, Mapping[str, str]], None] | None
    note: str
    undo: str = ""
    danger: bool = True
    tick: bool = False
    # Not of one's own account, which would lock its owner out, or leave the deployment without an admin.
    of_others: bool = False


def _disable(view: View, found: User, _given: Mapping[str, str]) -> None:
    accounts.disable(view.services, found.id, *_still_admin(view, found))


def _enable(view: View, found: User, _given: Mapping[str, str]) -> None:
    accounts.enable(view.services, found.id)


def _undo_deletion(view: View, found: User, _given: Mapping[str, str]) -> None:
    closing.reopen(view.services, found.id)


def _delete(view: View, found: User, _given: Mapping[str, str]) -> None:
    accounts.delete(view.services, found.id, *_still_admin(view, found))


def _end(view: View, found: User, given: Mapping[str, str]) -> None:
    key = session_id.parse(given.get("session", ""))
    if key is None or key.owner != found.id:
        raise not_found("session_not_found")
    view.services.store.end_sessions((key,))


def _end_all(view: View, found: User, _given: Mapping[str, str]) -> None:
    keep = view.admin.session.key if found.id == view.admin.user.id else None
    ended_accounts.end_all(view.services, found.id, keep=keep)


def _remove_factors(view: View, found: User, _given: Mapping[str, str]) -> None:
    second_factors.remove_all(view.services, found.id)


def _revoke_consent(view: View, found: User, given: Mapping[str, str]) -> None:
    consents.revoke(view.services, found.id, given.get("client", ""))


def _grant(view: View, found: User, given: Mapping[str, str]) -> None:
    wanted = frozenset({_role(view, given)})
    accounts.change(view.services, found.id, lambda now: replace(now, roles=now.roles | wanted))


def _revoke(view: View, found: User, given: Mapping[str, str]) -> None:
    role_id = _role(view, given)
    is_admins = view.admin.book.name_of(role_id) == view.services.settings.admin_role
    if is_admins and found.id == view.admin.user.id:
        raise forbidden("own_account")
    checks = _still_admin(view, found) if is_admins else ()
    accounts.change(view.services, found.id, lambda now: replace(now, roles=now.roles - {role_id}), *checks)


def _role(view: View, given: Mapping[str, str]) -> int:
    role_id = _id(given.get("role", ""))
    if role_id is None or view.admin.book.name_of(role_id) is None:
        raise not_found("role_missing")
    return role_id


def _still_admin(view: View, found: User) -> tuple[Any, ...]:
    """The check that the caller is still an admin when another account may lose the role."""
    return last_admin.keep_one(view.services, view.admin.book, view.admin.user.id, found.id)


_CHANGES: Mapping[str, _Change] = {
    "disable": _Change(_disable, "user_disabled", undo="enable", of_others=True),
    "enable": _Change(_enable, "user_enabled", undo="disable", danger=False),
    "end": _Change(_end, "session_ended"),
    "end_all": _Change(_end_all, "sessions_ended"),
    "reset": _Change(None, "", of_others=True),
    "remove_factors": _Change(_remove_factors, "factors_removed", of_others=True),
    "revoke_consent": _Change(_revoke_consent, "consent_revoked"),
    "grant_role": _Change(_grant, "role_granted", undo="revoke_role", danger=False),
    "revoke_role": _Change(_revoke, "role_revoked", undo="grant_role"),
    "undo_deletion": _Change(_undo_deletion, "deletion_undone", danger=False, of_others=True),
    "delete": _Change(_delete, "user_deleted", tick=True, of_others=True),
}
# What undoes the change of each note.
_NOTES = {change.note: change.undo for change in _CHANGES.values() if change.note}


@admins(recent=True)
def change(view: View) -> Reply:
    """Ask about a change of an account, or make it."""
    given = view.form(_FIELDS) if view.request.method == "POST" else view.query
    action = given.get("action", "")
    wanted = _CHANGES.get(action)
    if wanted is None:
        raise invalid_request("bad_parameter", name="action")
    found = _user(view, given.get("id", ""))
    if wanted.of_others and found.id == view.admin.user.id:
        raise forbidden("own_account")
    question = _question(view, found, action, wanted, given)
    if view.request.method != "POST":
        return changes.ask(view, question)
    make = wanted.make
    if make is None:
        return _reset_password(view, found)
    done = (
        noted(view, PATH, wanted.note)
        if action == "delete"
        else noted(
            view, ONE, wanted.note, id=found.id, role=given.get("role") if wanted.undo.endswith("role") else None
        )
    )
    return changes.make(view, question, given, lambda: make(view, found, given), done)


def _question(view: View, found: User, action: str, wanted: _Change, given: Mapping[str, str]) -> Question:
    texts, more = view.texts, {name: given[name] for name in ("role", "session", "client") if given.get(name)}
    role = view.admin.book.name_of(_id(more.get("role", "")) or 0) or ""
    said = {"name": _name(view, found), "role": role, "client": _client_name(view, more.get("client", ""))}
    return Question(
        action=CHANGE,
        title=texts(f"ask_{action}", **said),
        texts=(texts(f"tell_{action}", **said),),
        button=texts(f"do_{action}"),
        fields={"id": str(found.id), "action": action, **more},
        back=address(ONE, id=found.id),
        danger=wanted.danger,
        tick=texts("tick_delete") if wanted.tick else "",
    )


def _reset_password(view: View, found: User) -> Reply:
    """Give the account a random password, which is shown once."""
    if found.disabled:
        raise conflict("user_is_disabled")
    if found.username is None and found.mobile is None:
        raise conflict("no_login_name")
    password = _new_password(view)
    accounts.save(view.services, found.id, None, password, None, *_still_admin(view, found))
    values = {
        "title": view.texts("new_password"),
        "lead": view.texts("new_password_text", name=_name(view, found)),
        "label": view.texts("password"),
        "secret": password,
        "switch": "",
        "back": address(ONE, id=found.id),
    }
    return view.page("secret.html", values)


def _new_password(view: View) -> str:
    """A random password that the settings allow: of their length, and with all kinds of characters at its end."""
    length = max(_PASSWORD, view.services.settings.password_min_length)
    kinds = "-aA0"
    return base64url.encode(view.services.clock.random_bytes(_PASSWORD_BYTES))[: length - len(kinds)] + kinds


def _user(view: View, text: str) -> User:
    user_id = _id(text)
    found = view.services.store.get_user(user_id) if user_id is not None else None
    if found is None:
        raise not_found("user_not_found")
    return found


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 17 and 0 < int(text) < _ID_MAX else None
