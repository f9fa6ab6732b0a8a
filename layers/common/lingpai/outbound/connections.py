"""Outbound HTTP/1.1: `http.client` over sockets whose every step ends by a deadline.

A socket's own time-out begins anew with each byte. Here a connection's steps have a time-out each, and together they
end by `until`, a time of `time.monotonic`. AWS, SMS senders and identity providers are all called by this module.
"""

import functools
import http.client
import math
import re
import socket
import ssl
import time
from collections.abc import Buffer, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase
from typing import Any
from urllib.parse import urlsplit

from lingpai.outbound import addresses

# Idle connections that a pool keeps.
_KEPT = 10
_LENGTH = re.compile(r"[0-9]{1,10}")


class Unreached(Exception):
    """There is no connection, so nothing was sent. The text names the error, and nothing of the request."""


class Lost(Exception):
    """The request was sent, in part or whole, and no whole answer came: it may have been carried out. Text as above."""


class Disconnected(Lost):
    """The server closed the connection before the first byte of its answer."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class DeadlineReader(RawIOBase):
    """Reads from a socket: no read takes longer than `step_timeout`, and none goes on after `until`.

    `http.client` takes it for a socket. It asks it for a file to read an answer from, and closes both where the answer
    ends. Both stay open here, because the file's buffer may hold bytes that follow the answer.
    """

    def __init__(self, connected: socket.socket, step_timeout: float) -> None:
        self._socket = connected
        self.step_timeout = step_timeout
        self.until = math.inf
        self.buffered = _OpenBuffer(self)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Receive at least one byte, or none at the connection's end."""
        self.limit_step()
        return self._socket.recv_into(buffer)

    def limit_step(self) -> None:
        """Set the socket's time-out for its next step; TimeoutError where no time is left."""
        self._socket.settimeout(_step(self.step_timeout, self.until))

    def makefile(self, _mode: str) -> BufferedReader:
        """The same file for each answer."""
        return self.buffered

    def close(self) -> None:
        """Do nothing: `Connection.hang_up` closes the socket."""


class _OpenBuffer(BufferedReader):
    def close(self) -> None:
        """Do nothing, as above."""


class _Response(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read all up to the body. Of interim responses `http.client` itself skips none but 100."""
        super().begin()
        while self.status < 200:
            self.headers = None  # type: ignore[assignment]  # so that it reads the next head
            super().begin()

    def read(self, amt: int | None = None) -> bytes:
        """Read the body. `http.client` lets a chunk of negative length pass to the file, which refuses it."""
        try:
            return super().read(amt)
        except ValueError as error:
            raise http.client.IncompleteRead(b"") from error


class Connection(http.client.HTTPConnection):
    """An open connection, for one request after the other."""

    response_class = _Response

    def __init__(self, connected: socket.socket, step_timeout: float) -> None:
        super().__init__("")
        self._socket = connected
        self._reader = DeadlineReader(connected, step_timeout)
        self._request = b""
        self.reusable = True

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, until: float, largest: int
    ) -> Answer:
        """The answer to a request, with a body of at most `largest` bytes; Lost where none comes whole and in time."""
        self._reader.until = until
        try:
            self._write(method, target, headers, body)
            response = self.getresponse()
            _check_length(response, last=headers.get("Connection") == "close")
            content = response.read(largest + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Lost(type(error).__name__) from error
        if len(content) > largest:
            raise Lost("answer too long")
        if response.length:
            raise Lost("answer cut off")
        self.reusable = not response.will_close
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def _write(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> None:
        """Send a request, and wait for the first byte of its answer; Disconnected where none comes."""
        self.sock, self._request = self._reader, b""
        self.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            self.putheader(name, value)
        if body is not None:
            self.putheader("content-length", str(len(body)))
        self.endheaders(body)
        unsent = memoryview(self._request)
        try:
            while unsent:
                self._reader.limit_step()
                unsent = unsent[self._socket.send(unsent) :]
            if not self._reader.buffered.peek(1):
                raise Disconnected("RemoteDisconnected")
        except ConnectionError as error:
            raise Disconnected(type(error).__name__) from error

    def send(self, data: Any) -> None:
        """Keep what `http.client` would send in parts: head and body go out together."""
        self._request += data

    def is_idle(self) -> bool:
        """Whether it is open, and nothing has come that the next request would take for its answer."""
        step_timeout, self._reader.step_timeout, self._reader.until = self._reader.step_timeout, 0, math.inf
        try:
            self._reader.buffered.peek(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            self._reader.step_timeout = step_timeout
        return False

    def hang_up(self) -> None:
        """Close the socket."""
        self._socket.close()


class ConnectionPool:
    """Connections to `url`: one for each request under way, kept for the next.

    `connect_timeout` is for each step of connecting, `read_timeout` for each part of an answer, in seconds.
    `trust_store` names the file of the certificate authorities, for `tls_context`.
    """

    def __init__(self, url: str, connect_timeout: float, read_timeout: float, trust_store: str) -> None:
        parts = urlsplit(url)
        self.url, self.host, self.path = url, parts.netloc, parts.path or "/"
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._trust_store = trust_store
        self._idle: list[Connection] = []

    def post(self, headers: Mapping[str, str], body: bytes, until: float, largest: int) -> Answer:
        """The answer to a POST to the address; Unreached or Lost where there is none by `until`."""
        if connection := self._take():
            try:
                return self._exchange(connection, headers, body, until, largest)
            except Lost as error:
                # What happened to this idle connection may have happened to all of them.
                self.close()
                if not isinstance(error, Disconnected):
                    raise
        return self._exchange(self._open(until), headers, body, until, largest)

    def close(self) -> None:
        """Close all idle connections. The next request makes a new one."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.hang_up()

    def _exchange(self, connection: Connection, *request: Any) -> Answer:
        try:
            answer = connection.exchange("POST", self.path, *request)
        except BaseException:
            connection.hang_up()
            raise
        if connection.reusable and len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.hang_up()
        return answer

    def _take(self) -> Connection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took it
                return None
            if connection.is_idle():
                return connection
            connection.hang_up()
        return None

    def _open(self, until: float) -> Connection:
        try:
            context = tls_context(self._trust_store) if self.url.startswith("https:") else None
        except OSError as error:  # no such file, or no certificate in it
            raise Unreached(type(error).__name__) from ssl.SSLError(f"{self._trust_store}: {error}")
        return Connection(connect(self.url, context, self._connect_timeout, until), self._read_timeout)


@functools.cache
def tls_context(trust_store: str) -> ssl.SSLContext:
    """The client's side of TLS, for all connections that trust the certificate authorities in this file.

    To read them takes longer than to connect, so it is done once in a process. The context holds nothing else, so it
    may be in a snapshot. OSError where there is no such file, or no certificate in it.
    """
    return ssl.create_default_context(cafile=trust_store)


@functools.cache
def machine_context(_: str | None) -> ssl.SSLContext:
    """The client's side of TLS, which trusts the machine's certificate authorities, or those in SSL_CERT_FILE.

    OpenSSL reads that variable. The argument is its value, so that each has a context of its own.
    """
    return ssl.create_default_context()


def warm_up_tls() -> None:
    """Have OpenSSL look up what each connection takes, by a first message of TLS that is sent to nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="nobody.invalid").do_handshake()


def connect(
    url: str,
    context: ssl.SSLContext | None,
    step_timeout: float,
    until: float,
    admit: Callable[[str], bool] | None = None,
) -> socket.socket:
    """A connection to the host of `url`, with TLS where a context is given; Unreached where there is none in time.

    The look-up of the name, the connection to each address and TLS are a step each. With `admit` only the addresses
    that it lets pass are connected to. The name is looked up once, so the address that was checked is the one that is
    connected to, whatever the name leads to a moment later.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port or (443 if context else 80)
        found = addresses.look_up(host, port, _step(step_timeout, until))
    except TimeoutError as error:
        raise Unreached(str(error)) from error
    except (OSError, UnicodeError) as error:
        raise Unreached(type(error).__name__) from error
    if admit is not None:
        admitted = [address for address in found if admit(address[4][0])]
        if found and not admitted:
            raise Unreached("address not allowed")
        found = admitted
    unreached = Unreached("no address")
    for tried, address in enumerate(found, 1):
        try:
            # A silent address leaves time for the next one.
            share = until if tried == len(found) else (time.monotonic() + until) / 2
            tcp = addresses.connect(address, _step(step_timeout, share))
            return _secured(tcp, context, host, step_timeout, until)
        except OSError as error:
            unreached = Unreached(type(error).__name__)
            unreached.__cause__ = error
    raise unreached


def _secured(
    tcp: socket.socket, context: ssl.SSLContext | None, host: str, step_timeout: float, until: float
) -> socket.socket:
    """The connection after its TLS handshake. A socket's time-out is that of the whole handshake."""
    try:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tcp.settimeout(_step(step_timeout, until))
        return context.wrap_socket(tcp, server_hostname=host) if context else tcp
    except OSError:
        tcp.close()
        raise


def _check_length(response: http.client.HTTPResponse, *, last: bool) -> None:
    """Lost where it is not certain how long the body is; `last` says that the request asked for the connection's end.

    `http.client` reads 1_0 as a length, takes the first of several, and ignores transfer codings other than chunked.
    """
    lengths = set(response.headers.get_all("content-length", ()))
    coding = response.headers.get("transfer-encoding", "").lower()
    if coding == "chunked":
        return
    closes = last or response.version == 10 or response.headers.get("connection", "").lower() == "close"
    if coding or not all(map(_LENGTH.fullmatch, lengths)) or (len(lengths) != 1 and not (closes and not lengths)):
        raise Lost("answer of no certain length")


def _step(seconds: float, until: float) -> float:
    """The seconds that a step may take; TimeoutError where none are left."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time left")
    return min(seconds, left)
