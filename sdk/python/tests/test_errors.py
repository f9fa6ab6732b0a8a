"""Errors name the cause, and show no secret: not in their text, their repr, their chain or their content."""

import copy
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import lingpai_sdk
from lingpai_sdk import (
    BadAnswer,
    ConnectionFailed,
    InvalidSession,
    Lingpai,
    LingpaiSDKError,
    RedirectToWeb,
    Refused,
    Timeout,
    TransportError,
    UserCenter,
    digests,
)
from sdk_support import ACCESS, REFRESH, TOKENS, URL, Server, status

PASSWORD = "plum-blossom"
SECRETS = (PASSWORD, *digests(PASSWORD), ACCESS, REFRESH, "shop-secret", "123456", "13800138000", "the-openid")
BASIC = "c2hvcDpzaG9wLXNlY3JldA=="


def test_tree() -> None:
    """One `except` takes them all; what is the caller's mistake is not among them."""
    kinds = {kind for kind in vars(lingpai_sdk).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    transport = {TransportError, Timeout, ConnectionFailed}
    assert kinds == {LingpaiSDKError, *transport, Refused, InvalidSession, RedirectToWeb, BadAnswer}
    assert all(issubclass(kind, LingpaiSDKError) for kind in kinds)
    assert issubclass(Timeout, TransportError)
    assert issubclass(ConnectionFailed, TransportError)
    assert issubclass(InvalidSession, Refused)
    assert issubclass(RedirectToWeb, Refused)


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (httpx.ConnectTimeout("x"), Timeout, "no connection in time"),
        (httpx.PoolTimeout("x"), Timeout, "all connections were busy for too long"),
        (httpx.WriteTimeout("x"), Timeout, "could not be sent in time"),
        (httpx.ReadTimeout("x"), Timeout, "no answer in time"),
        (httpx.ConnectError("[Errno 111] Connection refused"), ConnectionFailed, "[Errno 111] Connection refused"),
        (httpx.ReadError("x"), ConnectionFailed, "ReadError"),
        (httpx.WriteError("x"), ConnectionFailed, "WriteError"),
        (httpx.RemoteProtocolError("x"), ConnectionFailed, "RemoteProtocolError"),
        (httpx.ProxyError("x"), ConnectionFailed, "ProxyError"),
        (httpx.DecodingError("x"), ConnectionFailed, "DecodingError"),
    ],
)
def test_no_answer(server: Server, fault: Exception, kind: type[TransportError], text: str) -> None:
    server.says(fault)
    with pytest.raises(kind) as caught:
        Lingpai(URL, "shop", retries=0, http_client=server.http).metadata()
    assert str(caught.value).startswith(f"GET {URL}/.well-known/oauth-authorization-server: ")
    assert str(caught.value).endswith(text)


@pytest.mark.parametrize(
    ("answer", "code", "description"),
    [
        (
            status(400, {"error": "invalid_grant", "error_description": "Bad credentials"}),
            "invalid_grant",
            "Bad credentials",
        ),
        (status(401, {"error": "invalid_client"}), "invalid_client", ""),
        (status(401, {"error": "invalid_grant", "error_description": 7}), "invalid_grant", ""),
        (status(400, {"status": 400, "error": "验证码错误或已失效"}), "bad_request", "验证码错误或已失效"),
        (status(403, {"status": 403, "error": "没有权限"}), "access_denied", "没有权限"),
        (status(404, {"message": "Not Found"}), "not_found", "Not Found"),
        (status(418, {"error": "two words"}), "http_418", "two words"),
        (status(418, {"error": "x" * 65}), "http_418", "x" * 65),
        (status(429, {"message": "Too Many Requests"}), "too_many_requests", "Too Many Requests"),
        (status(500, {"message": "Internal Server Error"}), "server_error", "Internal Server Error"),
        (status(501, []), "http_501", ""),
        (httpx.Response(400, html="<h1>Bad Request</h1>"), "bad_request", ""),
        (httpx.Response(404), "not_found", ""),
        (status(400, {"error": "e", "error_description": "a\r\nb\x1b[31m\u2028c" + "x" * 400}), "e", "a  b [31m c"),
    ],
)
def test_refused(server: Server, lingpai: Lingpai, answer: httpx.Response, code: str, description: str) -> None:
    """The server's code where it has one, else one by the status; its text on one line, not longer than 300."""
    server.says(answer)
    with pytest.raises(Refused) as caught:
        lingpai.password("mei", PASSWORD)
    assert (caught.value.code, caught.value.status) == (code, answer.status_code)
    assert caught.value.description.startswith(description)
    assert len(caught.value.description) <= 300
    assert bool(caught.value.description) == bool(description)


@pytest.mark.parametrize("said", ["captcha_required", None, 7, "Two Words", "x" * 65])
def test_reason(server: Server, lingpai: Lingpai, said: Any) -> None:
    """The server's finer word, if it is one."""
    server.says(status(400, {"error": "invalid_grant", "error_description": "d", "reason": said}))
    with pytest.raises(Refused) as caught:
        lingpai.password("mei", PASSWORD)
    assert caught.value.reason == ("captcha_required" if said == "captcha_required" else None)


@pytest.mark.parametrize("captcha", [{"provider": "turnstile", "siteKey": "s"}, None, "x"])
def test_captcha(server: Server, lingpai: Lingpai, captcha: Any) -> None:
    """What shows the captcha crosses to another process, and stands in no repr."""
    content = {"status": 403, "error": "请先完成验证", "reason": "captcha_required", "captcha": captcha}
    server.says(status(403, content))
    with pytest.raises(Refused) as caught:
        lingpai.send_code("13800138000")
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 (our own)
    assert (error.code, error.status, error.reason) == ("access_denied", 403, "captcha_required")
    assert error.captcha == (captcha if isinstance(captcha, dict) else None)
    assert "turnstile" not in repr(error) + str(error)


def test_too_many(server: Server, lingpai: Lingpai) -> None:
    """A limit says when to come back, and is not tried again."""
    server.says(status(429, {"status": 429, "error": "验证码发送过于频繁"}, Retry_After="60"))
    with pytest.raises(Refused) as caught:
        lingpai.send_code("13800138000")
    assert str(caught.value) == "too_many_requests: 验证码发送过于频繁 (HTTP 429, again after 60 s)"
    assert (caught.value.retry_after, len(server.requests)) == (60.0, 1)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<h1>Welcome</h1>"),
        httpx.Response(200, text=""),
        httpx.Response(200, text="null"),
        httpx.Response(200, text="[]"),
        httpx.Response(200, text="{"),
        httpx.Response(200, content=b'{"access_token": "\xff"}'),
        httpx.Response(200, text="[" * 100_000),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"access_token": ACCESS}),
        httpx.Response(200, json={"access_token": None, "expires_in": 1}),
        httpx.Response(200, json={"access_token": ACCESS, "expires_in": None}),
        httpx.Response(200, json={"access_token": ACCESS, "expires_in": 10**30}),
        httpx.Response(200, text='{"access_token": "a", "expires_in": NaN}'),
        httpx.Response(200, text='{"access_token": "a", "expires_in": Infinity}'),
        httpx.Response(200, json={**TOKENS, "refresh_token": 7}),
        httpx.Response(200, json={**TOKENS, "scope": ["read"]}),
        httpx.Response(204),
        httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
    ],
)
def test_bad_answer(server: Server, lingpai: Lingpai, answer: httpx.Response) -> None:
    """What is no token answer is told as that, once; a redirect is not followed."""
    server.says(answer)
    with pytest.raises(BadAnswer, match=rf"\(HTTP {answer.status_code}\)$") as caught:
        lingpai.password("mei", PASSWORD)
    assert caught.value.status == answer.status_code
    assert len(server.requests) == 1
    _assert_silent(caught.value)


@pytest.mark.parametrize("message", [None, {}, {"id": 7}, []])
def test_bad_user(server: Server, lingpai: Lingpai, message: Any) -> None:
    server.says({"status": 200, "message": message})
    with pytest.raises(BadAnswer):
        lingpai.current_user(ACCESS)


@pytest.mark.parametrize("content", [{}, {"active": True, "exp": "soon"}, {"active": True, "exp": 1e30}])
def test_bad_introspection(server: Server, lingpai: Lingpai, content: Any) -> None:
    server.says(content)
    with pytest.raises(BadAnswer):
        lingpai.introspect(ACCESS)


def test_metadata_of_another(server: Server, lingpai: Lingpai) -> None:
    """Metadata of another issuer must not be used (RFC 8414 section 3.3)."""
    server.says(
        {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/t", "grant_types_supported": []}
    )
    with pytest.raises(BadAnswer, match=r"of the issuer https://evil\.example, not of https://id\.example\.com"):
        lingpai.metadata()


CALLS: dict[str, Callable[[Lingpai, UserCenter], object]] = {
    "create": lambda _, c: c.create_access_token("mei", *digests(PASSWORD)),
    "validate_code": lambda _, c: c.create_access_token_by_validate_code("mei", "123456"),
    "refresh": lambda _, c: c.refresh_access_token(REFRESH),
    "user": lambda _, c: c.get_user_by_token(ACCESS),
    "password": lambda o, _: o.password("mei", PASSWORD),
    "mobile_code": lambda o, _: o.mobile_code("13800138000", "123456"),
    "sign": lambda o, _: o.sign("the-openid"),
    "introspect": lambda o, _: o.introspect(ACCESS),
    "current_user": lambda o, _: o.current_user(ACCESS),
}
EVERYTHING = " ".join((*SECRETS, BASIC))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "step",
    [
        httpx.ReadError(EVERYTHING),
        httpx.LocalProtocolError(f"Illegal header value {EVERYTHING}"),
        status(400, {"error": "invalid_grant", "error_description": "echo"}),
        httpx.Response(400, text=EVERYTHING),
        httpx.Response(200, text=EVERYTHING),
        httpx.Response(200, json={"status": 1, "result": EVERYTHING, "user": EVERYTHING, "message": EVERYTHING}),
    ],
    ids=["cut", "unsendable", "refusal", "odd refusal", "no JSON", "odd content"],
)
def test_no_secret_is_shown(server: Server, call: str, step: Any) -> None:
    """Whatever is sent and whatever comes back."""
    server.says(step)
    http = server.http
    lingpai = Lingpai(URL, "shop", "shop-secret", retries=0, http_client=http)
    center = UserCenter(URL, "23", retries=0, http_client=http)
    with pytest.raises(LingpaiSDKError) as caught:
        CALLS[call](lingpai, center)
    _assert_silent(caught.value)


@pytest.mark.parametrize("call", CALLS)
def test_no_echo(call: str) -> None:
    """A server that repeats what it was sent has it blotted out."""

    def echo(request: httpx.Request) -> httpx.Response:
        sent = request.content.decode() + " " + request.headers.get("authorization", "")
        content = {"error": "e", "error_description": sent}
        if request.headers.get("content-type") == "application/json":
            return httpx.Response(200, json={"status": 0, "msg": sent})
        return httpx.Response(400, json=content)

    http = httpx.Client(transport=httpx.MockTransport(echo))
    with pytest.raises(Refused, match=r"\*\*\*") as caught:
        CALLS[call](Lingpai(URL, "shop", "shop-secret", http_client=http), UserCenter(URL, "23", http_client=http))
    _assert_silent(caught.value)


def test_no_secret_in_a_repr(server: Server, lingpai: Lingpai, center: UserCenter) -> None:
    server.says(TOKENS, {"active": True, "sub": "7"})
    shown = f"{lingpai!r} {center!r} {lingpai.password('mei', PASSWORD)!r} {lingpai.introspect(ACCESS)!r}"
    assert not [secret for secret in SECRETS if secret in shown]
    assert repr(lingpai) == "Lingpai('https://id.example.com', 'shop')"
    assert repr(center) == "UserCenter('https://id.example.com', '23')"


@pytest.mark.parametrize(
    "error",
    [
        Timeout("late", sent=True),
        ConnectionFailed("cut", sent=False),
        Refused("invalid_grant", "no", 400, 1.5),
        BadAnswer("odd", 200),
    ],
)
def test_copies(error: LingpaiSDKError) -> None:
    """They cross to another process, as multiprocessing sends them."""
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  made here
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def _assert_silent(error: BaseException) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = "".join(traceback.format_exception_only(type(error), error)) + repr(error) + repr(vars(error))
    assert not [secret for secret in (*SECRETS, BASIC) if secret in shown], shown
