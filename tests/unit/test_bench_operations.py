"""The parts of `make bench` that need no build: recordings, the measured process, the tables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import processes, recorded, report
from benchmarks.__main__ import COMMANDS, main
from benchmarks.recorded import Units
from benchmarks.report import Operation, Start
from lingpai.signing_keys.stores import FileKeys
from tests.support.stores import ROOT

LAYER = ROOT / "layers" / "common"


def test_the_total_of_a_dump(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text("# callgrind format\nsummary: 20300\nfn=(1)\n0 20300\n", "utf-8")
    assert processes.total(tmp_path / "dump") == 20300
    (tmp_path / "dump").write_text("# callgrind format\n", "utf-8")
    with pytest.raises(ValueError, match="dump has no total"):
        processes.total(tmp_path / "dump")


def test_a_start_is_compared_with_another() -> None:
    rows = [Start("naive", 400_000_000, (0.4, 0.5, 0.6)), Start("ours", 100_000_000, (0.1, 0.1, 0.3))]
    assert report.starts(rows, "naive").splitlines()[2:] == [
        "| naive | 400 | 1.00 | 500 (400–600) | 1.00 |",
        "| ours | 100 | 0.25 | 100 (100–300) | 0.20 |",
    ]


OPERATION = Operation(
    "x",
    Units(("GetItem", "UpdateItem", "UpdateItem"), 0.5, 2),
    {"bare": 3, "botocore": 6},
    {"bare": (3, 4, 5, 6, 7), "botocore": (8, 8, 8, 8)},
)


def test_an_operation_is_compared_by_transport() -> None:
    (row,) = report.operations([OPERATION]).splitlines()[2:]
    assert row == "| x | 3.00 | 6.00 | 0.50 | 5.00 (3.50–6.50) | 8.00 (8.00–8.00) | 0.62 |"
    (row,) = report.units([OPERATION]).splitlines()[2:]
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
        *((name, report.PAGE) for name in ("cold-start", "operations-units", "operations", "growth")),
        ("peers", report.PEERS_PAGE),
    ],
)
def test_each_table_has_its_place(name: str, page: Path) -> None:
    text = page.read_text("utf-8")
    assert report.put(text, name, "x") != text


def test_the_page_has_every_operation() -> None:
    """Where this fails, `make bench` writes it anew."""
    text = report.PAGE.read_text("utf-8")
    for name in recorded.WARM:
        assert text.count(f"\n| {name} |") >= 2, name


@pytest.mark.parametrize(
    "name", ["token-refresh", "mobile-token", "oauth-introspect, signed", "token-password, wrong", "users-register"]
)
def test_the_measured_process_does_again_what_was_recorded(name: str, tmp_path: Path) -> None:
    """Its answers stay good however often they are asked for."""
    cold, warm = recorded.record_warm(name, recorded.make_keys(FileKeys(tmp_path / "keys.json")))
    (tmp_path / "event.json").write_text(json.dumps(warm.event), "utf-8")
    with recorded.playing(tmp_path) as player:
        player.play(cold, warm)
        environment = {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not a secret",
            "AWS_ENDPOINT_URL": player.url,
            "AWS_CA_BUNDLE": str(player.authority),
            "CODE_PEPPER": recorded.PEPPER,
            "KEYS_FILE": str(tmp_path / "keys.json"),
        }
        folders = [str(ROOT / "functions" / warm.function.removesuffix("Function").lower()), str(LAYER)]
        asked = [str(processes.MEASURED), *folders, str(tmp_path / "event.json"), "timed", "3", "2"]
        answer = subprocess.run([sys.executable, "-B", *asked], env=environment, capture_output=True, check=True)  # noqa: S603
        said = json.loads(answer.stdout.decode().rpartition("\nmeasured ")[2])
        assert (said["statuses"], said["answered"]) == ([warm.status], 6)
        assert recorded.shape(said["body"]) == recorded.shape(warm.body)
        assert player.missed == []
        assert player.asked == len(cold.answers) + 5 * len(warm.answers)
        assert len(said["spent"]) == 3
        assert min(said["spent"]) > 0


def test_the_shape_of_an_answer() -> None:
    assert recorded.shape('{"active": true, "exp": 3, "l": [null, "x"]}') == {
        "active": True,
        "exp": "int",
        "l": [None, "str"],
    }
    assert recorded.shape("") is None


def test_units_are_those_of_the_reference(dynamodb_endpoint: str) -> None:
    assert recorded.count_units("token-refresh", dynamodb_endpoint) == Units(("UpdateItem",), 0, 1)


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
