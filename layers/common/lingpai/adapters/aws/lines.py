"""Connections to one address, kept from one request to the next: as much of HTTP/1.1 as AWS's JSON services speak.

The standard library's client reads headers as those of e-mails, which costs more than signing, sending and the rest of
the reading together (docs/performance.md). RFC 9112; no redirects, no compression, no trailers that mean anything.
"""

import math
import re
import select
import socket
import ssl
import time
from collections.abc import Buffer, Mapping
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase
from urllib.parse import urlsplit

from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.exceptions import SSLError as NoTrustError

from lingpai.adapters import addresses

# Connections that wait for the next request.
_KEPT = 10
_LONGEST_LINE = 65536
_MOST_HEADERS = 100
_LARGEST_ANSWER = 32 * 1024 * 1024
_LENGTH = re.compile(r"[0-9A-Fa-f]{1,12}")

# Status, headers (names in lower case), body.
Answer = tuple[int, dict[str, str], bytes]


class _Broken(Exception):
    """What came is no whole answer of HTTP."""


class _Unanswered(Exception):
    """The connection ended before a byte of the answer came."""


class _Arriving(RawIOBase):
    """What comes by a connection. No part of it is waited for longer than `patience`, nor all of it beyond `until`.

    A socket's own time-out begins anew with each byte.
    """

    def __init__(self, connected: socket.socket, patience: float) -> None:
        self._socket = connected
        self._patience = patience
        self.until = math.inf

    def readable(self) -> bool:
        return True

    def readinto(self, room: Buffer) -> int:
        self.hurry()
        return self._socket.recv_into(room)

    def hurry(self) -> None:
        """Let the next step take no more than what is left; TimeoutError where nothing is."""
        left = self.until - time.monotonic()
        if left < self._patience:
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)


@dataclass
class _Line:
    socket: socket.socket
    arriving: _Arriving
    reader: BufferedReader
    kept: bool = False

    def close(self) -> None:
        self.reader.close()
        self.socket.close()

    def is_idle(self, patience: float) -> bool:
        """Whether it is open, and nothing is on it that the next request would take for its answer."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        if poll.poll(0):
            return False
        # What was read with the last answer, or waits in the cipher's own memory.
        self.arriving.until = math.inf
        self.socket.settimeout(0)
        try:
            return not self.reader.peek(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            self.socket.settimeout(patience)

    def ask(self, request: bytes, until: float) -> tuple[Answer, bool]:
        """The answer to the request, and whether another may follow."""
        self.arriving.until = until
        self.arriving.hurry()
        try:
            self.socket.sendall(request)
            begun = self.reader.peek(1)
        except ConnectionError as error:
            raise _Unanswered from error
        if not begun:
            raise _Unanswered
        version, status, headers = self._head()
        while status < 200:  # what comes before the answer itself, such as 100 Continue
            version, status, headers = self._head()
        more = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        match headers.get("transfer-encoding", "").lower():
            case "" if more or "content-length" in headers:
                body = self._exactly(headers.get("content-length", ""))
            case "":
                body = self._rest()
            case "chunked":
                body = self._chunks()
            case _:
                raise _Broken
        return (status, headers, body), more

    def _head(self) -> tuple[str, int, dict[str, str]]:
        version, _, rest = self._text().partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
            raise _Broken
        return version, int(rest[:3]), self._headers()

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(_MOST_HEADERS):
            text = self._text()
            if not text:
                return headers
            name, _, value = text.partition(":")
            if headers.setdefault(name.lower(), value.strip()) != value.strip() and name.lower() == "content-length":
                raise _Broken
        raise _Broken

    def _chunks(self) -> bytes:
        chunks = []
        while chunk := self._exactly(self._text().partition(";")[0].strip(), base=16):
            chunks.append(chunk)
            if self._text():
                raise _Broken
        self._headers()
        return b"".join(chunks)

    def _text(self) -> str:
        line = self.reader.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise _Broken
        return line.rstrip(b"\r\n").decode("latin-1")

    def _rest(self) -> bytes:
        """All there is until the other side hangs up."""
        body = self.reader.read(_LARGEST_ANSWER + 1)
        if len(body) > _LARGEST_ANSWER:
            raise _Broken
        return body

    def _exactly(self, length: str, base: int = 10) -> bytes:
        if not _LENGTH.fullmatch(length):
            raise _Broken
        try:
            size = int(length, base)
        except ValueError:
            raise _Broken from None
        if size > _LARGEST_ANSWER:
            raise _Broken
        body = self.reader.read(size)
        if len(body) != size:
            raise _Broken
        return body


@dataclass
class Lines:
    """The connections to `url`: one for each request under way.

    `connect` and `patience` are seconds: for the look-up of the name, for a connection and for its TLS, each; and for
    each part of an answer.
    `roots` names the file of the certificates to trust, read when the first connection is made.
    """

    url: str
    connect: float
    patience: float
    roots: str | None
    _idle: list[_Line] = field(default_factory=list)
    _context: ssl.SSLContext | None = None

    def post(self, path: str, headers: Mapping[str, str], body: bytes, until: float) -> Answer:
        """The answer to a POST; a BotoCoreError where there is none, named as botocore names it.

        All of it ends by `until` (`time.monotonic`): as a time-out, where the answer is not whole by then.
        """
        if until <= time.monotonic():
            raise ReadTimeoutError(endpoint_url=self.url, error="no time is left")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body
        line = self._take() or self._connected(until)
        try:
            try:
                answer, more = line.ask(request, until)
            except _Unanswered:
                if not line.kept:
                    raise
                # It was closed as it was taken, by whoever had it idle for too long; so may be the others.
                line.close()
                self.close()
                line = self._connected(until)
                answer, more = line.ask(request, until)
        except TimeoutError as error:
            line.close()
            if line.kept:
                self.close()  # what is silent on one may be gone from all
            raise ReadTimeoutError(endpoint_url=self.url, error=error) from error
        except (OSError, _Broken, _Unanswered) as error:
            line.close()
            raise ConnectionClosedError(endpoint_url=self.url, error=error) from error
        if more and len(self._idle) < _KEPT:
            line.kept = True
            self._idle.append(line)
        else:
            line.close()
        return answer

    def close(self) -> None:
        """Hang up. The next request connects anew."""
        idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def _take(self) -> _Line | None:
        """A connection that was kept from another request."""
        while self._idle:
            try:
                line = self._idle.pop()
            except IndexError:  # another thread was quicker
                return None
            if line.is_idle(self.patience):
                return line
            line.close()
        return None

    def _connected(self, until: float) -> _Line:
        parts = urlsplit(self.url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        if secure and self._context is None:
            self._context = self._trusting()
        try:
            connected = self._reached(host, parts.port or (443 if secure else 80), until)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                connected = self._secured(connected, self._context, host, until)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self.url, error=error) from error
        except ssl.SSLError as error:
            raise NoTrustError(endpoint_url=self.url, error=error) from error
        except (OSError, UnicodeError) as error:
            raise EndpointConnectionError(endpoint_url=self.url, error=error) from error
        connected.settimeout(self.patience)
        arriving = _Arriving(connected, self.patience)
        return _Line(connected, arriving, BufferedReader(arriving))

    def _trusting(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.roots)
        except OSError as error:  # no such file, or no certificate in it
            raise NoTrustError(endpoint_url=self.url, error=OSError(f"{self.roots}: {error}")) from error

    def _reached(self, host: str, port: int, until: float) -> socket.socket:
        """A connection to the first of the host's addresses that takes one."""
        problem = OSError("no address")
        for address in addresses.look_up(host, port, _least(self.connect, until)):
            try:
                return addresses.connect(address, _least(self.connect, until))
            except OSError as error:
                problem = error
        raise problem

    def _secured(self, connected: socket.socket, context: ssl.SSLContext, host: str, until: float) -> socket.socket:
        """The connection with TLS on it. A socket's time-out is that of the whole handshake."""
        try:
            connected.settimeout(_least(self.connect, until))
            return context.wrap_socket(connected, server_hostname=host)
        except OSError:
            connected.close()
            raise


def _least(step: float, until: float) -> float:
    """The seconds that a step may take; TimeoutError where none are left."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(step, left)
