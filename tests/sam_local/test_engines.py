"""Private engines beside each other: one that a killed run has left took the addresses of the next one's containers."""

import ipaddress
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.stores import ROOT

_SCRIPTS = ROOT / "tools" / "sam-local"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None, reason="only root can start an engine, and where there is one"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """For engines. Not pytest's: the path of a socket has 107 characters at most."""
    with tempfile.TemporaryDirectory(prefix="engines-") as made:
        yield Path(made)


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """A private engine: the address of its socket."""
    with tempfile.TemporaryDirectory(prefix="lingpai-docker-", dir=folder) as made:
        try:
            exported = _run(str(_SCRIPTS / "up.sh"), made)
            yield exported.removeprefix("export DOCKER_HOST=").strip()
        finally:
            _run(str(_SCRIPTS / "down.sh"), made)


def test_engines_share_no_address(folder: Path) -> None:
    """Each has a network of its own, also when another ends, and nothing of them stays."""
    with ExitStack() as second:
        with engine(folder) as first:
            other = second.enter_context(engine(folder))
            networks = [_network(first), _network(other)]
            assert not networks[0].overlaps(networks[1])
            assert len(_bridges_of(folder)) == 2
        assert len(_bridges_of(folder)) == 1
        assert _network(other) == networks[1]
        assert _run("ip", "-brief", "address", "show", "to", str(networks[1])).split()[0] in _bridges_of(folder)
    assert _left_in(folder) == set()


@pytest.mark.parametrize("seconds", [0.03, 0.06, 0.3, 2])
@pytest.mark.parametrize("whom", ["run.sh", "all of it"])
def test_who_is_told_to_end_leaves_nothing(folder: Path, whom: str, seconds: float) -> None:
    """Whatever of the engine was started by then; alone, or as a terminal tells all that it runs."""
    command = [str(_SCRIPTS / "run.sh"), "sleep", "60"]
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock", "ENGINES": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:  # noqa: S603
        time.sleep(seconds)
        (os.kill if whom == "run.sh" else os.killpg)(process.pid, signal.SIGTERM)
        # On a busy machine the first may come before the script has said what to do then: the signal itself ends it.
        assert process.wait(60) in {128 + signal.SIGTERM, -signal.SIGTERM}
    assert _left_in(folder) == set()


def _left_in(folder: Path) -> set[str]:
    """Folders, mounts, processes and bridges of the engines there; those of other runs may come and go."""
    commands = _read(Path("/proc").glob("[0-9]*/cmdline"))
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    found = {each for each in (*commands.values(), *mounts) if str(folder) in each}
    return found | {str(path) for path in folder.iterdir()} | _bridges_of(folder)


def _read(paths: Iterable[Path]) -> dict[Path, str]:
    """What is in them; what goes in the meantime is left out."""
    texts = {}
    for path in paths:
        with suppress(OSError):
            texts[path] = path.read_text("utf-8", "replace")
    return texts


def _bridges_of(folder: Path) -> set[str]:
    """Their aliases name the folders of their engines."""
    aliases = _read(Path("/sys/class/net").glob("lingpai*/ifalias"))
    return {path.parent.name for path, alias in aliases.items() if str(folder) in alias}


def _network(engine: str) -> ipaddress.IPv4Network:
    template = "{{(index .IPAM.Config 0).Subnet}}"
    return ipaddress.IPv4Network(
        _run("docker", "--host", engine, "network", "inspect", "bridge", "--format", template).strip()
    )


def _run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
