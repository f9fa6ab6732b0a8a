"""The line of a request: what Powertools' logger would write, without it."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lingpai.errors import LingpaiError, unavailable
from lingpai.web import observability
from lingpai.web.reply import Reply
from lingpai.web.request import Request
from tests.support.logs import Output

REQUEST = Request("POST", "/oauth/token", {}, "", "", False, "192.0.2.1", "a-request", "https://gate.example")
REPLY = Reply(200).about("web-client", "password", "spring")

type Read = Callable[[], list[Any]]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Read]:
    """Gives the lines since it was last asked. What a process keeps of its environment is forgotten."""
    kept = (observability.logger, observability._service, observability._least)

    def forget() -> None:
        for once in kept:
            once.cache_clear()

    for name in ("POWERTOOLS_LOG_LEVEL", "LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL", "_X_AMZN_TRACE_ID"):
        monkeypatch.delenv(name, raising=False)
    forget()
    # Powertools' logger writes to where standard output was when it was made.
    monkeypatch.setattr(observability.logger().registered_handler, "stream", Output())
    forget()
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    forget()


def test_it_looks_like_a_line_of_the_logger(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the place in the code, which is the same for all."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    before = datetime.now(UTC)
    observability.answered(REQUEST, REPLY, 0.0123)
    (line,) = read()
    told = {"correlation_id": "a-request", "method": "POST", "path": "/oauth/token", "status": 200, "ms": 12.3}
    told |= {"client_id": "web-client", "grant": "password", "dialect": "spring"}
    observability.logger().info("request", extra=told)
    (powertools,) = read()
    del powertools["location"]
    assert list(line) == list(powertools)
    assert line | {"timestamp": ""} == powertools | {"timestamp": ""}
    assert line["xray_trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    at, its = (datetime.fromisoformat(one["timestamp"]) for one in (line, powertools))
    assert len(line["timestamp"]) == len(powertools["timestamp"])
    assert before.timestamp() - 0.001 <= at.timestamp() <= its.timestamp()


@pytest.mark.parametrize(
    ("environment", "written"),
    [
        ({}, ["INFO", "WARNING", "ERROR"]),
        ({"LOG_LEVEL": "DEBUG"}, ["INFO", "WARNING", "ERROR"]),
        ({"LOG_LEVEL": "warning"}, ["WARNING", "ERROR"]),
        ({"LOG_LEVEL": "ERROR"}, ["ERROR"]),
        ({"LOG_LEVEL": "CRITICAL"}, []),
        ({"LOG_LEVEL": "INFO", "POWERTOOLS_LOG_LEVEL": "ERROR"}, ["ERROR"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "WARN"}, ["WARNING", "ERROR"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "FATAL"}, []),
        ({"AWS_LAMBDA_LOG_LEVEL": "TRACE"}, ["INFO", "WARNING", "ERROR"]),
        ({"LOG_LEVEL": "chatty"}, ["INFO", "WARNING", "ERROR"]),
    ],
    ids=str,
)
def test_the_level_chooses(
    read: Read, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], written: list[str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    refusal = LingpaiError("invalid_grant", 400, "bad_refresh_token", detail="refresh_token_reused")
    observability.answered(REQUEST, REPLY, 0.001)
    observability.answered(REQUEST, Reply(400).about(error=refusal), 0.001)
    observability.answered(REQUEST, Reply(503).about(error=unavailable()), 0.001)
    assert [line["level"] for line in read()] == written


@pytest.mark.parametrize("fraction", [0, 0.0004, 0.5, 0.9999])
def test_the_time_is_that_of_the_line_in_milliseconds(
    read: Read, monkeypatch: pytest.MonkeyPatch, fraction: float
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000 + fraction)
    observability.answered(REQUEST, REPLY, 0.001)
    assert read()[0]["timestamp"] == f"2023-11-14T22:13:20.{int(fraction * 1000):03}+00:00"


def test_half_a_character_does_not_cost_the_line(read: Read) -> None:
    """An event is JSON, which can hold what no stream can write."""
    odd = Request("POST", "/oauth/\ud83d", {}, "", "", False, "192.0.2.1", "a-request", "https://gate.example")
    observability.answered(odd, REPLY, 0.001)
    try:
        raise ValueError("secret")
    except ValueError as error:
        observability.broken(odd, error)
    request, unexpected = read()
    assert request["path"] == unexpected["path"] == "/oauth/\ud83d"
    assert "secret" not in str(unexpected)


def test_what_json_has_no_form_for_does_not_cost_the_line(read: Read) -> None:
    refusal = LingpaiError("server_error", 500, "unexpected", detail=OSError("no text"))  # type: ignore[arg-type]
    observability.answered(REQUEST, Reply(500).about(error=refusal), 0.001)
    assert read()[0]["detail"] == "no text"


def test_a_level_that_nobody_knows_stops_no_line_of_the_keys(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request's line forgives, Powertools' must, too."""
    monkeypatch.setenv("LOG_LEVEL", "chatty")
    observability.logger.cache_clear()
    observability._least.cache_clear()
    monkeypatch.setattr(observability.logger().registered_handler, "stream", Output())
    observability.tended({"made": ["a-key"]})
    assert [(line["level"], line["keys"]) for line in read()] == [("INFO", {"made": ["a-key"]})]


def test_a_line_comes_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []

    class Output(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    monkeypatch.setattr("sys.stdout", Output())
    observability.write("a line")
    assert pieces == ["a line\n"]
