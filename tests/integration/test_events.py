"""events/: one for each route, as the script writes them, and each of them answered."""

import json
from typing import Any

import pytest

from local import examples, seed
from tests.support.api import Api, make_api
from tests.support.logs import LOGS
from tests.support.stores import ROOT, TEMPLATE
from tools import write_events
from tools.write_events import EXAMPLES

FOLDER = ROOT / "events"
_FUNCTION_OF = {route.key: route.function for route in TEMPLATE.routes}


def invoke(api: Api, event: dict[str, Any]) -> dict[str, Any]:
    """What the function behind the event's route answers."""
    answer = api._gateway.invoke(_FUNCTION_OF[event["routeKey"]], event)
    assert isinstance(answer, dict)
    return answer


def test_files_are_up_to_date() -> None:
    """The folder is what `python -m tools.write_events` would write, and the settings for `sam local` beside it."""
    written = {path.stem: path.read_text("utf-8") for path in FOLDER.iterdir() if path != write_events.SETTINGS}
    assert written == write_events.texts()
    assert write_events.SETTINGS.is_file()


def test_every_route_has_an_event() -> None:
    """Every route of the template has one, and so have the two paths that only `$default` can take."""
    assert {json.loads(_read(name))["routeKey"] for name in EXAMPLES} == set(_FUNCTION_OF)
    assert {"/oauth/token/", "/o/token/"} <= {example.path for example in EXAMPLES.values()}


@pytest.mark.security("F1")
@pytest.mark.parametrize("order", ["as listed", "backwards"])
def test_events_succeed_as_they_stand(monkeypatch: pytest.MonkeyPatch, store: Any, order: str) -> None:
    """On the demo data and the examples, in any order: as each example says, 404 for a path that is not there."""
    api = _demo(monkeypatch, store)
    names = list(EXAMPLES) if order == "as listed" else list(EXAMPLES)[::-1]
    answers = {name: invoke(api, json.loads(_read(name))) for name in names}
    bodies = {name: _content(answer) for name, answer in answers.items()}
    for body in bodies.values():
        _hush(body)
    statuses = {name: answer["statusCode"] for name, answer in answers.items()}
    assert statuses == {name: EXAMPLES[name].status for name in names}, bodies
    # Two dialects say in the body whether it went well, and 200 in any case.
    assert {name: body for name, body in bodies.items() if body.get("status") == 0} == {}
    assert bodies["user-register"]["result"]["code"] == 1


@pytest.mark.security("F1")
def test_examples_are_there_again(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    """What an event has used up or changed is as before after the next `put`: a server that starts on kept data."""
    api = _demo(monkeypatch, store)
    once = {
        *("oauth-destroy-token", "oauth-revoke", "token-refresh"),
        *("users-delete", "users-identities-link", "users-pwd-update", "users-update"),
    }
    for _ in range(2):
        answers = {name: invoke(api, json.loads(_read(name))) for name in sorted(once)}
        for answer in answers.values():
            _hush(json.loads(answer["body"]))
        assert {name: answer["statusCode"] for name, answer in answers.items()} == dict.fromkeys(once, 200), answers
        api.time.advance(61)
        examples.put(api.services)


def _demo(monkeypatch: pytest.MonkeyPatch, store: Any) -> Api:
    """A service that holds the demo data and the examples, with the OpenID provider of the settings for `sam local`."""
    given = json.loads(write_events.SETTINGS.read_text("utf-8"))["Parameters"]
    providers: dict[str, Any] = {name.lower(): given[name] for name in ("OIDC_PROVIDERS", "LINK_PROVIDERS")}
    api = make_api(monkeypatch, store, populated=False, digest_login=True, api_docs=True, **providers)
    seed.apply(seed.load(None), api.services)
    examples.put(api.services)
    return api


def _content(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer's JSON; nothing for a page."""
    is_json = answer["headers"].get("Content-Type", "").startswith("application/json")
    content: dict[str, Any] = json.loads(answer["body"]) if is_json else {}
    return content


def _hush(body: dict[str, Any]) -> None:
    for fields in (body, body.get("data") or {}):
        for secret in ("access_token", "refresh_token", "accessToken", "refreshToken"):
            LOGS.hush("token", str(fields.get(secret, "")))


def _read(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text("utf-8")
