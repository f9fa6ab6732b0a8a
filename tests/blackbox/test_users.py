"""Accounts: made, found, changed, listed, deleted, by those who may."""

import re
import secrets
from typing import Any

from tests.blackbox.service import Person, Service, new_name, new_number, new_password, somebody
from tests.support.dialects import reply
from tests.support.expect import ADMIN_ONLY, NO_SUCH_USER, SELF_OR_ADMIN, asks_for_token, gives, refuses, succeeds
from tests.support.tokens import BAD_CREDENTIALS, BAD_REFRESH_TOKEN, spring_tokens

USER_ROLE = {"id": 2, "roleName": "user"}
TIME = re.compile(r"20\d\d-[01]\d-[0-3]\d [0-2]\d:[0-5]\d:[0-5]\d")


def shown(person: Person, **fields: Any) -> dict[str, Any]:
    """The account as `/users/find` shows it, but for `fields` and the time of its making."""
    return {
        "id": person.id,
        "username": person.username,
        "phone": person.number,
        "openId": None,
        "roleList": [],
        **fields,
    }


def find(service: Service, token: str, **body: Any) -> Any:
    """The account, whole; the time of its making is looked at here."""
    account = gives(service.post("/users/find", json_body=body, bearer=token))
    assert TIME.fullmatch(account.pop("createTime"))
    return account


def is_bad_password(service: Service, username: str, password: str) -> bool:
    form = {"grant_type": "password", "username": username, "password": password}
    answer = service.post("/oauth/token", form=form, basic=service.client("web-client"))
    if answer == BAD_CREDENTIALS:
        return True
    spring_tokens(answer)
    return False


def test_anyone_may_register(service: Service) -> None:
    name, password = new_name(), new_password()
    body: dict[str, Any] = {"username": name, "password": password}
    user_id = gives(service.post("/users/register", json_body={**body, "roleList": [{"id": 1, "roleName": "admin"}]}))
    assert type(user_id) is int
    assert 0 < user_id < 2**53
    token = service.log_in(name, password)["access_token"]
    person = Person(service, user_id, name, password)
    assert find(service, token, id=user_id) == shown(person)
    refuses(service.post("/users/register", json_body=body), 409, "用户名已被使用")
    answer = service.post("/users/register", json_body=body, headers={"Accept-Language": "en"})
    refuses(answer, 409, "This username is taken")
    refuses(
        service.post("/users/register", json_body={"username": new_name(), "password": "short"}),
        400,
        "密码至少 8 个字符",
    )


def test_registering_as_seed_000_writes_it(service: Service) -> None:
    """With a comma behind the last field, which is no JSON."""
    name, password = new_name(), new_password()
    body = f'{{\n  "userName": "{name}",\n  "password": "{password}",\n  "mobile":"132222222",\n}}'.encode()
    headers = {"Content-Type": "application/json"}
    done = reply(200, {"result": {"code": 1, "msg": "返回成功", "data": ""}})
    assert service.post("/User/Register", body=body, headers=headers) == done
    taken = reply(200, {"result": {"code": 0, "msg": "用户名已被使用", "data": ""}})
    assert service.post("/User/Register", body=body, headers=headers) == taken
    token = service.log_in(name, password)["access_token"]
    assert gives(service.post("/userDetail/current", bearer=token))["phone"] == "132222222"


def test_an_admin_makes_and_changes_accounts(service: Service, admin: str) -> None:
    name, password = new_name(), new_password()
    body: dict[str, Any] = {"username": name, "password": password, "roleList": [{"roleName": "user"}]}
    user_id = gives(service.post("/users/save", json_body=body, bearer=admin))
    person = Person(service, user_id, name, password)
    assert find(service, admin, username=name) == shown(person, roleList=[USER_ROLE])
    tokens = service.log_in(name, password)
    renamed, changed = new_name(), new_password()
    body = {"id": user_id, "username": renamed, "password": changed, "roleList": []}
    succeeds(service.post("/users/save", json_body=body, bearer=admin), user_id)
    assert find(service, admin, id=str(user_id)) == shown(person, username=renamed)
    assert is_bad_password(service, renamed, password)
    assert not is_bad_password(service, renamed, changed)
    assert service.get("/users/current", bearer=tokens["access_token"]).status == 401


def test_who_may_look_whom_up(service: Service, admin: str, person: Person, other: Person) -> None:
    token = person.token
    assert find(service, token, id=person.id) == shown(person)
    assert find(service, token, username=person.username) == shown(person)
    refuses(service.post("/users/find", json_body={"id": other.id}, bearer=token), 403, SELF_OR_ADMIN)
    refuses(service.post("/users/find", json_body={}, bearer=token), 400, "请提供 id 或 username")
    succeeds(service.post("/users/find", json_body={"username": new_name()}, bearer=admin), None)
    asks_for_token(service.post("/users/find", json_body={"id": person.id}))


def test_current(service: Service, person: Person) -> None:
    token = person.token
    got, posted = service.get("/users/current", bearer=token), service.post("/users/current", bearer=token)
    assert got == posted
    account = gives(got)
    assert TIME.fullmatch(account.pop("createTime"))
    assert account == shown(person)


def test_a_password_of_ones_own(service: Service, person: Person, other: Person) -> None:
    """The account's other sessions end; the one that asked goes on."""
    mine, elsewhere = person.log_in(), person.log_in()
    changed = new_password()
    body = {"userId": person.id, "oldPassword": person.password, "newPassword": changed}
    wrong = {**body, "oldPassword": new_password()}
    refuses(service.post("/users/pwd/update", json_body=wrong, bearer=mine["access_token"]), 400, "原密码不正确")
    not_mine = service.post("/users/pwd/update", json_body=body, bearer=other.token)
    refuses(not_mine, 403, "只能修改自己的密码")
    succeeds(service.post("/users/pwd/update", json_body=body, bearer=mine["access_token"]))
    assert service.get("/users/current", bearer=mine["access_token"]).status == 200
    assert service.get("/users/current", bearer=elsewhere["access_token"]).status == 401
    form = {"grant_type": "refresh_token", "refresh_token": elsewhere["refresh_token"]}
    assert service.post("/oauth/token", form=form, basic=service.client("web-client")) == BAD_REFRESH_TOKEN
    assert is_bad_password(service, person.username, person.password)
    assert not is_bad_password(service, person.username, changed)


def test_roles_of_an_account(service: Service, admin: str, person: Person) -> None:
    given = {"id": person.id, "roleList": [{"id": 2}]}
    refuses(service.post("/users/role/update", json_body=given, bearer=person.token), 403, ADMIN_ONLY)
    succeeds(service.post("/users/role/update", json_body=given, bearer=admin))
    assert find(service, admin, id=person.id) == shown(person, roleList=[USER_ROLE])
    succeeds(service.post("/users/role/update", json_body={**given, "roleList": []}, bearer=admin))
    assert find(service, admin, id=person.id) == shown(person)
    unknown = {**given, "roleList": [{"id": 987654}]}
    refuses(service.post("/users/role/update", json_body=unknown, bearer=admin), 400, "角色不存在：987654")


def test_a_number_and_an_open_id_by_an_admin(service: Service, admin: str, person: Person) -> None:
    number, openid = new_number(), f"o-{secrets.token_hex(12)}"
    body = {"id": person.id, "openId": openid}
    assert service.post("/users/update", json_body=body, bearer=person.token).status == 403
    succeeds(service.post("/users/update", json_body={**body, "phone": number}, bearer=admin))
    assert find(service, admin, id=person.id) == shown(person, phone=number, openId=openid)
    answer = service.post("/sign/token", form={"sign": openid}, basic=service.client("web-client"))
    assert gives(service.get("/users/current", bearer=spring_tokens(answer)["access_token"]))["id"] == person.id
    assert not is_bad_password(service, number, person.password)


def test_a_list_shows_everybody_once(service: Service, admin: str, person: Person, other: Person) -> None:
    refuses(service.post("/users/list", json_body={}, bearer=person.token), 403, ADMIN_ONLY)
    seen: list[int] = []
    cursor = None
    while True:
        page = gives(service.post("/users/list", json_body={"limit": 100, "cursor": cursor}, bearer=admin))
        assert list(page) == ["items", "cursor"]
        seen += [item["id"] for item in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert {person.id, other.id} <= set(seen)
    assert len(seen) == len(set(seen))
    small = gives(service.post("/users/list", json_body={"limit": 1}, bearer=admin))
    assert (len(small["items"]), type(small["cursor"])) == (1, str)
    refuses(service.post("/users/list", json_body={"cursor": "nonsense"}, bearer=admin), 400, "cursor 无效")


def test_a_deleted_account_is_gone(service: Service, admin: str, person: Person) -> None:
    """Its sessions end, its name is free."""
    tokens = person.log_in()
    person.log_in()
    body = {"id": person.id}
    refuses(service.post("/users/delete", json_body=body, bearer=tokens["access_token"]), 403, ADMIN_ONLY)
    succeeds(service.post("/users/delete", json_body=body, bearer=admin))
    assert service.get("/users/current", bearer=tokens["access_token"]).status == 401
    succeeds(service.post("/users/find", json_body=body, bearer=admin), None)
    refuses(service.post("/users/delete", json_body=body, bearer=admin), 404, NO_SUCH_USER)
    again = {"username": person.username, "password": new_password()}
    assert gives(service.post("/users/save", json_body=again, bearer=admin)) != person.id


def test_another_method(service: Service) -> None:
    allow = {"allow": "POST, OPTIONS"}
    refuses(service.call("DELETE", "/users/save"), 405, "请使用 POST, OPTIONS 方法", allow)


# --- what a token opens ------------------------------------------------------------------------------------------


def test_a_token_opens_what_its_client_and_scope_say(service: Service, person: Person) -> None:
    """Of a standard client only what was asked for by name."""
    form = {**service.by_body("standard-client"), **person.by_password}
    plain = service.post("/oauth/token", form=form).json["access_token"]
    answer = service.get("/users/current", bearer=plain)
    assert (answer.status, answer.json["reason"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    asked = service.post("/oauth/token", form={**form, "scope": "lingpai:account"}).json["access_token"]
    assert gives(service.get("/users/current", bearer=asked))["id"] == person.id
    assert service.post("/roles/list", bearer=asked).status == 403


def test_a_temporary_token_reads(service: Service, person: Person) -> None:
    temp = service.post("/oauth/getTempToken", bearer=person.token).json["result"]
    assert gives(service.get("/users/current", bearer=temp))["id"] == person.id
    answer = service.post("/userDetail/update", json_body={"id": person.id, "name": "another"}, bearer=temp)
    refuses(answer, 403, "临时令牌只能查询，不能更改")


def test_a_forgotten_password(service: Service, admin: str) -> None:
    """Set anew by a code for it; all sessions end."""
    person = somebody(service, admin, number=True)
    assert person.number is not None
    tokens, changed = person.log_in(), new_password()
    form = {"mobile": person.number, "code": service.code_for(person.number, purpose="reset"), "newPassword": changed}
    succeeds(service.post("/users/pwd/reset", form=form, basic=service.client("web-client")))
    assert service.get("/users/current", bearer=tokens["access_token"]).status == 401
    assert is_bad_password(service, person.username, person.password)
    assert not is_bad_password(service, person.username, changed)


def test_what_was_accepted(service: Service, person: Person) -> None:
    told = gives(service.post("/users/agreements", json_body={}, bearer=person.token))
    assert told["accepted"] == []
    refused = service.post("/users/agreements", json_body={"termsVersion": "no such version"}, bearer=person.token)
    assert refused.status == 400


def test_a_number_is_taken_away(service: Service, admin: str) -> None:
    person = somebody(service, admin, number=True)
    assert person.number is not None
    mine, elsewhere = person.log_in(), person.log_in()
    body = {"id": person.id}
    succeeds(service.post("/users/phone/remove", json_body=body, bearer=mine["access_token"]))
    assert gives(service.get("/users/current", bearer=mine["access_token"]))["phone"] is None
    assert service.get("/users/current", bearer=elsewhere["access_token"]).status == 401


def test_notices_of_wechat_are_signed(service: Service) -> None:
    path = "/wechat/notices/wx0123456789abcdef?signature=x&timestamp=1&nonce=1"
    assert service.get(path).status == 403
    refuses(service.post(path, json_body={"Event": "user_authorization_revoke"}), 403, "不是微信发送的通知")
