"""`/users/role/update`: an admin gives an account exactly these roles."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.expect import (
    ADMIN_ONLY,
    NO_SUCH_USER,
    asks_for_token,
    everything,
    refuses,
    standing_api,
    succeeds,
)
from tests.support.people import Person, as_shown, machine, somebody

ROLES = [{"id": 1, "roleName": "admin"}, {"id": 2, "roleName": "user"}]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api() as standing:
        yield standing


def give_roles(person: Person, role_list: Any) -> Any:
    body = {"id": person.id, "roleList": role_list}
    return person.api.post("/users/role/update", json_body=body, bearer=person.api.admin())


@pytest.mark.parametrize(
    ("given", "after"),
    [
        ([{"id": 1}, {"id": 2}], ROLES),
        ([{"id": 1}], ROLES[:1]),
        ([{"id": "2", "roleName": "ignored"}, {"id": 2}], ROLES[1:]),
        ([], []),
    ],
)
def test_an_account_has_exactly_the_roles_given(api: Api, given: Any, after: Any) -> None:
    person = somebody(api, roles={2})
    token = person.token
    succeeds(give_roles(person, given))
    succeeds(api.post("/users/current", bearer=token), as_shown(person, roleList=after))


def test_a_role_works_at_once_and_not_when_it_is_taken_away(api: Api) -> None:
    person = somebody(api)
    token = person.token
    refuses(api.post("/roles/list", json_body={}, bearer=token), 403, ADMIN_ONLY)
    succeeds(give_roles(person, [{"id": 1}]))
    succeeds(api.post("/roles/list", json_body={}, bearer=token), ROLES)
    succeeds(give_roles(person, []))
    refuses(api.post("/roles/list", json_body={}, bearer=token), 403, ADMIN_ONLY)


@pytest.mark.parametrize(
    ("roles", "text"),
    [
        (None, "缺少参数 roleList"),
        (..., "缺少参数 roleList"),
        ([{"id": 99}], "角色不存在：99"),
        ([{"id": 1}, {"id": 98}, {"id": 99}], "角色不存在：98"),
        ([{"id": None}], "缺少参数 id"),
        ([{"roleName": "admin"}], "缺少参数 id"),
        ([{}], "缺少参数 id"),
        ([{"id": True}], "参数 id 必须是正整数编号"),
        ([{"id": 1.0}], "参数 id 必须是正整数编号"),
        ([1], "参数 roleList 必须是对象列表"),
        ([[]], "参数 roleList 必须是对象列表"),
        ("", "参数 roleList 必须是对象列表"),
        ({}, "参数 roleList 必须是对象列表"),
        (1, "参数 roleList 必须是对象列表"),
    ],
    ids=repr,
)
def test_roles_that_are_not_there(api: Api, roles: Any, text: str) -> None:
    person = somebody(api, roles={2})
    body = {"id": person.id} | ({} if roles is ... else {"roleList": roles})
    admin, before = api.admin(), everything(api)
    refuses(api.post("/users/role/update", json_body=body, bearer=admin), 400, text)
    assert everything(api) == before


def test_roles_of_an_account_that_is_not_there(api: Api) -> None:
    admin = api.admin()
    refuses(api.post("/users/role/update", json_body={"id": 4711, "roleList": []}, bearer=admin), 404, NO_SUCH_USER)
    refuses(api.post("/users/role/update", json_body={"roleList": []}, bearer=admin), 400, "缺少参数 id")


def test_only_an_admin_gives_roles(api: Api) -> None:
    person = somebody(api, roles={2})
    body, token = {"id": person.id, "roleList": [{"id": 1}]}, person.token
    before = everything(api)
    refuses(api.post("/users/role/update", json_body=body, bearer=token), 403, ADMIN_ONLY)
    asks_for_token(api.post("/users/role/update", json_body=body))
    assert everything(api) == before
    succeeds(api.post("/users/role/update", json_body=body, bearer=machine(api)))
