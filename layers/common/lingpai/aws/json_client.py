"""A client for AWS's JSON services that does what Lingpai uses of botocore's, and raises its errors (decision 10).

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

from botocore import exceptions as errors
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from botocore.retries.quota import RetryQuota

from lingpai.aws import json_format
from lingpai.aws.credentials import Credentials
from lingpai.aws.json_format import Service
from lingpai.aws.signature import signed
from lingpai.kernel import deadline
from lingpai.outbound.connections import ConnectionPool, Lost, Unreached

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
# The longest pause before the second try, in seconds. It doubles with each further one.
_PAUSE = 0.1
_LARGEST_ANSWER = 32 * 1024 * 1024


@dataclass(eq=False)
class JsonClient:
    """A client of one service, for any number of threads. `credentials` gives the current ones.

    A call has so many `attempts`.
    """

    service: Service
    region: str
    pool: ConnectionPool
    credentials: Callable[[], Credentials]
    attempts: int
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
        tries, cost = 0, 0
        while True:
            skew = self._skew
            try:
                answer = self._try(operation, body, until)
            except (ClientError, BotoCoreError) as error:
                tries, cost = tries + 1, self._cost(error, skew)
                if not cost or tries >= self.attempts:
                    raise
                pause = random.uniform(0, _PAUSE * 2 ** (tries - 1))  # noqa: S311  no secret hangs on it
                if time.monotonic() + pause >= until:
                    raise ReadTimeoutError(endpoint_url=self.pool.url, error=error) from error
                if not self._quota.acquire(cost):
                    raise
                time.sleep(pause)
            else:
                self._quota.release(cost or 1)
                return answer

    def close(self) -> None:
        """Close the idle connections. The next call makes a new one."""
        self.pool.close()

    def _try(self, operation: str, body: bytes, until: float) -> dict[str, Any]:
        content_type = f"application/x-amz-json-{self.service.protocol}"
        target = f"{self.service.prefix}.{operation}"
        headers = {"host": self.pool.host, "content-type": content_type, "x-amz-target": target}
        credentials, at = self.credentials(), time.time() + self._skew
        headers = signed(credentials, self.region, self.service.name, self.pool.path, headers, body, at)
        if until <= time.monotonic():
            raise ReadTimeoutError(endpoint_url=self.pool.url, error="no time is left")
        try:
            answer = self.pool.post(headers, body, until, _LARGEST_ANSWER)
        except (Unreached, Lost) as error:
            raise _kind(error)(endpoint_url=self.pool.url, error=error.__cause__ or error) from error
        return json_format.content(self.service, operation, answer.status, answer.headers, answer.body)

    def _cost(self, error: Exception, skew: float) -> int:
        """What a retry takes of the quota; 0 where it would end the same way. `skew` is what the try assumed."""
        if isinstance(error, (ReadTimeoutError, errors.ConnectTimeoutError)):
            return _RETRY_AFTER_TIME_OUT
        if not isinstance(error, ClientError):
            return _RETRY if isinstance(error, _PASSING) else 0
        code, met = error.response["Error"]["Code"], error.response["ResponseMetadata"]
        passing = met["HTTPStatusCode"] in _STATUSES or code in _THROTTLED
        skewed = code in _SKEWED and self._correct_clock(met["HTTPHeaders"].get("date", ""), skew)
        return _RETRY if passing or skewed else 0

    def _correct_clock(self, date: str, assumed: float) -> bool:
        """Go by the service's clock from now on; whether it differs from what the try assumed.

        `_skew` may have been set by another thread since.
        """
        try:
            skew = parsedate_to_datetime(date).timestamp() - time.time()
        except (ValueError, OverflowError):
            return False
        if abs(skew) > _SKEW_MAX:
            return False
        self._skew = skew
        return abs(skew - assumed) > _SKEW_MIN


def _kind(error: Unreached | Lost) -> type[BotoCoreError]:
    """The class of botocore's that names the error."""
    is_late = isinstance(error.__cause__, TimeoutError)
    if isinstance(error, Lost):
        return ReadTimeoutError if is_late else errors.ConnectionClosedError
    if isinstance(error.__cause__, ssl.SSLError):
        return errors.SSLError
    return errors.ConnectTimeoutError if is_late else errors.EndpointConnectionError
