"""Arguments that could not be sent, and the life of a client. What is wrong is told by its name, never its value."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lingpai_sdk import DEFAULT_TIMEOUT, Lingpai, UserCenter, digests
from sdk_support import ACCESS, URL, Server

Call = Callable[[Lingpai, UserCenter, Any], object]

TEXTS: dict[str, Call] = {
    "username": lambda o, _, value: o.password(value, "x"),
    "password": lambda o, _, value: o.password("mei", value),
    "mobile": lambda o, _, value: o.mobile_code(value, "123456"),
    "code": lambda o, _, value: o.mobile_code("13800138000", value),
    "sign": lambda o, _, value: o.sign(value),
    "user_name": lambda _, c, value: c.create_access_token_by_validate_code(value, "123456"),
    "validate_code": lambda _, c, value: c.create_access_token_by_validate_code("mei", value),
}
TOKENS: dict[str, Call] = {
    "access_token": lambda o, _, value: o.current_user(value),
    "refresh_token": lambda o, _, value: o.refresh(value),
    "token": lambda o, _, value: o.revoke(value),
}
DIGESTS: dict[str, Call] = {
    "md5_password": lambda _, c, value: c.create_access_token("mei", value, "a" * 40),
    "sha_password": lambda _, c, value: c.create_access_token("mei", "a" * 32, value),
}


@pytest.mark.parametrize("name", TEXTS | TOKENS | DIGESTS)
@pytest.mark.parametrize(
    ("value", "kind"), [("", ValueError), (None, TypeError), (7, TypeError), ("\ud800", ValueError)]
)
def test_text(
    server: Server, lingpai: Lingpai, center: UserCenter, name: str, value: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=rf"^{name}: "):
        (TEXTS | TOKENS | DIGESTS)[name](lingpai, center, value)
    assert server.requests == []


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("value", ["se cret", "secret\n", "secret\r\nX: y", "令牌", "secret\x00"])
def test_token(server: Server, lingpai: Lingpai, center: UserCenter, name: str, value: str) -> None:
    """What would break a header never gets there, nor into an error."""
    with pytest.raises(ValueError, match=rf"^{name}: holds a character that no token has$") as caught:
        TOKENS[name](lingpai, center, value)
    assert (caught.value.__cause__, caught.value.__context__, server.requests) == (None, None, [])


@pytest.mark.parametrize("name", DIGESTS)
@pytest.mark.parametrize("value", ["test", "g" * 32, "a" * 33, "g" * 40, "a" * 64, "a" * 32 + "\n"])
def test_digest(server: Server, lingpai: Lingpai, center: UserCenter, name: str, value: str) -> None:
    """A password in clear, taken for its digest, stays here."""
    with pytest.raises(ValueError, match=rf"^{name}: must be (32|40) hexadecimal digits"):
        DIGESTS[name](lingpai, center, value)
    assert server.requests == []


def test_digests() -> None:
    with pytest.raises(ValueError, match=r"^password: must not be empty$"):
        digests("")


@pytest.mark.parametrize("scope", ['a"b', "a\\b", "a\nb", ["a b"], "令"])
def test_scope(lingpai: Lingpai, scope: Any) -> None:
    with pytest.raises(ValueError, match=r"^scope: "):
        lingpai.client_credentials(scope)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "id.example.com",
        "https://",
        "ftp://id.example.com",
        "https://name:secret@id.example.com",
        "https://id.example.com?x",
        "https://id.example.com?",
        "https://id.example.com#x",
        "https://id example.com",
        "https://id.example.com\n",
        "https://id.example.com:99999",
        "https://[::1",
        "http://id.example.com",
        "http://127.0.0.1.example.com",
    ],
)
def test_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"^base_url: ") as caught:
        Lingpai(url, "shop")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://id.example.com/", "https://id.example.com/v1/", "http://127.0.0.1:3000", "http://[::1]:3000"]
)
def test_good_address(server: Server, url: str) -> None:
    server.says({"active": False})
    Lingpai(url, "shop", http_client=server.http).introspect(ACCESS)
    assert str(server.last.url) == url.rstrip("/") + "/oauth/introspect"


def test_plain_http(server: Server) -> None:
    server.says({"active": False})
    Lingpai("http://lingpai:3000", "shop", allow_http=True, http_client=server.http).introspect(ACCESS)
    assert server.last.url.scheme == "http"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": ""},
        {"client_secret": ""},
        {"retries": -1},
        {"refresh_grace": -1},
        {"refresh_grace": float("inf")},
        {"refresh_grace": float("nan")},
        {"language": "en\n"},
    ],
)
def test_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))}: "):
        Lingpai(**{"base_url": URL, "client_id": "shop", **wrong})


@pytest.mark.parametrize(
    ("given", "timeout"),
    [
        (None, DEFAULT_TIMEOUT),
        (1.5, httpx.Timeout(1.5)),
        (httpx.Timeout(1.0, read=9.0), httpx.Timeout(1.0, read=9.0)),
    ],
)
def test_timeouts(monkeypatch: pytest.MonkeyPatch, given: Any, timeout: httpx.Timeout) -> None:
    """Of its own client; what the README says they are."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"active": False})

    monkeypatch.setattr(httpx, "Client", lambda make=httpx.Client: make(transport=httpx.MockTransport(answer)))
    with Lingpai(URL, "shop", timeout=given) as lingpai:
        lingpai.introspect(ACCESS)
    assert seen[0].extensions["timeout"] == timeout.as_dict()
    assert DEFAULT_TIMEOUT.as_dict() == {"connect": 3.0, "read": 12.0, "write": 5.0, "pool": 5.0}


def test_closing(server: Server) -> None:
    """What it opened is closed; what it was given is not."""
    server.says({"active": False})
    given = server.http
    with UserCenter(URL, "23", http_client=given):
        pass
    assert not given.is_closed
    with Lingpai(URL, "shop") as own:
        assert isinstance(own, Lingpai)
    with pytest.raises(RuntimeError, match="closed"):
        own.metadata()
