"""`lingpai users import` over a line that breaks: every account is there once, and nothing ends with a traceback."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lingpai.kernel.errors import LingpaiError
from lingpai.store import DynamoStore
from local.transfer.importing import Report
from tests.faults.tables import Tables, half_written
from tests.support import breaking_proxy
from tests.support.breaking_proxy import BreakingProxy, Fault, cut_after, cut_short, first, garbled, page, unreadable
from tests.support.transfer import bring_in

pytestmark = pytest.mark.security("F24")

PEOPLE = [{"username": f"person-{number}", "mobile": f"139123456{number:02}"} for number in range(5)]
FAULTS: dict[str, Fault] = {
    "unreadable": unreadable,
    "cut short": cut_short,
    "garbled": garbled,
    "a page": page,
    "cut after": cut_after,
}


@dataclass
class Scene:
    """A store behind the proxy, and its tables."""

    proxy: BreakingProxy
    store: DynamoStore
    tables: Tables


@pytest.fixture(params=["bare", "botocore"])
def scene(request: pytest.FixtureRequest, dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with breaking_proxy.store_behind(dynamodb_endpoint, request.param) as (proxy, store, direct):
        yield Scene(proxy, store, Tables(direct.client, direct.settings))


def imported(scene: Scene) -> Report:
    """The report of an import, made again where the store was busy as the roles were read."""
    try:
        return bring_in(scene.store, PEOPLE, parallel=1)
    except LingpaiError as error:
        refusal = error
    assert refusal.status == 503
    return bring_in(scene.store, PEOPLE, parallel=1)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_import_is_whole(scene: Scene, fault: Fault) -> None:
    """Each call in turn meets the fault once; what is refused as busy is asked again."""
    empty = scene.tables.dump()
    scene.proxy.plan()
    bring_in(scene.store, PEOPLE, parallel=1)
    calls, good = list(scene.proxy.calls), scene.tables.dump()
    dump = good
    assert len(good["users"]) == len(PEOPLE)
    for at in range(len(calls)):
        scene.tables.restore(empty, dump)
        scene.proxy.plan(at, first(fault))
        assert imported(scene).refused == 0
        dump = scene.tables.dump()
        assert {name: len(items) for name, items in dump.items()} == {name: len(items) for name, items in good.items()}
        assert half_written(dump) == []
