"""Key pairs made and wrapped by AWS KMS: whoever reads the table of keys alone cannot sign.

KMS makes a pair and gives out its private half only encrypted under a symmetric key that never leaves KMS
(GenerateDataKeyPairWithoutPlaintext). The encryption context says which key it is, and Decrypt wants the same: the
private half of one row is of no use in another. (The thumbprint could not say it: it is known after the call alone.)
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lingpai.aws.kms import Kms
from lingpai.signing_keys.model import KeyPair, StoredKey

if TYPE_CHECKING:
    from lingpai.settings import Settings

# In the encryption context, as that of other secrets under the key.
PURPOSE = "lingpai signing key"
_SPECS = {"ES256": "ECC_NIST_P256", "RS256": "RSA_2048"}


class KmsKeyWrapper:
    """A key wrapper on the KMS key that `keys_kms_key` names; `connect` gives the client when first needed."""

    def __init__(self, settings: "Settings", connect: Callable[[], Any] | None = None) -> None:
        self._kms = Kms(settings, "no_signing_key", connect)

    def generate(self, algorithm: str, number: int) -> KeyPair:
        """See `KeyWrapper`: one call, for which kms:GenerateDataKeyPairWithoutPlaintext is needed."""
        made = self._kms.call(
            "GenerateDataKeyPairWithoutPlaintext",
            KeyPairSpec=_SPECS[algorithm],
            EncryptionContext=_context(algorithm, number),
        )
        return KeyPair(made["PublicKey"], made["PrivateKeyCiphertextBlob"])

    def unwrap(self, key: StoredKey) -> bytes:
        """See `KeyWrapper`: one call, for which kms:Decrypt is needed."""
        opened = self._kms.call(
            "Decrypt", CiphertextBlob=key.private, EncryptionContext=_context(key.algorithm, key.number)
        )
        private: bytes = opened["Plaintext"]
        return private


def _context(algorithm: str, number: int) -> dict[str, str]:
    """The encryption context of the private key. It is in CloudTrail, and holds nothing secret."""
    return {"purpose": PURPOSE, "algorithm": algorithm, "number": str(number)}
