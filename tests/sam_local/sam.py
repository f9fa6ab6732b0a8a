"""`sam local` by the commands of the README, in the shell that a reader would type them into."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server import environment
from tests.support.outcomes import architecture
from tests.support.stores import ROOT

# The events are sent to it, and it is in events/env.local.json.
STORE_PORT = 8000
ORIGIN = "https://app.example.com"
READY_WITHIN = 120.0

_SECTION = re.compile(r"^## Run the functions in Docker\n(.*?)^## ", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> tuple[str, ...]:
    """The README's commands for `sam local`, line by line, without their comments."""
    section = _SECTION.search((ROOT / "README.md").read_text("utf-8"))
    assert section is not None
    lines = [line for block in _BLOCK.findall(section[1]) for line in block.splitlines()]
    return tuple(re.sub(r"\s+#.*", "", line) for line in lines)


SERVE, SET_UP, INVOKE, MAKE_INVOKE, START_API = commands()
BUILD, _, _PLAIN_INVOKE = INVOKE.partition(" && ")


@dataclass(frozen=True)
class Sam:
    """The commands, with `folder` for a home."""

    folder: Path

    def run(self, command: str, timeout: float = 180) -> "subprocess.CompletedProcess[str]":
        """Run a line after the set-up, in the project's folder."""
        script = f"{SET_UP.partition('&& ')[2]}\n{command}"
        return subprocess.run(  # noqa: S603
            ["/bin/bash", "-euc", script],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def invoke(self, function: str, event: str) -> Any:
        """What the function answers to an event of events/: the README's line, with these names in their places."""
        assert _PLAIN_INVOKE.startswith("sam local invoke TokenFunction -e events/token-password.json ")
        command = _PLAIN_INVOKE.replace("TokenFunction", function).replace("token-password", event)
        return answer_of(self.run(command))

    @contextmanager
    def serving(self, **variables: str) -> Iterator[None]:
        """The README's `make run` until the context ends, with these variables before it."""
        command = " ".join([*(f"{name}={shlex.quote(value)}" for name, value in variables.items()), SERVE])
        with self.background(command, lambda printed: "Ctrl-C stops it" in printed):
            yield

    @contextmanager
    def api(self, **parameters: str) -> Iterator[str]:
        """The README's `sam local start-api`, with these parameters of the template: the address."""
        given = {"Architecture": architecture(), **parameters}
        overrides = " ".join(shlex.quote(f"{name}={value}") for name, value in given.items())
        command = f"{START_API} --parameter-overrides {overrides}"
        port = int(command.partition("--port ")[2].partition(" ")[0])
        with self.background(f"exec {command}", lambda _: _listens(port)):
            yield f"http://127.0.0.1:{port}"

    @contextmanager
    def background(self, command: str, is_ready: Any) -> Iterator[Path]:
        """Run a line until the context ends; gives the file that it prints to. It is told to end as Ctrl-C would."""
        log = self.folder / f"log-{time.monotonic_ns()}"
        script = f"{SET_UP.partition('&& ')[2]}\n{command}"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                ["/bin/bash", "-euc", script],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + READY_WITHIN
            while not is_ready(log.read_text("utf-8")):
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < deadline, log.read_text("utf-8")
                time.sleep(0.2)
            yield log
        finally:
            # Told so, SAM takes its containers away.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=10)

    def environment(self) -> dict[str, str]:
        """A shell's environment, without anybody's settings and credentials; whose API asks for any free port."""
        kept = {name: value for name, value in environment().items() if not name.startswith("AWS_")}
        return {
            **kept,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "SAM_CLI_TELEMETRY": "0",
            "AWS_EC2_METADATA_DISABLED": "true",  # or it waits for credentials that no one has
        }


def answer_of(ended: "subprocess.CompletedProcess[str]") -> Any:
    """What the function answered: SAM ends with 0 whatever became of it, and prints the answer as the last line."""
    lines = ended.stdout.strip().splitlines()
    assert lines, ended.stderr
    try:
        return json.loads(lines[-1])
    except ValueError:
        raise AssertionError(ended.stdout + ended.stderr) from None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
