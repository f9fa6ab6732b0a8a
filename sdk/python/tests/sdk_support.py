"""A server that answers by a script, with a clock that no test waits for."""

import asyncio
import inspect
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

URL = "https://id.example.com"
ACCESS, REFRESH = "access-token-0001", "refresh-token-0001"
TOKENS = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 3600, "refresh_token": REFRESH}
USER = {
    "id": 7,
    "username": "mei",
    "phone": "13800138000",
    "openId": None,
    "roleList": [{"id": 2, "roleName": "user"}],
    "createTime": "2026-01-02 03:04:05",
}


@dataclass
class Server:
    """Plays one step for each request, and keeps the requests. A step is an answer or an error of httpx."""

    steps: list[httpx.Response | Exception] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    now: float = 1000.0
    takes: float = 0.0
    """Seconds that each request lasts."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """What the transport of httpx calls."""
        # A copy: httpx signs and sends one request several times.
        self.requests.append(
            httpx.Request(
                request.method,
                request.url,
                headers=request.headers,
                content=request.content,
                extensions=request.extensions,
            )
        )
        self.now += self.takes
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        # A copy: httpx takes a response for one client alone.
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)

    def says(self, *steps: httpx.Response | Exception | dict[str, Any]) -> None:
        """The steps to come; an object is the JSON of a success."""
        self.steps += [httpx.Response(200, json=step) if isinstance(step, dict) else step for step in steps]

    def pause(self, seconds: float) -> None:
        """In place of `time.sleep`."""
        self.pauses.append(seconds)
        self.now += seconds

    @property
    def http(self) -> httpx.Client:
        """A client that reaches this server alone."""
        return httpx.Client(transport=httpx.MockTransport(self))

    @property
    def async_http(self) -> httpx.AsyncClient:
        """The same for asyncio."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self))

    @property
    def last(self) -> httpx.Request:
        """The last request."""
        return self.requests[-1]

    @property
    def form(self) -> dict[str, str]:
        """The form of the last request, which must be one."""
        return form_of(self.last)

    @property
    def json(self) -> Any:
        """The JSON of the last request, which must be that."""
        assert self.last.headers["content-type"] == "application/json"
        return json.loads(self.last.content)


class Blocking:
    """An object whose coroutines are run to their end: so one test is for the blocking and for the asynchronous one."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.wrapped, name)

        def call(*arguments: Any, **options: Any) -> Any:
            found = method(*arguments, **options)
            return asyncio.run(found) if inspect.iscoroutine(found) else found

        return call


def form_of(request: httpx.Request) -> dict[str, str]:
    """The form of a request, which must be one, each field sent once."""
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    pairs = parse_qsl(request.content.decode(), strict_parsing=True, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def status(code: int, content: Any = None, /, **headers: str) -> httpx.Response:
    """An answer of this status; header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(code, json=content, headers=named)
