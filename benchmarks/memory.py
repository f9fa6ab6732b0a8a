"""What each function's memory has to be: what it takes, and how long it takes at the processor's share of each size.

    .venv/bin/python -m benchmarks.memory [--build .aws-sam/here] [--runs 3] [--only token-password …] [--write]

In: as for benchmarks/cold_start.py. For each size, processes of their own with the share of a processor that Lambda
gives it: from nothing to the first answer, then the same request again, each time after a pause, as requests come to
one environment. The player waits before it answers, as docs/cost.md takes DynamoDB to do. Where no control group can
be made (that takes root), the processor's time is divided by the share instead, and the page says so. Out: the peak of
the memory, milliseconds at each size, dollars of a million, and what the time-out has to be longer than; with --write,
the tables of docs/performance.md.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

import argparse
import json
import math
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import recorded, share
from benchmarks.cold_start import LAYER, CannotRun, House, environment, python, seconds
from benchmarks.markdown import table
from benchmarks.recorded import First, Player
from benchmarks.report import write_section
from lingpai.kernel.clock import Clock
from lingpai.settings import Settings
from lingpai.signing_keys.service import first_keys
from lingpai.signing_keys.stores import MemoryKeys, OpenVault
from local import template
from tests.support import stores
from tests.support.stores import ROOT
from tools.cost import FULL_PROCESSOR_MB, MILLION, PRICES, WAIT_MS, WAIT_TRANSACTION_MS

MEMORY_REQUEST = Path(__file__).with_name("memory_request.py")
SIZES = (128, 256, 512, 1024, FULL_PROCESSOR_MB)
RUNS, AGAIN, PAUSE = 3, 10, 0.03
MEGABYTE = 2**20
# Seconds, of an HTTP API: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
API_GATEWAY = 30


@dataclass(frozen=True)
class Run:
    """A process: milliseconds to the first answer and of each later one, as waited and as worked; peaks in bytes."""

    waited: tuple[float, ...]
    spent: tuple[float, ...]
    peaks: tuple[int, int]


@dataclass(frozen=True)
class Took:
    """Milliseconds to the first answer and of a later one."""

    start: float
    again: float


@dataclass(frozen=True)
class Case:
    """What was found of one request: what it takes of the processor and of memory, and how long by size."""

    name: str
    function: str
    processor: Took
    peaks: tuple[int, int]
    took: Mapping[int, Took]


def main(arguments: Sequence[str]) -> int:
    """Measure and report; give the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.memory", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "here", help="what `sam build` made")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"processes for each request and size ({RUNS})")
    parser.add_argument("--only", nargs="+", default=None, metavar="CASE", help="these requests, and nothing else")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/performance.md")
    given = parser.parse_args(arguments)
    try:
        if not (given.build / LAYER).is_dir():
            raise CannotRun(f"{given.build} holds no layer: run `make build-here`")
        with tempfile.TemporaryDirectory() as folder, recorded.playing(Path(folder)) as player:
            _patient(player)
            house = House(player, Path(folder), given.runs)
            cases = list(_cases(house, given.build, given.only))
            limited = _is_limited()
            silence = _unanswered(house, given.build) if given.only is None else None
    except CannotRun as problem:
        print(problem, file=sys.stderr)
        return 2
    text = told(cases, given.runs, limited=limited)
    print(text)
    if silence is not None:
        waits = told_waits(silence, template.load(ROOT / "template.yaml"), Settings())
        print(f"\n{waits}")
        if given.write:
            write_section("time-outs", waits)
    if given.write:
        write_section("memory", text)
    return 0


def _patient(player: Player) -> None:
    """Let it wait as DynamoDB lets wait."""
    take = player.take

    def later(target: str) -> bytes | None:
        time.sleep((WAIT_TRANSACTION_MS if "Transact" in target else WAIT_MS) / 1000)
        return take(target)

    player.take = later  # type: ignore[method-assign]


def _is_limited() -> bool:
    with share.of_a_processor(0.5) as before:
        return before is not None


def _cases(house: House, build: Path, only: Sequence[str] | None) -> Iterator[Case]:
    functions = {function.name: function for function in template.load(build / "template.yaml").functions}
    firsts = recorded.record()
    for first in (*firsts, _tending(firsts[0])):
        if only is None or first.name in only:
            given = environment(house, functions[first.function].environment, build / LAYER)
            if first.function == "KeysFunction":
                given["KEYS_KMS_KEY"] = "alias/keys"
            runs = {size: _runs(house, build, first, given, size) for size in SIZES}
            whole = runs[FULL_PROCESSOR_MB]
            case = Case(
                first.name,
                first.function,
                Took(statistics.median(run.spent[0] for run in whole), _later(run.spent for run in whole)),
                (max(run.peaks[0] for run in whole), max(run.peaks[1] for run in whole)),
                {
                    size: Took(statistics.median(run.waited[0] for run in found), _later(run.waited for run in found))
                    for size, found in runs.items()
                },
            )
            print(f"{case.name:30} {case.peaks[1] / MEGABYTE:6.1f} MB {case.took}", file=sys.stderr, flush=True)
            yield case


def _later(times: Iterator[tuple[float, ...]]) -> float:
    """The median of all but the first of each."""
    return statistics.median(took for given in times for took in given[1:])


def _tending(other: First) -> First:
    """The hourly look at keys of which none is due, in the place of a request."""
    keys = MemoryKeys()
    first_keys(keys, OpenVault(), Clock())
    with stores.on_moto() as store:
        for key in keys.load_keys():
            store.add_key(key)
        with recorded.heard_of(store) as heard:
            store.load_keys()
    return replace(other, name="keys, none due", function="KeysFunction", event={}, answers=tuple(heard))


def _runs(house: House, build: Path, first: First, given: Mapping[str, str], size: int) -> list[Run]:
    of_processor = min(1.0, size / FULL_PROCESSOR_MB)
    if of_processor == 1:
        return [_run(house, build, first, given, []) for _ in range(house.runs)]
    with share.of_a_processor(of_processor) as before:
        runs = [_run(house, build, first, given, before or []) for _ in range(house.runs)]
    return runs if before is not None else [slowed(run, of_processor) for run in runs]


def slowed(run: Run, of_processor: float) -> Run:
    """The run as it would be if each step of it took so much longer for its share of the processor."""
    more = 1 / of_processor - 1
    return replace(
        run, waited=tuple(waited + spent * more for waited, spent in zip(run.waited, run.spent, strict=True))
    )


def _run(house: House, build: Path, first: First, given: Mapping[str, str], before: Sequence[str]) -> Run:
    # Asked again, it knows the client.
    known = tuple(answer for answer in first.answers if not is_client(answer))
    house.player.play(first, replace(first, answers=known))
    _, output = seconds([*before, *_command(house, build, first, AGAIN)], given)
    found = _said(output)
    wanted = None if first.function == "KeysFunction" else 200
    if set(found["statuses"]) != {wanted} or house.player.missed:
        raise CannotRun(f"{first.name}: {output}\nasked besides: {house.player.missed}")
    return Run(tuple(found["waited"]), tuple(found["spent"]), tuple(found["peaks"]))


def _unanswered(house: House, build: Path) -> float:
    """Seconds until a function gives up whose store takes its connections and its requests, and answers nothing."""
    (first,) = [first for first in recorded.record() if first.name == "token-client-credentials"]
    functions = {function.name: function for function in template.load(build / "template.yaml").functions}
    given = environment(house, functions[first.function].environment, build / LAYER)
    over, take = threading.Event(), house.player.take

    def never(target: str) -> bytes | None:  # noqa: ARG001  it is called by that name
        over.wait()
        return None

    house.player.take = never  # type: ignore[method-assign]
    try:
        found = _said(seconds(_command(house, build, first, 0), given)[1])
    finally:
        over.set()
        house.player.take = take  # type: ignore[method-assign]
    if found["statuses"] != [503]:
        raise CannotRun(f"with nothing answered: {found}")
    return float(found["waited"][0]) / 1000


def _said(output: str) -> Any:
    said = output.rpartition("\nmeasured ")[2]
    return json.loads(said) if said.startswith("{") else {"statuses": [], "said": output}


def told_waits(silence: float, deployment: template.Template, settings: Settings) -> str:
    """What a request may have to wait for, in seconds, and what it may wait at all, as a table."""
    a_try = settings.sign_connect_timeout + settings.sign_timeout
    limits = sorted({function.timeout for function in deployment.functions if function.name != "KeysFunction"})
    rows = [
        ("a store that never answers, with the start, measured", silence),
        ("all senders of the chain (`SMS_DEADLINE`)", settings.sms_deadline),
        ("WeChat (`SIGN_CONNECT_TIMEOUT`, `SIGN_TIMEOUT`)", a_try),
        ("an OpenID provider whose address and keys are not known yet: two of these", 2 * a_try),
        *(("**the time-out of the functions**", limit) for limit in limits),
        ("API Gateway, which then answers by itself", API_GATEWAY),
    ]
    return table(("What may take long", "seconds at most"), [(what, f"{taken:.1f}") for what, taken in rows])


def _command(house: House, build: Path, first: First, again: int) -> list[str]:
    event = house.folder / "event.json"
    event.write_text(json.dumps(first.event), "utf-8")
    files = (str(MEMORY_REQUEST), str(build / first.function), str(build / LAYER), str(event))
    return [*python(), *files, str(time.monotonic_ns()), str(again), str(PAUSE)]


def is_client(answer: tuple[str, bytes]) -> bool:
    """Whether it is a client's record that DynamoDB gives."""
    operation, body = answer
    if operation != "BatchGetItem":
        return False
    return any("dialect" in item for items in json.loads(body)["Responses"].values() for item in items)


def dollars(milliseconds: float, size: int) -> float:
    """Of a million that take so long: Lambda bills whole milliseconds, for the memory."""
    return MILLION * math.ceil(milliseconds) / 1000 * size / 1024 * PRICES["gb_s"].dollars


def told(cases: Sequence[Case], runs: int, *, limited: bool) -> str:
    """The tables, with a line above that says how they came about."""
    measured = (
        f"of processes that had this share, counted over {share.PERIOD // 1000} ms"
        if limited
        else "computed: the processor's time divided by this share, since no control group could be made"
    )
    how = (
        f"Python {platform.python_version()} on {platform.machine()}, medians of {runs} processes, each asked {AGAIN} "
        f"times more. A size has its part\nof {FULL_PROCESSOR_MB} MB as its share of a processor; milliseconds are "
        f"{measured}."
    )
    taken = table(
        (
            "Request",
            "Function",
            "Peak at the first answer, MB",
            f"after {AGAIN} more",
            "CPU of the start, ms",
            "of a request, ms",
        ),
        [
            (
                case.name,
                case.function.removesuffix("Function"),
                *(f"{peak / MEGABYTE:.0f}" for peak in case.peaks),
                f"{case.processor.start:.0f}",
                f"{case.processor.again:.1f}",
            )
            for case in cases
        ],
    )
    later = _by_size(
        "A request, ms (dollars of a million)", cases, {c.name: {s: t.again for s, t in c.took.items()} for c in cases}
    )
    start = _by_size(
        "A start, ms (dollars of a million)", cases, {c.name: {s: t.start for s, t in c.took.items()} for c in cases}
    )
    return "\n\n".join((how, taken, later, start))


def _by_size(head: str, cases: Sequence[Case], took: Mapping[str, Mapping[int, float]]) -> str:
    rows = [
        (case.name, *(f"{took[case.name][size]:.0f} ({dollars(took[case.name][size], size):.2f})" for size in SIZES))
        for case in cases
    ]
    return table((head, *(f"{size} MB" for size in SIZES)), rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
