"""What is shipped: compiled files for the processor that is asked for, small enough, and told of in the docs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.outcomes import architecture, built
from tests.support.stores import ROOT, TEMPLATE

# ELF, little-endian, 64 bits; the machine is at offset 18.
MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}
MOST = 60_000_000
FUNCTIONS = sorted(function.name for function in TEMPLATE.functions)
_PART = re.compile(r"^\| `([^`]+)` \| ([0-9.]+) \|", re.MULTILINE)


def binaries(build: Path) -> list[Path]:
    """Every file that is a compiled one, whatever its name."""
    return [path for path in build.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]


@pytest.mark.parametrize(("folder", "processor"), [("arm64", "arm64"), ("here", architecture())])
def test_compiled_files_are_for_the_processor(folder: str, processor: str) -> None:
    """The default is arm64; the other is one parameter of the template away, and is what the other tests run."""
    found = binaries(built(folder))
    assert found
    machines = {path.name: int.from_bytes(path.read_bytes()[18:20], "little") for path in found}
    assert machines == dict.fromkeys(machines, MACHINES[processor])


@pytest.mark.parametrize("folder", ["arm64", "here"])
def test_the_layer_is_small(folder: str) -> None:
    """Unzipped, in bytes. (Lambda allows 262 MB, and a cold start reads most of it.)"""
    assert sum(sizes(folder).values()) < MOST


def test_the_docs_list_its_parts() -> None:
    """docs/deployment-tests.md has a row for each part of at least half a megabyte, right to a tenth of it or so."""
    text = (ROOT / "docs" / "deployment-tests.md").read_text("utf-8")
    told = {part: float(size) for part, size in _PART.findall(text)}
    large = {part: size / 1e6 for part, size in sizes("arm64").items() if size >= 500_000}
    assert set(told) == set(large)
    for part, size in large.items():
        assert told[part] == pytest.approx(size, rel=0.15), part


def sizes(folder: str) -> dict[str, int]:
    """Bytes of each part of the layer: a package with what belongs to it."""
    layer = built(folder) / "CommonLayer" / "python"
    found: dict[str, int] = {}
    for path in layer.rglob("*"):
        if path.is_file():
            top = path.relative_to(layer).parts[0]
            name = re.sub(r"(\.libs|-[0-9][^-]*\.dist-info)$", "", top)
            found[name] = found.get(name, 0) + path.stat().st_size
    return found


@pytest.mark.security("F41")
@pytest.mark.parametrize("folder", ["arm64", "here"])
def test_the_bill_of_materials_is_that_of_the_layer(folder: str) -> None:
    """Each package that lies in the layer, in this version, and no other; each with the hashes of its files."""
    layer = built(folder) / "CommonLayer" / "python"
    there = {path.name.removesuffix(".dist-info").replace("_", "-").lower() for path in layer.glob("*.dist-info")}
    told = json.loads((built(folder) / "sbom.cdx.json").read_text("utf-8"))
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.5")
    assert {f"{component['name']}-{component['version']}" for component in told["components"]} == there
    for component in told["components"]:
        files = component["externalReferences"]
        assert {each["alg"] for file in files for each in file["hashes"]} == {"SHA-256"}, component["name"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_compiled_files_are_taken_whatever_the_times_say(tmp_path: Path, function: str) -> None:
    """With every time rewritten, as in a zip, nothing is compiled again: of the layer, and of the function itself."""
    here = built("here")
    layer = here / "CommonLayer" / "python"
    sources = [*layer.rglob("*.py"), here / function / "app.py"]
    assert len(sources) > 100
    for path in sources:
        os.utime(path, (946684800, 946684800))
    program = (
        "import sys\n"
        f"sys.path[:0] = [{str(here / function)!r}, {str(layer)!r}]\n"
        "import importlib._bootstrap_external as loading\n"
        "compiled = []\n"
        "original = loading.SourceLoader.source_to_code\n"
        "loading.SourceLoader.source_to_code = lambda self, data, path, **more: (\n"
        "    compiled.append(path), original(self, data, path, **more))[1]\n"
        "import app\n"
        f"print([path for path in compiled if path.startswith({str(here)!r})], 'lingpai' in sys.modules)"
    )
    ended = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-I", "-S", "-B", "-c", program],
        env={},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "[] True\n", ended.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_its_module_alone(function: str) -> None:
    """Nothing else that lies in the checkout, nor a word of where that is: whoever builds it has the same bytes."""
    here, arm64 = (contents(built(folder) / function) for folder in ("here", "arm64"))
    assert set(here) == {"app.py", "__pycache__/app.cpython-313.pyc"}
    assert here == arm64
    assert str(ROOT).encode() not in here["__pycache__/app.cpython-313.pyc"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
