"""Every write that a feature defines has an action in every store."""

import importlib

from lingpai import store
from lingpai.kernel.writes import Write
from tests.support import memory_store
from tests.support.stores import ROOT

PACKAGES = ROOT / "layers" / "common" / "lingpai"


def writes() -> set[type[Write]]:
    """The subclasses of Write in the features' storage.py, and in whatever else is imported."""
    for path in PACKAGES.glob("*/storage.py"):
        importlib.import_module(f"lingpai.{path.parent.name}.storage")
    found, left = set[type[Write]](), [Write]
    while left:
        subclasses = left.pop().__subclasses__()
        left += subclasses
        found.update(subclasses)
    return found


def test_every_write_has_an_action_in_dynamodb() -> None:
    assert set(store.ACTIONS) == writes()
    assert len(writes()) >= 18


def test_every_write_has_an_action_in_memory() -> None:
    assert set(memory_store.ACTIONS) == writes()
