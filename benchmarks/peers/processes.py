"""Processes that end with the block they were begun in, what they cost, and how they are talked to."""

import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.workloads import Request

PATIENCE = 120.0
_LAST_WORDS = 2000


class BrokenPeerError(Exception):
    """A process did not do what it was begun for. The text has the end of what it complained of."""


class Process:
    """A process that is talked to by lines of JSON. What it complains of goes to `complaints`."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], complaints: Path) -> None:
        self._complaints = complaints
        with complaints.open("ab") as stderr:
            # In a session of its own: Ctrl-C ends this process, which ends it, in this order.
            self._process = subprocess.Popen(  # noqa: S603  commands of this folder
                command,
                env=dict(environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # Unbuffered: a line that waits in a buffer is none that `select` sees.
                bufsize=0,
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
def process(command: Sequence[str], environ: Mapping[str, str], complaints: Path) -> Iterator[Process]:
    """A process as long as the block."""
    begun = Process(command, environ, complaints)
    try:
        yield begun
    finally:
        begun.end()


class HttpClient:
    """See `workloads.Client`: to a port of this machine, over one connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.connections = 0

    def send(self, request: Request) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._connection.sock is None:
            self.connections += 1
        self._connection.request("POST", request.path, request.body, dict(request.headers))
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def spent(pid: int) -> float:
    """Seconds of processor time, user and system, of all threads of this process since it began, to the nanosecond.

    It is the clock that clock_getcpuclockid(3) names, made as glibc makes it (CPUCLOCK_SCHED of the kernel's
    include/linux/posix-timers_types.h): utime and stime in /proc tell hundredths of a second.
    ProcessLookupError where there is no such process.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError as error:
        raise ProcessLookupError(f"no process {pid}") from error
