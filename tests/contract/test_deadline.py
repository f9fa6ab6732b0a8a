"""The time that all calls of a request share: whatever the service does, or does not, both transports end by it.

Each step alone has much time here, and a request a fraction of a second; or the clock is the test's.
"""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from lingpai.aws.client import aws_client
from lingpai.kernel import deadline
from tests.support.deadlines import SHORT, STEP, within
from tests.support.fake_aws import OK, Asked, Told, refused, serving
from tests.support.fake_web import Certificate, Reply, Web
from tests.support.stores import Transport, settings

KEYS = ("AKIDEXAMPLE", "a-secret-key-of-tests")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long somebody would have waited. They are the longest that may be drawn, and the clock goes on by them."""
    waited: list[float] = []
    monotonic = time.monotonic
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + sum(waited))
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    return waited


both = pytest.mark.parametrize("transport", ["bare", "botocore"])


@contextlib.contextmanager
def client(url: str, transport: Transport = "bare", **chosen: Any) -> Iterator[Any]:
    """A client whose steps have time."""
    given = {"store_connect_timeout": STEP, "store_read_timeout": STEP, **chosen}
    made = aws_client(settings(aws_transport=transport, **given), "dynamodb", url, KEYS)
    with contextlib.closing(made):
        yield made


def get(wire: Any) -> Any:
    answer = wire.call("GetItem", {"TableName": "T", "Key": {"id": {"S": "x"}}})
    answer.pop("ResponseMetadata", None)
    return answer


# --- one byte after the other


@pytest.mark.security("F24")
@both
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("fault", ["slow status", "slow headers", "slow body", "slow chunks"])
def test_an_answer_that_trickles(
    fault: Any,
    tls: bool,
    transport: Transport,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
) -> None:
    """No try follows: it would have no time."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.path))
    with serving(certificate if tls else None) as aws, client(aws.url, transport) as wire:
        get(wire)
        aws.script = [Told(fault=fault)] * 3
        with within(SHORT), pytest.raises(ReadTimeoutError):
            get(wire)
        assert (len(aws.asked), pauses) == (2, [])
        aws.script = []
        assert get(wire) == {}
        # What was under way on the old connection is nobody's answer.
        assert [asked.connection for asked in aws.asked][1:] == [1, 2]


@pytest.mark.security("F24")
@both
def test_silence_is_not_waited_out(pauses: list[float], transport: Transport) -> None:
    with serving() as aws, client(aws.url, transport) as wire:
        get(wire)
        aws.script = [Told(fault="silence")] * 3
        with within(SHORT), pytest.raises(ReadTimeoutError):
            get(wire)
        assert (len(aws.asked), pauses) == (2, [])


# --- before the request


@pytest.mark.parametrize("bound", ["the request's time", "the step's time"])
def test_a_name_that_is_never_found(monkeypatch: pytest.MonkeyPatch, pauses: list[float], bound: str) -> None:
    """The system's look-up has no time-out; nor does it keep the next from looking up again."""
    asked, over = [], threading.Event()

    def getaddrinfo(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        over.wait(10)
        return []

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    short, step = (SHORT, STEP) if bound == "the request's time" else (60.0, 0.05)
    with client("http://nowhere.invalid", store_connect_timeout=step) as wire, within(short):
        with pytest.raises((ConnectTimeoutError, ReadTimeoutError)):
            get(wire)
        over.set()
    assert asked == ["nowhere.invalid"] * (1 if step > 1 else 3)
    assert len(pauses) == len(asked) - 1


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label too long")])
def test_a_name_that_is_none(monkeypatch: pytest.MonkeyPatch, pauses: list[float], error: Exception) -> None:
    def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise error

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    with client("http://nowhere.invalid") as wire, pytest.raises(EndpointConnectionError):
        get(wire)
    assert len(pauses) == 2


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch, certificate: Certificate) -> None:
    with Web(certificate, lambda _: Reply(200, b"{}"), mode="closed").running() as closed, serving() as aws:
        ports = [int(url.rpartition(":")[2]) for url in (closed.host, aws.url)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
        with client("http://somewhere.invalid") as wire:
            assert get(wire) == {}
        assert len(aws.asked) == 1


@both
def test_a_connection_that_nobody_takes(certificate: Certificate, pauses: list[float], transport: Transport) -> None:
    with (
        Web(certificate, lambda _: Reply(200, b"{}"), mode="full").running() as web,
        client(f"http://{web.host}", transport) as wire,
    ):
        with within(SHORT), pytest.raises((ConnectTimeoutError, ReadTimeoutError)):
            get(wire)
        assert pauses == []


def test_a_handshake_that_is_not_answered(certificate: Certificate, pauses: list[float]) -> None:
    with Web(certificate, lambda _: Reply(200, b"{}"), mode="no handshake").running() as web:
        with client(f"https://{web.host}") as wire, within(SHORT), pytest.raises(ReadTimeoutError):
            get(wire)
        assert web.connections <= 1
        assert pauses == []


class Odd:
    """A server that reads nothing. To whoever connects it says `said`, then zeros, byte by byte, for longer."""

    def __init__(self, said: bytes) -> None:
        self.connections = 0
        self._said = said
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._over.is_set():
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.sendall(self._said)
            while True:
                if self._over.wait(0.01):
                    return
                if self._said:
                    connection.sendall(b"\0")


def test_a_handshake_that_trickles(pauses: list[float]) -> None:
    """The head of a record of TLS, and what is in it bit by bit."""
    with contextlib.closing(Odd(b"\x16\x03\x03\x40\x00")) as server:
        with client(f"https://{server.host}") as wire, within(SHORT), pytest.raises(ReadTimeoutError):
            get(wire)
        assert server.connections <= 1
        assert pauses == []


def test_a_request_that_is_not_taken(pauses: list[float]) -> None:
    """More than what is on the way can hold, which takes its time to sign."""
    with contextlib.closing(Odd(b"")) as server, client(f"http://{server.host}") as wire:
        with within(SHORT * 3), pytest.raises(ReadTimeoutError):
            wire.call("PutItem", {"Item": "x" * 8_000_000})
        assert server.connections <= 1
        assert pauses == []


# --- again and again

FOR_EVER = {
    "500": refused("InternalServerError", 500),
    "throttled": refused("ThrottlingException"),
    "cut": Told(fault="cut"),
    "half": Told(fault="half"),
    "silence": Told(fault="silence"),
    "flipped": Told(fault="flipped"),
    "skewed, by another time each time": Told(400, {"__type": "x#RequestExpired"}),
}


@pytest.mark.parametrize("case", FOR_EVER)
def test_no_try_is_begun_that_would_be_too_late(case: str, pauses: list[float]) -> None:
    """However many are allowed. The pauses double: six of them are 6.3 s, and the next would be of 6.4 s."""
    dates = iter(range(1, 10))

    def answer(_: Asked) -> Told:
        there = FOR_EVER[case]
        if there.status == 400 and "Expired" in str(there.content):
            return Told(400, there.content, {"date": f"0{next(dates)} Nov 2026 00:00:00 GMT"})
        return there

    with serving() as aws, client(aws.url, store_attempts=20, store_read_timeout=0.05) as wire:
        aws.answer = answer
        with within(9.5), pytest.raises(ReadTimeoutError):
            get(wire)
        assert len(aws.asked) == 7
        assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2])


def test_what_would_not_be_repeated_is_told_as_ever(pauses: list[float]) -> None:
    """The time is no excuse for what the service did say."""
    with serving() as aws, client(aws.url, store_attempts=1) as wire, within(9.5):
        aws.script = [refused("ThrottlingException")]
        with pytest.raises(Exception, match="ThrottlingException"):
            get(wire)
    assert pauses == []


@pytest.mark.security("F24")
@pytest.mark.parametrize("case", [case for case in FOR_EVER if "skewed" not in case])
def test_botocore_begins_no_try_that_would_be_too_late(case: str) -> None:
    """However many are allowed; its pauses are its own."""
    with serving() as aws, client(aws.url, "botocore", store_attempts=20, store_read_timeout=0.05) as made:
        aws.answer = lambda _: FOR_EVER[case]
        with within(SHORT), pytest.raises(ReadTimeoutError):
            get(made)
        asked = len(aws.asked)
        time.sleep(SHORT)
        assert 0 < len(aws.asked) == asked < 20


# --- all calls of a request


@pytest.mark.security("F24")
@both
def test_calls_share_the_time(pauses: list[float], transport: Transport) -> None:
    """What one takes the next has no more; where nothing is left, nothing is asked, and the connection is kept."""
    with serving() as aws, client(aws.url, transport) as wire:
        with within(9.5):
            for _ in range(3):
                get(wire)
                pauses.append(3)
            for _ in range(2):
                pauses.append(1)
                with pytest.raises(ReadTimeoutError):
                    get(wire)
            assert len(aws.asked) == 3
        assert get(wire) == {}
        assert [asked.connection for asked in aws.asked] == [1] * 4


def test_the_next_request_has_its_own_time() -> None:
    """A connection does not keep the time-out of the request before."""
    with serving() as aws, client(aws.url) as wire:
        with within(SHORT):
            get(wire)

        def late(_: Asked) -> Told:
            aws.over.wait(SHORT * 1.5)
            return OK

        aws.answer = late
        assert get(wire) == {}
        with within(SHORT * 10):
            assert get(wire) == {}
        assert [asked.connection for asked in aws.asked] == [1, 1, 1]


def test_who_is_on_another_thread_is_another_request() -> None:
    """As on the local server."""
    told: list[float] = []
    with within(SHORT):
        beside = threading.Thread(target=lambda: told.append(deadline.until()))
        beside.start()
        beside.join()
        assert deadline.until() < time.monotonic() + SHORT
    assert told == [float("inf")]
    assert deadline.until() == float("inf")
