"""README.md and docs/tour.md: the tour is run as it stands, line by line, in one bash."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.server import Server, serving
from tests.support.stores import ROOT

_BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "-- the line is done:"
# The tour's variables that hold tokens, and how long each is: opaque ones exactly, the others at least.
OPAQUE = {"TOKEN": 66, "REFRESH": 66, "ADMIN": 66}
SECRETS = OPAQUE | {"SIGNED": 700, "CENTER": 66, "TEMPORARY": 71}


@dataclass(frozen=True)
class Step:
    """Lines to type, and what they answer all together; `…` stands for anything."""

    lines: tuple[str, ...]
    answer: str


def tour() -> list[Step]:
    """The steps of the README's section `A tour in five minutes`, and of docs/tour.md, which goes on."""
    _, _, section = (ROOT / "README.md").read_text("utf-8").partition("## A tour in five minutes\n")
    more = (ROOT / "docs" / "tour.md").read_text("utf-8")
    blocks = _BLOCK.findall(section.partition("\n## ")[0] + more)
    assert [kind for kind, _ in blocks] == ["bash", "text"] * (len(blocks) // 2)
    texts = [text for _, text in blocks]
    return [Step(tuple(typed.splitlines()), answer) for typed, answer in zip(texts[::2], texts[1::2], strict=True)]


class Bash:
    """One bash that is typed into, line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def type(self, line: str) -> str:
        """Type a line; what it printed, errors included. Its exit code must be 0."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\nprintf '\\n{_MARK} %d\\n' $?\n")
        self._process.stdin.flush()
        printed = ""
        while (got := self._process.stdout.readline()) and not got.startswith(_MARK):
            printed += got
        assert got == f"{_MARK} 0\n", f"{line!r} ended with {got.removeprefix(_MARK)!r}: {printed}"
        return printed.removesuffix("\n")


@contextmanager
def bash() -> Iterator[Bash]:
    """A bash without anybody's start-up files."""
    program = shutil.which("bash")
    assert program is not None
    with subprocess.Popen(  # noqa: S603 (the reader's own shell)
        [program, "--norc", "--noprofile"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"CURL_HOME": os.devnull},
        encoding="utf-8",
    ) as process:
        yield Bash(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    """A server that nobody has called yet, as the tour expects it."""
    with serving(tmp_path) as started:
        yield started


def test_tour(fresh: Server) -> None:
    """Each line succeeds, and each block answers what stands below it."""
    steps = tour()
    assert len(steps) > 10
    with bash() as shell:
        for step in steps:
            typed = [line.replace("http://127.0.0.1:3000", fresh.url) for line in step.lines]
            answer = "".join(shell.type(line) for line in typed)
            pattern = ".*".join(re.escape(part) for part in step.answer.split("…"))
            assert re.fullmatch(pattern, answer), f"{step.lines}\n{answer}is not\n{step.answer}"
            held = (shell.type(f"echo ${name}").strip() for name in SECRETS)
            fresh.hush(*filter(None, held))
        for name, length in SECRETS.items():
            found = len(shell.type(f"echo ${name}").strip())
            assert found == length if name in OPAQUE else found >= length
        fresh.hush("plum-blossom")
        # Six digits turn up in honest places, so that not every log is searched for them.
        assert shell.type("echo $CODE").strip() not in fresh.printed


def test_tour_needs_little() -> None:
    """The tour types nothing but bash, curl and sed, and nothing that has to be on one line with the next."""
    lines = [line for step in tour() for line in step.lines]
    assert not [line for line in lines if line.endswith("\\") or not line.strip()]
    words = {word for line in lines for word in re.findall(r"(?:^|[|;&({] *|\$\()([a-z]\w*)\b(?!=)", line)}
    assert words <= {"ask", "pick", "curl", "sed", "echo", "test"}
