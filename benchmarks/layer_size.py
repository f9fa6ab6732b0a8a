"""How large the layer is, by package, beside what Lambda takes.

    .venv/bin/python -m benchmarks.layer_size [--build .aws-sam/here] [--write]

In: the layer and the functions as `sam build` made them for this machine. Out: bytes of each package as it is on disk,
its compiled modules apart, and what it takes in the zip that is uploaded; with --write, the table of
docs/performance.md. The exit code is 2 where nothing is built.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import argparse
import os
import platform
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.markdown import table
from benchmarks.report import write_section
from tests.support.stores import ROOT

LAYER = Path("CommonLayer")
# Where Lambda looks for Python's packages in a layer.
PACKAGES = "python"
# As Lambda counts them: of a function and its layers unzipped, and of an archive that is uploaded to it directly.
MEGABYTE = 2**20
UNZIPPED_MOST, ZIPPED_MOST = 250, 50


@dataclass(frozen=True)
class Size:
    """Bytes of a package: of its files but the compiled ones, of those, and of all of them in the zip."""

    name: str
    files: int = 0
    compiled: int = 0
    zipped: int = 0

    @property
    def unzipped(self) -> int:
        """All of it on disk."""
        return self.files + self.compiled

    def plus(self, files: int, compiled: int, zipped: int) -> "Size":
        """With so much more."""
        return Size(self.name, self.files + files, self.compiled + compiled, self.zipped + zipped)


@dataclass(frozen=True)
class Layer:
    """The packages, the largest first; bytes of the whole zip, and of the largest function beside the layer."""

    packages: tuple[Size, ...]
    zipped: int
    function: int

    @property
    def unzipped(self) -> int:
        """Bytes on disk."""
        return sum(package.unzipped for package in self.packages)


def measure(build: Path) -> Layer:
    """The layer in the folder that `sam build` made."""
    layer = build / LAYER
    owners = _owners(layer / PACKAGES)
    sizes: dict[str, Size] = {}
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in layer.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(layer))
            entries = archive.infolist()
        zipped = file.seek(0, os.SEEK_END)
    for entry in entries:
        inside = Path(entry.filename).relative_to(PACKAGES)
        # A module at the top has its compiled file in the folder that all of them share.
        first = (
            inside.name.partition(".")[0] if inside.parts[0] == "__pycache__" else inside.parts[0].removesuffix(".py")
        )
        owner = owners.get(first, first)
        kind = (0, entry.file_size) if inside.suffix == ".pyc" else (entry.file_size, 0)
        sizes[owner] = sizes.get(owner, Size(owner)).plus(*kind, entry.compress_size)
    functions = [path for path in build.iterdir() if path.is_dir() and path.name != LAYER.name]
    return Layer(
        packages=tuple(sorted(sizes.values(), key=lambda size: (-size.unzipped, size.name))),
        zipped=zipped,
        function=max(sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) for path in functions),
    )


def _owners(packages: Path) -> dict[str, str]:
    """Which distribution installed a folder, module or record of its own, by the records that pip leaves."""
    owners = {}
    for record in packages.glob("*.dist-info/RECORD"):
        name = record.parent.name.partition("-")[0].replace("_", "-")
        for line in record.read_text("utf-8").splitlines():
            owners[Path(line.rpartition(",")[0].rpartition(",")[0]).parts[0].removesuffix(".py")] = name
    return owners


def told(layer: Layer) -> str:
    """The layer as a table with a line below it."""
    rows = [
        (
            size.name,
            _megabytes(size.files),
            _megabytes(size.compiled),
            _megabytes(size.unzipped),
            f"{size.unzipped / layer.unzipped:.0%}",
            _megabytes(size.zipped),
        )
        for size in layer.packages
    ]
    whole = (
        _megabytes(sum(size.files for size in layer.packages)),
        _megabytes(sum(size.compiled for size in layer.packages)),
        _megabytes(layer.unzipped),
        "100%",
        _megabytes(layer.zipped),
    )
    packages = table(
        ("Package", "Files, MB", "Compiled, MB", "Together, MB", "of the layer", "Zipped, MB"),
        [*rows, tuple(f"**{cell}**" for cell in ("all of it", *whole))],
    )
    limits = table(
        ("What Lambda limits", "MB", "at most", "of that"),
        [
            _beside("the layer and the largest function, unzipped", layer.unzipped + layer.function, UNZIPPED_MOST),
            _beside("the layer's zip, where it is uploaded directly", layer.zipped, ZIPPED_MOST),
        ],
    )
    return f"Built for {platform.machine()}.\n\n{packages}\n\n{limits}"


def _beside(what: str, taken: int, most: int) -> tuple[str, str, str, str]:
    return what, _megabytes(taken), str(most), f"{taken / MEGABYTE / most:.0%}"


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.2f}"


def main(arguments: Sequence[str]) -> int:
    """Measure and report; give the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.layer_size", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "here", help="what `sam build` made")
    parser.add_argument("--write", action="store_true", help="write the table of docs/performance.md")
    given = parser.parse_args(arguments)
    if not (given.build / LAYER).is_dir():
        print(f"{given.build} holds no layer: run `make build-here`", file=sys.stderr)
        return 2
    text = told(measure(given.build))
    print(text)
    if given.write:
        write_section("layer-size", text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
