"""A client for AWS's JSON services: signed requests over connections that are kept, repeated with care.

For a call of DynamoDB botocore's client does several times the work of the call itself, and making one takes a large
part of a cold start (decision 10). This does as much of it as Lingpai uses: credentials that expire, time-outs, retries
with jitter under a quota, DynamoDB's checksums, a clock that is wrong. It has the one method of a botocore client that
is called here and raises botocore's errors, so that either may stand for the other.

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import binascii
import random
import threading
import time
import zlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

from lingpai import deadline
from lingpai.adapters.aws.credentials import Credentials
from lingpai.adapters.aws.lines import Lines
from lingpai.adapters.aws.signature import signed

# What may do better later, by error code. Whatever has status 500, 502, 503 or 504 may, too.
_THROTTLED = {
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
_STATUSES = {500, 502, 503, 504}
# What a request is told whose time is not the service's; the first is said of other faults in a signature, too.
_SKEWED = {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"}
_SKEW_MIN, _SKEW_MAX = 60, 366 * 86400
# As in botocore's standard mode: what the quota holds, and what a retry takes out of it.
_QUOTA = 500
_RETRY, _RETRY_AFTER_TIME_OUT = 5, 10


@dataclass(frozen=True)
class Service:
    """A service: its name in signatures, the prefix of its operations, its protocol, and its binary members."""

    name: str
    prefix: str
    protocol: str
    binary: frozenset[str] = frozenset()


SERVICES = {
    service.name: service
    for service in (
        # A binary value is {"B": text}. (The value of an attribute that is called B is no text, but a dictionary.)
        Service("dynamodb", "DynamoDB_20120810", "1.0", frozenset(("B",))),
        Service("kms", "TrentService", "1.1", frozenset(("Plaintext", "PublicKey", "PrivateKeyCiphertextBlob"))),
        Service("secretsmanager", "secretsmanager", "1.1"),
    )
}


class UnreadableError(BotoCoreError):
    """The answer is no JSON object. botocore would make an empty one of it: an item that is not there."""

    fmt = "The answer to {operation} cannot be read"


@dataclass(frozen=True)
class Patience:
    """Seconds for a connection and for each part of an answer, how often to try, and the longest first pause."""

    connect: float
    read: float
    attempts: int
    pause: float = 0.1


class Wire:
    """A client of one service at `url`, for any number of threads.

    `credentials` gives those of now. `roots` names the file of the certificates to trust, which is read when the first
    connection is made. `now` is the time in Unix seconds.
    """

    def __init__(
        self,
        service: Service,
        region: str,
        url: str,
        credentials: Callable[[], Credentials],
        patience: Patience,
        roots: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        self.url = url
        self._service = service
        self._region = region
        self._credentials = credentials
        self._patience = patience
        self._now = now
        self._path = parts.path or "/"
        self._headers = {"host": parts.netloc, "content-type": f"application/x-amz-json-{service.protocol}"}
        self._lines = Lines(url, patience.connect, patience.read, roots)
        self._quota = _Quota()
        self._ahead = 0.0

    def _make_api_call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the service answers; ClientError where it refuses, another BotoCoreError where there is no answer.

        A repeated transaction carries the same token, so that it is done once. All tries and pauses end by the
        request's deadline, or the call does as one that timed out.
        """
        until = deadline.until()
        if operation == "TransactWriteItems":
            arguments = {"ClientRequestToken": uuid4().hex, **arguments}
        body = orjson.dumps(arguments, default=_to_text)
        tried, taken = 0, 0
        while True:
            ahead = self._ahead
            try:
                answer = self._ask(operation, body, until)
            except (ClientError, BotoCoreError) as error:
                tried += 1
                cost = self._cost(error, ahead)
                if cost is None or tried >= self._patience.attempts:
                    raise
                pause = random.uniform(0, self._patience.pause * 2 ** (tried - 1))  # noqa: S311  no secret hangs on it
                if time.monotonic() + pause >= until:
                    raise ReadTimeoutError(endpoint_url=self.url, error=error) from error
                if not self._quota.take(cost):
                    raise
                taken = cost
                time.sleep(pause)
            else:
                self._quota.put(taken or 1)
                return answer

    def close(self) -> None:
        """Hang up. The next call connects anew."""
        self._lines.close()

    def _cost(self, error: Exception, ahead: float) -> int | None:
        """What trying again takes of the quota; None where it would end the same way.

        `ahead` is what the service's clock was thought to be ahead of ours as the try began.
        """
        match error:
            case ReadTimeoutError() | ConnectTimeoutError():
                return _RETRY_AFTER_TIME_OUT
            case ConnectionClosedError() | EndpointConnectionError() | ChecksumError() | SSLError():
                return _RETRY
            case ClientError():
                code, told = error.response["Error"]["Code"], error.response["ResponseMetadata"]
                if told["HTTPStatusCode"] in _STATUSES or code in _THROTTLED:
                    return _RETRY
                date = told["HTTPHeaders"].get("date", "")
                return _RETRY if code in _SKEWED and self._set_clock(date, ahead) else None
            case _:
                return None

    def _set_clock(self, date: str, thought: float) -> bool:
        """Go by the service's clock from now on; whether it differs from what was thought.

        What it is by now may be another thread's finding, and nothing that this call has been signed by.
        """
        from email.utils import mktime_tz, parsedate_tz

        parsed = parsedate_tz(date)
        try:
            ahead = mktime_tz(parsed) - self._now() if parsed else None
        except (ValueError, OverflowError):
            ahead = None
        if ahead is None or abs(ahead) > _SKEW_MAX:
            return False
        self._ahead = ahead
        return abs(ahead - thought) > _SKEW_MIN

    def _ask(self, operation: str, body: bytes, until: float) -> dict[str, Any]:
        """One request and what its answer says."""
        status, headers, text = self.exchange(f"{self._service.prefix}.{operation}", body, until)
        check_sum(headers, text)
        told = read_content(text, self._service.binary)
        if status != 200:
            refusal: Any = _refusal(status, headers, told or {})
            raise ClientError(refusal, operation)
        if told is None:
            raise UnreadableError(operation=operation)
        return told

    def exchange(self, target: str, body: bytes, until: float) -> tuple[int, dict[str, str], bytes]:
        """The answer to one request, tried once: status, headers (in lower case) and body. BotoCoreError for none.

        It ends by `until`, as `time.monotonic` tells it.
        """
        headers = signed(
            self._credentials(),
            self._region,
            self._service.name,
            self._path,
            {**self._headers, "x-amz-target": target},
            body,
            self._now() + self._ahead,
        )
        return self._lines.post(self._path, headers, body, until)


def check_sum(headers: Mapping[str, str], body: bytes) -> None:
    """ChecksumError where the body is not what DynamoDB's checksum says; other services send none."""
    expected, found = headers.get("x-amz-crc32"), str(zlib.crc32(body))
    if expected not in (None, found):
        raise ChecksumError(checksum_type="crc32", expected_checksum=expected, actual_checksum=found)


def read_content(body: bytes, binary: Container[str]) -> dict[str, Any] | None:
    """The JSON object in a body, with bytes for base64 under the names `binary`; None for what is no JSON object.

    An empty body is an empty object.
    """
    try:
        content = orjson.loads(body) if body else {}
        if not isinstance(content, dict):
            return None
        _read_bytes(content, binary)
    except (ValueError, RecursionError):
        return None
    return content


def _read_bytes(found: dict[str, Any], binary: Container[str]) -> None:
    """Put bytes for base64 wherever these names stand, however deep."""
    for name, value in found.items():
        if isinstance(value, dict):
            _read_bytes(value, binary)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    _read_bytes(each, binary)
        elif name in binary and isinstance(value, str):
            found[name] = binascii.a2b_base64(value)


def _refusal(status: int, headers: Mapping[str, str], told: dict[str, Any]) -> dict[str, Any]:
    """The answer as botocore's ClientError has it: whatever the service tells, and its error's code."""
    kind = headers.get("x-amzn-errortype") or told.pop("__type", None) or str(status)
    # The name of the error may have the service's before it, and an address behind.
    code = str(kind).partition(":")[0].rpartition("#")[2]
    message = told.pop("message", None) or told.pop("Message", None) or ""
    return {
        **told,
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }


def _to_text(value: object) -> str:
    """Binary values as JSON has them; nothing else is passed here that JSON has not."""
    if not isinstance(value, bytes):
        raise TypeError(type(value).__name__)
    return binascii.b2a_base64(value, newline=False).decode()


class _Quota:
    """What retries may take until calls that went well have put it back: a service in trouble is left alone."""

    def __init__(self) -> None:
        self._left = _QUOTA
        self._guard = threading.Lock()

    def take(self, cost: int) -> bool:
        with self._guard:
            if cost > self._left:
                return False
            self._left -= cost
            return True

    def put(self, amount: int) -> None:
        with self._guard:
            self._left = min(_QUOTA, self._left + amount)
