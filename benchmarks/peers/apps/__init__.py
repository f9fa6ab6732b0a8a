"""The servers that are compared. What the one who starts a server says to it is in its environment."""

import importlib.metadata
import os
import platform
from pathlib import Path

from benchmarks.peers.workloads import CHECK, ES256, OPAQUE, REFRESH, RS256

# The ids of the clients by workload. A machine, one for each form of token, and an app that refreshes.
CLIENTS = {OPAQUE: "machine", CHECK: "machine", ES256: "machine-es256", RS256: "machine-rs256", REFRESH: "app"}


def folder() -> Path:
    """Where the server may keep what it keeps; removed at the end."""
    return Path(os.environ["PEER_FOLDER"])


def secret() -> str:
    """The secret of all clients."""
    return os.environ["PEER_SECRET"]


def variant() -> str:
    """Which of the ways to set this server up."""
    return os.environ["PEER_VARIANT"]


def versions(*packages: str) -> dict[str, str]:
    """Of what the server is made."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}
