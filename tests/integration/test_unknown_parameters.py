"""Parameters that an endpoint does not know are ignored, whatever they are (RFC 6749 section 3.2)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.api import Answer, Api
from tests.support.expect import gives, refuses, standing_api, succeeds
from tests.support.people import new_name, new_number, somebody
from tests.support.tokens import DONE, MACHINE, STANDARD, WEB, error, missing, standard_tokens

pytestmark = pytest.mark.security("F28")

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
BOM = b"\xef\xbb\xbf"

# What is put beside the parameters of a request, by encoding.
OF_JSON = {
    "true": b'"remember":true',
    "a number": b'"timestamp":1700000000123',
    "a fraction": b'"zoom":1.5e300',
    "a number with more digits than Python reads": b'"n":' + b"9" * 20000,
    "a fraction of any length": b'"n":0.' + b"1" * 20000 + b"e99999",
    "an object": b'"systemInfo":{"platform":"ios","platform":"ios"}',
    "a list": b'"resource":["https://a.example","https://b.example"]',
    "deep": b'"x":' + b"[" * 400 + b"]" * 400,
    "null": b'"x":null',
    "control characters": rb'"device":"iPhone\niOS\u0000 18"',
    "half a character": rb'"nick":"\ud83d"',
    "half a character in its name": rb'"\udfff":1',
    "twice": b'"x":1,"x":{}',
    "twice but for a space": b'"x":1," x ":2',
    "a known one of another endpoint": b'"token":{},"phone":[],"openId":1',
    "a name of no character": b'"":"",  " ":1',
    "many": b",".join(b'"x%d":%d' % (n, n) for n in range(3000)),
}
OF_FORM = {
    "control characters": b"device=iPhone%0AiOS%00 18",
    "twice": b"x=1&x=2",
    "resource twice": b"resource=https://a.example&resource=https://b.example",
    "no text": b"device=%ff%fe&%ff=1&\xff=\xfe",
    "GBK": b"device=%D0%A1%C3%D7",
    "half an escape": b"device=%&%e=%zz",
    "no name": b"=1&=&&",
    "many": b"&".join(b"x%d=%d" % (n, n) for n in range(3000)),
    "many of one": b"&".join([b"x"] * 20000),
}


def _part(disposition: str, content: bytes = b"x", header: str = "") -> bytes:
    return f"--b\r\nContent-Disposition: form-data; {disposition}\r\n{header}\r\n".encode() + content + b"\r\n"


OF_MULTIPART = {
    "a file": _part('name="avatar"; filename="a.png"', b"\x89PNG\r\n\x1a\n\x00\xff", "Content-Type: image/png\r\n"),
    "an empty file": _part('name="avatar"; filename=""', b""),
    "a file with a name in any script": _part("name=\"a\"; filename*=utf-8''%e4%bb%a4"),
    "a file whose name looks like a parameter": _part(r'name="a"; filename="x; name=\"grant_type\""'),
    "twice": _part("name=x") * 2,
    "resource twice": _part("name=resource") * 2,
    "no text": _part("name=x", b"\xff\xfe"),
    "a form in a form": _part(
        "name=x",
        b"--c\r\nContent-Disposition: form-data; name=grant_type\r\n\r\nx\r\n--c--",
        "Content-Type: multipart/mixed; boundary=c\r\n",
    ),
    "no base64": _part("name=x", b"\xff", "Content-Transfer-Encoding: base64\r\n"),
    "many": b"".join(_part(f"name=f{n}", b"") for n in range(800)),
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api(limit_register_ip=0, limit_register_net=0, limit_verify_ip=0, limit_verify_net=0) as opened:
        yield opened


def post(api: Api, path: str, content_type: str, body: bytes, **arguments: Any) -> Answer:
    return api.post(path, body=body, headers={"Content-Type": content_type}, **arguments)


def in_json(fields: dict[str, Any], more: bytes, *, first: bool = False) -> bytes:
    given = json.dumps(fields).encode()[1:-1]
    return b"{" + b",".join([more, given] if first else [given, more]) + b"}"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("case", OF_JSON)
def test_in_json(api: Api, case: str, first: bool) -> None:
    body = in_json({"grant_type": "client_credentials"}, OF_JSON[case], first=first)
    standard_tokens(post(api, "/oauth/token", JSON, body, basic=MACHINE), None, refresh=False)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("case", OF_FORM)
def test_in_a_form(api: Api, case: str, first: bool) -> None:
    given = b"grant_type=client_credentials"
    body = b"&".join([OF_FORM[case], given] if first else [given, OF_FORM[case]])
    standard_tokens(post(api, "/oauth/token", FORM, body, basic=MACHINE), None, refresh=False)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("case", OF_MULTIPART)
def test_in_a_multipart_form(api: Api, case: str, first: bool) -> None:
    given = _part('name="grant_type"', b"client_credentials")
    body = b"".join([OF_MULTIPART[case], given] if first else [given, OF_MULTIPART[case]]) + b"--b--\r\n"
    standard_tokens(post(api, "/oauth/token", MULTIPART, body, basic=MACHINE), None, refresh=False)


@pytest.mark.parametrize("case", OF_JSON)
def test_at_the_endpoints_of_codes(api: Api, case: str) -> None:
    number = new_number()
    api.time.advance(7200)
    fields = {"mobile": number}
    assert post(api, "/mobile/code/get", JSON, in_json(fields, OF_JSON[case]), basic=WEB) == DONE
    fields["code"] = api.last_code
    assert post(api, "/mobile/code/verify", JSON, in_json(fields, OF_JSON[case])) == DONE


@pytest.mark.parametrize("case", OF_JSON)
def test_at_introspection_and_revocation(api: Api, case: str) -> None:
    more = OF_JSON[case].replace(b'"token"', b'"other"')
    body = in_json({"token": "nonsense"}, more)
    assert post(api, "/oauth/introspect", JSON, body, basic=STANDARD).json == {"active": False}
    assert post(api, "/oauth/revoke", JSON, body, basic=STANDARD).json == {}


@pytest.mark.parametrize("case", OF_JSON)
def test_at_the_endpoints_of_users(api: Api, case: str) -> None:
    name, more = new_name(), OF_JSON[case].replace(b'"phone"', b'"other"').replace(b'"openId"', b'"another"')
    fields: dict[str, Any] = {"username": name, "password": "plum-blossom-7"}
    user_id = gives(post(api, "/users/register", JSON, in_json(fields, more)))
    person = somebody(api)
    body = in_json({"id": person.id, "age": "18"}, more)
    succeeds(post(api, "/userDetail/update", JSON, body, bearer=person.token))
    assert gives(post(api, "/users/find", JSON, in_json({"username": name}, more), bearer=api.admin()))["id"] == user_id


# --- known ones ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_id", "code", "username"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, lambda name: f'{{"{name}":"x","{name}":"x"}}'.encode()),
        (JSON, lambda name: f'{{"{name}":"x"," {name} ":null}}'.encode()),
        (FORM, lambda name: f"{name}=x&{name}=x".encode()),
        (FORM, lambda name: f"{name}=x&x=1&{name}".encode()),
        (FORM, lambda name: f"{name}=x&%{ord(name[0]):x}{name[1:]}=x".encode()),
        (MULTIPART, lambda name: _part(f"name={name}") * 2 + b"--b--"),
    ],
    ids=range(6),
)
def test_a_known_one_twice(api: Api, name: str, content_type: str, body: Callable[[str], bytes]) -> None:
    answer = post(api, "/oauth/token", content_type, body(name), basic=STANDARD)
    assert answer == error(400, "invalid_request", f"The parameter {name} is given twice")


def test_a_known_field_twice(api: Api) -> None:
    person = somebody(api)
    for body in (b'{"id":%d,"age":"1","age":"2"}' % person.id, b'{"id":%d,"age":"1"," age":"1"}' % person.id):
        refuses(post(api, "/userDetail/update", JSON, body, bearer=person.token), 400, "参数 age 重复")
    roles = b'{"id":%d,"roleList":[{"id":1,"id":2}]}' % person.id
    refuses(post(api, "/users/role/update", JSON, roles, bearer=api.admin()), 400, "参数 id 重复")


def test_a_known_one_as_a_file(api: Api) -> None:
    body = _part("name=grant_type; filename=a.txt", b"client_credentials") + b"--b--"
    answer = post(api, "/oauth/token", MULTIPART, body, basic=MACHINE)
    assert answer == error(400, "invalid_request", "The parameter grant_type must be text")


def test_a_known_one_is_read_strictly(api: Api) -> None:
    """What is ignored elsewhere is refused in what the endpoint knows."""
    for content_type, body in ((FORM, b"mobile=%ff"), (JSON, rb'{"mobile":"\ud83d"}'), (JSON, b'{"mobile":true}')):
        assert post(api, "/mobile/code/get", content_type, body, basic=WEB).status == 400


# --- encodings of a body --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b"grant_type=client_credentials"),
        (JSON, b'{"grant_type":"client_credentials"}'),
        ("text/plain", b'{"grant_type":"client_credentials"}'),
        (MULTIPART, _part("name=grant_type", b"client_credentials") + b"--b--"),
    ],
)
def test_a_byte_order_mark(api: Api, content_type: str, body: bytes) -> None:
    standard_tokens(post(api, "/oauth/token", content_type, BOM + body, basic=MACHINE), None, refresh=False)
    assert (
        post(api, "/oauth/token", content_type, BOM + BOM + body, basic=MACHINE).status == 400
        or content_type == MULTIPART
    )


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=b", _part("name=grant_type", b"client_credentials") + b"--b--"),
        (
            'Multipart/Form-Data; charset=utf-8; Boundary="b"',
            _part('name="grant_type"', b"client_credentials") + b"--b--",
        ),
        (r'multipart/form-data; boundary="\b"', _part("name=grant_type", b"client_credentials") + b"--b--\r\nepilogue"),
        (MULTIPART, b"preamble\r\n" + _part("name=grant_type", b"client_credentials") + b"--b--"),
        (MULTIPART, _part("name=grant_type", b"client_credentials").replace(b"--b\r\n", b"--b \t\r\n") + b"--b--"),
        (MULTIPART, _part("name=grant_type", b"client_credentials").replace(b"\r\n", b"\n") + b"--b--\n"),
        (MULTIPART, b'--b\r\ncontent-disposition:form-data;\r\n name="grant_type"\r\n\r\nclient_credentials\r\n--b--'),
        (MULTIPART, _part("NAME = grant_type", b"client_credentials") + b"--b--"),
        (MULTIPART, _part("name=grant_type", b"client_credentials", "Content-Transfer-Encoding: 8bit\r\n") + b"--b--"),
        (
            MULTIPART,
            _part("name=grant_type", b"Y2xpZW50X2NyZWRlbnRpYWxz", "Content-Transfer-Encoding: base64\r\n") + b"--b--",
        ),
        (
            MULTIPART,
            _part("name=grant_type", b"client=5Fcredentials", "Content-Transfer-Encoding: quoted-printable\r\n")
            + b"--b--",
        ),
        (
            MULTIPART,
            _part("name=grant_type", b"client_credentials", "Content-Type: text/plain; charset=UTF-8\r\n") + b"--b--",
        ),
    ],
    ids=range(12),
)
def test_multipart_forms_as_clients_write_them(api: Api, content_type: str, body: bytes) -> None:
    standard_tokens(post(api, "/oauth/token", content_type, body, basic=MACHINE), None, refresh=False)


def test_a_form_with_mere_line_feeds_may_hold_a_text_with_others(api: Api) -> None:
    body = (_part("name=x") + _part("name=grant_type", b"client_credentials")).replace(b"\r\n", b"\n") + b"--b--\n"
    body = body.replace(b"\nx\n", b"\none line\r\nand another\r\n\n")
    standard_tokens(post(api, "/oauth/token", MULTIPART, body, basic=MACHINE), None, refresh=False)


def test_a_boundary_within_a_line_is_content(api: Api) -> None:
    body = _part("name=grant_type", b"x--b--") + b"--b--"
    answer = post(api, "/oauth/token", MULTIPART, body, basic=STANDARD)
    assert answer == error(400, "unsupported_grant_type", "Unsupported grant type: x--b--")


def test_an_empty_form_has_no_parameters(api: Api) -> None:
    assert post(api, "/oauth/token", MULTIPART, b"--b--", basic=STANDARD) == missing("grant_type")
