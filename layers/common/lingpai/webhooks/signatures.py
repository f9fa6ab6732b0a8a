"""Signatures of deliveries: Standard Webhooks 1.0.0.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
from collections.abc import Iterable, Mapping

_PREFIX = "whsec_"


def secret_text(secret: bytes) -> str:
    """The secret as its receiver gets it."""
    return _PREFIX + base64.b64encode(secret).decode()


def headers(secrets: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers of a delivery. Its id is the same for each try, its time and so its signatures are not."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
