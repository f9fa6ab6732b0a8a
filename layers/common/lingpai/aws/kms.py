"""Calls of AWS KMS under the deployment's own key (`KEYS_KMS_KEY`)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lingpai.aws.client import aws_client
from lingpai.kernel.errors import unavailable

if TYPE_CHECKING:
    from lingpai.settings import Settings


class Kms:
    """The key that `keys_kms_key` names; `connect` gives the client when it is first needed.

    `reason` is that of the 503 for a call that KMS refuses or does not answer. Its detail names the error of KMS.
    """

    def __init__(self, settings: "Settings", reason: str, connect: Callable[[], Any] | None = None) -> None:
        self._settings = settings
        self._reason = reason
        self._connect = connect or (lambda: aws_client(settings, "kms"))
        self._client: Any = None

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one call."""
        try:
            if self._client is None:
                self._client = self._connect()
            answer: dict[str, Any] = self._client.call(operation, {"KeyId": self._settings.keys_kms_key, **arguments})
        except ClientError as error:
            raise unavailable(self._reason, detail=f"KMS {operation}: {error.response['Error']['Code']}") from error
        except BotoCoreError as error:
            raise unavailable(self._reason, detail=f"KMS {operation}: {type(error).__name__}") from error
        return answer
