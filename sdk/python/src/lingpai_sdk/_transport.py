"""Requests over HTTP: timeouts, what may be sent again and when, and errors that name the cause.

In: a request, and what harm a second one like it could do. Out: an answer of any status, or a TransportError.
"""

import email.utils
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum, auto

import httpx

from lingpai_sdk.errors import ConnectionFailed, Timeout, TransportError

# Seconds before the second attempt, doubled for each one more. A longer wait than the last is left to the caller.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0

# Of httpx's errors the first that fits: what it is here, in words, and whether the request may have been sent.
_FAULTS: tuple[tuple[type[httpx.RequestError], type[TransportError], str, bool], ...] = (
    (httpx.ConnectTimeout, Timeout, "no connection in time", False),
    (httpx.PoolTimeout, Timeout, "all connections were busy for too long", False),
    (httpx.WriteTimeout, Timeout, "could not be sent in time", True),
    (httpx.TimeoutException, Timeout, "no answer in time", True),
    (httpx.ConnectError, ConnectionFailed, "no connection", False),
)

_log = logging.getLogger("lingpai_sdk")


class Repeat(Enum):
    """When a request that brought no success may be sent again."""

    UNSENT = auto()
    """Only if it never left: once sent, it may have used something up that works once."""
    REFUSED = auto()
    """Also after a 503 that says when to come back."""
    ANY = auto()
    """Also when the answer was lost: two of them do what one does."""


@dataclass(frozen=True)
class Request:
    """A request. `form` and `json` are the body (one of them); `basic` and `bearer` the credentials (one of them).

    `within`: for how many seconds after it was first sent it may be sent again; None for no such limit.
    """

    method: str
    path: str
    repeat: Repeat
    form: Mapping[str, str] | None = field(default=None, repr=False)
    json: Mapping[str, str] | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    within: float | None = None


@dataclass(frozen=True)
class Answer:
    """An answer. `asked_at` is when the request that it answers was sent; `request` that request."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    asked_at: datetime
    request: Request

    @property
    def retry_after(self) -> float | None:
        """The seconds of Retry-After (RFC 9110 section 10.2.3: seconds or a date), None without a readable one."""
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit():
            return float(said[:9])
        try:
            at = email.utils.parsedate_to_datetime(said)
        except (ValueError, OverflowError):
            return None
        if at.tzinfo is None:
            return None
        return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())


@dataclass(frozen=True)
class Transport:
    """Sends requests to one server. Threads may share it as they may the httpx client, whose `timeout` None leaves."""

    client: httpx.Client
    base_url: str
    headers: Mapping[str, str]
    timeout: httpx.Timeout | None
    retries: int

    def send(self, request: Request) -> Answer:
        """The answer, of whatever status; TransportError where there was none."""
        first_sent: float | None = None
        attempt = 0
        while True:
            started = time.monotonic()
            outcome = self._once(request)
            if first_sent is None and (isinstance(outcome, Answer) or outcome.sent):
                first_sent = started
            pause = self._pause(request, outcome, attempt)
            if pause is not None and first_sent is not None and request.within is not None:
                late = time.monotonic() + pause - first_sent > request.within
                pause = None if late else pause
            if pause is None:
                break
            attempt += 1
            why = f"HTTP {outcome.status}" if isinstance(outcome, Answer) else str(outcome)
            _log.info("%s %s: %s; attempt %d in %.1f s", request.method, request.path, why, attempt + 1, pause)
            time.sleep(pause)
        if isinstance(outcome, TransportError):
            if first_sent is not None and not outcome.sent:
                # The last attempt never left, but one before it did.
                outcome.sent = True
            raise outcome
        return outcome

    def _once(self, request: Request) -> Answer | TransportError:
        bearer = {} if request.bearer is None else {"Authorization": f"Bearer {request.bearer}"}
        asked_at = datetime.now(timezone.utc)
        try:
            response = self.client.request(
                request.method,
                self.base_url + request.path,
                data=request.form,
                json=request.json,
                headers={**self.headers, **bearer},
                auth=httpx.BasicAuth(*request.basic) if request.basic else None,
                follow_redirects=False,  # what is sent here is meant for nobody else
                timeout=self.client.timeout if self.timeout is None else self.timeout,
            )
        except httpx.RequestError as error:
            # Returned, and so raised outside of here: httpx's error keeps the request, which holds secrets.
            return _named(error, f"{request.method} {self.base_url}{request.path}")
        return Answer(response.status_code, response.headers, response.content, asked_at, request)

    def _pause(self, request: Request, outcome: Answer | TransportError, attempt: int) -> float | None:
        """The seconds until the next attempt; None for none."""
        if attempt >= self.retries:
            return None
        # Between half and all of it, so that many clients do not come back at once.
        pause = FIRST_PAUSE * (1 << attempt) * random.uniform(0.5, 1)  # noqa: S311  no secret
        if isinstance(outcome, TransportError):
            return pause if not outcome.sent or request.repeat is Repeat.ANY else None
        if outcome.status == 503 and outcome.retry_after is not None:
            if request.repeat is Repeat.UNSENT or outcome.retry_after > LONGEST_PAUSE:
                return None
            return max(pause, outcome.retry_after)
        # A gateway that had no answer: like one that was lost.
        return pause if outcome.status in {502, 503, 504} and request.repeat is Repeat.ANY else None


def _named(error: httpx.RequestError, what: str) -> TransportError:
    for kind, named, text, sent in _FAULTS:
        if isinstance(error, kind):
            return named(f"{what}: {text}" + (f": {error}" if kind is httpx.ConnectError else ""), sent=sent)
    # Of these the kind is named alone: some of httpx's texts quote what was sent.
    return ConnectionFailed(f"{what}: no whole answer: {type(error).__name__}", sent=True)
