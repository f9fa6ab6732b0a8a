"""Third parties as real HTTP servers on 127.0.0.1, and everything that can go wrong with one."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

from tests.support.background import answering

# silence: takes the request and says nothing. drip: one byte at a time, for ever. cut: half of what it announced.
# closed: hangs up without a word. moved: a redirect to where the answer would be good. huge: far more than any answer.
Fault = Literal["silence", "drip", "cut", "closed", "moved", "huge", "garbage", "latin", "list", "500", "404"]
FAULTS: tuple[Fault, ...] = (
    "silence",
    "drip",
    "cut",
    "closed",
    "moved",
    "huge",
    "garbage",
    "latin",
    "list",
    "500",
    "404",
)
_BODIES = {"garbage": b"<html>Sorry</html>", "latin": b'{"errcode": "\xff"}', "list": b"[1, 2]"}


class Vendor(Protocol):
    """What a fake has: an answer (status and body) for every address."""

    def answer(self, path: str, query: str) -> tuple[int, bytes]:
        """The answer to GET. A body that begins with `<` is a page; that of a 302 is the address it leads to."""
        ...


@runtime_checkable
class TakesForms(Protocol):
    """A fake that forms are posted to, too."""

    def answer_form(self, path: str, form: str, authorization: str) -> tuple[int, bytes]:
        """The answer to a form that is posted, with the header Authorization, if there is one."""
        ...


@runtime_checkable
class TakesJson(Protocol):
    """A fake that JSON is posted to, too."""

    def answer_json(self, path: str, query: str, content: Any) -> tuple[int, bytes]:
        """The answer to a JSON value that is posted."""
        ...


@dataclass
class Line:
    """The way to a vendor: where it is, what went there, and the fault that is on it (for some paths, or all)."""

    vendor: Vendor
    url: str = ""
    fault: Fault | None = None
    faulty: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def count(self, path: str) -> int:
        """How often this path was asked."""
        return sum(urlsplit(target).path == path for target in self.asked)


@contextmanager
def serving(vendor: Vendor) -> Iterator[Line]:
    """The vendor at an address of its own, until the end."""
    line = Line(vendor)

    class Handler(_Handler):
        served = line

    with answering(Handler) as line.url:
        try:
            yield line
        finally:
            line.over.set()


class _Handler(BaseHTTPRequestHandler):
    served: Line
    timeout = 10

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._serve(*self.served.vendor.answer(parts.path.removeprefix("/moved"), parts.query))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        parts, vendor = urlsplit(self.path), self.served.vendor
        path = parts.path.removeprefix("/moved")
        if self.headers["Content-Type"] == "application/json":
            assert isinstance(vendor, TakesJson)
            self._serve(*vendor.answer_json(path, parts.query, json.loads(body)))
            return
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert isinstance(vendor, TakesForms)
        self._serve(*vendor.answer_form(path, body, self.headers.get("Authorization", "")))

    def _serve(self, status: int, body: bytes) -> None:
        line = self.served
        line.asked.append(self.path)
        line.headers.append(dict(self.headers.items()))
        parts = urlsplit(self.path)
        path = parts.path.removeprefix("/moved")
        faulty = line.fault is not None and parts.path == path and line.faulty in ("", path)
        self.close_connection = True
        if not faulty:
            if status == 302:
                self._say(status, b"", location=body.decode())
            else:
                self._say(status, body)
            return
        match line.fault:
            case "silence":
                line.over.wait(10)
            case "drip":
                self._drip()
            case "closed":
                pass
            case "cut":
                self._say(status, body, announced=len(body) + 10)
            case "moved":
                self._say(302, b"", location=f"/moved{self.path}")
            case "huge":
                self._say(200, body.rstrip() + b" " * 2_000_000)
            case "500" | "404":
                self._say(int(line.fault), body)
            case fault:
                self._say(200, _BODIES[str(fault)])

    def _say(self, status: int, body: bytes, announced: int | None = None, location: str | None = None) -> None:
        self.send_response(status)
        # WeChat calls its JSON plain text.
        self.send_header("Content-Type", "text/html; charset=utf-8" if body.startswith(b"<!") else "text/plain")
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        if location is not None:
            self.send_header("Location", location)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            return

    def _drip(self) -> None:
        """A byte each time before a time-out of one read could come."""
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            for _ in range(200):
                self.wfile.write(b" ")
                if self.served.over.wait(0.05):
                    return
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in http.server
        """Say nothing: what is asked holds secrets."""


def quickly() -> dict[str, Any]:
    """Settings with which nobody waits for long."""
    return {"sign_connect_timeout": 5, "sign_timeout": 0.4}


def took(since: float) -> float:
    """Seconds that went by."""
    return time.monotonic() - since
