"""An app's token as it is stored: encrypted under the app's secret, so that who reads the table alone cannot use it.

AES-256-GCM with the app as associated data: the token of one app is of no use in the item of another.
"""

import hmac

_NONCE_BYTES = 12
_PURPOSE = b"lingpai app token"


def seal(secret: str, app: str, token: str, random_bytes: bytes) -> bytes:
    """The token as it is stored. `random_bytes` are at least twelve, and new."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = random_bytes[:_NONCE_BYTES]
    return nonce + AESGCM(_key(secret)).encrypt(nonce, token.encode(), app.encode())


def unseal(secret: str, app: str, sealed: bytes) -> str | None:
    """The token; None if it was sealed under another secret or for another app, or if it was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(_key(secret)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], app.encode()).decode()
    except (InvalidTag, ValueError):
        return None


def _key(secret: str) -> bytes:
    """256 bits that serve nothing else."""
    return hmac.digest(secret.encode(), _PURPOSE, "sha256")
