"""The handler behind what node's own HTTP server stands on: `python -m benchmarks.peers.apps.lingpai_front FD`.

That is llhttp (httptools) for the parsing and libuv (uvloop) for the loop, and nothing between; FD is a socket that
listens. The handler is called on the loop, as node calls its handlers; it waits for DynamoDB there, which costs time
and no CPU.
"""

import asyncio
import signal
import socket
import sys
from http import HTTPStatus
from typing import Any

import httptools  # type: ignore[import-not-found]  # in the environment of the fronts alone
import uvloop  # type: ignore[import-not-found]  # as above

from benchmarks.peers.apps.event import make_event
from benchmarks.peers.apps.lingpai_app import context, handler

_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


class Front(asyncio.Protocol):
    """One connection: requests come one after the other, and each is answered before the next is read."""

    def __init__(self) -> None:
        self._handler, self._context = handler(), context()
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._url = b""

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        path, _, query = self._url.decode("ascii").partition("?")
        method = self._parser.get_method().decode("ascii")
        event = make_event(method, path, query, self._headers, b"".join(self._body), "127.0.0.1")
        answer = self._handler(event, self._context)
        content = answer["body"].encode()
        named = "".join(f"{name}: {value}\r\n" for name, value in answer["headers"].items())
        head = f"{_LINES[answer['statusCode']]}{named}Content-Length: {len(content)}\r\n\r\n"
        self._transport.write(head.encode("latin-1") + content)
        if not self._parser.should_keep_alive():
            self._transport.close()
        self._begin()


async def serve(listening: socket.socket) -> None:
    """Serve until SIGTERM."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    server = await loop.create_server(Front, sock=listening)
    await end.wait()
    server.close()


def main(descriptor: str) -> int:
    """Serve on this socket; give the exit code."""
    uvloop.run(serve(socket.socket(fileno=int(descriptor))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
