"""An admin who is the only one cannot stop being one, by no route; with another admin there, they can."""

from collections.abc import Callable
from typing import Any

import pytest

from lingpai.accounts import service as accounts
from tests.support.api import Answer, Api, make_api
from tests.support.expect import refuses, succeeds
from tests.support.people import machine, somebody

pytestmark = pytest.mark.security("F18")

ADMIN = 1
LAST = "至少要保留一名管理员：没有找到其他管理员，请先让另一个账号成为管理员，或由其他管理员操作"

WAYS: dict[str, Callable[[int], tuple[str, dict[str, Any]]]] = {
    "roles replaced": lambda user_id: ("/users/role/update", {"id": user_id, "roleList": [{"id": 2}]}),
    "roles cleared": lambda user_id: ("/users/role/update", {"id": user_id, "roleList": []}),
    "saved with another role": lambda user_id: ("/users/save", {"id": user_id, "roleList": [{"roleName": "user"}]}),
    "saved without a role": lambda user_id: ("/users/save", {"id": str(user_id), "roleList": []}),
    "deleted": lambda user_id: ("/users/delete", {"id": user_id}),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, store: Any) -> Api:
    """With one admin, whose name is admin."""
    return make_api(monkeypatch, store)


def ask(api: Api, way: Callable[[int], tuple[str, dict[str, Any]]], user_id: int, token: str) -> Answer:
    path, body = way(user_id)
    return api.post(path, json_body=body, bearer=token)


def is_admin(api: Api, user_id: int) -> bool:
    user = api.services.store.get_user(user_id)
    return user is not None and not user.disabled and ADMIN in user.roles


@each_way
def test_the_only_admin_stays_one(api: Api, way: Any) -> None:
    """A disabled admin is nobody who could take over."""
    admin_id, token = api.user_id("admin"), api.admin()
    disabled = somebody(api, roles={ADMIN})
    accounts.disable(api.services, disabled.id)
    before = api.services.store.get_user(admin_id)
    refuses(ask(api, way, admin_id, token), 409, LAST)
    assert api.services.store.get_user(admin_id) == before
    kept = {"id": admin_id, "roleList": [{"roleName": "admin"}, {"roleName": "user"}]}
    succeeds(api.post("/users/save", json_body=kept, bearer=token), admin_id)


@each_way
def test_one_of_two_admins_may_go(api: Api, way: Any) -> None:
    admin_id, token = api.user_id("admin"), api.admin()
    other = somebody(api, roles={ADMIN})
    assert ask(api, way, admin_id, token).status == 200
    assert not is_admin(api, admin_id)
    refuses(ask(api, way, other.id, other.token), 409, LAST)
    assert is_admin(api, other.id)


@each_way
def test_an_admin_removes_another(api: Api, way: Any) -> None:
    admin_id, other = api.user_id("admin"), somebody(api, roles={ADMIN})
    assert ask(api, way, admin_id, other.token).status == 200
    assert not is_admin(api, admin_id)


@each_way
def test_a_client_of_its_own_may_remove_any_admin(api: Api, way: Any) -> None:
    """It is an admin itself, and stays one."""
    admin_id = api.user_id("admin")
    assert ask(api, way, admin_id, machine(api)).status == 200
    assert not is_admin(api, admin_id)
