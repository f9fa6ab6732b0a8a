"""The parts of `make bench-peers` that need no peer: clocks, counting, tables, and that nothing is left running."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.peers import comparison, contenders
from benchmarks.peers.apps.lingpai_app import make_event
from benchmarks.peers.contenders import Contender
from benchmarks.peers.processes import BrokenPeerError, process, spent
from benchmarks.peers.workloads import (
    CHECK,
    ES256,
    OPAQUE,
    REFRESH,
    WORKLOADS,
    Calls,
    Request,
    WrongAnswerError,
    measure,
)
from lingpai.http.request import from_event, parameters

CALLS = Calls("/token", "/check", dict.fromkeys(WORKLOADS, "machine"), "a-secret")


class Server:
    """Answers as told, and spends a second of processor time on each answer."""

    def __init__(self, answer: Callable[[str], dict[str, object]], status: int = 200) -> None:
        self.answer, self.status, self.spent = answer, status, 0.0
        self.asked: list[str] = []

    def send(self, request: Request) -> tuple[int, bytes]:
        self.spent += 1
        self.asked.append(request.body.decode())
        return self.status, json.dumps(self.answer(request.body.decode())).encode()


def test_the_clock_of_a_process_is_its_own() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint(time.process_time(), flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as begun:  # noqa: S603
        assert begun.stdout is not None
        told = float(begun.stdout.readline())
        assert told <= spent(begun.pid) < told + 0.1
        begun.communicate(b"\n")
    with pytest.raises(ProcessLookupError, match=f"no process {begun.pid}"):
        spent(begun.pid)
    assert abs(spent(os.getpid()) - time.process_time()) < 0.1


def test_only_the_work_is_counted() -> None:
    def answer(body: str) -> dict[str, object]:
        return {"active": True} if body.startswith("token=") else {"access_token": "opaque.token"}

    server = Server(answer)
    assert measure(server.send, CALLS, CHECK, 30, [], lambda: server.spent) == 1000
    assert len([body for body in server.asked if body.startswith("grant_type")]) == 20
    assert len([body for body in server.asked if body.startswith("token=")]) == 30


def test_refreshes_go_on_with_what_they_get() -> None:
    server = Server(lambda body: {"access_token": "a.b", "refresh_token": body.rpartition("=")[2] + "x"})
    sessions = ["a", "b"]
    assert measure(server.send, CALLS, REFRESH, 5, sessions, lambda: server.spent) == 1000
    assert sessions == ["axxx", "bxx"]


@pytest.mark.parametrize(
    ("work", "answer", "status"),
    [
        (OPAQUE, {"error": "invalid_client"}, 401),
        (OPAQUE, {"expires_in": 3600}, 200),
        (ES256, {"access_token": "no-jwt.at-all"}, 200),
        (ES256, {"access_token": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"}, 200),
        (CHECK, {"access_token": "a.b", "active": False}, 200),
        (REFRESH, {"access_token": "a.b", "refresh_token": "first"}, 200),
    ],
)
def test_what_is_not_the_work_is_not_measured(work: str, answer: dict[str, object], status: int) -> None:
    with pytest.raises(WrongAnswerError) as caught:
        measure(Server(lambda _: answer, status).send, CALLS, work, 3, ["first"], lambda: 0.0)
    assert "first" not in str(caught.value)


def test_the_front_makes_an_event_that_the_service_reads() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = from_event(make_event("POST", "/oauth/token", "", headers, b"scope=read+write"))
    assert (request.method, request.path, request.source_ip) == ("POST", "/oauth/token", "127.0.0.1")
    assert parameters(request, {"scope"}) == {"scope": "read write"}


def test_tables_compare_each_with_its_own() -> None:
    frame = [Contender("ours", contenders._ours), Contender("peer", contenders._ours, (OPAQUE,))]
    found = {(workload, "ours"): [0.5, 0.4, 0.9] for workload in WORKLOADS} | {(OPAQUE, "peer"): [412.0, 400.0, 450.0]}
    first, *others = comparison.tables(frame, found).split("\n\n#### ")
    # 412 / 0.5, 400 / 0.4 and 450 / 0.9: the machine was slower in the third round, for both.
    assert first == (
        "#### Client credentials, opaque token\n\n"
        "|  | ms of CPU for a request | times ours |\n"
        "| --- | ---: | ---: |\n"
        "| ours | 0.500 (0.450–0.700) | 1.00 |\n"
        "| peer | 412 (406–431) | 824.00 |"
    )
    assert len(others) == len(WORKLOADS) - 1
    assert all("peer" not in other for other in others)


def test_each_contender_is_compared_with_ours() -> None:
    for frame in contenders.FRAMES.values():
        names = [contender.name for contender in frame]
        assert len(set(names)) == len(names)
        assert frame[0].name == "Lingpai"
        assert all(set(contender.workloads) <= set(frame[0].workloads) <= set(WORKLOADS) for contender in frame)


def test_nothing_of_a_process_outlives_its_block() -> None:
    stubborn = (
        "import json, signal, subprocess, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('a word of its own', flush=True)\n"
        "print(json.dumps({'child': child.pid}), flush=True)\n"
        "sys.stdin.read()\n"
        "signal.pause()\n"
    )
    numbers: list[int] = []

    def interrupted() -> None:
        with process([sys.executable, "-c", stubborn], dict(os.environ)) as begun:
            numbers.extend((begun.begun.pid, begun.hear()["child"]))
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    pid, child = numbers
    deadline = time.monotonic() + 5
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(pid)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    """Whether it runs: one that has ended and that nobody has asked after does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("import sys; sys.exit('no such adapter')", "it has ended"),
        ('input(); print(\'{"error": "no such client"}\')', "no such client"),
    ],
)
def test_a_process_that_does_not_answer_is_told(says: str, told: str, capfd: pytest.CaptureFixture[str]) -> None:
    with (
        process([sys.executable, "-c", says], dict(os.environ)) as begun,
        pytest.raises(BrokenPeerError, match=told),
    ):
        begun.ask({"workload": OPAQUE})
    # What it complains of is seen.
    assert ("no such adapter" in capfd.readouterr().err) == (told == "it has ended")
