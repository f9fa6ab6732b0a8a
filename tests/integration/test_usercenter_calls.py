"""The calls of the SDK class UserCenter (seed 002, contract section 5): HTTP status 200, whatever the outcome."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.clients.service import new_client
from tests.support.api import Answer, Api
from tests.support.dialects import (
    DAY,
    GRACE,
    JWT,
    MACHINE_JWT,
    RETRY,
    TEMPORARY,
    done,
    failed,
    introspected,
    is_good,
    log_in_by_digests,
    signed_tokens,
    usercenter_tokens,
)
from tests.support.expect import standing_api
from tests.support.people import machine
from tests.support.tokens import STANDARD, compact, stored

CHECK, USER, TEMP = "/user/checkOauthToken", "/user/getUserByToken", "/oauth/getTempToken"
DESTROY = ("/oauth/destoryToken", "/oauth/destroyToken")
REFRESH = "/oauth/refreshAccessToken"
TAKE_ACCESS_TOKEN = (CHECK, USER, TEMP, *DESTROY)
FIVE_MINUTES = 300

BAD_TOKEN = failed("令牌无效或已过期")
BAD_REFRESH_TOKEN = failed("刷新令牌无效")
BAD_CLIENT = failed("客户端认证失败")
SUCCESS = done(result="success")

# What no token of ours looks like, and what looks like one.
NONSENSE = [
    "f2a2314a-1fdd-41e3-9119-4b2e8bb63ca5",
    "令牌",
    "a.b.c",
    "A" * 22 + "." + "A" * 43,
    "A" * 22 + "." + "A" * 48,
]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all, where digest login is on and alice has logged in once before."""
    with standing_api(digest_login=True) as opened:
        store: Any = opened.services.store
        store.put_client(new_client("24", "usercenter", "usercenter-secret"))
        opened.token()
        yield opened


@pytest.fixture
def tokens(api: Api) -> Any:
    return log_in_by_digests(api)


def call(api: Api, path: str, token: str, name: str = "accessToken") -> Answer:
    return api.post(path, json_body={name: token})


def temporary(api: Api, token: str) -> str:
    """A temporary token, by an answer that is whole."""
    answer = call(api, TEMP, token)
    found: str = answer.json["result"]
    assert TEMPORARY.fullmatch(found)
    assert answer == done(result=found)
    return found


def refresh(api: Api, token: str, **fields: str) -> Answer:
    return api.post(REFRESH, json_body={"refresh_token": token, **fields})


# --- how a token is given -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [CHECK, USER, TEMP, *DESTROY])
@pytest.mark.parametrize("name", ["accessToken", "access_token", "accesstoken", "accessToken ", "Authorization"])
def test_a_token_may_be_given_in_each_way(api: Api, tokens: Any, path: str, name: str) -> None:
    """The seed's tables and examples disagree. JSON, a form, or the header that everything else takes."""
    token = tokens["accessToken"]
    if name == "Authorization":
        answers = [api.post(path, headers={name: f"{scheme} {token}"}) for scheme in ("Bearer", "bearer")]
    else:
        answers = [api.post(path, json_body={name: token}), api.post(path, form={name: token})]
    assert [(answer.status, answer.json["status"]) for answer in answers] == [(200, 1)] * 2


@pytest.mark.parametrize("path", TAKE_ACCESS_TOKEN)
def test_no_token_is_a_failure(api: Api, path: str) -> None:
    """An empty one is none; destroying nothing is no success either."""
    missing = failed("缺少参数 accessToken")
    empty: list[dict[str, Any]] = [{}, {"accessToken": ""}, {"access_token": None}, {"accesstoken": ""}, {"token": "x"}]
    assert [api.post(path, json_body=body) for body in empty] == [missing] * 5
    assert api.post(path) == missing
    assert api.post(path, form={"accessToken": ""}) == missing
    assert api.post(path, headers={"Authorization": "Bearer "}) == missing
    assert api.post(path, basic=("web-client", "web-secret")) == missing


@pytest.mark.parametrize("token", NONSENSE, ids=range(len(NONSENSE)))
def test_a_token_that_nobody_gave_is_a_failure_but_may_be_destroyed(api: Api, token: str) -> None:
    assert [call(api, path, token) for path in (CHECK, USER, TEMP)] == [BAD_TOKEN] * 3
    assert [call(api, path, token) for path in DESTROY] == [SUCCESS] * 2


@pytest.mark.parametrize("path", [*TAKE_ACCESS_TOKEN, REFRESH])
def test_every_fault_has_status_200(api: Api, path: str, tokens: Any) -> None:
    """What cannot be read, another method, a token in the address, the caller's language."""
    as_json = {"Content-Type": "application/json"}
    unreadable = api.post(path, body=b'{"accessToken":', headers=as_json)
    assert (unreadable.status, unreadable.json["status"]) == (200, 0)
    assert unreadable.json["msg"].startswith("请求体无法解析")
    known = "refreshToken" if path == REFRESH else "accessToken"
    assert api.post(path, json_body={known: 1}) == failed(f"参数 {known} 必须是文本")
    assert api.call("GET", path) == failed("请使用 POST, OPTIONS 方法", {"allow": "POST, OPTIONS"})
    name, token = (
        ("refresh_token", tokens["refreshToken"]) if path == REFRESH else ("accesstoken", tokens["accessToken"])
    )
    in_address = failed(f"参数 {name} 不能放在网址中，请放在请求体里")
    assert api.post(f"{path}?{name}={token}") == in_address
    assert api.post(path, headers={"Accept-Language": "en"}).json["msg"].startswith("The parameter ")
    assert is_good(api, tokens["accessToken"])


# --- checking and asking who it is ----------------------------------------------------------------------------------


def test_check(api: Api, tokens: Any) -> None:
    assert call(api, CHECK, tokens["accessToken"]) == SUCCESS
    assert call(api, CHECK, tokens["refreshToken"]) == BAD_TOKEN
    api.time.advance(DAY)
    assert call(api, CHECK, tokens["accessToken"]) == BAD_TOKEN


def test_the_user(api: Api, tokens: Any) -> None:
    """JSON text in `user`, the same as an object in `data`; no hash, no digest."""
    alice = {
        "id": api.user_id("alice"),
        "username": "alice",
        "phone": "13312341234",
        "openId": None,
        "roleList": [{"id": 2, "roleName": "user"}],
        "createTime": "2030-01-01 16:00:00",
    }
    answer = call(api, USER, tokens["accessToken"])
    assert answer == done(user=compact(alice), data=alice)
    assert json.loads(answer.json["user"]) == alice


def test_a_client_for_itself_is_no_user_and_trades_nothing(api: Api) -> None:
    """Its token is good all the same."""
    nobody = failed("该令牌属于客户端，不属于用户")
    form = {"grant_type": "client_credentials"}
    signed = api.post("/oauth/token", form=form, basic=MACHINE_JWT).json["access_token"]
    for token in (machine(api), signed):
        assert call(api, CHECK, token) == SUCCESS
        assert call(api, USER, token) == nobody
        assert call(api, TEMP, token) == nobody


@pytest.mark.parametrize("client", [("web-client", "web-secret"), STANDARD, ("2", "passport-secret"), JWT])
def test_tokens_of_every_dialect_may_be_asked_about(api: Api, client: tuple[str, str]) -> None:
    token = api.log_in("alice", "correct horse battery", client)["access_token"]
    assert call(api, CHECK, token) == SUCCESS
    assert call(api, USER, token).json["data"]["username"] == "alice"
    assert call(api, DESTROY[0], token) == SUCCESS
    assert call(api, CHECK, token) == BAD_TOKEN


# --- destroying -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DESTROY)
def test_destroying_ends_the_whole_family(api: Api, tokens: Any, path: str) -> None:
    """Access, refresh, temporary; not the user's other sessions. Once more is a success as well."""
    other, temp = log_in_by_digests(api), temporary(api, tokens["accessToken"])
    assert call(api, path, tokens["accessToken"]) == SUCCESS
    assert call(api, CHECK, tokens["accessToken"]) == BAD_TOKEN
    assert refresh(api, tokens["refreshToken"]) == BAD_REFRESH_TOKEN
    assert not is_good(api, temp)
    assert call(api, path, tokens["accessToken"]) == SUCCESS
    assert is_good(api, other["accessToken"])


def test_a_token_from_before_the_refresh_destroys_as_well(api: Api, tokens: Any) -> None:
    """An app that logs out while a refresh is under way is logged out."""
    second = usercenter_tokens(refresh(api, tokens["refreshToken"]))
    assert call(api, DESTROY[0], tokens["accessToken"]) == SUCCESS
    assert not is_good(api, second["accessToken"])


@pytest.mark.security("F8")
@pytest.mark.parametrize("path", DESTROY)
def test_destroying_by_a_temporary_token_ends_nothing(api: Api, tokens: Any, path: str) -> None:
    """It reads. Success would mean that the token is good no more."""
    temp = temporary(api, tokens["accessToken"])
    assert call(api, path, temp) == failed("临时令牌只能查询，不能更改")
    assert is_good(api, temp)
    assert is_good(api, tokens["accessToken"])


def test_half_a_token_destroys_nothing(api: Api, tokens: Any) -> None:
    """The half that finds the session is no proof."""
    selector, _, secret = tokens["accessToken"].partition(".")
    forged = [f"{selector}.{'A' * 43}", f"{selector}.{'A' * 48}", f"{'A' * 22}.{secret}"]
    assert [call(api, DESTROY[0], token) for token in forged] == [SUCCESS] * 3
    assert is_good(api, tokens["accessToken"])


# --- refreshing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["refresh_token", "refreshToken"])
@pytest.mark.parametrize("how", ["json_body", "form"])
def test_refresh(api: Api, tokens: Any, name: str, how: str) -> None:
    """The answer is that of a login; the token names the client by itself."""
    arguments: dict[str, Any] = {how: {name: tokens["refreshToken"]}}
    second = usercenter_tokens(api.post(REFRESH, **arguments))
    assert second["accessToken"] != tokens["accessToken"]
    assert second["refreshToken"] != tokens["refreshToken"]
    assert call(api, CHECK, second["accessToken"]) == SUCCESS


def test_refresh_without_a_token(api: Api) -> None:
    missing = failed("缺少参数 refresh_token")
    assert [api.post(REFRESH, json_body=body) for body in ({}, {"refresh_token": ""}, {"refreshToken": None})] == [
        missing
    ] * 3


@pytest.mark.parametrize("token", NONSENSE, ids=range(len(NONSENSE)))
def test_refresh_with_nonsense(api: Api, token: str) -> None:
    assert refresh(api, token) == BAD_REFRESH_TOKEN


def test_refresh_twice_gives_the_same_pair_and_later_ends_the_family(api: Api, tokens: Any) -> None:
    second = refresh(api, tokens["refreshToken"])
    assert refresh(api, tokens["refreshToken"]) == second
    api.time.advance(RETRY + 1)
    assert refresh(api, tokens["refreshToken"]) == BAD_REFRESH_TOKEN
    assert call(api, CHECK, second.json["data"]["accessToken"]) == BAD_TOKEN


def test_refresh_names_the_client_or_does_not(api: Api, tokens: Any) -> None:
    second = usercenter_tokens(refresh(api, tokens["refreshToken"], clientId="23"))
    before = stored(api)["sessions"]
    assert refresh(api, second["refreshToken"], clientId="nobody") == BAD_CLIENT
    assert refresh(api, second["refreshToken"], client_id="public-client") == BAD_REFRESH_TOKEN
    assert refresh(api, second["refreshToken"], client_id="23", clientId="25") == failed("客户端标识不一致")
    assert stored(api)["sessions"] == before
    usercenter_tokens(refresh(api, second["refreshToken"], sysid="aaaa"))


def test_a_client_with_a_secret_presents_it_to_refresh(api: Api) -> None:
    """The seed's body carries no secret: alone it refreshes for public clients only."""
    form = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
    first = usercenter_tokens(api.post("/oauth/token", form=form, basic=("24", "usercenter-secret")))
    before = stored(api)["sessions"]
    assert refresh(api, first["refreshToken"]) == BAD_CLIENT
    assert refresh(api, first["refreshToken"], client_id="24") == BAD_CLIENT
    assert refresh(api, first["refreshToken"], client_id="24", client_secret="wrong") == BAD_CLIENT
    assert stored(api)["sessions"] == before
    usercenter_tokens(refresh(api, first["refreshToken"], client_id="24", client_secret="usercenter-secret"))


def test_a_client_that_may_not_refresh_may_not_refresh_here(api: Api) -> None:
    """Passport's clients have no refresh, by whichever path."""
    tokens = api.log_in("alice", "correct horse battery", ("2", "passport-secret"))
    secret = {"client_id": "2", "client_secret": "passport-secret"}
    refused = failed("该客户端不能使用授权方式 refresh_token")
    assert refresh(api, tokens["refresh_token"], **secret) == refused
    assert is_good(api, tokens["access_token"])


def test_an_access_token_is_no_refresh_token(api: Api, tokens: Any) -> None:
    """A secret that the session does not know as one to refresh with is a stolen one: the family ends."""
    assert refresh(api, tokens["accessToken"]) == BAD_REFRESH_TOKEN
    assert not is_good(api, tokens["accessToken"])


# --- temporary tokens -------------------------------------------------------------------------------------------------


def test_a_temporary_token_does_what_its_parent_does(api: Api, tokens: Any) -> None:
    temp = temporary(api, tokens["accessToken"])
    assert call(api, CHECK, temp) == SUCCESS
    assert call(api, USER, temp) == call(api, USER, tokens["accessToken"])
    assert api.post("/users/current", bearer=temp).json == api.post("/users/current", bearer=tokens["accessToken"]).json
    parent = introspected(api, tokens["accessToken"])
    expires_at = api.services.clock.now() + FIVE_MINUTES
    assert introspected(api, temp) == {**parent, "exp": expires_at, "temporary": True}


def test_it_lives_five_minutes(api: Api, tokens: Any) -> None:
    temp = temporary(api, tokens["accessToken"])
    api.time.advance(FIVE_MINUTES - 1)
    assert is_good(api, temp)
    api.time.advance(1)
    assert not is_good(api, temp)
    assert is_good(api, tokens["accessToken"])


def test_it_lives_no_longer_than_its_parent(api: Api, tokens: Any) -> None:
    api.time.advance(DAY - 10)
    temp = temporary(api, tokens["accessToken"])
    assert introspected(api, temp)["exp"] == introspected(api, tokens["accessToken"])["exp"]
    api.time.advance(10)
    assert not is_good(api, temp)


def test_nothing_can_be_had_for_it(api: Api, tokens: Any) -> None:
    """Neither another temporary one nor a pair of real ones; and nobody who tries ends the family."""
    temp = temporary(api, tokens["accessToken"])
    assert call(api, TEMP, temp) == BAD_TOKEN
    assert refresh(api, temp) == BAD_REFRESH_TOKEN
    form = {"grant_type": "refresh_token", "refresh_token": temp, "client_id": "23"}
    assert api.post("/oauth/token", form=form) == BAD_REFRESH_TOKEN
    assert is_good(api, temp)
    assert is_good(api, tokens["accessToken"])


def test_it_lives_through_a_refresh_for_the_grace_time_as_its_parent_does(api: Api, tokens: Any) -> None:
    temp = temporary(api, tokens["accessToken"])
    second = usercenter_tokens(refresh(api, tokens["refreshToken"]))
    api.time.advance(GRACE)
    assert is_good(api, temp)
    assert is_good(api, tokens["accessToken"])
    api.time.advance(1)
    assert not is_good(api, temp)
    assert not is_good(api, tokens["accessToken"])
    assert is_good(api, second["accessToken"])


def test_it_dies_with_the_second_refresh(api: Api, tokens: Any) -> None:
    temp = temporary(api, tokens["accessToken"])
    second = usercenter_tokens(refresh(api, tokens["refreshToken"]))
    third = usercenter_tokens(refresh(api, second["refreshToken"]))
    assert not is_good(api, temp)
    assert is_good(api, third["accessToken"])


def test_it_may_do_no_more_than_its_parent(api: Api) -> None:
    """An access token that a refresh had narrowed gives no way back to the whole scope."""
    form = {"grant_type": "refresh_token"}
    whole = api.log_in("alice", "correct horse battery", STANDARD)
    narrow = api.post(
        "/oauth/token", form={**form, "refresh_token": whole["refresh_token"], "scope": "read"}, basic=STANDARD
    ).json
    assert introspected(api, temporary(api, narrow["access_token"]))["scope"] == "read"
    again = api.post("/oauth/token", form={**form, "refresh_token": narrow["refresh_token"]}, basic=STANDARD).json
    assert introspected(api, again["access_token"])["scope"] == "read write"
    assert introspected(api, narrow["access_token"])["scope"] == "read"
    assert introspected(api, temporary(api, narrow["access_token"]))["scope"] == "read"


def test_it_dies_with_all_sessions_of_the_account(api: Api) -> None:
    """A new password ends it, as it ends its parent."""
    body = {"username": "changing", "password": "her first password"}
    assert api.post("/users/register", json_body=body).status == 200
    api.token("changing", "her first password")
    temp = temporary(api, log_in_by_digests(api, "changing", "her first password")["accessToken"])
    change = {"id": api.user_id("changing"), "password": "the second password"}
    assert api.post("/users/save", json_body=change, bearer=api.admin()).status == 200
    assert not is_good(api, temp)


def test_a_signed_token_has_temporary_ones_too(api: Api) -> None:
    tokens = signed_tokens(api)
    temp = temporary(api, tokens["access_token"])
    assert is_good(api, temp)
    assert call(api, DESTROY[0], tokens["access_token"]) == SUCCESS
    assert not is_good(api, temp)


def test_every_bit_of_it_is_proof(api: Api, tokens: Any) -> None:
    """Neither a later end nor another session can be written into it."""
    temp, other = temporary(api, tokens["accessToken"]), log_in_by_digests(api)
    selector, _, rest = temp.partition(".")
    changed = [f"{selector}.{rest[:at]}{'A' if rest[at] != 'A' else 'B'}{rest[at + 1 :]}" for at in range(len(rest))]
    elsewhere = f"{other['accessToken'].partition('.')[0]}.{rest}"
    answers = {call(api, CHECK, token).body for token in (*changed, elsewhere)}
    assert answers == {BAD_TOKEN.body}
    assert is_good(api, temp)
