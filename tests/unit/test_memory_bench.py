"""What docs/performance.md says of memory and time-outs holds for the template, and what is computed for it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import memory, share
from benchmarks.memory import Run, Took
from lingpai.settings import Settings
from tests.support.stores import ROOT, TEMPLATE

PAGE = (ROOT / "docs" / "performance.md").read_text("utf-8")


def section(name: str) -> str:
    """What stands between the marks of this name."""
    return PAGE.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]


def cells(text: str, head: str) -> list[list[str]]:
    """The rows of the table that begins so."""
    table = text[text.index(f"| {head} |") :].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_size_of_the_template_is_one_that_is_measured() -> None:
    assert {function.memory for function in TEMPLATE.functions} <= set(memory.SIZES)


def test_every_function_is_measured_and_its_peak_leaves_half_of_its_memory() -> None:
    least = {function.name.removesuffix("Function"): function.memory for function in TEMPLATE.functions}
    rows = cells(section("memory"), "Request")
    assert {row[1] for row in rows} == set(least)
    for row in rows:
        assert max(float(row[2]), float(row[3])) < least[row[1]] / 2


def test_the_time_out_is_longer_than_what_may_take_long_by_itself() -> None:
    *waits, (named, limit), (_, gateway) = cells(section("time-outs"), "What may take long")
    assert named == "**the time-out of the functions**"
    for what, taken in waits:
        assert float(taken) < float(limit) < float(gateway), what


def test_the_page_has_the_time_outs_of_the_template_and_the_settings() -> None:
    measured = float(cells(section("time-outs"), "What may take long")[0][1])
    assert memory.told_waits(measured, TEMPLATE, Settings()) == section("time-outs").strip()


def test_a_slower_share_lengthens_what_the_processor_does_and_not_what_is_waited_for() -> None:
    run = Run(waited=(300, 10), spent=(100, 2), peaks=(1, 1))
    assert memory.slowed(run, 0.25).waited == (600, 16)
    assert memory.slowed(run, 1) == run


def test_dollars_are_for_whole_milliseconds_and_for_the_memory() -> None:
    assert memory.dollars(9.1, 1024) == memory.dollars(10, 1024) == 2 * memory.dollars(10, 512)
    assert memory.dollars(1000, 1024) == pytest.approx(13.3334)


def test_a_known_client_is_not_read_again() -> None:
    record = b'{"client_id":{"S":"web"},"dialect":{"S":"spring"}}'
    assert memory.is_client(("BatchGetItem", b'{"Responses":{"ClientsTable":[' + record + b"]}}"))
    assert not memory.is_client(("BatchGetItem", b'{"Responses":{"UsersTable":[{"id":{"N":"1"}}]}}'))
    assert not memory.is_client(("GetItem", b'{"Item":{"client_id":{"S":"web"},"owner":{"N":"1"}}}'))
    assert not memory.is_client(("GetItem", b"{}"))
    assert not memory.is_client(("UpdateItem", b'{"Attributes":{"dialect":{"S":"spring"}}}'))


def test_the_tables_say_whether_it_was_measured_or_computed() -> None:
    took = Took(400.2, 5.5)
    case = memory.Case(
        "oauth-introspect", "TokenFunction", Took(150, 1), (2**25, 2**26), dict.fromkeys(memory.SIZES, took)
    )
    assert "computed: " in memory.told([case], 3, limited=False)
    text = memory.told([case], 3, limited=True)
    assert "computed" not in text
    assert "| oauth-introspect | Token | 32 | 64 | 150 | 1.0 |" in text
    assert cells(text, "A request, ms (dollars of a million)")[0][1] == "6 (0.01)"


def test_a_group_gets_no_more_than_its_share() -> None:
    with share.of_a_processor(0.1) as before:
        if before is None:
            pytest.skip("no control group can be made here: that takes root")
        group = Path(before[-1])
        subprocess.run([*before, sys.executable, "-c", "sum(range(3_000_000))"], check=True)  # noqa: S603
        throttled = re.search(r"nr_throttled ([0-9]+)", (group / "cpu.stat").read_text("ascii"))
        assert throttled is not None
        assert int(throttled[1]) > 0
    assert not group.exists()


def test_where_no_group_can_be_made_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain folder, as where control groups of the first version are mounted below it."""
    monkeypatch.setattr(share, "GROUPS", tmp_path)
    with share.of_a_processor(0.5) as before:
        assert before is None
    assert list(tmp_path.iterdir()) == []
