"""The texts of refusals: Chinese, or English for who asks for it (RFC 9110 section 12.5.4)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.expect import UNAUTHORIZED, asks_for_token, refuses, standing_api

CHINESE, ENGLISH = "用户不存在", "There is no such user"

BOTH: tuple[tuple[str, Any, int, str, str], ...] = (
    ("/users/delete", {"id": 4711}, 404, CHINESE, ENGLISH),
    ("/users/delete", {}, 400, "缺少参数 id", "The parameter id is missing"),
    (
        "/users/delete",
        {"id": "x"},
        400,
        "参数 id 必须是正整数编号",
        "The parameter id must be an id: a positive whole number",
    ),
    ("/users/find", {}, 400, "请提供 id 或 username", "Give an id or a username"),
    (
        "/users/list",
        {"limit": 0},
        400,
        "参数 limit 应在 1 到 100 之间",
        "The parameter limit must be from 1 to 100",
    ),
    ("/users/list", {"cursor": "x"}, 400, "cursor 无效", "The cursor is not one that this list gave"),
    ("/users/save", {"username": "ALICE", "password": "long enough"}, 409, "用户名已被使用", "This username is taken"),
    (
        "/users/save",
        {"username": "x\u200bx", "password": "long enough"},
        400,
        "用户名无效：含有不可见字符或首尾空格",
        "This username cannot be used: it holds an invisible character or a space at its end",
    ),
    (
        "/users/save",
        {"username": "13912345678", "password": "long enough"},
        400,
        "形如手机号的用户名只能由该号码的账号使用",
        "A username that looks like a mobile number can be used only by the account that owns the number",
    ),
    (
        "/users/save",
        {"username": "x", "password": "short"},
        400,
        "密码至少 8 个字符",
        "A password needs at least 8 characters",
    ),
    (
        "/users/save",
        {"username": "x", "password": "sunshine"},
        400,
        "该密码过于常见或曾经泄露，请换一个",
        "This password is common or has leaked before: choose another",
    ),
    (
        "/users/save",
        {"username": "x", "password": "long enough", "roleList": [{"roleName": "ghost"}]},
        400,
        "角色不存在：ghost",
        "There is no such role: ghost",
    ),
    ("/roles/delete", {"id": 1}, 409, "管理员角色不能改名或删除", "The admin role cannot be renamed or deleted"),
    ("/roles/delete", {"id": 99}, 404, "角色不存在", "There is no such role"),
    ("/roles/save", {"roleName": "user"}, 409, "角色名已被使用", "This role name is taken"),
    (
        "/userDetail/update",
        {"id": 1, "birthday": "x"},
        400,
        "参数 birthday 的格式应为 yyyy-MM-dd",
        "The parameter birthday must look like yyyy-MM-dd",
    ),
    (
        "/userDetail/update",
        {"id": 1, "age": "x" * 17},
        400,
        "参数 age 不能超过 16 个字符",
        "The parameter age is longer than 16 characters",
    ),
    (
        "/users/update",
        {"id": 1, "phone": "x"},
        400,
        "手机号无效",
        "This is not a valid mobile number",
    ),
    (
        "/users/update",
        {"id": 1, "phone": "+12025550123"},
        400,
        "不支持该国家或地区的手机号",
        "Numbers of this country are not served",
    ),
)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api() as standing:
        yield standing


@pytest.mark.parametrize(("path", "body", "status", "chinese", "english"), BOTH)
def test_every_text_is_there_in_both(api: Api, path: str, body: Any, status: int, chinese: str, english: str) -> None:
    admin = api.admin()
    refuses(api.post(path, json_body=body, bearer=admin), status, chinese)
    headers = {"Accept-Language": "en"}
    refuses(api.post(path, json_body=body, bearer=admin, headers=headers), status, english)


@pytest.mark.parametrize(
    ("raw", "status", "chinese", "english"),
    [
        (b"{", 400, "请求体无法解析：不是 JSON", "The body cannot be read: it is not JSON"),
        (b"[]", 400, "请求体无法解析：不是 JSON 对象", "The body cannot be read: it is no JSON object"),
        (b'{"a":"\xff"}', 400, "请求体无法解析：不是 UTF-8", "The body cannot be read: it is not UTF-8"),
        (b'{"id":1," id":1}', 400, "参数 id 重复", "The parameter id is given twice"),
        (b'{"id":1,"id":1}', 400, "参数 id 重复", "The parameter id is given twice"),
        (b" " * 65537, 413, "请求体超过 65536 字节", "The body is larger than 65536 bytes"),
    ],
    ids=["not JSON", "no object", "not UTF-8", "twice after trimming", "twice", "too large"],
)
def test_so_is_what_is_wrong_with_a_body(api: Api, raw: bytes, status: int, chinese: str, english: str) -> None:
    admin = api.admin()
    refuses(api.post("/users/delete", body=raw, bearer=admin), status, chinese)
    refuses(api.post("/users/delete", body=raw, bearer=admin, headers={"Accept-Language": "en"}), status, english)


def test_so_are_refusals_for_who_one_is(api: Api) -> None:
    token, english = api.token(), {"Accept-Language": "en"}
    answer = api.post("/users/list", json_body={}, bearer=token, headers=english)
    refuses(answer, 403, "Not allowed: only an admin may do this")
    answer = api.post("/userDetail/get", json_body={"id": 1}, bearer=token, headers=english)
    refuses(answer, 403, "Not allowed: only the account itself or an admin may do this")
    body = {"userId": 1, "oldPassword": "x", "newPassword": "y"}
    answer = api.post("/users/pwd/update", json_body=body, bearer=token, headers=english)
    refuses(answer, 403, "Only the account itself may change its password")


def test_so_is_a_wrong_verb(api: Api) -> None:
    allow = {"allow": "POST, OPTIONS"}
    refuses(api.call("GET", "/users/list"), 405, "请使用 POST, OPTIONS 方法", allow)
    answer = api.call("GET", "/users/list", headers={"Accept-Language": "en"})
    refuses(answer, 405, "Use the method POST, OPTIONS", allow)


@pytest.mark.parametrize(
    ("accept", "text"),
    [
        (None, CHINESE),
        ("", CHINESE),
        ("zh", CHINESE),
        ("zh-CN", CHINESE),
        ("zh-TW,zh;q=0.9", CHINESE),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("en", ENGLISH),
        ("EN", ENGLISH),
        ("en-US", ENGLISH),
        ("en-GB,en;q=0.9", ENGLISH),
        ("en-US,en;q=0.9,zh;q=0.8", ENGLISH),
        ("en;q=0.8,zh;q=0.9", CHINESE),
        ("zh;q=0.8,en;q=0.9", ENGLISH),
        ("zh;q=0.8, en ; q=0.9", ENGLISH),
        ("zh;Q=0.1,en;Q=0.2", ENGLISH),
        ("en;q=0.5,zh;q=0.5", CHINESE),
        ("en,zh", CHINESE),
        ("en;q=0", CHINESE),
        ("zh;q=0,en;q=0.001", ENGLISH),
        ("zh;q=0", CHINESE),
        ("fr", CHINESE),
        ("fr,en;q=0.5", ENGLISH),
        ("fr,de;q=0.9", CHINESE),
        ("*", CHINESE),
        ("*;q=0.5,en;q=0.4", ENGLISH),
        ("english", CHINESE),
        ("en;q=nonsense", CHINESE),
        ("en;q=nan", CHINESE),
        ("en;q=", CHINESE),
        (";;;,,,=q", CHINESE),
        ("," * 5000, CHINESE),
    ],
)
def test_accept_language_chooses(api: Api, accept: str | None, text: str) -> None:
    headers = {} if accept is None else {"Accept-Language": accept}
    answer = api.post("/users/delete", json_body={"id": 4711}, bearer=api.admin(), headers=headers)
    refuses(answer, 404, text)


@pytest.mark.parametrize("accept", ["zh", "en"])
def test_the_401_of_oauth_is_english(api: Api, accept: str) -> None:
    """`error_description` is plain ASCII (RFC 6749 section 5.2)."""
    answer = api.post("/users/list", json_body={}, headers={"Accept-Language": accept})
    asks_for_token(answer)
    assert UNAUTHORIZED["error_description"].isascii()
