"""Tables and pictures of docs/performance.md: each is replaced between its two marks, the words around them stay."""

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.markdown import table
from benchmarks.recorded import Units
from tests.support.stores import ROOT

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "cold-start.svg"


@dataclass(frozen=True)
class Row:
    """What was measured of one process: instructions, and seconds of processor time, one for each run."""

    name: str
    instructions: int
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Cost:
    """Of one repetition, by parts: millions of instructions, or milliseconds.

    `transport` is of the store's; `plain` are the store's calls as libraries make them.
    """

    handler: float
    store: float
    transport: float
    plain: float
    cryptography: float

    @property
    def ratio(self) -> float | None:
        """The handler to its own calls and cryptography; None where there are none."""
        return self._to(self.store + self.cryptography)

    @property
    def plain_ratio(self) -> float | None:
        """The handler to bare calls, as libraries make them, and cryptography; None where there are none."""
        return self._to(self.plain + self.cryptography)

    def _to(self, least: float) -> float | None:
        return self.handler / least if least else None


@dataclass(frozen=True)
class Samples:
    """The milliseconds of each repetition: its parts were done one after the other."""

    costs: tuple[Cost, ...]

    def of(self, part: str) -> list[float]:
        """All of one part, `ratio` included."""
        return [value for cost in self.costs if (value := getattr(cost, part)) is not None]

    def median(self, part: str) -> float:
        return statistics.median(self.of(part) or [0])

    def spread(self, part: str) -> str:
        """The median, with the quartiles; a dash where there is none."""
        values = self.of(part)
        if not values:
            return "–"
        least, middle, most = statistics.quantiles(values, n=4)
        return f"{middle:.2f} ({least:.2f}–{most:.2f})"


@dataclass(frozen=True)
class Operation:
    """What one operation costs by one transport: what DynamoDB is asked, instructions, and processor time."""

    name: str
    transport: str
    units: Units
    instructions: Cost
    spent: Samples

    def __str__(self) -> str:
        counted = self.instructions
        million = "  ".join(f"{getattr(counted, part):7.3f}" for part in _PARTS)
        milli = "  ".join(f"{self.spent.median(part):6.3f}" for part in _PARTS)
        return (
            f"{self.name:34} {self.transport:9} {len(self.units.calls)}  Mi {million}  {_told(counted.plain_ratio)} "
            f"{_told(counted.ratio)}  ms {milli}  {self.spent.spread('plain_ratio')} {self.spent.spread('ratio')}"
        )


_PARTS = ("handler", "store", "transport", "plain", "cryptography")


def _headings(unit: str) -> tuple[str, ...]:
    bare = (f"Handler, {unit}", f"Bare calls, {unit}", f"Cryptography, {unit}", "Ratio")
    return ("Operation", "Transport", *bare, f"Own calls, {unit}", "of it transport", "Ratio to own", "of botocore")


def _told(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def write_operations(rows: Sequence[Operation], counted: str, timed: str) -> None:
    """Write the tables of what operations cost."""
    page = PAGE.read_text("utf-8")
    page = _replaced(page, "operations-units", _units(rows))
    page = _replaced(page, "operations", _instructions(rows, counted))
    page = _replaced(page, "operations-cpu", _spent(rows, timed))
    PAGE.write_text(page, "utf-8")


def _units(rows: Sequence[Operation]) -> str:
    """What DynamoDB is asked: the same by any transport."""
    lines = ["| Operation | Calls | Which | Read units | Write units |", "|---|---:|---|---:|---:|"]
    for name, units in {row.name: row.units for row in rows}.items():
        times = Counter(units.calls)
        which = ", ".join(f"{count} × {call}" if count > 1 else call for call, count in times.items()) or "–"
        lines.append(f"| {name} | {len(units.calls)} | {which} | {units.read:g} | {units.written:g} |")
    return "\n".join(lines)


def _instructions(rows: Sequence[Operation], how: str) -> str:
    through = {row.name: row.instructions.handler for row in rows if row.transport == "botocore"}
    cells = []
    for row in rows:
        cost = row.instructions
        own = (f"{cost.store:.2f}", f"{cost.transport:.2f}", _told(cost.ratio))
        bare = (f"{cost.handler:.2f}", f"{cost.plain:.2f}", f"{cost.cryptography:.2f}", _told(cost.plain_ratio))
        cells.append((row.name, row.transport, *bare, *own, _beside(row, cost.handler, through)))
    return f"{how}.\n\n{table(_headings('Mi'), cells, left=2)}"


def _spent(rows: Sequence[Operation], how: str) -> str:
    through = {row.name: row.spent.median("handler") for row in rows if row.transport == "botocore"}
    cells = []
    for row in rows:
        spent = row.spent
        own = (spent.spread("store"), f"{spent.median('transport'):.2f}", spent.spread("ratio"))
        calls = (spent.spread("handler"), spent.spread("plain"))
        bare = (*calls, f"{spent.median('cryptography'):.2f}", spent.spread("plain_ratio"))
        cells.append((row.name, row.transport, *bare, *own, _beside(row, spent.median("handler"), through)))
    return f"{how}.\n\n{table(_headings('ms'), cells, left=2)}"


def _beside(row: Operation, value: float, through: Mapping[str, float]) -> str:
    """The handler's part of what it costs through botocore."""
    return f"{value / through[row.name]:.2f}" if row.transport != "botocore" and row.name in through else ""


def write(rows: Sequence[Row], changes: Sequence[Row], firsts: Sequence[str], how: str) -> None:
    """Write the tables and the picture of the cold start."""
    page = _replaced(PAGE.read_text("utf-8"), "cold-start", _table(rows, how))
    if changes:
        plain = next(row for row in rows if row.name == firsts[0])
        page = _replaced(page, "cold-start-undone", _undone(plain, changes))
    PAGE.write_text(page, "utf-8")
    draw(rows)


def _table(rows: Sequence[Row], how: str) -> str:
    naive = next(row for row in rows if row.name == "naive")
    cells = [
        (
            row.name,
            f"{row.instructions / 1e6:.0f}",
            f"{row.instructions / naive.instructions:.2f}",
            f"{row.median * 1000:.0f} ({min(row.seconds) * 1000:.0f}–{max(row.seconds) * 1000:.0f})",
            f"{row.median / naive.median:.2f}",
        )
        for row in rows
    ]
    head = ("Process", "Instructions, millions", "of naive", "CPU, ms (least to most)", "of naive")
    return f"{how}.\n\n{table(head, cells)}"


def _undone(plain: Row, changes: Sequence[Row]) -> str:
    more = [(row.name, row.instructions - plain.instructions) for row in changes]
    cells = [(name, f"{extra / 1e6:+.0f}", f"{extra / plain.instructions:+.0%}") for name, extra in more]
    return table(("Undone", "Instructions more, millions", "of the start"), cells)


def _replaced(page: str, name: str, content: str) -> str:
    """The page with this between `<!-- name -->` and `<!-- /name -->`."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(\n?<!-- /{name} -->)", re.DOTALL)
    replaced, count = marks.subn(lambda found: f"{found[1]}\n{content}\n{found[2]}", page)
    if count != 1:
        raise ValueError(f"{PAGE.name} has no place for {name}")
    return replaced


def draw(rows: Sequence[Row]) -> None:
    """The instructions of each process as bars, the least below."""
    import matplotlib as mpl

    mpl.use("svg")
    # The same figures give the same file.
    mpl.rcParams["svg.hashsalt"] = "lingpai"
    from matplotlib import pyplot as plt

    ordered = sorted(rows, key=lambda row: row.instructions)
    figure, axes = plt.subplots(figsize=(8, 0.38 * len(ordered) + 1.1), layout="constrained")
    colours = ["#b0b0b0" if row.name in {"naive", "bare python"} else "#2f6f9f" for row in ordered]
    bars = axes.barh([row.name for row in ordered], [row.instructions / 1e6 for row in ordered], color=colours)
    axes.bar_label(bars, fmt="{:.0f}", padding=3)
    axes.set_xlabel("from nothing to the first answer, millions of instructions")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.1)
    figure.savefig(PICTURE, metadata={"Date": None})
    plt.close(figure)


def write_section(name: str, content: str) -> None:
    """Write what stands between the marks of this name."""
    PAGE.write_text(_replaced(PAGE.read_text("utf-8"), name, content), "utf-8")
