"""Results of functions as replies, and what the gateway says by itself."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.gateway import MAX_BODY, Gateway, Reply, Request, answer, to_reply
from local.template import CorsRules, Route

JSON = ("content-type", "application/json")
FAILURE = Reply(500, (JSON,), b'{"message":"Internal Server Error"}')


def gateway(result: object = None, **more: Any) -> Gateway:
    """A gateway whose one function, at /f for every method, gives `result`."""
    return Gateway((Route("ANY", "/f", "F"),), lambda name, event: result, **more)


def asked(api: Gateway, method: str = "GET", target: str = "/f", **headers: str) -> Reply:
    """The reply without the request id, which differs each time."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    reply = answer(api, Request(method, target, named))
    kept = tuple(pair for pair in reply.headers if pair[0] != "apigw-requestid")
    assert len(kept) == len(reply.headers) - 1
    return Reply(reply.status, kept, reply.body)


@pytest.mark.parametrize(
    ("result", "reply"),
    [
        (
            {"statusCode": 201, "headers": {"Content-Type": "application/json", "X": 1}, "body": "{}"},
            Reply(201, (("Content-Type", "application/json"), ("X", "1")), b"{}"),
        ),
        (
            {"statusCode": 200, "body": "令牌", "cookies": ["a=1; Path=/", "b=2"]},
            Reply(
                200,
                (
                    ("content-type", "text/plain; charset=utf-8"),
                    ("set-cookie", "a=1; Path=/"),
                    ("set-cookie", "b=2"),
                ),
                "令牌".encode(),
            ),
        ),
        (
            {
                "statusCode": "200",
                "headers": {"content-type": "image/png"},
                "body": "/w==",
                "isBase64Encoded": True,
            },
            Reply(200, (("content-type", "image/png"),), b"\xff"),
        ),
        ({"statusCode": 204, "body": None, "headers": None}, Reply(204)),
        (
            {
                "statusCode": 200,
                "headers": {"Content-Length": "99", "Connection": "close", "content-type": "a/b"},
            },
            Reply(200, (("content-type", "a/b"),)),
        ),
        ({"message": "hello"}, Reply(200, (JSON,), b'{"message": "hello"}')),
        ("hello", Reply(200, (JSON,), b"hello")),
        (["a"], Reply(200, (JSON,), b'["a"]')),
        (None, Reply(200, (JSON,), b"null")),
        (
            {"statusCode": 200, "body": "\ud800"},
            Reply(200, (("content-type", "text/plain; charset=utf-8"),), b"?"),
        ),
    ],
)
def test_reply(result: object, reply: Reply) -> None:
    """Whole responses are taken as they are; of anything else the gateway makes a 200."""
    assert to_reply(result) == reply


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "many"},
        {"statusCode": None},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "!", "isBase64Encoded": True},
        {"statusCode": 200, "isBase64Encoded": "yes"},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": [None]},
    ],
)
def test_bad_result(result: object) -> None:
    """A response that does not keep the format is a 500."""
    assert to_reply(result) == FAILURE


def test_not_found() -> None:
    """A path or a method that no route has."""
    assert asked(gateway(), target="/g") == Reply(404, (JSON,), b'{"message":"Not Found"}')
    assert asked(gateway(), method="BREW").status == 404


def test_too_large() -> None:
    """A body above what AWS takes never reaches a function."""
    reply = answer(gateway(), Request("POST", "/f", body=bytes(MAX_BODY + 1)))
    assert (reply.status, reply.body) == (413, b'{"message":"Request Entity Too Large"}')
    assert answer(gateway("x"), Request("POST", "/f", body=bytes(MAX_BODY))).status == 200


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit(1)])
def test_exception(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """An exception is logged with its traceback and answered with a bare 500."""

    def invoke(name: str, event: dict[str, Any]) -> object:
        raise error

    reply = asked(Gateway((Route("ANY", "/f", "F"),), invoke))
    assert reply == FAILURE
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert "F failed on GET /f" in record.getMessage()


@pytest.mark.parametrize("result", [{"statusCode": 200, "body": b"x"}, object(), {1, 2}])
def test_not_json(result: object) -> None:
    """What is not JSON could not leave Lambda either."""
    assert asked(gateway(result)) == FAILURE


def test_one_at_a_time() -> None:
    """With a lock as `turn` no two requests are in a function at once."""
    inside, most = [0], [0]

    def invoke(name: str, event: dict[str, Any]) -> object:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.005)
        inside[0] -= 1
        return "ok"

    api = Gateway((Route("ANY", "/f", "F"),), invoke, turn=threading.Lock())
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: answer(api, Request("GET", "/f")), range(16)))
    assert {reply.status for reply in replies} == {200}
    assert most == [1]


RULES = CorsRules(("GET", "POST"), ("authorization", "content-type"), ("retry-after",), 600, credentials=False)
OWN = {"statusCode": 200, "headers": {"content-type": "a/b", "Access-Control-Allow-Origin": "*"}, "body": "x"}
PREFLIGHT = {"origin": "https://app.example", "access_control_request_method": "POST"}
ALLOWED = (
    ("access-control-allow-origin", "https://app.example"),
    ("access-control-expose-headers", "retry-after"),
)
ALLOWED_BEFORE = (
    *ALLOWED,
    ("access-control-allow-methods", "GET,POST"),
    ("access-control-allow-headers", "authorization,content-type"),
    ("access-control-max-age", "600"),
)


def test_cors_off() -> None:
    """Without origins the gateway adds nothing and takes nothing away; a preflight goes the usual way."""
    api = gateway(OWN)
    assert asked(api, origin="https://app.example").headers == (
        ("content-type", "a/b"),
        ("Access-Control-Allow-Origin", "*"),
    )
    assert asked(api, "OPTIONS", "/g", **PREFLIGHT).status == 404


def test_cors_headers() -> None:
    """An allowed origin gets the gateway's headers, in place of the function's."""
    api = gateway(OWN, cors=RULES, origins=("https://other.example", "https://app.example"))
    assert asked(api, origin="https://app.example").headers == (("content-type", "a/b"), *ALLOWED)


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil.example", "null", ""])
def test_cors_other_origin(origin: str) -> None:
    """Any other gets none."""
    api = gateway(OWN, cors=RULES, origins=("https://app.example",))
    assert asked(api, origin=origin) == Reply(200, (("content-type", "a/b"),), b"x")
    assert asked(api).headers == (("content-type", "a/b"),)


@pytest.mark.parametrize(("allowed", "sent"), [("*", "*"), ("https://*", "https://app.example"), ("http://*", None)])
def test_cors_patterns(allowed: str, sent: str | None) -> None:
    """The gateway knows three patterns."""
    api = gateway(OWN, origins=(allowed,))
    assert dict(asked(api, origin="https://app.example").headers).get("access-control-allow-origin") == sent


def test_cors_credentials() -> None:
    """Credentials only where the template says so."""
    api = gateway(OWN, cors=CorsRules(credentials=True), origins=("https://app.example",))
    assert ("access-control-allow-credentials", "true") in asked(api, origin="https://app.example").headers


def test_preflight_without_a_route() -> None:
    """Where no route takes OPTIONS the gateway answers a preflight by itself."""
    api = gateway(OWN, cors=RULES, origins=("https://app.example",))
    assert asked(api, "OPTIONS", "/g", **PREFLIGHT) == Reply(204, ALLOWED_BEFORE)
    assert asked(api, "OPTIONS", "/g", **(PREFLIGHT | {"origin": "https://evil.example"})) == Reply(204)
    assert asked(api, "OPTIONS", "/g", origin="https://app.example").status == 404


def test_preflight_of_a_route_for_any() -> None:
    """A route for ANY takes OPTIONS too: the function answers, and the gateway sets the headers."""
    api = gateway({"statusCode": 204}, cors=RULES, origins=("https://app.example",))
    assert asked(api, "OPTIONS", **PREFLIGHT) == Reply(204, ALLOWED_BEFORE)
    refused = gateway({"statusCode": 405, "body": ""}, cors=RULES, origins=("https://app.example",))
    assert asked(refused, "OPTIONS", **PREFLIGHT).status == 405
