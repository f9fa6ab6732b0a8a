"""Processes that end with the block they were begun in, what they cost, and how they are talked to."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.workloads import Request


class BrokenPeerError(Exception):
    """A process did not do what it was begun for. What it complains of went to standard error."""


@dataclass(frozen=True)
class Process:
    """A process that is talked to by lines of JSON."""

    begun: subprocess.Popen[str]

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a line of JSON."""
        assert self.begun.stdin
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(question), file=self.begun.stdin, flush=True)
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """The next JSON object that it prints; what else it says is left out."""
        assert self.begun.stdout
        line = next((line for line in self.begun.stdout if line.startswith("{")), None)
        answer: dict[str, Any] = json.loads(line) if line else {"error": "it has ended"}
        if "error" in answer:
            raise BrokenPeerError(f"{self.begun.args!r}: {answer['error']}")
        return answer


@contextlib.contextmanager
def process(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Process]:
    """A process as long as the block, in a session of its own, so that all that it begins ends with it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as begun:  # noqa: S603
        try:
            yield Process(begun)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(begun.pid, signal.SIGKILL)


@contextlib.contextmanager
def http_client(port: int) -> Iterator[Any]:
    """See `workloads.Send`: asks a port of this machine. BrokenPeerError where that took more than one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    first = connection.sock

    def send(request: Request) -> tuple[int, bytes]:
        connection.request("POST", request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        return answer.status, answer.read()

    with contextlib.closing(connection):
        yield send
        if connection.sock is not first:
            raise BrokenPeerError("the connection was not kept")


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
