"""What `make run SAM_LOCAL=1` has for functions in containers: keys, examples, a store at a port. No container runs."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import template
from tests.e2e.server import Server, run_to_end, serving
from tests.support.logs import LOGS
from tests.support.outcomes import EVENTS
from tests.support.stores import ROOT, TEMPLATE
from tools.function_of import function_of
from tools.write_events import SCHEDULED, SETTINGS

pytestmark = pytest.mark.security("F1")

_ADDRESS = re.compile(r"http://host\.docker\.internal:([0-9]+)\n")
_INVOKE = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
app = importlib.util.module_from_spec(spec)
spec.loader.exec_module(app)
print(json.dumps(app.handler(json.load(sys.stdin), None)))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A local server that containers may use."""
    folder = tmp_path_factory.mktemp("containers")
    with serving(folder, SAM_LOCAL="1", DYNAMODB_PORT="0", KEYS_FILE=str(folder / "keys.json")) as started:
        yield started


def store_port(server: Server) -> int:
    """Where containers find its DynamoDB."""
    found = _ADDRESS.search(server.printed)
    assert found is not None, server.printed
    return int(found[1])


def invoke(server: Server, function: template.Function, event: Any) -> Any:
    """What the function answers in a process that has the variables that SAM gives it, and no other setting."""
    given = json.loads(SETTINGS.read_text("utf-8"))["Parameters"]
    address = f"http://127.0.0.1:{store_port(server)}"
    # The ports of a server that is started without a test.
    assert given["AWS_ENDPOINT_URL_DYNAMODB"] == "http://host.docker.internal:8000"
    assert given["ISSUER"] == "http://127.0.0.1:3000"
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _INVOKE, str(ROOT / function.code / "app.py")],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "layers" / "common"),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            **function.environment,
            **{name: value for name, value in given.items() if name in variables(function.name)},
            "AWS_ENDPOINT_URL_DYNAMODB": address,
            "ISSUER": server.url,
        },
        input=json.dumps(event),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout.splitlines()[-1])
    for secret in ("access_token", "refresh_token"):
        LOGS.hush("token", str(json.loads(answer.get("body") or "{}").get(secret, "")))
    return answer


def variables(function: str) -> set[str]:
    """The variables that the template declares for the function: SAM hands on no other."""
    document: Any = yaml.load((ROOT / "template.yaml").read_text("utf-8"), Loader=template._Loader)  # noqa: S506
    own = document["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {})
    return {*document["Globals"]["Function"]["Environment"]["Variables"], *own}


@pytest.mark.parametrize("name", ["token-password", "users-current", "mobile-token", "sign-token", "roles-list"])
def test_functions_answer(server: Server, name: str) -> None:
    """One event of each function that has routes."""
    answer = invoke(server, function_of(TEMPLATE, EVENTS[name]), EVENTS[name])
    assert answer["statusCode"] == 200, answer


def test_signed_by_the_servers_keys(server: Server) -> None:
    """A container signs with the keys of the server, and its schedule finds nothing to do."""
    answer = invoke(server, function_of(TEMPLATE, EVENTS["token-passport"]), EVENTS["token-passport"])
    token = json.loads(answer["body"])["access_token"]
    status, found = server.post("/oauth/introspect", form={"token": token}, basic="standard-client:standard-secret")
    assert (status, found["active"]) == (200, True)
    done = invoke(server, function_of(TEMPLATE, SCHEDULED["keys-schedule"]), SCHEDULED["keys-schedule"])
    assert done == {"made": [], "emptied": [], "deleted": []}


def test_settings_are_declared() -> None:
    """SAM leaves out what the template has not: each setting for containers is declared for every function.

    Those of identity providers, passkeys and the API's description are declared where they are read.
    """
    passkeys, docs = {"WEBAUTHN_RP_ID", "WEBAUTHN_ORIGINS"}, {"API_DOCS"}
    given = set(json.loads(SETTINGS.read_text("utf-8"))["Parameters"])
    undeclared = {function.name: given - variables(function.name) for function in TEMPLATE.functions}
    assert undeclared.pop("UsersFunction") == passkeys | docs
    assert undeclared.pop("PagesFunction") == {"LINK_PROVIDERS"} | docs
    assert undeclared.pop("TokenFunction") == {"LINK_PROVIDERS"} | passkeys
    assert set().union(*undeclared.values()) == {"LINK_PROVIDERS", "OIDC_PROVIDERS"} | passkeys | docs


@pytest.mark.parametrize(
    ("method", "host", "operation", "expected"),
    [
        ("POST", "127.0.0.1:{port}", "DynamoDB_20120810.ListTables", 200),
        ("POST", "host.docker.internal:{port}", "DynamoDB_20120810.ListTables", 200),
        ("POST", "attacker.example:{port}", "DynamoDB_20120810.ListTables", 403),
        ("POST", "127.0.0.1:{port}", None, 403),
        ("GET", "127.0.0.1:{port}", "DynamoDB_20120810.ListTables", 403),
    ],
)
def test_no_page_gets_through(server: Server, method: str, host: str, operation: str | None, expected: int) -> None:
    """Nor one whose name was made to lead here (DNS rebinding)."""
    port = store_port(server)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, "/", skip_host=True)
        connection.putheader("Host", host.format(port=port))
        connection.putheader("Content-Length", "2")
        if operation:
            connection.putheader("X-Amz-Target", operation)
        connection.endheaders(b"{}")
        assert connection.getresponse().status == expected
    finally:
        connection.close()


def test_not_without_being_told(tmp_path: Path) -> None:
    """A plain `make run` opens no second port, and holds nobody's known token."""
    with serving(tmp_path, KEYS_FILE=str(tmp_path / "keys.json")) as server:
        assert _ADDRESS.search(server.printed) is None
        bearer = EVENTS["users-current"]["headers"]["authorization"].removeprefix("Bearer ")
        assert server.get("/users/current", bearer=bearer)[0] == 401


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """With what to do, and without a server that runs all the same."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run_to_end(SAM_LOCAL="1", DYNAMODB_PORT=port, KEYS_FILE=str(tmp_path / "keys.json"))
    assert ended.returncode == 2
    assert f"Port {port}, for the DynamoDB of containers, cannot be used" in ended.stderr
    assert "DYNAMODB_PORT" in ended.stderr
