"""The pages in Chinese are those in English: the same commands, tables, links and names in the same order."""

import re
from dataclasses import dataclass, fields

import pytest

from tests.support.stores import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(?=#+ )", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PICTURE = re.compile(r'(?:src|srcset)="([^"]+)"')
_CODE = re.compile(r"`([^`\n]+)`")
_COMMENT = re.compile(r"\s+# .*")
# Pages with a translation, and how many sections they have at least.
PAGES = {"README": 10, "docs/quick-start": 4, "docs/aws-china": 6}
# Each page links to those in its own language.
_LANGUAGES = re.compile(r"(?:docs/)?(?:README|quick-start|aws-china)(?:\.zh-CN)?\.md")


@dataclass(frozen=True)
class Section:
    """A part of a page from one heading to the next: what a translation keeps."""

    level: int
    blocks: list[tuple[str, str]]
    rows: list[tuple[str, list[str]]]
    links: list[str]
    code: list[str]
    paragraphs: int


def read(name: str) -> list[Section]:
    """The page's sections, in their order."""
    return [_section(text) for text in _HEADING.split((ROOT / name).read_text("utf-8")) if text]


def _section(text: str) -> Section:
    """The comments of shell blocks are prose, and a sentence may have its words in another order."""
    blocks = [(kind, _COMMENT.sub("", lines) if kind == "sh" else lines) for kind, lines in _BLOCK.findall(text)]
    prose = _BLOCK.sub("", text)
    return Section(
        level=len(text) - len(text.lstrip("#")),
        blocks=blocks,
        rows=[_row(line) for line in prose.splitlines() if line.startswith("|")],
        links=sorted({*_LINK.findall(prose), *_PICTURE.findall(prose)} - set(_LANGUAGES.findall(prose))),
        code=sorted(_CODE.findall(prose)),
        paragraphs=len([part for part in re.split(r"\n\s*\n", prose) if part.strip()]),
    )


def _row(line: str) -> tuple[str, list[str]]:
    """The first cell, where it is a name or a link; and what is the same in both languages: code, methods, RFCs."""
    first = line.strip("|").split("|")[0].strip()
    marks = sorted(_CODE.findall(line) + re.findall(r"\b(?:GET|POST|RFC \d+)\b", line))
    return first if first[:1] in {"`", "["} else "", marks


SECTIONS = {name: (read(f"{name}.md"), read(f"{name}.zh-CN.md")) for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_headings(name: str) -> None:
    """There are as many sections, of the same levels."""
    english, chinese = SECTIONS[name]
    assert len(english) > PAGES[name]
    assert [section.level for section in english] == [section.level for section in chinese]


@pytest.mark.parametrize("part", [field.name for field in fields(Section)])
@pytest.mark.parametrize("name", PAGES)
def test_parts(name: str, part: str) -> None:
    """Each section has the same of it; the message has the number of each that differs."""
    found = [(getattr(one, part), getattr(two, part)) for one, two in zip(*SECTIONS[name], strict=True)]
    assert any(one for one, _ in found)
    assert [(number, one, two) for number, (one, two) in enumerate(found) if one != two] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_to_each_other(name: str) -> None:
    """The first lines of both lead to the other language."""
    for page, other in ((f"{name}.md", f"{name}.zh-CN.md"), (f"{name}.zh-CN.md", f"{name}.md")):
        first = (ROOT / page).read_text("utf-8").splitlines()[:4]
        assert any(f"]({other.rpartition('/')[2]})" in line for line in first), page


def test_the_quick_start_comes_first() -> None:
    """Both READMEs lead to it, in their language, before anything but the other language."""
    for name, page in (("README.md", "docs/quick-start.md"), ("README.zh-CN.md", "docs/quick-start.zh-CN.md")):
        links = _LINK.findall((ROOT / name).read_text("utf-8"))
        assert next(link for link in links if not link.startswith("README")) == page


@pytest.mark.parametrize("name", PAGES)
def test_is_translated(name: str) -> None:
    """No line of prose was left in English."""
    page = _BLOCK.sub("", (ROOT / f"{name}.zh-CN.md").read_text("utf-8"))
    prose = re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>", "", page)
    english = [line for line in prose.splitlines() if re.search(r"[a-z]+ [a-z]+", line)]
    assert english == []
