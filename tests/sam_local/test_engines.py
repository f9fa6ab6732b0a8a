"""Private engines beside each other: one that a killed run has left took the addresses of the next one's containers."""

import ipaddress
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.stores import ROOT

_SCRIPTS = ROOT / "tools" / "sam-local"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None, reason="only root can start an engine, and where there is one"
)


@contextmanager
def engine() -> Iterator[str]:
    """A private engine: the address of its socket."""
    # Not pytest's folder: the path of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="lingpai-docker-") as folder:
        try:
            exported = _run(str(_SCRIPTS / "up.sh"), folder)
            yield exported.removeprefix("export DOCKER_HOST=").strip()
        finally:
            _run(str(_SCRIPTS / "down.sh"), folder)


def test_engines_share_no_address() -> None:
    """Each has a network of its own, also when another ends, and nothing of them stays."""
    before = _bridges()
    with ExitStack() as second:
        with engine() as first:
            other = second.enter_context(engine())
            networks = [_network(first), _network(other)]
            assert not networks[0].overlaps(networks[1])
        assert _run("ip", "-brief", "address", "show", "to", str(networks[0])) == ""
        assert _network(other) == networks[1]
        assert _run("ip", "-brief", "address", "show", "to", str(networks[1])).startswith("lingpai")
    assert _bridges() == before


@pytest.mark.parametrize("seconds", [0.03, 0.06, 0.3, 2])
@pytest.mark.parametrize("whom", ["run.sh", "all of it"])
def test_who_is_told_to_end_leaves_nothing(whom: str, seconds: float) -> None:
    """Whatever of the engine was started by then; alone, or as a terminal tells all that it runs."""
    before = _left()
    command = [str(_SCRIPTS / "run.sh"), "sleep", "60"]
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:  # noqa: S603
        time.sleep(seconds)
        (os.kill if whom == "run.sh" else os.killpg)(process.pid, signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert _left() == before


def _left() -> set[str]:
    """Bridges, folders, mounts and processes of engines."""
    mounts = {line.split()[1] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()}
    folders = {str(path) for path in Path("/tmp").glob("lingpai-docker-*")}  # noqa: S108  where run.sh makes them
    commands = _run("ps", "-eo", "args").splitlines()
    engines = {command for command in commands if "lingpai-docker-" in command}
    return _bridges() | {mount for mount in mounts if "lingpai-docker-" in mount} | folders | engines


def _network(engine: str) -> ipaddress.IPv4Network:
    template = "{{(index .IPAM.Config 0).Subnet}}"
    return ipaddress.IPv4Network(
        _run("docker", "--host", engine, "network", "inspect", "bridge", "--format", template).strip()
    )


def _bridges() -> set[str]:
    return {line.split()[0] for line in _run("ip", "-brief", "link", "show", "type", "bridge").splitlines()}


def _run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
