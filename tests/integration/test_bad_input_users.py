"""What nobody should send to users, details and roles: a 4xx that says what is wrong, and nothing half-written."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from local import functions
from tests.support.api import NO_STORE, Api, make_api
from tests.support.expect import everything, gives, refuses, standing_api, succeeds
from tests.support.people import PASSWORD, machine, somebody
from tests.support.stores import ROOT, TEMPLATE

# Those that read a body. All of them know the field `id`, or ignore it.
PATHS = (
    "/users/register",
    "/users/save",
    "/users/update",
    "/users/pwd/update",
    "/users/phone/remove",
    "/users/role/update",
    "/users/find",
    "/users/list",
    "/users/delete",
    "/userDetail/get",
    "/userDetail/update",
    "/roles/save",
    "/roles/delete",
)
WITHOUT_BODY = ("/users/current", "/userDetail/current", "/roles/list")

NOT_JSON = "请求体无法解析：不是 JSON"
NO_OBJECT = "请求体无法解析：不是 JSON 对象"
NOT_UTF8 = "请求体无法解析：不是 UTF-8"
NOT_BASE64 = "请求体无法解析：不是 base64 或 UTF-8"

invoke = functions.load(TEMPLATE, ROOT)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api("moto", limit_register_ip=0, limit_register_net=0) as standing:
        yield standing


@pytest.fixture(scope="module")
def admin(api: Api) -> str:
    return api.admin()


BROKEN: dict[str, tuple[bytes, str]] = {
    "half an object": (b'{"id":', NOT_JSON),
    "trailing comma": (b'{"id":1,}', NOT_JSON),
    "single quotes": (b"{'id':1}", NOT_JSON),
    "comment": (b'{"id":1/* one */}', NOT_JSON),
    "two objects": (b'{"id":1}{"id":2}', NOT_JSON),
    "a form": (b"id=1&username=x", NOT_JSON),
    "XML": (b"<id>1</id>", NOT_JSON),
    "NaN": (b'{"id":NaN}', NOT_JSON),
    "Infinity": (b'{"id":Infinity}', NOT_JSON),
    "minus Infinity": (b'{"id":-Infinity}', NOT_JSON),
    "NaN where nobody looks": (b'{"id":1,"x":[{"y":NaN}]}', NOT_JSON),
    "hexadecimal": (b'{"id":0x10}', NOT_JSON),
    "leading nought": (b'{"id":01}', NOT_JSON),
    "plus": (b'{"id":+1}', NOT_JSON),
    "control character": (b'{"username":"a\x00b"}', NOT_JSON),
    "raw line end": (b'{"username":"a\nb"}', NOT_JSON),
    "half an escape": (b'{"username":"\\u12"}', NOT_JSON),
    "nesting": (b'{"id":' + b"[" * 30000 + b"]" * 30000 + b"}", NOT_JSON),
    "nested objects": (b'{"a":' * 10000 + b"1" + b"}" * 10000, NOT_JSON),
    "unclosed nesting": (b"[" * 65000, NOT_JSON),
    "null": (b"null", NO_OBJECT),
    "true": (b"true", NO_OBJECT),
    "a number": (b"7", NO_OBJECT),
    "a text": (b'"id"', NO_OBJECT),
    "a list": (b'[{"id":1}]', NO_OBJECT),
    "Latin-1": ('{"username":"é"}'.encode("latin-1"), NOT_UTF8),
    "UTF-16": ('{"id":1}'.encode("utf-16"), NOT_UTF8),
    "overlong UTF-8": (b'{"username":"\xc0\xaf"}', NOT_UTF8),
    "a surrogate in UTF-8": (b'{"username":"\xed\xa0\x80"}', NOT_UTF8),
}


# What a field that is read may not be; elsewhere it is ignored.
BROKEN_FIELDS = {
    "a number of 5000 digits": (b'{"id":' + b"9" * 5000 + b"}", "参数 id 必须是正整数编号"),
    "a lone surrogate": (b'{"username":"\\ud800"}', NOT_UTF8),
    "surrogates the wrong way round": (b'{"username":"\\ude00\\ud83d"}', NOT_UTF8),
    "twice": (b'{"id":1,"id":1}', "参数 id 重复"),
    "twice, once escaped": (b'{"id":1,"\\u0069d":2}', "参数 id 重复"),
    "twice after trimming": (b'{"id":1,"id ":1}', "参数 id 重复"),
    "twice, once null": (b'{"id":1,"id":null}', "参数 id 重复"),
}


@pytest.mark.security("F28")
@pytest.mark.parametrize("case", BROKEN_FIELDS)
def test_a_field_that_cannot_be_read(api: Api, admin: str, case: str) -> None:
    raw, text = BROKEN_FIELDS[case]
    refuses(api.post("/users/find", body=raw, bearer=admin), 400, text)


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_cannot_be_read(api: Api, admin: str, path: str) -> None:
    before = everything(api)
    for raw, text in BROKEN.values():
        refuses(api.post(path, body=raw, bearer=admin, headers={"Content-Type": "application/json"}), 400, text)
    assert everything(api) == before


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_that_cannot_be_read_whatever_it_is_said_to_be(api: Api, admin: str, content_type: str) -> None:
    for raw, text in BROKEN.values():
        refuses(api.post("/users/find", body=raw, bearer=admin, headers={"Content-Type": content_type}), 400, text)


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_too_large(api: Api, admin: str, path: str) -> None:
    before = everything(api)
    for raw in (
        b'{"id":1,"x":"' + b"x" * 65536 + b'"}',
        b"{}" + b" " * 65535,
        b"x" * 65537,
        "字".encode() * 30000,
        b"x" * 2_000_000,
    ):
        for content_type in ("application/json", "application/octet-stream"):
            answer = api.post(path, body=raw, bearer=admin, headers={"Content-Type": content_type})
            refuses(answer, 413, "请求体超过 65536 字节")
    assert everything(api) == before


def test_a_body_of_64_kibibytes_is_read(api: Api, admin: str) -> None:
    alice = api.user_id("alice")
    body = json.dumps({"id": alice}).encode()
    answer = api.post("/users/find", body=body + b" " * (65536 - len(body)), bearer=admin)
    assert gives(answer)["id"] == alice
    refuses(api.post("/users/find", body=body + b" " * (65537 - len(body)), bearer=admin), 413, "请求体超过 65536 字节")


@pytest.mark.parametrize("body", [b"", b"   ", b"\r\n", b"{}", b" {} ", b"\xef\xbb\xbf{}"])
def test_an_empty_body_is_an_empty_object(api: Api, admin: str, body: bytes) -> None:
    refuses(api.post("/users/delete", body=body, bearer=admin), 400, "缺少参数 id")
    assert "items" in gives(api.post("/users/list", body=body, bearer=admin))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id": %d}',
        b'\xef\xbb\xbf{"id": %d}',
        b'{" id ": %d}',
        b'{"\\u0069d": "%d"}',
        b'{"id": %d, "unknown": {"a": [1e400, -0.0, null, true, "\\ud83d\\ude00"]}}',
        b'\t{\n"id"\r:%d}\n',
    ],
)
def test_json_may_be_written_in_many_ways(api: Api, admin: str, raw: bytes) -> None:
    alice = api.user_id("alice")
    for content_type in ("application/json", "application/json; charset=utf-8", "text/plain", "", "x/y"):
        answer = api.post("/users/find", body=raw % alice, bearer=admin, headers={"Content-Type": content_type})
        assert gives(answer)["id"] == alice


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", ["%%%", "e30", "e3=0", "e30=\n!", "ä", "{}"])
def test_broken_base64(api: Api, admin: str, path: str, body: str) -> None:
    """API Gateway never sends it; whoever else calls the function gets a clear word as well."""
    event = event_for(api, path, admin)
    event |= {"body": body, "isBase64Encoded": True}
    result: Any = invoke(function_of(path), event)
    assert result["statusCode"] == 400
    assert json.loads(result["body"]) == {"status": 400, "error": NOT_BASE64}


@pytest.mark.parametrize("path", PATHS)
def test_a_lone_surrogate_in_an_event(api: Api, admin: str, path: str) -> None:
    event = event_for(api, path, admin) | {"body": '{"username":"\ud800"}', "isBase64Encoded": False}
    result: Any = invoke(function_of(path), event)
    assert result["statusCode"] == 400
    assert json.loads(result["body"]) == {"status": 400, "error": NOT_BASE64}


def event_for(api: Api, path: str, token: str) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": f"ANY {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {token}"},
        "requestContext": {
            "http": {"method": "POST", "path": path, "sourceIp": "192.0.2.1", "protocol": "HTTP/1.1", "userAgent": ""},
            "domainName": "api.example.com",
            "requestId": "a-request",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }


def function_of(path: str) -> str:
    return next(route.function for route in TEMPLATE.routes if route.path == path)


# --- verbs and paths -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (path, method)
        for path in (*PATHS, *WITHOUT_BODY)
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE")
        if path != "/users/current" or method not in ("GET", "HEAD")
    ],
)
def test_another_verb(api: Api, admin: str, path: str, method: str) -> None:
    methods = "GET, HEAD, POST, OPTIONS" if path == "/users/current" else "POST, OPTIONS"
    before = everything(api)
    for bearer in (admin, None):
        answer = api.call(method, path, bearer=bearer, body=b'{"id":1}')
        refuses(answer, 405, f"请使用 {methods} 方法", {"allow": methods})
    assert everything(api) == before


@pytest.mark.parametrize("path", [*PATHS, *WITHOUT_BODY])
def test_options_needs_no_token(api: Api, path: str) -> None:
    answer = api.call("OPTIONS", path)
    methods = "GET, HEAD, POST, OPTIONS" if path == "/users/current" else "POST, OPTIONS"
    assert (answer.status, answer.headers, answer.body) == (204, {"allow": methods}, "")


@pytest.mark.parametrize("path", ["/users", "/Users/find", "/users/find/", "/users/nothing", "/userdetail/get"])
def test_another_path(api: Api, admin: str, path: str) -> None:
    answer = api.post(path, json_body={}, bearer=admin)
    assert (answer.status, answer.json) == (404, {"message": "Not Found"})


@pytest.mark.parametrize("name", ["username", "password", "oldPassword", "newPassword", "code", "token"])
def test_secrets_in_the_address(api: Api, admin: str, name: str) -> None:
    before = everything(api)
    for path in PATHS:
        for query in (f"{name}=x", f"a=1&{name}=", f"%20{name}%20=x"):
            answer = api.post(f"{path}?{query}", json_body={"id": 1}, bearer=admin)
            refuses(answer, 400, f"参数 {name} 不能放在网址中，请放在请求体里")
    assert everything(api) == before


@pytest.mark.parametrize("query", ["id=1", "%", "%ff=%fe", "&&==", "a=1&a=2", "id=%00", "x" * 5000])
def test_anything_else_in_the_address_is_ignored(api: Api, admin: str, query: str) -> None:
    alice = api.user_id("alice")
    answer = api.post(f"/users/find?{query}", json_body={"id": alice}, bearer=admin)
    assert gives(answer)["id"] == alice


# --- names and texts -------------------------------------------------------------------------------------

STRANGE = (
    "👩‍👩‍👧‍👦",
    "moc\u202e.elgoog",
    "\u200b",
    "Z̷̢̛a̴l̶g̷o̷" * 5,
    "\U000e0001",
    "\ufffe",
    "\U0010ffff",
    "ﷺ" * 8,
    "İstanbul",
    "ǅ",
    "％s％n",
    "${jndi:ldap://x}",
    "../../etc/passwd",
    "' OR '1'='1",
    "\\",
    '"',
    "username:alice",
    "mobile:+8613312341234",
    "1" * 150,
    "true",
    "-0",
    "1e5",
    "0x1F",
)


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names_are_kept_whole_or_refused(api: Api, admin: str, name: str) -> None:
    before = everything(api)
    answer = api.post("/users/register", json_body={"username": name, "password": PASSWORD})
    if answer.status == 200:
        user_id = gives(answer)
        found = gives(api.post("/users/find", json_body={"username": name}, bearer=admin))
        assert (found["id"], found["username"]) == (user_id, name)
        succeeds(api.post("/users/delete", json_body={"id": user_id}, bearer=admin))
    else:
        refuses(answer, 400, answer.json["error"])
        assert answer.json["error"].startswith("用户名无效：")
    assert everything(api) == before


@pytest.mark.parametrize("text", STRANGE)
def test_strange_texts_come_back_as_they_went(api: Api, text: str) -> None:
    person = somebody(api)
    token = person.token
    for field, longest in (("name", 64), ("addr", 255), ("images", 4000)):
        sent = text[:longest]
        body = {"id": person.id, field: sent}
        succeeds(api.post("/userDetail/update", json_body=body, bearer=token))
        assert gives(api.post("/userDetail/current", bearer=token))[field] == sent


def test_a_name_longer_than_any_is_nobodys(reference: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB refuses keys of more than 2048 bytes; moto does not."""
    api = make_api(monkeypatch, reference)
    for name in ("\ufdfa" * 255, "𠮷" * 255, "x" * 255):
        succeeds(api.post("/users/find", json_body={"username": name}, bearer=api.admin()), None)
    for name in ("x" * 60000, "字" * 6000):
        form = {"grant_type": "password", "username": name, "password": PASSWORD}
        answer = api.post("/oauth/token", form=form, basic=("web-client", "web-secret"))
        body = {"error": "invalid_grant", "error_description": "Bad credentials", "reason": "bad_credentials"}
        assert (answer.status, answer.headers, answer.json) == (400, NO_STORE, body)
    body = {"username": "𠮷" * 150, "password": PASSWORD}
    user_id = gives(api.post("/users/register", json_body=body))
    update = {"id": user_id, "openId": "𠮷" * 256}
    succeeds(api.post("/users/update", json_body=update, bearer=machine(api)))


def test_no_answer_is_a_stack_trace(api: Api, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is a bare 500, whose request id finds the log line."""
    secret = "what-only-the-log-may-not-even-know"

    def broken(*_: Any) -> Any:
        raise RuntimeError(secret)

    monkeypatch.setattr(api.services.store, "get_session", broken)
    answer = api.post("/users/current", bearer=admin)
    assert (answer.status, answer.headers) == (500, NO_STORE)
    pattern = r'\{"error":"server_error","error_description":"Unexpected fault","request_id":"[A-Za-z0-9+/=]+"\}'
    assert re.fullmatch(pattern, answer.body)
