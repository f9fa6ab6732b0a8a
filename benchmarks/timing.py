"""Does the time of an answer tell whether a user or a number has an account? Prints what was measured.

    .venv/bin/python -m benchmarks.timing [--pairs 2000] [--set LOGIN_TRIES=0 …]

In: DynamoDB Local (`make dynamodb-local`), run by this process. Through the real handlers, one request at a time:
passwords at `/oauth/token`, wrong ones, for users that are there and that are not, with the parameters of argon2id
that a deployment has; and codes at `/mobile/code/get`, for numbers with and without an account. Each pair is one of
both kinds, one after the other, in an order drawn anew. Nobody is asked for twice and each request comes from an
address of its own, so that the limits are those of a deployment, and counted as there; only what all messages share is
as good as endless, since a limit that is reached would end the run. Out: 0, or 2 where it could not be run.
"""

import argparse
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TextIO

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.passwords.service import hash_password
from lingpai.settings import Settings
from tests.support import stores
from tests.support.api import Answer, Api, make_api

WARM_UP = 100
RESAMPLES = 1000
CLIENT = ("web-client", "web-secret")
# The first three digits of mobile numbers at home.
RANGES = [*range(130, 140), *range(150, 154), *range(155, 160), *range(180, 190)]

Ask = Callable[[int], Answer]


@dataclass(frozen=True)
class Measured:
    """Milliseconds of the answers, known and unknown pair by pair."""

    known: list[float]
    unknown: list[float]


def main(arguments: Sequence[str]) -> int:
    """Measure and report; give the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.timing", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=2000, help="how many of each kind (2000)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the service")
    parser.add_argument("--chance", type=int, default=2030, help="what the order is drawn with (2030)")
    given = parser.parse_args(arguments)
    if (reason := stores.missing()) is not None:
        print(f"DynamoDB Local: {reason}", file=sys.stderr)
        return 2
    report = _report_alone()
    chosen = _settings(dict(setting.lower().split("=", 1) for setting in given.set))
    with (
        stores.dynamodb_local() as endpoint,
        stores.on_dynamodb_local(endpoint) as store,
        pytest.MonkeyPatch.context() as patch,
    ):
        api = make_api(patch, store, **chosen)
        _run(api, given.pairs, random.Random(given.chance), report)
    return 0


def _run(api: Api, pairs: int, chance: random.Random, report: TextIO) -> None:
    settings = api.services.settings
    people = WARM_UP + pairs
    _say(report, f"Python {platform.python_version()}, {os.cpu_count()} cores, DynamoDB Local; {pairs} pairs, shuffled")
    hashing = f"{settings.argon2_memory_kib} KiB, {settings.argon2_time} passes, {settings.argon2_parallelism} lane"
    _say(report, f"argon2id: {hashing}")
    _populate(api, people)
    measured = _measure(
        lambda index: _log_in(api, f"person-{index:07d}", index),
        lambda index: _log_in(api, f"nobody-{index:07d}", index + people),
        400,
        people,
        chance,
    )
    _tell(report, "wrong passwords", "user", measured, chance)
    measured = _measure(
        lambda index: _get_code(api, _number(index), index),
        lambda index: _get_code(api, _number(index + people), index + people),
        200,
        people,
        chance,
    )
    _tell(report, "codes asked for", "number", measured, chance)


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Those of a deployment where the time is spent, and `given` above all."""
    fields = Settings.model_fields
    shared = dict.fromkeys(("limit_sms_prefix", "sms_unproven", "limit_sms_client", "limit_sms_day"), 10**9)
    argon2 = {name: field.default for name, field in fields.items() if name.startswith("argon2_")}
    unknown = given.keys() - fields.keys()
    if unknown:
        raise SystemExit(f"there is no setting {', '.join(sorted(unknown)).upper()}")
    return {**stores.GUARDED, **shared, **argon2, **given}


def _populate(api: Api, people: int) -> None:
    """Accounts with a username, a password and a number; nothing is known of as many names and numbers more."""
    hashed = hash_password("a password that nobody tries", api.services.settings)

    def add(index: int) -> None:
        user = User(
            id=1000 + index,  # new_user_id would give the same twice: the clock stands still
            created_at=api.services.clock.now(),
            username=f"person-{index:07d}",
            password=hashed,
            mobile="+86" + _number(index),
        )
        accounts.add(api.services, user)

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(add, range(people)):
            pass


def _number(index: int) -> str:
    return f"{RANGES[index % len(RANGES)]}{index:08d}"


def _address(index: int) -> str:
    """An address of its own, and so in a /24 of its own."""
    return f"{11 + (index >> 16)}.{index >> 8 & 255}.{index & 255}.7"


def _log_in(api: Api, name: str, index: int) -> Answer:
    form = {"grant_type": "password", "username": name, "password": "a guess that is wrong"}
    return api.post("/oauth/token", form=form, basic=CLIENT, source_ip=_address(index))


def _get_code(api: Api, number: str, index: int) -> Answer:
    return api.post("/mobile/code/get", form={"mobile": number}, basic=CLIENT, source_ip=_address(index))


def _measure(known: Ask, unknown: Ask, status: int, people: int, chance: random.Random) -> Measured:
    """The times of `people` answers of each kind but the first ones, which warm up; all of them must be alike."""
    measured = Measured([], [])
    bodies = set()
    for index in range(people):
        pair = [(known, measured.known), (unknown, measured.unknown)]
        chance.shuffle(pair)
        for ask, times in pair:
            start = time.perf_counter()
            answer = ask(index)
            elapsed = time.perf_counter() - start
            if answer.status != status:
                raise SystemExit(f"request {index}: {answer.status} {answer.body}: is a limit on? --set turns it off")
            bodies.add(answer.body)
            times.append(elapsed * 1000)
    if len(bodies) != 1:
        raise SystemExit(f"the answers differ: {bodies}")
    return Measured(measured.known[WARM_UP:], measured.unknown[WARM_UP:])


def _tell(report: TextIO, what: str, whose: str, measured: Measured, chance: random.Random) -> None:
    difference = statistics.median(measured.known) - statistics.median(measured.unknown)
    base = statistics.median(measured.unknown)
    drawn = sorted(_resampled(measured, chance))
    low, high = drawn[round(0.025 * RESAMPLES)], drawn[round(0.975 * RESAMPLES) - 1]
    within = "within 5%" if abs(difference) < 0.05 * base else "NOT WITHIN 5%"
    _say(report, f"\n{what}: {len(measured.known)} of each\n")
    _say(report, "| ms | median | MAD | lower quartile | upper quartile |")
    _say(report, "|---|---|---|---|---|")
    for kind, times in ((f"known {whose}", measured.known), (f"unknown {whose}", measured.unknown)):
        middle = statistics.median(times)
        spread = statistics.median(abs(one - middle) for one in times)
        lower, _, upper = statistics.quantiles(times, n=4)
        _say(report, f"| {kind} | {middle:.3f} | {spread:.3f} | {lower:.3f} | {upper:.3f} |")
    _say(report, f"\ndifference of the medians: {difference:+.3f} ms, {difference / base:+.2%} ({within})")
    _say(report, f"its 95% interval, by bootstrap over the pairs: {low:+.3f} to {high:+.3f} ms, "
                 f"{low / base:+.2%} to {high / base:+.2%}")  # fmt: skip


def _resampled(measured: Measured, chance: random.Random) -> Iterator[float]:
    """Differences of the medians of pairs drawn again, with repeats."""
    pairs = list(zip(measured.known, measured.unknown, strict=True))
    for _ in range(RESAMPLES):
        known, unknown = zip(*chance.choices(pairs, k=len(pairs)), strict=True)
        yield statistics.median(known) - statistics.median(unknown)


def _report_alone() -> TextIO:
    """Where the report goes. The service's log lines are made as ever, and go nowhere."""
    report = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return report


def _say(report: TextIO, line: str) -> None:
    print(line, file=report, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
