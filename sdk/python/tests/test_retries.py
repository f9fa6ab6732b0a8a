"""What is sent again, how often and when; and what is not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from lingpai_sdk import (
    ConnectionFailed,
    Lingpai,
    LingpaiSDKError,
    Refused,
    Timeout,
    TransportError,
    UserCenter,
    digests,
)
from sdk_support import ACCESS, REFRESH, TOKENS, URL, USER, Server, status

Call = Callable[[Lingpai, UserCenter], object]

MD5, SHA = digests("plum-blossom")
CENTER_TOKENS = {
    "status": 1,
    "result": f'{{"accessToken":"{ACCESS}","refreshToken":"{REFRESH}","expires_in":"86400"}}',
}
CENTER_TEXT = {"status": 1, "result": "success"}
CENTER_USER = {"status": 1, "user": '{"id":7,"username":"mei","roleList":[],"createTime":"2026-01-02 03:04:05"}'}

# The table of the README: what may be repeated when. Each call, and an answer that is its success.
UNSENT: dict[str, tuple[Call, dict[str, Any]]] = {
    "validate_code": (lambda _, c: c.create_access_token_by_validate_code("mei", "123456"), CENTER_TOKENS),
    "mobile_code": (lambda o, _: o.mobile_code("13800138000", "123456"), TOKENS),
    "sign": (lambda o, _: o.sign("openid"), TOKENS),
    "send_code": (lambda o, _: o.send_code("13800138000"), {"status": 200}),
    "verify_code": (lambda o, _: o.verify_code("13800138000", "123456"), {"status": 200}),
}
REFUSED: dict[str, tuple[Call, dict[str, Any]]] = {
    "create": (lambda _, c: c.create_access_token("mei", MD5, SHA), CENTER_TOKENS),
    "password": (lambda o, _: o.password("mei", "plum-blossom"), TOKENS),
    "client_credentials": (lambda o, _: o.client_credentials(), TOKENS),
}
ANY: dict[str, tuple[Call, dict[str, Any]]] = {
    "refresh": (lambda o, _: o.refresh(REFRESH), TOKENS),
    "center_refresh": (lambda _, c: c.refresh_access_token(REFRESH), CENTER_TOKENS),
    "check": (lambda _, c: c.check_oauth_token(ACCESS), CENTER_TEXT),
    "get_user": (lambda _, c: c.get_user_by_token(ACCESS), CENTER_USER),
    "destroy": (lambda _, c: c.destroy_access_token(ACCESS), CENTER_TEXT),
    "temporary": (lambda _, c: c.gen_token_by_access_token(ACCESS), CENTER_TEXT),
    "current_user": (lambda o, _: o.current_user(ACCESS), {"status": 200, "message": USER}),
    "introspect": (lambda o, _: o.introspect(ACCESS), {"active": False}),
    "revoke": (lambda o, _: o.revoke(ACCESS), {}),
    "metadata": (
        lambda o, _: o.metadata(),
        {"issuer": URL, "token_endpoint": f"{URL}/oauth/token", "grant_types_supported": []},
    ),
}
EVERY = UNSENT | REFUSED | ANY

NOT_SENT = [httpx.ConnectError("[Errno 111] Connection refused"), httpx.ConnectTimeout(""), httpx.PoolTimeout("")]
CUT = [httpx.ReadError(""), httpx.WriteError(""), httpx.RemoteProtocolError("Server disconnected")]
LOST = [httpx.ReadTimeout(""), httpx.WriteTimeout(""), *CUT]


def test_every_call_is_here() -> None:
    """A new method has to be put into the table. `challenge` sends nothing itself: see test_challenge.py."""
    methods = {name for kind in (Lingpai, UserCenter) for name in vars(kind) if not name.startswith("_")}
    assert len(methods - {"close", "challenge"}) == len(EVERY)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("fault", NOT_SENT, ids=lambda fault: type(fault).__name__)
def test_never_sent(server: Server, lingpai: Lingpai, center: UserCenter, name: str, fault: Exception) -> None:
    """What never left is sent again, whatever it is."""
    call, answer = EVERY[name]
    server.says(fault, fault, answer)
    call(lingpai, center)
    assert len(server.requests) == 3
    assert 0.1 <= server.pauses[0] <= 0.2 <= server.pauses[1] <= 0.4


@pytest.mark.parametrize("name", UNSENT | REFUSED)
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: type(fault).__name__)
def test_lost_and_not_repeated(
    server: Server, lingpai: Lingpai, center: UserCenter, name: str, fault: Exception
) -> None:
    """What may have reached the server stays alone where a second one could do something else."""
    server.says(fault)
    with pytest.raises(TransportError) as caught:
        EVERY[name][0](lingpai, center)
    assert caught.value.sent
    assert (len(server.requests), server.pauses) == (1, [])


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: type(fault).__name__)
def test_lost_and_repeated(server: Server, lingpai: Lingpai, center: UserCenter, name: str, fault: Exception) -> None:
    call, answer = ANY[name]
    server.says(fault, fault, answer)
    call(lingpai, center)
    assert len(server.requests) == 3


@pytest.mark.parametrize("name", REFUSED | ANY)
def test_503(server: Server, lingpai: Lingpai, center: UserCenter, name: str) -> None:
    """The wait that a 503 names is kept."""
    call, answer = EVERY[name]
    server.says(status(503, Retry_After="1"), status(503, Retry_After="2"), answer)
    call(lingpai, center)
    assert (len(server.requests), server.pauses) == (3, [1.0, 2.0])


@pytest.mark.parametrize("name", UNSENT)
def test_503_and_not_repeated(server: Server, lingpai: Lingpai, center: UserCenter, name: str) -> None:
    """The store may have failed after the code was used up."""
    server.says(status(503, {"error": "temporarily_unavailable"}, Retry_After="1"))
    with pytest.raises(Refused) as caught:
        EVERY[name][0](lingpai, center)
    assert (caught.value.status, caught.value.retry_after, len(server.requests)) == (503, 1.0, 1)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("code", [502, 503, 504])
def test_gateway_without_an_answer(server: Server, lingpai: Lingpai, center: UserCenter, name: str, code: int) -> None:
    """A gateway's word that it has no answer is a lost answer."""
    call, answer = EVERY[name]
    server.says(status(code, {"message": "Service Unavailable"}), answer)
    if name in ANY:
        call(lingpai, center)
        assert len(server.requests) == 2
    else:
        with pytest.raises(Refused) as caught:
            call(lingpai, center)
        assert (caught.value.status, len(server.requests)) == (code, 1)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 429, 500])
def test_never_repeated(server: Server, lingpai: Lingpai, center: UserCenter, name: str, code: int) -> None:
    """A refusal stands; that of a limit most of all."""
    server.says(status(code, {"error": "e"}, Retry_After="1"))
    with pytest.raises(Refused) as caught:
        EVERY[name][0](lingpai, center)
    assert (caught.value.status, caught.value.retry_after) == (code, 1.0)
    assert (len(server.requests), server.pauses) == (1, [])


@pytest.mark.parametrize("name", [name for name in EVERY if name in {"create", "check", "center_refresh"}])
def test_usercenter_refusal_with_a_wait(server: Server, lingpai: Lingpai, center: UserCenter, name: str) -> None:
    """Status 0 with a wait may be a limit that is reached: it is the caller's to wait."""
    server.says(httpx.Response(200, json={"status": 0, "msg": "later"}, headers={"Retry-After": "1"}))
    with pytest.raises(Refused) as caught:
        EVERY[name][0](lingpai, center)
    assert (caught.value.status, caught.value.retry_after, len(server.requests)) == (200, 1.0, 1)


def test_long_wait(server: Server, lingpai: Lingpai) -> None:
    """A wait of more than five seconds is left to the caller."""
    server.says(status(503, Retry_After="6"))
    with pytest.raises(Refused) as caught:
        lingpai.introspect(ACCESS)
    assert (caught.value.retry_after, len(server.requests), server.pauses) == (6.0, 1, [])


def test_wait_until(server: Server, lingpai: Lingpai) -> None:
    """Retry-After may be a date."""
    at = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=3), usegmt=True)
    server.says(status(503, Retry_After=at), {"active": False})
    lingpai.introspect(ACCESS)
    assert 1 <= server.pauses[0] <= 3


@pytest.mark.parametrize(
    "said", ["", "soon", "-1", "1.5", "٣", "Wed, 21 Oct 2015 07:28:00", "Wed, 99 Foo 99999 07:28:00 GMT"]
)
def test_unreadable_wait(server: Server, lingpai: Lingpai, said: str) -> None:
    """What cannot be read is not there: a 503 without a wait is a lost answer."""
    server.says(httpx.Response(503, headers=[(b"Retry-After", said.encode())]))
    with pytest.raises(Refused) as caught:
        lingpai.password("mei", "plum-blossom")
    assert (caught.value.retry_after, len(server.requests)) == (None, 1)


def test_end(server: Server, lingpai: Lingpai) -> None:
    """It gives up after two repeats, with the last error."""
    server.says(*NOT_SENT[:2], httpx.ReadTimeout(""))
    with pytest.raises(Timeout, match=f"POST {URL}/oauth/introspect: no answer in time") as caught:
        lingpai.introspect(ACCESS)
    assert caught.value.sent
    assert len(server.requests) == 3


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_how_often(server: Server, retries: int) -> None:
    server.says(*[httpx.ConnectError("x")] * 9)
    with pytest.raises(ConnectionFailed) as caught:
        Lingpai(URL, "shop", retries=retries, http_client=server.http).metadata()
    assert not caught.value.sent
    assert len(server.requests) == retries + 1


def test_sent_once_is_sent(server: Server, lingpai: Lingpai) -> None:
    """An attempt that never left does not undo that one before it did."""
    server.says(httpx.ReadError(""), httpx.ConnectError(""), httpx.ConnectError(""))
    with pytest.raises(ConnectionFailed) as caught:
        lingpai.refresh(REFRESH)
    assert caught.value.sent


@pytest.mark.parametrize(("takes", "attempts"), [(1.0, 3), (9.0, 3), (12.0, 2), (19.9, 1), (25.0, 1)])
def test_refresh_within_the_grace(server: Server, lingpai: Lingpai, takes: float, attempts: int) -> None:
    """It is repeated within two thirds of the grace time: after that the server would take it for theft."""
    server.takes = takes
    server.says(*[httpx.ReadTimeout("")] * 3)
    with pytest.raises(Timeout):
        lingpai.refresh(REFRESH)
    assert len(server.requests) == attempts


@pytest.mark.parametrize("fault", [*LOST, status(503, Retry_After="1"), status(502)], ids=repr)
def test_refresh_without_grace(server: Server, fault: Any) -> None:
    """Where the deployment has no grace time, a refresh that was sent is never repeated."""
    server.says(fault)
    with pytest.raises(LingpaiSDKError):
        Lingpai(URL, "shop", refresh_grace=0, http_client=server.http).refresh(REFRESH)
    assert len(server.requests) == 1


def test_refresh_never_sent(server: Server) -> None:
    """The grace time begins when it is sent, not when it could not be."""
    server.takes = 60.0
    server.says(httpx.ConnectTimeout(""), httpx.ConnectTimeout(""), CENTER_TOKENS)
    UserCenter(URL, "23", refresh_grace=0, http_client=server.http).refresh_access_token(REFRESH)
    assert len(server.requests) == 3


def test_repeats_are_told(server: Server, lingpai: Lingpai, caplog: pytest.LogCaptureFixture) -> None:
    """Each repeat is logged with its reason, and without a secret."""
    caplog.set_level("DEBUG")
    server.says(httpx.ReadTimeout("x"), status(503, Retry_After="1"), TOKENS)
    lingpai.refresh(REFRESH)
    told = [record.getMessage() for record in caplog.records if record.name == "lingpai_sdk"]
    assert len(told) == 2
    assert "no answer in time; attempt 2 in 0." in told[0]
    assert told[1] == "POST /oauth/token: HTTP 503; attempt 3 in 1.0 s"
    assert not [secret for secret in (ACCESS, REFRESH, "shop-secret") if secret in caplog.text]


def test_threads(server: Server, lingpai: Lingpai) -> None:
    """One object serves many threads."""
    server.says(*[TOKENS] * 200)
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: lingpai.password("mei", "plum-blossom"), range(200)))
    assert {tokens.access_token for tokens in found} == {ACCESS}
    assert len(server.requests) == 200
