"""The lines of a request: the fields, the level, the time, and what must not cost a line."""

import io
import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lingpai.http import observability
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError, unavailable
from tests.support.logs import Output

REQUEST = Request("POST", "/oauth/token", {}, "", "", False, "192.0.2.1", "a-request", "https://gate.example")
REPLY = Reply(200).about("web-client", "password", "spring")

type Read = Callable[[], list[Any]]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Read:
    """Gives the lines since it was last asked, of a logger that reads the environment again."""
    for name in ("POWERTOOLS_LOG_LEVEL", "LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL", "_X_AMZN_TRACE_ID"):
        monkeypatch.delenv(name, raising=False)
    start(monkeypatch)
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the logger as a new process would. Powertools keeps the one that `logging` knows by the service's name."""
    monkeypatch.delitem(logging.Logger.manager.loggerDict, "lingpai")
    made = observability.make_logger()
    monkeypatch.setattr(made.registered_handler, "stream", Output())
    monkeypatch.setattr(observability, "logger", made)


def test_it_has_the_fields_of_powertools_and_of_the_request(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    before = datetime.now(UTC)
    observability.log_request(REQUEST, REPLY, 0.0123)
    (line,) = read()
    assert list(line.items()) == [
        ("level", "INFO"),
        ("message", "request"),
        ("timestamp", line["timestamp"]),
        ("service", "lingpai"),
        ("correlation_id", "a-request"),
        ("method", "POST"),
        ("path", "/oauth/token"),
        ("status", 200),
        ("ms", 12.3),
        ("client_id", "web-client"),
        ("grant", "password"),
        ("dialect", "spring"),
        ("xray_trace_id", "1-5759e988-bd862e3fe1be46a994272793"),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["timestamp"])
    at = datetime.fromisoformat(line["timestamp"])
    assert before.timestamp() - 0.001 <= at.timestamp() <= datetime.now(UTC).timestamp()


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
    # By TRACE Powertools leaves it to the root logger, which Lambda's runtime has by then told all to.
    monkeypatch.setattr(logging.root, "level", logging.DEBUG)
    start(monkeypatch)
    refusal = LingpaiError("invalid_grant", 400, "bad_refresh_token", detail="refresh_token_reused")
    observability.log_request(REQUEST, REPLY, 0.001)
    observability.log_request(REQUEST, Reply(400).about(error=refusal), 0.001)
    observability.log_request(REQUEST, Reply(503).about(error=unavailable()), 0.001)
    assert [line["level"] for line in read()] == written


@pytest.mark.parametrize("fraction", [0, 0.0004, 0.5, 0.9999])
def test_the_time_is_that_of_the_line_in_milliseconds(
    read: Read, monkeypatch: pytest.MonkeyPatch, fraction: float
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_000_000_000 + int(fraction * 1e9))
    observability.log_request(REQUEST, REPLY, 0.001)
    assert read()[0]["timestamp"] == f"2023-11-14T22:13:20.{int(fraction * 1000):03}+00:00"


def test_half_a_character_does_not_cost_the_line(read: Read) -> None:
    """An event is JSON, which can hold what no stream can write."""
    odd = Request("POST", "/oauth/\ud83d", {}, "", "", False, "192.0.2.1", "a-request", "https://gate.example")
    observability.log_request(odd, REPLY, 0.001)
    try:
        raise ValueError("secret")
    except ValueError as error:
        observability.log_exception(odd, error)
    request, unexpected = read()
    assert request["path"] == unexpected["path"] == "/oauth/\ud83d"
    assert "secret" not in str(unexpected)


def test_what_json_has_no_form_for_does_not_cost_the_line(read: Read) -> None:
    refusal = LingpaiError("server_error", 500, "unexpected", detail=OSError("no text"))  # type: ignore[arg-type]
    observability.log_request(REQUEST, Reply(500).about(error=refusal), 0.001)
    assert read()[0]["detail"] == "no text"


def test_a_level_that_nobody_knows_stops_no_line_of_the_keys(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "chatty")
    start(monkeypatch)
    observability.log_key_maintenance({"made": ["a-key"]})
    assert [(line["level"], line["keys"]) for line in read()] == [("INFO", {"made": ["a-key"]})]


def test_a_line_comes_in_one_piece(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []

    class Kept(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    monkeypatch.setattr(observability.logger.registered_handler, "stream", Kept())
    observability.log_request(REQUEST, REPLY, 0.001)
    (piece,) = pieces
    assert json.loads(piece)["message"] == "request"
    assert piece.endswith("}\n")


def test_lines_of_threads_have_their_own_fields(read: Read) -> None:
    """No field of one request stands in the line of another that is answered at the same time."""
    together = threading.Barrier(8)

    def answer(number: int) -> None:
        request = replace(REQUEST, id=f"request-{number}", path=f"/{number}")
        reply = Reply(200).about(f"client-{number}") if number % 2 else Reply(200)
        together.wait()
        for _ in range(50):
            observability.log_request(request, reply, 0.001)

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = Counter((line["correlation_id"], line["path"], line.get("client_id")) for line in read())
    assert told == {(f"request-{n}", f"/{n}", f"client-{n}" if n % 2 else None): 50 for n in range(8)}
