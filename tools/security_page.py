"""Write docs/security.md: threats and requirements, each with the tests that show that it is met.

    .venv/bin/python -m tools.security_page

What is listed stands in docs/security.toml; which tests show it, in their markers `@pytest.mark.security(id, …)`.
"""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "security.toml"
PAGE = ROOT / "docs" / "security.md"
TESTS = (ROOT / "tests", ROOT / "sdk" / "python" / "tests")

HEAD = """# Security requirements and their tests

[SECURITY.md](../SECURITY.md) says what is protected and how. This page lists what is asked of a server like this one,
and the tests that show that it holds. `make security-page` writes it from `docs/security.toml` and from the tests'
markers (`@pytest.mark.security`); a test fails where an entry has neither a test nor a reason."""


@dataclass(frozen=True)
class Entry:
    """A threat or requirement; `note` says why no test shows it, or what its tests leave open."""

    id: str
    text: str
    note: str | None


@dataclass(frozen=True)
class Group:
    """Entries of one source, with the words above their table."""

    title: str
    intro: str
    entries: tuple[Entry, ...]


def read_groups() -> tuple[Group, ...]:
    """All groups of docs/security.toml, in its order."""
    return tuple(
        Group(group["title"], group["intro"].strip(), tuple(_entries(group["prefix"], group["entries"])))
        for group in tomllib.loads(SOURCE.read_text("utf-8"))["group"]
    )


def _entries(prefix: str, entries: Mapping[str, str | dict[str, str]]) -> Iterator[Entry]:
    for number, content in entries.items():
        given = {"text": content} if isinstance(content, str) else content
        yield Entry(prefix + number, given["text"], given.get("note"))


def find_tests() -> Mapping[str, tuple[str, ...]]:
    """The tests that bear each id, as `path::name`, or as `path` where a whole module bears it."""
    found: dict[str, list[str]] = defaultdict(list)
    for folder in TESTS:
        for path in sorted(folder.rglob("test_*.py")):
            name = path.relative_to(ROOT).as_posix()
            for test, ids in _marked(ast.parse(path.read_text("utf-8"))):
                for entry in ids:
                    found[entry].append(f"{name}::{test}" if test else name)
    return {entry: tuple(tests) for entry, tests in found.items()}


def _marked(module: ast.Module, within: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each marked test of a module with its ids; the module itself has no name."""
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name("pytestmark")], value=value):
                yield "", _ids(value.elts if isinstance(value, ast.List | ast.Tuple) else [value])
            case ast.FunctionDef(name=name, decorator_list=marks):
                yield within + name, _ids(marks)
            case ast.ClassDef(name=name, body=body, decorator_list=marks):
                yield name, _ids(marks)
                yield from _marked(ast.Module(body, []), f"{name}::")
            case _:
                pass


def _ids(marks: list[ast.expr]) -> tuple[str, ...]:
    return tuple(
        argument.value
        for mark in marks
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.security"
        for argument in mark.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )


def page(groups: tuple[Group, ...], tests: Mapping[str, tuple[str, ...]]) -> str:
    """The whole page."""
    parts = [HEAD]
    for group in groups:
        parts.append(f"## {group.title}\n\n{group.intro}")
        rows = [f"| {entry.id} | {entry.text} | {_shown(entry, tests)} |" for entry in group.entries]
        parts.append("\n".join(["| | What | Shown by |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _shown(entry: Entry, tests: Mapping[str, tuple[str, ...]]) -> str:
    found = [test.partition("::") for test in tests.get(entry.id, ())]
    links = [f"[`{name or Path(path).name}`](../{path})" for path, _, name in found]
    return "<br>".join([*links, *([entry.note] if entry.note else [])])


if __name__ == "__main__":
    PAGE.write_text(page(read_groups(), find_tests()), "utf-8")
