"""Who calls: the bearer token of every path that wants one, and the roles it acts with."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser
from tests.support.api import Api, make_api
from tests.support.expect import (
    ADMIN_ONLY,
    asks_for_token,
    everything,
    gives,
    refuses,
    refuses_token,
    standing_api,
    succeeds,
)
from tests.support.memory_store import MemoryStore
from tests.support.people import MACHINE, WEB, is_alive, machine, somebody

ADMIN_PATHS = (
    "/users/save",
    "/users/role/update",
    "/users/list",
    "/users/delete",
    "/roles/list",
    "/roles/save",
    "/roles/delete",
)
PATHS = (
    *ADMIN_PATHS,
    "/users/update",
    "/users/pwd/update",
    "/users/phone/remove",
    "/users/find",
    "/users/current",
    "/userDetail/current",
    "/userDetail/get",
    "/userDetail/update",
)
BODIES = [
    b"",
    b"{}",
    b"{",
    b"[]",
    b'{"id":1}',
    b'{"id":"x"}',
    b'{"id":1,"id":1}',
    b"\xff",
    b'{"userId":1,"oldPassword":"x"}',
]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api(client_cache_ttl=0) as standing:
        yield standing


# --- without a good one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_told_without_a_token(api: Api, path: str) -> None:
    """Neither what is wrong with the body nor who is there: who calls comes first."""
    before = everything(api)
    for body in BODIES:
        asks_for_token(api.post(path, body=body, headers={"Content-Type": "application/json"}))
        refuses_token(api.post(path, body=body, headers={"Content-Type": "application/json"}, bearer="no-token"))
    assert everything(api) == before


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "bearer    ",
        "Basic d2ViLWNsaWVudDp3ZWItc2VjcmV0",
        "Digest x",
        "Token {token}",
        "{token}",
        "Bearer{token}",
        "Bearer\t{token}",
        "OAuth2 {token}",
    ],
)
def test_what_presents_no_bearer_token(api: Api, header: str) -> None:
    sent = {"Authorization": header.format(token=api.token())}
    asks_for_token(api.post("/users/current", headers=sent))


@pytest.mark.security("ASVS-7.2.1")
def test_shapes_of_tokens_that_are_none(api: Api) -> None:
    good = api.token()
    selector, _, secret = good.partition(".")
    for bad in (
        "x",
        "null",
        "undefined",
        good[:-1],
        good + "A",
        good + "=",
        good.upper(),
        f"{selector}.{secret[::-1]}",
        f"{selector[::-1]}.{secret}",
        f"{secret}.{selector}",
        f"{selector}.{selector}",
        f"{selector}..{secret}",
        f"{selector}.",
        f".{secret}",
        f"{selector} {secret}",
        f"{good},{good}",
        f"{good}, Bearer {good}",
        f'"{good}"',
        good.replace(".", "\u3002"),
        good + "\u00e9",
        "A" * 22 + "." + "A" * 43,
        "_" * 22 + "." + "_" * 43,
        "a.b.c",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "A" * 7000,
        base64.b64encode(good.encode()).decode(),
    ):
        refuses_token(api.post("/users/current", bearer=bad))
    assert api.post("/users/current", bearer=good).status == 200


@pytest.mark.security("ASVS-9.2.2")
def test_a_refresh_token_is_no_access_token(api: Api) -> None:
    tokens = api.log_in("alice", "correct horse battery")
    refuses_token(api.post("/users/current", bearer=tokens["refresh_token"]))
    assert is_alive(api, tokens) == (True, True)


@pytest.mark.parametrize(
    "target", ["/users/current?access_token={}", "/users/find?token={}", "/roles/list?accessToken={}"]
)
def test_a_token_in_the_address_is_refused(api: Api, target: str) -> None:
    token = api.token()
    name = target.partition("?")[2].partition("=")[0]
    text = f"参数 {name} 不能放在网址中，请放在请求体里"
    refuses(api.post(target.format(token)), 400, text)
    refuses(api.post(target.format(token), bearer=token), 400, text)


@pytest.mark.parametrize("name", ["access_token", "token", "accessToken", "Authorization"])
def test_a_token_in_the_body_is_none(api: Api, name: str) -> None:
    asks_for_token(api.post("/users/current", json_body={name: api.token()}))


# --- with one --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["Bearer {}", "bearer {}", "BEARER {}", "bEaReR {}", "Bearer   {}", " Bearer {} ", "bearer {} "]
)
def test_the_scheme_may_be_in_any_case(api: Api, header: str) -> None:
    person = somebody(api)
    answer = api.post("/users/current", headers={"authorization": header.format(person.token)})
    assert gives(answer)["id"] == person.id


def test_a_token_of_any_client_whose_record_opens_the_api_will_do(api: Api) -> None:
    person = somebody(api)
    for client in (WEB, ("app-client", "app-secret")):
        token = person.log_in(client)["access_token"]
        assert gives(api.post("/users/current", bearer=token))["id"] == person.id


@pytest.mark.security("RFC9700-4.10")
def test_a_token_ends_with_its_time(api: Api) -> None:
    token = api.token()
    api.time.advance(1296000 - 1)
    assert api.post("/users/current", bearer=token).status == 200
    api.time.advance(1)
    refuses_token(api.post("/users/current", bearer=token))


def test_the_token_before_a_refresh_lasts_as_long_as_the_grace(api: Api) -> None:
    tokens = api.log_in("alice", "correct horse battery")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    anew = api.post("/oauth/token", form=form, basic=WEB).json
    assert api.post("/users/current", bearer=anew["access_token"]).status == 200
    api.time.advance(30)
    assert api.post("/users/current", bearer=tokens["access_token"]).status == 200
    api.time.advance(1)
    refuses_token(api.post("/users/current", bearer=tokens["access_token"]))
    assert api.post("/users/current", bearer=anew["access_token"]).status == 200


def test_the_token_of_a_disabled_user(api: Api) -> None:
    person = somebody(api, roles={1})
    token = person.token
    assert api.post("/users/list", json_body={}, bearer=token).status == 200
    api.services.store.commit(DisableUser(person.id))
    for path in PATHS:
        refuses_token(api.post(path, json_body={"id": person.id, "roleName": "x", "username": "x"}, bearer=token))


def test_the_token_of_a_deleted_user(api: Api) -> None:
    person = somebody(api, roles={1})
    token = person.token
    succeeds(api.post("/users/delete", json_body={"id": person.id}, bearer=api.admin()))
    for path in PATHS:
        refuses_token(api.post(path, json_body={"id": person.id}, bearer=token))


@pytest.mark.parametrize("path", ADMIN_PATHS)
def test_a_user_who_is_no_admin_is_told_so_before_anything_else(api: Api, path: str) -> None:
    token, before = somebody(api, roles={2}).token, None
    before = everything(api)
    for body in BODIES:
        refuses(api.post(path, body=body, bearer=token), 403, ADMIN_ONLY)
    assert everything(api) == before


# --- of a client for itself ------------------------------------------------------------------------------


def test_a_client_acts_with_the_roles_of_its_record(api: Api) -> None:
    person = somebody(api)
    token = machine(api)
    for path, body in (
        ("/users/list", {}),
        ("/users/find", {"id": person.id}),
        ("/users/update", {"id": person.id}),
        ("/users/role/update", {"id": person.id, "roleList": [{"id": 2}]}),
        ("/users/save", {"id": person.id, "roleList": []}),
        ("/userDetail/get", {"id": person.id}),
        ("/userDetail/update", {"id": person.id, "addr": "x"}),
        ("/roles/list", {}),
        ("/roles/save", {"roleName": "by machine"}),
        ("/users/delete", {"id": person.id}),
    ):
        assert api.post(path, json_body=body, bearer=token).status == 200


def test_a_client_without_roles_may_nothing(api: Api) -> None:
    form = {"grant_type": "client_credentials"}
    token = api.post("/oauth/token", form=form, basic=WEB).json["access_token"]
    person = somebody(api)
    for path in ADMIN_PATHS:
        refuses(api.post(path, json_body={"id": person.id}, bearer=token), 403, ADMIN_ONLY)
    for path in ("/users/find", "/users/update", "/userDetail/get", "/userDetail/update"):
        refuses(api.post(path, json_body={"id": person.id}, bearer=token), 403, "没有权限：只能操作自己的账号")


@pytest.mark.parametrize("path", ["/users/current", "/userDetail/current", "/users/pwd/update"])
def test_a_client_is_no_user(api: Api, path: str) -> None:
    body = {"userId": 1, "oldPassword": "x", "newPassword": "y"}
    refuses(api.post(path, json_body=body, bearer=machine(api)), 403, "该令牌属于客户端，不属于用户")


def test_a_client_loses_what_its_record_loses(api: Api) -> None:
    store: Any = api.services.store
    record = store.get_client(MACHINE[0])
    token = machine(api)
    try:
        store.put_client(replace(record, roles=frozenset({"user"})))
        refuses(api.post("/users/list", json_body={}, bearer=token), 403, ADMIN_ONLY)
        store.put_client(replace(record, disabled=True))
        refuses_token(api.post("/users/list", json_body={}, bearer=token))
    finally:
        store.put_client(record)
    gives(api.post("/users/list", json_body={}, bearer=token))


class Counting(tuple[tuple[int, str], ...]):
    """The names of a book, which counts how often all of them are gone through."""

    times = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        Counting.times += 1
        return super().__iter__()


@pytest.mark.parametrize("held", [1, 50])
def test_the_book_of_roles_is_gone_through_as_often_whatever_an_account_holds(
    monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """Once for who calls, once for what is shown: else a thousand roles would take a million steps."""
    store = MemoryStore()
    api = make_api(monkeypatch, store)
    user_id, token = api.user_id("alice"), api.token()
    store.users[user_id] = replace(store.users[user_id], roles=frozenset(range(1, held + 1)))
    store.roles = replace(store.roles, names=Counting((i, f"role {i}") for i in range(1, 51)))
    Counting.times = 0
    assert len(api.post("/users/current", bearer=token).json["message"]["roleList"]) == held
    assert Counting.times == 2
