"""Tables and pictures of docs/performance.md: each is replaced between its two marks, the words around them stay."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

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
class Operation:
    """What one operation costs by one transport: of the handler, of the store in it, and of cryptography alone."""

    name: str
    transport: str
    calls: int
    instructions: tuple[float, float, float]
    milliseconds: tuple[float, float, float]

    def ratio(self, of: tuple[float, float, float]) -> float:
        """The handler to what it cannot do without."""
        handler, store, alone = of
        return handler / (store + alone) if store + alone else float("nan")

    def __str__(self) -> str:
        million = "  ".join(f"{value:7.3f}" for value in self.instructions)
        milli = "  ".join(f"{value:7.3f}" for value in self.milliseconds)
        ratios = f"{self.ratio(self.instructions):5.2f} {self.ratio(self.milliseconds):5.2f}"
        return f"{self.name:34} {self.transport:9} {self.calls}  Mi {million}  ms {milli}  {ratios}"


def write_operations(rows: Sequence[Operation], how: str) -> None:
    """Write the table of what operations cost."""
    lines = [
        f"{how}.",
        "",
        "| Operation | Transport | Calls | Handler, Mi | Store, Mi | Cryptography, Mi | Ratio | Handler, ms | Ratio |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        handler, store, alone = row.instructions
        lines.append(
            f"| {row.name} | {row.transport} | {row.calls} | {handler:.2f} | {store:.2f} | {alone:.2f} "
            f"| {row.ratio(row.instructions):.2f} | {row.milliseconds[0]:.2f} | {row.ratio(row.milliseconds):.2f} |"
        )
    PAGE.write_text(_replaced(PAGE.read_text("utf-8"), "operations", "\n".join(lines)), "utf-8")


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
    lines = [
        f"{how}.",
        "",
        "| Process | Instructions, millions | of naive | CPU, ms (least to most) | of naive |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        spread = f"{row.median * 1000:.0f} ({min(row.seconds) * 1000:.0f}–{max(row.seconds) * 1000:.0f})"
        lines.append(
            f"| {row.name} | {row.instructions / 1e6:.0f} | {row.instructions / naive.instructions:.2f} "
            f"| {spread} | {row.median / naive.median:.2f} |"
        )
    return "\n".join(lines)


def _undone(plain: Row, changes: Sequence[Row]) -> str:
    lines = ["| Undone | Instructions more, millions | of the start |", "|---|---:|---:|"]
    for row in changes:
        more = row.instructions - plain.instructions
        lines.append(f"| {row.name} | {more / 1e6:+.0f} | {more / plain.instructions:+.0%} |")
    return "\n".join(lines)


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
