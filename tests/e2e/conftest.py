"""A server that the tests of this folder share."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.server import Server, is_proxy, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The local server with the demo data, for tests that leave each other alone."""
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of the tests go straight to the server."""
    for name in list(os.environ):
        if is_proxy(name):
            monkeypatch.delenv(name)
