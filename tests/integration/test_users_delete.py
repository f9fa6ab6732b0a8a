"""`/users/delete`: the account is gone, its sessions end, its names are free."""

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
    refuses_token,
    standing_api,
    succeeds,
)
from tests.support.people import PASSWORD, WEB, as_shown, can_log_in, is_alive, machine, new_name, somebody


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api() as standing:
        yield standing


def find(api: Api, token: str, **body: Any) -> Any:
    return api.post("/users/find", json_body=body, bearer=token)


def delete(api: Api, user_id: Any, token: str | None = None) -> Any:
    return api.post("/users/delete", json_body={"id": user_id}, bearer=token or api.admin())


@pytest.mark.security("ASVS-7.4.2")
def test_a_deleted_account_is_gone_with_its_sessions(api: Api) -> None:
    person = somebody(api, number=True)
    sessions = [person.log_in(), person.log_in()]
    succeeds(delete(api, person.id))
    refuses_token(api.post("/users/current", bearer=sessions[0]["access_token"]))
    assert [is_alive(api, tokens) for tokens in sessions] == [(False, False)] * 2
    assert person.username
    assert person.number
    assert not can_log_in(api, person.username)
    assert not can_log_in(api, person.number)
    succeeds(find(api, api.admin(), id=person.id), None)
    succeeds(find(api, api.admin(), username=person.username), None)
    assert not any(str(person.id) in item for items in everything(api).values() for item in items)


def test_its_names_are_free_again(api: Api) -> None:
    person = somebody(api, number=True)
    assert person.username
    update = {"id": person.id, "openId": "wx-freed"}
    succeeds(api.post("/users/update", json_body=update, bearer=api.admin()))
    succeeds(delete(api, person.id))

    body = {"username": person.username, "password": PASSWORD}
    anew = gives(api.post("/users/register", json_body=body))
    assert anew != person.id
    other = somebody(api)
    update = {"id": other.id, "phone": person.number, "openId": "wx-freed"}
    succeeds(api.post("/users/update", json_body=update, bearer=api.admin()))
    answer = api.post("/sign/token", form={"sign": "wx-freed"}, basic=WEB)
    assert gives(api.post("/users/current", bearer=answer.json["access_token"]))["id"] == other.id


@pytest.mark.security("ASVS-10.3.3")
def test_an_account_made_anew_has_nothing_of_the_old_one(api: Api) -> None:
    person = somebody(api, roles={1})
    token = person.token
    update = {"id": person.id, "addr": "an old address"}
    succeeds(api.post("/userDetail/update", json_body=update, bearer=token))
    succeeds(delete(api, person.id))
    anew = gives(api.post("/users/register", json_body={"username": person.username, "password": PASSWORD}))
    fresh = api.token(person.username or "", PASSWORD)
    succeeds(api.post("/users/current", bearer=fresh), as_shown(person, id=anew))
    assert gives(api.post("/userDetail/current", bearer=fresh))["addr"] is None
    refuses_token(api.post("/users/current", bearer=token))


def test_an_admin_may_delete_himself(api: Api) -> None:
    person = somebody(api, roles={1})
    token = person.token
    succeeds(delete(api, person.id, token))
    refuses_token(api.post("/users/list", json_body={}, bearer=token))


def test_an_account_that_is_not_there_cannot_be_deleted(api: Api) -> None:
    person = somebody(api)
    succeeds(delete(api, person.id))
    admin = api.admin()
    before = everything(api)
    refuses(delete(api, person.id, admin), 404, NO_SUCH_USER)
    refuses(delete(api, 4711, admin), 404, NO_SUCH_USER)
    refuses(delete(api, None, admin), 400, "缺少参数 id")
    refuses(delete(api, "x", admin), 400, "参数 id 必须是正整数编号")
    assert everything(api)["users"] == before["users"]


def test_only_an_admin_deletes(api: Api) -> None:
    person, other = somebody(api), somebody(api, roles={2})
    tokens = (person.token, other.token)
    before = everything(api)
    for token in tokens:
        refuses(delete(api, person.id, token), 403, ADMIN_ONLY)
        refuses(delete(api, 4711, token), 403, ADMIN_ONLY)
    asks_for_token(api.post("/users/delete", json_body={"id": person.id}))
    assert everything(api) == before
    succeeds(delete(api, person.id, machine(api)))


def test_an_account_half_deleted_is_as_good_as_gone(api: Api) -> None:
    """Deletion first disables: whoever is disabled cannot use a token, log in or be changed, until it is finished."""
    from lingpai.accounts.storage import DisableUser

    person, name = somebody(api, roles={2}), new_name()
    tokens = person.log_in()
    api.services.store.commit(DisableUser(person.id))
    refuses_token(api.post("/users/current", bearer=tokens["access_token"]))
    refuses_token(api.post("/userDetail/update", json_body={"id": person.id}, bearer=tokens["access_token"]))
    assert person.username
    assert not can_log_in(api, person.username)
    admin = api.admin()
    body: dict[str, Any]
    for path, body in (
        ("/users/save", {"username": name}),
        ("/users/update", {"openId": "wx-disabled"}),
        ("/users/role/update", {"roleList": []}),
        ("/userDetail/update", {"addr": "here"}),
    ):
        refuses(api.post(path, json_body={"id": person.id, **body}, bearer=admin), 404, NO_SUCH_USER)
    succeeds(delete(api, person.id))
    assert gives(api.post("/users/register", json_body={"username": person.username, "password": PASSWORD}))
