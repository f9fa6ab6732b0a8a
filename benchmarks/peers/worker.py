"""Ask an application in its own process: `python -m benchmarks.peers.worker MODULE`, one JSON line in, one out.

The first line out tells `versions`, and those after it `ms`, the processor time of an answer as asked by
`{"work": …, "count": …}`; or `error`. The answer alone is counted: the event or the environ stands ready before it
begins, and what comes back is read after it has ended. What the application prints goes nowhere.
"""

import contextlib
import importlib
import json
import os
import sys
import time
from typing import Any, Protocol

from benchmarks.peers.works import Calls, Request, measure


class App(Protocol):
    """An application in this process."""

    @property
    def calls(self) -> Calls:
        """How it is asked."""
        ...

    def prepare(self, request: Request) -> Any:
        """What a server makes of the request before the application has it."""
        ...

    def answer(self, prepared: Any) -> Any:
        """What the application gives back, whole."""
        ...

    def read(self, answered: Any) -> tuple[int, bytes]:
        """Status and body of it."""
        ...


class InProcess:
    """Asks an application and counts the processor time of its answers, in seconds, in `spent`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.spent = 0.0

    def send(self, request: Request) -> tuple[int, bytes]:
        """See `works.Talk`."""
        prepared = self._app.prepare(request)
        begun = time.process_time()
        answered = self._app.answer(prepared)
        self.spent += time.process_time() - begun
        return self._app.read(answered)


def main(module_name: str) -> int:
    """Answer until the input ends; give the exit code."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    module = importlib.import_module(module_name)
    seeded = module.populate()
    app: App = module.open_app()
    talk, sessions = InProcess(app), seeded["sessions"]
    _tell(out, {"versions": seeded["versions"]})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            ms = measure(talk, app.calls, asked["work"], asked["count"], sessions, lambda: talk.spent)
        except Exception as error:  # noqa: BLE001  whatever it is, the one who asked has to know
            _tell(out, {"error": f"{type(error).__name__}: {error}"})
        else:
            _tell(out, {"ms": ms})
    return 0


def _tell(out: Any, content: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        out.write(json.dumps(content) + "\n")
        out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
