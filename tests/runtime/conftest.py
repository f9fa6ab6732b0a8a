"""What `make e2e-runtime` has built and installed before it runs this folder; `make test` leaves it out."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.server import is_proxy
from tests.support import stores
from tests.support.outcomes import built


def pytest_configure() -> None:
    """Say at once what is not there."""
    for folder in ("here", "arm64"):
        if not (built(folder) / "template.yaml").is_file():
            raise pytest.UsageError(f"there is no build in .aws-sam/{folder}: run `make e2e-runtime`")
    for name in filter(is_proxy, list(os.environ)):
        del os.environ[name]


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Iterator[str]:
    """A DynamoDB Local: nothing here makes sense without one."""
    reason = stores.missing()
    assert reason is None, reason
    with stores.dynamodb_local() as endpoint:
        yield endpoint
