"""Both clients, before a server that answers by a script."""

from types import SimpleNamespace

import pytest

from lingpai_sdk import Lingpai, UserCenter, _transport
from sdk_support import URL, Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(_transport, "time", SimpleNamespace(sleep=made.pause, monotonic=lambda: made.now))

    async def pause(seconds: float) -> None:
        made.pause(seconds)

    monkeypatch.setattr(_transport, "asyncio", SimpleNamespace(sleep=pause))
    return made


@pytest.fixture
def lingpai(server: Server) -> Lingpai:
    return Lingpai(URL, "shop", "shop-secret", http_client=server.http)


@pytest.fixture
def center(server: Server) -> UserCenter:
    return UserCenter(URL, "23", "aaaa", http_client=server.http)
