"""The machine's clock is set back by an hour: nothing that was used or that is over works again, no cache grows old."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.clients.service import new_client
from lingpai.signing_keys.service import KeyRing, first_keys, rotate
from lingpai.signing_keys.stores import LocalKeyWrapper, MemoryKeys
from tests.support.api import Api
from tests.support.time import Time
from tests.support.tokens import ALICE, BAD_REFRESH_TOKEN, WEB, opens_nothing, refresh, spring_tokens, stored

pytestmark = pytest.mark.security("F25")

HOUR = 3600


def test_a_used_refresh_token_is_not_repeated_for_an_hour(api: Api) -> None:
    """What was over by the time that was seen stays over."""
    tokens = [spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB))]
    tokens.append(spring_tokens(refresh(api, tokens[-1]["refresh_token"])))
    api.time.advance(601)
    assert api.post("/users/current", bearer=tokens[-1]["access_token"]).status == 200
    api.time.at -= HOUR
    assert refresh(api, tokens[0]["refresh_token"]) == BAD_REFRESH_TOKEN
    opens_nothing(api, tokens[-1])


def test_a_clock_that_was_wrong_tells_nobody_a_thief(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another function rotated an hour ahead of this one: the retry gets nothing, and nothing ends."""
    first = spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB))
    api.time.advance(HOUR)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    before = stored(api)["sessions"]
    behind = replace(api, services=replace(api.services, clock=Time(api.time.at - HOUR).clock()))
    monkeypatch.setattr("lingpai.bootstrap.services", lambda: behind.services)
    assert refresh(behind, first["refresh_token"]) == BAD_REFRESH_TOKEN
    assert stored(api)["sessions"] == before
    assert refresh(behind, second["refresh_token"]).status == 200, "the current one is as good as ever"


# By how much the wall clock and the monotonic one go on.
PASSES = {"the wall clock": (60, 0), "the monotonic clock": (0, 60), "the wall clock is set back": (-HOUR, 60)}


@pytest.mark.parametrize(("wall", "monotonic"), PASSES.values(), ids=PASSES)
def test_a_client_is_read_again_once_either_clock_says_so(api: Api, wall: int, monotonic: int) -> None:
    store: Any = api.services.store
    store.put_client(new_client("changing", "spring", "before"))
    form = {"grant_type": "client_credentials"}
    assert api.post("/oauth/token", form=form, basic=("changing", "before")).status == 200
    store.put_client(new_client("changing", "spring", "after"))
    assert api.post("/oauth/token", form=form, basic=("changing", "before")).status == 200, "it is at hand"
    api.time.at += wall
    api.time.ran += monotonic
    assert api.post("/oauth/token", form=form, basic=("changing", "before")).status == 401


@pytest.mark.parametrize(("wall", "monotonic"), PASSES.values(), ids=PASSES)
def test_keys_are_read_again_once_either_clock_says_so(wall: int, monotonic: int) -> None:
    time, store = Time(), MemoryKeys()
    clock = time.clock()
    first_keys(store, LocalKeyWrapper(), clock)
    ring = KeyRing(store, LocalKeyWrapper(), clock, ttl=60)
    assert len(ring.published()) == 2
    rotate(store, LocalKeyWrapper(), clock, "ES256")
    assert len(ring.published()) == 2
    time.at += wall
    time.ran += monotonic
    assert len(ring.published()) == 3
