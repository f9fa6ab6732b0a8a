"""One snapshot, many restores: `python -m tests.support.primed APP EVENT...` primes a function, and forks.

A fork is to a process what a restore from a snapshot is to an execution environment. There is one for each event, which
it answers as its first request. It tells (JSON, a line each) the status and the modules that were imported for it, with
the certificate authorities if those were read.

The process waits for a line on its standard input after it has `started`, with nothing imported, and after it is
`primed`. With `--unloaded` the modules are not loaded before: to see that it would be noticed.
"""

import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Context:
    """Lambda's, with the time-out of the template."""

    def get_remaining_time_in_millis(self) -> int:
        """Ten seconds."""
        return 10_000


def main() -> None:
    """See the module's docstring."""
    app, *events = [argument for argument in sys.argv[1:] if argument != "--unloaded"]
    wait("started")
    handler = runpy.run_path(app, run_name="app")["handler"]
    if "--unloaded" in sys.argv:
        from lingpai import priming

        priming.load_modules = lambda settings: None
    run_before_snapshot()
    wait("primed")
    for event in events:
        sys.stdout.write(_restored(handler, json.loads(Path(event).read_text("utf-8"))))
        # Else the next fork would write it again.
        sys.stdout.flush()


def run_before_snapshot() -> None:
    """Run what is registered, as the runtime does: the last first."""
    from snapshot_restore_py import get_before_snapshot

    for call, arguments, named in reversed(get_before_snapshot()):
        call(*arguments, **named)


def run_after_restore() -> None:
    """Run what is registered, as the runtime does: the first first."""
    from snapshot_restore_py import get_after_restore

    for call, arguments, named in get_after_restore():
        call(*arguments, **named)


def wait(state: str) -> None:
    """Say what state this process is in, and wait for a line."""
    sys.stdout.write(json.dumps({"state": state}) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()


def _restored(handler: Callable[..., Any], event: dict[str, Any]) -> str:
    """What a fork tells of its first request."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        run_after_restore()
        from lingpai.outbound.connections import tls_context

        before, read = set(sys.modules), tls_context.cache_info().misses
        answer = handler(event, Context())
        imported = sorted(set(sys.modules) - before)
        if tls_context.cache_info().misses > read:
            imported.append("certificate authorities")
        told = {"status": answer["statusCode"], "body": answer["body"], "imported": imported}
        os.write(writer, json.dumps(told).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        return stream.read() + "\n"


if __name__ == "__main__":
    main()
