"""Profiles, and the roles of the deployment."""

from typing import Any

from tests.blackbox.service import Person, Service, new_name
from tests.support.expect import ADMIN_ONLY, NO_SUCH_USER, SELF_OR_ADMIN, gives, refuses, succeeds

DETAIL = {
    "name": "王小明 👩‍🚀",
    "age": "30",
    "phone": "020-12345678",
    "gender": "女",
    "addr": "广州市\n天河区",
    "createTime": "2020-02-29 23:59:59",
    "nation": "汉",
    "instruction": '<b>hello</b> \\ "quoted" {0} %s',
    "images": '["https://example.com/a.png"]',
    "birthday": "2000-02-29",
}


def test_a_profile(service: Service, admin: str, person: Person) -> None:
    token = person.token
    first = gives(service.post("/userDetail/current", bearer=token))
    nothing = dict.fromkeys(DETAIL)
    created = first["createTime"]
    assert first == {"id": person.id, **nothing, "name": person.username, "createTime": created}
    succeeds(service.post("/userDetail/update", json_body={"id": person.id, **DETAIL}, bearer=token))
    succeeds(service.post("/userDetail/current", bearer=token), {"id": person.id, **DETAIL})
    # What is absent stays.
    changed = {"id": str(person.id), "birthday": "2001-02-03T00:00:00Z", "age": None}
    succeeds(service.post("/userDetail/update", json_body=changed, bearer=admin))
    expected = {"id": person.id, **DETAIL, "birthday": "2001-02-03"}
    for asked_by in (token, admin):
        succeeds(service.post("/userDetail/get", json_body={"id": person.id}, bearer=asked_by), expected)


def test_a_profile_of_another(service: Service, admin: str, person: Person, other: Person) -> None:
    body = {"id": other.id, "name": "mine now"}
    refuses(service.post("/userDetail/get", json_body=body, bearer=person.token), 403, SELF_OR_ADMIN)
    refuses(service.post("/userDetail/update", json_body=body, bearer=person.token), 403, SELF_OR_ADMIN)
    refuses(service.post("/userDetail/get", json_body={"id": 1}, bearer=admin), 404, NO_SUCH_USER)
    wrong = {"id": other.id, "birthday": "31.12.1999"}
    refuses(
        service.post("/userDetail/update", json_body=wrong, bearer=admin), 400, "参数 birthday 的格式应为 yyyy-MM-dd"
    )


def test_roles(service: Service, admin: str, person: Person) -> None:
    name, renamed = new_name(), new_name()
    role = gives(service.post("/roles/save", json_body={"roleName": name}, bearer=admin))
    refuses(service.post("/roles/save", json_body={"roleName": name}, bearer=admin), 409, "角色名已被使用")
    body: dict[str, Any] = {"id": person.id, "roleList": [{"id": role}]}
    succeeds(service.post("/users/role/update", json_body=body, bearer=admin))
    succeeds(service.post("/roles/save", json_body={"id": role, "roleName": renamed}, bearer=admin), role)
    listed = gives(service.post("/roles/list", bearer=admin))
    assert {"id": 1, "roleName": "admin"} in listed
    assert {"id": role, "roleName": renamed} in listed
    assert gives(service.get("/users/current", bearer=person.token))["roleList"] == [{"id": role, "roleName": renamed}]
    succeeds(service.post("/roles/delete", json_body={"id": role}, bearer=admin))
    assert gives(service.get("/users/current", bearer=person.token))["roleList"] == []
    refuses(service.post("/roles/delete", json_body={"id": role}, bearer=admin), 404, "角色不存在")
    refuses(service.post("/roles/delete", json_body={"id": 1}, bearer=admin), 409, "管理员角色不能改名或删除")
    for path in ("/roles/list", "/roles/save", "/roles/delete"):
        refuses(service.post(path, json_body={}, bearer=person.token), 403, ADMIN_ONLY)
