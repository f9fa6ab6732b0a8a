"""A client for AWS's JSON services: signed requests over kept connections, with retries (decision 10).

It does as much of botocore's client as Lingpai uses: credentials that expire, time-outs, retries with jitter under a
quota, DynamoDB's checksums, correction of clock skew. It raises botocore's errors.

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import math
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from botocore import exceptions as errors
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from botocore.retries.quota import RetryQuota

from lingpai import deadline
from lingpai.adapters.aws import json_format
from lingpai.adapters.aws.credentials import Credentials
from lingpai.adapters.aws.json_format import Service, UnreadableError
from lingpai.adapters.aws.signature import signed
from lingpai.adapters.connections import Answer, ConnectionPool, Lost, Unreached

# Errors that a retry may mend; so may whatever has one of these statuses.
_THROTTLED = {
    "BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete", "RequestLimitExceeded",
    "ProvisionedThroughputExceededException", "RequestThrottled", "RequestThrottledException", "RequestTimeout",
    "RequestTimeoutException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
    "TooManyRequestsException", "TransactionInProgressException",
}  # fmt: skip
_STATUSES = {500, 502, 503, 504}
_PASSING = (errors.ConnectionClosedError, errors.EndpointConnectionError, errors.ChecksumError, errors.SSLError)
# Error codes that mean clock skew. The first has other causes, too.
_SKEWED = {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"}
_SKEW_MIN, _SKEW_MAX = 60, 366 * 86400
# What a retry takes out of the quota, as in botocore's standard mode.
_RETRY, _RETRY_AFTER_TIME_OUT = 5, 10
_LARGEST_ANSWER = 32 * 1024 * 1024


@dataclass(frozen=True)
class RetryPolicy:
    """How many tries a call has, and the longest pause before the second, in seconds. It doubles with each try."""

    attempts: int
    pause: float = 0.1


class JsonClient:
    """A client of one service, for any number of threads.

    `credentials` gives the current ones. `now` is the time in Unix seconds.
    """

    def __init__(
        self,
        service: Service,
        region: str,
        pool: ConnectionPool,
        credentials: Callable[[], Credentials],
        retry: RetryPolicy,
        now: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(pool.url)
        self.url = pool.url
        self._service = service
        self._region = region
        self._pool = pool
        self._credentials = credentials
        self._retry = retry
        self._now = now
        self._path = parts.path or "/"
        self._headers = {"host": parts.netloc, "content-type": f"application/x-amz-json-{service.protocol}"}
        self._quota = RetryQuota()
        # Seconds by which the service's clock is ahead of ours.
        self._skew = 0.0

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the service answers; ClientError where it refuses, another BotoCoreError where there is no answer.

        All tries send the same body, so that a repeated transaction has the same token and is done once. All tries and
        pauses end by the request's deadline; a call that runs out of time raises ReadTimeoutError.
        """
        until = deadline.until()
        if operation == "TransactWriteItems":
            arguments = {"ClientRequestToken": uuid4().hex, **arguments}
        body = json_format.write(arguments)
        tries, taken = 0, 0
        while True:
            skew = self._skew
            try:
                answer = self._try(operation, body, until)
            except (ClientError, BotoCoreError) as error:
                tries += 1
                cost = self._cost(error, skew)
                if cost is None or tries >= self._retry.attempts:
                    raise
                pause = random.uniform(0, self._retry.pause * 2 ** (tries - 1))  # noqa: S311  no secret hangs on it
                if time.monotonic() + pause >= until:
                    raise ReadTimeoutError(endpoint_url=self.url, error=error) from error
                if not self._quota.acquire(cost):
                    raise
                taken = cost
                time.sleep(pause)
            else:
                self._quota.release(taken or 1)
                return answer

    def close(self) -> None:
        """Close the idle connections. The next call makes a new one."""
        self._pool.close()

    def exchange(self, target: str, body: bytes, until: float) -> Answer:
        """The answer to one request, tried once; BotoCoreError where there is none by `until` (`time.monotonic`)."""
        headers = {**self._headers, "x-amz-target": target}
        at = self._now() + self._skew
        headers = signed(self._credentials(), self._region, self._service.name, self._path, headers, body, at)
        if until <= time.monotonic():
            raise ReadTimeoutError(endpoint_url=self.url, error="no time is left")
        try:
            return self._pool.post(self._path, headers, body, until, _LARGEST_ANSWER)
        except (Unreached, Lost) as error:
            raise self._named(error) from error

    def _try(self, operation: str, body: bytes, until: float) -> dict[str, Any]:
        answer = self.exchange(f"{self._service.prefix}.{operation}", body, until)
        json_format.check_sum(answer.headers, answer.body)
        content = json_format.read(answer.body, self._service.binary)
        if answer.status != 200:
            raise json_format.refusal(operation, answer.status, answer.headers, content or {})
        if content is None:
            raise UnreadableError(operation=operation)
        return content

    def _named(self, error: Unreached | Lost) -> BotoCoreError:
        """The error as botocore names it."""
        cause = error.__cause__
        kind: type[BotoCoreError] = errors.EndpointConnectionError
        if isinstance(error, Lost):
            kind = ReadTimeoutError if isinstance(cause, TimeoutError) else errors.ConnectionClosedError
        elif isinstance(cause, (TimeoutError, ssl.SSLError)):
            kind = errors.SSLError if isinstance(cause, ssl.SSLError) else errors.ConnectTimeoutError
        return kind(endpoint_url=self.url, error=cause or error)

    def _cost(self, error: Exception, skew: float) -> int | None:
        """What a retry takes of the quota; None where it would end the same way. `skew` is what the try assumed."""
        if isinstance(error, (ReadTimeoutError, errors.ConnectTimeoutError)):
            return _RETRY_AFTER_TIME_OUT
        if not isinstance(error, ClientError):
            return _RETRY if isinstance(error, _PASSING) else None
        code, met = error.response["Error"]["Code"], error.response["ResponseMetadata"]
        passing = met["HTTPStatusCode"] in _STATUSES or code in _THROTTLED
        skewed = code in _SKEWED and self._correct_clock(met["HTTPHeaders"].get("date", ""), skew)
        return _RETRY if passing or skewed else None

    def _correct_clock(self, date: str, assumed: float) -> bool:
        """Go by the service's clock from now on; whether it differs from what the try assumed.

        `_skew` may have been set by another thread since.
        """
        try:
            parsed = parsedate_tz(date)
            skew = mktime_tz(parsed) - self._now() if parsed else math.inf
        except (ValueError, OverflowError):
            skew = math.inf
        if abs(skew) > _SKEW_MAX:
            return False
        self._skew = skew
        return abs(skew - assumed) > _SKEW_MIN
