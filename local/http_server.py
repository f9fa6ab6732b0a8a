"""The HTTP server of the development server: waitress, with API Gateway's limits and errors.

In: a listening socket, and `answer(request) -> reply`. Out: answers, and a line of log for each.

waitress reads requests, keeps connections open and calls `answer` in threads. This module refuses what waitress
accepts and API Gateway does not, and writes errors as JSON (docs/decisions/0021-development-server.md).
"""

import errno
import http.client
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented, get_header_lines
from waitress.server import TcpWSGIServer
from waitress.task import Task
from waitress.utilities import Error, RequestEntityTooLarge, RequestHeaderFieldsTooLarge

from local.environment import HOST
from local.errors import LocalError
from local.gateway import MAX_BODY, Headers, Reply, Request, message

_MAX_HEADER_BYTES = 65536
_MAX_HEADERS = 100
# How long a refused client may go on sending, in seconds.
_DISCARD = 5.0

_log = logging.getLogger(__name__)
# waitress warns of each request that waits for a thread.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

type Answer = Callable[[Request], Reply]


class PortError(LocalError):
    """The port cannot be used. The text names it and says what to do."""


def bind(port: int, host: str = HOST) -> socket.socket:
    """A socket that listens there; raises OSError. 0 takes any free port."""
    return socket.create_server((host, port), backlog=128)


def listen(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1:port; raises PortError where that cannot be had."""
    try:
        return bind(port)
    except OSError as error:
        other = 3001 if port == 3000 else 3000
        why = {errno.EADDRINUSE: "is taken", errno.EACCES: "needs more rights than yours"}.get(
            error.errno or 0, f"cannot be used ({error.strerror})"
        )
        raise PortError(f"Port {port} {why}. Choose another: PORT={other} make run") from None


def port_of(listener: socket.socket) -> int:
    """The port that the socket listens on."""
    return int(listener.getsockname()[1])


class _Parser(HTTPRequestParser):
    """A request as waitress reads it; it also refuses what waitress takes and API Gateway does not."""

    version = "1.1"  # of the answer to a request line that names none
    error: Any
    command = ""
    target = ""
    pairs: Headers = ()

    def received(self, data: bytes) -> int:
        """Take in a part of the request; returns how many bytes belong to it."""
        consumed: int = super().received(data)
        if isinstance(self.error, RequestHeaderFieldsTooLarge) and b"\r\n" not in self.header_plus + data:
            self.error = _error(HTTPStatus.REQUEST_URI_TOO_LONG)
        if self.error is None and getattr(self.body_rcv, "chunk_remainder", 0) > MAX_BODY:
            self.error = RequestEntityTooLarge("chunk")
        if self.error is not None:
            self.completed, self.version = True, "1.1"
        if self.completed:
            # No body is wanted any more. waitress would ask for it all the same.
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the headers; raises ParsingError for what is not HTTP."""
        try:
            super().parse_header(header_plus)
        except (TransferEncodingNotImplemented, ValueError) as error:  # ValueError: a target such as http://[
            raise ParsingError(str(error)) from None
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("both Content-Length and Transfer-Encoding")
        uri = self.request_uri
        if self.proxy_netloc:  # a target written in full, as to a proxy
            uri = "/" + uri[len(f"{self.proxy_scheme}://{self.proxy_netloc}") :].removeprefix("/")
        if not (uri.startswith(("/", "*")) and uri.isascii() and uri.isprintable()):
            raise ParsingError("target")
        lines = get_header_lines(header_plus.partition(b"\r\n")[2])
        if len(lines) > _MAX_HEADERS:
            self.error = RequestHeaderFieldsTooLarge("count")
        if self.version not in {"1.0", "1.1"}:
            self.error = _error(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        self.target = uri
        fields = (line.decode("latin-1").partition(":") for line in lines)
        self.pairs = tuple((name, value.strip(" \t")) for name, _, value in fields)


def _error(status: HTTPStatus) -> Any:
    error = Error("")
    error.code, error.reason = status, status.phrase
    return error


class _Exchange(Task):
    """A request and its answer."""

    request: _Parser

    def execute(self) -> None:
        """Answer the request, or refuse it."""
        start = time.monotonic()
        request, error = self.request, self.request.error
        server: HttpServer = self.channel.server
        if error is not None:
            self.set_close_on_finish()
            self._write(message(error.code, error.reason))
            _discard(self.channel.socket)
            return
        try:
            reply = server.answer(self._request())
        except Exception:  # noqa: BLE001 (one request must not end the others)
            _log.exception("the gateway failed")
            reply = message(500, "Internal Server Error")
        self._write(reply)
        path = request.target.partition("?")[0]  # a query may hold secrets
        milliseconds = (time.monotonic() - start) * 1000
        server.say(f"{request.command} {path} {reply.status} {milliseconds:.0f} ms")

    def _request(self) -> Request:
        return Request(
            method=self.request.command,
            target=self.request.target,
            headers=self.request.pairs,
            body=self.request.get_body_stream().read(),
            source_ip=str(self.channel.addr[0]),
            protocol=f"HTTP/{self.request.version}",
        )

    def _write(self, reply: Reply) -> None:
        self.status = f"{reply.status} {http.client.responses.get(reply.status, '')}"
        self.response_headers += [(name, value.encode().decode("latin-1")) for name, value in reply.headers]
        if not any(name.lower() == "x-content-type-options" for name, _ in reply.headers):
            # Functions send it themselves; the rest is what the gateway and this server say.
            self.response_headers.append(("x-content-type-options", "nosniff"))
        self.content_length = len(reply.body)
        head = self.build_response_header()
        self.channel.write_soon(head + reply.body if self.has_body and self.request.command != "HEAD" else head)
        self.wrote_header = True

    def set_close_on_finish(self) -> None:
        """Close the connection after this answer; waitress also would after each that has no body (204)."""
        if self.has_body or self.request.connection_close:
            super().set_close_on_finish()


def _discard(connection: socket.socket) -> None:
    """Read what a refused client still sends: closing with bytes unread would take the answer from it (RST)."""
    deadline = time.monotonic() + _DISCARD
    with suppress(OSError, ValueError):  # ValueError: it was closed meanwhile
        connection.shutdown(socket.SHUT_WR)
        while time.monotonic() < deadline and select.select([connection], [], [], 1.0)[0]:
            if not connection.recv(65536):
                return


class _Channel(HTTPChannel):
    """A connection."""

    parser_class = _Parser
    task_class = error_task_class = _Exchange


class HttpServer(TcpWSGIServer):
    """Answers requests that arrive at `listener`, and says a line for each."""

    channel_class = _Channel

    def __init__(self, listener: socket.socket, answer: Answer, say: Callable[[str], None] = lambda _: None) -> None:
        self.answer, self.say, self.port = answer, say, port_of(listener)
        self.ending = threading.Event()
        adjustments = Adjustments(
            sockets=[listener],
            threads=32,
            connection_limit=1000,
            max_request_header_size=_MAX_HEADER_BYTES,
            max_request_body_size=MAX_BODY + 1,
            ident="",
            log_socket_errors=False,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=False,
        )
        info = (listener.family, listener.type, None, None)
        super().__init__(None, _sock=listener, bind_socket=False, sockinfo=info, adj=adjustments)

    def serve_forever(self) -> None:
        """Answer until `ending` is set and the trigger pulled, or an exception comes by."""
        while not self.ending.is_set():
            wasyncore.loop(timeout=60, use_poll=True, map=self._map, count=1)

    def stop(self) -> None:
        """Once `serve_forever` has ended: let requests under way finish, for 5 seconds; then close everything."""
        self.task_dispatcher.shutdown()
        wasyncore.close_all(self._map)


@contextmanager
def serving(
    listener: socket.socket, answer: Answer, say: Callable[[str], None] = lambda _: None
) -> Iterator[HttpServer]:
    """Answer in the background as long as the context lasts."""
    server = HttpServer(listener, answer, say)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.pull_trigger()
        thread.join()
        server.stop()
