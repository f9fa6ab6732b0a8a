"""A share of one processor for the processes that are measured, by a control group of Linux, as Lambda gives it.

https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/scheduler/sched-bwc.html
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
# Microseconds. Lambda does not say over which time it counts; the shorter, the evener is the share.
PERIOD = 20_000
# Puts itself into the group, then becomes the command.
_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


@contextmanager
def of_a_processor(share: float) -> Iterator[list[str] | None]:
    """What to put before a command so that it gets this share of one processor; None where no group can be made."""
    group = _made()
    if group is None:
        yield None
        return
    try:
        quota = round(PERIOD * share)
        if group.parent == GROUPS:
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        yield ["/bin/sh", "-c", _ENTER, str(group)]
    finally:
        group.rmdir()


def _made() -> Path | None:
    """A group of its own, of either version, with a quota; None without one (no Linux, or no right to)."""
    for parent, quota in ((GROUPS, "cpu.max"), (GROUPS / "cpu", "cpu.cfs_quota_us")):
        group = parent / f"lingpai-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / quota).exists():
            return group
        group.rmdir()
    return None
