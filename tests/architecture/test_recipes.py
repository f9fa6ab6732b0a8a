"""How many files one touches to add a grant, a dialect and the like: the table of CONTRIBUTING.md, held to an example.

A file is touched where the example has to be named in it, by hand: code, tests and pages. Those that a command of the
repository writes do not count. Nor do the changelog, the record of decisions, and the SDK, a package of its own.

Outside of the tests, every file that names the example counts. A test that is not in the list may name it to test what
it does. It may not be one that lists all examples of the kind, which would be one more place to touch.
"""

import ast
import functools
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from lingpai.clients.service import DialectName
from lingpai.oauth.grants import GRANT_TYPES
from lingpai.settings import Settings
from lingpai.sms.settings import Provider
from tests.architecture.test_docs import table
from tests.support.stores import ROOT, TEMPLATE
from tools import architecture_picture, settings_page, write_events, write_openapi, write_postman

UNCOUNTED = ("CHANGELOG.md", "CONTRIBUTING.md", "docs/decisions/", "sdk/", "tests/architecture/test_recipes.py")
# Lists that need not grow with each new one, and why.
ALLOWED = {
    "local/demo-seed.json": "has a client of each dialect, to try them",
    "tests/deploy/policies/operator.json": "grants the tables that `lingpai seed` and `lingpai keys rotate` use",
    "tests/e2e/test_third_party.py": "tells the published APIs apart, as their clients do",
    "tests/integration/test_which_dialect.py": "tells the published APIs apart, by their refusals",
    "tests/unit/test_clients.py": "has what the tokens of each published API open",
    "tests/support/third_parties.py": "has a client of each published API",
}
RECIPES = {row[0]: row for row in table((ROOT / "CONTRIBUTING.md").read_text("utf-8"), "To add")}


@dataclass(frozen=True)
class Kind:
    """Something to add, and the most files that it may touch.

    `named` is how a file names the example; `also` is how a listed file does that has its storage, its port and the
    like. `all_of` are words, one for each of the kind: a list of all of them has all words.
    """

    most: int
    named: str
    all_of: Sequence[str]
    also: str | None = None

    def names(self, text: str) -> bool:
        """Whether a file with this text names the example."""
        return re.search(self.named, text, re.MULTILINE) is not None

    def holds(self, text: str) -> bool:
        """Whether a listed file with this text belongs in the list."""
        return self.names(text) or (self.also is not None and re.search(self.also, text) is not None)


KINDS: Mapping[str, Kind] = {
    "a grant (`sign`)": Kind(6, r"urn:lingpai:grant:sign\b", [*GRANT_TYPES], also=r'"sign"|\bsign[,)]'),
    # A client that speaks the dialect is a use of it.
    "a dialect (`spring`)": Kind(
        5, r'(?<!"dialect": )(?<!== )["`]spring["`]', [f'"{name}"' for name in get_args(DialectName)], also='"spring"'
    ),
    "a setting (`STORE_ATTEMPTS`)": Kind(3, r"(?i)\bstore_attempts\b", [*Settings.model_fields]),
    "an SMS sender (`twilio`)": Kind(6, "(?i)twilio", [name for name in get_args(Provider) if name != "console"]),
    "an endpoint (`/users/phone/remove`)": Kind(
        5, r"/users/phone/remove\b", [route.path for route in write_openapi.routes()]
    ),
    # A feature that keeps items of its own in the table of another is a use of it.
    "a table (`CodesTable`)": Kind(
        7,
        r"\bCodesTable\b|\bCODES_TABLE\b|\bcodes_table: str",
        [table.name.removesuffix("Table") for table in TEMPLATE.tables],
        also=r"\.codes_table\b|\bclass Codes\(Protocol\)|See `Codes`|\bstore\.get_code\(",
    ),
}


def listed(kind: str) -> list[str]:
    """The files that CONTRIBUTING.md lists for it."""
    return re.findall(r"`([^`]+)`", RECIPES[kind][2])


@functools.cache
def generated() -> Mapping[str, str]:
    """What `make openapi`, `make settings` and `make picture` write, by path."""
    pages = {
        **{ROOT / "events" / f"{name}.json": text for name, text in write_events.texts().items()},
        **architecture_picture.pictures(),
        write_openapi.PAGE: write_openapi.text(),
        write_openapi.DEPLOYED: write_openapi.json_text(),
        settings_page.PAGE: settings_page.text(),
        write_postman.PAGE: write_postman.text(),
    }
    return {path.relative_to(ROOT).as_posix(): text for path, text in pages.items()}


@functools.cache
def by_hand() -> Mapping[str, str]:
    """Each text of the repository that is written by hand and counts, by its path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    paths = {path for path in told.stdout.splitlines() if not path.startswith(UNCOUNTED)} - generated().keys()
    return {path: text for path in sorted(paths) if (text := _text(ROOT / path)) is not None}


def _text(path: Path) -> str | None:
    """What the file holds; None for one that is no text, or was deleted."""
    try:
        return path.read_text("utf-8")
    except (UnicodeDecodeError, FileNotFoundError):
        return None


def test_generated_files_are_generated() -> None:
    """Each is as its command writes it: nothing in it was touched by hand."""
    assert [path for path, text in generated().items() if _text(ROOT / path) != text] == []
    assert len(by_hand()) > 400


def test_every_kind_has_its_row() -> None:
    """With its ceiling."""
    assert [(row[0], row[1]) for row in RECIPES.values()] == [(name, str(kind.most)) for name, kind in KINDS.items()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_those_that_are_listed(kind: str) -> None:
    """Not more than may be touched; each of them names the example, and no file outside of the tests does besides."""
    told, files = listed(kind), by_hand()
    assert len(told) == len(set(told)) <= KINDS[kind].most
    named = {path for path, text in files.items() if KINDS[kind].names(text) and not path.startswith("tests/")}
    assert named - set(told) == set(), "not in the list of CONTRIBUTING.md"
    assert [path for path in told if not KINDS[kind].holds(files[path])] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_file_lists_all_of_them(kind: str) -> None:
    """It would have to be touched for each new one."""
    told, words = {*listed(kind), *ALLOWED}, KINDS[kind].all_of
    assert [path for path, text in by_hand().items() if path not in told and lists_all(path, text, words)] == []


def test_a_list_of_all_is_found() -> None:
    """In few lines, in either case; names that are imported or stand far apart are no list."""
    words = ["one", "two", "three", "four"]
    assert lists_all("x.py", "A = ('ONE', 'two',\n'threeTable', 'four_table')", words)
    assert not lists_all("x.py", "from x import one, two, three, four", words)
    assert not lists_all("x.md", "one two three" + "\n" * 30 + "four", words)


def lists_all(path: str, text: str, words: Sequence[str]) -> bool:
    """Whether all words stand within two lines for each."""
    found = [re.compile(rf"(?<![\w/]){re.escape(word)}(?=_?table\b|[^\w/-]|$)", re.IGNORECASE) for word in words]
    if not all(word.search(text) for word in found):
        return False
    lines = _without_imports(text) if path.endswith(".py") else text.splitlines()
    last: dict[int, int] = {}
    for number, line in enumerate(lines):
        last |= {index: number for index, word in enumerate(found) if word.search(line)}
        if len(last) == len(found) and number - min(last.values()) < 2 * len(found):
            return True
    return False


def _without_imports(text: str) -> list[str]:
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[number - 1] = ""
    return lines
