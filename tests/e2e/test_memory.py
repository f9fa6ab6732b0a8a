"""The local server's memory: what its tables hold, and no more."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import Server, environment, serving
from tests.support.stores import ROOT

pytestmark = [
    pytest.mark.security("F2"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc"),
]

REQUESTS, USERS = 1_000, 1_000
# In MiB. A session or a user takes about 4 KiB of the embedded DynamoDB; the rest is the allocator's.
MOST = 20


# The cheapest passwords, since it is not they that are measured.
CHEAP = {"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME": "1"}
_RESIDENT = re.compile(r"^VmRSS:\s+([0-9]+) kB$", re.MULTILINE)
_HASH = "pbkdf2_sha256$1000$c2FsdHNhbHQ$" + "A" * 43 + "="
_BASIC = ("web-client", "web-secret")
_LOGIN = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}


def resident(server: Server) -> float:
    """The memory that the server's process has, in MiB."""
    found = _RESIDENT.search(Path(f"/proc/{server.process.pid}/status").read_text("utf-8"))
    assert found is not None
    return int(found[1]) / 1024


def ask(server: Server, count: int) -> None:
    """Send `count` requests: logins, good and bad tokens, refreshes, wrong passwords."""
    with httpx.Client(base_url=server.url, auth=_BASIC, trust_env=False, timeout=60) as client:
        for number, request in enumerate(_requests(client, server), start=1):
            assert request.status_code in {200, 400}, request.text
            if number == count:
                return


def _requests(client: httpx.Client, server: Server) -> Iterator[httpx.Response]:
    number = 0
    while True:
        number += 1
        answer = client.post("/oauth/token", data=_LOGIN)
        tokens = answer.json()
        server.hush(tokens["access_token"], tokens["refresh_token"])
        yield answer
        yield client.post("/oauth/introspect", data={"token": tokens["access_token"]})
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        yield client.post("/oauth/token", data=form)
        # Of the right form, each of a user of its own.
        yield client.post("/oauth/introspect", data={"token": f"{number:A>22}.{'A' * 43}"})
        yield client.post("/oauth/token", data={**_LOGIN, "password": f"wrong-{number}"})


def move_in(server: Server, folder: Path, count: int) -> None:
    """Import `count` users by the operator's command."""
    file = folder / f"users-{count}.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for number in range(count):
            user = {"username": f"user-{number:08}", "mobile": f"139{number:08}", "password_hash": _HASH}
            lines.write(json.dumps(user) + "\n")
    ended = subprocess.run(  # noqa: S603 (our own command)
        [Path(sys.executable).with_name("lingpai"), "--local", "users", "import", str(file), "--json"],
        cwd=ROOT,
        env=environment(PORT=str(server.port)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["imported"] == count, ended.stdout


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
