"""The parts of `make bench` that measure operations: callgrind's dumps, the tables, the measured process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import profiles, recorded, report
from benchmarks.profiles import Function, Graph, Weight
from benchmarks.recorded import Units
from benchmarks.report import Cost, Operation, Samples
from benchmarks.warm import WARM_REQUEST
from lingpai.signing_keys.stores import FileKeys
from tests.support.stores import ROOT

LAYER = ROOT / "layers" / "common"

CODE = """\
1000 b py::act:/somewhere/benchmarks/warm_request.py
1010 b py::gate.<locals>.handler:/build/CommonLayer/python/lingpai/http/app.py
1020 b py::JSONEncoder.encode:/usr/lib/python3.13/json/encoder.py
1030 b py::quote:/usr/lib/python3.13/urllib/parse.py
1040 b py::sign:/build/CommonLayer/python/lingpai/aws/signature.py
"""
# Twice: act → handler → encode, quote and, through a function of a library that has no name, sign; sign → quote.
DUMP = """\
# callgrind format
positions: line
events: Ir
summary: 20300

ob=(1) ???
fl=(1) ???
fn=(1) 0x0000000000001000
0 300
cfn=(2) 0x0000000000001010
calls=2 0
0 20000

fn=(2)
0 3000
+4 1000
cfn=(3) 0x0000000000001020
calls=4 0
0 6000
cfn=(4) 0x0000000000001030
calls=2 0
* 1000
cob=(2) /usr/lib/libsomething.so
cfn=(5) 0x0000000000001040
calls=2 0
-4 9000

fn=(3)
0 6000

fn=(4)
0 4000

fn=(6) 0x0000000000001040
0 5000
cfn=(4)
calls=6 0
0 3000

ob=(2)
fn=(5)
0 1000
cob=(1)
cfn=(6)
calls=2 0
0 8000

totals: 20300
"""


def test_whose_machine_code_it_is() -> None:
    assert profiles.functions(CODE)[0x1010] == Function("gate.<locals>.handler", "lingpai/http/app.py")
    assert profiles.functions(CODE)[0x1020] == Function("JSONEncoder.encode", "json/encoder.py")
    assert profiles.functions("a0 b py::f:<string>\n") == {0xA0: Function("f", "<string>")}


def test_a_profile_charges_all_to_functions_and_rooms() -> None:
    """A function of a library at the same number is not taken for Python's; quote's counts to whom it was done for."""
    found = profiles.profile("x", profiles.graph(DUMP), profiles.functions(CODE), 2, 9000)
    own = {weight.function.name: (weight.calls, weight.own) for weight in found.functions}
    assert own == {
        "gate.<locals>.handler": (1, 2500),
        "JSONEncoder.encode": (2, 3000),
        "sign": (1, 2500),
        "quote": (4, 2000),
    }
    assert found.rooms == {profiles.WEB: 3000, profiles.JSON: 3000, profiles.SIGNING: 4000}
    assert found.total == 10_000
    assert list(found.functions) == sorted(found.functions, key=lambda weight: -weight.own)


def test_what_dataclasses_make_is_named_by_its_caller() -> None:
    code = profiles.functions(
        CODE.replace("JSONEncoder.encode:/usr/lib/python3.13/json/encoder.py", "f.<locals>.__init__:<string>")
    )
    found = profiles.profile("x", profiles.graph(DUMP), code, 2, 9000)
    assert Function("__init__ for gate.<locals>.handler", "made by dataclasses") in [
        w.function for w in found.functions
    ]
    assert found.rooms[profiles.WEB] == 6000


def test_folding_loses_no_instruction() -> None:
    graph = Graph()
    graph.own.update(a=1, b=2, c=30, d=4)
    for caller, callee, count, cost in (("a", "c", 1, 10), ("b", "c", 3, 30), ("c", "d", 4, 8), ("c", "c", 1, 5)):
        graph.add(caller, callee, count, cost)
    graph.fold("c")
    assert graph.own == {"a": 1 + 7.5, "b": 2 + 22.5, "d": 4}
    assert graph.calls["a"] == {"d": (1, 2)}
    assert graph.calls["b"] == {"d": (3, 6)}
    graph.fold("a")  # nobody calls it: it stays
    assert sum(graph.own.values()) == 37


def test_the_total_of_a_dump(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text(DUMP, "utf-8")
    assert profiles.total(tmp_path / "dump") == 20300
    (tmp_path / "dump").write_text("# callgrind format\n", "utf-8")
    with pytest.raises(ValueError, match="dump has no total"):
        profiles.total(tmp_path / "dump")


def test_all_that_is_deployed_has_a_room() -> None:
    files = [path.relative_to(LAYER).as_posix() for path in LAYER.glob("lingpai/**/*.py")]
    assert {profiles.room(Function("f", file)) for file in files} >= {profiles.WEB, profiles.CORE, profiles.ITEMS}
    assert not [file for file in files if profiles.room(Function("f", file)) is None]
    assert {name for name, _ in profiles.ROOMS} == set(profiles.MEANING)
    assert profiles.room(Function("f", "base64.py")) is None


def test_the_page_of_profiles() -> None:
    weights = tuple(Weight(Function(f"f{index}", "lingpai/http/app.py"), 2, 100 - index) for index in range(20))
    found = profiles.Profile("a, b", 90_000, {profiles.WEB: 75_000, profiles.JSON: 25_000}, weights)
    page = profiles.page([found])
    assert "| [a, b](#a-b) | 75% | 25% |" in page
    assert "90 thousand instructions, and 100 as it is profiled." in page
    assert "| web | 75 | 75% |" in page
    assert "`f11`" in page
    assert "`f12`" not in page


def samples(*handlers: float) -> Samples:
    return Samples(tuple(Cost(handler, 2, 1, 2.5, 0) for handler in handlers))


def test_ratios_and_spreads() -> None:
    assert (Cost(3, 1, 0.5, 2, 1).ratio, Cost(3, 1, 0.5, 2, 1).plain_ratio) == (1.5, 1)
    assert (Cost(3, 0, 0, 0, 0).ratio, Cost(3, 0, 0, 0, 0).plain_ratio) == (None, None)
    found = samples(3, 4, 5, 6, 7)
    assert (found.median("handler"), found.spread("handler")) == (5, "5.00 (3.50–6.50)")
    assert found.spread("ratio") == "2.50 (1.75–3.25)"
    assert Samples((Cost(3, 0, 0, 0, 0),)).spread("ratio") == "–"


def test_the_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    marks = ("operations-units", "operations", "operations-cpu")
    page = tmp_path / "page.md"
    page.write_text("\n".join(f"<!-- {mark} -->\nold\n<!-- /{mark} -->" for mark in marks), "utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    units = Units(("GetItem", "UpdateItem", "UpdateItem"), 0.5, 2)
    bare = Operation("x", "bare", units, Cost(3, 1, 0.5, 2, 1), samples(4, 4, 4))
    report.write_operations(
        [bare, Operation("x", "botocore", units, Cost(6, 4, 3, 5, 0), samples(8, 8, 8))], "so", "thus"
    )
    text = page.read_text("utf-8")
    assert "| x | 3 | GetItem, 2 × UpdateItem | 0.5 | 2 |" in text
    assert "| x | bare | 3.00 | 2.00 | 1.00 | 1.00 | 1.00 | 0.50 | 1.50 | 0.50 |" in text
    assert "| x | botocore | 6.00 | 5.00 | 0.00 | 1.20 | 4.00 | 3.00 | 1.50 |  |" in text
    timed = "4.00 (4.00–4.00) | 2.50 (2.50–2.50) | 0.00 | 1.60 (1.60–1.60) | 2.00 (2.00–2.00) | 1.00 | 2.00 (2.00–2.00)"
    assert f"| x | bare | {timed} | 0.50 |" in text
    assert "old" not in text


def test_the_pages_agree() -> None:
    """Where this fails, `make bench` writes them anew."""
    text = report.PAGE.read_text("utf-8")
    profiled = [line.removeprefix("## ") for line in profiles.PAGE.read_text("utf-8").splitlines() if line[:3] == "## "]
    assert profiled == list(recorded.WARM)
    for name in recorded.WARM:
        for transport in ("bare", "botocore"):
            assert text.count(f"\n| {name} | {transport} |") == 2, name


@pytest.mark.parametrize(
    "name", ["token-refresh", "mobile-token", "oauth-introspect, signed", "token-password, wrong", "users-register"]
)
def test_the_measured_process_does_again_what_was_recorded(name: str, tmp_path: Path) -> None:
    """Its answers stay good however often they are asked for; the store is asked alike by the handler and apart."""
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
        asked = [str(WARM_REQUEST), *folders, str(tmp_path / "event.json"), "timed", "3", *recorded.WARM[name]]
        answer = subprocess.run([sys.executable, "-B", *asked], env=environment, capture_output=True, check=True)  # noqa: S603
        said = json.loads(answer.stdout.decode().rpartition("\nmeasured ")[2])
        assert (said["status"], said["calls"]) == ([warm.status], len(warm.answers))
        assert recorded.shape(said["body"]) == recorded.shape(warm.body)
        assert player.missed == []
        assert player.asked == len(cold.answers) + (said["again"] + said["apart"]) * len(warm.answers)
        # Who registers proves no client, and argon2id is all there is to digest.
        digests = [] if name == "users-register" else ["digests"]
        assert said["parts"] == ["handler", "store", "transport", "plain", *recorded.WARM[name], *digests]
        assert all(len(spent) == 3 and min(spent) > 0 for spent in said["spent"].values())


def test_the_shape_of_an_answer() -> None:
    assert recorded.shape('{"active": true, "exp": 3, "l": [null, "x"]}') == {
        "active": True,
        "exp": "int",
        "l": [None, "str"],
    }
    assert recorded.shape("") is None


def test_units_are_those_of_the_reference(dynamodb_endpoint: str) -> None:
    assert recorded.count_units("token-refresh", dynamodb_endpoint) == Units(("UpdateItem",), 0, 1)
