"""The HTTP API in front of the functions, as Amazon API Gateway with payload format 2.0.

In: an HTTP request. Out: the reply that AWS would send. `make_event` makes the request an event, a function answers
it, and `to_reply` makes the result a reply.

Behaviour of AWS that its documentation does not mention: a path arrives decoded, a query string does not. A body is
text only under `text/*`, JSON, XML and JavaScript; with any other type, or none, it is base64. A route for ANY also
takes OPTIONS, so a preflight request reaches the function, and the gateway only sets the answer's CORS headers.
"""

import base64
import binascii
import json
import logging
import re
import secrets
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from local.template import DEFAULT_ROUTE, CorsRules, Route

ACCOUNT_ID = "123456789012"
API_ID = "local"
MAX_BODY = 10 * 1024 * 1024
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_GREEDY = "/{proxy+}"
_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
# Hop-by-hop headers (RFC 9110 section 7.6.1), and those that the gateway sets itself.
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_NOT_FORWARDED = _HOP_BY_HOP | {"expect"}
_NOT_RETURNED = _NOT_FORWARDED | {"content-length", "date"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_log = logging.getLogger(__name__)

type Headers = tuple[tuple[str, str], ...]


class _FormatError(Exception):
    """A function's result is not a response of payload format 2.0."""


@dataclass(frozen=True)
class Request:
    """An HTTP request. The target is not decoded; the headers keep their order and duplicates."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        """The path, decoded once."""
        return urllib.parse.unquote(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        """What follows the question mark, not decoded."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """All values of a header, joined by commas; None when there is none. `name` in lower case."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. The server adds the length, the date and the state of the connection."""

    status: int
    headers: Headers = ()
    body: bytes = b""


type Invoke = Callable[[str, dict[str, Any]], object]
type Authorize = Callable[[Route, dict[str, Any]], Reply | dict[str, Any] | None]


@dataclass(frozen=True)
class Gateway:
    """An HTTP API. `invoke` calls a function by its logical id, holding the lock `turn`.

    `authorize` asks the route's authorizer: a reply refuses the request; anything else is what the function is told
    in `requestContext.authorizer`, None for a public route.
    """

    routes: Sequence[Route]
    invoke: Invoke
    authorize: Authorize = lambda _route, _event: None
    domain: str = "127.0.0.1"
    port: int = 3000
    cors: CorsRules = field(default_factory=CorsRules)
    origins: tuple[str, ...] = ()
    turn: AbstractContextManager[object] = field(default_factory=nullcontext)


def message(status: int, text: str) -> Reply:
    """Return an answer that the gateway gives by itself."""
    body = json.dumps({"message": text}, separators=(",", ":")).encode()
    return Reply(status, (("content-type", "application/json"),), body)


def answer(gateway: Gateway, request: Request) -> Reply:
    """Answer the request. An exception in a function is logged and becomes a 500."""
    request_id = _request_id()
    reply = _answer(gateway, request, request_id)
    if gateway.origins:
        reply = add_cors(reply, request, gateway.cors, gateway.origins)
    return replace(reply, headers=(*reply.headers, ("apigw-requestid", request_id)))


def _answer(gateway: Gateway, request: Request, request_id: str) -> Reply:
    if len(request.body) > MAX_BODY:
        return message(413, "Request Entity Too Large")
    route = match(gateway.routes, request.method, request.path)
    if route is None:
        return Reply(204) if gateway.origins and is_preflight(request) else message(404, "Not Found")
    event = make_event(
        request, route, request_id=request_id, now=datetime.now(UTC), domain=gateway.domain, port=gateway.port
    )
    try:
        decision = gateway.authorize(route, event)
        if isinstance(decision, Reply):
            return decision
        if decision is not None:
            event["requestContext"]["authorizer"] = decision
        with gateway.turn:
            result = gateway.invoke(route.function, event)
        # Lambda's runtime passes JSON on, so a result that is not JSON fails there too.
        return to_reply(json.loads(json.dumps(result, ensure_ascii=False)))
    except (Exception, SystemExit):  # noqa: BLE001 (a function's failure must not end the server)
        _log.exception("%s failed on %s %s", route.function, request.method, route.path)
        return message(500, "Internal Server Error")


def match(routes: Sequence[Route], method: str, path: str) -> Route | None:
    """Find the route for a decoded path: a full match first, then the longest `{proxy+}`, then `$default`.

    On the same path a route for the method takes precedence over ANY.
    """

    def rank(route: Route) -> tuple[int, bool]:
        if route.path == path:
            precision = len(path) + 1
        elif route.path.endswith(_GREEDY) and path.startswith(route.path.removesuffix("{proxy+}")):
            precision = len(route.path) - len(_GREEDY) + 1
        else:
            precision = 0 if route.path == DEFAULT_ROUTE else -1
        return precision, route.method == method

    fitting = [route for route in routes if route.method in {method, "ANY"} and rank(route)[0] >= 0]
    return max(fitting, key=rank, default=None) if method in METHODS else None


def make_event(
    request: Request, route: Route, *, request_id: str, now: datetime, domain: str, port: int
) -> dict[str, Any]:
    """Return the event of payload format 2.0 for this request."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": _event_headers(request, now, port),
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": request.header("user-agent") or "",
            },
            "requestId": request_id,
            "routeKey": route.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    given = ";".join(value for name, value in request.headers if name.lower() == "cookie")
    cookies = [cookie.strip() for cookie in given.split(";") if cookie.strip()]
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = _joined(
            urllib.parse.parse_qsl(request.query, keep_blank_values=True, errors="replace")
        )
    if route.path.endswith(_GREEDY):
        event["pathParameters"] = {"proxy": request.path[len(route.path) - len("{proxy+}") :]}
    if request.body:
        event["body"], event["isBase64Encoded"] = _event_body(request)
    return event


def _event_headers(request: Request, now: datetime, port: int) -> dict[str, str]:
    headers = _joined((name.lower(), value) for name, value in request.headers)
    headers = {name: value for name, value in headers.items() if name not in _NOT_FORWARDED | {"cookie"}}
    came_for = headers.get("x-forwarded-for")
    return headers | {
        "content-length": str(len(request.body)),
        "x-amzn-trace-id": f"Root=1-{int(now.timestamp()):08x}-{secrets.token_hex(12)}",
        "x-forwarded-for": f"{came_for}, {request.source_ip}" if came_for else request.source_ip,
        "x-forwarded-port": str(port),
        "x-forwarded-proto": "http",
    }


def _joined(pairs: Any) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _event_body(request: Request) -> tuple[str, bool]:
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in _TEXT_TYPES:
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass  # its Content-Type is wrong
    return base64.b64encode(request.body).decode(), True


def to_reply(result: object) -> Reply:
    """Return the reply for a function's result, which consists of JSON types.

    An object with `statusCode` is a whole response; anything else becomes the body of a 200. A malformed response is
    a 500, as on AWS.
    """
    if isinstance(result, dict) and "statusCode" in result:
        try:
            return _reply(result)
        except (_FormatError, binascii.Error) as error:
            _log.error("not a response of payload format 2.0: %s", error)
            return message(500, "Internal Server Error")
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return Reply(200, (("content-type", "application/json"),), _encoded(text))


def _reply(result: Mapping[str, Any]) -> Reply:
    status = result["statusCode"]
    if isinstance(status, str) and re.fullmatch("[0-9]{3}", status):
        status = int(status)
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise _FormatError(f"statusCode {status!r}")
    body = result.get("body")
    if not isinstance(body, str | None):
        raise _FormatError("body is not text")
    encoded = result.get("isBase64Encoded")
    if not isinstance(encoded, bool | None):
        raise _FormatError("isBase64Encoded is not a boolean")
    content = base64.b64decode(body or "", validate=True) if encoded else _encoded(body or "")
    headers = _reply_headers(result.get("headers"), result.get("cookies"))
    if status in {204, 304}:
        return Reply(status, headers)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("content-type", "text/plain; charset=utf-8"), *headers)
    return Reply(status, headers, content)


def _reply_headers(headers: object, cookies: object) -> Headers:
    if not isinstance(headers, dict | None):
        raise _FormatError("headers is not an object")
    if not isinstance(cookies, list | None):
        raise _FormatError("cookies is not a list")
    pairs = list((headers or {}).items()) + [("set-cookie", cookie) for cookie in cookies or []]
    kept = []
    for name, value in pairs:
        text = value if isinstance(value, str) else json.dumps(value)
        if isinstance(value, dict | list | None):
            raise _FormatError(f"header {name} is neither text nor a number")
        if not _HEADER_NAME.fullmatch(name) or _CONTROL.search(text):
            raise _FormatError(f"header {name!r} cannot be sent")
        if name.lower() not in _NOT_RETURNED:
            kept.append((name, text))
    return tuple(kept)


def _encoded(text: str) -> bytes:
    # JSON can hold half of a surrogate pair, which has no UTF-8.
    return text.encode(errors="replace")


def is_preflight(request: Request) -> bool:
    """Tell whether this is a CORS preflight request."""
    return (
        request.method == "OPTIONS"
        and request.header("origin") is not None
        and request.header("access-control-request-method") is not None
    )


def add_cors(reply: Reply, request: Request, rules: CorsRules, origins: Sequence[str]) -> Reply:
    """Return the reply with the gateway's CORS headers instead of the function's own."""
    headers = [(name, value) for name, value in reply.headers if not name.lower().startswith("access-control-")]
    origin = request.header("origin")
    if origin is not None and any(_allows(allowed, origin) for allowed in origins):
        headers.append(("access-control-allow-origin", "*" if "*" in origins else origin))
        if rules.credentials:
            headers.append(("access-control-allow-credentials", "true"))
        if rules.exposed:
            headers.append(("access-control-expose-headers", ",".join(rules.exposed)))
        if is_preflight(request):
            headers.append(("access-control-allow-methods", ",".join(rules.methods)))
            headers.append(("access-control-allow-headers", ",".join(rules.headers)))
            if rules.max_age is not None:
                headers.append(("access-control-max-age", str(rules.max_age)))
    return replace(reply, headers=tuple(headers))


def _allows(allowed: str, origin: str) -> bool:
    """Tell whether the pattern allows the origin. The gateway knows `*`, `https://*` and `http://*`."""
    return allowed in {"*", origin} or (allowed.endswith("://*") and origin.startswith(allowed[:-1]))


def _request_id() -> str:
    return base64.b64encode(secrets.token_bytes(11)).decode()
