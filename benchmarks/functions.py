"""What the built functions cost: from nothing to the first answer, from a snapshot to it, and when they are warm.

In: the functions and the layer as `sam build` made them for this machine; nothing else is on the path of what is
measured, and AWS's answers are played to it over HTTPS (benchmarks/recorded.py). Out: callgrind's count of
instructions, which comes out alike on any day, and the processor's time, the kernel's for the process included.
"""

import argparse
import json
import statistics
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks import recorded, report
from benchmarks.harness import CannotRun, count, require_dynamodb_local
from benchmarks.operations import OPERATIONS
from benchmarks.processes import PYTHON, Bench, Function, Job, bench, run_counted, run_timed, versions
from benchmarks.recorded import Recording
from benchmarks.report import Compared
from lingpai.signing_keys.stores import FileKeys
from tests.support import stores
from tests.support.stores import CHEAP, ROOT

NAIVE, BARE = "naive", "bare python"
# One call of DynamoDB, a read and a write, is enough to compare the transports.
BESIDE_BOTOCORE = ("refresh", "introspection")
# So many answers warm up, and so many are measured in each process.
WARM_UP, TIMES = 5, 5
# Keys are in a file, what is kept is kept for all the time, and the hash of a password is the cheapest: it would be
# most of what is measured, and is the same for both sides.
SETTINGS = {
    "KEYS_KMS_KEY": "",
    "CLIENT_CACHE_TTL": "3600",
    "KEY_CACHE_TTL": "3600",
    "ARGON2_MEMORY_KIB": str(CHEAP["argon2_memory_kib"]),
    "ARGON2_TIME": str(CHEAP["argon2_time"]),
}


def cold_start(given: argparse.Namespace) -> None:
    """Measure from nothing to the first answer, beside a naive handler and a bare Python."""
    runs = given.runs or 15
    names = [name for name, operation in OPERATIONS.items() if operation.starts]
    with _bench(given) as (made, settings):
        rows = [_bare(runs), *([] if given.only else [_start(*_naive(made), runs, NAIVE)])]
        for recording in _recordings(made, names, given.only):
            rows += [_start(made.function(recording.function, **settings), recording, runs, recording.name)]
    if given.write:
        how = f"{versions()}. Milliseconds are medians of {runs} processes, with the quartiles."
        report.write("cold-start", f"{how}\n\n{report.starts(rows, NAIVE)}")


def operations(given: argparse.Namespace) -> None:
    """Measure the first answer after a restore, one with a new connection, a warm one, and one by botocore."""
    require_dynamodb_local()
    runs = given.runs or 15
    rows: list[Compared] = []
    botocore: list[Compared] = []
    with _bench(given) as (made, settings), stores.dynamodb_local() as endpoint:
        recordings = list(_recordings(made, list(OPERATIONS), given.only))
        asked = count(endpoint, *(recording.name for recording in recordings))
        for recording in recordings:
            if [operation for operation, _ in recording.again] != list(asked[recording.name].calls):
                raise CannotRun(f"{recording.name}: moto was asked otherwise than {asked[recording.name].calls}")
        for name in dict.fromkeys(recording.function for recording in recordings):
            group = [recording for recording in recordings if recording.function == name]
            found = answers(made.function(name, **settings), group, runs)
            rows += found
            if beside := [recording for recording in group if recording.name in BESIDE_BOTOCORE]:
                others = answers(made.function(name, **settings, AWS_TRANSPORT="botocore"), beside, runs)
                ours = {row.name: row for row in found}
                botocore += [ours[other.name].warm.beside(other.warm) for other in others]
    if given.write:
        report.write("operations-units", report.units(asked))
        how = f"{versions()}. Milliseconds are medians of {runs} processes, with the quartiles."
        report.write("operations", f"{how}\n\n{report.answers(rows)}")
        report.write("transports", report.compared(("Operation", "bare", "botocore"), botocore))


@contextmanager
def _bench(given: argparse.Namespace) -> Iterator[tuple[Bench, dict[str, str]]]:
    """What measures, and the settings of the functions."""
    with bench(given.build) as made:
        yield made, {**SETTINGS, "KEYS_FILE": str(made.folder / "keys.json")}


def _recordings(made: Bench, names: Sequence[str], only: Sequence[str] | None) -> Iterator[Recording]:
    if unknown := set(only or ()) - set(names):
        raise CannotRun(f"there is no {', '.join(sorted(unknown))}: {', '.join(names)}")
    keys = recorded.make_keys(FileKeys(made.folder / "keys.json"))
    return (recorded.record(name, keys) for name in names if not only or name in only)


def _bare(runs: int) -> Compared:
    command = [*PYTHON, "-c", "import os; os._exit(0)"]
    seconds = [run_timed(command, {}).seconds for _ in range(runs)]
    return _told(Compared(BARE, (run_counted(command, {}).instructions,), (_ms(seconds),)))


def _naive(made: Bench) -> tuple[Function, Recording]:
    """The naive handler, and what DynamoDB answers to it: it reads the client's record, and nothing with it."""
    (recording,) = _recordings(made, ["machine token, opaque"], None)
    batch = json.loads(dict(recording.first)["BatchGetItem"])
    (client,) = (item for item in batch["Responses"]["ClientsTable"] if "secret_hash" in item)
    read = ("GetItem", json.dumps({"Item": client}).encode())
    played = tuple(read if operation == "BatchGetItem" else (operation, body) for operation, body in recording.first)
    site = Path(sysconfig.get_path("purelib"))
    function = Function(made, ROOT / "benchmarks" / NAIVE, site, made.environment(recording.function, site))
    body = '{"access_token": "", "token_type": "", "expires_in": 0}'
    return function, replace(recording, first=played, body=body)


def _start(function: Function, recording: Recording, runs: int, name: str) -> Compared:
    jobs = [Job(recording)]
    counted, _ = function.answer("once", jobs, counted=True)
    seconds = [function.answer("once", jobs)[0].seconds for _ in range(runs)]
    return _told(Compared(name, (counted.instructions,), (_ms(seconds),)))


def answers(function: Function, recordings: Sequence[Recording], runs: int) -> list[Compared]:
    """The first answer after a restore, one with a new connection, and a warm one; of each recording."""
    jobs = [Job(recording, WARM_UP, TIMES) for recording in recordings]
    counted = iter(function.answer("counted", jobs, counted=True)[0].measured)
    timed = iter(function.answer("timed", [job for job in jobs for _ in range(runs)])[1])
    rows = []
    for job in jobs:
        first, connected, warm = (next(counted) for _ in range(3))
        spent = [_ms([one / 1e9 for one in next(timed).spent]) for _ in range(runs)]
        ms = (
            tuple(one[0] for one in spent),
            tuple(one[1] for one in spent),
            tuple(m for one in spent for m in one[2:]),
        )
        rows.append(_told(Compared(job.recording.name, (first, connected, warm // TIMES), ms)))
    return rows


def _ms(seconds: Sequence[float]) -> tuple[float, ...]:
    return tuple(1000 * one for one in seconds)


def _told(row: Compared) -> Compared:
    counts = "  ".join(f"{count / 1e6:9.2f} Mi" for count in row.instructions)
    times = "  ".join(f"{statistics.median(times):8.2f} ms" for times in row.ms)
    print(f"{row.name:34} {counts}  {times}", *(f" {ratio:.2f}" for ratio in row.ratios), flush=True)
    return row
