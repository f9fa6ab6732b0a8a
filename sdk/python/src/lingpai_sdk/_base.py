"""What all clients are: an address, a client id, connections, and how long to wait."""

import math
from typing import TYPE_CHECKING, TypedDict

import httpx

from lingpai_sdk import _arguments
from lingpai_sdk._transport import AsyncTransport, Settings, Transport

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

# Seconds. The service itself ends a request after 10 s, so that its own word for that still comes in time.
DEFAULT_TIMEOUT = httpx.Timeout(connect=3.0, read=12.0, write=5.0, pool=5.0)
DEFAULT_RETRIES = 2
# The server's REFRESH_GRACE: how long a used refresh token gets the same pair again, in seconds.
DEFAULT_REFRESH_GRACE = 30.0


class CommonOptions(TypedDict, total=False):
    """The keyword arguments of all clients, as UserCenter describes them."""

    timeout: float | httpx.Timeout | None
    retries: int
    refresh_grace: float
    language: str | None
    allow_http: bool


class Options(CommonOptions, total=False):
    """The keyword arguments of the clients that block."""

    http_client: httpx.Client | None


class AsyncOptions(CommonOptions, total=False):
    """The keyword arguments of the client for asyncio."""

    http_client: httpx.AsyncClient | None


class _Common:
    """The address, the client id and the settings. `owned`: whether the httpx client is the SDK's own."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        *,
        owned: bool,
        timeout: float | httpx.Timeout | None = None,
        retries: int = DEFAULT_RETRIES,
        refresh_grace: float = DEFAULT_REFRESH_GRACE,
        language: str | None = None,
        allow_http: bool = False,
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
        elif owned:
            timeout = DEFAULT_TIMEOUT
        self._owned = owned
        self._settings = Settings(self._base_url, headers, timeout, retries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r}, {self._client_id!r})"


class Base(_Common):
    """Closes what it opened, as a context manager or by `close`; shows no secret.

    An object may be used by several threads at once: nothing in it changes but the httpx client's pool of
    connections, which is made for that. After a fork, make a new one.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        *,
        http_client: httpx.Client | None = None,
        **options: "Unpack[CommonOptions]",
    ) -> None:
        super().__init__(base_url, client_id, owned=http_client is None, **options)
        self._http = http_client or httpx.Client()
        self._transport = Transport(self._http, self._settings)

    def close(self) -> None:
        """Close the connections. An http_client that was given stays open: it is its owner's."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncBase(_Common):
    """As `Base`, for asyncio. Use an object in one event loop."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        *,
        http_client: httpx.AsyncClient | None = None,
        **options: "Unpack[CommonOptions]",
    ) -> None:
        super().__init__(base_url, client_id, owned=http_client is None, **options)
        self._http = http_client or httpx.AsyncClient()
        self._transport = AsyncTransport(self._http, self._settings)

    async def close(self) -> None:
        """As `Base.close`."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> "Self":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
