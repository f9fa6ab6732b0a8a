"""botocore's client with the promises of the bare one: an answer is read whole or not at all, and in time."""

import math
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ConnectionClosedError,
    ReadTimeoutError,
)

from lingpai import deadline
from lingpai.adapters.aws.wire import Service, UnreadableError, check_sum, read_content


class _OutOfTimeError(BotoCoreError):
    """The request's deadline has passed. botocore tries again after its own time-outs, but not after this."""

    fmt = "no time is left"


class BotocoreClient:
    """A client of `service`. What is called is `_make_api_call`; all else is botocore's own."""

    def __init__(self, client: Any, service: Service) -> None:
        self._client = client
        endpoint = client._endpoint  # noqa: SLF001  botocore has no public place to check an answer before it is read
        endpoint.http_session = _CheckedSession(endpoint.http_session, service)

    def _make_api_call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The answer; ClientError where the service refuses, another BotoCoreError where there is no answer.

        botocore's time-outs begin anew with each byte and each try. A request's deadline ends the whole call.
        """

        def call() -> dict[str, Any]:
            answer: dict[str, Any] = self._client._make_api_call(operation, arguments)  # noqa: SLF001  the same method
            return answer

        left = deadline.left_of(math.inf)
        if left == math.inf:
            return call()
        try:
            return deadline.call_within(left, call)
        except (TimeoutError, _OutOfTimeError) as error:
            raise ReadTimeoutError(endpoint_url=self._client.meta.endpoint_url, error=error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class _CheckedSession:
    """botocore's HTTP session, where no try begins too late and no answer passes that cannot be read.

    botocore makes an empty answer of a body that is no JSON, and takes one whose checksum is wrong after the last try.
    """

    def __init__(self, session: Any, service: Service) -> None:
        self._session = session
        self._service = service

    def send(self, request: Any) -> Any:
        """The answer to a request, or the end of the call once the deadline has passed: no other try follows."""
        _refuse_late()
        try:
            return self._checked(request)
        finally:
            _refuse_late()

    def _checked(self, request: Any) -> Any:
        answer = self._session.send(request)
        body: bytes = answer.content
        try:
            check_sum(answer.headers, body)
        except ChecksumError as error:  # which botocore would not try again
            raise ConnectionClosedError(endpoint_url=request.url, error=error) from error
        if answer.headers.get("content-length", str(len(body))) != str(len(body)):
            raise ConnectionClosedError(endpoint_url=request.url, error="the answer breaks off")
        if answer.status_code == 200 and read_content(body, self._service.binary) is None:
            target = request.headers["X-Amz-Target"]
            operation = target.decode() if isinstance(target, bytes) else str(target)
            raise UnreadableError(operation=operation.rpartition(".")[2])
        return answer

    def close(self) -> None:
        """Hang up."""
        self._session.close()


def _refuse_late() -> None:
    if deadline.is_over():
        raise _OutOfTimeError
