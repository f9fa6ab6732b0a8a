"""What came in: an API Gateway 2.0 event as a request, its parameters, its client's credentials."""

import binascii
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from lingpai.clients import Credentials
from lingpai.clock import CODE_DIGITS
from lingpai.errors import LingpaiError, invalid_client, invalid_request, too_large
from lingpai.frozen import frozen
from lingpai.messages import preferred
from lingpai.model import Language

MAX_BODY = 64 * 1024
# A string, which stays as it is, or a comma before a closing bracket.
_TRAILING_COMMA = re.compile(rb'("(?:[^"\\]++|\\.)*+"?)|,(\s*[}\]])')
# Unicode's category Cc.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
MAX_FIELDS = 100
_LONGEST_DISPOSITION = 8 * 1024

# Taken as they are: what a person typed into them is compared, never shown or stored.
_OPAQUE = {"password", "oldPassword", "newPassword", "client_secret"}
# JSON clients send these as numbers, too.
_CODES = {"code", "validateCode"}
_NUMBERS_ALLOWED = {"client_id", "clientId", "mobile", "sys", "sysId", "sysid", "username", *_CODES}
# Addresses end up in logs: none of these may stand in one.
CREDENTIALS = {
    "access_token",
    "accessToken",
    "accesstoken",
    "client_secret",
    "code",
    "md5password",
    "newPassword",
    "nonce",
    "oldPassword",
    "password",
    "refreshToken",
    "refresh_token",
    "shapassword",
    "sign",
    "token",
    "username",
    "validateCode",
}


@frozen
class Request:
    """An HTTP request, its header names in lower case.

    `source_ip` and `origin` (the address that was called) are API Gateway's own word, never a header's.
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

    @property
    def language(self) -> Language:
        """The language to answer in."""
        return preferred(self.headers.get("accept-language", ""))


def from_event(event: Mapping[str, Any]) -> Request:
    """The request in an HTTP API event of payload format 2.0."""
    context, headers = event["requestContext"], event.get("headers", {})
    return Request(
        method=context["http"]["method"],
        path=event["rawPath"].removeprefix("" if context["stage"] == "$default" else f"/{context['stage']}"),
        headers=dict(zip(map(str.lower, headers), headers.values(), strict=True)),
        query=event.get("rawQueryString", ""),
        raw_body=event.get("body") or "",
        is_base64=bool(event.get("isBase64Encoded")),
        source_ip=context["http"]["sourceIp"],
        id=context["requestId"],
        origin=f"https://{context['domainName']}",
    )


def refuse_credentials_in_query(request: Request) -> None:
    """LingpaiError where a parameter that proves something stands in the address."""
    if not request.query:
        return
    for name, _ in parse_qsl(request.query, keep_blank_values=True, errors="replace"):
        if name.strip() in CREDENTIALS:
            raise invalid_request("credentials_in_query", name=name.strip())


def parameters(request: Request) -> dict[str, str]:
    """The parameters of a form, multipart or JSON body, as text; empty ones count as absent (RFC 6749 section 3.2)."""
    return {name: value for name, value in all_parameters(request).items() if value}


def lenient_parameters(request: Request) -> dict[str, str]:
    """As `parameters`, but JSON may have a comma behind its last element, as seed 000 writes it."""
    return {name: value for name, value in all_parameters(request, trailing_commas=True).items() if value}


def all_parameters(request: Request, *, trailing_commas: bool = False) -> dict[str, str]:
    """As `parameters`, but with the empty ones."""
    body = _body(request)
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        pairs = _multipart(content_type, body)
    elif kind.endswith("json") or (kind != "application/x-www-form-urlencoded" and body.lstrip()[:1] == b"{"):
        content = _forgiven(body) if trailing_commas else body
        pairs = [(name, _text(name, value)) for name, value in _json_object(content).items()]
    else:
        pairs = _form(body)
    result: dict[str, str] = {}
    for raw_name, value in pairs:
        name = raw_name.strip()
        if name in result:
            raise invalid_request("duplicate_parameter", name=_shown(name))
        if name not in _OPAQUE and CONTROL.search(value):
            raise invalid_request("control_character", name=_shown(name))
        result[name] = value
    return result


def _forgiven(body: bytes) -> bytes:
    """The JSON without commas before its closing brackets; what stands in its texts stays."""
    return _TRAILING_COMMA.sub(rb"\1\2", body)


def json_body(request: Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object. Names are trimmed, repeated ones refused."""
    body = _body(request)
    fields = _json_object(body) if body.strip() else {}
    if len({name.strip() for name in fields}) < len(fields):
        raise _malformed("有重复的字段名", "a name stands in it twice")
    return {name.strip(): value for name, value in fields.items()}


def client_credentials(request: Request, given: Mapping[str, str]) -> Credentials | None:
    """Who the client says it is: by Basic (RFC 7617), else by `client_id` or `clientId`; None for no word of it."""
    in_body = {given[name] for name in ("client_id", "clientId") if name in given}
    basic = basic_credentials(request)
    if basic is None:
        if not in_body:
            return None
        if len(in_body) > 1:
            raise invalid_client("clients_disagree")
        return Credentials(in_body.pop(), given.get("client_secret"))
    # RFC 6749 section 2.3.1 wants the id form-encoded in the header.
    if in_body - {basic.client_id} and in_body - {unquote_plus(basic.client_id)}:
        raise invalid_client("clients_disagree")
    return basic


def basic_credentials(request: Request) -> Credentials | None:
    """The id and secret of a Basic header (RFC 7617); None without one, LingpaiError for one that cannot be read."""
    scheme, _, encoded = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    encoded = encoded.strip()
    try:
        text = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True).decode("utf-8")
    except ValueError:
        raise invalid_client("unreadable_basic") from None
    client_id, colon, secret = text.partition(":")
    if not colon or not client_id:
        raise invalid_client("unreadable_basic")
    return Credentials(client_id, secret)


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
    return body


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise _malformed("不是 UTF-8 表单，或超过 100 个字段", "it is no UTF-8 form of at most 100 fields") from None


def _multipart(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """The text fields of a multipart form (RFC 7578); a file is refused."""
    try:
        pairs = list(_parts(content_type, body))
    except LingpaiError:
        raise
    except Exception:  # noqa: BLE001  the e-mail parser stumbles over hostile headers in ways that it does not list
        raise _malformed("不是 multipart 表单", "it is no multipart form") from None
    if len(pairs) > MAX_FIELDS:
        raise _malformed("字段过多", "it has too many fields")
    return pairs


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    import email

    head = f"Content-Type: {content_type}\r\n\r\n".encode("utf-8", "replace")
    parsed: Any = email.message_from_bytes(head + body)
    if not parsed.is_multipart() or parsed.defects:
        raise _malformed("不是 multipart 表单", "it is no multipart form")
    for part in parsed.get_payload():
        # The e-mail parser takes the square of a header's length.
        if len(part.get("content-disposition", "")) > _LONGEST_DISPOSITION:
            raise _malformed("multipart 字段名过长", "a multipart field's name is too long")
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or part.get_filename() is not None or not isinstance(content, bytes):
            raise _malformed("multipart 表单只能含文本字段", "a multipart form may hold text fields only")
        try:
            yield name, content.decode("utf-8")
        except UnicodeDecodeError:
            raise _malformed("有字段不是 UTF-8", "a field is not UTF-8") from None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_once_each, parse_constant=_no_number)
        # A lone surrogate is valid JSON, but no text: nothing could store or send it.
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise _malformed("不是 UTF-8", "it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise _malformed("不是 JSON", "it is not JSON") from None
    if not isinstance(content, dict):
        raise _malformed("不是 JSON 对象", "it is no JSON object")
    return content


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise invalid_request("duplicate_parameter", name=_shown(counts.most_common(1)[0][0]))
    return fields


def _no_number(name: str) -> None:
    raise ValueError(name)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and name.strip() in _NUMBERS_ALLOWED:
        # A number has lost the zeros that a code began with.
        return f"{value:0{CODE_DIGITS}d}" if name.strip() in _CODES else str(value)
    raise invalid_request("wrong_type", name=_shown(name.strip()), zh="文本", en="text")


def _malformed(chinese: str, english: str) -> LingpaiError:
    return invalid_request("malformed_body", zh=chinese, en=english)


def _shown(name: str) -> str:
    """A parameter's name as an error may repeat it: short and plain."""
    return "".join(c if c.isalnum() or c in "_-." else "?" for c in name[:40])
