"""HTTP on a socket: what arrives, what leaves, and that nothing sent ends the server."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from local.gateway import MAX_BODY, Reply, Request
from local.http_server import HttpServer, PortError, listen, serving

TEXT = (("content-type", "text/plain; charset=utf-8"),)


def echo(request: Request) -> Reply:
    """What arrived, as the answer."""
    if request.path == "/boom":
        raise RuntimeError("boom")
    if request.path == "/full":
        return Reply(413, TEXT, b"too much for a function")
    if request.path == "/none":
        return Reply(204, (("x-name", "令牌"),))
    many, length = request.header("x-many"), len(request.body)
    said = f"{request.method} {request.target} {request.source_ip} {many} {length}"
    return Reply(200, TEXT, said.encode())


@pytest.fixture
def lines() -> list[str]:
    """The access log."""
    return []


@pytest.fixture
def server(lines: list[str]) -> Iterator[HttpServer]:
    """A server that echoes; it leaves no thread behind."""
    before = set(threading.enumerate())
    with serving(listen(0), echo, lines.append) as running:
        yield running
    assert_gone(before)


def assert_gone(before: set[threading.Thread]) -> None:
    """No thread is left that was not there before; the last ones may take a moment to end."""
    deadline = time.monotonic() + 5
    while not set(threading.enumerate()) <= before and time.monotonic() < deadline:
        time.sleep(0.005)
    assert set(threading.enumerate()) <= before


def raw(server: HttpServer, data: bytes) -> bytes:
    """All that the server sends for these bytes, until it closes or falls silent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_request(server: HttpServer, lines: list[str]) -> None:
    """A request arrives whole, and its line of log has neither query nor body."""
    reply = httpx.post(
        f"http://127.0.0.1:{server.port}/a%20b?code=secret",
        content=b"secret",
        headers=[("x-many", "1"), ("X-Many", "2")],
    )
    assert reply.status_code == 200
    assert reply.text == "POST /a%20b?code=secret 127.0.0.1 1,2 6"
    assert reply.headers["content-type"] == TEXT[0][1]
    assert "server" not in reply.headers
    wait_for(lines, 1)
    (line,) = lines
    assert line.startswith("POST /a%20b 200 ")
    assert line.endswith(" ms")
    assert "secret" not in line


def wait_for(lines: list[str], count: int) -> None:
    """A line is written after its reply, so it may come a moment later."""
    deadline = time.monotonic() + 5
    while len(lines) < count and time.monotonic() < deadline:
        time.sleep(0.005)


def test_kept_connection(server: HttpServer) -> None:
    """One connection serves many requests, whatever each of them holds."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.connect()
        first = connection.sock
        for method, path, body, status in (
            ("POST", "/a", b"x" * 100_000, 200),
            ("GET", "/none", None, 204),
            ("HEAD", "/a", None, 200),
            ("GET", "/boom", None, 500),
            ("DELETE", "/a", iter([b"chunk", b"", b"s"]), 200),
            ("BREW", "/a", None, 200),
        ):
            connection.request(method, path, body=body, encode_chunked=True)
            reply = connection.getresponse()
            assert (reply.status, connection.sock is first) == (status, True), (method, path)
            content = reply.read()
            if method == "DELETE":
                assert content.endswith(b" 6")


def test_head(server: HttpServer) -> None:
    """HEAD tells the length and sends no body."""
    reply = httpx.head(f"http://127.0.0.1:{server.port}/a")
    assert reply.content == b""
    assert int(reply.headers["content-length"]) == len("HEAD /a 127.0.0.1 None 0")


def test_no_content(server: HttpServer) -> None:
    """A 204 has no length; a header beyond ASCII arrives as UTF-8."""
    reply = httpx.get(f"http://127.0.0.1:{server.port}/none")
    assert "content-length" not in reply.headers
    assert (b"x-name", "令牌".encode()) in [(name.lower(), value) for name, value in reply.headers.raw]


def test_exception(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    """An error in the gateway itself is logged and answered."""
    reply = httpx.get(f"http://127.0.0.1:{server.port}/boom")
    assert (reply.status_code, reply.json()) == (500, {"message": "Internal Server Error"})
    assert "boom" in caplog.text


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET /\xe4\xbb\xa4 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"CONNECT example.com:443 HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon here\r\ncontent-length: 3\r\n\r\nabc", 400),
        (b"GET / HTTP/1.1\r\n folded: at once\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n: no name\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\ncontent-length : 3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcdef\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffff\r\n", 413),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_not_http(server: HttpServer, data: bytes, status: int) -> None:
    """What breaks HTTP is refused in JSON and cut off; the next caller notices nothing."""
    received = raw(server, data)
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert body.startswith(b'{"message":"')
    assert body.endswith(b'"}')
    assert httpx.get(f"http://127.0.0.1:{server.port}/a").status_code == 200


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n", b"GET / HT", b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc"],
)
def test_cut_short(server: HttpServer, data: bytes) -> None:
    """A client that goes away in the middle is nobody's error."""
    raw(server, data)
    assert httpx.get(f"http://127.0.0.1:{server.port}/a").status_code == 200


@pytest.mark.security("F3")
@pytest.mark.parametrize("framing", ["content-length: 4", "transfer-encoding: chunked"])
def test_a_client_that_waits_for_leave(server: HttpServer, framing: str) -> None:
    """`Expect: 100-continue` is answered at once, before any of the body is there (RFC 9110 section 10.1.1)."""
    head = f"POST /a HTTP/1.1\r\nhost: x\r\nexpect: 100-Continue\r\n{framing}\r\n\r\n"
    body = b"4\r\nbody\r\n0\r\n\r\n" if "chunked" in framing else b"body"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        for _ in range(2):
            connection.sendall(head.encode())
            assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(body)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.security("F3")
@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 99999999", 413),
        ("POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: x", 400),
        ("POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 0", 200),
        ("GET /a HTTP/1.1\r\nexpect: 100-continue", 200),
        ("POST /a HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 0", 200),
    ],
)
def test_leave_is_given_only_for_a_body_that_is_wanted(server: HttpServer, head: str, status: int) -> None:
    """Else the answer itself comes at once, and HTTP/1.0 knows no other."""
    received = raw(server, f"{head}\r\nhost: x\r\n\r\n".encode())
    version = "HTTP/1.0" if "HTTP/1.0" in head else "HTTP/1.1"
    assert received.startswith(f"{version} {status} ".encode())


@pytest.mark.security("F3")
@pytest.mark.parametrize(
    "fields",
    [
        "content-type: multipart/form-data",
        "content-type: multipart/form-data; boundary=",
        "content-type: multipart/mixed; boundary=b\r\ncontent-transfer-encoding: base64",
        "content-type: multipart/form-data; boundary=b\r\nmime-version: 1.0",
        "content-type: message/rfc822",
        "content-type: message/delivery-status",
    ],
)
def test_a_body_of_any_type_reaches_the_function(server: HttpServer, fields: str) -> None:
    """Whatever its Content-Type says of its parts: what becomes of it is the function's business."""
    received = raw(server, f"POST /a HTTP/1.1\r\nhost: x\r\n{fields}\r\ncontent-length: 4\r\n\r\nbody".encode())
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"POST /a 127.0.0.1 None 4")


def test_absolute_target(server: HttpServer) -> None:
    """A target written in full, as to a proxy, is the path in it."""
    received = raw(server, b"GET http://elsewhere/a?b=c HTTP/1.1\r\nhost: x\r\n\r\n")
    assert b"GET /a?b=c 127.0.0.1" in received


def test_old_http(server: HttpServer) -> None:
    """HTTP/1.0 closes, unless it asks to stay."""
    assert b"connection: close" in raw(server, b"GET /a HTTP/1.0\r\n\r\n").lower()
    assert b"connection: keep-alive" in raw(server, b"GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").lower()


def test_too_large(server: HttpServer) -> None:
    """A body above the limit is refused, and the client that still sends it gets to see so."""
    reply = httpx.post(f"http://127.0.0.1:{server.port}/a", content=bytes(MAX_BODY + 1))
    assert (reply.status_code, reply.json()) == (413, {"message": "Request Entity Too Large"})


def test_too_large_for_a_function(server: HttpServer) -> None:
    """A body that was read to its end leaves nothing to wait for: the connection goes on at once."""
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=0.5) as client:
        assert client.post("/full", content=b"much").status_code == 413
        assert client.get("/a").status_code == 200


def test_port_taken(server: HttpServer) -> None:
    """A port in use is named, with what to do."""
    with pytest.raises(PortError, match=f"Port {server.port} is taken. Choose another: PORT=3000 make run"):
        listen(server.port)


def test_close_with_open_connections(lines: list[str]) -> None:
    """Closing ends idle connections, lets a request under way finish, and frees the port."""
    under_way, go_on = threading.Event(), threading.Event()

    def slow(request: Request) -> Reply:
        under_way.set()
        go_on.wait(5)
        return Reply(200, TEXT, b"done")

    before = set(threading.enumerate())
    idle, busy = socket.socket(), socket.socket()
    with closing(idle), closing(busy):
        with serving(listen(0), slow, lines.append) as server:
            idle.connect(("127.0.0.1", server.port))
            busy.connect(("127.0.0.1", server.port))
            busy.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert under_way.wait(5)
            threading.Timer(0.1, go_on.set).start()
        busy.settimeout(5)
        assert busy.recv(65536).endswith(b"done")
        assert idle.recv(1) == b""
    listen(server.port).close()
    assert_gone(before)
