"""The HTTP front: HTTP/1.1 with connections that stay open, a thread for each.

In: `answer(request) -> reply`. Out: a listening socket, and answers on it. Nothing that a client sends ends
the server: what is not HTTP is refused with a JSON message, and a connection that cannot be kept in step is
closed.

It stands on the standard library because werkzeug's server closes the connection after every answer.
"""

import contextlib
import email.errors
import errno
import logging
import re
import socket
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from local.gateway import MAX_BODY, Reply, Request, message

HOST = "127.0.0.1"

_IDLE = 60.0
_DRAIN = 3.0  # how long requests under way may take once the server is told to stop

# What the e-mail parser finds wrong with headers. It also misses the parts of a multipart body, which it is not given.
_HEADER_DEFECTS = (
    email.errors.FirstHeaderLineIsContinuationDefect,
    email.errors.InvalidHeaderDefect,
    email.errors.MisplacedEnvelopeHeaderDefect,
    email.errors.MissingHeaderBodySeparatorDefect,
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_log = logging.getLogger(__name__)

type Answer = Callable[[Request], Reply]


class PortError(Exception):
    """The port cannot be used. The text names it and says what to do."""


class _BadRequestError(Exception):
    """The request breaks HTTP, so that where the next one starts is not known."""


class _TooLargeError(Exception):
    """The body is larger than the gateway takes."""


class Front(socketserver.ThreadingTCPServer):
    """A listening server. It answers by `answer`, and reports each request to `say`."""

    allow_reuse_address = True  # or a restart would have to wait for old connections to be forgotten
    daemon_threads = True
    block_on_close = False  # `close` waits, but not for ever
    request_queue_size = 128

    def __init__(self, port: int, host: str = HOST) -> None:
        self.answer: Answer = _not_ready
        self.say: Callable[[str], None] = _silent
        self._open: dict[socket.socket, threading.Thread] = {}
        self._guard = threading.Lock()
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection in a thread, on record so that `close` finds it."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._guard:
            self._open[request] = thread
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._guard:
                self._open.pop(request, None)

    def close(self) -> None:
        """Stop listening, let requests under way finish for a moment, and end every connection."""
        self.server_close()
        with self._guard:
            connections = dict(self._open)
        # Each thread answers what it is at; then it sees the end of the stream.
        _shut(connections, socket.SHUT_RD)
        deadline = time.monotonic() + _DRAIN
        for thread in connections.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        _shut(connections, socket.SHUT_RDWR)


def _shut(connections: Iterable[socket.socket], how: int) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(how)


def _not_ready(_: Request) -> Reply:
    return message(503, "Service Unavailable")


def _silent(_: str) -> None:
    pass


def listen(port: int) -> Front:
    """A server on 127.0.0.1:port; raises PortError where that cannot be had. 0 takes any free port."""
    try:
        return Front(port)
    except OSError as error:
        other = 3001 if port == 3000 else 3000
        why = {errno.EADDRINUSE: "is taken", errno.EACCES: "needs more rights than yours"}.get(
            error.errno or 0, f"cannot be used ({error.strerror})"
        )
        raise PortError(f"Port {port} {why}. Choose another: PORT={other} make run") from None


@contextmanager
def serving(front: Front, answer: Answer, say: Callable[[str], None] = _silent) -> Iterator[Front]:
    """Answer in the background as long as the context lasts."""
    front.answer, front.say = answer, say
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield front
    finally:
        front.shutdown()
        thread.join()
        front.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection: requests in, replies out, one line of log for each."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    disable_nagle_algorithm = True  # or a kept connection waits 40 ms between the head and the body
    wbufsize = -1
    server: Front

    def handle(self) -> None:
        """Serve requests until the client has no more; that it went away is no error."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        """Close the streams; a client that is gone cannot take the rest."""
        with contextlib.suppress(ConnectionError):
            super().finish()

    def __getattr__(self, name: str) -> Any:
        """Every method goes the same way: which ones there are is the gateway's business."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        start = time.monotonic()
        unread = False
        try:
            reply = self.server.answer(self._request())
        except _BadRequestError:
            self.close_connection = True
            reply = message(400, "Bad Request")
        except _TooLargeError:
            self.close_connection = unread = True
            reply = message(413, "Request Entity Too Large")
        except (ConnectionError, TimeoutError):
            raise  # the client's doing
        except Exception:  # noqa: BLE001 (one request must not end the others)
            _log.exception("the gateway failed")
            reply = message(500, "Internal Server Error")
        self._send(reply)
        milliseconds = (time.monotonic() - start) * 1000
        self.server.say(f"{self.command} {_plain(self.path)} {reply.status} {milliseconds:.0f} ms")
        if unread:
            self._discard()

    def _request(self) -> Request:
        wrong = any(isinstance(defect, _HEADER_DEFECTS) for defect in self.headers.defects)
        if wrong or not all(map(_HEADER_NAME.fullmatch, self.headers.keys())):
            raise _BadRequestError
        target = self.path
        if not target.startswith(("/", "*")):
            try:
                url = urllib.parse.urlsplit(target)
            except ValueError:
                raise _BadRequestError from None
            target = url._replace(scheme="", netloc="", path=url.path or "/").geturl()
        if not target.isascii() or not target.isprintable() or not target.startswith(("/", "*")):
            raise _BadRequestError
        return Request(
            method=self.command,
            target=target,
            # A folded line, which is obsolete, keeps its break; no header may hold one.
            headers=tuple((name, " ".join(value.split("\r\n"))) for name, value in self.headers.items()),
            body=self._body(),
            source_ip=str(self.client_address[0]),
            protocol=self.request_version,
        )

    def _body(self) -> bytes:
        coding = self.headers.get_all("transfer-encoding", [])
        lengths = self.headers.get_all("content-length", [])
        if coding:
            if lengths or ",".join(coding).strip().lower() != "chunked":
                raise _BadRequestError
            self._continue()
            return self._chunks()
        if not lengths:
            return b""
        if len(set(lengths)) > 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            raise _BadRequestError
        if len(lengths[0]) > 12 or int(lengths[0]) > MAX_BODY:
            raise _TooLargeError
        length = int(lengths[0])
        if length:
            self._continue()
        return self._exactly(length)

    def handle_expect_100(self) -> bool:
        """Go on without an answer yet: `_continue` gives it once the headers are found good."""
        return True

    def _continue(self) -> None:
        """Ask for the body, where the client waits for that (RFC 9110 section 10.1.1)."""
        if self.headers.get("expect", "").lower() == "100-continue" and self.request_version >= "HTTP/1.1":
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()
            self.wfile.flush()

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self._line().partition(b";")[0], 16)
            except ValueError:
                raise _BadRequestError from None
            if size < 0:
                raise _BadRequestError
            if size == 0:
                break
            if len(body) + size > MAX_BODY:
                raise _TooLargeError
            body += self._exactly(size)
            if self._line():
                raise _BadRequestError
        for _ in range(100):
            if not self._line():
                return bytes(body)
        raise _BadRequestError

    def _line(self) -> bytes:
        line = self.rfile.readline(8192)
        if not line.endswith(b"\n"):
            raise _BadRequestError
        return line.rstrip(b"\r\n")

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionResetError
        return data

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        self.send_header("date", self.date_time_string())
        for name, value in reply.headers:
            self.send_header(name, value.encode().decode("latin-1"))
        if not any(name.lower() == "x-content-type-options" for name, _ in reply.headers):
            # Functions send it themselves; the rest is what the gateway and this server say.
            self.send_header("x-content-type-options", "nosniff")
        if reply.status not in {204, 304}:
            self.send_header("content-length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        elif self.request_version == "HTTP/1.0":
            self.send_header("connection", "keep-alive")
        self.end_headers()
        if self.command != "HEAD" and reply.status not in {204, 304}:
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _discard(self) -> None:
        """Take in what the client still sends, for a while: else it would never see the refusal."""
        self.connection.settimeout(1.0)
        deadline = time.monotonic() + 5.0
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline and self.rfile.read1(65536):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse what is not HTTP, in the gateway's words."""
        self.close_connection = True
        # The line may have been too broken to say which method and version it is of.
        self.command = getattr(self, "command", None) or "GET"
        if self.request_version in {"", "HTTP/0.9"}:
            self.request_version = self.protocol_version  # what it stands at until the line is understood
        self._send(_refusal(code))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing of its own: `_serve` says it."""


def _plain(target: str) -> str:
    """The path as it may stand in a line of log: printable, and without the query, which may hold secrets."""
    path = target.partition("?")[0]
    return "".join(sign if "!" <= sign <= "~" else "?" for sign in path)


def _refusal(code: int) -> Reply:
    return message(code, HTTPStatus(code).phrase)
