"""Secrets that have to be opened again, wrapped by AWS KMS: whoever reads their table alone has none of them.

The encryption context names the kind of the secret and its owner, and Decrypt wants the same: the secret of one owner
is of no use in the item of another. Each kind has a purpose of its own, which is not that of signing keys, so a
function may be allowed to open one kind alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lingpai.aws.kms import Kms

if TYPE_CHECKING:
    from lingpai.settings import Settings


@dataclass(frozen=True)
class Kind:
    """What secrets are for, and what their owners are called; both are in the encryption context.

    The template allows the functions that need it to open secrets of this `purpose` alone.
    """

    purpose: str
    owner: str


class SecretWrapper(Protocol):
    """Keeps secrets from whoever reads the store alone."""

    def wrap(self, secret: bytes, owner: int | str) -> bytes:
        """The secret of this owner as it is stored; LingpaiError 503 where it cannot be wrapped now."""
        ...

    def unwrap(self, wrapped: bytes, owner: int | str) -> bytes:
        """The secret; LingpaiError 503 where it cannot be opened, now or as this owner's."""
        ...


class LocalSecretWrapper:
    """Wraps nothing: for one's own machine."""

    def wrap(self, secret: bytes, owner: int | str) -> bytes:  # noqa: ARG002  no owner is bound to what is not wrapped
        """See `SecretWrapper`."""
        return secret

    def unwrap(self, wrapped: bytes, owner: int | str) -> bytes:  # noqa: ARG002  as above
        """See `SecretWrapper`."""
        return wrapped


class KmsSecretWrapper:
    """A wrapper on the KMS key that `keys_kms_key` names; `connect` gives the client when first needed."""

    def __init__(self, settings: "Settings", kind: Kind, connect: Callable[[], Any] | None = None) -> None:
        self._kms = Kms(settings, "store_unavailable", connect)
        self._kind = kind

    def wrap(self, secret: bytes, owner: int | str) -> bytes:
        """See `SecretWrapper`: one call, for which kms:Encrypt is needed."""
        answer = self._kms.call("Encrypt", Plaintext=secret, EncryptionContext=self._context(owner))
        wrapped: bytes = answer["CiphertextBlob"]
        return wrapped

    def unwrap(self, wrapped: bytes, owner: int | str) -> bytes:
        """See `SecretWrapper`: one call, for which kms:Decrypt is needed."""
        answer = self._kms.call("Decrypt", CiphertextBlob=wrapped, EncryptionContext=self._context(owner))
        secret: bytes = answer["Plaintext"]
        return secret

    def _context(self, owner: int | str) -> dict[str, str]:
        """The encryption context of the secret. It is in CloudTrail, and holds nothing secret."""
        return {"purpose": self._kind.purpose, self._kind.owner: str(owner)}
