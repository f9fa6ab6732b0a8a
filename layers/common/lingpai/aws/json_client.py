"""A client for AWS's JSON services that does what Lingpai uses of botocore's, and raises its errors (decision 10).

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import math
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import mktime_tz, parsedate_tz
from typing import Any
from uuid import uuid4

from botocore import exceptions as errors
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from botocore.retries.quota import RetryQuota

from lingpai.aws import json_format
from lingpai.aws.credentials import Credentials
from lingpai.aws.json_format import Service, UnreadableError
from lingpai.aws.signature import signed
from lingpai.kernel import deadline
from lingpai.outbound.connections import Answer, ConnectionPool, Lost, Unreached

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


@dataclass
class JsonClient:
    """A client of one service, for any number of threads. `credentials` gives the current ones."""

    service: Service
    region: str
    pool: ConnectionPool
    credentials: Callable[[], Credentials]
    retry: RetryPolicy
    _quota: RetryQuota = field(default_factory=RetryQuota)
    # Seconds by which the service's clock is ahead of ours.
    _skew: float = 0.0

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
                if cost is None or tries >= self.retry.attempts:
                    raise
                pause = random.uniform(0, self.retry.pause * 2 ** (tries - 1))  # noqa: S311  no secret hangs on it
                if time.monotonic() + pause >= until:
                    raise ReadTimeoutError(endpoint_url=self.pool.url, error=error) from error
                if not self._quota.acquire(cost):
                    raise
                taken = cost
                time.sleep(pause)
            else:
                self._quota.release(taken or 1)
                return answer

    def close(self) -> None:
        """Close the idle connections. The next call makes a new one."""
        self.pool.close()

    def exchange(self, target: str, body: bytes, until: float) -> Answer:
        """The answer to one request, tried once; BotoCoreError where there is none by `until` (`time.monotonic`)."""
        content_type = f"application/x-amz-json-{self.service.protocol}"
        headers = {"host": self.pool.host, "content-type": content_type, "x-amz-target": target}
        credentials, at = self.credentials(), time.time() + self._skew
        headers = signed(credentials, self.region, self.service.name, self.pool.path, headers, body, at)
        if until <= time.monotonic():
            raise ReadTimeoutError(endpoint_url=self.pool.url, error="no time is left")
        try:
            return self.pool.post(headers, body, until, _LARGEST_ANSWER)
        except (Unreached, Lost) as error:
            raise self._named(error) from error

    def _try(self, operation: str, body: bytes, until: float) -> dict[str, Any]:
        answer = self.exchange(f"{self.service.prefix}.{operation}", body, until)
        json_format.check_sum(answer.headers, answer.body)
        content = json_format.read(answer.body, self.service.binary)
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
        return kind(endpoint_url=self.pool.url, error=cause or error)

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
            skew = mktime_tz(parsed) - time.time() if parsed else math.inf
        except (ValueError, OverflowError):
            skew = math.inf
        if abs(skew) > _SKEW_MAX:
            return False
        self._skew = skew
        return abs(skew - assumed) > _SKEW_MIN
