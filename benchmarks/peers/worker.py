"""Ask an application in its own process: `python -m benchmarks.peers.worker MODULE`, one JSON line in, one out.

The first line out tells `versions`, and those after it `ms`, the processor time of an answer as asked by
`{"workload": …, "count": …}`; or `error`. The answer alone is counted: what a server makes of the request before the
application has it is made before, and what comes back is read after it has ended. What the application prints goes
nowhere.
"""

import contextlib
import importlib
import io
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from wsgiref.util import setup_testing_defaults

from benchmarks.peers.workloads import TOKENS, Calls, Request, measure


@dataclass
class App:
    """An application in this process. `answer` gives the answer, whole, to what `prepare` has made of the request.

    `read` gives the status and the body of it; `spent` are the seconds of processor time of all answers.
    """

    calls: Calls
    prepare: Callable[[Request], Any]
    answer: Callable[[Any], Any]
    read: Callable[[Any], tuple[int, bytes]]
    spent: float = 0.0

    def send(self, request: Request) -> tuple[int, bytes]:
        """See `workloads.Send`."""
        prepared = self.prepare(request)
        begun = time.process_time()
        answered = self.answer(prepared)
        self.spent += time.process_time() - begun
        return self.read(answered)


def wsgi_app(application: Callable[..., Any], calls: Calls) -> App:
    """A WSGI application (PEP 3333), asked as a server would ask it."""

    def answer(environ: dict[str, Any]) -> tuple[list[str], bytes]:
        given: list[str] = []
        parts = application(environ, lambda status, *_: given.append(status))
        try:
            return given, b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()

    return App(calls, _environ, answer, lambda answered: (int(answered[0][0].split()[0]), answered[1]))


def _environ(request: Request) -> dict[str, Any]:
    """The environ of a POST."""
    named = {f"HTTP_{name.upper()}": value for name, value in request.headers.items()}
    environ = {
        **named,
        "REQUEST_METHOD": "POST",
        "PATH_INFO": request.path,
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers["Content-Type"],
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": io.BytesIO(request.body),
    }
    setup_testing_defaults(environ)
    return environ


def teller() -> Callable[[dict[str, Any]], None]:
    """What prints JSON for the process that began this one; all else that is printed goes nowhere from here on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def tell(content: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(content), file=out, flush=True)

    return tell


def main(module_name: str) -> None:
    """Answer until the input ends."""
    tell = teller()
    module = importlib.import_module(module_name)
    module.populate()
    sessions: list[str] = module.open_sessions(TOKENS)
    app: App = module.open_app()
    tell({"versions": module.made_of()})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            ms = measure(app.send, app.calls, asked["workload"], asked["count"], sessions, lambda: app.spent)
        except Exception as error:  # noqa: BLE001  whatever it is, the one who asked has to know
            tell({"error": f"{type(error).__name__}: {error}"})
        else:
            tell({"ms": ms})


if __name__ == "__main__":
    main(sys.argv[1])
