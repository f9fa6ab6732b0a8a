"""`/users/save`: an admin makes accounts and changes them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.expect import (
    ADMIN_ONLY,
    NO_SUCH_USER,
    asks_for_token,
    everything,
    gives,
    refuses,
    standing_api,
    succeeds,
)
from tests.support.people import PASSWORD, can_log_in, is_alive, machine, new_name, new_number, somebody

ROLES = [{"id": 1, "roleName": "admin"}, {"id": 2, "roleName": "user"}]
NEW_PASSWORD = "quite another password"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api() as standing:
        yield standing


def save(api: Api, **body: Any) -> Any:
    return api.post("/users/save", json_body=body, bearer=api.admin())


def role_names(api: Api, user_id: int) -> list[str]:
    shown = gives(api.post("/users/find", json_body={"id": user_id}, bearer=api.admin()))
    return [role["roleName"] for role in shown["roleList"]]


# --- making ----------------------------------------------------------------------------------------------


def test_the_message_is_the_id_of_the_new_account(api: Api) -> None:
    name = new_name()
    user_id = gives(save(api, username=name, password=PASSWORD))
    assert type(user_id) is int
    assert 0 < user_id < 2**53
    succeeds(
        api.post("/users/current", bearer=api.token(name, PASSWORD)),
        {
            "id": user_id,
            "username": name,
            "phone": None,
            "openId": None,
            "roleList": [],
            "createTime": "2030-01-01 16:00:00",
        },
    )


def test_a_new_account_has_the_roles_named(api: Api) -> None:
    named = [{"roleName": "user"}, {"roleName": "admin", "id": 77, "more": None}, {"roleName": "user"}]
    user_id = gives(save(api, username=new_name(), password=PASSWORD, roleList=named))
    found = gives(api.post("/users/find", json_body={"id": user_id}, bearer=api.admin()))
    assert found["roleList"] == ROLES


@pytest.mark.parametrize("none", [None, []])
def test_a_new_account_may_have_no_roles(api: Api, none: Any) -> None:
    user_id = gives(save(api, username=new_name(), password=PASSWORD, roleList=none, id=None))
    assert role_names(api, user_id) == []


def test_a_client_that_is_an_admin_makes_accounts(api: Api) -> None:
    body = {"username": new_name(), "password": PASSWORD}
    gives(api.post("/users/save", json_body=body, bearer=machine(api)))


@pytest.mark.parametrize("missing", ["username", "password"])
@pytest.mark.parametrize("value", [None, "", ...])
def test_a_new_account_needs_a_name_and_a_password(api: Api, missing: str, value: Any) -> None:
    body: dict[str, Any] = {"username": new_name(), "password": PASSWORD, missing: value}
    if value is ...:
        del body[missing]
    admin, before = api.admin(), everything(api)
    refuses(api.post("/users/save", json_body=body, bearer=admin), 400, f"缺少参数 {missing}")
    assert everything(api) == before


# --- changing --------------------------------------------------------------------------------------------


def test_a_new_name_takes_the_place_of_the_old_one(api: Api) -> None:
    person, name = somebody(api, roles={2}), new_name()
    tokens = person.log_in()
    assert person.username
    succeeds(save(api, id=person.id, username=name), person.id)
    assert not can_log_in(api, person.username)
    assert can_log_in(api, name)
    assert role_names(api, person.id) == ["user"]
    assert is_alive(api, tokens) == (True, True)
    assert gives(save(api, username=person.username, password=PASSWORD)) != person.id


def test_a_name_may_be_written_anew(api: Api) -> None:
    person = somebody(api)
    assert person.username
    succeeds(save(api, id=person.id, username=person.username.upper()), person.id)
    assert person.stored().username == person.username.upper()
    assert can_log_in(api, person.username)


def test_a_new_password_ends_all_sessions(api: Api) -> None:
    person = somebody(api)
    assert person.username
    sessions = [person.log_in(), person.log_in()]
    succeeds(save(api, id=person.id, password=NEW_PASSWORD), person.id)
    assert not can_log_in(api, person.username)
    assert can_log_in(api, person.username, NEW_PASSWORD)
    assert [is_alive(api, tokens) for tokens in sessions] == [(False, False)] * 2


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        ({"roleList": [{"roleName": "admin"}]}, ["admin"]),
        ({"roleList": [{"roleName": "user"}, {"roleName": "admin"}]}, ["admin", "user"]),
        ({"roleList": []}, []),
        ({"roleList": None}, ["user"]),
        ({}, ["user"]),
    ],
)
def test_the_roles_become_those_named_and_stay_where_none_are(api: Api, sent: dict[str, Any], after: list[str]) -> None:
    person = somebody(api, roles={2})
    succeeds(save(api, id=person.id, **sent), person.id)
    assert role_names(api, person.id) == after


@pytest.mark.parametrize("nothing", [{}, {"username": "", "password": ""}, {"username": None, "password": None}])
def test_what_is_empty_stays(api: Api, nothing: dict[str, Any]) -> None:
    person = somebody(api, roles={2})
    before = person.stored()
    succeeds(save(api, id=person.id, **nothing), person.id)
    assert person.stored() == before


def test_an_id_may_come_in_digits(api: Api) -> None:
    person = somebody(api)
    succeeds(save(api, id=str(person.id), roleList=[{"roleName": "user"}]), person.id)
    assert role_names(api, person.id) == ["user"]


def test_an_account_may_be_named_by_its_own_number(api: Api) -> None:
    person = somebody(api, number=True)
    assert person.number
    succeeds(save(api, id=person.id, username=f"+86 {person.number}"), person.id)
    shown = gives(api.post("/users/find", json_body={"id": person.id}, bearer=api.admin()))
    assert (shown["username"], shown["phone"]) == (person.number, person.number)
    assert can_log_in(api, person.number)
    assert person.username
    assert not can_log_in(api, person.username)


# --- refusing --------------------------------------------------------------------------------------------


def test_an_account_that_is_not_there(api: Api) -> None:
    admin, before = api.admin(), everything(api)
    body = {"id": 12345, "username": new_name(), "password": PASSWORD}
    refuses(api.post("/users/save", json_body=body, bearer=admin), 404, NO_SUCH_USER)
    assert everything(api) == before


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(
    ("wrong", "status", "text"),
    [
        ({"roleList": [{"roleName": "user"}, {"roleName": "ghost"}]}, 400, "角色不存在：ghost"),
        ({"roleList": [{"roleName": "{0} %s {role}"}]}, 400, "角色不存在：{0} %s {role}"),
        ({"roleList": [{"roleName": "ADMIN"}]}, 400, "角色不存在：ADMIN"),
        ({"roleList": [{}]}, 400, "缺少参数 roleName"),
        ({"roleList": [{"roleName": 1}]}, 400, "参数 roleName 必须是文本"),
        ({"roleList": [{"id": 1}]}, 400, "缺少参数 roleName"),
        ({"roleList": ["admin"]}, 400, "参数 roleList 必须是对象列表"),
        ({"roleList": [None]}, 400, "参数 roleList 必须是对象列表"),
        ({"roleList": [[]]}, 400, "参数 roleList 必须是对象列表"),
        ({"roleList": "admin"}, 400, "参数 roleList 必须是对象列表"),
        ({"roleList": {"roleName": "admin"}}, 400, "参数 roleList 必须是对象列表"),
        ({"roleList": False}, 400, "参数 roleList 必须是对象列表"),
        ({"roleList": 0}, 400, "参数 roleList 必须是对象列表"),
        ({"username": "ALICE"}, 409, "用户名已被使用"),
        ({"username": "13312341234"}, 400, "形如手机号的用户名只能由该号码的账号使用"),
        ({"username": "13899999999"}, 400, "形如手机号的用户名只能由该号码的账号使用"),
        ({"username": "x\u200bx"}, 400, "用户名无效：含有不可见字符或首尾空格"),
        ({"username": "x" * 151}, 400, "用户名无效：长度应为 1 到 150 个字符"),
        ({"username": 1.5}, 400, "参数 username 必须是文本"),
        ({"username": "fine-name", "password": "short"}, 400, "密码至少 8 个字符"),
        ({"password": "x" * 129}, 400, "密码最多 128 个字符"),
        ({"password": "sunshine"}, 400, "该密码过于常见或曾经泄露，请换一个"),
        ({"username": "my-new-name", "password": "My-New-Name"}, 400, "密码不能与用户名相同"),
        ({"password": ["x"]}, 400, "参数 password 必须是文本"),
    ],
)
def test_a_refusal_writes_nothing(api: Api, existing: bool, wrong: dict[str, Any], status: int, text: str) -> None:
    body: dict[str, Any] = {"username": new_name(), "password": NEW_PASSWORD, "roleList": [{"roleName": "user"}]}
    if existing:
        body["id"] = somebody(api).id
    admin, before = api.admin(), everything(api)
    refuses(api.post("/users/save", json_body={**body, **wrong}, bearer=admin), status, text)
    assert everything(api) == before


def test_a_password_may_not_be_the_name_that_the_account_has(api: Api) -> None:
    person = somebody(api)
    refuses(save(api, id=person.id, password=person.username), 400, "密码不能与用户名相同")


def test_the_number_of_an_account_without_a_name_is_no_password(api: Api) -> None:
    person = somebody(api, username=False)
    refuses(save(api, id=person.id, password=person.number), 400, "密码不能与用户名相同")


@pytest.mark.parametrize(
    "bad_id",
    [0, -1, 2**53, 2**64, 1.5, 1.0, 1e20, True, False, "", "x", "1.0", "-1", "+1", " 1", "1e3", "١", [1], {}],
    ids=repr,
)
def test_what_is_no_id(api: Api, bad_id: Any) -> None:
    admin, before = api.admin(), everything(api)
    body = {"id": bad_id, "username": new_name(), "password": PASSWORD}
    refuses(api.post("/users/save", json_body=body, bearer=admin), 400, "参数 id 必须是正整数编号")
    assert everything(api) == before


def test_only_an_admin_saves(api: Api) -> None:
    person = somebody(api, roles={2})
    token, before = person.token, everything(api)
    for body in (
        {"username": new_name(), "password": PASSWORD},
        {"id": person.id, "roleList": [{"roleName": "admin"}]},
        {"id": person.id, "password": NEW_PASSWORD},
        {},
    ):
        before = everything(api)
        refuses(api.post("/users/save", json_body=body, bearer=token), 403, ADMIN_ONLY)
        asks_for_token(api.post("/users/save", json_body=body))
        assert everything(api) == before


def test_numbers_are_not_taken_as_names_of_others(api: Api) -> None:
    """Who once owned a number does not keep it as a name when it goes to somebody else."""
    first, second = somebody(api, number=True), somebody(api)
    number = first.number
    succeeds(save(api, id=first.id, username=number), first.id)
    update = {"id": first.id, "phone": new_number()}
    succeeds(api.post("/users/update", json_body=update, bearer=api.admin()))
    update = {"id": second.id, "phone": number}
    succeeds(api.post("/users/update", json_body=update, bearer=api.admin()))
    found = gives(api.post("/users/find", json_body={"username": number}, bearer=api.admin()))
    assert found["id"] == second.id
