"""What docs/performance.md says of growth is what the code does: calls and units, counted at the wire."""

import re
from typing import Any

import pytest

from benchmarks import growth
from benchmarks.growth import GROWTHS, Grown, Growth
from tests.support.stores import ROOT

PAGE = (ROOT / "docs" / "performance.md").read_text("utf-8")
# What asks for the session and the client alone, or also for the account.
OF_A_SESSION = ("refresh", "introspection")


@pytest.fixture(scope="module")
def found(dynamodb_endpoint: str) -> dict[str, tuple[Grown, Grown]]:
    """Of each growth, the two least sizes."""
    return {
        one.name: (
            growth.count(dynamodb_endpoint, one, one.counts[0]),
            growth.count(dynamodb_endpoint, one, one.counts[1]),
        )
        for one in GROWTHS
    }


def of(part: str) -> str:
    (name,) = [one.name for one in GROWTHS if one.name.startswith(part)]
    return name


def told(name: str) -> dict[str, list[str]]:
    """The rows of the table of this name on the page, by what stands in front."""
    table = PAGE.partition(f"| {name} |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {first: cells for first, *cells in rows}


@pytest.mark.parametrize("one", GROWTHS, ids=lambda one: one.name)
def test_the_page_tells_what_is_counted(found: dict[str, tuple[Grown, Grown]], one: Growth) -> None:
    """Where this fails, `make bench` writes the page anew."""
    rows = told(one.name)
    assert list(rows) == [one.weighed, *found[one.name][0].costs]
    for index, grown in enumerate(found[one.name]):
        assert rows[one.weighed][index] == f"{grown.size:,}"
        for name, cost in grown.costs.items():
            calls, units, cpu = rows[name][index].split(" · ")
            assert (calls, units) == tuple(str(cost).split(" · ")[:2])
            assert re.fullmatch(r"[0-9]+\.[0-9]{2}", cpu)
            assert float(cpu) > 0


@pytest.mark.parametrize(
    "one", [one for one in GROWTHS if not one.name.startswith("Clients")], ids=lambda one: one.name
)
@pytest.mark.parametrize("name", OF_A_SESSION)
def test_a_refresh_and_a_check_ask_for_one_session_whatever_else_there_is(
    found: dict[str, tuple[Grown, Grown]], one: Growth, name: str
) -> None:
    few, more = found[one.name]
    assert few.costs[name] == more.costs[name]
    assert len(few.costs[name].units.calls) == 1


def test_logging_in_does_not_look_at_other_sessions(found: dict[str, tuple[Grown, Grown]]) -> None:
    few, more = found[of("Sessions")]
    assert few.costs["login by password"] == more.costs["login by password"]


def test_a_change_of_the_password_takes_two_units_for_each_session_that_ends_with_it(
    found: dict[str, tuple[Grown, Grown]],
) -> None:
    few, more = found[of("Sessions")]
    grown: Any = more.costs[growth.CHANGE_PASSWORD].units.written - few.costs[growth.CHANGE_PASSWORD].units.written
    assert grown == 2 * (more.count - few.count)


def test_an_account_is_not_dearer_to_look_at_for_its_roles(found: dict[str, tuple[Grown, Grown]]) -> None:
    few, more = found[of("Roles of an account")]
    assert more.size > few.size
    assert few.costs == more.costs


def test_clients_are_remembered(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the function has room for; more of them, and each is read again."""
    (clients,) = [one for one in GROWTHS if one.name.startswith("Clients")]
    (name,) = clients.operations(1)
    few = growth.count(dynamodb_endpoint, clients, 10)
    monkeypatch.setattr("lingpai.clients.service.Registry.__init__.__defaults__", (9, None))
    more = growth.count(dynamodb_endpoint, clients, 10)
    assert (len(few.costs[name].units.calls), len(more.costs[name].units.calls)) == (1, 2)
