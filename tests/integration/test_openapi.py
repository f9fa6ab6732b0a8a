"""docs/openapi.yaml against the handlers: every example, every refusal, and every field that is read."""

import base64
import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # its types are another package

from lingpai.http import fields, request
from lingpai.oauth import token_endpoint
from local import examples, seed
from tests.support.api import Api, hush, make_api
from tests.support.memory_store import MemoryStore
from tests.support.stores import ROOT, TEMPLATE
from tools import write_events, write_openapi
from tools.write_events import EXAMPLES

DOCUMENT: dict[str, Any] = yaml.load((ROOT / "docs" / "openapi.yaml").read_text("utf-8"), yaml.CSafeLoader)
ROUTES = {route.path: route for route in write_openapi.routes()}
_FUNCTION_OF = {route.key: route.function for route in TEMPLATE.routes}
ANSWERED = [name for name in EXAMPLES if name != "not-found"]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """The demo data and what the examples refer to."""
    given = json.loads(write_events.SETTINGS.read_text("utf-8"))["Parameters"]
    providers: dict[str, Any] = {name.lower(): given[name] for name in ("OIDC_PROVIDERS", "LINK_PROVIDERS")}
    opened = make_api(monkeypatch, MemoryStore(), populated=False, digest_login=True, api_docs=True, **providers)
    seed.apply(seed.load(None), opened.services)
    examples.put(opened.services)
    return opened


def operation(path: str, method: str) -> dict[str, Any]:
    """What the document says of one method of a path, whose last part may be open there."""
    paths = DOCUMENT["paths"]
    said: dict[str, Any] = (paths.get(path) or paths[f"{path.rpartition('/')[0]}/{{name}}"])[method.lower()]
    return said


def check(schema: Mapping[str, Any], value: Any) -> None:
    """The value is as the schema says, or the test fails with what is wrong."""
    whole = {**schema, "components": DOCUMENT["components"]}  # what the schema refers to
    problems = [error.message for error in Draft202012Validator(whole).iter_errors(value)]
    assert problems == [], value


def check_answer(path: str, method: str, status: int, body: Any) -> None:
    """The answer is one that the document has for this status."""
    responses = operation(path, method)["responses"]
    assert str(status) in responses, (path, status, body)
    response = responses[str(status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    if "content" not in response:
        assert body == "", (path, status, body)
        return
    kind, content = next(iter(response["content"].items()))
    assert kind.startswith("text/") == isinstance(body, str), (path, status, body)
    check(content["schema"], body)


def invoke(api: Api, name: str) -> tuple[int, Any]:
    """What the server answers to the example of this name."""
    event = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    reply: Any = api._gateway.invoke(_FUNCTION_OF[event["routeKey"]], event)
    if not reply["headers"].get("Content-Type", "").startswith("application/json"):
        return reply["statusCode"], reply["body"]
    body = json.loads(reply["body"])
    hush(body)
    hush(body.get("data") or {})
    return reply["statusCode"], body


@pytest.mark.parametrize("name", ANSWERED)
def test_an_example_is_answered_as_the_document_says(api: Api, name: str) -> None:
    example = EXAMPLES[name]
    status, body = invoke(api, name)
    assert status == example.status
    check_answer(example.path, example.method, status, body)


@pytest.mark.parametrize("name", [name for name in ANSWERED if EXAMPLES[name].form or EXAMPLES[name].content])
def test_an_example_is_a_request_as_the_document_has_it(name: str) -> None:
    """In the document as it is sent; and valid for the schema of the body."""
    example = EXAMPLES[name]
    event = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    sent = event["body"]
    text = base64.b64decode(sent).decode() if event["isBase64Encoded"] else sent
    kind = event["headers"]["content-type"]
    fields_sent = json.loads(text) if kind == "application/json" else dict(parse_qsl(text, keep_blank_values=True))
    content = operation(example.path, example.method)["requestBody"]["content"][kind]
    assert content["examples"][name]["value"] == fields_sent
    check(content["schema"], fields_sent)


REQUESTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "fields of a wrong type": {"json_body": {name: [1] for name in ("id", "token", "username", "mobile", "phone")}},
    "no JSON": {"body": b"{", "headers": {"Content-Type": "application/json"}},
    "a body that is too large": {"body": b"a" * 70_000},
    "a client that is none": {"basic": ("nobody", "its-secret"), "form": {"grant_type": "password"}},
    "a token that is none": {"bearer": "not-a-token", "json_body": {"id": 1}},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_refusals_are_as_the_document_says(api: Api, name: str) -> None:
    """Of every route, and of another method."""
    for path, route in ROUTES.items():
        for method in (*route.methods, "PUT"):
            answer = api.call(method, path, **REQUESTS[name])
            is_json = answer.headers.get("content-type", "").startswith("application/json")
            check_answer(path, route.methods[0], answer.status, answer.json if is_json else answer.body)


def test_an_admin_is_refused_as_the_document_says(api: Api) -> None:
    """Where the fields are missing, or name nothing that is there."""
    token = api.admin()
    for path, route in ROUTES.items():
        for body in ({}, {"id": 999, "userId": 999, "roleList": [], "roleName": "admin", "sign": "x", "provider": "x"}):
            if route.needs != "none":
                answer = api.post(path, json_body=body, bearer=token)
                check_answer(path, "POST", answer.status, answer.json)


def test_every_field_that_is_read_is_in_the_document(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every example; in objects within the body, too."""
    read: set[str] = set()
    value_of, all_parameters = request.value_of, request.all_parameters

    def note_value(body: Mapping[str, Any], name: str) -> Any:
        read.add(name)
        return value_of(body, name)

    def note_known(asked: request.Request, known: Collection[str], **how: Any) -> dict[str, str]:
        read.update(known)
        return all_parameters(asked, known, **how)

    monkeypatch.setattr(fields, "value_of", note_value)
    monkeypatch.setattr(request, "all_parameters", note_known)
    monkeypatch.setattr(token_endpoint, "all_parameters", note_known)
    problems = {}
    for name in ANSWERED:
        read.clear()
        invoke(api, name)
        path = EXAMPLES[name].path
        told = _names(operation(path, EXAMPLES[name].method).get("requestBody", {}))
        if path in ("/mobile/token", "/sign/token"):
            # They parse what any token request may have, and use what they need of it.
            told |= _names(operation("/oauth/token", "POST")["requestBody"])
        if not read <= told:
            problems[name] = read - told
    assert problems == {}


def _names(said: Any) -> set[str]:
    """The names of all properties, those of the components that are referred to included."""
    if isinstance(said, list):
        return set().union(*map(_names, said))
    if not isinstance(said, dict):
        return set()
    found = set(said.get("properties", ()))
    if "$ref" in said:
        found |= _names(DOCUMENT["components"]["schemas"][said["$ref"].rpartition("/")[2]])
    return found.union(*(_names(value) for key, value in said.items() if key not in ("examples", "example")))
