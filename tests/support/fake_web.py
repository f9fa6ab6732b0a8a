"""A web service on 127.0.0.1 that answers over TLS, or fails to, at each of the points where a call can break."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import parse_headers
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# answer: as it should. late: the whole request is read, then nothing. cut: read, then the connection is closed.
# cut early: the connection is closed before anything is read. half: the answer stops in its middle.
# endless: an answer that does not end. drip: one byte at a time, for ever. less than nothing: so long is its chunk.
# no handshake: the connection is taken, and TLS never answered. slow handshake: answered one byte at a time, for ever.
# hang up: the connection is taken and closed. full: no connection is taken. closed: nobody listens.
Mode = Literal[
    "answer", "late", "cut", "cut early", "half", "endless", "drip", "less than nothing",
    "no handshake", "slow handshake", "hang up", "full", "closed",
]  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 and its key, as files; it vouches for itself."""

    path: Path
    key_path: Path


@dataclass(frozen=True)
class Call:
    """A request as it arrived. Names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass
class Web:
    """The service; `calls` are the requests that arrived whole, `connections` counts what was begun."""

    certificate: Certificate
    answer: Callable[[Call], Reply]
    mode: Mode = "answer"
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listener: socket.socket = field(default_factory=socket.socket)

    @property
    def host(self) -> str:
        """Host and port."""
        return "{}:{}".format(*self._listener.getsockname())

    @contextmanager
    def running(self) -> Iterator["Web"]:
        """Serve until the end of the block."""
        with ExitStack() as stack:
            stack.callback(self._stop.set)
            stack.callback(self._listener.close)
            self._listener.bind(("127.0.0.1", 0))
            if self.mode == "closed":
                # The port stays ours, and nobody listens on it.
                yield self
                return
            if self.mode == "full":
                self._listener.listen(0)
                self._fill(stack)
                yield self
                return
            self._listener.listen(64)
            accepting = threading.Thread(target=self._accept, daemon=True)
            accepting.start()
            yield self
            # Closing a listener does not wake who waits at it.
            self._stop.set()
            with suppress(OSError), socket.create_connection(self._listener.getsockname(), 1):
                pass
            accepting.join(5)

    def _fill(self, stack: ExitStack) -> None:
        """Take up every place in the queue: the next to connect waits for an answer that does not come."""
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.2)
            try:
                waiting.connect(self._listener.getsockname())
            except TimeoutError:
                return
        raise AssertionError("the queue is never full")

    def _accept(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.path, self.certificate.key_path)
        while not self._stop.is_set():
            connection, _ = self._listener.accept()
            if self._stop.is_set():
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection, context), daemon=True).start()

    def _serve(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        with self._lock:
            self.connections += 1
        # A client that gave up is no concern of a server's.
        with suppress(OSError), connection:
            if self.mode == "hang up":
                return
            if self.mode == "no handshake":
                self._stop.wait(30)
                return
            if self.mode == "slow handshake":
                # The head of a record of TLS, and what is in it.
                connection.sendall(b"\x16\x03\x03\x40\x00")
                while not self._stop.wait(0.05):
                    connection.sendall(b"\0")
                return
            connection.settimeout(10)
            with context.wrap_socket(connection, server_side=True) as secure:
                if self.mode != "cut early":
                    self._talk(secure)

    def _talk(self, secure: ssl.SSLSocket) -> None:
        with secure.makefile("rb") as incoming:
            first = incoming.readline()
            if not first:
                return
            method, target, _ = first.decode().split()
            headers = {name.lower(): value for name, value in parse_headers(incoming).items()}
            body = incoming.read(int(headers.get("content-length", 0)))
        path, _, query = target.partition("?")
        call = Call(method, path, query, headers, body)
        with self._lock:
            self.calls.append(call)
        if self.mode == "late":
            self._stop.wait(30)
            return
        if self.mode == "cut":
            return
        reply = self.answer(call)
        if self.mode == "less than nothing":
            secure.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n")
            return
        content = reply.body * 400_000 if self.mode == "endless" else reply.body
        head = (
            f"HTTP/1.1 {reply.status} Whatever\r\nContent-Type: {reply.content_type}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        ).encode()
        if self.mode == "drip":
            secure.sendall(head[:-2])
            while not self._stop.wait(0.05):
                secure.sendall(b"X")
            return
        secure.sendall(head + (content[: len(content) // 2] if self.mode == "half" else content))


def make_certificate(folder: Path) -> Certificate:
    """A certificate that is good from yesterday to tomorrow."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a vendor on this machine")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    made.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private: Any = serialization.PrivateFormat.PKCS8
    made.key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return made
