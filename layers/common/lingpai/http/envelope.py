"""The envelope of seed 003's own endpoints: `{"status", "message"}`, `{"status", "error"}`."""

from typing import TYPE_CHECKING, Any

from lingpai.http.challenges import challenge
from lingpai.http.oauth_error import BASIC_CHALLENGE, description
from lingpai.http.reasons import reason_field
from lingpai.http.request import Request
from lingpai.http.response import Reply, error_headers, json_reply
from lingpai.http.router import Endpoint, Route
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.messages import text

if TYPE_CHECKING:
    from lingpai.clients.model import Right

_NO_MESSAGE = object()
# The error codes that are about the access token, its user's login, or its proof.
_OF_TOKENS = {
    "insufficient_user_authentication",
    "invalid_dpop_proof",
    "invalid_token",
    "unauthorized",
    "use_dpop_nonce",
}


def legacy_json(
    path: str,
    endpoint: Endpoint,
    methods: tuple[str, ...] = ("POST",),
    *,
    needs: "Right" = "none",
    changes: bool = True,
) -> Route:
    """A route whose errors have the envelope."""
    return Route(path, endpoint, refused, methods, needs, changes)


def done(message: Any = _NO_MESSAGE) -> Reply:
    """Success; with `message` if it is passed, even as None."""
    return json_reply(200, {"status": 200} if message is _NO_MESSAGE else {"status": 200, "message": message})


def refused(error: LingpaiError, request: Request) -> Reply:
    """The error in the caller's language, with its status in the body, too.

    A missing or invalid access token is answered as by RFC 6750 section 3 and Spring: `{error, error_description}`.
    """
    headers = error_headers(error)
    if error.code in _OF_TOKENS:
        headers |= challenge(error, request)
        refusal = {"error": error.code, "error_description": description(error)} | reason_field(error)
        return json_reply(401, refusal, headers)
    if error.code == "invalid_client":
        headers |= BASIC_CHALLENGE
    content = {"status": error.status, "error": text(error.reason, request.language, error.values)}
    if error.code == "insufficient_scope":
        # RFC 6750 section 3.1.
        headers |= challenge(error, request, f"lingpai:{error.values['needed']}")
    if error.code in ("insufficient_scope", "recent_login_required", "captcha_required"):
        content["reason"] = error.code
    if error.code == "captcha_required":
        content["captcha"] = error.values["captcha"]
    return json_reply(error.status, content, headers)
