"""Secrets of authenticator apps, wrapped by AWS KMS: whoever reads the table of factors alone can make no code.

The encryption context names the account, and Decrypt wants the same: the secret of one account is of no use in the item
of another. Its `purpose` is not that of signing keys, so a function may be allowed to open the one kind alone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from lingpai.aws.kms import Kms

if TYPE_CHECKING:
    from lingpai.settings import Settings


# In the encryption context: the template allows the functions that need it to open this kind alone.
PURPOSE = "lingpai totp secret"


class SecretWrapper(Protocol):
    """Keeps secrets from whoever reads the store alone."""

    def wrap(self, secret: bytes, user_id: int) -> bytes:
        """The secret of this account as it is stored; LingpaiError 503 where it cannot be wrapped now."""
        ...

    def unwrap(self, wrapped: bytes, user_id: int) -> bytes:
        """The secret; LingpaiError 503 where it cannot be opened, now or as this account's."""
        ...


class LocalSecretWrapper:
    """Wraps nothing: for one's own machine."""

    def wrap(self, secret: bytes, user_id: int) -> bytes:  # noqa: ARG002  no account is bound to what is not wrapped
        """See `SecretWrapper`."""
        return secret

    def unwrap(self, wrapped: bytes, user_id: int) -> bytes:  # noqa: ARG002  as above
        """See `SecretWrapper`."""
        return wrapped


class KmsSecretWrapper:
    """A wrapper on the KMS key that `keys_kms_key` names; `connect` gives the client when first needed."""

    def __init__(self, settings: "Settings", connect: Callable[[], Any] | None = None) -> None:
        self._kms = Kms(settings, "store_unavailable", connect)

    def wrap(self, secret: bytes, user_id: int) -> bytes:
        """See `SecretWrapper`: one call, for which kms:Encrypt is needed."""
        answer = self._kms.call("Encrypt", Plaintext=secret, EncryptionContext=_context(user_id))
        wrapped: bytes = answer["CiphertextBlob"]
        return wrapped

    def unwrap(self, wrapped: bytes, user_id: int) -> bytes:
        """See `SecretWrapper`: one call, for which kms:Decrypt is needed."""
        answer = self._kms.call("Decrypt", CiphertextBlob=wrapped, EncryptionContext=_context(user_id))
        secret: bytes = answer["Plaintext"]
        return secret


def _context(user_id: int) -> dict[str, str]:
    """The encryption context of the secret. It is in CloudTrail, and holds nothing secret."""
    return {"purpose": PURPOSE, "user": str(user_id)}
