"""`/users/find` and `/users/current`: one user, for itself and for admins."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.expect import (
    SELF_OR_ADMIN,
    asks_for_token,
    refuses,
    refuses_token,
    standing_api,
    succeeds,
)
from tests.support.people import as_shown, machine, somebody

ROLES = [{"id": 1, "roleName": "admin"}, {"id": 2, "roleName": "user"}]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api() as standing:
        yield standing


def find(api: Api, token: str, **body: Any) -> Any:
    return api.post("/users/find", json_body=body, bearer=token)


def test_a_user_is_found_by_id_and_by_name(api: Api) -> None:
    person = somebody(api, number=True, roles={1, 2})
    token, shown = person.token, as_shown(person, roleList=ROLES)
    assert person.username
    succeeds(find(api, token, id=person.id), shown)
    succeeds(find(api, token, id=str(person.id)), shown)
    succeeds(find(api, token, username=person.username), shown)
    succeeds(find(api, token, username=person.username.upper(), id=None), shown)


def test_a_user_is_found_by_number(api: Api) -> None:
    person = somebody(api, number=True)
    for written in (f"{person.number}", f"+86{person.number}", f"+86 {person.number}", f"0086{person.number}"):
        succeeds(find(api, person.token, username=written), as_shown(person))


def test_a_user_without_a_name_is_shown_by_the_number(api: Api) -> None:
    person = somebody(api, username=False)
    succeeds(find(api, person.token, id=person.id), as_shown(person, username=person.number))


def test_the_id_wins(api: Api) -> None:
    person, other = somebody(api), somebody(api)
    succeeds(find(api, person.token, id=person.id, username=other.username), as_shown(person))
    succeeds(find(api, person.token, id=person.id, username="nobody at all"), as_shown(person))
    refuses(find(api, person.token, id=other.id, username=person.username), 403, SELF_OR_ADMIN)
    succeeds(find(api, api.admin(), id=other.id, username=person.username), as_shown(other))
    succeeds(find(api, api.admin(), id=4711, username=person.username), None)


@pytest.mark.parametrize("query", [{"id": 4711}, {"username": "nobody"}, {"username": "13899999999"}, {"username": ""}])
def test_null_where_an_admin_asks_for_one_that_is_not_there(api: Api, query: dict[str, Any]) -> None:
    succeeds(find(api, api.admin(), **query), None)
    succeeds(find(api, machine(api), **query), None)


def test_others_are_not_told_who_is_there(api: Api) -> None:
    person, other = somebody(api), somebody(api, number=True)
    for query in (
        {"id": other.id},
        {"username": other.username},
        {"username": other.number},
        {"id": 4711},
        {"username": "nobody"},
        {"username": "13899999999"},
    ):
        refuses(find(api, person.token, **query), 403, SELF_OR_ADMIN)
        asks_for_token(api.post("/users/find", json_body=query))


@pytest.mark.parametrize(
    "query", [{}, {"id": None}, {"username": None}, {"id": None, "username": None}, {"phone": "1"}]
)
def test_something_to_find_by_is_needed(api: Api, query: dict[str, Any]) -> None:
    refuses(find(api, api.admin(), **query), 400, "请提供 id 或 username")
    refuses(find(api, somebody(api).token, **query), 400, "请提供 id 或 username")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"id": 0}, "参数 id 必须是正整数编号"),
        ({"id": -5}, "参数 id 必须是正整数编号"),
        ({"id": 2**53}, "参数 id 必须是正整数编号"),
        ({"id": 10**4000}, "参数 id 必须是正整数编号"),
        ({"id": str(2**53)}, "参数 id 必须是正整数编号"),
        ({"id": "9" * 17}, "参数 id 必须是正整数编号"),
        ({"id": True}, "参数 id 必须是正整数编号"),
        ({"id": 7.0}, "参数 id 必须是正整数编号"),
        ({"id": "７"}, "参数 id 必须是正整数编号"),
        ({"id": "", "username": "alice"}, "参数 id 必须是正整数编号"),
        ({"username": 7.5}, "参数 username 必须是文本"),
        ({"username": "x" * 256}, "参数 username 不能超过 255 个字符"),
        ({"username": "a\x00"}, "参数 username 含有控制字符"),
    ],
    ids=repr,
)
def test_what_cannot_be_looked_for(api: Api, query: dict[str, Any], text: str) -> None:
    refuses(find(api, api.admin(), **query), 400, text)


def test_the_largest_id_is_below_2_to_the_53(api: Api) -> None:
    succeeds(find(api, api.admin(), id=2**53 - 1), None)
    succeeds(find(api, api.admin(), id=str(2**53 - 1)), None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_current_is_the_user_whose_token_it_is(api: Api, method: str) -> None:
    person = somebody(api, number=True, roles={2})
    shown = as_shown(person, roleList=ROLES[1:])
    succeeds(api.call(method, "/users/current", bearer=person.token), shown)
    asks_for_token(api.call(method, "/users/current"))
    refuses_token(api.call(method, "/users/current", bearer="x"))
    refuses(api.call(method, "/users/current", bearer=machine(api)), 403, "该令牌属于客户端，不属于用户")


def test_current_takes_no_body(api: Api) -> None:
    person, other = somebody(api), somebody(api)
    succeeds(api.post("/users/current", json_body={"id": other.id}, bearer=person.token), as_shown(person))
