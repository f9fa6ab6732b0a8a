"""The tricks that make a start short, undone one at a time on copies of what was built: what each of them is worth."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Undo = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Change:
    """A trick and how it is undone: on a copy of what was built, by imports that come later or never, or by settings.

    `undo` gets the folder with the copies `function` and `layer`, and that of the packages as their makers made them.
    """

    name: str
    undo: Undo | None = None
    imports: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def copies(change: Change, function: Path, layer: Path, site: Path, folder: Path) -> tuple[Path, Path]:
    """The function and the layer with the trick undone: copies in `folder` where files have to change."""
    if change.undo is None:
        return function, layer
    for source, name in ((function, "function"), (layer, "layer")):
        shutil.copytree(source, folder / name, copy_function=shutil.copy2)
    change.undo(folder, site)
    return folder / "function", folder / "layer"


def _no_compiled_files(folder: Path, _: Path) -> None:
    for cache in list(folder.rglob("__pycache__")):
        shutil.rmtree(cache)


def _no_compiled_function(folder: Path, _: Path) -> None:
    shutil.rmtree(folder / "function" / "__pycache__")


def _docstrings(folder: Path, site: Path) -> None:
    docs = folder / "layer" / "botocore" / "docs"
    shutil.rmtree(docs)
    shutil.copytree(site / "botocore" / "docs", docs)


def _boto3(folder: Path, site: Path) -> None:
    # It writes docstrings with botocore's writers.
    _docstrings(folder, site)
    for package in ("boto3", "s3transfer"):
        shutil.copytree(site / package, folder / "layer" / package)


def _all_roots(folder: Path, _: Path) -> None:
    (folder / "layer" / "lingpai" / "aws" / "amazon_roots.pem").unlink(missing_ok=True)


CHANGES = (
    Change("compiled files left out", _no_compiled_files),
    Change("the function's own compiled file left out", _no_compiled_function),
    Change("the collector always on", environment={"AWS_LAMBDA_INITIALIZATION_TYPE": ""}),
    Change("botocore's client", environment={"AWS_TRANSPORT": "botocore"}),
    Change("botocore's 126 roots", _all_roots),
    Change("boto3 imported at the top", _boto3, imports=("boto3",)),
    Change("PyJWT and cryptography at the top", imports=("jwt", "cryptography.hazmat.primitives.asymmetric.ec")),
    Change("phonenumbers at the top", imports=("phonenumbers",)),
    Change("argon2 at the top", imports=("argon2",)),
)
