"""Anything at all at the endpoints that give tokens and codes: never a fault of ours."""

import base64
import json
import unicodedata
import urllib.parse
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from lingpai.accounts import identities
from lingpai.kernel import phone_numbers, typed_text
from lingpai.legacy import dialects
from lingpai.oauth import token_endpoint as token
from lingpai.oauth.grants import GRANT_TYPES
from local import gateway
from tests.support.api import Api
from tests.support.expect import standing_api

PATHS = ("/oauth/token", "/oauth/token/", "/mobile/token", "/mobile/code/get", "/mobile/code/verify", "/sign/token")
NAMES = (
    *("grant_type", "username", "password", "refresh_token", "scope", "client_id", "clientId", "client_secret"),
    *("mobile", "code", "sign", "validateCode ", "md5password", "sysid", "", " "),
)
VALUES = (
    *GRANT_TYPES,
    *("alice", "correct horse battery", "web-client", "standard-client", "public-client", "standard-secret"),
    *("13912345678", "+8613312341234", "+1", "123456", "o-1", "read write", "A" * 22 + "." + "A" * 43, "\x00", "é"),
)
CONTENT_TYPES = (
    *("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain"),
    *("multipart/form-data", "application/x+json; charset=x", "multipart/form-data; boundary*0=b", "", ";"),
)
BASICS = ("web-client:web-secret", "standard-client:standard-secret", "public-client:", "web-client:x", ":", "x")

text = st.text(max_size=60)
value = st.one_of(st.sampled_from(VALUES), text)
name = st.one_of(st.sampled_from(NAMES), text)
pairs = st.lists(st.tuples(name, value), max_size=8)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), value),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=8,
)


def multipart(fields: list[tuple[str, str]]) -> bytes:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode("utf-8", "surrogatepass")
        for name, value in fields
    ]
    return b"".join([*parts, b"--b--\r\n"])


def encoded(fields: list[tuple[str, str]]) -> bytes:
    return urllib.parse.urlencode(fields, errors="surrogatepass").encode()


bodies = st.one_of(
    st.binary(max_size=300),
    pairs.map(encoded),
    pairs.map(multipart),
    pairs.map(lambda fields: json.dumps(dict(fields)).encode()),
    st.dictionaries(name, anything, max_size=8).map(lambda content: json.dumps(content).encode()),
    anything.map(lambda content: json.dumps(content).encode()),
)
header = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=60)
authorizations = st.one_of(
    st.none(),
    header,
    st.sampled_from(BASICS).map(lambda pair: "Basic " + base64.b64encode(pair.encode()).decode()),
    st.binary(max_size=40).map(lambda raw: "basic " + base64.b64encode(raw).decode()),
    header.map(lambda token: "Bearer " + token),
)
queries = st.one_of(
    st.just(""), st.binary(max_size=30).map(urllib.parse.quote_from_bytes), pairs.map(urllib.parse.urlencode)
)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api() as opened:
        yield opened


def call(api: Api, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
    """Past the checks of `Api.call`, which is for requests that make sense."""
    request = gateway.Request(method, target, tuple(headers.items()), body, "192.0.2.1")
    return gateway.answer(api._gateway, request)


@given(
    path=st.sampled_from(PATHS),
    body=bodies,
    content_type=st.one_of(st.sampled_from(CONTENT_TYPES), header),
    authorization=authorizations,
    language=header,
    query=queries,
)
@example("/oauth/token", b"grant_type=password&username=%F0%9F%80%84", "", None, "en;q=\xb2", "")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_request_is_a_fault_of_ours(
    api: Api, path: str, body: bytes, content_type: str, authorization: str | None, language: str, query: str
) -> None:
    headers = {"Content-Type": content_type, "Accept-Language": language}
    if authorization is not None:
        headers["Authorization"] = authorization
    reply = call(api, "POST", f"{path}?{query}" if query else path, headers, body)
    content = json.loads(reply.body)
    assert 200 <= reply.status < 500
    assert ("cache-control", "no-store") in {(name.lower(), value) for name, value in reply.headers}
    if content.get("status") == 0:
        # As the calls of seed 002 are refused.
        assert (reply.status, set(content)) == (200, {"status", "msg"})
    elif reply.status == 200:
        assert content.get("status") == 200 or content["token_type"].lower() == "bearer"
    elif "status" in content:
        assert set(content) == {"status", "error"}
        assert content["status"] == reply.status
        assert isinstance(content["error"], str)
    else:
        # What carries a scope and is of no client known looks like Passport's.
        text = "message" if "message" in content else "error_description"
        assert set(content) - {"hint"} == {"error", text, "reason"}
        # RFC 6749 section 5.2
        content.pop("hint", None)
        assert all(" " <= c <= "~" and c not in '"\\' for text in content.values() for c in text)


@given(st.binary(max_size=60000 // 8).map(lambda raw: raw * 8))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
def test_no_large_request_is_either(api: Api, body: bytes) -> None:
    for content_type in CONTENT_TYPES[:4]:
        headers = {"Content-Type": content_type, "Authorization": "Basic d2ViLWNsaWVudDp3ZWItc2VjcmV0"}
        assert 400 <= call(api, "POST", "/oauth/token", headers, body).status < 500


# --- what is beside the point changes nothing -----------------------------------------------------------------------

KNOWN = {name.strip() for name in NAMES} | token.known_parameters(dialects)
strange_names = name.filter(lambda name: name.strip() not in KNOWN)
numbers = st.one_of(st.integers().map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr))
raw_json = st.one_of(anything.map(json.dumps), numbers)
machine_request = {"grant_type": "client_credentials", "scope": "read"}


def _json_pair(name: str, value: str) -> str:
    return f"{json.dumps(name)}:{value}"


@st.composite
def with_strangers(draw: st.DrawFn) -> tuple[str, bytes]:
    """A request with fields in any place that the endpoint does not know: content type and body."""
    fields = list(machine_request.items())
    pairs: list[Any]
    match draw(st.sampled_from(["form", "json", "multipart"])):
        case "form":
            quoted = st.one_of(
                text.map(lambda t: quote(t, errors="surrogatepass")), st.sampled_from(["%", "%ff", "+", ""])
            )
            made = st.tuples(strange_names.map(lambda n: quote(n, errors="surrogatepass")), quoted)
            pairs = _shuffled(draw, [(n, quote(v)) for n, v in fields], draw(st.lists(made, max_size=8)))
            return CONTENT_TYPES[1], "&".join(f"{n}={v}" for n, v in pairs).encode()
        case "json":
            made = st.tuples(strange_names, _finite(raw_json))
            pairs = _shuffled(draw, [(n, json.dumps(v)) for n, v in fields], draw(st.lists(made, max_size=8)))
            return CONTENT_TYPES[0], ("{" + ",".join(_json_pair(n, v) for n, v in pairs) + "}").encode()
        case _:
            plain = st.text(st.characters(codec="utf-8", exclude_characters='\r\n"\\'), max_size=20)
            content = st.binary(max_size=40).filter(lambda value: b"--b" not in value)
            parts = st.tuples(plain.filter(lambda n: n.strip() not in KNOWN), content, st.booleans())
            strangers = draw(st.lists(parts, max_size=8))
            pairs = _shuffled(draw, [(n, v.encode(), False) for n, v in fields], strangers)
            return CONTENT_TYPES[2], b"".join(_part(*each) for each in pairs) + b"--b--\r\n"


def _finite(made: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return made.filter(lambda value: "NaN" not in value and "Infinity" not in value)


def _shuffled(draw: st.DrawFn, some: list[Any], more: list[Any]) -> list[Any]:
    shuffled: list[Any] = draw(st.permutations([*some, *more]))
    return shuffled


def _part(name: str, value: bytes, is_file: bool) -> bytes:
    more = '; filename="a.bin"' if is_file else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


@pytest.mark.security("F28")
@given(sent=with_strangers())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_unknown_parameters_change_nothing(api: Api, sent: tuple[str, bytes]) -> None:
    content_type, body = sent
    headers = {"Content-Type": content_type, "Authorization": "Basic bWFjaGluZS1qd3Q6bWFjaGluZS1qd3Qtc2VjcmV0"}
    reply = call(api, "POST", "/oauth/token", headers, body)
    assert (reply.status, json.loads(reply.body).get("scope")) == (200, "read"), reply.body


UNSEEN = st.text(st.characters(categories=["Zs", "Zl", "Zp", "Cf"]), max_size=3)
ZEROS = "0０٠۰०๐𝟎🯰"


@st.composite
def pasted(draw: st.DrawFn, digits: str) -> str:
    """The digits in any scripts, with what nobody sees around each of them."""
    spelled = [chr(ord(draw(st.sampled_from(ZEROS))) + int(digit)) for digit in digits]
    return draw(UNSEEN) + "".join(character + draw(UNSEEN) for character in spelled)


@pytest.mark.security("F27")
@given(number=pasted("13912345678"), code=pasted("123456"), name=st.tuples(UNSEEN, UNSEEN))
@settings(max_examples=100, deadline=None)
def test_whatever_is_pasted_is_the_same_number_and_code(
    api: Api, number: str, code: str, name: tuple[str, str]
) -> None:
    assert phone_numbers.as_mobile(number, "CN") == "+8613912345678"
    assert typed_text.digits(code) == "123456"
    assert identities.login_key(api.services, name[0] + "alice" + name[1]) == "username:alice"


@pytest.mark.security("F27")
@given(
    at=st.integers(0, 11),
    other=st.characters(
        exclude_categories=["Zs", "Zl", "Zp", "Cf", "Nd", "Pd", "Cs"], exclude_characters="+()./＋（）．／﹢"
    ),
)
@settings(max_examples=300, deadline=None)
def test_nothing_else_is_part_of_a_number(at: int, other: str) -> None:
    assume(unicodedata.normalize("NFKC", other) not in "+()./")
    number = "13912345678"
    assert phone_numbers.as_mobile(number[:at] + other + number[at:], "CN") is None
