"""The built functions in the runtime that Lambda has for Python: its client, and its emulator from SAM's wheel.

The path holds the function's folder, the layer and the standard library; behind them the runtime's client, as in
Lambda. The environment holds what Lambda sets and what the template gives. The code cannot be written to.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.environment import PRESETS
from local.template import Function
from tests.e2e.server import serving
from tests.support.outcomes import EVENTS, architecture, built, of_lambda, of_server
from tests.support.stores import ROOT, TEMPLATE
from tools.function_of import function_of

EMULATOR = ROOT / ".cache/sam/lib/python3.13/site-packages/samcli/local/rapid" / f"aws-lambda-rie-{architecture()}"
PYTHON = ROOT / ".cache/bare-python/bin/python"
RUNTIME = ROOT / ".cache/runtime/lib/python3.13/site-packages"
READY_WITHIN = 20.0

# As /var/runtime/bootstrap.py does it. First of all, that nothing can be written where the code is.
_MAIN = """
import os, sys
task, layer, runtime = sys.argv[1:]
try:
    open(os.path.join(task, "written"), "w").close()
except PermissionError:
    sys.path[:0] = [task, os.path.join(layer, "python")]
    sys.path.append(runtime)
    from awslambdaric.__main__ import main
    main(["bootstrap", os.environ["_HANDLER"]])
else:
    sys.exit("the code can be written to")
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The build, in a folder that cannot be written to and that everybody can read."""
    copy = tmp_path_factory.mktemp("code") / "build"
    shutil.copytree(built("here"), copy)
    for folder, _, _ in os.walk(copy):
        Path(folder).chmod(0o555)
    yield copy
    for folder, _, _ in os.walk(copy):
        Path(folder).chmod(0o755)
    shutil.rmtree(copy)


class Emulators:
    """One emulator for each function, each with ports of its own."""

    def __init__(self, code: Path, environment: dict[str, str], logs: Path) -> None:
        self.code, self.environment, self.logs = code, environment, logs
        self.running: dict[str, tuple[int, subprocess.Popen[bytes]]] = {}

    def start(self, function: Function) -> None:
        port, runtime_port = free_port(), free_port()
        environment = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": function.handler,
            "LAMBDA_TASK_ROOT": str(self.code / function.name),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            **function.environment,
            **self.environment,
        }
        addresses = (
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
        )
        task, layer = self.code / function.name, self.code / "CommonLayer"
        command = [str(PYTHON), "-I", "-c", _MAIN, str(task), str(layer), str(RUNTIME)]
        # Root may write anywhere: not so without capabilities.
        ungifted = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        with (self.logs / f"{function.name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                [*ungifted, str(EMULATOR), "--log-level", "info", *addresses, *command],
                cwd=task,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[function.name] = port, process
        deadline = time.monotonic() + READY_WITHIN
        while not listens(port):
            assert process.poll() is None, self.log(function.name)
            assert time.monotonic() < deadline, self.log(function.name)
            time.sleep(0.05)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the function behind the event's route answers."""
        function = function_of(TEMPLATE, event).name
        found = self.call(function, event)
        assert "statusCode" in found, f"{found}\n{self.log(function)}"
        return found

    def call(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """What the function gives back."""
        port, _ = self.running[function]
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations", data=json.dumps(event).encode()
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60) as answer:
            found: Any = json.loads(answer.read())
        assert isinstance(found, dict), found
        return found

    def log(self, function: str) -> str:
        """What was printed."""
        return (self.logs / f"{function}.log").read_text("utf-8")

    def stop(self) -> None:
        """End all, at once."""
        for _, process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)


@pytest.fixture(scope="module")
def emulators(code: Path, tmp_path_factory: pytest.TempPathFactory, dynamodb_endpoint: str) -> Iterator[Emulators]:
    """All functions, on the tables of a server that was started for it, so that they are seeded."""
    folder = tmp_path_factory.mktemp("emulators")
    shared = {**tables("Runtime"), "DYNAMODB_ENDPOINT": dynamodb_endpoint, "KEYS_FILE": str(folder / "keys.json")}
    with serving(folder, **shared):
        pass
    environment = {
        **{name: value for name, value in PRESETS.items() if not name.startswith("POWERTOOLS")},
        **{name: value for name, value in shared.items() if name != "DYNAMODB_ENDPOINT"},
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": PRESETS["AWS_REGION"],
        # As the local server has them: its pages offer passkeys.
        "WEBAUTHN_RP_ID": "localhost",
        "WEBAUTHN_ORIGINS": "http://localhost:3000",
        "LOG_LEVEL": "INFO",
    }
    started = Emulators(code, environment, folder)
    try:
        for function in TEMPLATE.functions:
            started.start(function)
        yield started
    finally:
        started.stop()


def tables(prefix: str) -> dict[str, str]:
    """Settings that name the tables, with a prefix."""
    return {name.upper(): prefix + value for name, value in _TABLES.items()}


_TABLES = {f"{table.name.removesuffix('Table').lower()}_table": table.name for table in TEMPLATE.tables}


def listens(port: int) -> bool:
    """Whether somebody answers at this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_every_event_is_answered_as_the_local_server_does(
    emulators: Emulators, tmp_path: Path, dynamodb_endpoint: str
) -> None:
    """Status, headers, body: the same, on the same data, in the same order."""
    shared = {**tables("Server"), "DYNAMODB_ENDPOINT": dynamodb_endpoint, "KEYS_FILE": str(tmp_path / "keys.json")}
    with serving(tmp_path, **shared) as server:
        expected = {name: of_server(server, event) for name, event in EVENTS.items()}
    answered = {name: of_lambda(emulators.invoke(event)) for name, event in EVENTS.items()}
    assert answered == expected
    assert {function_of(TEMPLATE, event).name for event in EVENTS.values()} == {
        route.function for route in TEMPLATE.routes
    }


def test_the_schedule_finds_the_keys_made(emulators: Emulators) -> None:
    """KeysFunction has no route: it is called as the schedule and as the operator call it, on the server's keys."""
    assert emulators.call("KeysFunction", {}) == {"made": [], "emptied": [], "deleted": []}
    rotated = emulators.call("KeysFunction", {"rotate": ["ES256"]})
    assert rotated == {"made": [rotated["made"][0]], "emptied": [], "deleted": []}
    assert emulators.call("KeysFunction", {}) == {"made": [], "emptied": [], "deleted": []}


def test_nothing_to_do(emulators: Emulators) -> None:
    """What a stream, a queue and a schedule call, with no work."""
    assert emulators.call("EventsFunction", {"Records": []}) == {"batchItemFailures": []}
    assert emulators.call("WebhooksFunction", {"Records": []}) == {"batchItemFailures": []}
    assert emulators.call("DeletionsFunction", {}) == {"ids": [], "more": False}


@pytest.mark.parametrize("function", [function.name for function in TEMPLATE.functions])
def test_it_started_from_the_artifact_alone(emulators: Emulators, code: Path, function: str) -> None:
    """One start, no complaint, and modules of nowhere but the build, the standard library and the runtime."""
    log = emulators.log(function)
    assert log.count("INIT REPORT") == 1, log
    assert "Traceback" not in log
    assert "the code can be written to" not in log
    assert not list(code.rglob("written"))


@pytest.mark.parametrize("function", [function.name for function in TEMPLATE.functions])
def test_all_it_imports_is_in_the_artifact(code: Path, function: str) -> None:
    """On a bare Python: whatever is not of the standard library lies in the function or the layer."""
    task, layer = code / function, code / "CommonLayer" / "python"
    script = (
        "import json, sys; sys.path[:0] = sys.argv[1:]; import app\n"
        "print(json.dumps(sorted({m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)})))"
    )
    ran = subprocess.run(  # noqa: S603
        [str(PYTHON), "-I", "-B", "-c", script, str(task), str(layer)],
        env={"PATH": "/usr/bin:/bin", "AWS_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    library = str(Path(sys.base_prefix).resolve())
    places = (str(code), library, str(PYTHON.parents[1]))
    files = json.loads(ran.stdout)
    assert [file for file in files if not file.startswith(places)] == []
    assert [file for file in files if "site-packages" in file and not file.startswith(str(code))] == []
