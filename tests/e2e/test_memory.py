"""The local server's memory: what its tables hold, and no more. `make bench-local-memory` asks 20,000 times."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.local_memory import CHEAP, ask, move_in, resident
from tests.e2e.server import Server, serving

pytestmark = [
    pytest.mark.security("F2"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc"),
]

REQUESTS, USERS = 1_000, 1_000
# In MiB. A session or a user takes about 4 KiB of the embedded DynamoDB; the rest is the allocator's.
MOST = 20


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has imported what requests need."""
    folder = tmp_path_factory.mktemp("memory")
    with serving(folder, KEYS_FILE=str(folder / "keys.json"), **CHEAP) as server:
        ask(server, 100)
        yield server


def test_requests_take_no_memory(warm: Server) -> None:
    before = resident(warm)
    ask(warm, REQUESTS)
    assert resident(warm) - before < MOST


def test_an_import_takes_what_its_users_take(warm: Server, tmp_path: Path) -> None:
    before = resident(warm)
    move_in(warm, tmp_path, USERS)
    assert resident(warm) - before < MOST
