"""Processes to measure: the built functions with the environment that Lambda gives them, and what they cost."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import CannotRun
from benchmarks.recorded import First, Player
from local import template
from tests.support.stores import ROOT

BUILD = ROOT / ".aws-sam" / "here"
LAYER = Path("CommonLayer", "python")
MEASURED = Path(__file__).with_name("measured.py")
# callgrind writes down what it counted at each call of nice(2).
AT_NICE = "--dump-before=nice"
_PYTHON = Path(sys.base_prefix) / "bin" / f"python{sysconfig.get_python_version()}"
_COLLECTED = re.compile(r"Collected\s*:\s*([0-9]+)")


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
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not a secret",
            "AWS_SESSION_TOKEN": "not a token",
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

    def command(self, case: "Case", *more: str) -> list[str]:
        """The command that answers the request in a process of its own; `more` are measured.py's last arguments."""
        event = self.folder / "event.json"
        event.write_text(json.dumps(case.first.event), "utf-8")
        return [*python(), str(MEASURED), str(case.function), str(case.layer), str(event), *more]

    def said(self, name: str, output: str) -> dict[str, Any]:
        """What the measured process said; CannotRun where it asked the player for what was not recorded."""
        text = output.rpartition("\nmeasured ")[2].partition("\n")[0]
        try:
            said: dict[str, Any] = json.loads(text)
        except ValueError:
            said = {}
        if not said or self.player.missed:
            raise CannotRun(f"{name}: {output}\nasked besides: {self.player.missed}")
        return said


@dataclass(frozen=True)
class Case:
    """A request to measure: the folders of the function and its packages, and the environment."""

    name: str
    first: First
    function: Path
    layer: Path
    environment: Mapping[str, str]


def check(build: Path) -> None:
    """CannotRun where valgrind or the build is missing."""
    if shutil.which("valgrind") is None:
        raise CannotRun("valgrind is not here: install it (apt-get install valgrind, dnf install valgrind)")
    if not (build / LAYER).is_dir():
        raise CannotRun(f"{build} holds no layer: run `make build-here`")


def versions() -> str:
    """What measured, as a line of text."""
    version = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
    return f"Python {platform.python_version()} on {platform.machine()}, {version}"


def python() -> list[str]:
    """The interpreter as the measured processes run it: with nothing of its own on the path."""
    return [str(_PYTHON), "-I", "-S", "-B"]


def run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """The seconds of processor time that the process took, the kernel's for it included, and what it printed."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return usage.ru_utime + usage.ru_stime, output.read().decode("utf-8", "replace")


def run_counted(command: Sequence[str], environment: Mapping[str, str], out: Path, *options: str) -> tuple[int, str]:
    """How many instructions the process took, by callgrind, which writes to `out`; and what it printed."""
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *options]
    _, output = run([*valgrind, *command], {"PATH": os.environ["PATH"], **environment})
    found = _COLLECTED.search(output)
    if found is None:
        raise CannotRun(output)
    return int(found[1]), output


def total(dump: Path) -> int:
    """The instructions of one of callgrind's dumps."""
    found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{dump.name} has no total")
    return int(found[1])
