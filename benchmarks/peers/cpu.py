"""The processor time that a process has used, by its own clock."""

import time
from pathlib import Path


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


def children(pid: int) -> tuple[int, ...]:
    """The processes that this one has begun."""
    return tuple(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split())
