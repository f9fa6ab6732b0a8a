"""Bad input at the endpoints that give tokens and codes: a 4xx in their own form that says what is wrong.

Nothing is ever half written, since nothing is written at all: what is refused here is refused before.
"""

import base64
import json
import unicodedata
import urllib.parse
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from tests.support.api import Answer, Api
from tests.support.expect import standing_api
from tests.support.tokens import (
    ALICE,
    BAD_CLIENT,
    BAD_CREDENTIALS,
    BAD_SCOPE,
    BAD_SPRING_CLIENT,
    DONE,
    STANDARD,
    WEB,
    calls,
    envelope,
    error,
    missing,
    opens,
    spring_tokens,
    standard_tokens,
)

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
LIMIT = 64 * 1024
TOKEN_ENDPOINTS = ("/oauth/token", "/mobile/token", "/sign/token")
ENDPOINTS = (*TOKEN_ENDPOINTS, "/mobile/code/get", "/mobile/code/verify")

NOT_JSON = ("不是 JSON", "it is not JSON")
NO_OBJECT = ("不是 JSON 对象", "it is no JSON object")
NOT_UTF8 = ("不是 UTF-8", "it is not UTF-8")
NO_FORM = ("不是 UTF-8 表单", "it is no UTF-8 form")
NO_MULTIPART = ("不是 multipart 表单", "it is no multipart form")
NO_NAME = ("有字段没有名称", "a field of the multipart form has no name")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: nearly nothing here changes anything."""
    with standing_api("moto") as opened:
        yield opened


@pytest.fixture
def no_write(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test in which anything but a read was sent to DynamoDB."""
    operations = calls(monkeypatch, api)
    yield
    assert set(operations) <= {"GetItem", "BatchGetItem"}


def known(path: str, *more: str) -> tuple[str, ...]:
    """Some of the parameters that `path` reads; `more` are of the token endpoints."""
    match path:
        case "/mobile/code/get":
            return ("mobile", "purpose", "client_id")
        case "/mobile/code/verify":
            return ("mobile", "code")
        case _:
            return ("mobile", "code", "sign", "username", "grant_type", "client_id", *more)


def refused(path: str, status: int, zh: str, en: str) -> Answer:
    """The refusal as `path` words it."""
    return error(status, "invalid_request", en) if path in TOKEN_ENDPOINTS else envelope(status, zh)


def part(disposition: str, content: str = "x", header: str = "") -> bytes:
    """A multipart form of one part."""
    return f"--b\r\nContent-Disposition: {disposition}\r\n{header}\r\n{content}\r\n--b--\r\n".encode()


def nested(levels: int) -> bytes:
    return b"".join(
        f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n".encode() for n in range(levels)
    )


UNREADABLE: dict[str, tuple[str, bytes, tuple[str, str]]] = {
    "json: nothing": (JSON, b"", NOT_JSON),
    "json: white space": (JSON, b" \n ", NOT_JSON),
    "json: cut off": (JSON, b'{"mobile":"13912345678"', NOT_JSON),
    "json: quotes": (JSON, b"{'mobile':'13912345678'}", NOT_JSON),
    "json: a comma too many": (JSON, b'{"mobile":"13912345678",}', NOT_JSON),
    "json: more behind it": (JSON, b'{"mobile":"13912345678"}{}', NOT_JSON),
    "json: a form": (JSON, b"mobile=13912345678", NOT_JSON),
    "json: a raw control character": (JSON, b'{"mobile":"1391234\n5678"}', NOT_JSON),
    "json: NaN": (JSON, b'{"mobile":NaN}', NOT_JSON),
    "json: Infinity": (JSON, b'{"mobile":Infinity}', NOT_JSON),
    "json: -Infinity": (JSON, b'{"mobile":-Infinity}', NOT_JSON),
    "json: deep arrays": (JSON, b'{"mobile":' + b"[" * 30000 + b"]" * 30000 + b"}", NOT_JSON),
    "json: deep objects": (JSON, b'{"":' * 13000 + b"1" + b"}" * 13000, NOT_JSON),
    "json: deep and cut off": (JSON, b"[" * 60000, NOT_JSON),
    "json: null": (JSON, b"null", NO_OBJECT),
    "json: text": (JSON, b'"13912345678"', NO_OBJECT),
    "json: a number": (JSON, b"13912345678", NO_OBJECT),
    "json: an array": (JSON, b'[{"mobile":"13912345678"}]', NO_OBJECT),
    "json: bytes that are no text": (JSON, b'{"mobile":"\xff\xfe"}', NOT_UTF8),
    "json: half a character": (JSON, b'{"mobile":"\xe5\xaf"}', NOT_UTF8),
    "json: UTF-16": (JSON, '{"mobile":"1"}'.encode("utf-16"), NOT_UTF8),
    "json: Latin-1": (JSON, '{"mobile":"é"}'.encode("latin-1"), NOT_UTF8),
    "json: a lone surrogate": (JSON, rb'{"mobile":"\ud800"}', NOT_UTF8),
    "json: surrogates in the wrong order": (JSON, rb'{"mobile":"\udc00\ud800"}', NOT_UTF8),
    "json: under no type": ("", b'{"mobile":', NOT_JSON),
    "form: bytes that are no text": (FORM, b"mobile=\xff", NO_FORM),
    "form: escapes that are no text": (FORM, b"mobile=%ff%fe", NO_FORM),
    "form: half a character": (FORM, b"mobile=%e5%af", NO_FORM),
    "form: a lone surrogate": (FORM, b"mobile=%ED%A0%80", NO_FORM),
    "form: under no type": ("", b"mobile=%ff", NO_FORM),
    "multipart: nothing": (MULTIPART, b"", NO_MULTIPART),
    "multipart: a form": (MULTIPART, b"mobile=13912345678", NO_MULTIPART),
    "multipart: no boundary": ("multipart/form-data", part("form-data; name=mobile"), NO_MULTIPART),
    "multipart: an empty boundary": ("multipart/form-data; boundary=", part("form-data; name=mobile"), NO_MULTIPART),
    "multipart: another boundary": ("multipart/form-data; boundary=c", part("form-data; name=mobile"), NO_MULTIPART),
    "multipart: a strange boundary": ("multipart/form-data; boundary*=x''%ff", part("form-data; name=m"), NO_MULTIPART),
    "multipart: never ended": (MULTIPART, part("form-data; name=mobile")[:-6], NO_MULTIPART),
    "multipart: nested without end": ("multipart/form-data; boundary=b0", nested(900), NO_MULTIPART),
    "multipart: a number no one can count": (MULTIPART, part("form-data; name*" + "9" * 5000 + "=x"), NO_NAME),
    "multipart: names that cannot be sorted": (MULTIPART, part("form-data; name*=a; name*1=b"), NO_NAME),
    "multipart: no name": (MULTIPART, part("form-data"), NO_NAME),
    "multipart: no disposition": (MULTIPART, b"--b\r\n\r\nx\r\n--b--\r\n", NO_NAME),
    "multipart: an encoded name": (MULTIPART, part("form-data; name*=utf-8''mobile"), NO_NAME),
    "multipart: bytes that are no text": (
        MULTIPART,
        part("form-data; name=mobile").replace(b"\r\nx\r\n", b"\r\n\xff\r\n"),
        ("有字段不是 UTF-8", "a field is not UTF-8"),
    ),
    "multipart: a line that begins like a boundary": (
        MULTIPART,
        b'--b\r\nContent-Disposition: form-data; name="mobile"\r\n\r\n1\r\n--bc\r\n--b--\r\n',
        NO_MULTIPART,
    ),
    "multipart: no empty line": (
        MULTIPART,
        b"--b\r\nContent-Disposition: form-data; name=a\r\n--b--\r\n",
        NO_MULTIPART,
    ),
    "multipart: no base64": (
        MULTIPART,
        part("form-data; name=mobile", "x", "Content-Transfer-Encoding: base64\r\n"),
        NO_MULTIPART,
    ),
}


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_that_cannot_be_read(api: Api, path: str, case: str) -> None:
    content_type, body, (zh, en) = UNREADABLE[case]
    headers = {"Content-Type": content_type} if content_type else {}
    answer = api.post(path, body=body, headers=headers, basic=WEB)
    assert answer == refused(path, 400, f"请求体无法解析：{zh}", f"The body cannot be read: {en}")


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize(
    "disposition",
    [
        "form-data; name=" + "(" * 5000,
        'form-data; name="',
        "form-data; name=a; name=b",
        "form-data; name='" + "'" * 50,
        "form-data;" + ";" * 5000 + "name=a",
        "form-data; name==?utf-8?q?=00?=",
    ],
    ids=range(6),
)
def test_a_part_with_a_strange_name_is_a_parameter_that_nobody_knows(api: Api, disposition: str) -> None:
    answer = api.post("/oauth/token", body=part(disposition), headers={"Content-Type": MULTIPART}, basic=WEB)
    assert answer == missing("grant_type")


# --- sizes ----------------------------------------------------------------------------------------------------


def padded(fields: dict[str, str], content_type: str, size: int) -> bytes:
    """A body of exactly `size` bytes with these fields and one that nobody knows."""
    if content_type == JSON:
        body = json.dumps({**fields, "pad": ""}).encode()
        return body.replace(b'"pad": ""', b'"pad": "' + b"x" * (size - len(body)) + b'"')
    body = urllib.parse.urlencode({**fields, "pad": ""}).encode()
    return body + b"x" * (size - len(body))


def largest(path: str) -> dict[str, str]:
    """Fields that are answered with success, or by the use case behind the parser."""
    return {
        "/oauth/token": ALICE,
        "/sign/token": {"sign": "o-large"},
    }.get(path, {"mobile": "13912345678", "code": "123456"})


@pytest.mark.parametrize("content_type", [JSON, FORM, "text/plain"])
@pytest.mark.parametrize("path", ENDPOINTS)
def test_64_kib_are_read_and_one_byte_more_is_not(api: Api, path: str, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    body = padded(largest(path), content_type, LIMIT)
    assert len(body) == LIMIT
    assert api.post(path, body=body, headers=headers, basic=WEB).status != 413
    expected = refused(path, 413, "请求体超过 65536 字节", "The body is larger than 65536 bytes")
    for size in (LIMIT + 1, 2 * LIMIT, 4 * LIMIT, 1024 * 1024):
        assert api.post(path, body=padded(largest(path), content_type, size), headers=headers, basic=WEB) == expected


def test_64_kib_are_enough_to_log_in(api: Api) -> None:
    for content_type in (JSON, FORM, "text/plain"):
        body = padded(ALICE, content_type, LIMIT)
        spring_tokens(api.post("/oauth/token", body=body, headers={"Content-Type": content_type}, basic=WEB))


def test_it_is_bytes_that_count(api: Api) -> None:
    """64 KiB of three-byte characters are 64 KiB."""
    body = ("pad=" + "密" * ((LIMIT - 4) // 3)).encode()
    headers = {"Content-Type": "text/plain"}
    assert api.post("/oauth/token", body=body, headers=headers, basic=WEB) == missing("grant_type")
    assert api.post("/oauth/token", body=body + b"xxxx", headers=headers, basic=WEB).status == 413


# --- values ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize("character", ["\x00", "\x07", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\x9f"], ids=ascii)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_control_character_is_refused_and_its_parameter_named(api: Api, path: str, character: str) -> None:
    for name in known(path, "scope"):
        fields = {name: f"a{character}b"}
        expected = refused(path, 400, f"参数 {name} 含有控制字符", f"The parameter {name} holds a control character")
        assert api.post(path, form=fields, basic=WEB) == expected
        assert api.post(path, json_body=fields, basic=WEB) == expected


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize(
    "password", ["a\x00b", "\n", "correct horse battery\x00", "\x7f", "\u200b", "x" * 60000, "🀄" * 4000]
)
def test_a_password_may_hold_anything_and_is_wrong(api: Api, password: str) -> None:
    assert api.post("/oauth/token", form={**ALICE, "password": password}, basic=WEB) == BAD_CREDENTIALS


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize(
    "secret", ["a\x00b", "standard-secret\n", "x" * 60000, "密", "%", "%ff", "+", "\u200b"], ids=range(8)
)
def test_a_secret_may_hold_anything_and_is_wrong(api: Api, secret: str) -> None:
    form = {**ALICE, "client_id": "standard-client", "client_secret": secret}
    assert api.post("/oauth/token", form=form) == BAD_CLIENT
    assert api.post("/oauth/token", form=ALICE, basic=("standard-client", secret)) == BAD_CLIENT


VALUES: list[Any] = [True, 1.5, [], ["x"], {}, {"x": "y"}, 1e400]


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_value_of_another_type_is_refused_and_its_parameter_named(api: Api, path: str, value: Any) -> None:
    text = json.dumps(value).replace("Infinity", "1e400")
    for name in known(path, "password"):
        body = f'{{"{name}":{text}}}'.encode()
        answer = api.post(path, body=body, headers={"Content-Type": JSON}, basic=WEB)
        assert answer == refused(path, 400, f"参数 {name} 必须是文本", f"The parameter {name} must be text")


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize("name", ["grant_type", "password", "refresh_token", "scope", "client_secret"])
def test_a_number_is_no_text(api: Api, name: str) -> None:
    answer = api.post("/oauth/token", json_body={**ALICE, name: 123456}, basic=WEB)
    assert answer == error(400, "invalid_request", f"The parameter {name} must be text")


LONG = {
    "as long as a body": "x" * 60000,
    "in any script": "爱" * 15000,
    "that normalising makes longer": "\ufdfa" * 15000,
    "just too long for a key": "🀄" * 600,
    "of accents": "e" + "\u0301\u0323" * 10000,
}


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize("case", LONG)
def test_a_name_that_no_store_could_look_up(api: Api, case: str) -> None:
    name = LONG[case]

    def post(field: str, basic: tuple[str, str] | None = WEB) -> Answer:
        body = json.dumps({**ALICE, field: name}, ensure_ascii=False).encode()
        return api.post("/oauth/token", body=body, headers={"Content-Type": JSON}, basic=basic)

    assert post("username") == BAD_CREDENTIALS
    assert post("password") == BAD_CREDENTIALS
    assert post("scope") == BAD_SCOPE
    assert post("client_id", None) == BAD_CLIENT
    assert api.post("/oauth/token", form=ALICE, basic=(name, "x")) == BAD_SPRING_CLIENT


@pytest.mark.usefixtures("no_write")
def test_accents_by_the_thousand_are_not_normalised(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the square of their number: half a second of CPU for these."""
    lengths: list[int] = []
    real = unicodedata.normalize

    def normalize(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
        lengths.append(len(text))
        return real(form, text)

    monkeypatch.setattr(unicodedata, "normalize", normalize)
    accents = "e" + "\u0301\u0323" * 16000
    for field in ("username", "password"):
        body = json.dumps({**ALICE, field: accents}, ensure_ascii=False).encode()
        assert api.post("/oauth/token", body=body, headers={"Content-Type": JSON}, basic=WEB) == BAD_CREDENTIALS
    assert 0 < max(lengths) <= 1024


@pytest.mark.usefixtures("no_write")
def test_a_client_id_as_a_huge_number(api: Api) -> None:
    body = b'{"grant_type":"client_credentials","client_id":' + b"9" * 4000 + b"}"
    assert api.post("/oauth/token", body=body, headers={"Content-Type": JSON}) == BAD_CLIENT


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u200b",
        "\u202e",
        "' OR '1'='1",
        '{"$gt":""}',
        "../../etc/passwd",
        "%00",
        "${jndi:ldap://x}",
        "🀄",
        "ﷺ",
    ],
)
def test_strange_names_are_unknown(api: Api, name: str) -> None:
    form = {"grant_type": "password", "username": name, "password": "x"}
    expected = BAD_CREDENTIALS if name else missing("username")
    assert api.post("/oauth/token", form=form, basic=WEB) == expected


# --- headers --------------------------------------------------------------------------------------------------


def test_the_same_type_twice_is_read_as_a_form(api: Api) -> None:
    """As API Gateway joins headers that come twice."""
    body = urllib.parse.urlencode(ALICE).encode()
    headers = {"Content-Type": f"{FORM},{FORM}"}
    spring_tokens(api.post("/oauth/token", body=body, headers=headers, basic=WEB))


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize("content_type", ["application/xml", "text/html", "image/png", "x", ";", "application/"])
def test_a_type_that_nobody_reads(api: Api, content_type: str) -> None:
    """What stands under it is no form, so that the parameters are missing."""
    body = b"<grant_type>password</grant_type>"
    assert api.post("/oauth/token", body=body, headers={"Content-Type": content_type}, basic=WEB) == missing(
        "grant_type"
    )
    assert api.post("/oauth/token", body=body, headers={"Content-Type": content_type}) == BAD_CLIENT


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize(
    "language", ["", "*", "en;q=nan", "en;q=1e999", "en;q=-1", ",,;;==", "\x80", "en" * 4000, "q=0.1"]
)
def test_any_language_may_be_asked_for(api: Api, language: str) -> None:
    answer = api.post("/mobile/code/verify", form={}, headers={"Accept-Language": language})
    texts = ("缺少参数 mobile", "The parameter mobile is missing")
    assert answer in [envelope(400, text) for text in texts]


@pytest.mark.usefixtures("no_write")
@pytest.mark.parametrize("user", ["a\x00b", "\ud7ff", "web-client\n", "密码", "a" * 5000, " "], ids=range(6))
def test_a_basic_header_with_a_strange_id(api: Api, user: str) -> None:
    header = "Basic " + base64.b64encode(f"{user}:x".encode()).decode()
    assert api.post("/oauth/token", form=ALICE, headers={"Authorization": header}) == BAD_SPRING_CLIENT


def test_after_all_this_everything_works(api: Api) -> None:
    assert opens(api, spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB)))["username"] == "alice"
    standard_tokens(api.post("/oauth/token", form=ALICE, basic=STANDARD))
    api.time.advance(60)
    assert api.post("/mobile/code/get", form={"mobile": "13912345679"}, basic=WEB) == DONE
    assert api.post("/mobile/code/verify", form={"mobile": "13912345679", "code": api.last_code}) == DONE
