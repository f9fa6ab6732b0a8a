"""From a Lambda event to an endpoint and back: path, methods, refusals, the log line, and a 500 without details.

Paths are exact, so a dictionary finds the route; the last part of a path may be left open (`ANY_NAME`). Powertools'
resolver keeps the current event in its class, where two requests of one process would overwrite each other's.
"""

import functools
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from lingpai import http as web
from lingpai.http import observability
from lingpai.http.proxy import seen_through
from lingpai.http.request import MalformedEventError, Request, from_event, refuse_credentials_in_query
from lingpai.http.response import JSON, Reply, json_reply
from lingpai.http.security_headers import security_headers
from lingpai.kernel import cause, deadline
from lingpai.kernel.cause import Cause
from lingpai.kernel.errors import LingpaiError, SettingsError, method_not_allowed
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.clients.model import Right
    from lingpai.oauth.rights import Admission
    from lingpai.settings import Settings

# In place of the last part of a route's path, as API Gateway spells it: what stands there is the endpoint's to read.
ANY_NAME = "{proxy+}"

Endpoint = Callable[[Services, Request], Reply]
Refused = Callable[[LingpaiError, Request], Reply]
# `object`: a function may be invoked with any event.
Handler = Callable[[object, Any], dict[str, Any]]


class Admit(Protocol):
    """The check of a request's bearer token, for a route that needs one."""

    def __call__(self, services: Services, request: Request, needs: "Right", *, changes: bool) -> "Admission":
        """The rights of the token; LingpaiError if the route needs more."""
        ...


@dataclass(frozen=True)
class Route:
    """A path, its methods, its endpoint, and the function that formats its errors.

    `needs` is the right that the caller's access token must have (`account` or `admin`, for Lingpai's own API), and
    `changes` whether the route writes: temporary tokens may only read. `query_credentials` are the credentials that a
    protocol puts in the query string; other routes refuse them there, since URLs are logged. Where `is_on` is false for
    the settings, the path is answered as one that is not there.
    """

    path: str
    endpoint: Endpoint
    refused: Refused
    methods: tuple[str, ...] = ("POST",)
    needs: "Right" = "none"
    changes: bool = True
    query_credentials: frozenset[str] = frozenset()
    is_on: "Callable[[Settings], bool] | None" = None


@dataclass(frozen=True)
class _App:
    """One function: its routes by path, its services (built by the first request), and its token check."""

    routes: Mapping[str, Route]
    services: Callable[[], Services]
    admit: Admit


def lambda_handler(services: Callable[[], Services], admit: Admit, *routes: Route) -> Handler:
    """The Lambda handler for these routes."""
    app = _App({route.path: route for route in routes}, services, admit)

    def handler(event: object, context: Any) -> dict[str, Any]:
        deadline.begin(context)
        try:
            reply = _reply(app, event)
        finally:
            cause.end()
            deadline.end()
        web.collect()
        return _response(reply, security_headers(event))

    return handler


def _reply(app: _App, event: object) -> Reply:
    """The response to an event: 400 for one that is not a request, such as a ping that keeps the function warm."""
    try:
        request = from_event(event)
    except MalformedEventError as error:
        observability.log_malformed_event(error)
        return json_reply(400, {"message": "Bad Request"})
    route = app.routes.get(request.path) or app.routes.get(f"{request.path.rpartition('/')[0]}/{ANY_NAME}")
    return not_found() if route is None else _serve(app, request, route)


def not_found() -> Reply:
    """The answer to a path that is not there."""
    return json_reply(404, {"message": "Not Found"})


def _serve(app: _App, request: Request, route: Route) -> Reply:
    begun = time.perf_counter()
    try:
        reply = _answer(app, request, route)
    except Exception as error:  # noqa: BLE001  any other exception is a bare 500, never a stack trace
        observability.log_exception(request, error)
        content = {"error": "server_error", "error_description": "Unexpected fault", "request_id": request.id}
        reply = json_reply(500, content)
    observability.log_request(request, reply, time.perf_counter() - begun)
    # The metrics go to standard output, which may be closed. The client still gets its response.
    with suppress(OSError):
        _count(app, reply)
    return reply


def _count(app: _App, reply: Reply) -> None:
    try:
        meter = app.services().meter
    except SettingsError:
        return  # without services there are no metrics; the request's log line has the error
    observability.record_metrics(meter, reply)


def _answer(app: _App, request: Request, route: Route) -> Reply:
    """The endpoint's response, or its error in the format of the route."""
    if route.is_on is not None and not route.is_on(app.services().settings):
        return not_found()
    methods = _with_head(route.methods)
    allow = (*methods, "OPTIONS")
    if request.method == "OPTIONS":
        return Reply(204, headers={"Allow": ", ".join(allow)})
    try:
        if request.method not in methods:
            raise method_not_allowed(allow)
        refuse_credentials_in_query(request, route.query_credentials)
        services = _issuing(app.services(), request)
        request = seen_through(services, request)
        cause.begin(Cause(action=route.path, request_id=request.id, address=request.source_ip))
        if route.needs != "none":
            admission = app.admit(services, request, route.needs, changes=route.changes)
            request = replace(request, admission=admission)
        return route.endpoint(services, request)
    except LingpaiError as error:
        return route.refused(error, request).about(error.client_id, error=error)


def _with_head(methods: tuple[str, ...]) -> tuple[str, ...]:
    """The methods, and HEAD with GET (RFC 9110 section 9.1).

    HEAD gets the response of GET, body included. The HTTP server omits the body and keeps its Content-Length (section
    9.3.2).
    """
    return tuple(name for method in methods for name in ((method, "HEAD") if method == "GET" else (method,)))


def _issuing(services: Services, request: Request) -> Services:
    """The services with an issuer: ISSUER, else the origin of the request."""
    return services if services.issuer else _issuing_as(request.origin, services)


@functools.lru_cache(maxsize=16)
def _issuing_as(origin: str, services: Services) -> Services:
    return replace(services, issuer=origin)


def _response(reply: Reply, security: Mapping[str, str]) -> dict[str, Any]:
    """The reply in the response format of an HTTP API (payload format 2.0)."""
    typed = {"Content-Type": JSON} if reply.body else {}
    answer = {"statusCode": reply.status, "headers": {**typed, **reply.headers, **security}, "body": reply.body}
    encoded = {"isBase64Encoded": True} if reply.is_base64 else {}
    return {**answer, **encoded, **({"cookies": list(reply.cookies)} if reply.cookies else {})}
