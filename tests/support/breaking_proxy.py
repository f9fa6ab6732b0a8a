"""A proxy before DynamoDB Local that does with one call of a request what networks and services do.

It counts the calls of a request. A call that is sent again after a fault is the same call, so a fault can meet its
first try or all of its tries.
"""

import http.client
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from lingpai.aws.client import aws_client
from lingpai.store import DynamoStore
from tests.support import stores
from tests.support.background import answering
from tests.support.stores import Transport

WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
_CONFLICTING = WRITES - {"BatchWriteItem"}


@dataclass(frozen=True)
class Message:
    """A request (its target stands in the headers) or an answer (with its status)."""

    headers: dict[str, str]
    body: bytes
    status: int = 0

    @property
    def operation(self) -> str:
        """The operation of a request, such as GetItem."""
        return self.headers["x-amz-target"].rpartition(".")[2]


@dataclass
class Try:
    """One try of a call: which it is (0 is the first), its request, and what can be done with it."""

    number: int
    request: Message
    _proxy: "BreakingProxy"

    def forward(self) -> Message:
        """DynamoDB's answer."""
        return self._proxy.ask(self.request)

    def hold(self) -> None:
        """Keep the request on the way until it is released."""
        self._proxy.held.append(self.request)

    def release(self) -> None:
        """Let what was held arrive."""
        self._proxy.release()


# What becomes of a try: an answer, or None for a connection that ends without one.
Fault = Callable[[Try], Message | None]


@dataclass
class BreakingProxy:
    """`url` is where it listens. `calls` are the operations of the current request, each once.

    `written` has the name of every table that a write went to.
    """

    upstream: str
    url: str = ""
    calls: list[str] = field(default_factory=list)
    tries: list[int] = field(default_factory=list)
    held: list[Message] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    _faults: dict[int, Fault] = field(default_factory=dict)
    _broken: Message | None = None
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _upstream: http.client.HTTPConnection | None = None
    _closed: bool = False

    def plan(self, at: int | None = None, fault: Fault | None = None, *others: tuple[int, Fault]) -> None:
        """A new request begins; its call number `at` (the first is 0) meets the fault, and `others` theirs."""
        self.calls, self.tries, self._broken = [], [], None
        self._faults = dict(others)
        if at is not None and fault is not None:
            self._faults[at] = fault

    def answer(self, request: Message) -> Message | None:
        """What becomes of a request."""
        with self._guard:
            if self._broken is None or (self._broken.operation, self._broken.body) != (request.operation, request.body):
                self.calls.append(request.operation)
                self.tries.append(0)
            self.tries[-1] += 1
            self._broken = None
            fault = self._faults.get(len(self.calls) - 1)
            if fault is None:
                return self.ask(request)
            self._broken = request
            return fault(Try(self.tries[-1] - 1, request, self))

    def ask(self, request: Message) -> Message:
        """DynamoDB's answer."""
        with self._guard:
            if self._closed:
                raise ConnectionError("nobody listens any more")
            if request.operation in WRITES:
                self.written.update(_tables(json.loads(request.body)))
            if self._upstream is None:
                self._upstream = http.client.HTTPConnection(urlsplit(self.upstream).netloc)
            self._upstream.request("POST", "/", request.body, request.headers)
            response = self._upstream.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Message(headers, response.read(), response.status)

    def close(self) -> None:
        """Hang up: nothing reaches the tables from here on."""
        with self._guard:
            self._closed = True
            if self._upstream is not None:
                self._upstream.close()

    def release(self) -> None:
        """Let what was held arrive; nobody gets the answers."""
        held, self.held = self.held, []
        for request in held:
            self.ask(request)


@contextmanager
def serving(upstream: str) -> Iterator[BreakingProxy]:
    """It stands before `upstream` as long as the context lasts."""
    proxy = BreakingProxy(upstream)

    class Handler(_Handler):
        served = proxy

    with closing(proxy), answering(Handler) as proxy.url:
        yield proxy


@contextmanager
def store_behind(
    endpoint: str, transport: Transport, **chosen: Any
) -> Iterator[tuple[BreakingProxy, DynamoStore, DynamoStore]]:
    """A proxy, a store that asks through it by this transport, and a store that asks the same tables directly."""
    settings = stores.settings(aws_transport=transport, **chosen)
    with (
        stores.on_dynamodb_local(endpoint) as direct,
        serving(endpoint) as proxy,
        closing(aws_client(settings, "dynamodb", proxy.url, ("local", "local"))) as client,
    ):
        yield proxy, DynamoStore(direct.settings, client=lambda: client), direct


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    served: BreakingProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.served.answer(Message({name.lower(): value for name, value in self.headers.items()}, body))
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        length = int(answer.headers.get("x-claimed-length", len(answer.body)))
        self.send_header("content-length", str(length))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        self.close_connection = length != len(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name in http.server
        """Say nothing."""


# --- what can become of a call ------------------------------------------------------------------------------


def cut_before(_: Try) -> None:
    """The request never arrives."""


def cut_after(this: Try) -> None:
    """It is carried out, and the answer never arrives."""
    this.forward()


def throttled(_: Try) -> Message:
    """DynamoDB refuses it as too much."""
    return _refusal("ProvisionedThroughputExceededException")


def conflict(this: Try) -> Message:
    """DynamoDB refuses a write that meets a transaction; reads never do."""
    if this.request.operation != "TransactWriteItems":
        return _refusal("TransactionConflictException")
    actions = json.loads(this.request.body)["TransactItems"]
    return _refusal(
        "TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}] * len(actions)
    )


def truncated(this: Try) -> Message:
    """The connection ends within the answer."""
    answer = this.forward()
    claimed = {"x-claimed-length": str(len(answer.body) + 10)}
    return Message({**answer.headers, **claimed}, answer.body[: len(answer.body) // 2], answer.status)


def garbled(this: Try) -> Message:
    """The answer is not what its checksum says."""
    answer = this.forward()
    checked = {"x-amz-crc32": str(zlib.crc32(answer.body))}
    return Message({**answer.headers, **checked}, _spoilt(answer.body), answer.status)


def unreadable(this: Try) -> Message:
    """The answer is no JSON, and has no checksum to tell."""
    answer = this.forward()
    return Message(_unchecked(answer), _spoilt(answer.body), answer.status)


def cut_short(this: Try) -> Message:
    """The answer is half of its JSON, of the length that it claims, without a checksum."""
    answer = this.forward()
    return Message(_unchecked(answer), answer.body[: len(answer.body) // 2], answer.status)


def something_else(_: Try) -> Message:
    """The answer is a JSON object, but not DynamoDB's."""
    return Message({"content-type": "application/json"}, b'{"message": "hello"}', 200)


def page(_: Try) -> Message:
    """Something on the way answers with a page."""
    return Message({"content-type": "text/html"}, b"<html><body>Service Unavailable</body></html>", 200)


def late(this: Try) -> None:
    """The request is on its way for so long that it is sent again, and arrives after that."""
    this.hold()


def first(fault: Fault, then: Fault | None = None) -> Fault:
    """The fault meets the first try alone, `then` the second; later ones go well."""

    def spoil(this: Try) -> Message | None:
        if this.number == 0:
            return fault(this)
        if this.number == 1 and then is not None:
            return then(this)
        return this.forward()

    return spoil


def late_first(this: Try) -> Message | None:
    """The first try arrives after the second was carried out and before its answer."""
    if this.number == 0:
        this.hold()
        return None
    answer = this.forward()
    this.release()
    return answer


def _tables(arguments: dict[str, Any]) -> Iterator[str]:
    """The tables that these arguments of a write name."""
    if "TableName" in arguments:
        yield arguments["TableName"]
    yield from arguments.get("RequestItems", ())
    for action in arguments.get("TransactItems", ()):
        for given in action.values():
            yield given["TableName"]


def _refusal(code: str, **more: object) -> Message:
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **more}).encode()
    return Message({"content-type": "application/x-amz-json-1.0"}, body, 400)


def _spoilt(body: bytes) -> bytes:
    """Other bytes, of the same length."""
    return bytes(byte ^ 0x55 for byte in body) if body else b"\x00"


def _unchecked(answer: Message) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "x-amz-crc32"}
