"""What docs/cost.md is computed from is what the code does: calls, units and keys, counted at the wire."""

import json
from typing import Any

import pytest

from benchmarks import operations
from tests.support.stores import ROOT

DATA: Any = json.loads((ROOT / "docs" / "cost.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def counted(dynamodb_endpoint: str) -> dict[str, operations.Counted]:
    return {one.name: one for one in operations.count(dynamodb_endpoint)}


@pytest.mark.parametrize("name", operations.OPERATIONS)
def test_what_an_operation_takes(counted: dict[str, operations.Counted], name: str) -> None:
    """Where this fails, `make cost-data` writes the page anew."""
    (told,) = [given for given in DATA["operations"] if given["name"] == name]
    found = counted[name]
    assert told["calls"] == list(found.calls)
    assert (told["read_units"], told["write_units"]) == (found.read_units, found.write_units)
    assert told["keys"] == found.keys
    # All of the units are some key's: no item is larger than its unit.
    assert [sum(units) for units in zip(*found.keys.values(), strict=True)] in (
        [found.read_units, found.write_units],
        [],
    )


def test_what_an_account_and_a_session_keep(dynamodb_endpoint: str) -> None:
    assert DATA["bytes"] == operations.sizes(dynamodb_endpoint)


def test_nothing_is_told_that_is_not_counted() -> None:
    assert [given["name"] for given in DATA["operations"]] == list(operations.OPERATIONS)
    assert all(given["cpu_ms"] > 0 and given["log_bytes"] > 0 for given in DATA["operations"])
