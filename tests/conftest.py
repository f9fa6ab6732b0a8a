"""Fixtures for all tests, the order and the processes they run in, and one line for what the machine could not run."""

import functools
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import botocore.session
import hypothesis
import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

from tests.support import npm, stores
from tests.support.api import Api, make_api
from tests.support.fake_web import Certificate, make_certificate
from tests.support.logs import LOGS, listen
from tests.support.memory_store import MemoryStore
from tests.support.sms import Shop, open_shop

_LEFT_OUT = pytest.StashKey[str]()
_NO_NPM = pytest.StashKey[str]()

# A busy machine takes longer than hypothesis allows by default; how long a call takes is no subject of these tests.
hypothesis.settings.register_profile("lingpai", deadline=None)
hypothesis.settings.load_profile("lingpai")

# Each session of botocore, of which every command of an operator makes two, would read the data of AWS's services anew.
_create_loader = functools.cache(botocore.session.create_loader)


def pytest_configure(config: pytest.Config) -> None:
    """Listen to every line from the start; keep AWS out of reach, but for a deployment that is to be tested."""
    listen()
    botocore.session.create_loader = _create_loader
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


# The folders that take longest come first, so that no process waits for another one at the end.
_ORDER = ("e2e", "blackbox", "faults", "attack_tests", "contract", "integration", "architecture", "unit")
# All in one process: its last test counts what the others have called.
_TOGETHER = "tests/blackbox/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs DynamoDB Local; put the long folders first and the search of the logs last."""
    for item in items:
        if "dynamodb_endpoint" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.dynamodb_local)
    items.sort(key=lambda item: (item.name.startswith("test_no_secret_was_logged"), _rank(item.nodeid)))


def _rank(nodeid: str) -> int:
    folder = nodeid.split("/", 2)[1]
    return _ORDER.index(folder) if folder in _ORDER else len(_ORDER)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Let each process take one file after the other (`make test`)."""
    return _ByFile(config, log)


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return _TOGETHER if nodeid.startswith(_TOGETHER) else nodeid.partition("::")[0]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line for each reason what was left out."""
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"LEFT OUT: {count} tests: {reason}", red=True, bold=True)


@pytest.fixture(scope="session", autouse=True)
def no_secret_in_the_logs() -> Iterator[None]:
    """Search all that was logged in this process, when every other fixture is gone."""
    yield
    assert LOGS.leaks() == []


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


_LOCAL = [pytest.param(transport, marks=pytest.mark.dynamodb_local) for transport in ("bare", "botocore")]


@pytest.fixture(params=["memory", "moto", *_LOCAL])
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
def api_store(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty store for an API: in memory, or in moto for tests that are marked so."""
    with stores.for_api("moto" if request.node.get_closest_marker("moto") else "memory") as opened:
        yield opened


@pytest.fixture
def api(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API through the real handlers into a store, with the inhabitants of `make_api`."""
    return make_api(monkeypatch, api_store)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for services on this machine."""
    return make_certificate(tmp_path_factory.mktemp("web"))


@pytest.fixture
def shop(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Vendors of text messages, on this machine."""
    with open_shop(certificate, monkeypatch) as opened:
        yield opened
