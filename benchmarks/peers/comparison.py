"""What a request costs here and at other OAuth servers, in processor time of the server, side by side in one run.

`--set` gives our functions an environment variable: a setting of the service, or one of AWS's. `--write` puts the
tables into docs/performance-peers.md. Everything runs on this machine, in processes and a folder that are gone at the
end, and talks to 127.0.0.1 alone.
"""

import argparse
import contextlib
import functools
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from benchmarks import report
from benchmarks.machine import CannotRun, require_dynamodb_local
from benchmarks.peers import contenders
from benchmarks.peers.contenders import Contender, Frame, Place, Running
from benchmarks.peers.processes import BrokenPeerError, process
from benchmarks.peers.workloads import WORKLOADS
from benchmarks.report import Sample
from lingpai.settings import Settings
from tests.support import stores
from tests.support.fake_web import make_certificate

ROUNDS = 15
# A batch is as many requests as take about this much processor time, at most so many: short, so that those that are
# compared come soon after one another.
BATCH_MS, MOST = 100.0, 200
PROBE = 3
# Requests of each workload before it is measured: for what compiles while it runs it takes thousands.
WARM_UP, WARM_UP_COMPILING = 200, 4000

type Ask = Callable[[int], float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is measured ({ROUNDS})")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the service")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {report.PEERS_PAGE.name}")


def main(given: argparse.Namespace) -> None:
    """Measure and tell; CannotRun where that is not possible here."""
    if (unmet := contenders.missing()) is not None:
        raise CannotRun(unmet)
    require_dynamodb_local()
    signal.signal(signal.SIGTERM, _ended)
    chosen = {name.upper(): value for name, _, value in (setting.partition("=") for setting in given.set)}
    if unknown := [name for name in chosen if name.lower() not in Settings.model_fields and not _of_others(name)]:
        raise CannotRun(f"there is no setting {', '.join(unknown)}")
    try:
        with _place(chosen) as place:
            text = _measured(place, given.rounds)
    except BrokenPeerError as error:
        raise CannotRun(str(error)) from None
    print(text)
    if given.write:
        report.write("peers", text, report.PEERS_PAGE)


def _of_others(name: str) -> bool:
    """Whether it is none of the service's own settings, but read all the same: by AWS's libraries, or Powertools."""
    return name == "LOG_LEVEL" or name.startswith(("AWS_", "POWERTOOLS_"))


def _ended(number: int, _: FrameType | None) -> None:
    # As an exception, so that every process is ended on the way out.
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _place(settings: Mapping[str, str]) -> Iterator[Place]:
    """DynamoDB Local, HTTPS before it, and a folder."""
    with tempfile.TemporaryDirectory(prefix="lingpai-peers-") as name, stores.dynamodb_local() as endpoint:
        folder = Path(name)
        certificate = make_certificate(folder)
        port = endpoint.rpartition(":")[2]
        command = [sys.executable, "-m", "benchmarks.peers.tls", str(certificate.path), str(certificate.key_path), port]
        environ = {**os.environ, "PYTHONPATH": str(stores.ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        with process(command, environ, folder / "complaints") as front:
            yield Place(folder, f"https://127.0.0.1:{front.hear()['port']}", certificate.path, settings)


def _measured(place: Place, rounds: int) -> str:
    parts = [_run(frame, place, rounds) for frame in contenders.FRAMES]
    versions = {name: found for part in parts for name, found in part[1].items()}
    texts = [part[0] for part in parts]
    return "\n\n".join((_told_of(place, rounds), *texts, _differences(), _versions(versions)))


def _run(frame: Frame, place: Place, rounds: int) -> tuple[str, dict[str, Mapping[str, str]]]:
    """The tables of a frame, and what its servers are made of."""
    with contextlib.ExitStack() as stack:
        running: dict[Contender, Running] = {}
        for contender in frame.contenders:
            _say(f"{frame.title}: begin {contender.name}")
            running[contender] = stack.enter_context(contender.begin(place))
        samples = _rounds(_asked(running), rounds, frame.title)
        versions = {contender.name: server.versions for contender, server in running.items()}
    ours = frame.contenders[0].name
    tables = []
    for workload, title in WORKLOADS.items():
        found = {one.name: samples[workload, one.name] for one in running if workload in one.workloads}
        tables.append(f"#### {title}\n\n{report.compared(found, ours)}")
    return "\n\n".join((f"### {frame.title}", frame.text, *tables)), versions


def _asked(running: Mapping[Contender, Running]) -> dict[tuple[str, str], tuple[Ask, int]]:
    """How each is asked for each workload, and how often before it counts."""
    return {
        (workload, contender.name): (
            functools.partial(server.measure, workload),
            WARM_UP_COMPILING if contender.compiles else WARM_UP,
        )
        for workload in WORKLOADS
        for contender, server in running.items()
        if workload in contender.workloads
    }


def _rounds[Name](asked: Mapping[Name, tuple[Ask, int]], rounds: int, title: str) -> dict[Name, Sample]:
    """Each in turn, round after round, each second one in the other direction: what else the machine does hits all."""
    _say(f"{title}: warm up")
    counts = {name: _warmed_up(ask, warm_up) for name, (ask, warm_up) in asked.items()}
    found: dict[Name, list[float]] = {name: [] for name in asked}
    for number in range(rounds):
        _say(f"{title}: round {number + 1} of {rounds}")
        for name in sorted(asked, key=list(asked).index, reverse=number % 2 == 1):
            ask, _ = asked[name]
            found[name].append(ask(counts[name]))
    return {name: Sample(tuple(times)) for name, times in found.items()}


def _warmed_up(ask: Ask, requests: int) -> int:
    """How many requests make a batch; before it is told, `requests` were asked, or a few where each takes long."""
    ask(PROBE)
    ms = ask(PROBE)
    count = max(1, min(MOST, int(BATCH_MS / ms)))
    for _ in range(0, requests if ms < BATCH_MS else 0, count):
        ask(count)
    return count


def _told_of(place: Place, rounds: int) -> str:
    settings = " ".join(f"{name}={value}" for name, value in place.settings.items())
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release().partition('-')[0]}; "
        f"{rounds} rounds in turn, of batches of up to {MOST} requests, after a warm-up. CPU is what the server's "
        f"process used, user and system, by its own clock: median, and least–most of the rounds. How many times ours "
        f"that is, is the median of what it was in each round" + (f"; with {settings}." if settings else ".")
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _differences() -> str:
    lines = "\n".join(f"- **{name}.** {text}" for name, text in contenders.DIFFERENCES.items())
    return f"### What each does differently\n\n{lines}"


def _versions(found: Mapping[str, Mapping[str, str]]) -> str:
    merged: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, versions in found.items():
        merged.setdefault(tuple(sorted(versions.items())), []).append(name)
    lines = [
        f"- {'; '.join(names)}: {', '.join(f'{name} {version}' for name, version in versions)}"
        for versions, names in merged.items()
    ]
    return "### Versions\n\n" + "\n".join([*lines, f"- Java of DynamoDB Local: {_java()}"])


def _java() -> str:
    told = subprocess.run(["java", "-version"], capture_output=True, check=False)  # noqa: S607  as the one who runs DynamoDB Local finds it
    return told.stderr.decode().splitlines()[0]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
