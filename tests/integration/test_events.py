"""events/: one for each route, as the script writes them, and each of them answered."""

import json
from typing import Any

import pytest

from lingpai import accounts, roles
from tests.support.api import Api
from tests.support.logs import LOGS
from tests.support.stores import ROOT, TEMPLATE
from tools import write_events
from tools.write_events import EXAMPLES, Example

FOLDER = ROOT / "events"
# The gateway has these routes; the function does not serve them yet.
NOT_YET = {"oauth-introspect", "oauth-revoke", "oauth-metadata"}
_FUNCTION_OF = {route.key: route.function for route in TEMPLATE.routes}


def invoke(api: Api, event: dict[str, Any]) -> dict[str, Any]:
    """What the function behind the event's route answers."""
    answer = api._gateway.invoke(_FUNCTION_OF[event["routeKey"]], event)
    assert isinstance(answer, dict)
    return answer


def test_files_are_up_to_date() -> None:
    """The folder is what `python -m tools.write_events` would write."""
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(EXAMPLES)
    stale = [name for name, example in EXAMPLES.items() if _read(name) != write_events.text(example)]
    assert stale == []


def test_every_route_has_an_event() -> None:
    """Every route of the template has one, and so have the two paths that only `$default` can take."""
    assert {json.loads(_read(name))["routeKey"] for name in EXAMPLES} == set(_FUNCTION_OF)
    assert {"/oauth/token/", "/o/token/"} <= {example.path for example in EXAMPLES.values()}


def test_events_are_answered(api: Api) -> None:
    """As they stand, they are answered or refused in JSON, never by a fault."""
    answers = {name: invoke(api, json.loads(_read(name))) for name in EXAMPLES}
    assert {name: answer for name, answer in answers.items() if answer["statusCode"] >= 500} == {}
    assert all(isinstance(json.loads(answer["body"]), dict) for answer in answers.values())


@pytest.mark.parametrize(("name", "example"), EXAMPLES.items(), ids=EXAMPLES)
def test_event_with_live_values(api: Api, name: str, example: Example) -> None:
    """With a token, a code and an id of this service in their places, each succeeds."""
    alice = api.user_id("alice")
    accounts.save(api.services, alice, None, None, frozenset({1}))
    assert roles.save(api.services, "spare") == 3
    client = write_events.STANDARD if example.basic == write_events.STANDARD else write_events.WEB
    tokens = api.log_in("alice", "correct horse battery", client)
    code = "000000"
    if "{code}" in str(example):
        assert api.post("/mobile/code/get", form={"mobile": "13312341234"}, basic=write_events.WEB).status == 200
        code = api.last_code
    values = {"token": tokens["access_token"], "refresh_token": tokens["refresh_token"], "code": code, "id": alice}
    answer = invoke(api, write_events.event(example, values))
    body = json.loads(answer["body"])
    for secret in ("access_token", "refresh_token"):
        LOGS.hush("token", str(body.get(secret, "")))
    assert answer["statusCode"] == (404 if name in NOT_YET | {"not-found"} else 200), body


def _read(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text("utf-8")
