"""What both clients are: an address, a client id, connections, and how long to wait."""

import math
from typing import TYPE_CHECKING, TypedDict

import httpx

from lingpai_sdk import _arguments
from lingpai_sdk._transport import Transport

if TYPE_CHECKING:
    from typing_extensions import Self

# Seconds. The service itself ends a request after 10 s, so that its own word for that still comes in time.
DEFAULT_TIMEOUT = httpx.Timeout(connect=3.0, read=12.0, write=5.0, pool=5.0)
DEFAULT_RETRIES = 2
# The server's REFRESH_GRACE: how long a used refresh token gets the same pair again, in seconds.
DEFAULT_REFRESH_GRACE = 30.0


class Options(TypedDict, total=False):
    """The keyword arguments of both clients, as UserCenter describes them."""

    timeout: float | httpx.Timeout | None
    retries: int
    refresh_grace: float
    language: str | None
    allow_http: bool
    http_client: httpx.Client | None


class Base:
    """Closes what it opened, as a context manager or by `close`; shows no secret.

    An object may be used by several threads at once: nothing in it changes but the httpx client's pool of
    connections, which is made for that. After a fork, make a new one.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        *,
        timeout: float | httpx.Timeout | None = None,
        retries: int = DEFAULT_RETRIES,
        refresh_grace: float = DEFAULT_REFRESH_GRACE,
        language: str | None = None,
        allow_http: bool = False,
        http_client: httpx.Client | None = None,
    ) -> None:
        self._base_url = _arguments.base_address(base_url, allow_http=allow_http)
        self._client_id = _arguments.text("client_id", client_id)
        if retries < 0:
            raise ValueError("retries: must not be negative")
        if not (math.isfinite(refresh_grace) and refresh_grace >= 0):
            raise ValueError("refresh_grace: must be a number of seconds")
        # The rest of it is for the way there, and for the server to get at it.
        self._refresh_within = refresh_grace * 2 / 3
        headers = {"Accept": "application/json", "User-Agent": "lingpai-sdk (python)"}
        if language is not None:
            headers["Accept-Language"] = _arguments.header("language", language)
        if timeout is not None:
            timeout = httpx.Timeout(timeout)
        elif http_client is None:
            timeout = DEFAULT_TIMEOUT
        self._owned = http_client is None
        self._http = http_client or httpx.Client()
        self._transport = Transport(self._http, self._base_url, headers, timeout, retries)

    def close(self) -> None:
        """Close the connections. An http_client that was given stays open: it is its owner's."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r}, {self._client_id!r})"
