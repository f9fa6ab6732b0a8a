"""Refreshing (contract, section 2): rotation, the grace time, reuse, other clients, scopes, and the two lives."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lingpai.clients import new_client
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.tokens import (
    ALICE,
    APP,
    BAD_REFRESH_TOKEN,
    BAD_SCOPE,
    FIFTEEN_DAYS,
    STANDARD,
    WEB,
    calls,
    opens,
    opens_nothing,
    refresh,
    spring_tokens,
    standard_tokens,
    stored,
)

DAY = 86400


@pytest.fixture
def wide(api: Api) -> Api:
    """With a spring client that has three scopes."""
    store: Any = api.services.store
    store.put_client(new_client("wide", "spring", "wide-secret", scopes=("a", "b", "c")))
    return api


WIDE = ("wide", "wide-secret")


@pytest.fixture
def open_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Api]]:
    """Opens an API with settings of its own."""
    with stores.on_moto() as store:
        yield lambda **settings: make_api(monkeypatch, store, **settings)


def start(api: Api, client: tuple[str, str] = WEB, **more: str) -> Any:
    """The first tokens of a session."""
    answer = api.post("/oauth/token", form={**ALICE, **more}, basic=client)
    assert answer.status == 200, answer
    return answer.json


# --- rotation -------------------------------------------------------------------------------------------------


def test_every_refresh_gives_a_new_pair(api: Api) -> None:
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    third = spring_tokens(refresh(api, second["refresh_token"]))
    tokens = [given[name] for given in (first, second, third) for name in ("access_token", "refresh_token")]
    assert len(set(tokens)) == 6
    assert opens(api, third)["username"] == "alice"


def test_the_account_stays_the_same(api: Api) -> None:
    before = opens(api, first := start(api))
    assert opens(api, spring_tokens(refresh(api, first["refresh_token"]))) == before


def test_standard_clients_rotate_as_well(api: Api) -> None:
    first = start(api, STANDARD)
    second = standard_tokens(refresh(api, first["refresh_token"], STANDARD))
    assert {first["access_token"], first["refresh_token"]}.isdisjoint(second.values())
    api.time.advance(31)
    assert refresh(api, first["refresh_token"], STANDARD) == BAD_REFRESH_TOKEN
    assert refresh(api, second["refresh_token"], STANDARD) == BAD_REFRESH_TOKEN


# --- the grace time -------------------------------------------------------------------------------------------


def test_the_same_token_at_once_gives_the_same_pair(api: Api) -> None:
    first = start(api)
    answer = refresh(api, first["refresh_token"])
    spring_tokens(answer)
    before = stored(api)
    assert [refresh(api, first["refresh_token"]) for _ in range(3)] == [answer] * 3
    assert stored(api) == before


@pytest.mark.parametrize("later", [1, 29, 30])
def test_the_same_token_within_the_grace_time_gives_the_same_pair(api: Api, later: int) -> None:
    """With what is left of its life."""
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(later)
    again = spring_tokens(refresh(api, first["refresh_token"]), expires_in=FIFTEEN_DAYS - later)
    assert again == {**second, "expires_in": FIFTEEN_DAYS - later}


def test_after_the_grace_time_it_is_reuse_and_ends_the_family(api: Api) -> None:
    other = start(api)
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(31)
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN
    opens_nothing(api, second)
    assert refresh(api, second["refresh_token"]) == BAD_REFRESH_TOKEN
    assert opens(api, other)["username"] == "alice"
    spring_tokens(refresh(api, other["refresh_token"]))


def test_one_before_the_previous_is_reuse_even_within_the_grace_time(api: Api) -> None:
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    third = spring_tokens(refresh(api, second["refresh_token"]))
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN
    opens_nothing(api, third)
    assert refresh(api, third["refresh_token"]) == BAD_REFRESH_TOKEN


def test_the_grace_time_is_a_setting(open_api: Callable[..., Api]) -> None:
    api = open_api(refresh_grace=5)
    first = start(api)
    spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(5)
    spring_tokens(refresh(api, first["refresh_token"]), expires_in=FIFTEEN_DAYS - 5)
    api.time.advance(1)
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN


def test_the_previous_access_token_stays_good_for_the_grace_time(api: Api) -> None:
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    assert opens(api, first) == opens(api, second)
    api.time.advance(30)
    assert opens(api, first) == opens(api, second)
    api.time.advance(1)
    opens_nothing(api, first)
    assert opens(api, second)["username"] == "alice"


def test_the_previous_access_token_outlives_its_own_expiry_by_nothing(api: Api) -> None:
    first = start(api, STANDARD)
    api.time.advance(3590)
    standard_tokens(refresh(api, first["refresh_token"], STANDARD))
    assert opens(api, first)["username"] == "alice"
    api.time.advance(10)
    opens_nothing(api, first)


# --- tokens that are none -------------------------------------------------------------------------------------


def test_a_secret_that_the_session_never_had_is_reuse(api: Api) -> None:
    first = start(api)
    forged = first["refresh_token"].partition(".")[0] + "." + "A" * 43
    assert refresh(api, forged) == BAD_REFRESH_TOKEN
    opens_nothing(api, first)
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN


def test_an_access_token_is_no_refresh_token(api: Api) -> None:
    """It is a secret that is neither the current nor the previous one: reuse."""
    first = start(api)
    assert refresh(api, first["access_token"]) == BAD_REFRESH_TOKEN
    opens_nothing(api, first)


def test_a_refresh_token_is_no_access_token(api: Api) -> None:
    first = start(api)
    opens_nothing(api, {"access_token": first["refresh_token"]})
    spring_tokens(refresh(api, first["refresh_token"]))


def test_a_session_that_a_client_opened_for_itself_cannot_be_refreshed(api: Api) -> None:
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=WEB)
    tokens = spring_tokens(answer, refresh=False)
    assert refresh(api, tokens["access_token"]) == BAD_REFRESH_TOKEN


def test_a_session_that_does_not_exist(api: Api) -> None:
    unknown = base64.urlsafe_b64encode(bytes(16)).decode().rstrip("=") + "." + "A" * 43
    before = stored(api)
    assert refresh(api, unknown) == BAD_REFRESH_TOKEN
    assert stored(api) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "\u200b",
        lambda token: " " + token,
        lambda token: token.replace(".", ".."),
        lambda token: token.replace(".", ""),
        lambda token: token.replace(".", ":"),
        lambda token: token[:-2] + "+/",
        lambda token: token[:-1] + chr(ord(token[-1]) + 1),  # another spelling of the same bytes
        lambda token: token + "=",
        lambda token: "密" + token[1:],
        lambda token: "ce04de44-1da0-4ca0-8310-c26e3f6a4843",  # as in seed 003
        lambda token: ".",
        lambda token: "A" * 60000,
    ],
    ids=range(14),
)
def test_a_token_of_another_shape_costs_no_call_and_changes_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[str], str]
) -> None:
    """The client's record is at hand from the login."""
    first = start(api)
    with monkeypatch.context() as patch:
        operations = calls(patch, api)
        assert refresh(api, spoil(first["refresh_token"])) == BAD_REFRESH_TOKEN
        assert operations == []
    spring_tokens(refresh(api, first["refresh_token"]))


# --- other clients --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [APP, STANDARD], ids=["spring", "standard"])
def test_another_client_is_refused_and_changes_nothing(api: Api, client: tuple[str, str]) -> None:
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(31)
    before = stored(api)
    forged = first["refresh_token"].partition(".")[0] + "." + "A" * 43
    for token in (second["refresh_token"], first["refresh_token"], forged, second["access_token"]):
        assert refresh(api, token, client) == BAD_REFRESH_TOKEN
    assert stored(api) == before
    spring_tokens(refresh(api, second["refresh_token"]))


def test_a_client_that_does_not_prove_itself_changes_nothing(api: Api) -> None:
    first = start(api)
    before = stored(api)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": "web-client"}
    assert api.post("/oauth/token", form=form).status == 401
    assert stored(api) == before


# --- scopes ---------------------------------------------------------------------------------------------------


def test_a_scope_may_narrow_and_come_back(wide: Api) -> None:
    """What narrows is the access token; the session keeps what was granted (RFC 6749 section 6)."""
    first = start(wide, WIDE, scope="a b")
    second = spring_tokens(refresh(wide, first["refresh_token"], WIDE, scope="b"), "b")
    third = spring_tokens(refresh(wide, second["refresh_token"], WIDE), "a b")
    spring_tokens(refresh(wide, third["refresh_token"], WIDE, scope="b a"), "b a")


@pytest.mark.parametrize(
    "scope", ["c", "a c", "a b c", "unheard-of", "A", 'a"', " ".join(f"s{i}" for i in range(3000))]
)
def test_a_scope_never_widens_and_the_token_stays_good(wide: Api, scope: str) -> None:
    first = start(wide, WIDE, scope="a b")
    before = stored(wide)
    assert refresh(wide, first["refresh_token"], WIDE, scope=scope) == BAD_SCOPE
    assert stored(wide) == before
    spring_tokens(refresh(wide, first["refresh_token"], WIDE), "a b")


def test_a_narrowed_retry_gets_the_same_pair(wide: Api) -> None:
    first = start(wide, WIDE)
    answer = refresh(wide, first["refresh_token"], WIDE, scope="c a")
    spring_tokens(answer, "c a")
    assert refresh(wide, first["refresh_token"], WIDE, scope="a c") == answer
    assert refresh(wide, first["refresh_token"], WIDE) == answer
    assert refresh(wide, first["refresh_token"], WIDE, scope="a b") == BAD_SCOPE


# --- the two lives --------------------------------------------------------------------------------------------


def test_a_refresh_token_lives_thirty_days(api: Api) -> None:
    first = start(api)
    api.time.advance(30 * DAY - 1)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(30 * DAY)
    before = stored(api)
    assert refresh(api, second["refresh_token"]) == BAD_REFRESH_TOKEN
    assert stored(api) == before


def test_rotation_does_not_extend_the_session_beyond_180_days(api: Api) -> None:
    """Towards its end the access token lives no longer than the session."""
    tokens = start(api)
    for _ in range(6):
        api.time.advance(29 * DAY)
        tokens = spring_tokens(refresh(api, tokens["refresh_token"]), expires_in=min(15, 180 - api_days(api)) * DAY)
    assert (api_days(api), tokens["expires_in"]) == (174, 6 * DAY)
    api.time.advance(6 * DAY - 1)
    assert opens(api, tokens)["username"] == "alice"
    last = spring_tokens(refresh(api, tokens["refresh_token"]), expires_in=1)
    api.time.advance(1)
    opens_nothing(api, last)
    assert refresh(api, last["refresh_token"]) == BAD_REFRESH_TOKEN
    assert refresh(api, tokens["refresh_token"]) == BAD_REFRESH_TOKEN


def api_days(api: Api) -> int:
    """Whole days since the clock's beginning."""
    return int(api.time.at - type(api.time)().at) // DAY


def test_both_lives_are_fields_of_the_record(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(new_client("brief", "spring", "brief-secret", access_ttl=50, refresh_ttl=100, session_ttl=250))
    brief = ("brief", "brief-secret")
    first = spring_tokens(api.post("/oauth/token", form=ALICE, basic=brief), "", 50)
    api.time.advance(99)
    second = spring_tokens(refresh(api, first["refresh_token"], brief), "", 50)
    api.time.advance(99)
    third = spring_tokens(refresh(api, second["refresh_token"], brief), "", 50)
    api.time.advance(40)
    fourth = spring_tokens(refresh(api, third["refresh_token"], brief), "", 12)
    api.time.advance(12)
    assert refresh(api, fourth["refresh_token"], brief) == BAD_REFRESH_TOKEN
