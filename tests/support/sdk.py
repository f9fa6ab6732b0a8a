"""The Python SDK before the real handlers: its requests go to an `Api` without a network."""

import types
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from lingpai_sdk import AsyncLingpai, Lingpai, NextStep, Tokens, dpop
from sdk_support import Blocking

from tests.support.api import Api
from tests.support.dialects import ISSUER
from tests.support.logs import LOGS

_OF_HTTP = {"host", "connection", "accept-encoding", "content-length"}


@dataclass
class Line:
    """The way to the API. The answers at the paths of `lost` get lost, each once, after the request was handled."""

    api: Api
    lost: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """What the transport of httpx calls."""
        headers = {name: value for name, value in request.headers.items() if name not in _OF_HTTP}
        target = request.url.raw_path.decode()
        self.paths.append(target)
        answer = self.api.call(request.method, target, body=request.content, headers=headers)
        if target in self.lost:
            self.lost.remove(target)
            raise httpx.ReadError("")
        if answer.body.startswith("{"):
            for name in ("auth_session", "authorization_code"):
                LOGS.hush(name, str(answer.json.get(name, "")))
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body.encode())

    def client(self, kind: str, client_id: str, secret: str | None = None) -> Any:
        """A client of the SDK, `blocking` or for `asyncio`; its coroutines are run to their end."""
        transport = httpx.MockTransport(self)
        if kind == "blocking":
            return Blocking(Lingpai(ISSUER, client_id, secret, http_client=httpx.Client(transport=transport)))
        return Blocking(AsyncLingpai(ISSUER, client_id, secret, http_client=httpx.AsyncClient(transport=transport)))


def at_the_clock_of(api: Api, patch: pytest.MonkeyPatch) -> None:
    """Let proofs of the SDK be made by the API's clock."""
    patch.setattr(dpop, "time", types.SimpleNamespace(time=api.time))


def user_of(line: Line, tokens: Tokens | NextStep, **options: Any) -> int:
    """Whose tokens they are; the scope must open `/users/current`."""
    assert isinstance(tokens, Tokens), tokens
    found: int = line.client("blocking", "mobile-app").current_user(tokens.access_token, **options).id
    return found
