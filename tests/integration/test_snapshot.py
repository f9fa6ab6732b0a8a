"""Two restores of one snapshot share nothing that has to be each one's own; and a snapshot holds nothing secret."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.logs import LOGS
from tests.support.stores import CHEAP, ROOT

# These start without a snapshot, and draw nothing.
UNPRIMED = {"deletions", "events", "webhooks"}
FUNCTIONS = sorted({path.parent.name for path in (ROOT / "functions").glob("*/app.py")} - UNPRIMED)
# What would stand in the environment of a deployment, and nowhere else before the first request.
SECRETS = {
    "CODE_PEPPER": "a-pepper-that-is-nowhere-else",
    "AWS_SECRET_ACCESS_KEY": "an-access-key-that-is-nowhere-else",
    "AWS_SESSION_TOKEN": "a-session-token-that-is-nowhere-else",
}


def run(folder: Path, *arguments: str) -> str:
    """What a process says that has a function's environment, and the path of these tests."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "AWS_TRANSPORT": "botocore",  # moto stands inside it
        "KEYS_FILE": str(folder / "keys.json"),
        "ISSUER": "https://login.example.com",
        "ARGON2_MEMORY_KIB": str(CHEAP["argon2_memory_kib"]),
        "ARGON2_TIME": "1",
        "CODE_RESEND": "0",
        "SMS_COUNTRIES": "CN",
        **SECRETS,
    }
    ended = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    LOGS.add(ended.stderr)
    return ended.stdout


def restores(folder: Path, function: str, *options: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What two restores drew."""
    lines = [line for line in run(folder, "-m", "tests.support.restores", function, *options).splitlines() if line]
    one, other = (json.loads(line) for line in lines if line.startswith("{") and '"inherited"' in line)
    return one, other


def shared(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    """What both have something in common of."""
    assert one.keys() == other.keys()
    return {
        name
        for name in one
        if {json.dumps(value) for value in one[name]} & {json.dumps(value) for value in other[name]}
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_two_restores_never_draw_the_same(tmp_path: Path, function: str) -> None:
    """Tokens, ids, codes, salts, keys, and the pauses of retries; though both came with the same dice."""
    one, other = restores(tmp_path, function)
    assert shared(one, other) == {"inherited"}
    for name, drawn in one.items():
        assert len({json.dumps(value) for value in drawn}) == len(drawn), name


def test_dice_made_before_the_snapshot_would_be_noticed(tmp_path: Path) -> None:
    one, other = restores(tmp_path, "mobile", "--broken")
    assert {"codes", "inherited"} <= shared(one, other)


_LOOK = """
import gc, json, os, runpy, socket, ssl, sys
app = runpy.run_path(sys.argv[1], run_name="app")
from tests.support.primed import run_before_snapshot
run_before_snapshot()
gc.unfreeze()
found = []
secrets = [value for name, value in os.environ.items() if name in sys.argv[2].split(",")]
assert len(secrets) == 3
import lingpai.bootstrap
if lingpai.bootstrap.services.cache_info().currsize:
    found.append("services")
heavy = {"botocore.client": "BaseClient", "botocore.credentials": "Credentials", "botocore.session": "Session",
         "urllib3.connectionpool": "HTTPConnectionPool"}
heavy |= {"lingpai.services": "Services", "lingpai.aws.json_client": "JsonClient"}
heavy |= {f"cryptography.hazmat.primitives.asymmetric.{kind}": f"{name}PrivateKey"
          for kind, name in {"ec": "EllipticCurve", "rsa": "RSA", "ed25519": "Ed25519"}.items()}
kinds = [socket.socket, ssl.SSLContext]
kinds += [getattr(sys.modules[module], name) for module, name in heavy.items() if module in sys.modules]
# A context that holds certificate authorities and nothing else: no connection was made with it, and it has no key.
def is_unused(thing):
    return (isinstance(thing, ssl.SSLContext) and thing.protocol == ssl.PROTOCOL_TLS_CLIENT
            and set(thing.session_stats().values()) == {0})
own = {id(os.environ._data), id(sys.argv), id(secrets)}
# What the collector does not follow, such as a dictionary of texts, is reached from what it does.
things = gc.get_objects()
for thing in things:
    if isinstance(thing, tuple(kinds)) and not is_unused(thing):
        found.append(type(thing).__name__)
    if id(thing) in own or thing is things:
        continue
    for value in gc.get_referents(thing):
        if type(value) in (str, bytes):
            text = value if type(value) is str else value.decode("latin-1")
            if any(secret in text for secret in secrets):
                found.append(f"a secret in a {type(thing).__name__}")
        elif type(value) in (dict, tuple) and not gc.is_tracked(value) and id(value) not in own:
            things.append(value)
for descriptor in os.listdir("/proc/self/fd"):
    try:
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
            found.append("an open socket")
    except FileNotFoundError:
        pass
print("found", json.dumps(found))
"""


def found_in(said: str) -> list[str]:
    """What _LOOK has found; the log of priming stands before it."""
    found: list[str] = json.loads(said.rpartition("found ")[2])
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_snapshot_holds_no_connection_and_no_secret(tmp_path: Path, function: str) -> None:
    """Once a function is primed: no services, clients, sockets, credentials or keys."""
    said = run(tmp_path, "-c", _LOOK, str(ROOT / "functions" / function / "app.py"), ",".join(SECRETS))
    assert found_in(said) == []


def test_a_secret_in_a_snapshot_would_be_noticed(tmp_path: Path) -> None:
    """So would a connection."""
    broken = tmp_path / "app.py"
    broken.write_text(
        "import os, socket, ssl\n"
        "from lingpai import bootstrap\n"
        "handler = bootstrap.lambda_handler()\n"
        "kept = {'pepper': os.environ['CODE_PEPPER'] + ''}\n"
        "opened = socket.socket()\n"
        "used = ssl.create_default_context()\n"
        "try:\n"
        "    used.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname='x').do_handshake()\n"
        "except ssl.SSLWantReadError:\n"
        "    pass\n"
        "bootstrap.services()\n"
    )
    found = found_in(run(tmp_path, "-c", _LOOK, str(broken), ",".join(SECRETS)))
    assert {"services", "socket", "SSLContext", "an open socket"} <= set(found)
    assert any(text.startswith("a secret in a ") for text in found)
