"""The error answer of RFC 6749 section 5.2, which several dialects share."""

from collections.abc import Mapping
from typing import Any

from lingpai.http.reasons import reason_field
from lingpai.http.response import Reply, error_headers, json_reply
from lingpai.http.router import Endpoint, Route
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.messages import text

BASIC_CHALLENGE = {"WWW-Authenticate": 'Basic realm="lingpai", charset="UTF-8"'}


def oauth(path: str, endpoint: Endpoint, methods: tuple[str, ...] = ("POST",)) -> Route:
    """A route whose refusals are those of RFC 6749 section 5.2, unless the endpoint answers in a dialect itself."""
    return Route(path, endpoint, lambda error, _: oauth_error(error), methods)


def oauth_error(
    error: LingpaiError, wording: Mapping[str, str] | None = None, more: Mapping[str, Any] | None = None
) -> Reply:
    """`{error, error_description, reason}` with the error's status; `wording` has a dialect's own texts by reason.

    `more` are further fields.

    The response to a failed client authentication has a Basic challenge (section 5.2, RFC 7617 section 2).
    """
    content: dict[str, Any] = {"error": error.code, "error_description": description(error, wording)} | reason_field(
        error
    )
    content |= more or {}
    challenge = BASIC_CHALLENGE if error.code == "invalid_client" else {}
    return json_reply(error.status, content, {**challenge, **error_headers(error)})


def description(error: LingpaiError, wording: Mapping[str, str] | None = None) -> str:
    """The English text, in what section 5.2 allows: printable ASCII without quotation marks and backslashes."""
    said = (wording or {}).get(error.reason) or text(error.reason, "en", error.values)
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in said)
