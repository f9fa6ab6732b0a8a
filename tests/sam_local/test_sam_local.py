"""Every event in a container, by the README's commands, on the embedded DynamoDB of `make run`."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.server import serving
from tests.sam_local.sam import INVOKE, MAKE_INVOKE, Sam, answer_of
from tests.support.outcomes import EVENTS, Outcome, of_lambda, of_server
from tests.support.stores import TEMPLATE
from tools.function_of import function_of
from tools.write_events import EXAMPLES, SCHEDULED, SETTINGS

pytestmark = pytest.mark.security("F1")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What the local server answers, on a store of its own, in the order of the names."""
    folder = tmp_path_factory.mktemp("expected")
    given = json.loads(SETTINGS.read_text("utf-8"))["Parameters"]
    providers = {name: given[name] for name in ("OIDC_PROVIDERS", "LINK_PROVIDERS")}
    settings = {"SAM_LOCAL": "1", "DYNAMODB_PORT": "0", "KEYS_FILE": str(folder / "keys.json"), **providers}
    with serving(folder, **settings) as server:
        return {name: of_server(server, event) for name, event in EVENTS.items()}


@pytest.fixture(scope="module")
def store(sam: Sam) -> Iterator[None]:
    """`make run`, told to serve containers."""
    with sam.serving():
        yield


def test_the_first_command(sam: Sam, store: None) -> None:
    """The line of the README as it stands, which builds as well."""
    answer = answer_of(sam.run(INVOKE, timeout=600))
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["token_type"] == "bearer"


def test_make_invoke(sam: Sam, store: None) -> None:
    """The shorthand finds the function by the event's route."""
    answer = answer_of(sam.run(MAKE_INVOKE, timeout=600))
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["message"]["username"] == "example-reader"


@pytest.mark.parametrize("name", EVENTS)
def test_invoke(sam: Sam, store: None, expected: dict[str, Outcome], name: str) -> None:
    """Each event is answered as its example says, and status, headers and body are the same as the local server's."""
    outcome = of_lambda(sam.invoke(function_of(TEMPLATE, EVENTS[name]).name, name))
    assert outcome.status == EXAMPLES[name].status, outcome
    assert outcome == expected[name]


# What a schedule does where nothing is due: the keys that `make run` has put there are good, and no account is closed.
NOTHING_DUE = {
    "KeysFunction": {"made": [], "emptied": [], "deleted": []},
    "DeletionsFunction": {"ids": [], "more": False},
}


@pytest.mark.parametrize("name", SCHEDULED)
def test_invoke_by_schedule(sam: Sam, store: None, name: str) -> None:
    function = function_of(TEMPLATE, SCHEDULED[name]).name
    assert sam.invoke(function, name) == NOTHING_DUE[function]
