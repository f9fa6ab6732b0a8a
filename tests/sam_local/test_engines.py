"""Private engines beside each other: one that a killed run has left took the addresses of the next one's containers."""

import ipaddress
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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
