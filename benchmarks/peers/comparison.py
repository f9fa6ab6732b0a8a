"""What a request costs here and at other OAuth servers, in processor time of the server, side by side in one run.

Everything runs on this machine, in processes and a folder that are gone at the end, and talks to 127.0.0.1 alone.
"""

import argparse
import contextlib
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from benchmarks import report
from benchmarks.harness import CannotRun, require_dynamodb_local
from benchmarks.peers import contenders
from benchmarks.peers.contenders import Contender, Place, https_before
from benchmarks.peers.processes import BrokenPeerError
from benchmarks.peers.workloads import WORKLOADS
from tests.support import stores
from tests.support.fake_web import make_certificate

ROUNDS = 15
# A batch is as many requests as take about this much processor time, at most so many: short, so that those that are
# compared come soon after one another.
BATCH_MS, MOST = 100.0, 200
PROBE = 3
# Requests of each workload before it is measured: for what compiles while it runs it takes thousands.
WARM_UP, WARM_UP_COMPILING = 200, 4000

# Milliseconds of an answer, one figure for each round, by workload and contender.
type Found = dict[tuple[str, str], list[float]]


def main(given: argparse.Namespace) -> None:
    """Measure what a request costs beside other OAuth servers, in processor time of the server."""
    if (unmet := contenders.missing()) is not None:
        raise CannotRun(unmet)
    require_dynamodb_local()
    # As an exception, so that every process is ended on the way out.
    signal.signal(signal.SIGTERM, _exit)
    try:
        with _place() as place:
            text = _measured(place, given.runs or ROUNDS)
    except BrokenPeerError as error:
        raise CannotRun(str(error)) from None
    print(text)
    if given.write:
        report.write("peers", text, report.PEERS_PAGE)


def _exit(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="lingpai-peers-") as name, stores.dynamodb_local() as endpoint:
        certificate = make_certificate(Path(name))
        with https_before(int(endpoint.rpartition(":")[2]), certificate) as address:
            yield Place(Path(name), address, certificate.path)


def _measured(place: Place, rounds: int) -> str:
    texts, versions = [_how(rounds)], []
    for title, frame in contenders.FRAMES.items():
        with contextlib.ExitStack() as stack:
            _say(f"{title}: begin")
            running = {contender: stack.enter_context(contender.begin(place)) for contender in frame}
            asked = {
                (workload, one.name): (
                    partial(server.measure, workload),
                    WARM_UP_COMPILING if one.compiles else WARM_UP,
                )
                for workload in WORKLOADS
                for one, server in running.items()
                if workload in one.workloads
            }
            texts.append(f"### {title}\n\n{tables(frame, _rounds(asked, rounds, title))}")
        for contender, server in running.items():
            made_of = ", ".join(f"{name} {version}" for name, version in sorted(server.versions.items()))
            versions.append(f"- {contender.name}: {made_of}")
    java = subprocess.run(["java", "-version"], capture_output=True, check=False).stderr.decode().splitlines()[0]  # noqa: S607
    lines = "\n".join(dict.fromkeys([*versions, f"- Java of DynamoDB Local: {java}"]))
    return "\n\n".join((*texts, f"### Versions\n\n{lines}"))


def _rounds[Name](
    asked: Mapping[Name, tuple[Callable[[int], float], int]], rounds: int, title: str
) -> dict[Name, list[float]]:
    """Each in turn, round after round, each second one in the other direction: what else the machine does hits all."""
    _say(f"{title}: warm up")
    counts = {name: _warmed_up(ask, warm_up) for name, (ask, warm_up) in asked.items()}
    found: dict[Name, list[float]] = {name: [] for name in asked}
    for number in range(rounds):
        _say(f"{title}: round {number + 1} of {rounds}")
        for name in list(asked)[:: -1 if number % 2 else 1]:
            ask, _ = asked[name]
            found[name].append(ask(counts[name]))
    return found


def _warmed_up(ask: Callable[[int], float], requests: int) -> int:
    """How many requests make a batch; before it is told, `requests` were asked, or a few where each takes long."""
    ask(PROBE)
    ms = ask(PROBE)
    count = max(1, min(MOST, int(BATCH_MS / ms)))
    for _ in range(0, requests if ms < BATCH_MS else 0, count):
        ask(count)
    return count


def tables(frame: Sequence[Contender], found: Found) -> str:
    """A table for each workload, in which each contender is compared with the first."""
    texts = []
    for workload, title in WORKLOADS.items():
        ours = found[workload, frame[0].name]
        rows = []
        for contender in frame:
            if workload in contender.workloads:
                times = found[workload, contender.name]
                # In each round the machine was as busy for both.
                ratio = statistics.median(mine / other for mine, other in zip(times, ours, strict=True))
                rows.append((contender.name, report.spread(times), f"{ratio:.2f}"))
        head = ("", "ms of CPU for a request", "times ours")
        texts.append(f"#### {title}\n\n{report.table(head, rows)}")
    return "\n\n".join(texts)


def _how(rounds: int) -> str:
    cpu = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in cpu if line.startswith("model name"))
    return (
        f"{next(names, platform.machine())}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release().partition('-')[0]}; {rounds} rounds in turn, of batches of up to {MOST} requests."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
