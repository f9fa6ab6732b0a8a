"""`/users/pwd/update`: who knows the old password sets a new one, and the account's other sessions end."""

from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.accounts import service as accounts
from lingpai.sessions import service as sessions
from tests.support.api import Api
from tests.support.expect import asks_for_token, everything, refuses, standing_api, succeeds
from tests.support.people import APP, PASSWORD, WEB, Person, can_log_in, code_for, is_alive, machine, somebody

NEW = "quite another password"
SELF_ONLY = "只能修改自己的密码"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api(limit_sms_ip=0, limit_sms_net=0) as standing:
        yield standing


def change(person: Person, token: str | None = None, **fields: Any) -> Any:
    body = {"userId": person.id, "oldPassword": PASSWORD, "newPassword": NEW, **fields}
    body = {name: value for name, value in body.items() if value is not ...}
    return person.api.post("/users/pwd/update", json_body=body, bearer=token or person.token)


@pytest.mark.security("ASVS-6.2.2")
def test_the_new_password_logs_in_and_the_old_one_does_not(api: Api) -> None:
    person = somebody(api)
    succeeds(change(person))
    assert person.username
    assert not can_log_in(api, person.username)
    assert can_log_in(api, person.username, NEW)


@pytest.mark.security("ASVS-7.4.3")
def test_other_sessions_end_and_the_callers_own_stays(api: Api) -> None:
    person, other = somebody(api), somebody(api)
    own, second, third, foreign = person.log_in(), person.log_in(), person.log_in(APP), other.log_in()
    succeeds(change(person, own["access_token"]))
    assert is_alive(api, own) == (True, True)
    assert is_alive(api, second) == (False, False)
    assert is_alive(api, third, APP) == (False, False)
    assert is_alive(api, foreign) == (True, True)


def test_more_sessions_end_than_a_transaction_holds(api: Api) -> None:
    person = somebody(api)
    client = api.services.clients.get_client("web-client")
    assert client
    for _ in range(130):
        sessions.issue(api.services, client, (), person.id)
    token = person.token
    succeeds(change(person, token))
    assert len(api.services.store.sessions_of(person.id)) == 1
    assert api.post("/users/current", bearer=token).status == 200


def test_a_session_opened_by_code_may_change_the_password(api: Api) -> None:
    person = somebody(api, number=True)
    assert person.number
    form = {"mobile": person.number, "code": code_for(api, person.number)}
    tokens = api.post("/mobile/token", form=form, basic=WEB).json
    succeeds(change(person, tokens["access_token"]))
    assert is_alive(api, tokens) == (True, True)


def test_the_old_password_may_be_typed_on_any_keyboard(api: Api) -> None:
    """Passwords are compared after NFKC."""
    person = somebody(api)
    succeeds(change(person, oldPassword="ａ password for anybody", newPassword="Ⅻ café ﬁrst"))
    succeeds(
        change(person, person.api.token(person.username or "", "XII cafe\u0301 first"), oldPassword="XII café first")
    )


def test_an_id_may_come_in_digits(api: Api) -> None:
    person = somebody(api)
    succeeds(change(person, userId=str(person.id)))


@pytest.mark.security("ASVS-6.2.3")
@pytest.mark.parametrize("old", ["wrong but long", PASSWORD.upper(), f"{PASSWORD} ", "x", "x" * 1024, "a\x00b"])
def test_a_wrong_old_password(api: Api, old: str) -> None:
    person = somebody(api)
    token, before = person.token, everything(api)
    refuses(change(person, token, oldPassword=old), 400, "原密码不正确")
    assert everything(api) == before


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ("short", "密码至少 8 个字符"),
        ("x" * 129, "密码最多 128 个字符"),
        ("qwertyuiop", "该密码过于常见或曾经泄露，请换一个"),
        ("QwertyUiop", "该密码过于常见或曾经泄露，请换一个"),
        ("bell\x07bell", "密码含有无法使用的字符"),
        ("x" * 1025, "参数 newPassword 不能超过 1024 个字符"),
        (12345678, "参数 newPassword 必须是文本"),
        ("", "缺少参数 newPassword"),
        (None, "缺少参数 newPassword"),
        (..., "缺少参数 newPassword"),
    ],
)
def test_a_weak_new_password(api: Api, new: Any, text: str) -> None:
    person = somebody(api)
    token, before = person.token, everything(api)
    refuses(change(person, token, newPassword=new), 400, text)
    assert everything(api) == before


def test_the_own_name_is_no_new_password(api: Api) -> None:
    person = somebody(api)
    token, before = person.token, everything(api)
    assert person.username
    refuses(change(person, token, newPassword=person.username.title()), 400, "密码不能与用户名相同")
    assert everything(api) == before


@pytest.mark.security("ASVS-6.2.3")
@pytest.mark.parametrize("missing", ["userId", "oldPassword"])
@pytest.mark.parametrize("value", [..., None])
def test_everything_is_needed(api: Api, missing: str, value: Any) -> None:
    person = somebody(api)
    token, before = person.token, everything(api)
    refuses(change(person, token, **{missing: value}), 400, f"缺少参数 {missing}")
    assert everything(api) == before


def test_an_account_without_a_password_has_none_to_change(api: Api) -> None:
    person = somebody(api, username=False, password=False)
    assert person.number
    form = {"mobile": person.number, "code": code_for(api, person.number)}
    token = api.post("/mobile/token", form=form, basic=WEB).json["access_token"]
    before = everything(api)
    refuses(change(person, token), 400, "该账号还没有密码")
    assert everything(api) == before


def test_nobody_changes_the_password_of_another(api: Api) -> None:
    person, other = somebody(api), somebody(api, roles={2})
    tokens = {"other": other.token, "admin": api.admin(), "machine": machine(api)}
    before = everything(api)
    refuses(change(person, tokens["other"]), 403, SELF_ONLY)
    refuses(change(person, tokens["admin"]), 403, SELF_ONLY)
    refuses(change(person, tokens["machine"]), 403, "该令牌属于客户端，不属于用户")
    asks_for_token(api.post("/users/pwd/update", json_body={"userId": person.id}))
    assert everything(api) == before


def test_two_changes_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two changes under way finds that the old password is not the old one any more."""
    person = somebody(api)
    token, store = person.token, api.services.store
    read = store.sessions_of

    def another_comes_first(user_id: int, most: int) -> Any:
        monkeypatch.setattr(store, "sessions_of", read)
        accounts.save(api.services, user_id, None, "the other one was faster", None)
        return read(user_id, most)

    monkeypatch.setattr(store, "sessions_of", another_comes_first)
    refuses(change(person, token), 409, "数据刚被修改，请重试")
    assert person.username
    assert not can_log_in(api, person.username, NEW)
    assert can_log_in(api, person.username, "the other one was faster")
