"""Ask an application in its own process: `python -m benchmarks.peers.worker MODULE`, one JSON line in, one out.

The first line out tells `versions`, and those after it `ms`, the processor time of an answer as asked by
`{"workload": …, "count": …}`; or `error`. The answer alone is counted: the event or the environ stands ready before it
begins, and what comes back is read after it has ended. What the application prints goes nowhere.
"""

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from benchmarks.peers.workloads import Calls, Request, measure


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
        """See `workloads.Client`."""
        prepared = self._app.prepare(request)
        begun = time.process_time()
        answered = self._app.answer(prepared)
        self.spent += time.process_time() - begun
        return self._app.read(answered)


def teller() -> Callable[[dict[str, Any]], None]:
    """What prints JSON for the process that began this one; all else that is printed goes nowhere from here on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def tell(content: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(content), file=out, flush=True)

    return tell


def main(module_name: str) -> int:
    """Answer until the input ends; give the exit code."""
    tell = teller()
    module = importlib.import_module(module_name)
    seeded = module.populate()
    app: App = module.open_app()
    client, sessions = InProcess(app), seeded["sessions"]
    tell({"versions": seeded["versions"]})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            ms = measure(client, app.calls, asked["workload"], asked["count"], sessions, lambda: client.spent)
        except Exception as error:  # noqa: BLE001  whatever it is, the one who asked has to know
            tell({"error": f"{type(error).__name__}: {error}"})
        else:
            tell({"ms": ms})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
