"""Requests over HTTP: timeouts, what may be sent again and when, and errors that name the cause.

In: a request, and what harm a second one like it could do. Out: an answer of any status, or a TransportError.
"""

import asyncio
import base64
import email.utils
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import httpx

from lingpai_sdk.errors import ConnectionFailed, Timeout, TransportError

if TYPE_CHECKING:
    from lingpai_sdk.dpop import DPoPKey

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
    `dpop_key`: the key of its proof, if it has one; `bearer` is then sent by the scheme DPoP (RFC 9449).
    """

    method: str
    path: str
    repeat: Repeat
    form: Mapping[str, str | list[str]] | None = field(default=None, repr=False)
    json: Mapping[str, str] | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    within: float | None = None
    dpop_key: "DPoPKey | None" = field(default=None, repr=False)

    @property
    def basic_text(self) -> str:
        """`basic` as the header Authorization has it (RFC 7617 section 2); empty without it."""
        return base64.b64encode(":".join(self.basic).encode()).decode() if self.basic else ""


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
class Settings:
    """How to send requests: to which address, with which headers, how long to wait, and how often to repeat.

    `timeout` None leaves that of the httpx client.
    """

    base_url: str
    headers: Mapping[str, str]
    timeout: httpx.Timeout | None
    retries: int

    def arguments(self, request: Request, timeout: httpx.Timeout) -> dict[str, Any]:
        """The arguments of `httpx.Client.request`; `timeout` is that of the httpx client."""
        headers = dict(self.headers)
        if request.basic:
            headers["Authorization"] = f"Basic {request.basic_text}"
        elif request.bearer is not None:
            headers["Authorization"] = f"Bearer {request.bearer}"
        return {
            "method": request.method,
            "url": self.base_url + request.path,
            "data": request.form,
            "json": request.json,
            "headers": headers,
            "auth": None if request.dpop_key is None else request.dpop_key.auth(request.bearer),
            "follow_redirects": False,  # what is sent here is meant for nobody else
            "timeout": timeout if self.timeout is None else self.timeout,
        }

    def failed(self, request: Request, error: httpx.RequestError) -> TransportError:
        """The error, named. Raise it outside of `except`: httpx's error keeps the request, which holds secrets."""
        return _named(error, f"{request.method} {self.base_url}{request.path}")


class Attempts:
    """The attempts at one request: whether there is one more, and when."""

    def __init__(self, request: Request, retries: int) -> None:
        self._request = request
        self._retries = retries
        self._repeats = 0
        self._first_sent: float | None = None
        self._started = 0.0

    def begin(self) -> None:
        """The request is about to be sent."""
        self._started = time.monotonic()

    def pause(self, outcome: Answer | TransportError) -> float | None:
        """The seconds after which to send the request again; None if this outcome stands."""
        if self._first_sent is None and (isinstance(outcome, Answer) or outcome.sent):
            self._first_sent = self._started
        request = self._request
        pause = _pause(request, outcome, self._repeats) if self._repeats < self._retries else None
        if pause is None or self._is_too_late(pause):
            return None
        self._repeats += 1
        why = f"HTTP {outcome.status}" if isinstance(outcome, Answer) else str(outcome)
        _log.info("%s %s: %s; attempt %d in %.1f s", request.method, request.path, why, self._repeats + 1, pause)
        return pause

    def _is_too_late(self, pause: float) -> bool:
        if self._first_sent is None or self._request.within is None:
            return False
        return time.monotonic() + pause - self._first_sent > self._request.within

    def result(self, outcome: Answer | TransportError) -> Answer:
        """The answer; TransportError where there was none."""
        if isinstance(outcome, TransportError):
            # The last attempt may never have left, but one before it did.
            outcome.sent = outcome.sent or self._first_sent is not None
            raise outcome
        return outcome


@dataclass(frozen=True)
class Transport:
    """Sends requests to one server. Threads may share it as they may the httpx client."""

    client: httpx.Client
    settings: Settings

    def send(self, request: Request) -> Answer:
        """The answer, of whatever status; TransportError where there was none."""
        attempts = Attempts(request, self.settings.retries)
        while True:
            attempts.begin()
            outcome = self._once(request)
            pause = attempts.pause(outcome)
            if pause is None:
                return attempts.result(outcome)
            time.sleep(pause)

    def _once(self, request: Request) -> Answer | TransportError:
        asked_at = datetime.now(timezone.utc)
        try:
            response = self.client.request(**self.settings.arguments(request, self.client.timeout))
        except httpx.RequestError as error:
            return self.settings.failed(request, error)
        return Answer(response.status_code, response.headers, response.content, asked_at, request)


@dataclass(frozen=True)
class AsyncTransport:
    """As `Transport`, for asyncio."""

    client: httpx.AsyncClient
    settings: Settings

    async def send(self, request: Request) -> Answer:
        """As `Transport.send`."""
        attempts = Attempts(request, self.settings.retries)
        while True:
            attempts.begin()
            outcome = await self._once(request)
            pause = attempts.pause(outcome)
            if pause is None:
                return attempts.result(outcome)
            await asyncio.sleep(pause)

    async def _once(self, request: Request) -> Answer | TransportError:
        asked_at = datetime.now(timezone.utc)
        try:
            response = await self.client.request(**self.settings.arguments(request, self.client.timeout))
        except httpx.RequestError as error:
            return self.settings.failed(request, error)
        return Answer(response.status_code, response.headers, response.content, asked_at, request)


def _pause(request: Request, outcome: Answer | TransportError, repeats: int) -> float | None:
    """The seconds until the request may be sent again, after so many repeats; None if it may not."""
    # Between half and all of it, so that many clients do not come back at once.
    pause = FIRST_PAUSE * (1 << repeats) * random.uniform(0.5, 1)  # noqa: S311  no secret
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
