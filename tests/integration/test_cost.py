"""What docs/cost.md is computed from is what the code does: calls, units and keys, counted at the wire."""

import json
from typing import Any

import pytest

from benchmarks import cost_data
from benchmarks.harness import count
from benchmarks.operations import OPERATIONS
from benchmarks.units import Units
from tests.support.stores import ROOT

DATA: Any = json.loads((ROOT / "docs" / "cost.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def counted(dynamodb_endpoint: str) -> dict[str, Units]:
    return count(dynamodb_endpoint, *OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_an_operation_takes(counted: dict[str, Units], name: str) -> None:
    """Where this fails, `make cost-data` writes the page anew."""
    (told,) = [given for given in DATA["operations"] if given["name"] == name]
    found = counted[name]
    assert told["calls"] == list(found.calls)
    assert (told["read_units"], told["write_units"]) == (found.read, found.written)
    assert told["keys"] == found.keys
    # All of the units are some key's: no item is larger than its unit.
    assert [sum(units) for units in zip(*found.keys.values(), strict=True)] in (
        [found.read, found.written],
        [],
    )


def test_what_an_account_and_a_session_keep(dynamodb_endpoint: str) -> None:
    assert DATA["bytes"] == cost_data.sizes(dynamodb_endpoint)


def test_nothing_is_told_that_is_not_counted() -> None:
    assert [given["name"] for given in DATA["operations"]] == list(OPERATIONS)
    assert all(given["cpu_ms"] > 0 and given["log_bytes"] > 0 for given in DATA["operations"])
