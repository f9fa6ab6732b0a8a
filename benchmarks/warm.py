"""What an operation costs a function that has answered before, beside what it cannot do without.

    .venv/bin/python -m benchmarks.warm [--build .aws-sam/here] [--only token-refresh …] [--write]

In: as for benchmarks/cold_start.py. For each operation and both transports, in processes of their own: the handler; its
calls of the store alone, with what PynamoDB and the transport make of them; and what of it is cryptography (argon2id,
ES256), by the library alone. Out: instructions by callgrind, as the difference between a process that does it so many
times and one that does not, and the median of the processor's time of each repetition; with --write, the table of
docs/performance.md. DynamoDB's answers are recorded and played to it over HTTPS by a server of the benchmark.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import recorded
from benchmarks.cold_start import (
    LAYER,
    CannotRun,
    House,
    check,
    count,
    described,
    environment,
    python,
    seconds,
)
from benchmarks.recorded import First
from benchmarks.report import Operation, write_operations
from lingpai.adapters.keys import FileKeys, OpenVault
from lingpai.clock import Clock
from lingpai.keys import first_keys
from local import template
from tests.support.stores import ROOT

WARM_REQUEST = Path(__file__).with_name("warm_request.py")
TRANSPORTS = ("bare", "botocore")
# What of an operation is cryptography that takes any time.
CRYPTOGRAPHY = {"token-password": "argon2", "token-client-credentials, signed": "es256"}
_COUNTED, _TIMED = 20, 400
# argon2id is many instructions, all alike.
_SLOW = 3


@dataclass(frozen=True)
class Cost:
    """Of one repetition: millions of instructions, and milliseconds of the processor's time."""

    instructions: float
    milliseconds: float


def main(arguments: Sequence[str]) -> int:
    """Measure and report; give the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.warm", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "here", help="what `sam build` made")
    parser.add_argument("--only", nargs="+", default=None, metavar="CASE", help="these operations, and nothing else")
    parser.add_argument("--write", action="store_true", help="write the table of docs/performance.md")
    given = parser.parse_args(arguments)
    try:
        check(given.build)
        with tempfile.TemporaryDirectory() as folder, recorded.playing(Path(folder)) as player:
            house = House(player, Path(folder), _TIMED)
            rows = _rows(house, given.build, given.only)
    except CannotRun as problem:
        print(problem, file=sys.stderr)
        return 2
    if given.write:
        write_operations(rows, described(house, "repetitions"))
    return 0


def _rows(house: House, build: Path, only: Sequence[str] | None) -> list[Operation]:
    functions = {function.name: function for function in template.load(build / "template.yaml").functions}
    keys = house.folder / "keys.json"
    first_keys(FileKeys(keys), OpenVault(), Clock())
    crypto: dict[str, Cost] = {}
    rows = []
    for cold, warm in recorded.record_warm():
        if only is not None and warm.name not in only:
            continue
        pair = Pair(house, build, cold, warm)
        for transport in TRANSPORTS:
            given = environment(house, functions[warm.function].environment, build / LAYER)
            given |= {"AWS_TRANSPORT": transport, "KEYS_KMS_KEY": "", "KEYS_FILE": str(keys)}
            kind = CRYPTOGRAPHY.get(warm.name, "")
            pair = replace(pair, slow=kind == "argon2")
            once = _count(pair, given, "handler", 0)
            handler = _cost(pair, given, "handler", once)
            store = _cost(pair, given, "store", once) if warm.answers else Cost(0, 0)
            if kind and kind not in crypto:
                crypto[kind] = _cost(pair, given, kind, _count(pair, given, kind, 0))
            alone = crypto.get(kind, Cost(0, 0))
            row = Operation(
                warm.name,
                transport,
                len(warm.answers),
                (handler.instructions, store.instructions, alone.instructions),
                (handler.milliseconds, store.milliseconds, alone.milliseconds),
            )
            print(row, flush=True)
            rows.append(row)
    return rows


@dataclass(frozen=True)
class Pair:
    """An operation: its request when nothing is known yet, and again."""

    house: House
    build: Path
    cold: First
    warm: First
    slow: bool = False


def _cost(pair: Pair, given: Mapping[str, str], what: str, once: int) -> Cost:
    """What repeating it costs; `once` is the count of a process that repeats nothing."""
    times = _SLOW if pair.slow else _COUNTED
    counted = _count(pair, given, what, times) - once
    spent = _spent(pair, given, what, _TIMED // 10 if pair.slow else _TIMED)
    return Cost(counted / times / 1e6, statistics.median(spent) / 1000)


def _count(pair: Pair, given: Mapping[str, str], what: str, times: int) -> int:
    pair.house.player.play(pair.cold, pair.warm)
    return count(pair.house, _command(pair, what, times), given)


def _spent(pair: Pair, given: Mapping[str, str], what: str, times: int) -> list[int]:
    """The microseconds of each repetition."""
    pair.house.player.play(pair.cold, pair.warm)
    _, output = seconds(_command(pair, what, times), given)
    said = output.rpartition("\nmeasured ")[2]
    if '"status": [200, 200]' not in said or pair.house.player.missed:
        raise CannotRun(f"{pair.warm.name}, {what}: {output}\nasked besides: {pair.house.player.missed}")
    spent: list[int] = json.loads(said)["spent"]
    return spent


def _command(pair: Pair, what: str, times: int) -> list[str]:
    event = pair.house.folder / "event.json"
    event.write_text(json.dumps(pair.warm.event), "utf-8")
    folders = (str(pair.build / pair.warm.function), str(pair.build / LAYER))
    return [*python(), str(WARM_REQUEST), *folders, str(event), what, str(times)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
