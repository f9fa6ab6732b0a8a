"""`sam local` on what was built for this machine, with a DynamoDB on it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.outcomes import architecture, built, function_of
from tests.support.stores import ROOT, TEMPLATE

PEPPER = "a-pepper-for-containers"
ORIGIN = "https://app.example.com"
READY_WITHIN = 120.0

_BIN = ROOT / ".cache" / "sam" / "bin"
# SAM gives a container the folder of its function alone, there.
_TASK = "/var/task"
_KEYS = "sam-local-keys.json"
# What differs in a container on one's own machine: `sam local` hands on no variable that the template has not.
_SETTINGS = {
    "CODE_PEPPER": PEPPER,
    "DIGEST_LOGIN": "true",
    # No KMS here: the keys that sign are in a file, as on one's own machine.
    "KEYS_FILE": f"{_TASK}/{_KEYS}",
    **dict.fromkeys(("LIMIT_SMS_IP", "LIMIT_SMS_NET", "LIMIT_SMS_CLIENT", "LIMIT_REGISTER_IP"), "0"),
    **dict.fromkeys(("LIMIT_LOGIN_IP", "LIMIT_LOGIN_NET", "LIMIT_VERIFY_IP", "LIMIT_VERIFY_NET"), "0"),
}


@contextmanager
def template_for(endpoint: str, keys: Path) -> Iterator[Path]:
    """The built template with the settings that a container needs; it lies beside it, for its paths are relative.

    `keys` is laid beside each function's code, for as long as the context lasts.
    """
    port = urllib.parse.urlsplit(endpoint).port
    settings = {**_SETTINGS, "AWS_ENDPOINT_URL_DYNAMODB": f"http://host.docker.internal:{port}"}
    document = yaml.safe_load((built("here") / "template.yaml").read_text("utf-8"))
    variables = document["Globals"]["Function"]["Environment"]["Variables"]
    del variables["KEYS_KMS_KEY"]
    variables.update(settings)
    path = built("here") / "sam-local.yaml"
    copies = [built("here") / function.name / _KEYS for function in TEMPLATE.functions]
    path.write_text(json.dumps(document), "utf-8")
    try:
        for copy in copies:
            shutil.copyfile(keys, copy)
            copy.chmod(0o644)  # whoever the function is in its container
        yield path
    finally:
        for made in (path, *copies):
            made.unlink(missing_ok=True)


@dataclass(frozen=True)
class Sam:
    """The command on a template."""

    template: Path
    folder: Path

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the function behind the event's route answers, in a container of its own."""
        ended = subprocess.run(  # noqa: S603
            self._command("invoke", function_of(event).name, "--event", "-"),
            input=json.dumps(event),
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        # It ends with 0 whatever became of the function: the last line is what that answered.
        lines = ended.stdout.strip().splitlines()
        assert lines, ended.stderr
        answer: Any = json.loads(lines[-1])
        assert isinstance(answer, dict), ended.stderr
        assert "statusCode" in answer, ended.stderr
        return answer

    @contextmanager
    def api(self) -> Iterator[str]:
        """`sam local start-api`: the address, for as long as the context lasts."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = self.folder / "start-api.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                self._command("start-api", "--port", str(port), "--warm-containers", "LAZY"),
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + READY_WITHIN
            while not _listens(port):
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < deadline, log.read_text("utf-8")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            # Told so, it takes its containers away.
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=10)

    def _command(self, command: str, *arguments: str) -> list[str]:
        overrides = (f"Architecture={architecture()}", f"CorsOrigins={ORIGIN}", "LogLevel=INFO")
        return [
            *(str(_BIN / "sam"), "local", command, *arguments, "--template", str(self.template)),
            *("--skip-pull-image", "--region", "us-east-1", "--add-host", "host.docker.internal:host-gateway"),
            *("--parameter-overrides", *overrides),
        ]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{_BIN}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "DOCKER_HOST": os.environ["DOCKER_HOST"],
            "SAM_CLI_TELEMETRY": "0",
            "AWS_EC2_METADATA_DISABLED": "true",  # or it waits for credentials that no one has
        }


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
