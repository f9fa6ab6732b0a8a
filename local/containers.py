"""What functions in containers of `sam local` need from the local server.

They need its signing keys in the store's table, the data that the events name (`local.examples`), and a port at which
containers reach the embedded DynamoDB.
"""

import ipaddress
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from lingpai import bootstrap
from lingpai.services import Services
from lingpai.store import DynamoStore
from local import store_endpoint
from local.environment import HOST
from local.gateway import Reply, Request, message
from local.http_server import Answer, PortError, bind, port_of, serving

# Docker's name for the host inside containers; on Linux it is set by `--add-host` (samconfig.toml).
NAME = "host.docker.internal"


def copy_keys(services: Services) -> None:
    """Copy the signing keys from their file to the table: a container cannot read the file."""
    table = DynamoStore(services.settings)
    for key in bootstrap.key_store(services.settings).load_keys():
        table.add_key(key)


@contextmanager
def embedded_store(port: int, turn: AbstractContextManager[object]) -> Iterator[int]:
    """Serve the embedded DynamoDB at `port` of 127.0.0.1 and of Docker's bridge; yields the port. 0 takes any free one.

    The store is asked with the lock `turn` held. Raises PortError if 127.0.0.1 has no such port free.
    """
    try:
        listeners = [bind(port)]
    except OSError as error:
        raise PortError(
            f"Port {port}, for the DynamoDB of containers, cannot be used ({error.strerror}). "
            "Name another by DYNAMODB_PORT and in events/env.local.json"
        ) from None
    port = port_of(listeners[0])
    bridge = _bridge_address()
    if bridge is not None:
        # Docker Desktop's bridge is in a virtual machine; there containers reach 127.0.0.1 instead.
        with suppress(OSError):
            listeners.append(bind(port, bridge))
    answer = _answer(turn, {f"{host}:{port}" for host in (HOST, "localhost", NAME, bridge)})
    with ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(serving(listener, answer))
        yield port


def _answer(turn: AbstractContextManager[object], hosts: set[str]) -> Answer:
    """Return the handler of the port. It refuses other Host headers than `hosts` (DNS rebinding)."""

    def answer(request: Request) -> Reply:
        if request.header("host") not in hosts:
            return message(403, "Forbidden")
        return store_endpoint.answer(request, turn)

    return answer


def _bridge_address() -> str | None:
    """Return this machine's address on Docker's bridge network; None without a Docker engine."""
    docker = shutil.which("docker")
    if docker is None:
        return None
    command = [docker, "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
        return str(ipaddress.ip_address(ended.stdout.strip()))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
