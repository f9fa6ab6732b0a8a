"""One call over HTTPS, told by how far it came: whether the request can have arrived at all.

Each call has a connection of its own. One that was kept open may be cut by the other side at any time, and then
nobody could say whether the request was read.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from lingpai import deadline
from lingpai.adapters import addresses
from lingpai.frozen import frozen

# No vendor's answer comes near it; what is longer is not read.
LARGEST_ANSWER = 256 * 1024


@frozen
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Unreached(Exception):
    """No connection came about, so nobody has the request. The text says where it ended, and nothing of the request."""


class Lost(Exception):
    """The request went out, in part or whole, and no whole answer came: it may have been carried out. Text as above."""


class Https:
    """Asks web services. Certificates are verified against the machine's store (or `SSL_CERT_FILE`).

    `connect_timeout` (seconds) is for name, connection and TLS handshake together, `answer_timeout` for all that
    follows, to the answer's last byte; both end with the request (`lingpai.deadline`). Nothing is asked twice, and
    redirects are answers.
    """

    def __init__(self, connect_timeout: float, answer_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._answer_timeout = answer_timeout

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the service answers; Unreached or Lost where there is no answer."""
        return self._call("POST", url, headers, body, LARGEST_ANSWER)

    def get(self, url: str, headers: Mapping[str, str], largest: int) -> Answer:
        """As `post`, for an answer of at most so many bytes."""
        return self._call("GET", url, headers, None, largest)

    def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, largest: int) -> Answer:
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = self._connect(host, port, secure=secure)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with closing(connection), _ended_after(connection.sock, _some_of(self._answer_timeout)) as late:
            try:
                connection.request(method, target, body, {**headers, "Connection": "close"})
                with connection.getresponse() as response:
                    answer = _body(response, largest)
                    missing = response.length
            except (OSError, http.client.HTTPException) as error:
                raise Lost("TimeoutError" if late.is_set() else type(error).__name__) from None
        if len(answer) > largest:
            raise Lost("answer too long")
        if late.is_set():
            raise Lost("TimeoutError")
        if missing:
            raise Lost("answer cut off")
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, answer)

    def _connect(self, host: str, port: int, *, secure: bool) -> Any:
        """A connected socket, its TLS handshake done."""
        seconds = _some_of(self._connect_timeout)
        until = time.monotonic() + seconds
        problem = "no address"
        try:
            found = addresses.look_up(host, port, seconds)
        except TimeoutError as error:
            raise Unreached(str(error)) from None
        except (OSError, UnicodeError) as error:
            raise Unreached(type(error).__name__) from None
        for tried, address in enumerate(found, 1):
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                # One that is silent leaves time for the next.
                tcp = addresses.connect(address, left if tried == len(found) else left / 2)
            except OSError as error:
                problem = type(error).__name__
                continue
            if not secure:
                return tcp
            try:
                tcp.settimeout(max(until - time.monotonic(), 0.001))
                return self._context.wrap_socket(tcp, server_hostname=host)
            except OSError as error:
                tcp.close()
                problem = type(error).__name__
        raise Unreached(problem)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _body(response: http.client.HTTPResponse, largest: int) -> bytes:
    """The body, and of one that is larger a byte more than that."""
    try:
        return response.read(largest + 1)
    except ValueError as error:  # the standard library's word for a chunk of fewer bytes than none
        raise http.client.IncompleteRead(b"") from error


def _some_of(seconds: float) -> float:
    """As many of these seconds as the request has; Unreached where it has none, since nothing was sent so far."""
    left = deadline.left_of(seconds)
    if left <= 0:
        raise Unreached("no time left")
    return left


@contextmanager
def _ended_after(connected: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """Hang up when the time is over, and set the event. A socket's own time-out begins anew with each byte."""
    connected.settimeout(seconds)
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        # Past SSLSocket's own, which forgets its cipher under the reader's hands.
        with suppress(OSError):
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    watchdog = threading.Timer(seconds, hang_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield late
    finally:
        watchdog.cancel()
