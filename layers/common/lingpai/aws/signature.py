"""AWS's signature of a request, version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import functools
import hashlib
import hmac
import time
from collections.abc import Mapping

from lingpai.aws.credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"


def signed(
    credentials: Credentials, region: str, service: str, path: str, headers: Mapping[str, str], body: bytes, at: float
) -> dict[str, str]:
    """The headers of a POST to `path` (with no query) at this time, in Unix seconds: those given, and the signature's.

    All are signed, `host` must be among them, and their names are in lower case.
    """
    moment = time.gmtime(at)
    stamp, day = time.strftime("%Y%m%dT%H%M%SZ", moment), time.strftime("%Y%m%d", moment)
    ours = {**headers, "x-amz-date": stamp}
    if credentials.token is not None:
        ours["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(ours))
    lines = "".join(f"{name}:{ours[name]}\n" for name in sorted(ours))
    request = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    reach = f"{day}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{reach}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(_key(credentials.secret, day, region, service), text.encode(), "sha256").hex()
    ours["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.key_id}/{reach}, SignedHeaders={names}, Signature={signature}"
    )
    return ours


@functools.lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key of a day's signatures: the same for all of a service's requests."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
