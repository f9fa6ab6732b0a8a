"""`/roles/*`: the roles of the deployment, listed, made, renamed and deleted by admins."""

from typing import Any

import pytest

from lingpai.accounts import roles
from lingpai.kernel.errors import unavailable
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.expect import ADMIN_ONLY, asks_for_token, everything, gives, refuses, refuses_token, succeeds
from tests.support.people import Person, machine, somebody

ROLES = [{"id": 1, "roleName": "admin"}, {"id": 2, "roleName": "user"}]
MISSING = "角色不存在"
TAKEN = "角色名已被使用"
KEPT = "管理员角色不能改名或删除"


def save(api: Api, **body: Any) -> Any:
    return api.post("/roles/save", json_body=body, bearer=api.admin())


def delete(api: Api, role_id: Any) -> Any:
    return api.post("/roles/delete", json_body={"id": role_id}, bearer=api.admin())


def listed(api: Api) -> Any:
    return api.post("/roles/list", json_body={}, bearer=api.admin())


def roles_of(person: Person) -> Any:
    found = person.api.post("/users/find", json_body={"id": person.id}, bearer=person.api.admin())
    return gives(found)["roleList"]


def test_all_roles_are_listed(api: Api) -> None:
    succeeds(listed(api), ROLES)
    succeeds(api.post("/roles/list", bearer=machine(api)), ROLES)


def test_a_new_role_can_be_given(api: Api) -> None:
    succeeds(save(api, roleName="editor"), 3)
    succeeds(save(api, roleName="审核员", id=None), 4)
    succeeds(listed(api), [*ROLES, {"id": 3, "roleName": "editor"}, {"id": 4, "roleName": "审核员"}])
    person = somebody(api, roles={3})
    body = {"id": person.id, "roleList": [{"roleName": "editor"}, {"roleName": "审核员"}]}
    succeeds(api.post("/users/save", json_body=body, bearer=api.admin()), person.id)
    assert roles_of(person) == [{"id": 3, "roleName": "editor"}, {"id": 4, "roleName": "审核员"}]


def test_who_has_a_role_has_it_under_its_new_name(api: Api) -> None:
    person = somebody(api, roles={2})
    succeeds(save(api, id=2, roleName="member"), 2)
    succeeds(save(api, id="2", roleName="member"), 2)
    succeeds(listed(api), [ROLES[0], {"id": 2, "roleName": "member"}])
    assert roles_of(person) == [{"id": 2, "roleName": "member"}]
    succeeds(save(api, roleName="user"), 3)
    assert roles_of(person) == [{"id": 2, "roleName": "member"}]


def test_a_deleted_role_gives_nothing(api: Api) -> None:
    succeeds(save(api, roleName="editor"), 3)
    person = somebody(api, roles={2, 3})
    succeeds(delete(api, "3"))
    succeeds(listed(api), ROLES)
    assert roles_of(person) == ROLES[1:]
    body: dict[str, Any] = {"id": person.id, "roleList": [{"id": 3}]}
    refuses(api.post("/users/role/update", json_body=body, bearer=api.admin()), 400, "角色不存在：3")
    body = {"id": person.id, "roleList": [{"roleName": "editor"}]}
    refuses(api.post("/users/save", json_body=body, bearer=api.admin()), 400, "角色不存在：editor")


def test_the_id_of_a_deleted_role_is_never_given_again(api: Api) -> None:
    succeeds(save(api, roleName="editor"), 3)
    person = somebody(api, roles={3})
    succeeds(delete(api, 3))
    succeeds(save(api, roleName="editor"), 4)
    assert roles_of(person) == []
    refuses(save(api, id=3, roleName="writer"), 404, MISSING)
    refuses(delete(api, 3), 404, MISSING)


def test_the_admin_role_is_kept(api: Api) -> None:
    admin, before = api.admin(), everything(api)
    refuses(api.post("/roles/delete", json_body={"id": 1}, bearer=admin), 409, KEPT)
    refuses(api.post("/roles/save", json_body={"id": 1, "roleName": "boss"}, bearer=admin), 409, KEPT)
    refuses(api.post("/roles/save", json_body={"id": 1, "roleName": "Admin"}, bearer=admin), 409, KEPT)
    assert everything(api) == before
    succeeds(save(api, id=1, roleName="admin"), 1)
    succeeds(listed(api), ROLES)


def test_the_admin_role_is_the_one_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with stores.for_api() as store:
        api = make_api(monkeypatch, store, admin_role="user")
        token = api.token()
        refuses(api.post("/roles/list", json_body={}, bearer=api.admin()), 403, ADMIN_ONLY)
        succeeds(api.post("/roles/list", json_body={}, bearer=token), ROLES)
        refuses(api.post("/roles/delete", json_body={"id": 2}, bearer=token), 409, KEPT)
        succeeds(api.post("/roles/delete", json_body={"id": 1}, bearer=token))


def test_no_two_roles_have_one_name(api: Api) -> None:
    succeeds(save(api, roleName="editor"), 3)
    admin, before = api.admin(), everything(api)
    for name in ("editor", "admin", " editor ", "ｅｄｉｔｏｒ"):
        refuses(api.post("/roles/save", json_body={"roleName": name}, bearer=admin), 409, TAKEN)
        refuses(api.post("/roles/save", json_body={"id": 2, "roleName": name}, bearer=admin), 409, TAKEN)
    assert everything(api) == before


NOT_SEEN = "角色名为空或含有不可见字符"


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "缺少参数 roleName"),
        ({"roleName": None}, 400, "缺少参数 roleName"),
        ({"roleName": ""}, 400, "缺少参数 roleName"),
        ({"roleName": "  "}, 400, NOT_SEEN),
        ({"roleName": "\u3000"}, 400, NOT_SEEN),
        ({"roleName": "admin\u200b"}, 400, NOT_SEEN),
        ({"roleName": "ad\u3164min"}, 400, NOT_SEEN),
        ({"roleName": "ﷺ" * 64}, 400, "参数 roleName 不能超过 64 个字符"),
        ({"roleName": 5}, 400, "参数 roleName 必须是文本"),
        ({"roleName": ["x"]}, 400, "参数 roleName 必须是文本"),
        ({"roleName": "x" * 65}, 400, "参数 roleName 不能超过 64 个字符"),
        ({"roleName": "a\nb"}, 400, "参数 roleName 含有控制字符"),
        ({"roleName": "x", "id": 99}, 404, MISSING),
        ({"roleName": "x", "id": 0}, 400, "参数 id 必须是正整数编号"),
        ({"roleName": "x", "id": "two"}, 400, "参数 id 必须是正整数编号"),
        ({"roleName": "x", "id": True}, 400, "参数 id 必须是正整数编号"),
        ({"roleName": "x", "id": 2.0}, 400, "参数 id 必须是正整数编号"),
    ],
    ids=repr,
)
def test_what_is_no_role(api: Api, body: dict[str, Any], status: int, text: str) -> None:
    admin, before = api.admin(), everything(api)
    refuses(api.post("/roles/save", json_body=body, bearer=admin), status, text)
    assert everything(api) == before


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "缺少参数 id"),
        ({"roleName": "user"}, 400, "缺少参数 id"),
        ({"id": 99}, 404, MISSING),
        ({"id": 2**53 - 1}, 404, MISSING),
        ({"id": 2**53}, 400, "参数 id 必须是正整数编号"),
        ({"id": "user"}, 400, "参数 id 必须是正整数编号"),
        ({"id": [2]}, 400, "参数 id 必须是正整数编号"),
    ],
    ids=repr,
)
def test_what_cannot_be_deleted(api: Api, body: dict[str, Any], status: int, text: str) -> None:
    admin, before = api.admin(), everything(api)
    refuses(api.post("/roles/delete", json_body=body, bearer=admin), status, text)
    assert everything(api) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/roles/list", {}),
        ("/roles/save", {"roleName": "mine"}),
        ("/roles/save", {"id": 2, "roleName": "mine"}),
        ("/roles/delete", {"id": 2}),
        ("/roles/delete", {}),
    ],
)
def test_only_an_admin(api: Api, path: str, body: dict[str, Any]) -> None:
    token = somebody(api, roles={2}).token
    before = everything(api)
    refuses(api.post(path, json_body=body, bearer=token), 403, ADMIN_ONLY)
    asks_for_token(api.post(path, json_body=body))
    refuses_token(api.post(path, json_body=body, bearer="no-token"))
    assert everything(api) == before


def test_a_role_that_only_looks_like_the_admins_gives_nothing(api: Api) -> None:
    for number, name in enumerate(("Admin", "ADMIN", "аdmin"), start=3):
        succeeds(save(api, roleName=name), number)
    person = somebody(api, roles={3, 4, 5})
    refuses(api.post("/roles/list", json_body={}, bearer=person.token), 403, ADMIN_ONLY)


def test_a_role_can_be_made_while_another_one_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = api.services.store
    keep = store.save_roles

    def another_comes_first(book: Any) -> bool:
        monkeypatch.setattr(store, "save_roles", keep)
        succeeds(save(api, roleName="first"), 3)
        return bool(keep(book))

    monkeypatch.setattr(store, "save_roles", another_comes_first)
    succeeds(save(api, roleName="second"), 4)
    succeeds(listed(api), [*ROLES, {"id": 3, "roleName": "first"}, {"id": 4, "roleName": "second"}])


def test_there_are_only_so_many_roles(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are one item, which holds 400 KB: a refusal comes before the store's."""
    monkeypatch.setattr(roles, "MOST", 2)
    refuses(api.post("/roles/save", json_body={"roleName": "third"}, bearer=api.admin()), 409, "角色最多 2 个")


@pytest.mark.security("F19")
@pytest.mark.parametrize(
    ("path", "body", "message", "later", "text"),
    [
        ("/roles/save", {"roleName": "editor"}, 3, 409, TAKEN),
        ("/roles/delete", {"id": 2}, None, 404, MISSING),
    ],
)
def test_what_was_done_without_an_answer_can_be_repeated(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str, body: Any, message: Any, later: int, text: str
) -> None:
    """For a minute, by the same request alone; what was answered is refused the second time."""
    store, admin = type(api.services.store), api.admin()
    saved = store.save_roles

    def lost(*arguments: Any) -> None:
        assert saved(*arguments)
        raise unavailable()

    with monkeypatch.context() as patched:
        patched.setattr(store, "save_roles", lost)
        assert api.post(path, json_body=body, bearer=admin).status == 503
    answer = api.post(path, json_body=body, bearer=admin)
    succeeds(answer) if message is None else succeeds(answer, message)
    refuses(api.post("/roles/save", json_body={"roleName": "admin"}, bearer=admin), 409, TAKEN)
    refuses(api.post("/roles/delete", json_body={"id": 9}, bearer=admin), 404, MISSING)
    api.time.advance(61)
    refuses(api.post(path, json_body=body, bearer=admin), later, text)
