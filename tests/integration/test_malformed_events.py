"""Events that are no requests: whatever invokes a function may pass it anything."""

import base64
import copy
import json
from typing import Any

import pytest

from local import functions
from tests.support.api import Api
from tests.support.stores import ROOT, TEMPLATE

pytestmark = pytest.mark.security("F26")

GOOD: dict[str, Any] = json.loads((ROOT / "events" / "token-password.json").read_text("utf-8"))
ROUTED = sorted({route.function for route in TEMPLATE.routes})
FORMAT_1 = {
    "version": "1.0",
    "resource": "/oauth/token",
    "path": "/oauth/token",
    "httpMethod": "POST",
    "headers": {"content-type": "application/x-www-form-urlencoded"},
    "requestContext": {"identity": {"sourceIp": "192.0.2.1"}, "requestId": "x", "stage": "$default"},
    "body": "grant_type=client_credentials",
    "isBase64Encoded": False,
}
REMOVED = object()


def changed(*path: str, to: object) -> dict[str, Any]:
    """A good event, but for one place."""
    event = copy.deepcopy(GOOD)
    place = event
    for name in path[:-1]:
        place = place[name]
    if to is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return event


EVENTS: dict[str, Any] = {
    "nothing": None,
    "an empty object": {},
    "a list": [],
    "a text": "ping",
    "a number": 7,
    "payload format 1.0": FORMAT_1,
    "a ping": {"ping": True},
    "a ping of serverless-plugin-warmup": {"source": "serverless-plugin-warmup"},
    "a ping by EventBridge": {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    "a message of SQS": {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
    "headers: null": changed("headers", to=None),
    "headers: a list": changed("headers", to=[["content-type", "text/plain"]]),
    "a header: null": changed("headers", to={"content-type": None}),
    "a header: a list": changed("headers", to={"content-type": ["text/plain"]}),
    "a body: an object": changed("body", to={"grant_type": "password"}),
    "a body: a list": changed("body", to=[]),
    "a body: a number": changed("body", to=5),
    "a body: true": changed("body", to=True),
    "cookies: a text": changed("cookies", to="a=1"),
    "a cookie: null": changed("cookies", to=["a=1", None]),
    "no request context": changed("requestContext", to=REMOVED),
    "request context: null": changed("requestContext", to=None),
    "request context: a text": changed("requestContext", to="context"),
    "no path": changed("rawPath", to=REMOVED),
    "path: null": changed("rawPath", to=None),
    "query: null": changed("rawQueryString", to=None),
    **{
        f"{name}: null": changed("requestContext", name, to=None)
        for name in ("http", "stage", "requestId", "domainName")
    },
    **{f"no http.{name}": changed("requestContext", "http", name, to=REMOVED) for name in ("method", "sourceIp")},
    "an address that is none": changed("requestContext", "http", "sourceIp", to="somewhere"),
}


def invoke(event: object, function: str = "TokenFunction") -> Any:
    """What the function answers to this event."""
    invoked: Any = functions.load(TEMPLATE, ROOT)
    return invoked(function, event)


@pytest.mark.parametrize("name", EVENTS)
def test_a_malformed_event_is_a_400_and_a_line(api: Api, capsys: pytest.CaptureFixture[str], name: str) -> None:
    answer = invoke(EVENTS[name])
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"]) == {"message": "Bad Request"}
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["message"]) == ("WARNING", "malformed event")
    assert line["detail"]


@pytest.mark.parametrize("function", ROUTED)
def test_every_function_takes_them(api: Api, function: str) -> None:
    assert invoke({"source": "serverless-plugin-warmup"}, function)["statusCode"] == 400


@pytest.mark.parametrize("body", ["grant_type=password", "!", "YQ", base64.b64encode(b"\xff\xfe").decode()])
def test_a_body_that_is_not_the_base64_that_it_claims_to_be(api: Api, body: str) -> None:
    event = changed("body", to=body)
    event["isBase64Encoded"] = True
    answer = invoke(event)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"] == "invalid_request"


@pytest.mark.parametrize("to", [REMOVED, None, ""])
def test_a_request_without_a_body_is_one(api: Api, to: object) -> None:
    """API Gateway leaves it out where there is none."""
    assert json.loads(invoke(changed("body", to=to))["body"])["error"] in {"invalid_request", "invalid_client"}
