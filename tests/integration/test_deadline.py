"""A store that keeps a request waiting: it is answered, in its dialect, and logged before Lambda ends the function."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from functions.keys import app as keys
from lingpai.aws.client import aws_client
from lingpai.kernel import deadline
from lingpai.store import DynamoStore
from tests.support.api import Answer, Api, make_api
from tests.support.fake_aws import FakeAws, Told, serving
from tests.support.stores import TEMPLATE, settings
from tests.support.tokens import BUSY, WEB, envelope

KEYS = ("AKIDEXAMPLE", "a-secret-key-of-tests")
# Seconds that a request has for the store, of those that the template gives a function.
SHORT = 0.5
TRICKLE = Told(fault="slow body")


@dataclass(frozen=True)
class House:
    api: Api
    aws: FakeAws


@pytest.fixture(params=["bare", "botocore"])
def house(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The API on a service that plays DynamoDB, asked by either transport; nearly all time is over."""
    timeout = next(function.timeout for function in TEMPLATE.functions if function.name == "TokenFunction")
    monkeypatch.setattr(deadline, "_LAST_WORDS", timeout - SHORT)
    patient = settings(aws_transport=request.param)
    with serving() as aws, closing(aws_client(patient, "dynamodb", aws.url, KEYS)) as client:
        yield House(make_api(monkeypatch, DynamoStore(patient, lambda: client), populated=False), aws)


BUSY_ENVELOPE = envelope(503, "服务暂时不可用，请稍后再试", {"retry-after": "1"})
PATHS = {
    "/oauth/token": BUSY,
    "/mobile/token": BUSY,
    "/mobile/code/get": BUSY_ENVELOPE,
}


@pytest.mark.security("F24")
@pytest.mark.parametrize("path", PATHS)
def test_who_asks_is_told(house: House, path: str) -> None:
    """A time-out of a step is 20 s here: without a deadline the trickle is read to its end."""
    form = {"grant_type": "client_credentials", "mobile": "13912345678", "code": "123456"}

    def ask() -> Answer:
        return house.api.post(path, form=form, basic=WEB)

    house.aws.script = [TRICKLE] * 3
    assert ask() == PATHS[path]
    assert len(house.aws.asked) == 1
    # The next has time of its own; a client that is not known is told so.
    house.aws.script = [Told(200, {"Responses": {"ClientsTable": []}})]
    assert ask().status == 401
    assert len(house.aws.asked) == 2
    assert deadline.until() == float("inf")


def test_it_is_logged(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.aws.script = [TRICKLE]
    house.api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=WEB)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["status"], line["reason"], line["path"]) == (503, "store_unavailable", "/oauth/token")


def test_a_fault_ends_the_deadline_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after it belongs to no request."""
    seen: list[float] = []

    def broken(*_: Any) -> Any:
        seen.append(deadline.until())
        raise KeyError("broken")

    monkeypatch.setattr("lingpai.http.router.from_event", broken)
    assert house.api.post("/oauth/token").status == 500
    assert seen[0] < float("inf")
    assert deadline.until() == float("inf")


def test_the_schedule_has_one_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time-out of its own function."""
    seen: list[float] = []

    def broken(*_: Any) -> Any:
        seen.append(deadline.until())
        raise KeyError("broken")

    class Context:
        get_remaining_time_in_millis: Callable[[], int] = staticmethod(lambda: 60_000)

    monkeypatch.setattr("lingpai.signing_keys.service.maintain", broken)
    with pytest.raises(KeyError):
        keys.handler({}, Context())
    assert seen[0] < float("inf")
    assert deadline.until() == float("inf")
