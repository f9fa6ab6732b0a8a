"""Tables of the documentation: each is replaced between its two marks, the words around them stay."""

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.units import Units
from tests.support.stores import ROOT

PAGE = ROOT / "docs" / "performance.md"
PEERS_PAGE = ROOT / "docs" / "performance-peers.md"


@dataclass(frozen=True)
class Compared:
    """What was measured in one way, or side by side in several: instructions, and milliseconds of processor time."""

    name: str
    instructions: tuple[int, ...]
    ms: tuple[tuple[float, ...], ...]

    def beside(self, other: "Compared") -> "Compared":
        """This, and the other side by side."""
        return Compared(self.name, self.instructions + other.instructions, self.ms + other.ms)

    @property
    def warm(self) -> "Compared":
        """The last of what was measured."""
        return Compared(self.name, self.instructions[-1:], self.ms[-1:])

    @property
    def ratios(self) -> tuple[float, ...]:
        """The first of the instructions, and of the medians of the times, divided by the second where there is one."""
        sides = (self.instructions, [statistics.median(times) for times in self.ms])
        return tuple(side[0] / side[1] for side in sides if len(side) > 1)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table of Markdown: so many columns to the left, the others to the right."""
    marks = ["---" if column < left else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def write(name: str, content: str, page: Path = PAGE) -> None:
    """Put `content` between the page's marks of this name."""
    page.write_text(put(page.read_text("utf-8"), name, content), "utf-8")


def put(page: str, name: str, content: str) -> str:
    """The page with this between `<!-- name -->` and `<!-- /name -->`; ValueError where it has not both, once."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(\n?<!-- /{name} -->)", re.DOTALL)
    replaced, count = marks.subn(lambda found: f"{found[1]}\n{content.strip()}\n{found[2]}", page)
    if count != 1:
        raise ValueError(f"the page has no place for {name}")
    return replaced


def starts(rows: Sequence[Compared], beside: str) -> str:
    """The starts as a table, each compared with the one of the name `beside`."""
    other = next(row for row in rows if row.name == beside)
    cells = []
    for row in rows:
        counts, times = row.beside(other).ratios
        cells.append((row.name, _mi(row.instructions[0]), f"{counts:.2f}", spread(row.ms[0]), f"{times:.2f}"))
    return table(("Process", "Instructions, Mi", f"of {beside}", "CPU, ms", f"of {beside}"), cells)


def compared(head: Sequence[str], rows: Iterable[Compared]) -> str:
    """What was measured in the two ways that `head` names, after its name for the rows, side by side."""
    first, one, other = head
    cells = []
    for row in rows:
        counts, times = (f"{ratio:.2f}" for ratio in row.ratios)
        cells.append((row.name, *map(_mi, row.instructions), counts, *map(spread, row.ms), times))
    columns = (f"Mi: {one}", other, "ratio", f"CPU, ms: {one}", other, "ratio")
    return table((first, *columns), cells)


def answers(rows: Iterable[Compared]) -> str:
    """The first answer after a restore, one with a new connection, the ratio of these, and a warm one."""
    head = (
        "Operation",
        "Restored, Mi",
        "Connected anew, Mi",
        "ratio",
        "Warm, Mi",
        "Restored, ms",
        "Connected anew, ms",
    )
    cells = []
    for row in rows:
        counts, times = (f"{ratio:.2f}" for ratio in row.ratios)
        (first, connected, warm), ms = map(_mi, row.instructions), map(spread, row.ms)
        restored, anew, later = ms
        cells.append((row.name, first, connected, counts, warm, restored, anew, times, later))
    return table((*head, "ratio", "Warm, ms"), cells)


def units(asked: Mapping[str, Units]) -> str:
    """What DynamoDB is asked for each operation: the same by any transport."""
    cells = []
    for name, one in asked.items():
        times = Counter(one.calls)
        which = ", ".join(f"{count} × {call}" if count > 1 else call for call, count in times.items()) or "–"
        cells.append((name, which, f"{len(one.calls)}", f"{one.read:g}", f"{one.written:g}"))
    return table(("Operation", "Which", "Calls", "Read units", "Write units"), cells, left=2)


def _mi(instructions: int) -> str:
    return digits(instructions / 1e6)


def spread(values: Sequence[float]) -> str:
    """The median, and the quartiles."""
    least, middle, most = statistics.quantiles(values, n=4, method="inclusive")
    return f"{digits(middle)} ({digits(least)}–{digits(most)})"


def digits(value: float) -> str:
    """A number with three digits that say something."""
    places = max(0, 2 - (len(str(int(value))) - 1)) if value >= 1 else 3
    return f"{value:.{places}f}"
