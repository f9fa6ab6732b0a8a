"""What goes back: status, headers, JSON body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lingpai.errors import LingpaiError

# RFC 6749 section 5.1: every answer that holds a token.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
JSON = "application/json;charset=UTF-8"
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `body` is JSON text, empty for none.

    `error`, `client_id`, `grant` and `dialect` (of the client's record) are for the log and the metrics.
    """

    status: int
    body: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    error: LingpaiError | None = None
    client_id: str | None = None
    grant: str | None = None
    dialect: str | None = None


def json_reply(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """`content` as JSON, never to be kept by a cache on the way."""
    text = _json(content)
    return Reply(status, text, {**NO_STORE, **(headers or {})})


def error_headers(error: LingpaiError) -> dict[str, str]:
    """What an error says in its headers: when to come back, which methods are taken."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.allow:
        headers["Allow"] = ", ".join(error.allow)
    return headers
