"""Bars for the pages: numbers in, what the template draws as SVG out. Each chart has its numbers as a table, too."""

from collections.abc import Sequence
from dataclasses import dataclass

_HEIGHT, _WIDTH, _GAP = 96, 24, 6


@dataclass(frozen=True)
class Bar:
    """A bar: where it stands, how high it is, and what it means."""

    x: int
    y: int
    height: int
    label: str
    value: int


@dataclass(frozen=True)
class Chart:
    """The bars of a chart, its size, its greatest value and the sum of all."""

    title: str
    bars: tuple[Bar, ...]
    width: int
    most: int
    total: int
    height: int = _HEIGHT
    bar: int = _WIDTH - _GAP


def bars(title: str, labels: Sequence[str], values: Sequence[int]) -> Chart:
    """A chart of these values; a value above 0 has a bar that can be seen."""
    most = max(values, default=0)
    drawn = []
    for index, (label, value) in enumerate(zip(labels, values, strict=True)):
        height = max(2, round(value / most * _HEIGHT)) if value else 0
        drawn.append(Bar(index * _WIDTH, _HEIGHT - height, height, label, value))
    return Chart(title, tuple(drawn), len(drawn) * _WIDTH, most, sum(values))
