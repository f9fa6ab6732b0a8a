"""Connections to one address, kept from one request to the next: as much of HTTP/1.1 as AWS's JSON services speak.

The standard library's client reads headers as those of e-mails, which costs more than signing, sending and the rest of
the reading together (docs/performance.md). RFC 9112; no redirects, no compression, no trailers that mean anything.
"""

import select
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from urllib.parse import urlsplit

from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.exceptions import SSLError as NoTrustError

# Connections that wait for the next request.
_KEPT = 10
_LONGEST_LINE = 65536

# Status, headers (names in lower case), body.
Answer = tuple[int, dict[str, str], bytes]


class _Broken(Exception):
    """What came is no whole answer of HTTP."""


@dataclass
class _Line:
    socket: socket.socket
    reader: BufferedReader

    def close(self) -> None:
        self.reader.close()
        self.socket.close()

    def is_open(self) -> bool:
        """Whether nothing has come meanwhile: between two requests a service says nothing but that it hangs up."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not poll.poll(0)

    def read(self) -> tuple[Answer, bool]:
        """The next answer, and whether another may follow."""
        version, _, rest = self._text().partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not status.isdecimal():
            raise _Broken
        headers = self._headers()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self._exactly(headers.get("content-length", ""))
        return (int(status), headers, body), version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"

    def _headers(self) -> dict[str, str]:
        headers = {}
        while text := self._text():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        return headers

    def _chunks(self) -> bytes:
        chunks = []
        while chunk := self._exactly(self._text().partition(";")[0].strip(), base=16):
            chunks.append(chunk)
            self._text()
        self._headers()
        return b"".join(chunks)

    def _text(self) -> str:
        line = self.reader.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise _Broken
        return line.rstrip(b"\r\n").decode("latin-1")

    def _exactly(self, length: str, base: int = 10) -> bytes:
        try:
            size = int(length, base)
        except ValueError:
            raise _Broken from None
        body = self.reader.read(size) if size >= 0 else b""
        if len(body) != size:
            raise _Broken
        return body


@dataclass
class Lines:
    """The connections to `url`: one for each request under way. `connect` and `patience` are seconds.

    `roots` names the file of the certificates to trust, read when the first connection is made.
    """

    url: str
    connect: float
    patience: float
    roots: str | None
    _idle: list[_Line] = field(default_factory=list)
    _context: ssl.SSLContext | None = None

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a POST; a BotoCoreError where there is none, named as botocore names it."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body
        while True:
            line, kept = self._take()
            try:
                line.socket.sendall(request)
                answer, more = line.read()
            except TimeoutError as error:
                line.close()
                raise ReadTimeoutError(endpoint_url=self.url, error=error) from error
            except (OSError, _Broken) as error:
                line.close()
                # One that was kept may have been closed as it was taken, by whoever had it idle for too long.
                if kept:
                    continue
                raise ConnectionClosedError(endpoint_url=self.url, error=error) from error
            if more and len(self._idle) < _KEPT:
                self._idle.append(line)
            else:
                line.close()
            return answer

    def close(self) -> None:
        """Hang up. The next request connects anew."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> tuple[_Line, bool]:
        """A connection, and whether it was kept from another request."""
        while self._idle:
            try:
                line = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if line.is_open():
                return line, True
            line.close()
        return self._connected(), False

    def _connected(self) -> _Line:
        parts = urlsplit(self.url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        try:
            connected = socket.create_connection((host, parts.port or (443 if secure else 80)), self.connect)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure:
                self._context = self._context or ssl.create_default_context(cafile=self.roots)
                connected = self._context.wrap_socket(connected, server_hostname=host)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self.url, error=error) from error
        except ssl.SSLError as error:
            raise NoTrustError(endpoint_url=self.url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self.url, error=error) from error
        connected.settimeout(self.patience)
        return _Line(connected, connected.makefile("rb"))
