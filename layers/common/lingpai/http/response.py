"""Responses: status, headers, body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from lingpai.kernel.errors import LingpaiError

# RFC 6749 section 5.1: every answer that holds a token.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
JSON = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Reply:
    """An answer. `body` is text, empty for none, and JSON unless a header says otherwise.

    `cookies` are values of `Set-Cookie` (see `http.cookies`).
    `error`, `client_id`, `grant` and `dialect` (of the client's record) are for the log and the metrics.
    """

    status: int
    body: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = field(default=(), repr=False)
    error: LingpaiError | None = None
    client_id: str | None = None
    grant: str | None = None
    dialect: str | None = None

    def about(
        self,
        client_id: str | None = None,
        grant: str | None = None,
        dialect: str | None = None,
        error: LingpaiError | None = None,
    ) -> "Reply":
        """The same response, with fields for the log and the metrics."""
        return Reply(self.status, self.body, self.headers, self.cookies, error, client_id, grant, dialect)


def json_reply(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """`content` as JSON, never to be kept by a cache on the way."""
    return Reply(status, orjson.dumps(content).decode(), {**NO_STORE, **headers} if headers else NO_STORE)


def error_headers(error: LingpaiError) -> dict[str, str]:
    """The headers of an error: `Retry-After`, `Allow`."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.allow:
        headers["Allow"] = ", ".join(error.allow)
    return headers
