"""events/: one for each route, as the script writes them, and each of them answered."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lingpai import accounts, roles
from lingpai.model import Identity
from tests.support import openid
from tests.support.api import Api, make_api
from tests.support.logs import LOGS
from tests.support.openid import OpenId
from tests.support.stores import ROOT, TEMPLATE
from tests.support.vendor import serving
from tools import write_events
from tools.write_events import EXAMPLES, Example

FOLDER = ROOT / "events"
_FUNCTION_OF = {route.key: route.function for route in TEMPLATE.routes}


def invoke(api: Api, event: dict[str, Any]) -> dict[str, Any]:
    """What the function behind the event's route answers."""
    answer = api._gateway.invoke(_FUNCTION_OF[event["routeKey"]], event)
    assert isinstance(answer, dict)
    return answer


@pytest.fixture(scope="module")
def google() -> Iterator[OpenId]:
    """An OpenID provider."""
    vendor = OpenId()
    with serving(vendor) as line:
        vendor.issuer = line.url
        yield vendor


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
def test_event_with_live_values(
    api: Api, google: OpenId, name: str, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a token, a code and an id of this service in their places, each succeeds."""
    # The settings that an event needs.
    providers = openid.setting(google.issuer)
    overrides: dict[str, Any] = {"oidc_providers": providers, "link_providers": "google", "digest_login": True}
    api = make_api(monkeypatch, api.services.store, populated=False, **overrides)
    alice = api.user_id("alice")
    if "unlink" in name:
        accounts.link_identity(api.services, alice, Identity("oidc", google.issuer, "subject-of-alice"))
    accounts.save(api.services, alice, None, None, frozenset({1}))
    assert roles.save(api.services, "spare") == 3
    client = write_events.STANDARD if example.basic == write_events.STANDARD else write_events.WEB
    tokens = api.log_in("alice", "correct horse battery", client)
    if write_events.USERCENTER.items() <= (example.content or {}).items():
        answer = api.post("/oauth/token", form={**write_events.PASSWORD, "client_id": "23"})
        data = answer.json["data"]
        tokens = {"access_token": data["accessToken"], "refresh_token": data["refreshToken"]}
    code = "000000"
    if "{code}" in str(example):
        assert api.post("/mobile/code/get", form={"mobile": "13312341234"}, basic=write_events.WEB).status == 200
        code = api.last_code
    values = {
        "token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "code": code,
        "id_token": google.token(nonce=(example.content or {}).get("nonce", "")),
        "id": alice,
    }
    reply = invoke(api, write_events.event(example, values))
    body = json.loads(reply["body"])
    for fields in (body, body.get("data") or {}):
        for secret in ("access_token", "refresh_token", "accessToken", "refreshToken"):
            LOGS.hush("token", str(fields.get(secret, "")))
    assert reply["statusCode"] == (404 if name == "not-found" else 200), body
    # Two dialects say in the body whether it went well, and 200 in any case.
    assert body.get("status") != 0, body
    assert not isinstance(body.get("result"), dict) or body["result"]["code"] == 1, body


def _read(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text("utf-8")
