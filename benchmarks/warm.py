"""What an operation costs a function that has answered before, by the bare transport and by botocore's.

In: as for benchmarks/cold_start.py, and DynamoDB Local, which counts the units. Out, for each operation and transport:
instructions by callgrind, the mean of some answers in one process; the processor's time of each answer, by the
process's own clock, the kernel's for it included; DynamoDB's calls and units. With --write, the tables of
docs/performance.md.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import recorded, report
from benchmarks.machine import CannotRun, require_dynamodb_local
from benchmarks.processes import AT_NICE, BUILD, LAYER, Bench, Case, check, run, run_counted, total, versions
from benchmarks.recorded import First
from benchmarks.report import Operation
from lingpai.signing_keys.stores import FileKeys
from tests.support import stores

TRANSPORTS = ("bare", "botocore")
# What a process keeps for a while is kept for the whole of it, however long callgrind takes.
_KEPT = {"CLIENT_CACHE_TTL": "3600", "KEY_CACHE_TTL": "3600"}


@dataclass(frozen=True)
class Times:
    """How often the event is answered: before what is measured, by callgrind, and by the clock."""

    warm_up: int = 10
    counted: int = 10
    timed: int = 400


# argon2id is many instructions, all alike.
TIMES, SLOW = Times(), Times(warm_up=1, counted=1, timed=60)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--build", type=Path, default=BUILD, help="what `sam build` made")
    parser.add_argument("--only", nargs="+", default=None, metavar="CASE", help="these operations, and nothing else")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/performance.md")


def main(given: argparse.Namespace) -> None:
    """Measure and report; CannotRun where that is not possible here."""
    check(given.build)
    require_dynamodb_local()
    names = [name for name in recorded.WARM if given.only is None or name in given.only]
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in TRANSPORTS]
        benches = [Bench(given.build, stack.enter_context(recorded.playing(folder)), folder) for folder in folders]
        endpoint = stack.enter_context(stores.dynamodb_local())
        rows = [_measured(name, benches, endpoint) for name in names]
    if given.write:
        how = (
            f"{versions()}. Instructions are means of {TIMES.counted} answers ({SLOW.counted} with argon2id), "
            f"milliseconds medians of {TIMES.timed} ({SLOW.timed}), with the quartiles."
        )
        report.write("operations-units", report.units(rows))
        report.write("operations", f"{how}\n\n{report.operations(rows)}")


def _measured(name: str, benches: Sequence[Bench], endpoint: str) -> Operation:
    keys = benches[0].folder / "keys.json"
    cold, warm = recorded.record_warm(name, recorded.make_keys(FileKeys(keys)))
    units = recorded.count_units(name, endpoint)
    if [operation for operation, _ in warm.answers] != list(units.calls):
        raise CannotRun(f"{name}: moto is asked {warm.answers}, DynamoDB Local {units.calls}")
    times = SLOW if name in recorded.SLOW else TIMES
    cases = []
    for bench, transport in zip(benches, TRANSPORTS, strict=True):
        settings = {"AWS_TRANSPORT": transport, "KEYS_KMS_KEY": "", "KEYS_FILE": str(keys), **_KEPT}
        folders = (bench.build / warm.function, bench.build / LAYER)
        cases.append(Case(name, warm, *folders, bench.environment(warm.function) | settings))
    # Instructions are the same whatever runs beside; the processor's time is not.
    with ThreadPoolExecutor(len(cases)) as pool:
        counts = list(pool.map(lambda bench, case: _counted(bench, case, cold, times), benches, cases))
    spent = [_spent(bench, case, cold, times) for bench, case in zip(benches, cases, strict=True)]
    row = Operation(name, units, _by_transport(counts), _by_transport(spent))
    print(row, flush=True)
    return row


def _by_transport[Value](values: Sequence[Value]) -> Mapping[str, Value]:
    return dict(zip(TRANSPORTS, values, strict=True))


def _counted(bench: Bench, case: Case, cold: First, times: Times) -> float:
    """Instructions of one answer, in millions."""
    out = bench.folder / "callgrind"
    bench.player.play(cold, case.first)
    command = bench.command(case, "counted", str(times.counted), str(times.warm_up))
    _, output = run_counted(command, case.environment, out, AT_NICE)
    _said(bench, case, cold, output)
    # The first dump is of all before the measured answers.
    return total(out.with_name(f"{out.name}.2")) / times.counted / 1e6


def _spent(bench: Bench, case: Case, cold: First, times: Times) -> tuple[float, ...]:
    """Milliseconds of each answer."""
    bench.player.play(cold, case.first)
    _, output = run(bench.command(case, "timed", str(times.timed), str(times.warm_up)), case.environment)
    return tuple(nanoseconds / 1e6 for nanoseconds in _said(bench, case, cold, output)["spent"])


def _said(bench: Bench, case: Case, cold: First, output: str) -> dict[str, Any]:
    """What the measured process said, if it answered as recorded and asked for all that was, and nothing else."""
    said = bench.said(case.name, output)
    expected = len(cold.answers) + (said["answered"] - 1) * len(case.first.answers)
    if said["statuses"] != [case.first.status] or bench.player.asked != expected:
        raise CannotRun(f"{case.name}: answered {said['statuses']}, asked {bench.player.asked} of {expected}")
    if recorded.shape(said["body"]) != recorded.shape(case.first.body):
        raise CannotRun(f"{case.name}: answered {said['body']}, and when it was recorded {case.first.body}")
    return said
