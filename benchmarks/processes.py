"""Processes to measure: the built functions with the environment that Lambda gives them, and what they cost."""

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import recorded
from benchmarks.harness import CannotRun
from benchmarks.recorded import Played, Player, Recording
from local import template
from tests.support.stores import ROOT

BUILD = ROOT / ".aws-sam" / "here"
LAYER = Path("CommonLayer", "python")
MEASURED = Path(__file__).with_name("measured.py")
_PYTHON = Path(sys.base_prefix) / "bin" / f"python{sysconfig.get_python_version()}"
# The interpreter as the measured processes run it: with nothing of its own on the path.
PYTHON = (str(_PYTHON), "-I", "-S", "-B")
_SESSION_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not a secret",
    "AWS_SESSION_TOKEN": "not a token",
}


@dataclass(frozen=True)
class Run:
    """What a process printed, its seconds of processor time, and the instructions that callgrind counted.

    `instructions` are all that it did, `measured` those of each part that it measured of itself.
    """

    output: str
    seconds: float
    instructions: int = 0
    measured: tuple[int, ...] = ()


@dataclass(frozen=True)
class Job:
    """A request that is answered once or, with `times`, once more for a new connection and so often."""

    recording: Recording
    warm_up: int = 0
    times: int = 0

    @property
    def played(self) -> tuple[Played, ...]:
        """What AWS is asked for it."""
        again = 1 + self.warm_up + self.times if self.times else 0
        return self.recording.first + self.recording.again * again


@dataclass(frozen=True)
class Answers:
    """What the process tells of the answers to one job. `spent` are nanoseconds of processor time."""

    statuses: list[int]
    body: str
    answered: int
    spent: list[int]


@dataclass(frozen=True)
class Bench:
    """What measures: the build, the player of AWS's answers, and a folder for files."""

    build: Path
    player: Player
    folder: Path

    def environment(self, function: str, layer: Path | None = None) -> dict[str, str]:
        """What Lambda would give this function of the build, with the player in AWS's place."""
        functions = {one.name: one for one in template.load(self.build / "template.yaml").functions}
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
            **_SESSION_KEYS,
            "_X_AMZN_TRACE_ID": "Root=1-695b6e80-a1b2c3d4e5f60718293a4b5c;Parent=a1b2c3d4e5f60718;Sampled=0",
            "CODE_PEPPER_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:pepper",
            **functions[function].environment,
            "AWS_ENDPOINT_URL": self.player.url,
            "AWS_CA_BUNDLE": self._authorities(layer or self.build / LAYER),
        }

    def _authorities(self, layer: Path) -> str:
        """A file of the roots that the layer trusts for AWS, and the player's."""
        own = next(layer.glob("lingpai/**/amazon_roots.pem"), layer / "botocore" / "cacert.pem")
        bundle = self.folder / f"{layer.parent.name}.pem"
        bundle.write_bytes(own.read_bytes() + self.player.authority.read_bytes())
        return str(bundle)

    def function(self, name: str, **settings: str) -> "Function":
        """A function of the build, with these environment variables besides its own."""
        return Function(self, self.build / name, self.build / LAYER, {**self.environment(name), **settings})


@dataclass(frozen=True)
class Function:
    """A function to measure: its folder, that of its packages, and its environment."""

    bench: Bench
    code: Path
    layer: Path
    environment: Mapping[str, str]
    python: Sequence[str] = PYTHON

    def answer(self, how: str, jobs: Sequence[Job], *, counted: bool = False) -> tuple[Run, list[Answers]]:
        """Run `measured.py`; CannotRun where it answered otherwise than recorded, or asked AWS for more or less."""
        player, events = self.bench.player, self.bench.folder / "jobs.json"
        told = [{"event": job.recording.event, "warm_up": job.warm_up, "times": job.times} for job in jobs]
        events.write_text(json.dumps(told), "utf-8")
        player.play([played for job in jobs for played in job.played])
        command = [*self.python, str(MEASURED), str(self.code), str(self.layer), str(events), how]
        later = ["--instr-atstart=no"] if how == "counted" else []
        run = run_counted(command, self.environment, *later) if counted else run_timed(command, self.environment)
        printed = run.output.rpartition("\nmeasured ")[2].partition("\n")[0]
        try:
            answers = [Answers(**one) for one in json.loads(printed)]
        except (ValueError, TypeError):
            raise CannotRun(f"{self.code.name}: {run.output}\nasked besides: {player.missed}") from None
        for job, one in zip(jobs, answers, strict=True):
            _compare(job.recording, one)
        if player.missed or player.left:
            left = [operation for operation, _ in player.left]
            raise CannotRun(f"{self.code.name}: asked besides for {player.missed}, and not for {left}")
        return run, answers


def _compare(recording: Recording, answers: Answers) -> None:
    """CannotRun where it was answered otherwise than recorded."""
    if answers.statuses != [recording.status] or recorded.shape(answers.body) != recorded.shape(recording.body):
        raise CannotRun(
            f"{recording.name}: answered {answers.statuses} {answers.body}, and when it was recorded "
            f"{recording.status} {recording.body}"
        )


@contextlib.contextmanager
def bench(build: Path) -> Iterator[Bench]:
    """What measures the functions of this build; CannotRun where valgrind or the build is missing."""
    if shutil.which("valgrind") is None:
        raise CannotRun("valgrind is not here: install it (apt-get install valgrind, dnf install valgrind)")
    if not (build / LAYER).is_dir():
        raise CannotRun(f"{build} holds no layer: run `make build-here`")
    with tempfile.TemporaryDirectory() as folder, recorded.playing(Path(folder)) as player:
        yield Bench(build, player, Path(folder))


def versions() -> str:
    """What measured, as a line of text."""
    version = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
    return f"Python {platform.python_version()} on {platform.machine()}, {version}"


def run_timed(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run the process to its end. The kernel's time for it is of its processor time."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return Run(output.read().decode("utf-8", "replace"), usage.ru_utime + usage.ru_stime)


def run_counted(command: Sequence[str], environment: Mapping[str, str], *options: str) -> Run:
    """Run the process, and what it forks, under callgrind with these options."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", "--dump-before=nice", f"--callgrind-out-file={folder}/%p", *options]
        run = run_timed([*tool, *command], {"PATH": os.environ["PATH"], **environment})
        dumps = sorted(Path(folder).iterdir(), key=lambda path: path.stat().st_mtime_ns)
        # What is dumped at a call of nice has a number after that of the process.
        measured = [total(dump) for dump in dumps if dump.suffix][1::2]
        return replace(run, instructions=total(dumps[-1]) if dumps else 0, measured=tuple(measured))


def total(dump: Path) -> int:
    """The instructions of one of callgrind's dumps; CannotRun where it has no total."""
    found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise CannotRun(f"{dump.name} has no total")
    return int(found[1])
