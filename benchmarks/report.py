"""Tables and pictures of the documentation: each is replaced between its two marks, the words around them stay."""

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.recorded import Units
from tests.support.stores import ROOT

PAGE = ROOT / "docs" / "performance.md"
PEERS_PAGE = ROOT / "docs" / "performance-peers.md"
PICTURE = ROOT / "docs" / "cold-start.svg"


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


# --- starts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """What was measured of one process: instructions, and seconds of processor time, one for each run."""

    name: str
    instructions: int
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


def starts(rows: Sequence[Start], beside: str) -> str:
    """The starts as a table, each compared with the one of the name `beside`."""
    other = next(row for row in rows if row.name == beside)
    cells = [
        (
            row.name,
            f"{row.instructions / 1e6:.0f}",
            f"{row.instructions / other.instructions:.2f}",
            f"{row.median * 1000:.0f} ({min(row.seconds) * 1000:.0f}–{max(row.seconds) * 1000:.0f})",
            f"{row.median / other.median:.2f}",
        )
        for row in rows
    ]
    head = ("Process", "Instructions, millions", f"of {beside}", "CPU, ms (least to most)", f"of {beside}")
    return table(head, cells)


def draw(rows: Sequence[Start], grey: set[str]) -> None:
    """The instructions of each process as bars, the least below."""
    import matplotlib as mpl

    mpl.use("svg")
    # The same figures give the same file.
    mpl.rcParams["svg.hashsalt"] = "lingpai"
    from matplotlib import pyplot as plt

    ordered = sorted(rows, key=lambda row: row.instructions)
    figure, axes = plt.subplots(figsize=(8, 0.38 * len(ordered) + 1.1), layout="constrained")
    colours = ["#b0b0b0" if row.name in grey else "#2f6f9f" for row in ordered]
    bars = axes.barh([row.name for row in ordered], [row.instructions / 1e6 for row in ordered], color=colours)
    axes.bar_label(bars, fmt="{:.0f}", padding=3)
    axes.set_xlabel("from nothing to the first answer, millions of instructions")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.1)
    figure.savefig(PICTURE, metadata={"Date": None})
    plt.close(figure)


# --- warm operations ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """What one answer costs: DynamoDB's calls and units; millions of instructions and milliseconds by transport."""

    name: str
    units: Units
    instructions: Mapping[str, float]
    spent: Mapping[str, tuple[float, ...]]

    def cells(self) -> tuple[str, ...]:
        """Its row of the table."""
        bare, botocore = self.instructions["bare"], self.instructions["botocore"]
        medians = {transport: statistics.median(times) for transport, times in self.spent.items()}
        counted = (f"{bare:.2f}", f"{botocore:.2f}", f"{bare / botocore:.2f}")
        timed = (*(spread(self.spent[name]) for name in medians), f"{medians['bare'] / medians['botocore']:.2f}")
        return (self.name, *counted, *timed)

    def __str__(self) -> str:
        name, *figures = self.cells()
        return f"{name:34} {len(self.units.calls)} calls  " + "  ".join(figures)


def spread(values: Sequence[float]) -> str:
    """The median, with the quartiles."""
    least, middle, most = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({least:.2f}–{most:.2f})"


def operations(rows: Sequence[Operation]) -> str:
    """What each operation costs, by transport."""
    counted = ("Bare, Mi", "botocore, Mi", "bare of it")
    timed = ("Bare, ms of CPU", "botocore, ms of CPU", "bare of it")
    return table(("Operation", *counted, *timed), [row.cells() for row in rows])


def units(rows: Sequence[Operation]) -> str:
    """What DynamoDB is asked: the same by any transport."""
    cells = []
    for row in rows:
        times = Counter(row.units.calls)
        which = ", ".join(f"{count} × {call}" if count > 1 else call for call, count in times.items()) or "–"
        cells.append((row.name, which, f"{len(row.units.calls)}", f"{row.units.read:g}", f"{row.units.written:g}"))
    return table(("Operation", "Which", "Calls", "Read units", "Write units"), cells, left=2)


# --- peers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """Milliseconds of processor time of an answer, one figure for each round."""

    rounds: tuple[float, ...]

    def told(self) -> str:
        """Median, and least to most, with three digits."""
        return f"{digits(statistics.median(self.rounds))} ({digits(min(self.rounds))}–{digits(max(self.rounds))})"


def digits(value: float) -> str:
    """A number with three digits that say something."""
    places = max(0, 2 - (len(str(int(value))) - 1)) if value >= 1 else 3
    return f"{value:.{places}f}"


def ratio(sample: Sample, ours: Sample) -> float:
    """How many times ours it takes: the median of the rounds, in each of which the machine was as busy for both."""
    return statistics.median(mine / other for mine, other in zip(sample.rounds, ours.rounds, strict=True))


def compared(samples: Mapping[str, Sample], ours: str) -> str:
    """A table of one workload: `samples` by contender, each compared with the one of the name `ours`."""
    rows = [(name, sample.told(), f"{ratio(sample, samples[ours]):.2f}") for name, sample in samples.items()]
    return table(("", "ms of CPU for a request", "times ours"), rows)
