"""What others do while an operation is between two of its calls, and the last of these fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from lingpai.store import DynamoStore
from tests.faults.house import House
from tests.faults.scenarios import ALICE, ALICES, STRANGER, WEB, linked
from tests.support import logins
from tests.support.api import Answer
from tests.support.breaking_proxy import Message, Try, cut_before

pytestmark = pytest.mark.security("F19")


@pytest.fixture(autouse=True)
def _untouched(house: House) -> Iterator[None]:
    """The tables are as before when a test ends."""
    before = house.tables.dump()
    yield
    house.proxy.plan()
    house.tables.restore(before, house.tables.dump())


def log_in_directly(house: House) -> str:
    """An access token of alice, by a line that does not break."""
    store = DynamoStore(house.tables.settings, client=lambda: house.tables.client)
    services = replace(house.api.services, store=store)
    client = store.get_client(WEB[0])
    assert client is not None
    return logins.by_password(services, client, ("web",), ALICE, ALICES, "192.0.2.9").access_token


def is_good(house: House, token: str) -> bool:
    house.proxy.plan()
    return house.api.post("/users/current", bearer=token).status == 200


def place_of(house: House, ask: Callable[[], Answer], operation: str, after: int = -1) -> int:
    """Which call of the request is the first of this operation after another; the tables are put back."""
    before = house.tables.dump()
    house.proxy.plan()
    assert ask().status == 200
    calls = list(house.proxy.calls)
    house.tables.restore(before, house.tables.dump())
    return calls.index(operation, after + 1)


def ask_change(house: House, token: str) -> Callable[[], Answer]:
    body = {"userId": house.api.user_id(ALICE), "oldPassword": ALICES, "newPassword": STRANGER}
    return lambda: house.api.post("/users/pwd/update", json_body=body, bearer=token)


@pytest.mark.parametrize("last_call", ["goes well", "fails for good"])
def test_a_login_by_the_old_password_ends_with_it(house: House, last_call: str) -> None:
    """It comes between the reading of the sessions and the transaction that changes the password."""
    token = house.api.token()
    ask = ask_change(house, token)
    changes = place_of(house, ask, "TransactWriteItems")
    opened: list[str] = []

    def meanwhile(this: Try) -> Message:
        opened.append(log_in_directly(house))
        return this.forward()

    if last_call == "goes well":
        house.proxy.plan(changes, meanwhile)
        assert ask().status == 200
    else:
        ends = place_of(house, ask, "Query", changes)
        house.proxy.plan(ends, cut_before, (changes, meanwhile))
        assert ask().status == 503
        assert is_good(house, opened[0]), "the line broke before it was ended"
        house.proxy.plan()
        assert ask().status == 200
    assert not is_good(house, opened[0])
    assert is_good(house, token)


def test_whoever_was_unlinked_is_out(house: House) -> None:
    """The sessions end with the link, or by the repeat, which is answered as the first would have been."""
    state = linked(house)
    token = state["google"]

    def ask() -> Answer:
        return house.api.post("/users/identities/unlink", json_body={"provider": "google"}, bearer=token)

    changes = place_of(house, ask, "TransactWriteItems")
    ends = place_of(house, ask, "Query", changes)
    opened: list[str] = []

    def meanwhile(this: Try) -> Message:
        opened.append(log_in_directly(house))
        return this.forward()

    house.proxy.plan(ends, cut_before, (changes, meanwhile))
    assert ask().status == 503
    assert not is_good(house, state["alice"]), "known sessions end in the transaction"
    house.proxy.plan()
    again = ask()
    assert (again.status, again.json["message"]["identities"]) == (200, [])
    assert [is_good(house, other) for other in (*opened, token)] == [False, True]
