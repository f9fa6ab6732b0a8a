"""Fixtures for all tests, and a loud word about what the machine could not run."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from lingpai.adapters.memory import MemoryStore
from tests.support import npm, stores
from tests.support.api import Api, make_api
from tests.support.fake_web import Certificate, make_certificate
from tests.support.logs import listen
from tests.support.sms import Shop, open_shop

_LEFT_OUT = pytest.StashKey[str]()
_NO_NPM = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Listen to every line from the start; keep AWS out of reach, but for a deployment that is to be tested."""
    listen()
    if not os.environ.get("BASE_URL"):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            os.environ[name] = "testing"
        os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
        os.environ.pop("AWS_PROFILE", None)
    reason = stores.missing()
    if reason is not None:
        if os.environ.get("REQUIRE_DYNAMODB_LOCAL"):
            raise pytest.UsageError(f"DynamoDB Local is required and cannot run: {reason}")
        config.stash[_LEFT_OUT] = reason
    reason = npm.missing()
    if reason is not None:
        if os.environ.get("REQUIRE_NODE"):
            raise pytest.UsageError(f"The clients of npm are required and cannot run: {reason}")
        config.stash[_NO_NPM] = reason


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Search the logs last, when everything has been said."""
    items.sort(key=lambda item: item.name.startswith("test_no_secret_was_logged"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say loudly what was left out."""
    reason = config.stash.get(_LEFT_OUT, None)
    if reason is not None:
        terminalreporter.section("LEFT OUT: everything on DynamoDB Local", sep="!", red=True, bold=True)
        terminalreporter.line(f"The races and the reference contract did not run: {reason}.")
    reason = config.stash.get(_NO_NPM, None)
    if reason is not None:
        terminalreporter.section("LEFT OUT: the clients of npm", sep="!", red=True, bold=True)
        terminalreporter.line(f"No client in JavaScript was tried: {reason}.")


@pytest.fixture(scope="session")
def dynamodb_endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a DynamoDB Local that runs as long as the session."""
    reason = request.config.stash.get(_LEFT_OUT, None)
    if reason is not None:
        pytest.skip(f"DynamoDB Local: {reason}")
    with stores.dynamodb_local() as endpoint:
        yield endpoint
        stores.hang_up(endpoint)


@pytest.fixture
def npm_clients(request: pytest.FixtureRequest) -> None:
    """For tests that run clients of npm."""
    reason = request.config.stash.get(_NO_NPM, None)
    if reason is not None:
        pytest.skip(f"clients of npm: {reason}")


@pytest.fixture(params=["memory", "moto", "bare", "botocore"])
def store(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty store, one of each kind in turn."""
    with ExitStack() as stack:
        match request.param:
            case "memory":
                yield MemoryStore()
            case "moto":
                yield stack.enter_context(stores.on_moto())
            case _:
                endpoint = request.getfixturevalue("dynamodb_endpoint")
                yield stack.enter_context(stores.on_dynamodb_local(endpoint, transport=request.param))


@pytest.fixture(params=["bare", "botocore"])
def reference(request: pytest.FixtureRequest, dynamodb_endpoint: str) -> Iterator[Any]:
    """An empty store on DynamoDB Local, asked in either way: what races are run on."""
    with stores.on_dynamodb_local(dynamodb_endpoint, transport=request.param) as opened:
        yield opened


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API through the real handlers into DynamoDB (moto), with the inhabitants of `make_api`."""
    with stores.on_moto() as opened:
        yield make_api(monkeypatch, opened)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for services on this machine."""
    return make_certificate(tmp_path_factory.mktemp("web"))


@pytest.fixture
def shop(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Vendors of text messages, on this machine."""
    with open_shop(certificate, monkeypatch) as opened:
        yield opened
