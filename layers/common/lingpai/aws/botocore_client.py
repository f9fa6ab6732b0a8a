"""botocore's client with the promises of `JsonClient`: an answer is read whole or not at all, and in time."""

import functools
import math
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ChecksumError, ConnectionClosedError, ReadTimeoutError

from lingpai.aws.json_format import Service, UnreadableError, check_sum, read
from lingpai.kernel import deadline


class _OutOfTimeError(BotoCoreError):
    """The request's deadline has passed. botocore tries again after its own time-outs, but not after this."""

    fmt = "no time is left"


class BotocoreClient:
    """A client of `service`. Its method is `call`; all else is botocore's own."""

    def __init__(self, client: Any, service: Service) -> None:
        self._client = client
        self._service = service
        # botocore has no public place to check an answer before it is parsed.
        session = client._endpoint.http_session  # noqa: SLF001
        self._send, session.send = session.send, self._send_checked

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The answer; ClientError where the service refuses, another BotoCoreError where there is no answer.

        botocore's time-outs begin anew with each byte and each try. The request's deadline ends the whole call.
        """
        left = deadline.left_of(math.inf)
        call = functools.partial(self._client._make_api_call, operation, arguments)  # noqa: SLF001  as its methods do
        try:
            answer: dict[str, Any] = call() if left == math.inf else deadline.call_within(left, call)
        except (TimeoutError, _OutOfTimeError) as error:
            raise ReadTimeoutError(endpoint_url=self._client.meta.endpoint_url, error=error) from error
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def _send_checked(self, request: Any) -> Any:
        """What botocore calls for each try. Once the deadline has passed, no try begins, and no pause before one."""
        _refuse_late()
        try:
            return self._checked(self._send(request), request)
        finally:
            _refuse_late()

    def _checked(self, answer: Any, request: Any) -> Any:
        """The answer. botocore makes an empty one of a body that is no JSON, and takes a wrong checksum in the end."""
        body: bytes = answer.content
        try:
            check_sum(answer.headers, body)
        except ChecksumError as error:  # which botocore would not try again
            raise ConnectionClosedError(endpoint_url=request.url, error=error) from error
        if answer.headers.get("content-length", str(len(body))) != str(len(body)):
            raise ConnectionClosedError(endpoint_url=request.url, error="the answer breaks off")
        if answer.status_code == 200 and read(body, self._service.binary) is None:
            target: bytes = request.headers["X-Amz-Target"]
            raise UnreadableError(operation=target.decode().rpartition(".")[2])
        return answer


def _refuse_late() -> None:
    if deadline.is_over():
        raise _OutOfTimeError
