"""Responses: status, headers, body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson

from lingpai.kernel.errors import LingpaiError

# RFC 6749 section 5.1: every answer that holds a token.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
JSON = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Reply:
    """An answer. `body` is text, empty for none, and JSON unless a header says otherwise; with `is_base64`, bytes so.

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
    is_base64: bool = False

    def about(
        self,
        client_id: str | None = None,
        grant: str | None = None,
        dialect: str | None = None,
        error: LingpaiError | None = None,
    ) -> "Reply":
        """The same response, with fields for the log and the metrics."""
        return Reply(
            self.status, self.body, self.headers, self.cookies, error, client_id, grant, dialect, self.is_base64
        )


def json_reply(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """`content` as JSON, never to be kept by a cache on the way."""
    return Reply(status, orjson.dumps(content).decode(), {**NO_STORE, **headers} if headers else NO_STORE)


def with_query(address: str, fields: Mapping[str, str]) -> str:
    """The address with these fields added to its query."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(fields)}"


def error_headers(error: LingpaiError) -> dict[str, str]:
    """The headers of an error: `Retry-After`, `Allow`, `DPoP-Nonce`."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.allow:
        headers["Allow"] = ", ".join(error.allow)
    if error.dpop_nonce is not None:
        headers["DPoP-Nonce"] = error.dpop_nonce
    return headers
