"""The API behind the authorizers: notes and a report, for callers whose token has the right scope.

In: an event of payload format 2.0. Out: a response.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

RESOURCE = os.environ["RESOURCE"]
METADATA_PATH = "/.well-known/oauth-protected-resource"
METADATA = f"{RESOURCE}{METADATA_PATH}"

type Response = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """The caller: the token's `sub`, its client and its scopes."""

    subject: str
    client_id: str
    scopes: frozenset[str]


class Refused(Exception):
    """The request is refused. `response` is the answer to send (RFC 6750 section 3)."""

    def __init__(self, status: int, error: str, www_authenticate: str) -> None:
        super().__init__(error)
        self.response = answer(status, {"error": error}, {"WWW-Authenticate": www_authenticate})


def lambda_handler(event: dict[str, Any], _: object) -> Response:
    """Answer a request. Every route except the metadata needs a caller with the route's scope."""
    if event["routeKey"] == f"GET {METADATA_PATH}":
        return metadata()
    scope, respond = ROUTES[event["routeKey"]]
    try:
        caller = caller_of(event["requestContext"]["authorizer"], scope)
    except Refused as refused:
        return refused.response
    return respond(caller)


def metadata() -> Response:
    """The metadata of this API: where clients get tokens, and for which scopes (RFC 9728 section 2)."""
    return answer(
        200,
        {
            "resource": RESOURCE,
            "authorization_servers": [os.environ["ISSUER"]],
            "scopes_supported": ["read", "write"],
            "bearer_methods_supported": ["header"],
        },
    )


def read(caller: Caller) -> Response:
    """The caller's notes."""
    return answer(200, {"notes": [f"A note of {caller.subject}"]})


def write(caller: Caller) -> Response:
    """Take a note."""
    return answer(201, {"owner": caller.subject})


def report(caller: Caller) -> Response:
    """A report for the client."""
    return answer(200, {"report": f"A report for {caller.client_id}"})


# The scope that each route needs, and the function that answers it.
ROUTES: dict[str, tuple[str, Callable[[Caller], Response]]] = {
    "GET /notes": ("read", read),
    "POST /notes": ("write", write),
    "GET /report": ("read", report),
}


def caller_of(authorizer: Mapping[str, Any], scope: str) -> Caller:
    """Return the caller that the authorizer found; raise Refused if there is none, or it lacks the scope."""
    if "jwt" in authorizer:
        # API Gateway has checked the token. All claims are strings.
        claims = authorizer["jwt"]["claims"]
        if "cnf" in claims:
            # It is bound to a key, which API Gateway does not check (RFC 9449 section 7.2).
            raise Refused(401, "invalid_token", f'Bearer error="invalid_token", resource_metadata="{METADATA}"')
        caller = Caller(claims["sub"], claims["client_id"], frozenset(claims.get("scope", "").split()))
    else:
        found = authorizer["lambda"]
        if "subject" not in found:
            raise Refused(int(found["status"]), found["error"], found["www_authenticate"])
        # API Gateway may still use a cached decision after the token has expired.
        if int(found["expires_at"]) <= time.time():
            raise Refused(401, "invalid_token", f'Bearer error="invalid_token", resource_metadata="{METADATA}"')
        caller = Caller(found["subject"], found["client_id"], frozenset(found["scope"].split()))
    if scope not in caller.scopes:
        challenge = f'Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{METADATA}"'
        raise Refused(403, "insufficient_scope", challenge)
    return caller


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """Return a response of payload format 2.0."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})},
        "body": json.dumps(body, ensure_ascii=False),
    }
