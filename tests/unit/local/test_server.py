"""The server as a whole: its environment, its words, its end."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.dynamodb import Store
from local.environment import PRESETS, SettingError, prepare, read_port
from local.gateway import Gateway, Reply, Request
from local.seed import Seed
from local.server import banner, for_this_machine, make_answer

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Message:
    """A message as the console sender keeps it."""

    to: str
    code: str
    text: str
    at: int


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m local` to its end, with this environment."""
    return subprocess.run(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_sms() -> None:
    """The messages "sent" come as a JSON array, newest last."""
    sent = [Message("+8613312341234", "012345", "您的验证码", 1), Message("+8613312341234", "6", "b", 2)]
    answer = make_answer(Gateway((), lambda name, event: None), lambda: sent)
    reply = answer(Request("GET", "/_local/sms?x"))
    assert reply.status == 200
    assert dict(reply.headers) == {"content-type": "application/json", "cache-control": "no-store"}
    assert json.loads(reply.body) == [
        {"to": "+8613312341234", "code": "012345", "text": "您的验证码", "at": 1},
        {"to": "+8613312341234", "code": "6", "text": "b", "at": 2},
    ]
    assert answer(Request("POST", "/_local/sms")).status == 405
    assert answer(Request("GET", "/elsewhere")).status == 404


@pytest.mark.security("F3")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:3000", 200),
        ("localhost:3000", 200),
        ("LocalHost", 200),
        ("localhost:8080", 200),
        ("evil.example", 403),
        ("evil.example:3000", 403),
        ("127.0.0.1.evil.example:3000", 403),
        ("localhost.evil.example", 403),
        ("localhost.", 403),
        ("127.0.0.1@evil.example", 403),
        ("", 403),
        (None, 403),
    ],
)
@pytest.mark.parametrize("path", ["/_local/sms", "/_local/%73ms", "/_local/dynamodb/", "/_local/anything"])
def test_what_is_local_is_for_this_machine(host: str | None, status: int, path: str) -> None:
    """A page whose name was made to lead here sends that name (DNS rebinding). The API itself takes any."""
    headers = () if host is None else (("Host", host),)
    answer = for_this_machine(lambda _: Reply(200))
    assert answer(Request("GET", path, headers)).status == status
    assert answer(Request("GET", "/health", headers)).status == 200


def test_prepare() -> None:
    """What is not set, or empty, gets a value for this machine; what is set stays."""
    environ = {"SMS_PROVIDER": "", "LIMIT_SMS_IP": "5", "AWS_REGION": "cn-north-1"}
    prepare(environ, 8080)
    assert environ == PRESETS | {
        "ISSUER": "http://127.0.0.1:8080",
        "LIMIT_SMS_IP": "5",
        "AWS_REGION": "cn-north-1",
        "AWS_DEFAULT_REGION": "cn-north-1",
        "AWS_TRANSPORT": "botocore",
        # Passkeys are made at names, not at addresses.
        "WEBAUTHN_RP_ID": "localhost",
        "WEBAUTHN_ORIGINS": "http://localhost:8080",
    }


def test_prepare_for_a_dynamodb_of_its_own() -> None:
    """Only the embedded one stands inside botocore."""
    environ = {"DYNAMODB_ENDPOINT": "http://127.0.0.1:8000"}
    prepare(environ, 8080)
    assert "AWS_TRANSPORT" not in environ


@pytest.mark.parametrize(("text", "port"), [("", 3000), (" ", 3000), ("0", 0), ("8080", 8080), ("65535", 65535)])
def test_port(text: str, port: int) -> None:
    assert read_port({"PORT": text}) == port


@pytest.mark.parametrize("text", ["x", "-1", "65536", "3000.0", "٣", "99999999999"])
def test_bad_port(text: str) -> None:
    """What is no port is named."""
    with pytest.raises(SettingError, match=r"^PORT: "):
        read_port({"PORT": text})


def test_banner() -> None:
    """It tells where it is, whether data stays, who there is, and lines to try, quoted for a shell."""
    text = banner(
        3000,
        Store("embedded DynamoDB", kept=False, serial=True),
        Seed.model_validate(
            {
                "clients": [
                    {"client_id": "web", "client_secret": "it's", "dialect": "spring"},
                    {"client_id": "app", "dialect": "standard"},
                ],
                "users": [
                    {"username": "alice", "password": "pass word", "mobile": "13312341234"},
                    {"mobile": "13312341235"},
                ],
            }
        ),
        1.25,
    )
    assert "Lingpai is ready at http://127.0.0.1:3000" in text
    assert "data is gone when it stops" in text
    assert "web  it's  spring" in text
    assert "alice  pass word  13312341234" in text
    assert """curl -u 'web:it'"'"'s' -d grant_type=password -d username=alice -d 'password=pass word' http""" in text
    assert "curl http://127.0.0.1:3000/_local/sms" in text


def test_banner_of_an_empty_seed() -> None:
    """With nobody in it there is still something to try, and nothing that cannot work."""
    text = banner(3001, Store("DynamoDB at x", kept=True, serial=False), Seed(), 0.1)
    assert "data is kept" in text
    assert "clients" not in text
    assert "curl http://127.0.0.1:3001/health" in text
    assert "grant_type" not in text


def test_the_banner_shows_no_secret_of_a_seed_file() -> None:
    clients = [{"client_id": "web", "client_secret": "of-the-client", "dialect": "spring"}]
    seed = Seed.model_validate({"clients": clients, "users": [{"username": "alice", "password": "of-alice"}]})
    text = banner(3000, Store("DynamoDB at x", kept=True, serial=False), seed.without_secrets(), 0.1)
    assert "web  " in text
    assert "alice" in text
    assert "of-" not in text


def test_port_taken() -> None:
    """One line on stderr that names the port and what to do; exit code 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(PORT=str(port))
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == f"Port {port} is taken. Choose another: PORT=3000 make run\n"


def test_port_invalid() -> None:
    """Likewise for what is no port."""
    ended = run(PORT="many")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "PORT: 'many' is not a port from 0 to 65535. Try: PORT=3001 make run\n"


SERVE = """
import signal
from local import server
from local.http_server import HttpServer, listen, port_of
from local.gateway import Reply
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.default_int_handler)
listener = listen(0)
print(port_of(listener), flush=True)
server.serve(HttpServer(listener, lambda request: Reply(200, (), b"ok")))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signal(how: signal.Signals) -> None:
    """A signal ends it at once, open connections or not: exit code 0, no word, and the port is free."""
    with subprocess.Popen(  # noqa: S603 (the text above)
        [sys.executable, "-c", SERVE], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
                process.send_signal(how)
                output, errors = process.communicate(timeout=10)
            assert (process.returncode, output, errors) == (0, "", "")
            with socket.socket() as again:
                again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                again.bind(("127.0.0.1", port))
        finally:
            process.kill()
