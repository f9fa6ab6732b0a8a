"""What an operation costs a function that has answered before, beside what it cannot do without.

    .venv/bin/python -m benchmarks.warm [--build .aws-sam/here] [--only token-refresh …] [--rooms] [--write]

In: as for benchmarks/cold_start.py, and DynamoDB Local, which counts the units. For each operation and both transports:
the handler; its calls of the store alone, with the items, the expressions and the transport; what of that is the
transport alone; the same calls as libraries make them; and the cryptography, by the libraries alone. Out: instructions
by callgrind, a mean of some repetitions in one process; the processor's time, by the process's own clock, the parts in
turn in one process; DynamoDB's calls and units; where the handler's instructions go (benchmarks/profiles.py). With
--write, the tables of docs/performance.md and docs/profiles.md; with --rooms, the rooms are printed, too. DynamoDB's
answers are recorded and played to it over HTTPS by a server of the benchmark.
"""

import argparse
import json
import os
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import profiles, recorded
from benchmarks.cold_start import LAYER, CannotRun, House, check, environment, python, seconds, versions
from benchmarks.recorded import First
from benchmarks.report import Cost, Operation, Samples, write_operations
from lingpai.signing_keys.stores import FileKeys
from local import template
from tests.support import stores
from tests.support.stores import ROOT

WARM_REQUEST = Path(__file__).with_name("warm_request.py")
TRANSPORTS = ("bare", "botocore")
HANDLER, STORE, TRANSPORT, PLAIN = "handler", "store", "transport", "plain"
_COUNTED, _TIMED = 10, 400
# argon2id is many instructions, all alike.
_SLOW = "argon2"
_SLOW_COUNTED, _SLOW_TIMED = 1, 60
# What a process keeps for a while is kept for the whole of it, however long callgrind takes.
_KEPT = {"CLIENT_CACHE_TTL": "3600", "KEY_CACHE_TTL": "3600"}


@dataclass(frozen=True)
class Case:
    """An operation by one transport, with the house whose player answers it."""

    house: House
    build: Path
    cold: First
    warm: First
    environment: Mapping[str, str]
    cryptography: tuple[str, ...]
    profiled: bool


def main(arguments: Sequence[str]) -> int:
    """Measure and report; give the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.warm", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "here", help="what `sam build` made")
    parser.add_argument("--only", nargs="+", default=None, metavar="CASE", help="these operations, and nothing else")
    parser.add_argument("--rooms", action="store_true", help="print where the handler's instructions go")
    parser.add_argument(
        "--write", action="store_true", help="write the tables of docs/performance.md and docs/profiles.md"
    )
    given = parser.parse_args(arguments)
    names = [name for name in recorded.WARM if given.only is None or name in given.only]
    try:
        check(given.build)
        if (reason := stores.missing()) is not None:
            raise CannotRun(f"DynamoDB Local: {reason}")
        if not sysconfig.get_config_var("PY_HAVE_PERF_TRAMPOLINE"):
            raise CannotRun("this Python tells no profiler its functions apart: take one for Linux on x86-64 or arm64")
        with ExitStack() as stack:
            folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in TRANSPORTS]
            houses = [House(stack.enter_context(recorded.playing(folder)), folder, _TIMED) for folder in folders]
            endpoint = stack.enter_context(stores.dynamodb_local())
            measured = [_measured(name, houses, given.build, endpoint, rooms=given.rooms) for name in names]
    except CannotRun as problem:
        print(problem, file=sys.stderr)
        return 2
    if given.write:
        counted = f"{versions()}, means of {_COUNTED} repetitions ({_SLOW_COUNTED} with {_SLOW}id)"
        timed = f"Medians of {_TIMED} repetitions ({_SLOW_TIMED} with {_SLOW}id)"
        write_operations([row for rows, _ in measured for row in rows], counted, timed)
        profiles.write([profile for _, profile in measured])
    return 0


def _measured(
    name: str, houses: Sequence[House], build: Path, endpoint: str, *, rooms: bool
) -> tuple[list[Operation], profiles.Profile]:
    """The operation by each transport, and the profile of it by the first."""
    keys = houses[0].folder / "keys.json"
    cold, warm = recorded.record_warm(name, recorded.make_keys(FileKeys(keys)))
    units = recorded.count_units(name, endpoint)
    if [operation for operation, _ in warm.answers] != list(units.calls):
        raise CannotRun(f"{name}: moto is asked {warm.answers}, DynamoDB Local {units.calls}")
    functions = {function.name: function for function in template.load(build / "template.yaml").functions}
    cases = []
    for house, transport in zip(houses, TRANSPORTS, strict=True):
        given = environment(house, functions[warm.function].environment, build / LAYER)
        given |= {"AWS_TRANSPORT": transport, "KEYS_KMS_KEY": "", "KEYS_FILE": str(keys), **_KEPT}
        cases.append(Case(house, build, cold, warm, given, recorded.WARM[name], transport == TRANSPORTS[0]))
    # Instructions are the same whatever runs beside; the processor's time is not.
    with ThreadPoolExecutor(len(cases)) as pool:
        counted = list(pool.map(_counted, cases))
    rows = []
    for case, transport, (instructions, _) in zip(cases, TRANSPORTS, counted, strict=True):
        spent = _spent(case)
        row = Operation(name, transport, units, instructions, spent)
        print(row, flush=True)
        rows.append(row)
    profile = counted[0][1]
    assert profile is not None
    if rooms:
        print(profiles.shown(profile), flush=True)
    return rows, profile


def _counted(case: Case) -> tuple[Cost, profiles.Profile | None]:
    """Instructions of one repetition, in millions, and the profile of the handler where that is asked for."""
    times = _SLOW_COUNTED if _SLOW in case.cryptography else _COUNTED
    out = case.house.folder / "callgrind"
    case.house.player.play(case.cold, case.warm)
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *profiles.OPTIONS]
    given = {"PATH": os.environ["PATH"], **case.environment}
    how = "profiled" if case.profiled else "counted"
    _, output = seconds([*valgrind, *_command(case, how, times)], given)
    said = _said(case, output)
    # The first dump is of all before the parts; one of the second warming up comes before the profile's.
    dumps = [out.with_name(f"{out.name}.{2 + index}") for index in range(len(said["parts"]))]
    totals = {part: profiles.total(dump) / times / 1e6 for part, dump in zip(said["parts"], dumps, strict=True)}
    if not case.profiled:
        return _cost(totals), None
    last = out.with_name(f"{out.name}.{3 + len(dumps)}")
    with profiles.machine_code(said["process"]) as code:
        return _cost(totals), profiles.read(case.warm.name, last, code, times, round(totals[HANDLER] * 1e6))


def _spent(case: Case) -> Samples:
    """Milliseconds of each repetition."""
    times = _SLOW_TIMED if _SLOW in case.cryptography else _TIMED
    case.house.player.play(case.cold, case.warm)
    _, output = seconds(_command(case, "timed", times), case.environment)
    spent = _said(case, output)["spent"]
    return Samples(tuple(_cost({part: spent[part][index] / 1e6 for part in spent}) for index in range(times)))


def _cost(parts: Mapping[str, float]) -> Cost:
    alone = sum(value for part, value in parts.items() if part not in {HANDLER, STORE, TRANSPORT, PLAIN})
    return Cost(parts[HANDLER], parts.get(STORE, 0), parts.get(TRANSPORT, 0), parts.get(PLAIN, 0), alone)


def _said(case: Case, output: str) -> dict[str, Any]:
    """What the measured process said, if it answered as recorded and asked for all that was, and nothing else."""
    player, calls = case.house.player, len(case.warm.answers)
    text = output.rpartition("\nmeasured ")[2].partition("\n")[0]
    try:
        said: dict[str, Any] = json.loads(text)
    except ValueError:
        raise CannotRun(f"{case.warm.name}: {output}\nasked besides: {player.missed}") from None
    expected = len(case.cold.answers) + (said["again"] + said["apart"]) * calls
    if said["status"] != [case.warm.status] or said["calls"] != calls or player.missed or player.asked != expected:
        asked = f"asked {player.asked} of {expected}, besides {player.missed}"
        raise CannotRun(f"{case.warm.name}: answered {said['status']}; {said['calls']} calls of {calls}, {asked}")
    if recorded.shape(said["body"]) != recorded.shape(case.warm.body):
        raise CannotRun(f"{case.warm.name}: answered {said['body']}, and when it was recorded {case.warm.body}")
    return said


def _command(case: Case, how: str, times: int) -> list[str]:
    event = case.house.folder / "event.json"
    event.write_text(json.dumps(case.warm.event), "utf-8")
    folders = (str(case.build / case.warm.function), str(case.build / LAYER))
    return [*python(), str(WARM_REQUEST), *folders, str(event), how, str(times), *case.cryptography]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
