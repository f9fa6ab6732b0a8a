"""Shared code of the two AWS senders: a botocore client whose requests are sent by `Https`.

botocore knows the addresses, the signature and the forms of an answer. But it does not tell a TLS handshake that hangs
from an answer that does: after the first nothing was sent, after the second a message may have been delivered.
Retries are off for the same reason.
"""

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

from lingpai.aws.client import botocore_session
from lingpai.outbound.https import Https, Lost, Unreached
from lingpai.sms.sender import MaybeSent, NotSent
from lingpai.sms.senders import send_errors


class BotocoreSms:
    """A service of AWS that sends messages. Credentials are the environment's; the client is made when first needed."""

    def __init__(self, provider: str, service: str, region: str, https: Https) -> None:
        self._provider = provider
        self._service = service
        self._region = region
        self._https = https
        self._client: Any = None
        # Whether this thread's call was answered, and with which HTTP status.
        self._call = threading.local()

    def send(self, operation: str, failure: Callable[[Any], NotSent | MaybeSent], **given: Any) -> None:
        """Call the operation; an answer without a message id is none.

        `failure` tells what the error that AWS answered means, given botocore's `response` of it.
        """
        import botocore.exceptions

        self._call.answered = False
        try:
            if self._client is None:
                self._client = self._connect()
            answer = getattr(self._client, operation)(**given)
        except Unreached as error:
            raise send_errors.Refused(self._provider, str(error), "unreachable") from error
        except Lost as error:
            raise send_errors.lost(self._provider, error) from error
        except botocore.exceptions.ClientError as error:
            raise self._told(error.response, failure) from error
        except Exception as error:  # noqa: BLE001  botocore's are of many kinds, and may quote the request
            if self._call.answered:
                raise send_errors.unreadable(self._provider, self._call.status) from None
            raise send_errors.Refused(self._provider, type(error).__name__, "misconfigured") from None
        if not isinstance(answer.get("MessageId"), str):
            raise send_errors.unreadable(self._provider, self._call.status)

    def _told(self, response: Any, failure: Callable[[Any], NotSent | MaybeSent]) -> NotSent | MaybeSent:
        if not self._call.answered:
            # Of another service, that was to give credentials.
            return send_errors.Refused(self._provider, "ClientError", "misconfigured")
        # What botocore puts where an answer names no error.
        if response.get("Error", {}).get("Code", "") in {"", "Unknown", str(self._call.status)}:
            return send_errors.unreadable(self._provider, self._call.status)
        return failure(response)

    def _connect(self) -> Any:
        import botocore.config

        config = botocore.config.Config(retries={"total_max_attempts": 1, "mode": "standard"})
        client = botocore_session().create_client(self._service, region_name=self._region, config=config)
        client.meta.events.register("before-send", self._carry)
        return client

    def _carry(self, request: Any, **_: Any) -> Any:
        """Called by botocore with a signed request, in place of its own HTTP layer."""
        from botocore.awsrequest import AWSResponse

        headers = {name: _text(value) for name, value in request.headers.items()}
        body = request.body or b""
        answer = self._https.post(request.url, headers, body.encode() if isinstance(body, str) else bytes(body))
        self._call.answered, self._call.status = True, answer.status
        return AWSResponse(request.url, answer.status, answer.headers, _Body(answer.body))  # type: ignore[arg-type]


class _Body(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
