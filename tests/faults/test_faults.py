"""Every operation, every call in it, every fault: what the caller is told, what the repeat is told, and the tables."""

import fnmatch
import os
from collections.abc import Iterator

import pytest

from lingpai.http.router import ANY_NAME
from tests.faults.challenge_scenarios import CHALLENGE_SCENARIOS
from tests.faults.house import House, Run, masked
from tests.faults.page_scenarios import PAGE_SCENARIOS
from tests.faults.scenarios import SCENARIOS, Scenario, State
from tests.faults.tables import Dump, differences, half_written, repeated_differences
from tests.support.api import Answer
from tests.support.breaking_proxy import (
    WRITES,
    Fault,
    conflict,
    cut_after,
    cut_before,
    cut_short,
    first,
    garbled,
    late,
    late_first,
    throttled,
    truncated,
    unreadable,
)
from tools import write_openapi

pytestmark = pytest.mark.security("F19", "F20", "F21", "F22", "F24", "FIPA-faults")

type Faults = dict[str, dict[str, Fault]]
# The faults of the line, by what they come to above the transport. A route sees a call's result or its failure, and
# the tables have what the tries have written; which fault it was, only the transport sees. That the faults of a group
# come to the same is held, fault by fault, by tests/contract: test_transports.py (tried again or not, and with which
# error at the end), test_lost_answers.py and test_late_tries.py (done once). So the first of each group is enough here.
# `make test-faults-full` takes all of them.

# Faults of a first try: the request goes well.
READ_PASSING: Faults = {
    "asked again": {
        "cut before": first(cut_before),
        "throttled": first(throttled),
        "truncated": first(truncated),
        "garbled": first(garbled),
    }
}
WRITE_PASSING: Faults = {
    "not done, then done": {"cut before": first(cut_before), "throttled": first(throttled)},
    "done, then sent again": {
        "cut after": first(cut_after),
        "truncated": first(truncated),
        "garbled": first(garbled),
    },
    "in conflict": {"conflict": first(conflict)},
    "done, then in conflict": {"cut after, then conflict": first(cut_after, conflict)},
    "done after the second try": {"late, before the answer": late_first},
    "done after the request": {"late, after the request": first(late)},
}
# Faults of all tries: the caller is told to come again, and does.
READ_LASTING: Faults = {"no answer": {"cut before": cut_before}, "no sense": {"unreadable": unreadable}}
WRITE_LASTING: Faults = {
    "not done": {"cut before": cut_before},
    "refused": {"throttled": throttled},
    "done each time": {"cut after": cut_after, "garbled": garbled},
    "done once, and not sent again": {"unreadable": unreadable, "cut short": cut_short},
    "done after the repeat": {"late, after the repeat": late},
}
# What is tried by botocore, too: that its results and failures reach the routes as the other transport's do.
BY_BOTOCORE = {"asked again", "done, then sent again", "done after the request", "no answer", "done each time"}
FULL = os.environ.get("FAULTS") == "full"
BUSY = ("temporarily_unavailable", "服务暂时不可用", "temporarily unavailable")


def test_every_route_has_a_scenario() -> None:
    """Its example or one in `scenarios.py`: what a route does to the tables is held to all faults from then on."""
    asked = {scenario.path for scenario in SCENARIOS}
    served = {route.path.replace(ANY_NAME, "*") for route in write_openapi.routes()}
    assert [route for route in served if not fnmatch.filter(asked, route)] == []
    assert [path for path in asked if not any(fnmatch.fnmatch(path, route) for route in served)] == []


@pytest.mark.parametrize(
    "scenario", [*SCENARIOS, *PAGE_SCENARIOS, *CHALLENGE_SCENARIOS], ids=lambda scenario: scenario.id
)
def test_a_fault_changes_nothing(house: House, scenario: Scenario) -> None:
    """But that some requests have to be made again, which are told so."""
    untouched = house.tables.dump()
    try:
        state = scenario.prepare(house)
        trial = Trial(house, scenario, state, house.tables.dump())
        problems = list(trial.problems())
    finally:
        house.proxy.plan()
        house.tables.restore(untouched, house.tables.dump())
    assert not problems, "\n".join(problems)


class Trial:
    """A scenario whose state is made: the tables are `base` before each request."""

    def __init__(self, house: House, scenario: Scenario, state: State, base: Dump) -> None:
        self._house = house
        self._scenario = scenario
        self._state = state
        self._base = base
        self._current = base

    def problems(self) -> Iterator[str]:
        """What is not as it has to be, for every call and every fault."""
        good = self._run()
        assert good.answer.status == self._scenario.status, good.answer
        assert not half_written(good.dump)
        for at, operation in enumerate(good.calls):
            writes = operation in WRITES
            for name, fault in self._chosen(WRITE_PASSING if writes else READ_PASSING):
                for problem in self._passing(good, at, fault):
                    yield f"call {at} {operation}, {name}, once: {problem}"
            for name, fault in self._chosen(WRITE_LASTING if writes else READ_LASTING):
                for problem in self._lasting(good, at, fault):
                    yield f"call {at} {operation}, {name}, for good: {problem}"
        assert self._current == self._house.tables.dump(), "a write that went another way"

    def _chosen(self, faults: Faults) -> Iterator[tuple[str, Fault]]:
        """The faults to try, with their names."""
        for outcome, group in faults.items():
            if FULL:
                yield from group.items()
            elif self._house.transport == "bare" or outcome in BY_BOTOCORE:
                yield next(iter(group.items()))

    def _passing(self, good: Run, at: int, fault: Fault) -> Iterator[str]:
        """A fault of one try: the answer and the tables are as without it."""
        run = self._run(at, fault)
        yield from _other_answer(good, run)
        yield from differences(self._base, good.dump, run.dump)

    def _lasting(self, good: Run, at: int, fault: Fault) -> Iterator[str]:
        """A fault of all tries: 503 and, asked again, the answer as without it; or the answer at once."""
        run = self._run(at, fault, release=fault is not late)
        if _is_busy(run.answer):
            yield from half_written(run.dump)
            again = self._run(restore=False)
            was_done = not repeated_differences(self._base, good.dump, run.dump)
            if not (was_done and again.answer.status == self._scenario.once_done):
                yield from (f"the repeat: {problem}" for problem in _other_answer(good, again, run.messages))
            dump = again.dump
        else:
            yield from _other_answer(good, run)
            self._house.proxy.release()
            dump = self._dumped()
        yield from repeated_differences(self._base, good.dump, dump)
        yield from half_written(dump)

    def _run(
        self, at: int | None = None, fault: Fault | None = None, *, restore: bool = True, release: bool = True
    ) -> Run:
        """Make the request; `release` what is late then."""
        house = self._house
        if restore:
            house.tables.restore(self._base, self._current)
            self._current = self._base
        sent = house.api.sent
        house.proxy.plan(at, fault)
        answer = self._scenario.ask(house, self._state)
        calls = list(house.proxy.calls)
        house.proxy.plan()
        if release:
            house.proxy.release()
        return Run(answer, house.api.sent - sent, calls, self._dumped())

    def _dumped(self) -> Dump:
        written, self._house.proxy.written = self._house.proxy.written, set()
        self._current = self._house.tables.dump_again(self._current, written)
        return self._current


def _is_busy(answer: Answer) -> bool:
    """Whether the caller is told, in the route's own form, to come again."""
    return any(word in answer.body for word in BUSY) and (answer.status == 503 or "retry-after" in answer.headers)


def _other_answer(good: Run, run: Run, messages_before: int = 0) -> Iterator[str]:
    if (good.answer.status, masked(good.answer.body)) != (run.answer.status, masked(run.answer.body)):
        yield f"{run.answer.status} {run.answer.body[:200]} instead of {good.answer.status} {good.answer.body[:200]}"
    if run.messages + messages_before != good.messages:
        yield f"{run.messages + messages_before} messages instead of {good.messages}"
