"""`/console/keys`: the keys that sign tokens, and the next one made early."""

from typing import Any

from lingpai.console import changes
from lingpai.console.changes import Question, note_of, noted
from lingpai.console.view import View, address, admins
from lingpai.http.response import Reply
from lingpai.kernel.errors import conflict, invalid_request
from lingpai.signing_keys.service import ALGORITHMS, Known, named, standing

PATH, ROTATE = "/console/keys", "/console/keys/rotate"


@admins()
def keys(view: View) -> Reply:
    """All keys with their states. One call beside those of every page."""
    known = standing(view.services.keys.stored(), view.services.clock.now())
    values = {
        "title": view.texts("keys"),
        "keys": [_row(view, each) for each in known],
        "rotations": [(algorithm, address(ROTATE, algorithm=algorithm)) for algorithm in ALGORITHMS],
        "period": view.services.settings.key_period // 86400,
        "note": note_of(view, ("key_made",)),
    }
    return view.page("keys.html", values)


def _row(view: View, known: Known) -> dict[str, Any]:
    return {
        "name": named(known.key),
        "kid": known.key.kid,
        "state": known.state,
        "state_text": view.texts(f"key_{known.state}"),
        "signs_from": view.moment(known.key.signs_from),
        "retires_at": view.moment(known.retires_at),
        "published_until": view.moment(known.published_until),
    }


@admins(recent=True)
def rotate(view: View) -> Reply:
    """Ask whether the next key is to be made early, or make it."""
    is_sent = view.request.method == "POST"
    given = view.form(("algorithm", "confirm")) if is_sent else view.query
    algorithm = given.get("algorithm", "")
    if algorithm not in ALGORITHMS:
        raise invalid_request("bad_parameter", name="algorithm")
    lead = view.services.settings.key_lead
    question = Question(
        action=ROTATE,
        title=view.texts("ask_rotate", algorithm=algorithm),
        texts=(view.texts("tell_rotate", span=view.texts.duration(lead)),),
        button=view.texts("do_rotate"),
        fields={"algorithm": algorithm},
        back=PATH,
    )
    if not is_sent:
        return changes.ask(view, question)

    def make() -> None:
        known = standing(view.services.keys.stored(), view.services.clock.now())
        mine = [each for each in known if each.key.algorithm == algorithm]
        if any(each.state == "next" for each in mine):
            raise conflict("next_key_waits")
        # Where nothing signs yet, nothing has to wait.
        wait = lead if any(each.state == "signing" for each in mine) else 0
        if view.services.keys.rotate(algorithm, wait) is None:
            raise conflict("changed_meanwhile")

    return changes.make(view, question, given, make, noted(view, PATH, "key_made"))
