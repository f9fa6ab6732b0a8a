"""The measured process: import a function and answer events.

    python -I -S -B measured.py FUNCTION-FOLDER LAYER-FOLDER JOBS HOW

JOBS is a file with a list of events, each with how many answers `warm_up` and how many `times` it is measured. HOW:

- `once`: answer the one event, and leave as Lambda does, without the interpreter's teardown.
- `timed`, `counted`: do what the function does before its snapshot is made, and fork for each job. A fork is to a
  process what a restore is to an execution environment. It measures its first answer; one for which it connects to
  DynamoDB anew; and then answer by answer, or for callgrind all of them together.

callgrind counts in the forks alone. At each call of nice(2) it writes down what it has counted since the last one, so
each second dump is of what is measured. Out, on standard output as JSON, for each job: the statuses, the last body, how
many requests were answered, and `spent`, the nanoseconds of processor time of what is measured, in the same order. Only
the two folders and the standard library are on the path.
"""

import sys

sys.path[:0] = sys.argv[1:3]

import json  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from types import SimpleNamespace  # noqa: E402
from typing import Any  # noqa: E402

from app import handler  # type: ignore[import-not-found]  # noqa: E402  the function's, by the path above

# More bytes than a core's own caches hold.
CACHES = 8 * 1024 * 1024
# See madvise(2): makes the pages as if each was written to.
MADV_POPULATE_WRITE = 23

with open(sys.argv[3], encoding="utf-8") as file:  # noqa: PTH123  Lambda's own process has no pathlib either
    jobs = json.load(file)
how = sys.argv[4]
context = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    # What is measured is slow under callgrind.
    get_remaining_time_in_millis=lambda: 3_600_000,
)


class Answers:
    """The answers to one event, and the nanoseconds that those took which are measured."""

    def __init__(self, event: Any) -> None:
        self.event, self.statuses, self.body, self.count = event, set[int](), "", 0
        self.spent: list[int] = []

    def give(self, count: int = 1) -> None:
        """Answer so many times."""
        for _ in range(count):
            answer = handler(self.event, context)
            self.statuses.add(answer["statusCode"])
            self.body, self.count = answer["body"], self.count + 1

    def measure(self, count: int = 1) -> None:
        """Answer so many times, and measure all of them together."""
        os.nice(0)
        begun = time.process_time_ns()
        self.give(count)
        self.spent.append(time.process_time_ns() - begun)
        os.nice(0)

    def told(self) -> dict[str, Any]:
        """What to print of them."""
        return {"statuses": sorted(self.statuses), "body": self.body, "answered": self.count, "spent": self.spent}


def restored(job: dict[str, Any]) -> dict[str, Any]:
    """What a fork of the primed process does."""
    from snapshot_restore_py import get_after_restore

    from lingpai import bootstrap

    answers = Answers(job["event"])
    if how == "timed":
        copy_pages()
    for call, arguments, named in get_after_restore():
        call(*arguments, **named)
    answers.measure()
    answers.give(job["warm_up"])
    store: Any = bootstrap.services().store
    store.client.close()
    answers.measure()
    if how == "counted":
        answers.measure(job["times"])
    else:
        emptied = bytearray(CACHES)
        for _ in range(job["times"]):
            # As a function finds the processor's caches that has waited for its request.
            emptied[:] = bytes(CACHES)
            answers.measure()
    return answers.told()


def in_fork(job: dict[str, Any]) -> dict[str, Any]:
    """What `restored` returns, called in a fork."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, json.dumps(restored(job)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        answers: dict[str, Any] = json.load(told)
    os.wait()
    return answers


def copy_pages() -> None:
    """Have all pages that this fork may write to: to copy them is no work of the function's."""
    import ctypes

    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with open("/proc/self/maps", encoding="ascii") as maps:  # noqa: PTH123  as above
        for line in maps.read().splitlines():
            limits, rights, *_ = line.split()
            begin, end = (int(limit, 16) for limit in limits.split("-"))
            if "w" in rights:
                madvise(begin, end - begin, MADV_POPULATE_WRITE)


def start_counting() -> None:
    """Have callgrind count from here on, in forks too: until then the process is many times as fast."""
    import subprocess

    command = ["vgdb", f"--pid={os.getpid()}", "instrumentation", "on"]
    asked = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    # callgrind looks for commands while the process works, not while it waits.
    while asked.poll() is None:
        pass
    if asked.returncode:
        raise SystemExit("vgdb cannot reach valgrind")


# Log lines and metrics are written to where that costs one call of the system.
out = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
if how == "once":
    (job,) = jobs
    only = Answers(job["event"])
    only.give()
    printed = [only.told()]
else:
    from snapshot_restore_py import get_before_snapshot

    for call, arguments, named in reversed(get_before_snapshot()):
        call(*arguments, **named)
    if how == "counted":
        start_counting()
    printed = [in_fork(job) for job in jobs]
os.write(out, f"\nmeasured {json.dumps(printed)}\n".encode())
os._exit(0)
