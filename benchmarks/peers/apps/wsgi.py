"""A WSGI application (PEP 3333), asked in this process as a server would ask it."""

import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.workloads import Calls, Request

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Answered = tuple[list[str], bytes]


@dataclass(frozen=True)
class WsgiApp:
    """See `worker.App`. The environ that a server makes of a request is made before."""

    application: Application
    calls: Calls

    def prepare(self, request: Request) -> dict[str, Any]:
        """The environ of a POST."""
        named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
        return {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": request.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            **named,
            "HTTP_HOST": "127.0.0.1:8000",
            "CONTENT_TYPE": named.pop("HTTP_CONTENT_TYPE"),
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }

    def answer(self, prepared: dict[str, Any]) -> Answered:
        """The status and the whole body; closed, as a server does it at the end."""
        given: list[str] = []

        def start(status: str, _: list[tuple[str, str]], __: Any = None) -> None:
            given.append(status)

        parts = self.application(prepared, start)
        try:
            return given, b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()

    def read(self, answered: Answered) -> tuple[int, bytes]:
        """See `worker.App`."""
        (status,), body = answered
        return int(status.partition(" ")[0]), body
