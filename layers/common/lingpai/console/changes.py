"""Changes at the console: each is asked about on a page of its own, or in a dialog, before it is made."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from lingpai.console.session import see_other
from lingpai.console.view import View, address
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError

_NOTE = "note"


@dataclass(frozen=True)
class Question:
    """What is asked before a change: the texts, the button, and the fields that the form sends.

    The fields stand in the address that the form is sent to, too: where it is sent too late, a login leads back to the
    question. `back` is the page that it leads back to. `tick` is a text to tick first, for what cannot be undone;
    `asks` are fields to fill in, by name, with their texts.
    """

    action: str
    title: str
    texts: tuple[str, ...]
    button: str
    fields: Mapping[str, str]
    back: str
    danger: bool = False
    tick: str = ""
    asks: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Where the form is sent to."""
        return address(self.action, **self.fields)


def ask(
    view: View, question: Question, errors: Mapping[str, str] | None = None, error: LingpaiError | None = None
) -> Reply:
    """The page of the question; for htmx its form alone, which is shown as a dialog."""
    status = 400 if errors and error is None else 200
    return view.page("confirm.html", {"question": question, "title": question.title}, errors, error, status)


def make(view: View, question: Question, given: Mapping[str, str], change: Callable[[], Any], done: str) -> Reply:
    """Make the change, and go on to `done`; the question again, with a text, where it is refused or not ticked."""
    if question.tick and given.get("confirm") != "yes":
        return ask(view, question, {"confirm": view.texts("missing_confirm")})
    try:
        change()
    except LingpaiError as error:
        if error.status >= 500:
            raise
        return ask(view, question, {"": view.texts.refusal(error)}, error)
    return see_other(done)


def noted(view: View, path: str, note: str, **parameters: str | int | None) -> str:
    """The address of a page that says what was done, sealed: see `note_of`."""
    told = address(path, **parameters, note=note)
    return address(path, **parameters, note=note, seal=view.admin.mac(_NOTE, told))


def undo(path: str, fields: Mapping[str, str], **sealed: str) -> dict[str, str]:
    """The fields of a form that undoes a change, and where it is sent `to`: its `fields` stand in the address, too."""
    return {"to": address(path, **fields), **fields, **sealed}


def note_of(view: View, notes: Collection[str], *names: str) -> str:
    """What was done just now; empty for nothing. `names` are the parameters that `noted` was given, in order.

    Only the session that made the change can have sealed it. So nobody else's link claims a change that was not made,
    with a button that undoes it.
    """
    note = view.query.get("note", "")
    told = address(view.request.path, **{name: view.query.get(name) for name in names}, note=note)
    return note if note in notes and view.admin.seals(_NOTE, told, view.query.get("seal", "")) else ""
