"""One structured line for each request: what was asked and how it ended, and nothing secret. And what is counted of it.

How to read both, and what the metrics cost: docs/operations.md.
"""

import functools
import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from lingpai.errors import LingpaiError
from lingpai.model import Client
from lingpai.ports import Meter
from lingpai.sessions import REUSED
from lingpai.web.reply import Reply
from lingpai.web.request import Request

if TYPE_CHECKING:
    from aws_lambda_powertools.logging import Logger

# By Python's names, and Lambda's.
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "WARN": 30, "ERROR": 40, "CRITICAL": 50, "FATAL": 50}


@functools.cache
def logger() -> "Logger":
    """The process's logger, for what no request brings about. Service and level are Powertools' settings.

    It is imported when first needed: a start without it is shorter (docs/performance.md).
    """
    from aws_lambda_powertools.logging import Logger

    return Logger(service=_service(), level=_least(), use_rfc3339=True, utc=True)


def write(line: str) -> None:
    """Print the line, in one piece: those of two threads must not run into each other."""
    sys.stdout.write(line + "\n")


def _text(line: dict[str, Any]) -> str:
    try:
        return orjson.dumps(line).decode()
    except TypeError:
        # Half a character, which no stream can write, must not cost the line.
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "backslashreplace").decode()


def _begun(level: str, message: str) -> dict[str, Any]:
    """The keys that a line begins with."""
    now = time.time()
    return {
        "level": level,
        "message": message,
        "timestamp": f"{_second(int(now))}.{int(now % 1 * 1000):03}+00:00",
        "service": _service(),
    }


@functools.lru_cache(maxsize=1)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))


@functools.cache
def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", "lingpai")


@functools.cache
def _least() -> int:
    names = ("POWERTOOLS_LOG_LEVEL", "LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL")
    named = next((os.environ[name] for name in names if os.environ.get(name)), "INFO")
    return _LEVELS.get(named.upper(), _LEVELS["INFO"])


def answered(request: Request, reply: Reply, seconds: float) -> None:
    """Log an answer: as an error where the fault is ours, as a warning where there is a detail to look into.

    `seconds` is how long it took. The line is what Powertools' logger would write, under the same LOG_LEVEL (or
    POWERTOOLS_LOG_LEVEL), but is written at once: by way of the logger it takes several times as long.
    """
    error = reply.error
    level = "INFO"
    if reply.status >= 500:
        level = "ERROR"
    elif error is not None and error.detail is not None:
        # A refresh token came back: somebody holds a stolen one.
        level = "WARNING"
    if _LEVELS[level] < _least():
        return
    line = {
        **_begun(level, "request"),
        "correlation_id": request.id,
        "method": request.method,
        "path": request.path,
        "status": reply.status,
        "ms": int(seconds * 10_000) / 10,
    }
    if reply.client_id:
        line["client_id"] = reply.client_id
    if reply.grant:
        line["grant"] = reply.grant
    if reply.dialect:
        line["dialect"] = reply.dialect
    if error is not None:
        line |= {"error": error.code, "reason": error.reason}
        if error.detail is not None:
            line["detail"] = error.detail
        if error.__cause__ is not None:
            line["cause"] = type(error.__cause__).__name__
    if trace := os.environ.get("_X_AMZN_TRACE_ID"):
        line["xray_trace_id"] = trace.partition(";")[0].removeprefix("Root=")
    write(_text(line))


def tended(kept: Mapping[str, object]) -> None:
    """Log what was done to the keys that sign."""
    logger().info("keys", extra={"keys": kept})


def counted(meter: Meter, reply: Reply) -> None:
    """Count what the answer gave or refused, and write that down with what else the request counted."""
    error = reply.error
    if error is None:
        if reply.grant and reply.dialect:
            meter.count("TokensIssued", grant=reply.grant, dialect=reply.dialect)
    else:
        meter.count("Refused", reason=error.reason)
        if error.status == 429:
            meter.count("Throttled")
        if error.reason == "store_unavailable":
            meter.count("StoreErrors")
        if error.detail == REUSED:
            meter.count("RefreshReuse")
    meter.flush()


class asked_by:  # noqa: N801  read as a function
    """A refusal within the block is logged with the client."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, LingpaiError):
            error.client_id = self._client.id


def malformed(error: Exception) -> None:
    """Log an event that is no request; the error's text quotes nothing of it."""
    write(_text({**_begun("WARNING", "malformed event"), "detail": str(error)}))


def broken(request: Request, error: Exception) -> None:
    """Log an exception that nobody foresaw: its type and place, but not its text, which may quote the client."""
    frames = [f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    told = {"correlation_id": request.id, "path": request.path, "type": type(error).__name__, "frames": frames[-12:]}
    write(_text({**_begun("ERROR", "unexpected"), **told}))
