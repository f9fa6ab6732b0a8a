"""README.md and docs/tour.md: the tour is run as it stands, line by line, in one bash."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server, serving
from tests.e2e.shell import Step, bash, check, steps_of
from tests.support.stores import ROOT

# The tour's variables that hold tokens, and how long each is: opaque ones exactly, the others at least.
OPAQUE = {"TOKEN": 66, "REFRESH": 66, "ADMIN": 66}
SECRETS = OPAQUE | {"SIGNED": 700, "CENTER": 66, "TEMPORARY": 71}


def tour() -> list[Step]:
    """The steps of the README's section `A tour in five minutes`, and of docs/tour.md, which goes on."""
    _, _, section = (ROOT / "README.md").read_text("utf-8").partition("## A tour in five minutes\n")
    more = (ROOT / "docs" / "tour.md").read_text("utf-8")
    return steps_of(section.partition("\n## ")[0] + more)


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
            check(step, answer)
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
