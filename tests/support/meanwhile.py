"""What happens to a store while a request works."""

from collections.abc import Callable
from typing import Any

import pytest

from lingpai.kernel.writes import Write
from tests.support.api import Api


def meanwhile(monkeypatch: pytest.MonkeyPatch, api: Api, act: Callable[[], Any]) -> None:
    """Let something happen before the next commit, once."""
    store: Any = api.services.store
    commit, waiting = store.commit, [act]

    def delayed(*writes: Write) -> None:
        if waiting:
            waiting.pop()()
        commit(*writes)

    monkeypatch.setattr(store, "commit", delayed)
