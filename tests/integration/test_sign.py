"""`/sign/token` (seed 003): a third party's id opens an account, where the client is trusted to say it."""

from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser
from lingpai.clients.service import new_client
from tests.support.api import Answer, Api
from tests.support.expect import standing_api
from tests.support.tokens import (
    APP,
    BAD_CLIENT,
    BAD_CREDENTIALS,
    BAD_SCOPE,
    BAD_SPRING_CLIENT,
    MACHINE,
    STANDARD,
    WEB,
    error,
    missing,
    not_allowed,
    opens,
    refresh,
    spring_tokens,
    standard_tokens,
    stored,
)

BAD_SIGN = error(400, "invalid_grant", "The sign was not accepted")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: each test has openids of its own."""
    with standing_api() as opened:
        yield opened


def sign_in(api: Api, sign: str, client: tuple[str, str] = WEB, **more: str) -> Answer:
    return api.post("/sign/token", form={"sign": sign, **more}, basic=client)


def put_client(api: Api, client_id: str, dialect: str = "spring", **record: Any) -> tuple[str, str]:
    store: Any = api.services.store
    store.put_client(new_client(client_id, dialect, f"{client_id}-secret", **record))
    return client_id, f"{client_id}-secret"


def test_an_unknown_openid_becomes_an_account_without_a_password(api: Api) -> None:
    user = opens(api, spring_tokens(sign_in(api, "o-first-login")))
    assert user == {
        "id": user["id"],
        "username": None,
        "phone": None,
        "openId": "o-first-login",
        "roleList": [],
        "createTime": "2030-01-01 16:00:00",
    }
    kept = api.services.store.get_user(user["id"])
    assert kept is not None
    assert (kept.password, kept.username, kept.mobile) == (None, None, None)
    assert kept.openids == (("trusted:default", "o-first-login"),)
    form = {"grant_type": "password", "username": "o-first-login", "password": "o-first-login"}
    assert api.post("/oauth/token", form=form, basic=WEB) == BAD_CREDENTIALS


def test_the_same_openid_opens_the_same_account(api: Api) -> None:
    first = spring_tokens(sign_in(api, "o-again"))
    second = spring_tokens(sign_in(api, "o-again"))
    assert opens(api, first) == opens(api, second)
    assert {first["access_token"], first["refresh_token"]}.isdisjoint(second.values())


@pytest.mark.parametrize("other", ["o-One", "o-one ", " o-one", "o-one2", "o:one", "ｏ-one"])
def test_another_openid_opens_another_account(api: Api, other: str) -> None:
    """An openid is compared as it is."""
    first = opens(api, spring_tokens(sign_in(api, "o-one")))
    second = opens(api, spring_tokens(sign_in(api, other)))
    assert (first["openId"], second["openId"]) == ("o-one", other)
    assert first["id"] != second["id"]


def test_the_tokens_can_be_refreshed(api: Api) -> None:
    first = spring_tokens(sign_in(api, "o-refreshed"))
    second = spring_tokens(refresh(api, first["refresh_token"]))
    assert opens(api, second)["openId"] == "o-refreshed"


@pytest.mark.parametrize(
    "sign", ["oLVPpjqs9BhvzwPj5A-vTYAX3GLc", "用户-1 🀄", "x", "0", "a:b:c", "x" * 256, "🀄" * 256]
)
def test_an_openid_of_any_kind(api: Api, sign: str) -> None:
    assert opens(api, spring_tokens(sign_in(api, sign)))["openId"] == sign


def test_accounts_are_keyed_on_the_app_too(api: Api) -> None:
    """Two apps of one third party give the same person different ids, and different people perhaps the same."""
    other = put_client(api, "other-app", sign_provider="trusted", sign_app="wx-other")
    same = put_client(api, "same-app", sign_provider="trusted")
    first = opens(api, spring_tokens(sign_in(api, "o-apps")))
    assert opens(api, spring_tokens(sign_in(api, "o-apps", same), ""))["id"] == first["id"]
    assert opens(api, spring_tokens(sign_in(api, "o-apps", other), ""))["id"] != first["id"]


def test_the_key_of_one_app_cannot_be_made_by_another(api: Api) -> None:
    spring_tokens(sign_in(api, "b:o-colon", put_client(api, "colons", sign_provider="trusted", sign_app="a")), "")
    before = len(stored(api)["users"])
    spring_tokens(sign_in(api, "o-colon", put_client(api, "colons-too", sign_provider="trusted", sign_app="a:b")), "")
    assert len(stored(api)["users"]) == before + 1


def test_standard_clients_are_answered_their_way(api: Api) -> None:
    tokens = standard_tokens(sign_in(api, "o-standard", STANDARD))
    assert opens(api, tokens)["openId"] == "o-standard"
    standard_tokens(sign_in(api, "o-standard", STANDARD, scope="read"), "read")


def test_the_form_may_be_json(api: Api) -> None:
    spring_tokens(api.post("/sign/token", json_body={"sign": "o-json"}, basic=WEB))


@pytest.mark.parametrize("form", [{}, {"sign": ""}, {"openid": "o-1"}])
def test_a_missing_sign_is_named(api: Api, form: dict[str, str]) -> None:
    assert api.post("/sign/token", form=form, basic=WEB) == missing("sign")


@pytest.mark.parametrize("sign", ["x" * 257, "x" * 60000, "o-1\u200b", "\u202eo-1", "o-\ue000", "o-\U000e0001"])
def test_a_sign_that_nobody_can_see_or_keep_is_refused(api: Api, sign: str) -> None:
    before = stored(api)
    assert sign_in(api, sign) == BAD_SIGN
    assert stored(api) == before


@pytest.mark.parametrize("sign", ["o-1\x00", "\n", "o\t1", "o-\x7f", "o-\x9f"])
def test_a_control_character_is_refused(api: Api, sign: str) -> None:
    before = stored(api)
    assert sign_in(api, sign) == error(400, "invalid_request", "The parameter sign holds a control character")
    assert stored(api) == before


@pytest.mark.parametrize("sign", [12345, 1.5, True, ["o-1"], {"openid": "o-1"}], ids=str)
def test_a_sign_is_text(api: Api, sign: Any) -> None:
    answer = api.post("/sign/token", json_body={"sign": sign}, basic=WEB)
    assert answer == error(400, "invalid_request", "The parameter sign must be text")


def test_a_client_is_needed(api: Api) -> None:
    before = stored(api)
    assert api.post("/sign/token", form={"sign": "o-nobody"}) == BAD_CLIENT
    assert sign_in(api, "o-nobody", ("web-client", "wrong-secret")) == BAD_SPRING_CLIENT
    assert sign_in(api, "o-nobody", ("web-client", "")) == BAD_SPRING_CLIENT
    assert stored(api) == before


@pytest.mark.parametrize("client", [APP, MACHINE], ids=["spring", "standard"])
def test_a_client_whose_record_names_no_provider_may_not(api: Api, client: tuple[str, str]) -> None:
    before = stored(api)
    assert sign_in(api, "o-denied", client) == not_allowed("sign")
    assert stored(api) == before


def test_the_grant_without_a_provider_is_not_enough(api: Api) -> None:
    client = put_client(api, "no-provider", grants=("sign",))
    assert sign_in(api, "o-denied", client) == not_allowed("sign")


def test_a_provider_that_this_deployment_does_not_have(api: Api) -> None:
    client = put_client(api, "elsewhere", sign_provider="no-such-provider")
    before = stored(api)
    assert sign_in(api, "o-denied", client) == not_allowed("sign")
    assert stored(api) == before


def test_a_public_client_is_trusted_with_nobody(api: Api) -> None:
    """Anyone can claim to be it, and could thus be anyone."""
    before = stored(api)
    for form in ({"sign": "o-first-login"}, {"sign": "o-public"}):
        answer = api.post("/sign/token", form={**form, "client_id": "public-client"})
        assert answer == not_allowed("sign")
    assert stored(api) == before


def test_a_scope_that_the_client_lacks_makes_no_account(api: Api) -> None:
    before = stored(api)
    assert sign_in(api, "o-scope", scope="app") == BAD_SCOPE
    assert stored(api) == before


def test_a_disabled_account_is_not_opened_and_no_other_is_made(api: Api) -> None:
    user = opens(api, spring_tokens(sign_in(api, "o-disabled")))
    api.services.store.commit(DisableUser(user["id"]))
    before = stored(api)
    assert sign_in(api, "o-disabled") == error(400, "invalid_grant", "The account cannot be used")
    assert stored(api) == before
