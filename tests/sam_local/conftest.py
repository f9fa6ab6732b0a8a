"""What `make e2e-sam-local` has built and started before it runs this folder; `make test` leaves it out."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.server import serving
from tests.sam_local.sam import Sam, template_for
from tests.support import long_run, stores


def pytest_configure() -> None:
    """End as Ctrl-C does when told to stop; say at once what is not there."""
    long_run.prepare()
    if not os.environ.get("DOCKER_HOST"):
        raise pytest.UsageError("DOCKER_HOST names no engine: run `make e2e-sam-local`")


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Iterator[str]:
    """A DynamoDB Local: nothing here makes sense without one."""
    reason = stores.missing()
    assert reason is None, reason
    with stores.dynamodb_local() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def sam(tmp_path_factory: pytest.TempPathFactory, dynamodb_endpoint: str) -> Iterator[Sam]:
    """`sam local`, on tables that a server has seeded."""
    folder = tmp_path_factory.mktemp("sam")
    keys = folder / "keys.json"
    with serving(folder, DYNAMODB_ENDPOINT=dynamodb_endpoint, KEYS_FILE=str(keys)):
        pass
    with template_for(dynamodb_endpoint, keys) as template:
        yield Sam(template, folder)
