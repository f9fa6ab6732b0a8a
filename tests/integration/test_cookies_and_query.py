"""What a route may say of cookies and of its query: through the local gateway, a handler and back."""

from collections.abc import Sequence
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.http.cookies import set_cookie
from lingpai.http.oauth_error import oauth_error
from lingpai.http.request import CREDENTIALS, Request, from_event
from lingpai.http.response import Reply, json_reply
from lingpai.http.router import Route
from lingpai.services import Services
from local import gateway, template
from tests.support.api import Api

PATH = "/echo"


def echo(_: Services, request: Request) -> Reply:
    """The cookies that came in; and two that go out."""
    return Reply(
        200,
        json_reply(200, request.cookies).body,
        cookies=(set_cookie("session", "a b", 3600), set_cookie("old", "", 0, path="/o", same_site="Strict")),
    )


def ask(headers: gateway.Headers = (), query: str = "", allowed: Sequence[str] = ()) -> gateway.Reply:
    """The answer of a deployment that has `echo` alone."""
    route = Route(
        PATH, echo, lambda error, _: oauth_error(error), methods=("GET",), query_credentials=frozenset(allowed)
    )
    handler = bootstrap.lambda_handler(route)
    routes = [template.Route("ANY", PATH, "EchoFunction")]
    front = gateway.Gateway(routes=routes, invoke=lambda _, event: handler(event, None))
    return gateway.answer(front, gateway.Request("GET", PATH + query, headers))


def test_cookies_come_in_and_go_out(api: Api) -> None:
    sent = (("Cookie", 'one=1; two="2, and \\"3\\""'), ("Cookie", "three=a=b; one=another; %; path=/; bad[name=x"))
    reply = ask(sent)
    assert (reply.status, reply.body) == (200, b'{"one":"1","two":"2, and \\"3\\"","three":"a=b"}')
    assert [value for name, value in reply.headers if name == "set-cookie"] == [
        'session="a b"; HttpOnly; Max-Age=3600; Path=/; SameSite=Lax; Secure',
        'old=""; HttpOnly; Max-Age=0; Path=/o; SameSite=Strict; Secure',
    ]


def test_cookies_in_a_header_of_the_event(api: Api) -> None:
    """Gateways that stand in for API Gateway leave them there; the event's own field is read before it."""
    event: Any = {"version": "2.0", "rawPath": PATH, "headers": {"Cookie": "one=1; two=2"}}
    event["requestContext"] = {
        "stage": "$default",
        "requestId": "1",
        "domainName": "id.example",
        "http": {"method": "GET", "sourceIp": "192.0.2.1"},
    }
    assert from_event(event).cookies == {"one": "1", "two": "2"}
    assert from_event({**event, "cookies": ["three=3", "four=4"]}).cookies == {"three": "3", "four": "4"}


def test_an_answer_about_a_client_keeps_its_cookies() -> None:
    assert Reply(200, cookies=("a=1",)).about("web-client").cookies == ("a=1",)


def test_no_cookies(api: Api) -> None:
    """The answers of all other routes set none: the field is not in what the function returns."""
    assert ask().body == b"{}"
    event: Any = {"version": "2.0", "rawPath": "/nowhere", "headers": {}, "cookies": None}
    event["requestContext"] = {
        "stage": "$default",
        "requestId": "1",
        "domainName": "id.example",
        "http": {"method": "GET", "sourceIp": "192.0.2.1"},
    }
    assert bootstrap.lambda_handler()(event, None).keys() == {"statusCode", "headers", "body"}


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
def test_a_credential_in_the_query_is_refused_unless_the_route_takes_it(api: Api, name: str) -> None:
    refused = ask(query=f"?state=1&{name}=x")
    assert (refused.status, b'"reason":"credentials_in_query"' in refused.body) == (400, True)
    assert ask(query=f"?state=1&{name}=x", allowed=[name]).status == 200
    other = "nonce" if name == "code" else "code"
    assert ask(query=f"?{name}=x&{other}=y", allowed=[name]).status == 400
