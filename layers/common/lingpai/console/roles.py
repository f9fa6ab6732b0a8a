"""`/console/roles`: the roles of the deployment, made, renamed and deleted."""

from lingpai.accounts.roles import delete, save
from lingpai.console import changes
from lingpai.console.changes import Question, note_of, noted
from lingpai.console.view import View, address, admins
from lingpai.http.response import Reply
from lingpai.kernel.errors import conflict, invalid_request, not_found

PATH, CHANGE = "/console/roles", "/console/role/change"
_NOTES = ("role_created", "role_renamed", "role_deleted")


@admins()
def roles(view: View) -> Reply:
    """All roles: they are one item, which was read with the admin."""
    note, book = note_of(view, _NOTES, "role", "was"), view.admin.book
    kept = view.services.settings.admin_role
    values = {
        "title": view.texts("roles"),
        "roles": [
            {"id": role_id, "name": name, "is_kept": name == kept, "mfa": name in view.services.settings.mfa_roles}
            for role_id, name in book.names
        ],
        "change": lambda action, role_id=None: address(CHANGE, action=action, id=role_id),
        "note": note,
        "undo": _undo(view) if note == "role_renamed" else {},
    }
    return view.page("roles.html", values)


def _undo(view: View) -> dict[str, str]:
    """The fields of the form that gives a role its name of before."""
    query = view.query
    if not query.get("role", "").isdecimal() or not query.get("was"):
        return {}
    present = view.admin.book.name_of(int(query["role"])) or ""
    return changes.undo(CHANGE, {"action": "rename", "id": query["role"], "from": present, "name": query["was"]})


@admins(recent=True)
def change(view: View) -> Reply:
    """Ask about a role that is to be made, renamed or deleted, or do it."""
    is_sent = view.request.method == "POST"
    given = view.form(("action", "id", "from", "name", "confirm")) if is_sent else view.query
    action = given.get("action", "")
    if action not in ("create", "rename", "delete"):
        raise invalid_request("bad_parameter", name="action")
    role_id = None if action == "create" else _known(view, given.get("id", ""))
    name = view.admin.book.name_of(role_id) or "" if role_id else ""
    question = Question(
        action=CHANGE,
        title=view.texts(f"ask_role_{action}", name=name),
        texts=tuple(view.texts(text) for text in (f"tell_role_{action}", *_warnings(view, action, name))),
        button=view.texts(f"do_role_{action}"),
        fields={"action": action, **({"id": str(role_id), "from": name} if role_id else {})},
        back=PATH,
        danger=action == "delete",
        asks={} if action == "delete" else {"name": view.texts("role_name")},
        typed={"name": given.get("name", name)},
    )
    if not is_sent:
        return changes.ask(view, question)
    if role_id is not None and given.get("from") != name:
        # Another admin has renamed it since: what was asked about is not what is there.
        error = conflict("changed_meanwhile")
        return changes.ask(view, question, {"": view.texts.refusal(error)}, error)
    if action == "delete":
        assert role_id is not None  # noqa: S101  only a new role has no id
        return changes.make(
            view, question, given, lambda: delete(view.services, role_id), noted(view, PATH, "role_deleted")
        )
    done = (
        noted(view, PATH, "role_created")
        if role_id is None
        else noted(view, PATH, "role_renamed", role=role_id, was=name)
    )
    wanted = given.get("name", "")
    return changes.make(view, question, given, lambda: save(view.services, wanted, role_id), done)


def _warnings(view: View, action: str, name: str) -> tuple[str, ...]:
    """The names of the texts that warn of this change."""
    return ("tell_role_mfa",) if action == "rename" and name in view.services.settings.mfa_roles else ()


def _known(view: View, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 17) or view.admin.book.name_of(int(text)) is None:
        raise not_found("role_missing")
    return int(text)
