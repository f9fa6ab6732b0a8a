"""The local server as a person starts it: a process of its own, told to stop by a signal."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lingpai.settings import Settings
from tests.support.logs import LOGS
from tests.support.stores import ROOT

READY_WITHIN = 15.0
# A machine that runs tests is busy.
PATIENCE = 60.0
_READY = re.compile(r"Lingpai is ready at http://127\.0\.0\.1:([0-9]+)")
# The start shows the demo data on purpose; from here on nothing secret may be shown.
_BANNER_END = "Ctrl-C stops it\n"
# What a developer's shell may have set, and no test wants.
_OWN = {"PORT", "SEED", "DYNAMODB_ENDPOINT", "CORS_ORIGINS", "LOG_LEVEL", "SAM_LOCAL", "DYNAMODB_PORT"} | {
    f.upper() for f in Settings.model_fields
}
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Server:
    """A server that runs: its address, its process, and what it has printed so far."""

    port: int
    process: "subprocess.Popen[bytes]"
    output: Path
    seconds: float
    _secrets: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def printed(self) -> str:
        """Everything it has printed."""
        return self.output.read_text("utf-8")

    def hush(self, *secrets: str) -> None:
        """Remember what this server may not show after its start."""
        self._secrets += secrets

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=15)

    def check_output(self) -> None:
        """Fail if what it printed after its start holds a secret, or a traceback."""
        printed = self.printed.partition(_BANNER_END)[2]
        LOGS.add(printed)
        assert [secret for secret in self._secrets if secret in printed] == []
        assert "Traceback" not in printed

    def get(self, path: str, **options: Any) -> tuple[int, Any]:
        """GET; the options are those of `request`."""
        return request("GET", self.url + path, **options)

    def post(self, path: str, **options: Any) -> tuple[int, Any]:
        """POST; the options are those of `request`."""
        return request("POST", self.url + path, **options)

    def log_in(self, username: str, password: str) -> dict[str, Any]:
        """The token answer for a password, which must be a success."""
        fields = {"grant_type": "password", "username": username, "password": password}
        status, tokens = self.post("/oauth/token", form=fields, basic="web-client:web-secret")
        assert status == 200, tokens
        self.hush(tokens["access_token"], tokens["refresh_token"])
        found: dict[str, Any] = tokens
        return found


def request(
    method: str,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    json_body: Any = None,
    basic: str | None = None,
    bearer: str | None = None,
    dpop: str | None = None,
) -> tuple[int, Any]:
    """One request over real HTTP: the status and the JSON of the answer."""
    body, headers = None, {}
    if form is not None:
        body, headers["Content-Type"] = urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
    elif json_body is not None:
        body, headers["Content-Type"] = json.dumps(json_body).encode(), "application/json"
    if basic is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(basic.encode()).decode()
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    if dpop is not None:
        headers["DPoP"] = dpop
    asked = urllib.request.Request(url, data=body, headers=headers, method=method)  # noqa: S310 (127.0.0.1)
    try:
        with _OPENER.open(asked, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def is_proxy(name: str) -> bool:
    """Whether a variable leads HTTP clients elsewhere: all that these tests ask is on this machine."""
    return name.lower().endswith("_proxy")


def environment(**overrides: str) -> dict[str, str]:
    """This process's environment without settings of anybody's shell, and with `overrides`."""
    kept = {name: value for name, value in os.environ.items() if name not in _OWN and not is_proxy(name)}
    return {**kept, "PORT": "0", **overrides}


@contextmanager
def serving(folder: Path, **overrides: str) -> Iterator[Server]:
    """A server on a free port until the context ends, stopped by SIGTERM with exit code 0."""
    output = folder / f"server-{time.monotonic_ns()}.log"
    start = time.monotonic()
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=ROOT,
            env=environment(**overrides),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        port = _port_of(process, output, start)
        server = Server(port, process, output, time.monotonic() - start)
        yield server
        if process.poll() is None:
            assert server.stop() == 0, server.printed
        server.check_output()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)


def _port_of(process: "subprocess.Popen[bytes]", output: Path, start: float) -> int:
    while time.monotonic() < start + PATIENCE:
        printed = output.read_text("utf-8")
        if found := _READY.search(printed):
            return int(found[1])
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{printed}")
        time.sleep(0.05)
    raise AssertionError(f"the server was not ready within {PATIENCE} s:\n{output.read_text('utf-8')}")


def run_to_end(**overrides: str) -> "subprocess.CompletedProcess[str]":
    """Start the server where it cannot start, and give how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=environment(**overrides),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
