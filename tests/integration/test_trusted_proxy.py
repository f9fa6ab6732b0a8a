"""Behind CloudFront the limits count the caller's own address, which nobody can choose who does not know the secret."""

import itertools
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.http import proxy
from lingpai.http.request import Request
from tests.support.api import Api, make_api
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore

pytestmark = pytest.mark.security("RFC9700-4.13", "F39")

SECRET = "the-shared-secret-of-cloudfront-and-lingpai"
EDGE = "192.0.2.1"
_names = itertools.count()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """A service that trusts who has the secret, and lets each address register one account."""
    LOGS.hush("proxy secret", SECRET)
    limits: dict[str, Any] = {"limit_register_ip": 1, "limit_register_net": 0}
    return make_api(monkeypatch, MemoryStore(), trusted_proxy_secret=f"{SECRET}, the-next-one", **limits)


def register(api: Api, forwarded: str | None = None, secret: str | None = None) -> int:
    """The status of a registration that comes by the same server of CloudFront."""
    headers = {} if secret is None else {"X-Origin-Verify": secret}
    if forwarded is not None:
        headers["X-Forwarded-For"] = forwarded
    body = {"username": f"name-{next(_names)}", "password": "plum-blossom-in-snow"}
    return api.post("/users/register", json_body=body, headers=headers, source_ip=EDGE).status


def test_each_caller_is_counted_alone(api: Api) -> None:
    """All come from one server of CloudFront; the one who comes again has had their share."""
    assert register(api, "203.0.113.1", SECRET) == 200
    assert register(api, "203.0.113.2", SECRET) == 200
    assert register(api, "203.0.113.1", SECRET) == 429
    assert register(api, "203.0.113.3", "the-next-one") == 200


@pytest.mark.parametrize("secret", [None, "", SECRET[:-1], f"{SECRET} ", "the-next-one,", ",", "é"])
def test_without_the_secret_the_header_says_nothing(api: Api, secret: str | None) -> None:
    """Whoever sends it straight to the API is counted by the address that API Gateway sees."""
    assert register(api, "203.0.113.1", secret) == 200
    assert register(api, "203.0.113.2", secret) == 429


def test_what_the_caller_wrote_says_nothing(api: Api) -> None:
    """CloudFront adds the true address behind it."""
    assert register(api, "198.51.100.1, 203.0.113.1", SECRET) == 200
    assert register(api, "198.51.100.2, 203.0.113.1", SECRET) == 429


def test_without_a_secret_of_its_own_nobody_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a caller whose secret is empty, as the setting is."""
    api = make_api(monkeypatch, MemoryStore(), limit_register_ip=1, limit_register_net=0)
    assert register(api, "203.0.113.1", "") == 200
    assert register(api, "203.0.113.2", "") == 429


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (f"203.0.113.1, {EDGE}", "203.0.113.1"),
        ("203.0.113.1", "203.0.113.1"),
        (f"198.51.100.9,203.0.113.1,{EDGE}", "203.0.113.1"),
        (f"2001:db8::1, {EDGE}", "2001:db8::1"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        (EDGE, EDGE),
        (f"unknown, {EDGE}", EDGE),
        ("", EDGE),
        (None, EDGE),
    ],
)
def test_address(api: Api, forwarded: str | None, expected: str) -> None:
    """The last one that is not the proxy's; the proxy's own where there is none to read."""
    headers = {proxy.SECRET_HEADER: SECRET, **({} if forwarded is None else {"x-forwarded-for": forwarded})}
    seen = proxy.seen_through(api.services, request(headers))
    assert seen.source_ip == expected
    assert proxy.SECRET_HEADER not in seen.headers


def test_the_secret_is_read_when_one_is_presented(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Secrets Manager, once; and nobody who presents one is served while it cannot be read."""
    asked: list[str] = []

    class Manager:
        def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            asked.append(arguments["SecretId"])
            return {"SecretString": SECRET if len(asked) > 1 else ""}

    monkeypatch.setattr("lingpai.aws.secrets.aws_client", lambda *_: Manager())
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:proxy"
    api = make_api(monkeypatch, MemoryStore(), trusted_proxy_secret_secret=arn, limit_register_ip=0)
    assert register(api) == 200
    assert asked == []
    assert register(api, "203.0.113.1", SECRET) == 503
    assert [register(api, "203.0.113.1", SECRET) for _ in range(2)] == [200, 200]
    assert asked == [arn, arn]


def test_secrets_are_in_no_repr(api: Api) -> None:
    """Neither of the request nor of the services."""
    assert SECRET not in repr(request({proxy.SECRET_HEADER: SECRET}))
    assert SECRET not in repr(bootstrap.services())


def request(headers: dict[str, str]) -> Request:
    return Request("POST", "/users/register", headers, "", "", is_base64=False, source_ip=EDGE, id="1", origin="")
