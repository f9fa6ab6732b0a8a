"""The tables of what was measured, as Markdown, and their place on a page."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.markdown import table

BEGIN, END = "<!-- peers -->", "<!-- /peers -->"


@dataclass(frozen=True)
class Sample:
    """Milliseconds of processor time of an answer, one figure for each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.rounds)

    def told(self) -> str:
        """Median, and least to most, with three digits."""
        return f"{digits(self.median)} ({digits(min(self.rounds))}–{digits(max(self.rounds))})"


def digits(value: float) -> str:
    """A number with three digits that say something."""
    places = max(0, 2 - (len(str(int(value))) - 1)) if value >= 1 else 3
    return f"{value:.{places}f}"


def ratio(sample: Sample, ours: Sample) -> float:
    """How many times ours it takes: the median of the rounds, in each of which the machine was as busy for both."""
    return statistics.median(mine / other for mine, other in zip(sample.rounds, ours.rounds, strict=True))


def compared(samples: Mapping[str, Sample], beside: Mapping[str, str]) -> str:
    """A table of one piece of work. `samples` by contender; `beside` names whom each is compared with."""
    rows = [(name, sample.told(), f"{ratio(sample, samples[beside[name]]):.2f}") for name, sample in samples.items()]
    return table(("", "ms of CPU for a request", "times ours"), rows)


def put(page: str, text: str) -> str:
    """The page with `text` between its marks; ValueError for a page without both."""
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def write(path: Path, text: str) -> None:
    """Put `text` into the page at `path`."""
    path.write_text(put(path.read_text("utf-8"), text), "utf-8")
