"""From a Lambda event to an endpoint and back: the path, the verbs, the refusals, the log line, the bare 500.

Powertools' resolver keeps the event in its class, where two requests of one process overwrite each other's, and a
path here is exact: a dictionary finds it.
"""

import functools
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from lingpai import bootstrap
from lingpai import http as web
from lingpai.clients.model import Right
from lingpai.http import envelope, observability
from lingpai.http.oauth_error import oauth_error
from lingpai.http.proxy import seen_through
from lingpai.http.request import MalformedEventError, Request, from_event, refuse_credentials_in_query
from lingpai.http.response import JSON, Reply, json_reply
from lingpai.http.security_headers import security_headers
from lingpai.kernel import deadline
from lingpai.kernel.errors import LingpaiError, SettingsError, method_not_allowed
from lingpai.legacy import usercenter
from lingpai.oauth import rights
from lingpai.services import Services

Endpoint = Callable[[Services, Request], Reply]
Refused = Callable[[LingpaiError, Request], Reply]
# `object`: what invokes a function may pass it anything.
Handler = Callable[[object, Any], dict[str, Any]]


@dataclass(frozen=True)
class Route:
    """A path, the methods it takes, who answers, and how a refusal looks there.

    A route of Lingpai's own API says what it `needs` of the caller's access token (`account` or `admin`), and whether
    it `changes` anything: temporary tokens read.
    """

    path: str
    endpoint: Endpoint
    refused: Refused
    methods: tuple[str, ...] = ("POST",)
    needs: Right = "none"
    changes: bool = True


def oauth(path: str, endpoint: Endpoint, methods: tuple[str, ...] = ("POST",)) -> Route:
    """A route whose refusals are those of RFC 6749 section 5.2 (unless a dialect has answered before)."""
    return Route(path, endpoint, lambda error, _: oauth_error(error), methods)


def seed(
    path: str,
    endpoint: Endpoint,
    methods: tuple[str, ...] = ("POST",),
    *,
    needs: Right = "none",
    changes: bool = True,
) -> Route:
    """A route whose answers wear the envelope of seed 003."""
    return Route(path, endpoint, envelope.refused, methods, needs, changes)


def user_center(path: str, endpoint: Endpoint) -> Route:
    """A route of seed 002: every answer has status 200."""
    return Route(path, endpoint, usercenter.failure)


def gate(*routes: Route) -> Handler:
    """The Lambda handler for these routes."""
    by_path = {route.path: route for route in routes}

    def handler(event: object, context: Any) -> dict[str, Any]:
        deadline.begin(context)
        try:
            reply = _reply(event, by_path)
        finally:
            deadline.end()
        web.collect()
        return _response(reply, security_headers(event))

    return handler


def _reply(event: object, by_path: Mapping[str, Route]) -> Reply:
    """The answer to an event: a 400 to one that is no request, such as a ping that keeps the function warm."""
    try:
        request = from_event(event)
    except MalformedEventError as error:
        observability.log_malformed_event(error)
        return json_reply(400, {"message": "Bad Request"})
    route = by_path.get(request.path)
    return json_reply(404, {"message": "Not Found"}) if route is None else _serve(request, route)


def _serve(request: Request, route: Route) -> Reply:
    begun = time.perf_counter()
    try:
        reply = _answer(request, route)
    except Exception as error:  # noqa: BLE001  the last resort: a bare 500, never a stack trace
        observability.log_exception(request, error)
        content = {"error": "server_error", "error_description": "Unexpected fault", "request_id": request.id}
        reply = json_reply(500, content)
    observability.log_request(request, reply, time.perf_counter() - begun)
    # Standard output may be closed: the client is answered all the same.
    with suppress(OSError):
        _count(reply)
    return reply


def _count(reply: Reply) -> None:
    try:
        meter = bootstrap.services().meter
    except SettingsError:
        return  # there is no service to be watched: the line above says so
    observability.record_metrics(meter, reply)


def _answer(request: Request, route: Route) -> Reply:
    """The endpoint's answer, or the refusal in the route's own form."""
    methods = _with_head(route.methods)
    allow = (*methods, "OPTIONS")
    if request.method == "OPTIONS":
        return Reply(204, headers={"Allow": ", ".join(allow)})
    try:
        if request.method not in methods:
            raise method_not_allowed(allow)
        refuse_credentials_in_query(request)
        services = _services(request)
        request = seen_through(services, request)
        if route.needs != "none":
            admission = rights.admit(services, request, route.needs, changes=route.changes)
            request = replace(request, admission=admission)
        return route.endpoint(services, request)
    except LingpaiError as error:
        return route.refused(error, request).about(error.client_id, error=error)


def _with_head(methods: tuple[str, ...]) -> tuple[str, ...]:
    """The methods, and HEAD with GET (RFC 9110 section 9.1).

    HEAD is answered as GET is, body included. Whoever writes the answer to the connection leaves the body out and keeps
    its length (section 9.3.2).
    """
    return tuple(name for method in methods for name in ((method, "HEAD") if method == "GET" else (method,)))


def _services(request: Request) -> Services:
    """The services, issuing under the address that was called where ISSUER names no other."""
    services = bootstrap.services()
    return services if services.issuer else _issuing_as(request.origin, services)


@functools.lru_cache(maxsize=16)
def _issuing_as(origin: str, services: Services) -> Services:
    return replace(services, issuer=origin)


def _response(reply: Reply, security: Mapping[str, str]) -> dict[str, Any]:
    """The reply as an HTTP API takes it (payload format 2.0)."""
    typed = {"Content-Type": JSON} if reply.body else {}
    return {"statusCode": reply.status, "headers": {**typed, **reply.headers, **security}, "body": reply.body}
