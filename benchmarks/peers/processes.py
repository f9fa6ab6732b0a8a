"""Processes that end with the block they were begun in, whatever ends it, and the lines they are talked to by."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 120.0
_LAST_WORDS = 2000


class BrokenPeerError(Exception):
    """A process did not do what it was begun for. The text has the end of what it complained of."""


class Process:
    """A process that is talked to by lines of JSON, or that serves the sockets `fds` and is not listened to.

    What it complains of goes to `complaints`.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], complaints: Path, fds: Sequence[int]
    ) -> None:
        self._complaints = complaints
        with complaints.open("ab") as stderr:
            # In a session of its own: Ctrl-C ends this process, which ends it, in this order.
            self._process = subprocess.Popen(  # noqa: S603  commands of this folder
                command,
                env=dict(environ),
                stdin=subprocess.PIPE,
                # A pipe that nobody reads is full at some time, and who writes into it waits.
                stdout=subprocess.DEVNULL if fds else subprocess.PIPE,
                stderr=stderr,
                # Unbuffered: a line that waits in a buffer is none that `select` sees.
                bufsize=0,
                pass_fds=fds,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self.broken("is gone") from None

    def hear(self) -> dict[str, Any]:
        """The next JSON object that it prints; what else it says is left out."""
        assert self._process.stdout is not None
        line = b""
        while not line.startswith(b"{"):
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
            line = self._process.stdout.readline() if ready else b""
            if not line:
                raise self.broken("says nothing")
        content: dict[str, Any] = json.loads(line)
        return content

    def wait_for(self, held: Callable[[], bool]) -> None:
        """Until it holds; BrokenPeerError where it does not."""
        deadline = time.monotonic() + PATIENCE
        while not held():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise self.broken("does not get ready")
            time.sleep(0.02)

    def broken(self, what: str) -> BrokenPeerError:
        """The exception that says so."""
        words = self._complaints.read_text("utf-8", "replace")[-_LAST_WORDS:]
        return BrokenPeerError(f"{self._process.args!r} {what}\n{words}")

    def end(self) -> None:
        """End it, gently at first; with all that it has begun."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        for how, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            if self._process.poll() is not None:
                break
            self._process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        # Its group is its own (see above): what is left of it there was begun by it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


@contextlib.contextmanager
def process(
    command: Sequence[str], environ: Mapping[str, str], complaints: Path, fds: Sequence[int] = ()
) -> Iterator[Process]:
    """A process as long as the block."""
    begun = Process(command, environ, complaints, fds)
    try:
        yield begun
    finally:
        begun.end()


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket that listens on a free port of this machine, to be handed to a server."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as made:
        yield made


def free_port() -> int:
    """A port that nobody has, now."""
    with listening() as made:
        port: int = made.getsockname()[1]
        return port
