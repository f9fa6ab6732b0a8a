"""One question to a third party, and its answer: by HTTPS, with an end in time and size, and no word of the address.

The standard library's own connection, since those above it log addresses or quote them in their errors, and an address
may hold a secret (WeChat wants the app's in the query). Nothing is asked twice, and no redirect is followed.
"""

import functools
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lingpai.settings import Settings, secure_url

if TYPE_CHECKING:
    import http.client
    import ssl


class NotAnswered(Exception):
    """There is no answer that can be used. `detail` is for the log: what went wrong, nothing of what was asked."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def get(settings: Settings, url: str, limit: int) -> bytes:
    """The body of the answer 200, at most `limit` bytes; NotAnswered for any other, or none in time."""
    import http.client

    try:
        connection = _connection(secure_url(url), settings.sign_connect_timeout)
        try:
            connection.connect()
            return _exchange(connection, url, settings.sign_timeout, limit)
        finally:
            connection.close()
    except NotAnswered:
        raise
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotAnswered(type(error).__name__) from None


def _exchange(connection: "http.client.HTTPConnection", url: str, timeout: float, limit: int) -> bytes:
    """Ask and read. A socket's time-out begins anew with each byte, so a watchdog hangs up when the time is over."""
    sock = connection.sock
    sock.settimeout(timeout)
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        try:
            # Past SSLSocket's own, which forgets its cipher under the reader's hands.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            return

    watchdog = threading.Timer(timeout, hang_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "lingpai"})
        with connection.getresponse() as answer:
            if answer.status != 200:
                raise NotAnswered(f"status {answer.status}")
            body = answer.read(limit + 1)
            missing = answer.length
    except OSError as error:
        raise NotAnswered("TimeoutError" if late.is_set() else type(error).__name__) from None
    finally:
        watchdog.cancel()
    if len(body) > limit:
        raise NotAnswered(f"an answer of more than {limit} bytes")
    if late.is_set():
        raise NotAnswered("TimeoutError")
    if missing:
        raise NotAnswered("an answer that was cut off")
    return body


def _connection(url: str, timeout: float) -> "http.client.HTTPConnection":
    import http.client

    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=_context())
    return http.client.HTTPConnection(host, parts.port, timeout=timeout)


@functools.cache
def _context() -> "ssl.SSLContext":
    """The machine's certificates, which take long to load."""
    import ssl

    return ssl.create_default_context()
