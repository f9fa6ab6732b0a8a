"""How a token request may come (contract, section 1): its body, its parameters, and who it says its client is."""

import base64
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.clients.service import new_client
from tests.support.api import Answer, Api, own_headers
from tests.support.expect import standing_api
from tests.support.logs import LOGS
from tests.support.tokens import (
    ALICE,
    BAD_CLIENT,
    CHALLENGE,
    REFUSED_CLIENT,
    STANDARD,
    TOKEN_PATHS,
    WEB,
    error,
    missing,
    opens,
    spring_tokens,
    standard_tokens,
    stored,
)

DISAGREE = error(401, "invalid_client", "The client ids in the header and the body differ", CHALLENGE)
SECRET = {"client_id": "standard-client", "client_secret": "standard-secret"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api() as opened:
        store: Any = opened.services.store
        store.put_client(new_client("1024", "standard", "a-numbered-secret", grants=("password",)))
        yield opened


def invoke(api: Api, body: str | None, *, is_base64: bool, headers: dict[str, str]) -> Answer:
    """The answer of the token function to an event made by hand, as another gateway might make it."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "ANY /oauth/token",
        "rawPath": "/oauth/token",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "http": {"method": "POST", "path": "/oauth/token", "sourceIp": "192.0.2.1"},
            "domainName": "api.example.com",
            "requestId": "by-hand",
            "stage": "$default",
        },
        "isBase64Encoded": is_base64,
    }
    if body is not None:
        event["body"] = body
    result: Any = api._gateway.invoke("TokenFunction", event)
    for token in ("access_token", "refresh_token"):
        LOGS.hush("token", json.loads(result["body"]).get(token, ""))
    return Answer(result["statusCode"], own_headers(result["headers"]), result["body"])


# --- bodies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_a_json_body(api: Api, content_type: str) -> None:
    answer = api.post("/oauth/token", json_body={**ALICE, **SECRET}, headers={"Content-Type": content_type})
    assert opens(api, standard_tokens(answer))["username"] == "alice"


@pytest.mark.parametrize("content_type", ["application/vnd.api+json", "text/plain", "text/plain;charset=UTF-8", ""])
def test_a_json_body_under_another_type(api: Api, content_type: str) -> None:
    """A type that ends in `json` says so; under one that says nothing of forms, the first brace does."""
    headers = {"Content-Type": content_type} if content_type else {}
    body = json.dumps({**ALICE, **SECRET}).encode()
    standard_tokens(api.post("/oauth/token", body=body, headers=headers))


def test_a_json_body_with_a_byte_order_mark(api: Api) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(ALICE).encode()
    spring_tokens(api.post("/oauth/token", body=body, basic=WEB, headers={"Content-Type": "application/json"}))


@pytest.mark.parametrize("content_type", [FORM, FORM + "; charset=utf-8", FORM.upper(), "", "text/plain"])
def test_a_form_under_its_type_or_none(api: Api, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    body = b"grant_type=password&username=alice&password=correct+horse%20battery"
    spring_tokens(api.post("/oauth/token", body=body, basic=WEB, headers=headers))


@pytest.mark.parametrize("boundary", ["xyz", '"x y z"', "----WebKitFormBoundary7MA4YWxkTrZu0gW"])
def test_a_multipart_form(api: Api, boundary: str) -> None:
    line = f"--{boundary.strip('"')}"
    parts = [
        f'{line}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**ALICE, **SECRET}.items()
    ]
    body = "".join([*parts, f"{line}--\r\n"]).encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert opens(api, standard_tokens(api.post("/oauth/token", body=body, headers=headers)))["username"] == "alice"


def test_a_multipart_form_in_any_script(api: Api) -> None:
    body = (
        '--b\r\nContent-Disposition: form-data; name="grant_type"\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n'
        "密码\r\n--b--\r\n"
    ).encode()
    answer = api.post("/oauth/token", body=body, basic=WEB, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer == error(400, "unsupported_grant_type", "Unsupported grant type: ??")


@pytest.mark.parametrize("content_type", ["application/json", FORM])
def test_a_base64_body(api: Api, content_type: str) -> None:
    """API Gateway encodes every body that it does not take for text."""
    fields = {**ALICE, **SECRET}
    text = urllib.parse.urlencode(fields) if content_type == FORM else json.dumps(fields)
    encoded = base64.b64encode(text.encode()).decode()
    standard_tokens(invoke(api, encoded, is_base64=True, headers={"content-type": content_type}))
    standard_tokens(invoke(api, text, is_base64=False, headers={"content-type": content_type}))


@pytest.mark.parametrize("body", ["%%%", "Z3JhbnRfdHlwZQ", "Z3Jh\nbnRfdHlwZQ==", "密码", "\ud800"])
def test_a_base64_body_that_is_none(api: Api, body: str) -> None:
    expected = error(400, "invalid_request", "The body cannot be read: it is not base64, or not UTF-8")
    assert invoke(api, body, is_base64=True, headers={"content-type": FORM}) == expected


def test_a_text_body_that_is_no_unicode(api: Api) -> None:
    expected = error(400, "invalid_request", "The body cannot be read: it is not base64, or not UTF-8")
    assert invoke(api, "grant_type=\udcff", is_base64=False, headers={"content-type": FORM}) == expected


@pytest.mark.parametrize("body", [None, ""])
def test_an_event_without_a_body(api: Api, body: str | None) -> None:
    headers = {"authorization": "Basic d2ViLWNsaWVudDp3ZWItc2VjcmV0"}
    assert invoke(api, body, is_base64=False, headers=headers) == missing("grant_type")
    assert invoke(api, body, is_base64=True, headers=headers) == missing("grant_type")


# --- parameters -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spaced", ["{} ", " {}", "\t{}\n", "　{} "])
def test_white_space_around_names_is_nothing(api: Api, spaced: str) -> None:
    fields = {spaced.format(name): value for name, value in ALICE.items()}
    spring_tokens(api.post("/oauth/token", form=fields, basic=WEB))
    spring_tokens(api.post("/oauth/token", json_body=fields, basic=WEB))


def test_white_space_around_values_is_theirs(api: Api) -> None:
    form = {**ALICE, "password": " correct horse battery"}
    assert api.post("/oauth/token", form=form, basic=WEB) == error(400, "invalid_grant", "Bad credentials")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("grant_type=password&grant_type=password", "grant_type"),
        ("grant_type=password&username=alice&username=bob", "username"),
        ("grant_type=password&username=alice&username+=bob", "username"),
        ("grant_type=password&password=&password=x", "password"),
        ("client_id=web-client&client_id=web-client", "client_id"),
        ("grant_type=password&user%6eame=alice&username=bob", "username"),
    ],
)
def test_a_parameter_sent_twice_is_refused(api: Api, body: str, name: str) -> None:
    """RFC 6749 section 3.2, whatever its values."""
    answer = api.post("/oauth/token", body=body.encode(), basic=WEB, headers={"Content-Type": FORM})
    assert answer == error(400, "invalid_request", f"The parameter {name} is given twice")


@pytest.mark.parametrize(
    "body",
    [
        '{"grant_type":"password","username":"alice","username":"alice"}',
        '{"grant_type":"password","username":"alice","username ":"alice"}',
        '{"grant_type":"password","username":null,"username":"alice"}',
        r'{"grant_type":"password","username":"alice","\u0075sername":"bob"}',
    ],
)
def test_a_json_name_given_twice_is_refused(api: Api, body: str) -> None:
    answer = api.post("/oauth/token", body=body.encode(), basic=WEB, headers={"Content-Type": "application/json"})
    assert answer == error(400, "invalid_request", "The parameter username is given twice")


def test_a_multipart_field_given_twice_is_refused(api: Api) -> None:
    part = '--b\r\nContent-Disposition: form-data; name="username"\r\n\r\nalice\r\n'
    body = f"{part}{part}--b--\r\n".encode()
    answer = api.post("/oauth/token", body=body, basic=WEB, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer == error(400, "invalid_request", "The parameter username is given twice")


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_parameter_is_none(api: Api, value: str | None) -> None:
    """RFC 6749 section 3.2."""
    fields = {**ALICE, "scope": value, "client_id": value, "refresh_token": value, "unknown": value}
    spring_tokens(api.post("/oauth/token", json_body=fields, basic=WEB))
    assert api.post("/oauth/token", json_body={"grant_type": value}, basic=WEB) == missing("grant_type")


def test_what_nobody_knows_is_left_alone(api: Api) -> None:
    """RFC 6749 section 3.2: unrecognised request parameters are ignored."""
    form = {**ALICE, "device": "phone", "audience": "x", "mobile": "1", "code": "000000"}
    spring_tokens(api.post("/oauth/token", form=form, basic=WEB))


@pytest.mark.parametrize(
    "name",
    [
        "access_token",
        "accessToken",
        "client_secret",
        "code",
        "md5password",
        "password",
        "refreshToken",
        "refresh_token",
        "shapassword",
        "sign",
        "token",
        "username",
        "validateCode",
    ],
)
@pytest.mark.parametrize("path", [*TOKEN_PATHS, "/mobile/token", "/sign/token"])
def test_credentials_in_the_address_are_refused(api: Api, path: str, name: str) -> None:
    before = stored(api)
    said = f"Send {name} in the body, not in the query string: addresses end up in logs"
    for query in (f"?{name}=x", f"?a=b&%20{name}+=", f"?{name}"):
        assert api.post(path + query, form=ALICE, basic=WEB) == error(400, "invalid_request", said)
    assert stored(api) == before


@pytest.mark.parametrize(
    "query", ["?", "?lang=zh", "?grant_type=password&client_id=web-client", "?%ff=%ff&;&=", "?a=%"]
)
def test_other_words_in_the_address_do_nothing(api: Api, query: str) -> None:
    assert api.post("/oauth/token" + query, form={}, basic=WEB) == missing("grant_type")
    spring_tokens(api.post("/oauth/token" + query, form=ALICE, basic=WEB))


# --- the client -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["client_id", "clientId"])
def test_basic_with_the_same_id_in_the_body_is_fine(api: Api, name: str) -> None:
    spring_tokens(api.post("/oauth/token", form={**ALICE, name: "web-client"}, basic=WEB))


def test_all_three_may_say_the_same(api: Api) -> None:
    ids = {"client_id": "web-client", "clientId": "web-client", "client_secret": "not-looked-at"}
    spring_tokens(api.post("/oauth/token", form={**ALICE, **ids}, basic=WEB))


@pytest.mark.parametrize(
    "ids",
    [
        {"client_id": "app-client"},
        {"clientId": "app-client"},
        {"client_id": "web-client", "clientId": "app-client"},
        {"client_id": "Web-client"},
        {"client_id": "web-client "},
        {"client_id": "public-client"},
        {"client_id": 7},
    ],
)
def test_an_id_that_disagrees_with_basic(api: Api, ids: dict[str, Any]) -> None:
    assert api.post("/oauth/token", json_body={**ALICE, **ids}, basic=WEB) == DISAGREE


def test_two_ids_in_the_body_that_disagree(api: Api) -> None:
    form = {**ALICE, **SECRET, "clientId": "web-client"}
    assert api.post("/oauth/token", form=form) == DISAGREE
    public = {**ALICE, "client_id": "public-client", "clientId": "web-client"}
    assert api.post("/oauth/token", form=public) == DISAGREE


def test_the_other_name_of_the_id_will_do(api: Api) -> None:
    form = {**ALICE, "clientId": "standard-client", "client_secret": "standard-secret"}
    standard_tokens(api.post("/oauth/token", form=form))


@pytest.mark.parametrize("name", ["client_id", "clientId"])
@pytest.mark.parametrize("value", [1024, "1024"], ids=["number", "text"])
def test_an_id_may_be_a_json_number(api: Api, name: str, value: int | str) -> None:
    fields = {**ALICE, name: value, "client_secret": "a-numbered-secret"}
    standard_tokens(api.post("/oauth/token", json_body=fields), None)
    standard_tokens(
        api.post("/oauth/token", json_body={**ALICE, name: value}, basic=("1024", "a-numbered-secret")), None
    )


@pytest.mark.parametrize("value", [1024.0, True, ["1024"], {"id": "1024"}])
def test_an_id_of_another_type_is_none(api: Api, value: Any) -> None:
    fields = {**ALICE, "client_id": value, "client_secret": "a-numbered-secret"}
    assert api.post("/oauth/token", json_body=fields) == error(
        400, "invalid_request", "The parameter client_id must be text"
    )


DIGESTS = {
    "md5password": "0d8d5cd06832b29560745fe4e1b941cf",
    "shapassword": "0b1ac5e0ea6ba9af4bd5d1ff2d4b9e9f3d0bd0e5",
}


@pytest.mark.parametrize("client_id", ["web-client", "app-client", "standard-client", "machine-client", "1024"])
@pytest.mark.parametrize(
    "rest",
    [
        {"username": "alice", **DIGESTS},
        {"username": "alice", **DIGESTS, "grant_type": "password", "password": "correct horse battery"},
        {"username": "13312341234", "validateCode ": "123456"},
        {"username": "alice", **DIGESTS, "grant_type": "client_credentials"},
    ],
    ids=["digests", "with a password", "with a code", "for itself"],
)
def test_a_body_of_seed_002_never_opens_a_client_that_has_a_secret(
    api: Api, client_id: str, rest: dict[str, str]
) -> None:
    """It carries no secret; the record, and not the shape, says whether one is needed."""
    before = stored(api)
    fields = {"sysid": "crm", "clientId": client_id, **rest}
    refused = REFUSED_CLIENT.get(client_id, BAD_CLIENT)
    assert api.post("/oauth/token", form=fields) == refused
    assert api.post("/oauth/token", json_body=fields) == refused
    assert stored(api) == before


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/mobile/token", {"mobile": "13312341234", "code": "123456"}),
        ("/sign/token", {"sign": "o-1"}),
        ("/oauth/token", {"grant_type": "urn:lingpai:grant:sign", "sign": "o-1"}),
    ],
)
@pytest.mark.parametrize("client", [STANDARD, WEB])
def test_no_path_opens_a_client_that_keeps_its_secret_to_itself(
    api: Api, path: str, fields: dict[str, str], client: tuple[str, str]
) -> None:
    before = stored(api)
    assert api.post(path, form={**fields, "client_id": client[0]}) == REFUSED_CLIENT.get(client[0], BAD_CLIENT)
    assert api.post(path, form=fields) == BAD_CLIENT
    assert stored(api) == before
