"""Requests: parsing an API Gateway 2.0 event, and the parameters of its body."""

import binascii
import codecs
import ipaddress
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lingpai.http import cookies, multipart
from lingpai.kernel.clock import CODE_DIGITS
from lingpai.kernel.errors import LingpaiError, invalid_request, too_large
from lingpai.kernel.language import Language
from lingpai.kernel.messages import preferred

if TYPE_CHECKING:
    from lingpai.oauth.rights import Admission

MAX_BODY = 64 * 1024
# A string, which stays as it is, or a comma before a closing bracket.
_TRAILING_COMMA = re.compile(rb'("(?:[^"\\]++|\\.)*+"?)|,(\s*[}\]])')
# Longer integers are not converted: the time for it grows with the square of their length.
_INTEGER_DIGITS = 100
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
# Unicode's category Cc.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# The parameters that identify and authenticate a client.
CLIENT = frozenset({"client_id", "clientId", "client_secret"})
# Accepted unchanged: these are only compared or hashed, never shown.
_OPAQUE = {"password", "oldPassword", "newPassword", "client_secret"}
# May be sent more than once (RFC 8707 section 2); each value becomes a line, since none holds a line end.
_REPEATABLE = {"resource"}
# JSON clients send these as numbers, too.
_CODES = {"code", "totp", "validateCode"}
_NUMBERS_ALLOWED = {"client_id", "clientId", "mobile", "sys", "sysId", "sysid", "username", *_CODES}
# Parameters that may not be in the query string, since URLs are logged.
CREDENTIALS = {
    "access_token",
    "accessToken",
    "accesstoken",
    "auth_session",
    "client_secret",
    "code",
    "code_verifier",
    "id_token",
    "js_code",
    "md5password",
    "newPassword",
    "nonce",
    "oldPassword",
    "password",
    "phone_code",
    "recovery_code",
    "refreshToken",
    "refresh_token",
    "shapassword",
    "sign",
    "token",
    "totp",
    "username",
    "validateCode",
}


@dataclass(frozen=True)
class Request:
    """An HTTP request, its header names in lower case.

    `source_ip` and `origin` (scheme and host of the request) come from API Gateway, never from a header; except
    `source_ip` behind an authenticated proxy (`http.proxy`). `admission` is set on routes that need a token, after its
    check.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    query: str = field(repr=False)
    raw_body: str = field(repr=False)
    is_base64: bool
    source_ip: str
    id: str
    origin: str
    raw_cookies: tuple[str, ...] = field(default=(), repr=False)
    admission: "Admission | None" = None

    @property
    def language(self) -> Language:
        """The language to answer in."""
        return preferred(self.headers.get("accept-language", ""))

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return cookies.read(self.raw_cookies)


class MalformedEventError(ValueError):
    """The event is not an HTTP API event of payload format 2.0. The text has the reason, and quotes nothing of it."""


def from_event(event: object) -> Request:
    """The request in an HTTP API event of payload format 2.0; MalformedEventError for anything else."""
    if not isinstance(event, dict):
        raise MalformedEventError("the event is no object")
    headers, body = event.get("headers", {}), event.get("body")
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise MalformedEventError("headers: not an object of texts")
    if not isinstance(body, str | None):
        raise MalformedEventError("body: not a text")
    named = dict(zip(map(str.lower, headers), headers.values(), strict=True))
    # Some gateways leave them in their header.
    sent_cookies = event.get("cookies") or ([named["cookie"]] if "cookie" in named else [])
    if not isinstance(sent_cookies, list) or not all(isinstance(cookie, str) for cookie in sent_cookies):
        raise MalformedEventError("cookies: not a list of texts")
    context = event.get("requestContext")
    stage, source_ip = _text_at(context, "stage"), _text_at(context, "http", "sourceIp")
    try:
        ipaddress.ip_address(source_ip)
    except ValueError:
        raise MalformedEventError("http.sourceIp: not an address") from None
    return Request(
        method=_text_at(context, "http", "method"),
        path=_text_at(event, "rawPath").removeprefix("" if stage == "$default" else f"/{stage}"),
        headers=named,
        query=_text_at(event, "rawQueryString") if "rawQueryString" in event else "",
        raw_body=body or "",
        is_base64=bool(event.get("isBase64Encoded")),
        source_ip=source_ip,
        id=_text_at(context, "requestId"),
        origin=f"https://{_text_at(context, 'domainName')}",
        raw_cookies=tuple(sent_cookies),
    )


def _text_at(found: object, *names: str) -> str:
    """The text under these names; MalformedEventError without one."""
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise MalformedEventError(f"{'.'.join(names)}: not a text")
    return found


def refuse_credentials_in_query(request: Request, allowed: Collection[str] = ()) -> None:
    """LingpaiError if a credential is in the query string, unless its name is `allowed` there."""
    if not request.query:
        return
    for name, _ in _fields(request.query.encode("utf-8", "replace")):
        if name in CREDENTIALS and name not in allowed:
            raise invalid_request("credentials_in_query", name=name)


def parameters(request: Request, known: Collection[str], *, trailing_commas: bool = False) -> dict[str, str]:
    """The `known` parameters of a form, multipart or JSON body, as text; empty ones count as absent.

    RFC 6749 section 3.2. All others are ignored, even if repeated or malformed. With `trailing_commas`, JSON may have
    a comma after its last element, as in seed 000.
    """
    given = all_parameters(request, known, trailing_commas=trailing_commas)
    return {name: value for name, value in given.items() if value}


def all_parameters(
    request: Request, known: Collection[str], *, trailing_commas: bool = False, lines: Collection[str] = ()
) -> dict[str, str]:
    """As `parameters`, but with the empty ones. The fields `lines` may have more than one line."""
    body = _body(request)
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        pairs = _multipart(content_type, body, known)
    elif kind.endswith("json") or (kind != "application/x-www-form-urlencoded" and body.lstrip()[:1] == b"{"):
        content = _forgiven(body) if trailing_commas else body
        pairs = ((name, _text(name, value)) for name, value in _json_fields(content) if name in known)
    else:
        pairs = _form(body, known)
    result: dict[str, str] = {}
    for name, value in pairs:
        if name in result and name not in _REPEATABLE:
            raise _repeated(name)
        if name not in _OPAQUE and CONTROL.search(_joined(value) if name in lines else value):
            raise invalid_request("control_character", name=name)
        result[name] = f"{result[name]}\n{value}" if name in result else value
    return result


def _joined(lines: str) -> str:
    """The text of a field with lines, in one line."""
    return lines.replace("\r\n", " ").replace("\n", " ")


def _forgiven(body: bytes) -> bytes:
    """The JSON without trailing commas; strings are left unchanged."""
    return _TRAILING_COMMA.sub(rb"\1\2", body)


def json_body(request: Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object. `fields` read it. Names are trimmed."""
    body = _body(request)
    return _json_object(body) if body.strip() else {}


def authorization(request: Request) -> tuple[str, str]:
    """The scheme of the Authorization header in lower case, and its credentials; two empty texts without the header.

    RFC 9110 section 11.4: the case of the scheme does not matter.
    """
    scheme, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    return scheme.lower(), credentials.strip()


def form_text(request: Request) -> str:
    """The body as the text of a form, its escapes left as they are; LingpaiError for one that is not UTF-8."""
    try:
        return _body(request).decode()
    except UnicodeDecodeError:
        raise _malformed("不是 UTF-8 表单", "it is no UTF-8 form") from None


def require(given: Mapping[str, str], *names: str) -> None:
    """LingpaiError for the first of these parameters that is missing."""
    for name in names:
        if name not in given:
            raise invalid_request("missing_parameter", name=name)


def value_of(body: Mapping[str, Any], name: str) -> Any:
    """The field `name` of a JSON body, None if it is absent; LingpaiError if it is repeated."""
    value = body.get(name)
    if value is _REPEATED:
        raise _repeated(name)
    return value


def require_encodable(text: str) -> None:
    """LingpaiError for a lone surrogate: JSON can contain one, but UTF-8 cannot encode it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _malformed("不是 UTF-8", "it is not UTF-8") from None


def normalized_address(text: str) -> str | None:
    """The IP address in one spelling, IPv4 in IPv6 as IPv4; None for any other text."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _body(request: Request) -> bytes:
    """The body's bytes, at most 64 KiB of them."""
    if len(request.raw_body) > 2 * MAX_BODY:
        raise too_large(MAX_BODY)
    try:
        if request.is_base64:
            body = binascii.a2b_base64(request.raw_body, strict_mode=True)
        else:
            body = request.raw_body.encode("utf-8")
    except ValueError:
        raise _malformed("不是 base64 或 UTF-8", "it is not base64, or not UTF-8") from None
    if len(body) > MAX_BODY:
        raise too_large(MAX_BODY)
    return body.removeprefix(codecs.BOM_UTF8)


def _form(body: bytes, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """The known fields of an urlencoded form; the values of others are not even decoded."""
    for name, value in _fields(body):
        if name in known:
            try:
                yield name, _unescaped(value).decode()
            except UnicodeDecodeError:
                raise _malformed("不是 UTF-8 表单", "it is no UTF-8 form") from None


def _fields(form: bytes) -> Iterator[tuple[str, bytes]]:
    """The fields of an urlencoded form: the name, unescaped and trimmed, and the value as it stands there.

    All names are unescaped at once: tens of thousands, one by one, would cost more than a password. An escaped `&`
    becomes a null: no name has either.
    """
    pairs = [pair.partition(b"=") for pair in form.split(b"&") if pair]
    joined = b"&".join(name for name, _, _ in pairs).replace(b"%26", b"%00")
    names = _unescaped(joined).decode("utf-8", "replace").split("&")
    # Without any pair there is one name, an empty one.
    return zip(map(str.strip, names), (value for _, _, value in pairs), strict=False)


def _unescaped(text: bytes) -> bytes:
    """The percent-decoded text of a form; malformed escapes are left as they are."""
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), text.replace(b"+", b" "))


def _multipart(content_type: str, body: bytes, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """The known fields of a multipart form (RFC 7578); files and other fields are ignored."""
    try:
        for part in multipart.parts(content_type, body):
            if part.name is None:
                raise _malformed("有字段没有名称", "a field of the multipart form has no name")
            name = part.name.strip()
            if name not in known:
                continue
            if part.is_file:
                raise invalid_request("wrong_type", name=name, zh="文本", en="text")
            yield name, part.content.decode()
    except UnicodeDecodeError:
        raise _malformed("有字段不是 UTF-8", "a field is not UTF-8") from None
    except multipart.MalformedError:
        raise _malformed("不是 multipart 表单", "it is no multipart form") from None


@dataclass(frozen=True)
class _Spelled:
    """A number of a JSON body that is kept as it is spelled: no id or the like has a fraction or so many digits."""

    text: str


def number_text(value: Any) -> str | None:
    """How a number of a JSON body is spelled; None for what is no number."""
    if isinstance(value, _Spelled):
        return value.text
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def is_whole(spelled: str) -> bool:
    """Whether a number is spelled without a fraction and an exponent."""
    return spelled.removeprefix("-").isdigit()


# The value of a name that its object has twice.
_REPEATED = object()


def _json_object(body: bytes) -> dict[str, Any]:
    """The object; `value_of` refuses a name that it has twice. Names are trimmed."""
    try:
        content = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_int=_whole_number,
            parse_float=_Spelled,
            parse_constant=_no_number,
        )
    except UnicodeError:
        raise _malformed("不是 UTF-8", "it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise _malformed("不是 JSON", "it is not JSON") from None
    if not isinstance(content, dict):
        raise _malformed("不是 JSON 对象", "it is no JSON object")
    return content


def _json_fields(content: bytes) -> Iterator[tuple[str, Any]]:
    """The fields of the object; a list stands for a field that is sent more than once, where that may be."""
    for name, value in _json_object(content).items():
        listed = value if name in _REPEATABLE and isinstance(value, list) else [value]
        yield from ((name, each) for each in listed)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for raw_name, value in pairs:
        name = raw_name.strip()
        fields[name] = _REPEATED if name in fields else value
    return fields


def _whole_number(spelled: str) -> int | _Spelled:
    return int(spelled) if len(spelled) <= _INTEGER_DIGITS and spelled != "-0" else _Spelled(spelled)


def _no_number(name: str) -> None:
    raise ValueError(name)


def _text(name: str, value: Any) -> str:
    """The value of the known parameter `name` as text; LingpaiError for one that is none."""
    if value is _REPEATED:
        raise _repeated(name)
    if isinstance(value, str):
        require_encodable(value)
        return value
    if value is None:
        return ""
    spelled = number_text(value)
    if spelled is not None and is_whole(spelled) and name in _NUMBERS_ALLOWED:
        # A number has lost the zeros that a code began with.
        return spelled.zfill(CODE_DIGITS) if name in _CODES else spelled
    raise invalid_request("wrong_type", name=name, zh="文本", en="text")


def _repeated(name: str) -> LingpaiError:
    return invalid_request("duplicate_parameter", name=name)


def _malformed(chinese: str, english: str) -> LingpaiError:
    return invalid_request("malformed_body", zh=chinese, en=english)
