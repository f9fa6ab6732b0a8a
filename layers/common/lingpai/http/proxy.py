"""The caller's address behind CloudFront: from a header, which counts only beside the secret that CloudFront adds.

API Gateway names whoever connects to it: behind CloudFront that is one of CloudFront's servers, the same for thousands
of people. CloudFront puts its caller's address at the end of `X-Forwarded-For`, and the shared secret into a header of
its own (an origin custom header, which replaces one that the caller sent). Without the right secret both mean nothing:
anybody could send them.
"""

import hmac
from dataclasses import replace

from lingpai.http.request import Request, normalized_address
from lingpai.services import Services

SECRET_HEADER = "x-origin-verify"
_FORWARDED = "x-forwarded-for"


def seen_through(services: Services, request: Request) -> Request:
    """The request with its caller's own address, where the trusted proxy passed it on; and without the secret.

    LingpaiError `temporarily_unavailable` where a request brings a secret and the right one cannot be read.
    """
    presented = request.headers.get(SECRET_HEADER)
    if services.proxy_secret is None or presented is None:
        return request
    if not _is_right(presented, services.proxy_secret()):
        return request
    headers = {name: value for name, value in request.headers.items() if name != SECRET_HEADER}
    return replace(request, headers=headers, source_ip=_viewer(request) or request.source_ip)


def _is_right(presented: str, known: str) -> bool:
    """Whether it is the secret, or one of two with a comma between, while one takes the other's place."""
    right = False
    for secret in known.split(","):
        right |= hmac.compare_digest(presented.encode("utf-8", "replace"), secret.strip().encode()) and bool(presented)
    return right


def _viewer(request: Request) -> str | None:
    """The last address that is not the proxy's own; None where there is none to read.

    What stands before it came with the request, and anybody may have written it.
    """
    forwarded = [word.strip() for word in request.headers.get(_FORWARDED, "").split(",")]
    if forwarded[-1] == request.source_ip:
        # API Gateway adds whom it sees.
        forwarded.pop()
    return normalized_address(forwarded[-1]) if forwarded else None
