"""The server's life: its start, its refusals to start, its end, and its data."""

import json
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import READY_WITHIN, Server, run_to_end, serving

PASSWORD = "a plain long password"


def test_ready_in_time(server: Server) -> None:
    """It answers within 15 s of being started, as the health check says."""
    assert server.seconds < READY_WITHIN
    assert server.get("/health") == (200, {"status": "ok"})


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    """Told to stop, it ends with code 0, says nothing of errors, and its port is free at once."""
    with serving(tmp_path) as started:
        assert started.get("/health")[0] == 200
        assert started.stop(how) == 0
        assert "Traceback" not in started.printed
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", started.port))


def test_stops_while_connected(tmp_path: Path) -> None:
    """A client that keeps its connection open does not keep the server alive."""
    with serving(tmp_path) as started, socket.create_connection(("127.0.0.1", started.port)) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        assert started.stop() == 0


@pytest.mark.security("F3")
def test_lines_do_not_run_into_each_other(tmp_path: Path) -> None:
    """Each line that it prints is one of JSON, or one of an access, however many threads print."""

    def ask(_: int) -> None:
        with httpx.Client(base_url=started.url, trust_env=False) as client:
            for _ in range(40):
                client.post("/oauth/token", data={"grant_type": "none"}, auth=("web-client", "web-secret"))

    with serving(tmp_path, LOG_LEVEL="INFO", METRICS_NAMESPACE="Lingpai") as started:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(ask, range(16)))
        assert started.stop() == 0
        lines = started.printed.partition("Ctrl-C stops it\n")[2].splitlines()[1:]
    accesses = [line for line in lines if re.fullmatch(r"POST /oauth/token 400 [0-9]+ ms", line)]
    assert len(accesses) == 16 * 40
    assert all(isinstance(json.loads(line), dict) for line in set(lines) - set(accesses))
    # What the streams tell is kept meanwhile.
    assert len([line for line in lines if "EventsKept" not in line]) == 3 * len(accesses)


@pytest.mark.security("F3")
def test_a_name_that_leads_here_reads_no_messages(server: Server) -> None:
    """As a page would that has its own name lead to this machine (DNS rebinding)."""
    for host, status in (("evil.example", 403), (f"localhost:{server.port}", 200)):
        assert httpx.get(f"{server.url}/_local/sms", headers={"Host": host}, trust_env=False).status_code == status


@pytest.mark.security("F3")
def test_multipart_without_a_boundary_is_refused_by_the_function(server: Server) -> None:
    answer = httpx.post(
        f"{server.url}/oauth/token",
        content=b"body",
        headers={"Content-Type": "multipart/form-data"},
        auth=("web-client", "web-secret"),
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed_body")


def test_port_taken() -> None:
    """One line that names the port and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_to_end(PORT=str(port))
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == f"Port {port} is taken. Choose another: PORT=3000 make run\n"


def test_wrong_port() -> None:
    ended = run_to_end(PORT="http")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "PORT: 'http' is not a port from 0 to 65535. Try: PORT=3001 make run\n"


def test_wrong_settings() -> None:
    """Each wrong setting has one line, which names it."""
    ended = run_to_end(CODE_TTL="soon", SMS_PROVIDER="pigeon", HOME_COUNTRY="China")
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["CODE_TTL", "HOME_COUNTRY", "SMS_PROVIDER"]


@pytest.mark.security("F32")
def test_wrong_origins() -> None:
    """An origin that no browser sends is told before the server starts, and not by pages that cannot call."""
    ended = run_to_end(CORS_ORIGINS="https://app.example/, https://H5.Example, app.example")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("CORS_ORIGINS: 'https://app.example/' is no origin as browsers send it: ")


def test_store_not_there() -> None:
    """A store that does not answer is named."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
    ended = run_to_end(DYNAMODB_ENDPOINT=endpoint)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert endpoint in ended.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, ["cannot be read: No such file or directory"]),
        ("{", ["is not JSON: "]),
        ("[]", ['is not an object with "clients", "roles" and "users"']),
        (
            {
                "clients": [{"client_id": "shop", "dialect": "klingon"}, {"dialect": "spring", "color": 1}],
                "roles": [{"id": 0, "roleName": "admin"}],
                "users": ["alice"],
            },
            [
                "clients[0] (shop): dialect: ",
                "clients[1]: client_id: ",
                "clients[1]: color: is no field of it",
                "roles[0] (admin): id: ",
                "users[0]: ",
            ],
        ),
        (
            {
                "clients": [{"client_id": "shop", "dialect": "spring"}, {"client_id": "shop", "dialect": "spring"}],
                "users": [
                    {"username": "alice", "roles": ["queen"]},
                    {"password": "nobody's"},
                    {"mobile": "12", "password": "a", "password_hash": "b"},
                ],
            },
            [
                "clients: client_id 'shop' is given 2 times",
                "users[0] (alice): roles: there is no role 'queen' in this file",
                "users[1] (nameless): needs a username, a mobile or an openid",
                "users[2] (12): has both password and password_hash",
                "users[2] (12): password_hash: ",
                "users[2] (12): mobile: is not a mobile number",
            ],
        ),
    ],
)
def test_wrong_seed(tmp_path: Path, content: Any, said: list[str]) -> None:
    """Each thing that is wrong has a line, which names the file and the entry."""
    path = tmp_path / "seed.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    ended = run_to_end(SEED=str(path))
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert len(lines) == len(said), lines
    for line, start in zip(lines, said, strict=True):
        assert line.startswith(f"{path}: {start}")


def test_own_seed(tmp_path: Path) -> None:
    """A seed of one's own takes the place of the demo data, and the start does not show its secrets."""
    seed = {
        "clients": [{"client_id": "web-client", "client_secret": "web-secret", "dialect": "spring"}],
        "users": [{"username": "carol", "password": PASSWORD}],
    }
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(seed), "utf-8")
    with serving(tmp_path, SEED=str(path)) as started:
        started.hush(PASSWORD)
        assert started.log_in("carol", PASSWORD)["expires_in"] == 15 * 86400
        wrong = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
        assert started.post("/oauth/token", form=wrong, basic="web-client:web-secret")[0] == 400
        assert PASSWORD not in started.printed
        assert "web-secret" not in started.printed


def test_settings_take_effect(tmp_path: Path) -> None:
    """A setting is set by its environment variable; a table's name is one of them."""
    with serving(tmp_path, PASSWORD_MIN_LENGTH="12", USERS_TABLE="people") as started:
        status, refused = started.post("/users/register", json_body={"username": "dora", "password": "eleven-long"})
        assert (status, refused) == (400, {"status": 400, "error": "密码至少 12 个字符"})
        status, _ = started.post("/users/register", json_body={"username": "dora", "password": PASSWORD})
        assert status == 200


def test_kept_data(tmp_path: Path, dynamodb_endpoint: str) -> None:
    """On a DynamoDB of its own, accounts and sessions outlive the server."""
    with serving(tmp_path, DYNAMODB_ENDPOINT=dynamodb_endpoint) as first:
        assert "data is kept" in first.printed
        status, _ = first.post("/users/register", json_body={"username": "erin", "password": PASSWORD})
        assert status == 200
        tokens = first.log_in("erin", PASSWORD)
    with serving(tmp_path, DYNAMODB_ENDPOINT=dynamodb_endpoint) as second:
        second.hush(tokens["access_token"], tokens["refresh_token"])
        status, who = second.get("/users/current", bearer=tokens["access_token"])
        assert (status, who["message"]["username"]) == (200, "erin")
        assert second.log_in("erin", PASSWORD)["access_token"] != tokens["access_token"]


def test_many_at_once(tmp_path: Path, dynamodb_endpoint: str) -> None:
    """With threads and a real DynamoDB: twenty of each at once, and one winner where there can be but one."""
    with (
        serving(tmp_path, DYNAMODB_ENDPOINT=dynamodb_endpoint) as started,
        ThreadPoolExecutor(max_workers=20) as pool,
    ):
        form = {"username": "frank", "password": PASSWORD}
        answers = list(pool.map(lambda _: started.post("/users/register", json_body=form), range(20)))
        assert sorted(status for status, _ in answers) == [200] + [409] * 19
        tokens = list(pool.map(lambda _: started.log_in("frank", PASSWORD), range(20)))
        assert len({token["access_token"] for token in tokens}) == 20
        calls = pool.map(lambda token: started.get("/users/current", bearer=token["access_token"]), tokens)
        assert {(status, who["message"]["username"]) for status, who in calls} == {(200, "frank")}

        # The same refresh token twenty times at once: one rotation, and every answer is that one.
        form = {"grant_type": "refresh_token", "refresh_token": tokens[0]["refresh_token"]}
        pairs = list(
            pool.map(lambda _: started.post("/oauth/token", form=form, basic="web-client:web-secret"), range(20))
        )
        assert {status for status, _ in pairs} == {200}
        assert len({(pair["access_token"], pair["refresh_token"]) for _, pair in pairs}) == 1
        started.hush(*(pair["access_token"] for _, pair in pairs), *(pair["refresh_token"] for _, pair in pairs))


def test_a_multipart_form(server: Server) -> None:
    """The headers of one name a boundary that is not among them: no reason to refuse it."""
    answer = httpx.post(
        f"{server.url}/oauth/token",
        files={"grant_type": (None, "client_credentials")},
        auth=("standard-client", "standard-secret"),
    )
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
