"""The Lambda authorizer of an HTTP API: it checks the access token of a request, opaque or signed.

In: an event of payload format 2.0. Out: a simple response.

If an authorizer denies a request, API Gateway sends a 403 without `WWW-Authenticate`, and that cannot be changed. So
this authorizer allows a request with an invalid token, but without a caller. The context then holds the answer of RFC
6750 section 3, and the API sends it. Each function of the API must check for a caller, as `caller_of` in notes/app.py
does.

API Gateway caches the result for each value of `Authorization`. It does not cache an exception: if Lingpai does not
answer, this request gets a 500, and the next one asks again.
"""

import os
from typing import Any

from lingpai_sdk.resource import InvalidToken, Verifier, bearer_token

METADATA = f"{os.environ['RESOURCE']}/.well-known/oauth-protected-resource"

# Made once for all calls, since it caches the issuer's keys. It does not cache introspection answers: API Gateway
# caches the decisions, and with two caches a revoked token would be accepted for longer.
VERIFIER = Verifier(
    os.environ["ISSUER"],
    os.environ["RESOURCE"],
    introspect=(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]),
    cache_ttl=0,
)


def lambda_handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Return the caller in the context of the request, or the refusal for the API to send."""
    try:
        token = VERIFIER.verify(bearer_token(event["headers"].get("authorization")))
    except InvalidToken as refused:
        challenge = refused.www_authenticate(METADATA)
        return allow({"status": refused.status, "error": refused.code, "www_authenticate": challenge})
    return allow(
        {
            "subject": token.subject,
            "client_id": token.client_id,
            "scope": " ".join(token.scopes),
            "expires_at": int(token.expires_at.timestamp()),
        }
    )


def allow(context: dict[str, Any]) -> dict[str, Any]:
    """Return a simple response; the API gets the context as `requestContext.authorizer.lambda`."""
    return {"isAuthorized": True, "context": context}
