"""The handler behind what node's own HTTP server stands on: `python -m benchmarks.peers.apps.lingpai_front`.

That is llhttp (httptools) for the parsing and libuv (uvloop) for the loop, and nothing between. The handler is called
on the loop, as node calls its handlers; it waits for DynamoDB there, which costs time and no CPU. In: lines
`{"sessions": N}`, until the end. Out, a JSON line each: port and versions, then the refresh tokens asked for.
"""

import asyncio
import json
import sys
from http import HTTPStatus
from typing import Any

import httptools  # type: ignore[import-not-found]  # in the environment of the fronts alone
import uvloop  # type: ignore[import-not-found]  # as above

from benchmarks.peers.apps.lingpai_app import Handler, made_of, make_event, open_sessions, populate
from benchmarks.peers.worker import teller

_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


class Front(asyncio.Protocol):
    """One connection: requests come one after the other, and each is answered before the next is read."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
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
        event = make_event(method, path, query, self._headers, b"".join(self._body))
        answer = self._handler(event)
        content = answer["body"].encode()
        named = "".join(f"{name}: {value}\r\n" for name, value in answer["headers"].items())
        head = f"{_LINES[answer['statusCode']]}{named}Content-Length: {len(content)}\r\n\r\n"
        self._transport.write(head.encode("latin-1") + content)
        if not self._parser.should_keep_alive():
            self._transport.close()
        self._begin()


async def serve() -> None:
    """Serve until the input ends."""
    tell = teller()
    populate()
    handler = Handler()
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Front(handler), "127.0.0.1", 0)

    def read() -> None:
        if line := sys.stdin.readline():
            tell({"sessions": open_sessions(json.loads(line)["sessions"])})
        else:
            end.set()

    loop.add_reader(sys.stdin.fileno(), read)
    tell({"port": server.sockets[0].getsockname()[1], "versions": made_of("httptools", "uvloop")})
    await end.wait()


if __name__ == "__main__":
    uvloop.run(serve())
