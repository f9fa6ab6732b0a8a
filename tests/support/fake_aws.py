"""A service of AWS's JSON protocol on 127.0.0.1 that keeps its connections and does with each request as told."""

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal

from tests.support.background import answering
from tests.support.fake_web import Certificate

# silence: nothing, until the end. cut: the connection is closed without an answer. half: it is closed within one.
# flipped: an answer whose checksum is another's. leave: an answer, and then, without a word, the end of the connection.
# slow …: a good answer, from there on byte by byte: it takes many seconds, and never long for the next byte.
Fault = Literal["silence", "cut", "half", "flipped", "leave", "slow status", "slow headers", "slow body", "slow chunks"]
_DRIP = 0.01
# What comes at once, and what comes byte by byte.
_SLOW: dict[str, tuple[bytes, bytes]] = {
    "slow status": (b"", b"HTTP/1.1 200 O" + b"K" * 1000 + b"\r\ncontent-length: 2\r\n\r\n{}"),
    "slow headers": (b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 1000 + b"\r\ncontent-length: 2\r\n\r\n{}"),
    "slow body": (b"HTTP/1.1 200 OK\r\ncontent-length: 1002\r\n\r\n", b" " * 1000 + b"{}"),
    "slow chunks": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"1\r\n \r\n" * 170 + b"2\r\n{}\r\n0\r\n\r\n",
    ),
}


@dataclass(frozen=True)
class Asked:
    """A request: the number of its connection, its path, its headers in lower case, its body."""

    connection: int
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Told:
    """An answer, or what becomes of it."""

    status: int = 200
    content: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None


OK = Told()


def refused(code: str, status: int = 400, **more: Any) -> Told:
    """An error as AWS tells it."""
    return Told(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more})


@dataclass
class FakeAws:
    """The address, what was asked, and what is still to be told: OK when the list is empty."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    script: list[Told] = field(default_factory=list)
    answer: Callable[[Asked], Told] | None = None
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, asked: Asked) -> Told:
        """What is told now."""
        with self.guard:
            self.asked.append(asked)
            if self.answer is None:
                return self.script.pop(0) if self.script else OK
        return self.answer(asked)


@contextmanager
def serving(certificate: Certificate | None = None) -> Iterator[FakeAws]:
    """It answers as long as the context lasts, over TLS with a certificate."""
    fake = FakeAws()

    class Handler(_Handler):
        served = fake

    with answering(Handler, certificate) as fake.url:
        try:
            yield fake
        finally:
            fake.over.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: FakeAws
    timeout = 10

    def setup(self) -> None:
        super().setup()
        with self.served.guard:
            self.served.connections += 1
            self._number = self.served.connections

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = self.served.tell(Asked(self._number, self.path, headers, body))
        if told.fault == "silence":
            self.served.over.wait(10)
        if told.fault in {"silence", "cut"}:
            self.close_connection = True
            return
        if told.fault in _SLOW:
            self._drip(*_SLOW[told.fault])
            return
        content = told.content if isinstance(told.content, bytes) else json.dumps(told.content).encode()
        check = zlib.crc32(content) ^ (told.fault == "flipped")
        self.send_response_only(told.status)
        for name, value in {"x-amz-crc32": str(check), **told.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if told.fault == "half" else content)
        self.close_connection = told.fault in {"half", "leave"}

    def _drip(self, at_once: bytes, slowly: bytes) -> None:
        self.wfile.write(at_once)
        for byte in slowly:
            if self.served.over.wait(_DRIP):
                break
            self.wfile.write(bytes((byte,)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in http.server
        """Say nothing."""
