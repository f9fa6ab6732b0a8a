"""One structured line for each request: what was asked and how it ended, and nothing secret. And what is counted of it.

How to read both, and what the metrics cost: docs/operations.md.
"""

import functools
import json
import logging
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from lingpai.errors import LingpaiError
from lingpai.model import Client
from lingpai.ports import Meter
from lingpai.sessions import REUSED
from lingpai.web.reply import Reply
from lingpai.web.request import Request


class _Formatter(LambdaPowertoolsFormatter):
    """Powertools' lines, for records that bring all their keys in `told`.

    Its own way is to look for them among everything that a record has, which takes as long as the rest of the line.
    """

    _encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON."""
        told: dict[str, Any] | None = getattr(record, "told", None)
        if told is None:
            return super().format(record)
        line = {"level": record.levelname, "message": record.msg, "timestamp": self.formatTime(record)}
        line |= {"service": _service(), **told}
        trace = self._get_latest_trace_id()
        text = self._encode(line if trace is None else {**line, "xray_trace_id": trace})
        # Half a character, which no stream can write, must not cost the line.
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


@functools.cache
def logger() -> Logger:
    """The process's logger: service and level are Powertools' settings (POWERTOOLS_SERVICE_NAME, LOG_LEVEL)."""
    return Logger(service=_service(), logger_formatter=_Formatter(use_rfc3339=True, utc=True))


@functools.cache
def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", "lingpai")


def answered(request: Request, reply: Reply, seconds: float) -> None:
    """Log an answer: as an error where the fault is ours, as a warning where there is a detail to look into.

    `seconds` is how long it took.
    """
    line: dict[str, Any] = {
        "correlation_id": request.id,
        "method": request.method,
        "path": request.path,
        "status": reply.status,
        "ms": round(seconds * 1000, 1),
    }
    known = {"client_id": reply.client_id, "grant": reply.grant, "dialect": reply.dialect}
    line |= {name: value for name, value in known.items() if value}
    error = reply.error
    if error is not None:
        line |= {"error": error.code, "reason": error.reason}
        if error.detail is not None:
            line["detail"] = error.detail
        if error.__cause__ is not None:
            line["cause"] = type(error.__cause__).__name__
    if reply.status >= 500:
        logger().error("request", extra={"told": line})
    elif error is not None and error.detail is not None:
        # A refresh token came back: somebody holds a stolen one.
        logger().warning("request", extra={"told": line})
    else:
        logger().info("request", extra={"told": line})


def tended(kept: Mapping[str, object]) -> None:
    """Log what was done to the keys that sign."""
    logger().info("keys", extra={"told": {"keys": kept}})


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


@contextmanager
def asked_by(client: Client) -> Iterator[None]:
    """A refusal within the block is logged with the client."""
    try:
        yield
    except LingpaiError as error:
        error.client_id = client.id
        raise


def broken(request: Request, error: Exception) -> None:
    """Log an exception that nobody foresaw: its type and place, but not its text, which may quote the client."""
    frames = [f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    logger().error(
        "unexpected",
        extra={
            "told": {
                "correlation_id": request.id,
                "path": request.path,
                "type": type(error).__name__,
                "frames": frames[-12:],
            }
        },
    )
