"""docs/cost.md is what `make cost` writes, and the arithmetic in it is right."""

import json
import re
from typing import Any

import pytest

from tests.support.stores import ROOT
from tools import cost

TEMPLATE = (ROOT / "template.yaml").read_text("utf-8")
DATA: Any = json.loads(cost.DATA.read_text("utf-8"))


def test_the_page_is_computed() -> None:
    """Where this fails, `make cost` writes it anew."""
    written: list[str] = []
    assert cost.main(written.append) == 0
    assert written == [cost.PAGE.read_text("utf-8")]


def test_a_million_by_hand() -> None:
    """Two calls, one of them a transaction, with half of a full processor: 2 × (10 + 1.6) + 14 = 37.2 ms."""
    one = cost.Operation(
        name="x",
        calls=("GetItem", "TransactWriteItems"),
        read=2,
        written=4,
        keys={},
        log_bytes=2**30 // 10**6 - 700,
        cpu_ms=10,
        memory=cost.FULL_PROCESSOR_MB // 2,
    )
    assert one.billed_ms == 38
    gb_s = 10**6 * 0.038 * (884 / 1024)
    assert one.parts == {
        "HTTP API": 1.0,
        "Lambda": pytest.approx(0.2 + gb_s * 0.0000133334),
        "DynamoDB": pytest.approx(2 * 0.125 + 4 * 0.625),
        "Logs": pytest.approx(0.5, abs=0.001),
    }
    assert one.dollars == pytest.approx(sum(one.parts.values()))


def test_every_key_is_told_of() -> None:
    """Who shares it is said of each kind of key that operations touch, and of no other."""
    kinds = {kind for given in DATA["operations"] for kind in given["keys"]}
    assert kinds == set(cost.SHARED)


def test_the_alarms_are_counted() -> None:
    from tests.architecture.test_monitoring import ALARMS, watched_by

    looked_at = sum(len(list(watched_by(alarm["Properties"]))) for alarm in ALARMS.values())
    assert f"| metrics that alarms look at | {looked_at} |" in cost.PAGE.read_text("utf-8")


def test_what_it_tells_to_set_is_there() -> None:
    """Settings and parameters that the page names exist."""
    from lingpai.settings import Settings

    page = cost.PAGE.read_text("utf-8")
    for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", page):
        assert name.lower() in Settings.model_fields, name
    for name in ("ThrottleTokens", "ThrottleChecks", "ThrottleCodes", "LimitSmsDay", "Monitoring"):
        assert name in page
        assert f"{name}:" in TEMPLATE
