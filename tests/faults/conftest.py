"""The API over a line to DynamoDB Local that breaks as told."""

from collections.abc import Iterator

import pytest

from tests.faults.house import House, opened


@pytest.fixture(scope="module", params=["bare", "botocore"])
def house(request: pytest.FixtureRequest, dynamodb_endpoint: str) -> Iterator[House]:
    """The API, by each transport in turn."""
    with opened(dynamodb_endpoint, request.param) as made:
        yield made
