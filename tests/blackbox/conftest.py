"""The target of this folder's tests: the one that BASE_URL names, else local servers, one for each kind of store."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.blackbox import codes, target
from tests.blackbox.service import Person, Service, somebody
from tests.e2e.server import serving
from tests.support.logs import LOGS

ORIGIN = "https://app.example.com"
GIVEN = target.given()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say loudly what the target could not be asked for."""
    if GIVEN is not None and GIVEN.lacks:
        terminalreporter.section(f"LEFT OUT: what {GIVEN.url} cannot do", sep="!", red=True, bold=True)
        for what, reason in GIVEN.lacks.items():
            terminalreporter.line(f"{what}: {reason}")


STORES = ["embedded store", pytest.param("DynamoDB Local", marks=pytest.mark.dynamodb_local)]


@pytest.fixture(scope="session", params=["given"] if GIVEN else STORES)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The API under test."""
    with ExitStack() as stack:
        if GIVEN is not None:
            opened = Service(GIVEN, _reader(GIVEN))
        else:
            overrides = {"CORS_ORIGINS": ORIGIN}
            if request.param == "DynamoDB Local":
                overrides["DYNAMODB_ENDPOINT"] = request.getfixturevalue("dynamodb_endpoint")
            folder = tmp_path_factory.mktemp("blackbox")
            server = stack.enter_context(serving(folder, KEYS_FILE=str(folder / "keys.json"), **overrides))
            local = target.Target(server.url, origin=ORIGIN)
            opened = Service(local, codes.reader(local))
        stack.callback(opened.close)
        for client in opened.target.seed.clients:
            LOGS.hush("client secret", client.client_secret or "")
        yield opened
    # A local server has stopped by now, and handed over what it printed: it is searched at the end of the suite.


def _reader(given: target.Target) -> Any:
    return (lambda _: "") if "codes" in given.lacks else codes.reader(given)


@pytest.fixture(scope="session")
def admin(service: Service) -> str:
    """An access token of the admin."""
    return service.admin()


@pytest.fixture
def person(service: Service, admin: str) -> Person:
    """An account that no other test knows."""
    return somebody(service, admin)


@pytest.fixture
def other(service: Service, admin: str) -> Person:
    """Another one."""
    return somebody(service, admin)
