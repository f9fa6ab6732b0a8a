"""HEAD, and the headers that every answer carries."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.http.oauth_error import oauth
from lingpai.http.response import Reply
from local import gateway
from tests.support.api import Answer, Api
from tests.support.stores import ROOT

GET_ROUTES = ("/health", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server")
HSTS = "max-age=31536000"
SAM_LOCAL = {"X-Forwarded-Proto": "http"}


@pytest.mark.security("F32")
@pytest.mark.parametrize("path", GET_ROUTES)
def test_head_is_answered_as_get_is(api: Api, path: str) -> None:
    """The body too: whoever writes to the connection leaves it out and keeps its length."""
    assert api.call("HEAD", path) == api.call("GET", path)
    assert api.call("OPTIONS", path) == Answer(204, {"allow": "GET, HEAD, OPTIONS"}, "")


@pytest.mark.security("F32")
@pytest.mark.parametrize("path", ["/users/current", "/users/identities"])
def test_head_goes_with_get_where_a_token_is_wanted(api: Api, path: str) -> None:
    token = api.token()
    assert api.call("HEAD", path, bearer=token) == api.call("GET", path, bearer=token)
    assert api.call("HEAD", path).status == 401
    assert api.call("OPTIONS", path) == Answer(204, {"allow": "GET, HEAD, POST, OPTIONS"}, "")


def headers_of(api: Api, method: str, path: str, proto: str, **more: str) -> Mapping[str, str]:
    """The headers that the function behind the path answers with, the path asked for over `proto`."""
    event = json.loads((ROOT / "events" / "health.json").read_text("utf-8"))
    event["rawPath"] = path
    event["requestContext"]["http"] |= {"method": method, "path": path}
    event["headers"] = {**event["headers"], "x-forwarded-proto": proto, **more}
    answer: Any = api._gateway.invoke("TokenFunction", event)
    return {name.lower(): value for name, value in answer["headers"].items()}


@pytest.mark.security("F33")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("HEAD", "/.well-known/jwks.json"),
        ("OPTIONS", "/oauth/token"),
        ("POST", "/oauth/token"),
        ("PUT", "/oauth/token"),
        ("POST", "/user/checkOauthToken"),
        ("GET", "/nowhere"),
    ],
)
def test_every_answer_carries_the_security_headers(api: Api, method: str, path: str) -> None:
    """In a deployment, which is reached over TLS alone; over plain http all but HSTS."""
    deployed = headers_of(api, method, path, "https")
    assert (deployed["x-content-type-options"], deployed["strict-transport-security"]) == ("nosniff", HSTS)
    # `sam local` writes the header's name in capitals.
    for local in (headers_of(api, method, path, "http"), headers_of(api, method, path, "", **SAM_LOCAL)):
        assert local["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in local


@pytest.mark.security("F33")
def test_a_fault_carries_them_too(api: Api) -> None:
    def broken(*_: Any) -> Reply:
        raise RuntimeError

    event = json.loads((ROOT / "events" / "health.json").read_text("utf-8"))
    answer = bootstrap.lambda_handler(oauth("/health", broken, methods=("GET",)))(event, None)
    assert (answer["statusCode"], answer["headers"]["X-Content-Type-Options"]) == (500, "nosniff")


def test_a_caller_does_not_choose_its_protocol(api: Api) -> None:
    """Local plain http stays so, whatever a header says."""
    request = gateway.Request("GET", "/health", (("X-Forwarded-Proto", "https"),))
    headers = dict(gateway.answer(api._gateway, request).headers)
    assert "Strict-Transport-Security" not in headers
