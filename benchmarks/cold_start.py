"""From nothing to the first answer: what it costs to start each function, in processes of their own.

    .venv/bin/python -m benchmarks.cold_start [--build .aws-sam/here] [--runs 15] [--only token-password …] [--write]

In: the functions and the layer as `sam build` made them for this machine; nothing else is on the path of what is
measured, and the store is played to it over HTTPS (benchmarks/recorded.py). Beside them, a handler as they are often
written (benchmarks/naive) and a bare Python. Out: callgrind's count of instructions, which comes out alike on any
day, and the processor's time; with --write, the tables and the picture of docs/performance.md. The exit code is 2
where it could not be run.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import recorded, undone
from benchmarks.recorded import First, Player
from benchmarks.report import Row, write
from local import template
from tests.support.stores import ROOT

FIRST_REQUEST = Path(__file__).with_name("first_request.py")
LAYER = Path("CommonLayer", "python")
NAIVE = "naive"
BARE = "bare python"
# What each function is measured by where not every case is.
FIRSTS = ("token-client-credentials", "mobile-code-get", "sign-token", "users-current", "roles-list")
_COLLECTED = re.compile(r"Collected\s*:\s*([0-9]+)")
_PYTHON = Path(sys.base_prefix) / "bin" / f"python{sysconfig.get_python_version()}"


def python() -> list[str]:
    """The interpreter as the measured processes run it: with nothing of its own on the path."""
    return [str(_PYTHON), "-I", "-S", "-B"]


class CannotRun(Exception):
    """The benchmark cannot be run. The text says why."""


@dataclass(frozen=True)
class Start:
    """A process to measure: its folders, the request it answers, and what its environment adds."""

    name: str
    function: Path
    layer: Path
    first: First
    environment: Mapping[str, str]
    imports: tuple[str, ...] = ()


@dataclass(frozen=True)
class House:
    """What measures: the player, the folder for files, how many runs."""

    player: Player
    folder: Path
    runs: int


def main(arguments: Sequence[str]) -> int:
    """Measure and report; give the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.cold_start", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "here", help="what `sam build` made")
    parser.add_argument("--runs", type=int, default=15, help="processes for each figure of processor time (15)")
    parser.add_argument("--only", nargs="+", default=None, metavar="CASE", help="these requests, and nothing else")
    parser.add_argument("--undo", action="store_true", help="measure also with one trick undone at a time")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its picture")
    given = parser.parse_args(arguments)
    try:
        check(given.build)
        with tempfile.TemporaryDirectory() as folder, recorded.playing(Path(folder)) as player:
            house = House(player, Path(folder), given.runs)
            _run(house, given.build, given.only, undo=given.undo, written=given.write)
    except CannotRun as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def check(build: Path) -> None:
    if shutil.which("valgrind") is None:
        raise CannotRun("valgrind is not here: install it (apt-get install valgrind, dnf install valgrind)")
    if not (build / LAYER).is_dir():
        raise CannotRun(f"{build} holds no layer: run `make build-here`")


def _run(house: House, build: Path, only: Sequence[str] | None, *, undo: bool, written: bool) -> None:
    firsts = {first.name: first for first in recorded.record()}
    functions = {function.name: function for function in template.load(build / "template.yaml").functions}
    starts = [
        Start(
            first.name,
            build / first.function,
            build / LAYER,
            first,
            environment(house, functions[first.function].environment, build / LAYER),
        )
        for first in firsts.values()
        if only is None or first.name in only
    ]
    token = firsts[FIRSTS[0]]
    site = Path(sysconfig.get_path("purelib"))
    own = environment(house, functions[token.function].environment, site)
    naive = Start(NAIVE, ROOT / "benchmarks" / NAIVE, site, token, own)
    rows = [_bare(house)]
    rows += [] if only else [_row(house, naive)]
    rows += [_row(house, start) for start in starts]
    changes: list[Row] = []
    if undo:
        plain = next(start for start in starts if start.first is token)
        for change in undone.CHANGES:
            with tempfile.TemporaryDirectory() as folder:
                copies = undone.copies(change, plain.function, plain.layer, site, Path(folder))
                changed = replace(plain, name=change.name, function=copies[0], layer=copies[1], imports=change.imports)
                named = {**plain.environment, **_authorities(house, changed.layer), **change.environment}
                changes.append(_row(house, replace(changed, environment=named)))
    if written:
        write(rows, changes, FIRSTS, described(house))


def described(house: House) -> str:
    """What measured, and how often."""
    return f"{versions()}, medians of {house.runs} processes"


def versions() -> str:
    """What measured."""
    version = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
    return f"Python {platform.python_version()} on {platform.machine()}, {version}"


def environment(house: House, given: Mapping[str, str], layer: Path) -> dict[str, str]:
    """What Lambda would give the function, with the player in AWS's place."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not a secret",
        "AWS_SESSION_TOKEN": "not a token",
        "_X_AMZN_TRACE_ID": "Root=1-695b6e80-a1b2c3d4e5f60718293a4b5c;Parent=a1b2c3d4e5f60718;Sampled=0",
        "CODE_PEPPER_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:pepper",
        **given,
        "AWS_ENDPOINT_URL": house.player.url,
        **_authorities(house, layer),
    }


def _authorities(house: House, layer: Path) -> dict[str, str]:
    """The roots that the layer trusts for AWS, and the player's."""
    own = layer / "lingpai" / "aws" / "amazon_roots.pem"
    roots = own if own.exists() else layer / "botocore" / "cacert.pem"
    bundle = house.folder / f"{abs(hash(roots))}.pem"
    bundle.write_bytes(roots.read_bytes() + house.player.authority.read_bytes())
    return {"AWS_CA_BUNDLE": str(bundle)}


def _bare(house: House) -> Row:
    command = [*python(), "-c", "import os; os._exit(0)"]
    row = Row(BARE, count(house, command, {}), tuple(seconds(command, {})[0] for _ in range(house.runs)))
    _say(row)
    return row


def _row(house: House, start: Start) -> Row:
    event = house.folder / f"{start.first.name}.json"
    event.write_text(json.dumps(start.first.event), "utf-8")
    command = [*python(), str(FIRST_REQUEST), str(start.function), str(start.layer), str(event)]
    command += [",".join(start.imports)]

    def answered(output: str) -> None:
        if "status 200" not in output or house.player.answers or house.player.missed:
            left = [name for name, _ in house.player.answers]
            raise CannotRun(f"{start.name}: {output}\nleft: {left}, asked besides: {house.player.missed}")

    def timed() -> float:
        house.player.play(start.first)
        took, output = seconds(command, start.environment)
        answered(output)
        return took

    times = tuple(timed() for _ in range(house.runs))
    house.player.play(start.first)
    row = Row(start.name, count(house, command, start.environment), times)
    _say(row)
    return row


def seconds(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """The processor's time that the process took, its own and the kernel's for it; and what it wrote."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return usage.ru_utime + usage.ru_stime, output.read().decode("utf-8", "replace")


def count(house: House, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """How many instructions the process took, by callgrind."""
    measured = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={house.folder / 'callgrind'}", *command]
    _, output = seconds(measured, {"PATH": os.environ["PATH"], **environment})
    found = _COLLECTED.search(output)
    if found is None:
        raise CannotRun(output)
    return int(found[1])


def _say(row: Row) -> None:
    middle, least, most = statistics.median(row.seconds), min(row.seconds), max(row.seconds)
    million = row.instructions / 1e6
    print(f"{row.name:40} {million:8.1f} Mi {middle * 1000:8.1f} ms ({least * 1000:.1f}-{most * 1000:.1f})", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
