"""The parts of `make bench` that need no build: recordings, the measured process, the tables."""

import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import processes, recorded, report
from benchmarks.__main__ import COMMANDS, main
from benchmarks.harness import CannotRun, count
from benchmarks.operations import OPERATIONS
from benchmarks.processes import Bench, Function, Job
from benchmarks.report import Compared
from benchmarks.units import Units
from lingpai.signing_keys.stores import FileKeys
from tests.support.stores import ROOT

LAYER = ROOT / "layers" / "common"


def test_the_total_of_a_dump(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text("# callgrind format\nsummary: 20300\nfn=(1)\n0 20300\n", "utf-8")
    assert processes.total(tmp_path / "dump") == 20300
    (tmp_path / "dump").write_text("# callgrind format\n", "utf-8")
    with pytest.raises(CannotRun, match="dump has no total"):
        processes.total(tmp_path / "dump")


def test_a_start_is_compared_with_another() -> None:
    naive, ours = (
        Compared("naive", (400_000_000,), ((400, 500, 600),)),
        Compared("ours", (100_000_000,), ((100, 100, 300),)),
    )
    assert report.starts([naive, ours], "naive").splitlines()[2:] == [
        "| naive | 400 | 1.00 | 500 (450–550) | 1.00 |",
        "| ours | 100 | 0.25 | 100 (100–200) | 0.20 |",
    ]


def test_an_operation_is_compared_side_by_side() -> None:
    one, other = Compared("x", (3_000_000,), ((3, 4, 5, 6, 7),)), Compared("x", (6_000_000,), ((8, 8, 8, 8),))
    assert report.compared(("Operation", "bare", "botocore"), [one.beside(other)]).splitlines() == [
        "| Operation | Mi: bare | botocore | ratio | CPU, ms: bare | botocore | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| x | 3.00 | 6.00 | 0.50 | 5.00 (4.00–6.00) | 8.00 (8.00–8.00) | 0.62 |",
    ]
    three = one.beside(other).beside(Compared("x", (500_000,), ((1, 2, 3),)))
    (row,) = report.answers([three]).splitlines()[2:]
    assert row == ("| x | 3.00 | 6.00 | 0.50 | 0.500 | 5.00 (4.00–6.00) | 8.00 (8.00–8.00) | 0.62 | 2.00 (1.50–2.50) |")
    assert three.warm == Compared("x", (500_000,), ((1, 2, 3),))
    (row,) = report.units({"x": Units(("GetItem", "UpdateItem", "UpdateItem"), 0.5, 2)}).splitlines()[2:]
    assert row == "| x | GetItem, 2 × UpdateItem | 3 | 0.5 | 2 |"


def test_a_page_keeps_what_stands_around_the_tables(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- peers -->\nold\n<!-- /peers -->\nafter\n", "utf-8")
    report.write("peers", "new", page)
    assert page.read_text("utf-8") == "before\n<!-- peers -->\n\nnew\n\n<!-- /peers -->\nafter\n"
    with pytest.raises(ValueError, match="no place for peers"):
        report.put("no place for it", "peers", "new")


@pytest.mark.parametrize(
    ("name", "page"),
    [
        *((name, report.PAGE) for name in ("cold-start", "operations-units", "operations", "transports", "growth")),
        ("peers", report.PEERS_PAGE),
    ],
)
def test_each_table_has_its_place(name: str, page: Path) -> None:
    text = page.read_text("utf-8")
    assert report.put(text, name, "x") != text


def test_the_page_has_every_operation() -> None:
    """Where this fails, `make bench` writes it anew."""
    text = report.PAGE.read_text("utf-8")
    for name in OPERATIONS:
        assert text.count(f"\n| {name} |") >= 2, name


@pytest.mark.parametrize(
    "name", ["refresh", "login by code", "introspection, signed token", "wrong password", "registration"]
)
def test_the_measured_process_does_again_what_was_recorded(name: str, tmp_path: Path) -> None:
    """Its answers stay good however often they are asked for, and in each restored process."""
    recording = recorded.record(name, recorded.make_keys(FileKeys(tmp_path / "keys.json")))
    with recorded.playing(tmp_path) as player:
        bench = Bench(tmp_path, player, tmp_path)
        environment = {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not a secret",
            "AWS_ENDPOINT_URL": player.url,
            "AWS_CA_BUNDLE": str(player.authority),
            "CODE_PEPPER": recorded.PEPPER,
            "KEYS_FILE": str(tmp_path / "keys.json"),
            "PYTHONPATH": sysconfig.get_path("purelib"),
        }
        code = ROOT / "functions" / recording.function.removesuffix("Function").lower()
        python = (sys.executable, "-B")
        function = Function(bench, code, LAYER, environment, python)
        job = Job(recording, warm_up=1, times=2)
        _, answers = function.answer("timed", [job, job])
        for one in answers:
            assert (one.statuses, one.answered, len(one.spent)) == ([recording.status], 5, 4)
            assert min(one.spent) > 0
        # It would be noticed if one was not asked for, or another one answered.
        with pytest.raises(CannotRun, match=r"and not for .*Scan"):
            function.answer(
                "timed", [replace(job, recording=replace(recording, first=(*recording.first, ("Scan", b"{}"))))]
            )
        with pytest.raises(CannotRun, match="when it was recorded"):
            function.answer("timed", [replace(job, recording=replace(recording, body='{"other": 1}'))])


def test_the_shape_of_an_answer() -> None:
    assert recorded.shape('{"active": true, "exp": 3, "l": [null, "x"]}') == {
        "active": True,
        "exp": "int",
        "l": [None, "str"],
    }
    assert recorded.shape("") is None


def test_units_are_those_of_the_reference(dynamodb_endpoint: str) -> None:
    counted = count(dynamodb_endpoint, "refresh", "machine token, opaque")
    assert counted == {
        "refresh": Units(("UpdateItem",), 0, 1, {"Sessions of a user": [0, 1]}),
        "machine token, opaque": Units(("PutItem",), 0, 1, {"Sessions of a machine": [0, 1]}),
    }


def test_what_is_missing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert main(["cold-start", "--build", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path} holds no layer: run `make build-here`\n"


def test_every_command_has_a_line_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
