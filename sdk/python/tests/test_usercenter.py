"""UserCenter: what each call sends, and what it makes of the answer."""

import json
from typing import Any

import httpx
import pytest

from lingpai_sdk import BadAnswer, Refused, Role, UserCenter, digests
from sdk_support import ACCESS, REFRESH, URL, USER, Server

RESULT = json.dumps({"accessToken": ACCESS, "refreshToken": REFRESH, "expires_in": "86400"})
DONE = {"status": 1, "result": RESULT, "msg": "操作成功"}


def test_digests() -> None:
    """Those of the password's UTF-8 (values of md5sum and sha1sum)."""
    assert digests("abc") == ("900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d")
    assert digests("令牌").md5 == "9f66731b9697ce14d77dfdadb5d027e4"
    assert str(digests("abc")) == repr(digests("abc")) == "Digests(md5=***, sha=***)"


def test_create_access_token(server: Server, center: UserCenter) -> None:
    server.says(DONE)
    tokens = center.create_access_token("mei", *digests("abc"))
    assert (server.last.method, str(server.last.url)) == ("POST", f"{URL}/oauth/token")
    assert server.json == {
        "sysid": "aaaa",
        "username": "mei",
        "client_id": "23",
        "md5password": "900150983cd24fb0d6963f7d28e17f72",
        "shapassword": "a9993e364706816aba3e25717850c26c9cd0d89d",
    }
    assert (tokens.access_token, tokens.refresh_token, tokens.expires_in) == (ACCESS, REFRESH, 86400)


def test_upper_case_digests(server: Server, center: UserCenter) -> None:
    """The server wants lower case; others' helpers often make upper case."""
    server.says(DONE)
    center.create_access_token("mei", "A" * 32, "B" * 40)
    assert (server.json["md5password"], server.json["shapassword"]) == ("a" * 32, "b" * 40)


def test_create_access_token_by_validate_code(server: Server) -> None:
    """Without a sys_id none is sent."""
    server.says(DONE)
    center = UserCenter(URL, "23", http_client=server.http)
    assert center.create_access_token_by_validate_code("mei", "012345").access_token == ACCESS
    assert (server.last.url.path, server.json) == (
        "/oauth/token",
        {"username": "mei", "client_id": "23", "validateCode": "012345"},
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("check_oauth_token", "/user/checkOauthToken"),
        ("destroy_access_token", "/oauth/destroyToken"),
        ("gen_token_by_access_token", "/oauth/getTempToken"),
    ],
)
def test_texts(server: Server, center: UserCenter, method: str, path: str) -> None:
    server.says({"status": 1, "result": "the-result"})
    assert getattr(center, method)(ACCESS) == "the-result"
    assert (server.last.url.path, server.json) == (path, {"accessToken": ACCESS})


def test_get_user_by_token(server: Server, center: UserCenter) -> None:
    server.says({"status": 1, "user": json.dumps(USER)})
    user = center.get_user_by_token(ACCESS)
    assert (user.id, user.username, user.phone, user.roles) == (7, "mei", "13800138000", (Role(2, "user"),))
    assert (server.last.url.path, server.json) == ("/user/getUserByToken", {"accessToken": ACCESS})


def test_refresh_access_token(server: Server, center: UserCenter) -> None:
    server.says(DONE)
    assert center.refresh_access_token(REFRESH).refresh_token == REFRESH
    assert (server.last.url.path, server.json) == (
        "/oauth/refreshAccessToken",
        {"refresh_token": REFRESH, "client_id": "23"},
    )


@pytest.mark.parametrize("status", [0, "0"], ids=["number", "text"])
def test_refused(server: Server, center: UserCenter, status: Any) -> None:
    server.says({"status": status, "msg": "用户名或密码错误"})
    with pytest.raises(Refused, match=r"^refused: 用户名或密码错误 \(HTTP 200\)$") as caught:
        center.create_access_token("mei", *digests("abc"))
    error = caught.value
    assert (error.code, error.description, error.status, error.retry_after) == (
        "refused",
        "用户名或密码错误",
        200,
        None,
    )


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"status": 2},
        {"status": []},
        {"status": None},
        {"status": 1},
        {"status": 1, "result": ""},
        {"status": 1, "result": None},
        {"status": 1, "result": {"accessToken": "a", "expires_in": "1"}},
        {"status": 1, "result": "[]"},
        {"status": 1, "result": "\ud800"},
        {"status": 1, "result": '{"accessToken":"a"}'},
        {"status": 1, "result": '{"accessToken":"a","expires_in":"soon"}'},
        {"status": 1, "result": '{"accessToken":"a","expires_in":1e99}'},
        {"status": 1, "result": '{"accessToken":"","expires_in":"1"}'},
        {"status": 1, "result": '{"accessToken":7,"expires_in":"1"}'},
    ],
)
def test_bad_answer(server: Server, center: UserCenter, content: Any) -> None:
    server.says(httpx.Response(200, content=json.dumps(content)))
    with pytest.raises(BadAnswer) as caught:
        center.refresh_access_token(REFRESH)
    assert caught.value.status == 200


@pytest.mark.parametrize("user", ["", "null", "{}", '{"id":"x"}', '{"id":7,"roleList":[1],"createTime":"c"}'])
def test_bad_user(server: Server, center: UserCenter, user: str) -> None:
    server.says({"status": 1, "user": user})
    with pytest.raises(BadAnswer):
        center.get_user_by_token(ACCESS)
