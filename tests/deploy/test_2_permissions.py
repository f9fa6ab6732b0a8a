"""Each action that a function's policy grants is needed: taken away alone, the call named for it fails.

Those that only a stack with senders and third parties shows to be needed are in `test_3_third_parties.py`.
"""

from collections.abc import Iterator

import pytest

from tests.deploy import calls, third_parties
from tests.deploy.permissions import Line, World, arns, check_needed, forget_counts, granted, without
from tests.deploy.stack import Stack
from tests.deploy.stand_in import ACCOUNT, REGION
from tests.support.stores import TEMPLATE


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    """The deployed API and its admin."""
    service = stack.service()
    yield World(stack, service, service.admin())
    service.close()


@pytest.fixture(autouse=True)
def _fresh_counts(stack: Stack) -> None:
    forget_counts(stack)


def test_the_table_is_whole(stack: Stack) -> None:
    """A permission that is granted and in no table is one too many, or wants its line there."""
    tables = {line for line in third_parties.NEEDED if line[1].endswith("Table")}
    assert set(granted(stack)) == {*calls.NEEDED, *calls.NOTES} | tables


@pytest.mark.parametrize("line", calls.NEEDED, ids=" ".join)
def test_it_is_needed(world: World, line: Line) -> None:
    check_needed(world, line, calls.NEEDED[line])


@pytest.mark.parametrize("line", calls.NOTES, ids=" ".join)
def test_notes_are_allowed(stack: Stack, line: Line) -> None:
    """No call can show it here; `tests/faults` shows what they are for."""
    function, resource, action = line

    def decision() -> str:
        (found,) = stack.client("iam").simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/{stack.physical(f'{function}Role')}",
            ActionNames=[action],
            ResourceArns=[arns(stack)[resource]],
        )["EvaluationResults"]
        return str(found["EvalDecision"])

    assert decision() == "allowed"
    with without(stack, *line):
        assert decision() == "implicitDeny"


@pytest.mark.parametrize("function", [function.name for function in TEMPLATE.functions])
def test_a_function_writes_to_its_own_log_alone(stack: Stack, function: str) -> None:
    """SAM gives each role AWS's own policy for logs, which allows all logs; the template denies others."""
    log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/lingpai/{stack.name}"
    own = function.removesuffix("Function").lower()
    role = f"arn:aws:iam::{ACCOUNT}:role/{stack.physical(f'{function}Role')}"

    def decisions(group: str) -> set[str]:
        found = stack.client("iam").simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=["logs:CreateLogStream", "logs:PutLogEvents"],
            ResourceArns=[f"{group}:log-stream:2026/01/01/[$LATEST]abc"],
        )
        return {result["EvalDecision"] for result in found["EvaluationResults"]}

    assert decisions(f"{log}/{own}") == {"allowed"}
    others = [
        f"{log}/{other}"
        for other in (
            "api",
            "token",
            "mobile",
            "sign",
            "users",
            "roles",
            "keys",
            "webhooks",
            "deletions",
            "events",
            "console",
        )
        if other != own
    ]
    others.append(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/something-else")
    assert {decision for other in others for decision in decisions(other)} == {"explicitDeny"}
