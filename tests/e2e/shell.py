"""A bash that is typed into, and the steps of a page: blocks of lines to type, each with what it answers below it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "-- the line is done:"


@dataclass(frozen=True)
class Step:
    """Lines to type, and what they answer all together; `…` stands for anything."""

    lines: tuple[str, ...]
    answer: str


def steps_of(text: str) -> list[Step]:
    """The steps of a page: its blocks marked `bash`, each followed by one marked `text`."""
    blocks = _BLOCK.findall(text)
    assert [kind for kind, _ in blocks] == ["bash", "text"] * (len(blocks) // 2)
    texts = [content for _, content in blocks]
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


def check(step: Step, answer: str) -> None:
    """Fail unless this is what the step answers."""
    pattern = ".*".join(re.escape(part) for part in step.answer.split("…"))
    assert re.fullmatch(pattern, answer), f"{step.lines}\n{answer}is not\n{step.answer}"


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
