"""The log line of a request, structured and without secrets, and its CloudWatch metrics.

How to read both, and what the metrics cost: docs/operations.md.
"""

import json
import logging
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger

from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel.errors import REUSED, LingpaiError
from lingpai.kernel.meter import Meter

if TYPE_CHECKING:
    from lingpai.clients.model import Client


def make_logger() -> Logger:
    """Powertools' logger, whose level LOG_LEVEL names (or POWERTOOLS_LOG_LEVEL, AWS_LAMBDA_LOG_LEVEL).

    Keys are given with each line, because those that are appended to the logger are seen by all threads.
    """
    named = os.environ.get("POWERTOOLS_LOG_LEVEL") or os.environ.get("LOG_LEVEL") or "INFO"
    is_known = named.upper() in logging.getLevelNamesMapping()
    return Logger(
        service=os.environ.get("POWERTOOLS_SERVICE_NAME", "lingpai"),
        # A wrong name must not stop the service; None lets Powertools read the variables.
        level=None if is_known else "INFO",
        json_serializer=_serialize,
        use_rfc3339=True,
        utc=True,
        # The place in the code is the same for all lines of a kind.
        location=None,
    )


def _serialize(line: Mapping[str, Any]) -> str:
    """The line as JSON. A lone surrogate, which no stream can write, is escaped."""
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "backslashreplace").decode()


logger = make_logger()


def log_request(request: Request, reply: Reply, seconds: float) -> None:
    """Log a request that took `seconds`: as an error for a 5xx, as a warning where the refusal has a detail."""
    error = reply.error
    log = logger.info
    if reply.status >= 500:
        log = logger.error
    elif error is not None and error.detail is not None:
        # A refresh token was used twice: somebody may have stolen it.
        log = logger.warning
    line: dict[str, Any] = {
        "correlation_id": request.id,
        "method": request.method,
        "path": request.path,
        "status": reply.status,
        "ms": int(seconds * 10_000) / 10,
        # Powertools leaves out what is None.
        "client_id": reply.client_id,
        "grant": reply.grant,
        "dialect": reply.dialect,
    }
    if error is not None:
        line |= {"error": error.code, "reason": error.reason, "detail": error.detail}
        if error.__cause__ is not None:
            line["cause"] = type(error.__cause__).__name__
    log("request", extra=line)


def log_exception(request: Request, error: Exception) -> None:
    """Log an unexpected exception: its type and place, but not its text, which may quote what the client sent."""
    line = {"correlation_id": request.id, "path": request.path, **_place(error)}
    logger.error("unexpected", extra=line)


def log_priming(statuses: Mapping[str, int], seconds: float) -> None:
    """Log that a function is ready for its snapshot: the status of each route's answer, by path."""
    log = logger.error if max(statuses.values()) >= 500 else logger.info
    log("primed", extra={"statuses": statuses, "ms": int(seconds * 10_000) / 10})


def log_priming_failure(error: Exception) -> None:
    """Log that a function goes into its snapshot unprepared."""
    logger.error("priming failed", extra=_place(error))


def _place(error: Exception) -> dict[str, object]:
    """The type of an exception, and where it was raised."""
    frames = [f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    return {"type": type(error).__name__, "frames": frames[-12:]}


def log_malformed_event(error: Exception) -> None:
    """Log an event that is no request. The error's text quotes nothing of it."""
    logger.warning("malformed event", extra={"detail": str(error)})


def log_key_maintenance(done: Mapping[str, object]) -> None:
    """Log what was done to the signing keys."""
    logger.info("keys", extra={"keys": done})


def log_check_failure(check: str, error: Exception) -> None:
    """Log a check of the deployment's health that ended unexpectedly."""
    logger.error("check failed", extra={"check": check, **_place(error)})


def log_event_failure(sequence_number: str, error: Exception) -> None:
    """Log a record of a stream that could not be read, without anything of it."""
    logger.error("event unread", extra={"sequence_number": sequence_number, **_place(error)})


def log_events_unkept(count: int, error: LingpaiError) -> None:
    """Log that so many events could not be kept or sent, and why."""
    logger.error("events unkept", extra={"count": count, "reason": error.reason, "detail": error.detail})


def log_publish_failure(count: int, error: Exception) -> None:
    """Log that so many events could not be kept or sent, by an error that nobody has thought of."""
    # Of an error of AWS the code says more than the type.
    code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    logger.error("events unkept", extra={"count": count, "reason": code, **_place(error)})


def log_delivery(event_id: str, message_id: str, count: int, state: str, detail: str) -> None:
    """Log a try to deliver an event: the how many-th it was, and how it ended. The address may be a secret."""
    log = logger.info if state == "done" else logger.warning
    log("delivery", extra={"event": event_id, "message_id": message_id, "try": count, "state": state, "detail": detail})


def log_deletions(accounts: int, *, more: bool) -> None:
    """Log how many accounts were deleted whose time was over, and whether some are left."""
    logger.info("deletions", extra={"accounts": accounts, "more": more})


@contextmanager
def log_client(client: "Client") -> Iterator[None]:
    """Name the client in the line of a request that is refused within the block."""
    try:
        yield
    except LingpaiError as error:
        error.client_id = client.id
        raise


def record_metrics(meter: Meter, reply: Reply) -> None:
    """Count what the answer issued or refused, and write all that the request counted."""
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
