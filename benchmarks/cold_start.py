"""From nothing to the first answer: what it costs to start each function, in processes of their own.

In: the functions and the layer as `sam build` made them for this machine; nothing else is on the path of what is
measured, and AWS's answers are played to it over HTTPS (benchmarks/recorded.py). Beside them, a handler as they are
often written (benchmarks/naive) and a bare Python. Out: callgrind's count of instructions, which comes out alike on
any day, and the processor's time; with --write, the table and the picture of docs/performance.md.
"""

import argparse
import statistics
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import recorded, report
from benchmarks.machine import CannotRun
from benchmarks.processes import BUILD, LAYER, Bench, Case, check, python, run, run_counted, versions
from benchmarks.report import Start
from tests.support.stores import ROOT

NAIVE, BARE = "naive", "bare python"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--build", type=Path, default=BUILD, help="what `sam build` made")
    parser.add_argument("--runs", type=int, default=15, help="processes for each figure of processor time (15)")
    parser.add_argument("--only", nargs="+", default=None, metavar="CASE", help="these requests, and nothing else")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its picture")


def main(given: argparse.Namespace) -> None:
    """Measure and report; CannotRun where that is not possible here."""
    check(given.build)
    with tempfile.TemporaryDirectory() as folder, recorded.playing(Path(folder)) as player:
        bench = Bench(given.build, player, Path(folder))
        starts = _measured(bench, given.only, given.runs)
    if given.write:
        how = f"{versions()}, medians of {given.runs} processes"
        report.write("cold-start", f"{how}.\n\n{report.starts(starts, NAIVE)}")
        report.draw(starts, grey={NAIVE, BARE})


def _measured(bench: Bench, only: Sequence[str] | None, runs: int) -> list[Start]:
    firsts = recorded.record()
    site = Path(sysconfig.get_path("purelib"))
    naive = Case(NAIVE, firsts[0], ROOT / "benchmarks" / NAIVE, site, bench.environment(firsts[0].function, site))
    cases = [] if only else [naive]
    for first in firsts:
        if only is None or first.name in only:
            folders = (bench.build / first.function, bench.build / LAYER)
            cases.append(Case(first.name, first, *folders, bench.environment(first.function)))
    return [_bare(bench, runs), *(_start(bench, case, runs) for case in cases)]


def _bare(bench: Bench, runs: int) -> Start:
    command = [*python(), "-c", "import os; os._exit(0)"]
    count, _ = run_counted(command, {}, bench.folder / "callgrind")
    return _told(Start(BARE, count, tuple(run(command, {})[0] for _ in range(runs))))


def _start(bench: Bench, case: Case, runs: int) -> Start:
    command = bench.command(case)

    def answered(output: str) -> None:
        if bench.said(case.name, output)["statuses"] != [case.first.status] or bench.player.answers:
            left = [operation for operation, _ in bench.player.answers]
            raise CannotRun(f"{case.name}: {output}\nnot asked for: {left}")

    def timed() -> float:
        bench.player.play(case.first)
        seconds, output = run(command, case.environment)
        answered(output)
        return seconds

    seconds = tuple(timed() for _ in range(runs))
    bench.player.play(case.first)
    count, output = run_counted(command, case.environment, bench.folder / "callgrind")
    answered(output)
    return _told(Start(case.name, count, seconds))


def _told(start: Start) -> Start:
    middle, least, most = statistics.median(start.seconds), min(start.seconds), max(start.seconds)
    took = f"{middle * 1000:8.1f} ms ({least * 1000:.1f}-{most * 1000:.1f})"
    print(f"{start.name:40} {start.instructions / 1e6:8.1f} Mi {took}", flush=True)
    return start
