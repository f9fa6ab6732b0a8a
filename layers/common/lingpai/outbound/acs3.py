"""Aliyun's signature of requests, ACS3-HMAC-SHA256.

https://alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from lingpai.kernel.clock import Clock

ALGORITHM = "ACS3-HMAC-SHA256"


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Names and values percent-encoded by RFC 3986, in the order of their names."""
    return "&".join(f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters))


def headers(host: str, action: str, version: str, body: bytes, clock: Clock) -> dict[str, str]:
    """The headers of a request that are signed, names in lower case."""
    return {
        "host": host,
        "x-acs-action": action,
        "x-acs-version": version,
        "x-acs-date": datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": clock.random_bytes(16).hex(),
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }


def authorization(key_id: str, key: str, query: str, headers: Mapping[str, str]) -> str:
    """The header that signs a POST to `/` with this canonical query; all of `headers` (lower case) are signed."""
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    request = "\n".join(("POST", "/", query, lines, signed, headers["x-acs-content-sha256"]))
    text = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(key.encode(), text.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={signature}"
