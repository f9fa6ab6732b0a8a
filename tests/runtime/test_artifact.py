"""What is shipped: compiled files for the processor that is asked for, small enough, and told of in the docs."""

import re
from pathlib import Path

import pytest

from tests.support.outcomes import architecture, built
from tests.support.stores import ROOT

# ELF, little-endian, 64 bits; the machine is at offset 18.
MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}
MOST = 60_000_000
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
