"""Requests as events: whole events, as AWS documents them for payload format 2.0."""

import base64
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from local.gateway import Request, make_event, match
from local.template import Route

NOW = datetime(2020, 3, 12, 19, 3, 58, 390000, UTC)


def event(request: Request, route: Route | None = None) -> dict[str, Any]:
    """The event for a request, at a fixed moment."""
    return make_event(
        request,
        route or Route("ANY", request.path, "F"),
        request_id="JKJaXmPLvHcESHA=",
        now=NOW,
        domain="127.0.0.1",
        port=3000,
    )


def test_form() -> None:
    """A form, as a token is asked for: its body is base64, duplicates are joined, cookies stand apart."""
    made = event(
        Request(
            method="POST",
            target="/oauth/token?a=1&b=x%20y&a=2&c",
            headers=(
                ("Host", "127.0.0.1:3000"),
                ("User-Agent", "curl/8"),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Content-Length", "29"),
                ("X-Many", "1"),
                ("x-many", "2, 3"),
                ("Cookie", "one=1; two=2;"),
                ("Cookie", "three=3"),
                ("Connection", "keep-alive"),
                ("Authorization", "Basic eDp5"),
            ),
            body=b"grant_type=client_credentials",
            source_ip="127.0.0.1",
        ),
        Route("ANY", "/oauth/token", "TokenFunction"),
    )
    assert re.fullmatch("Root=1-5e6a879e-[0-9a-f]{24}", made["headers"].pop("x-amzn-trace-id"))
    assert made == {
        "version": "2.0",
        "routeKey": "ANY /oauth/token",
        "rawPath": "/oauth/token",
        "rawQueryString": "a=1&b=x%20y&a=2&c",
        "cookies": ["one=1", "two=2", "three=3"],
        "headers": {
            "host": "127.0.0.1:3000",
            "user-agent": "curl/8",
            "content-type": "application/x-www-form-urlencoded",
            "content-length": "29",
            "x-many": "1,2, 3",
            "authorization": "Basic eDp5",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "3000",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"a": "1,2", "b": "x y", "c": ""},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/oauth/token",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "curl/8",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "ANY /oauth/token",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1584039838390,
        },
        "body": base64.b64encode(b"grant_type=client_credentials").decode(),
        "isBase64Encoded": True,
    }


def test_bare() -> None:
    """Without query, cookies and body their keys are not there at all."""
    made = event(Request("GET", "/health"))
    assert set(made) == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    }
    assert made["rawQueryString"] == ""
    assert made["isBase64Encoded"] is False
    assert made["headers"]["content-length"] == "0"
    assert made["requestContext"]["http"]["userAgent"] == ""


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "text/plain",
        "text/html;charset=utf-8",
        "application/xml",
        "application/javascript",
    ],
)
def test_text(media_type: str) -> None:
    """These types arrive as plain text."""
    made = event(Request("POST", "/x", (("content-type", media_type),), '{"名":1}'.encode()))
    assert (made["body"], made["isBase64Encoded"]) == ('{"名":1}', False)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/problem+json",
        "image/png",
        "",
        None,
    ],
)
def test_not_text(media_type: str | None) -> None:
    """Every other type, and no type at all, arrives as base64."""
    headers = () if media_type is None else (("content-type", media_type),)
    made = event(Request("POST", "/x", headers, b"a=1"))
    assert (made["body"], made["isBase64Encoded"]) == ("YT0x", True)


def test_false_text() -> None:
    """A body that is not the UTF-8 its type promises arrives as base64."""
    made = event(Request("POST", "/x", (("content-type", "application/json"),), b"\xff"))
    assert (made["body"], made["isBase64Encoded"]) == ("/w==", True)


def test_path_is_decoded() -> None:
    """The path arrives decoded, once; the query does not."""
    made = event(Request("GET", "/oauth%2Ftoken/%E4%BB%A4%2520?x=%2F"), Route("ANY", "$default", "F"))
    assert made["rawPath"] == made["requestContext"]["http"]["path"] == "/oauth/token/令%20"
    assert made["rawQueryString"] == "x=%2F"
    assert made["routeKey"] == "$default"


def test_forwarded() -> None:
    """Whom a client claims to speak for stands before its own address, and never in `sourceIp`."""
    made = event(Request("GET", "/x", (("X-Forwarded-For", "9.9.9.9"),)))
    assert made["headers"]["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
    assert made["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


def test_greedy_path() -> None:
    """A `{proxy+}` route tells what it took."""
    made = event(Request("GET", "/oauth/token/"), Route("ANY", "/oauth/{proxy+}", "F"))
    assert made["pathParameters"] == {"proxy": "token/"}
    assert made["routeKey"] == "ANY /oauth/{proxy+}"


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("POST", "/oauth/token", "Token"),
        ("OPTIONS", "/oauth/token", "Token"),
        ("GET", "/roles", "Get"),
        ("POST", "/roles", "Rest"),
        ("GET", "/oauth/token/", "Greedy"),
        ("GET", "/oauth/keys/one", "Keys"),
        ("GET", "/OAuth/token", "Rest"),
        ("GET", "/oauth", "Rest"),
        ("BREW", "/oauth/token", None),
    ],
)
def test_match(method: str, path: str, function: str | None) -> None:
    """A full match wins over the longest `{proxy+}`, and that over `$default`."""
    routes = (
        Route("ANY", "$default", "Rest"),
        Route("ANY", "/oauth/{proxy+}", "Greedy"),
        Route("ANY", "/oauth/keys/{proxy+}", "Keys"),
        Route("ANY", "/oauth/token", "Token"),
        Route("GET", "/roles", "Get"),
    )
    found = match(routes, method, path)
    assert (found.function if found else None) == function


def test_no_match() -> None:
    """A slash at the end is another path, and so is another method where a route names one."""
    routes = (Route("ANY", "/oauth/token", "Token"), Route("GET", "/roles", "Get"))
    assert match(routes, "POST", "/oauth/token/") is None
    assert match(routes, "POST", "/roles") is None
