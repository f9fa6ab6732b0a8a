"""How the memory of the local server (`make run`) grows with requests and with an import of users. Linux alone.

    .venv/bin/python -m benchmarks.local_memory [--requests 20000] [--users 20000]

Out: the server's resident memory in MiB, at its start, ten times on the way through the requests, and after the import.
A request of each five opens a session, which the embedded DynamoDB keeps, as it keeps the users.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.e2e.server import Server, environment, serving
from tests.support.stores import ROOT

COUNT = 20_000
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


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=COUNT)
    parser.add_argument("--users", type=int, default=COUNT)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with serving(folder, KEYS_FILE=os.fspath(folder / "keys.json"), **CHEAP) as server:
            print(f"{0:6} requests  {resident(server):6.0f} MiB", flush=True)
            step = max(1, asked.requests // 10)
            for done in range(step, asked.requests + 1, step):
                ask(server, step)
                print(f"{done:6} requests  {resident(server):6.0f} MiB", flush=True)
            if asked.users:
                move_in(server, folder, asked.users)
                print(f"{asked.users:6} users     {resident(server):6.0f} MiB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
