"""Write the tables of docs/settings.md: each setting with its default, and the docstring below its field.

    make settings

A docstring is `unit: what it sets`. Each feature's settings are a section; its heading is the text before the
colon in the docstring of the class. The text before the first section is written by hand.
"""

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from lingpai.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEADER = ("| Variable | Default | Unit | What it sets |", "|---|---|---|---|")


def text() -> str:
    """The content of docs/settings.md."""
    introduction = PAGE.read_text("utf-8").partition("\n## ")[0]
    return introduction + "".join(_section(part) for part in reversed(Settings.__bases__))


def default_text(default: Any) -> str:
    """A default as the environment variable would hold it."""
    match default:
        case bool():
            return str(default).lower()
        case tuple():
            return ",".join(map(str, default))
        case SecretStr():
            return default.get_secret_value()
        case _:
            return str(default)


def _section(part: type) -> str:
    heading = (part.__doc__ or "").partition(":")[0]
    return "\n".join(("", f"## {heading}", "", *HEADER, *_rows(part), ""))


def _rows(part: type) -> Iterator[str]:
    for name, said in _docstrings(part).items():
        unit, _, what = said.partition(": ")
        default = default_text(Settings.model_fields[name].default)
        shown = f"`{default}` " if default else ""
        yield f"| `{name.upper()}` | {shown}| {unit} | {what} |"


def _docstrings(part: type) -> dict[str, str]:
    """The docstring of each field, on one line; LookupError for a field that has none."""
    (node,) = ast.parse(inspect.getsource(part)).body
    body = node.body if isinstance(node, ast.ClassDef) else []
    found = {
        field.target.id: " ".join(below.value.value.split())
        for field, below in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }
    if missing := part.__annotations__.keys() - found:
        raise LookupError(f"{part.__name__}: no docstring `unit: what it sets` below {', '.join(sorted(missing))}")
    return {name: found[name] for name in part.__annotations__}


def main() -> int:
    """Write the page."""
    PAGE.write_text(text(), "utf-8")
    print(f"{len(Settings.model_fields)} settings in docs/{PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
