"""`/users/update`: the number, proven by a code or by an admin's word, and the openId, by an admin's word alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.expect import (
    NO_SUCH_USER,
    SELF_OR_ADMIN,
    asks_for_token,
    everything,
    gives,
    refuses,
    standing_api,
    succeeds,
)
from tests.support.people import (
    APP,
    PASSWORD,
    WEB,
    Person,
    can_log_in,
    code_for,
    is_alive,
    machine,
    new_number,
    somebody,
)

BAD_CODE = "验证码错误或已失效"
BAD_NUMBER = "手机号无效"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api(limit_sms_ip=0, limit_sms_net=0, limit_sms_client=0, limit_sms_day=0) as standing:
        yield standing


def update(person: Person, token: str | None = None, **body: Any) -> Any:
    bearer = token or person.token
    return person.api.post("/users/update", json_body={"id": person.id, **body}, bearer=bearer)


def phone(person: Person) -> str | None:
    shown = gives(person.api.post("/users/find", json_body={"id": person.id}, bearer=person.api.admin()))
    number: str | None = shown["phone"]
    return number


def sign_in(api: Api, openid: str, client: tuple[str, str] = WEB) -> int:
    """The id of the account that a login by `sign` opens."""
    answer = api.post("/sign/token", form={"sign": openid}, basic=client)
    assert answer.status == 200, answer
    user_id: int = gives(api.post("/users/current", bearer=answer.json["access_token"]))["id"]
    return user_id


# --- phone, by the account itself ------------------------------------------------------------------------


def test_a_number_is_proven_by_the_code_sent_to_it(api: Api) -> None:
    person, number = somebody(api, number=True), new_number()
    tokens = person.log_in()
    succeeds(update(person, phone=number, code=code_for(api, number)))
    assert phone(person) == number
    assert can_log_in(api, number)
    assert person.number
    assert not can_log_in(api, person.number)
    assert is_alive(api, tokens) == (False, False), "the account's other sessions end"


def test_a_token_that_was_lent_changes_no_number(api: Api) -> None:
    """It dies in five minutes; a number would log in for ever."""
    person, number = somebody(api), new_number()
    answer = api.post("/oauth/getTempToken", form={"accessToken": person.token})
    assert answer.json["status"] == 1
    said = update(person, answer.json["result"], phone=number, code=code_for(api, number))
    refuses(said, 403, "临时令牌只能查询，不能更改")
    assert phone(person) is None


def test_the_number_then_logs_in_to_that_account_by_code(api: Api) -> None:
    person, number = somebody(api), new_number()
    succeeds(update(person, phone=number, code=code_for(api, number)))
    api.time.advance(60)
    answer = api.post("/mobile/token", form={"mobile": number, "code": code_for(api, number)}, basic=WEB)
    assert gives(api.post("/users/current", bearer=answer.json["access_token"]))["id"] == person.id


def test_a_number_given_up_is_free(api: Api) -> None:
    person, other, number = somebody(api, number=True), somebody(api), new_number()
    succeeds(update(person, phone=number, code=code_for(api, number)))
    assert person.number
    succeeds(update(other, phone=person.number, code=code_for(api, person.number)))
    assert phone(other) == person.number


@pytest.mark.parametrize("written", ["+86{}", "+86 {}", "86{}", "0086{}"])
def test_a_number_may_be_written_in_many_ways(api: Api, written: str) -> None:
    person, number = somebody(api), new_number()
    succeeds(update(person, phone=written.format(number), code=code_for(api, number)))
    assert phone(person) == number


@pytest.mark.parametrize("code", [None, "", ...])
def test_without_a_code_it_is_not_proven(api: Api, code: Any) -> None:
    person = somebody(api)
    body = {"phone": new_number()} | ({} if code is ... else {"code": code})
    token, before = person.token, everything(api)
    refuses(update(person, token, **body), 400, "缺少参数 code")
    assert everything(api) == before


@pytest.mark.parametrize("code", ["{other}", "12345", "1234567", "abcdef", "①②③④⑤⑥", "+12345", "-{right}", "{right}."])
def test_a_wrong_code_changes_nothing(api: Api, code: str) -> None:
    person, number = somebody(api), new_number()
    right = code_for(api, number)
    other = f"{(int(right) + 1) % 10**6:06d}"
    token, before = person.token, everything(api)
    refuses(update(person, token, phone=number, code=code.format(right=right, other=other)), 400, BAD_CODE)
    assert everything(api) == before
    succeeds(update(person, token, phone=number, code=right))


def test_a_code_for_another_number_proves_nothing(api: Api) -> None:
    person, mine, wanted = somebody(api), new_number(), new_number()
    code = code_for(api, mine)
    refuses(update(person, phone=wanted, code=code), 400, BAD_CODE)
    assert phone(person) is None


def test_a_code_works_once(api: Api) -> None:
    person, other, number = somebody(api), somebody(api), new_number()
    code = code_for(api, number)
    succeeds(update(person, phone=number, code=code))
    refuses(update(other, phone=number, code=code), 400, BAD_CODE)
    refuses(update(person, phone=number, code=code), 400, BAD_CODE)


def test_a_code_lives_ten_minutes(api: Api) -> None:
    person, number = somebody(api), new_number()
    code = code_for(api, number)
    api.time.advance(600)
    refuses(update(person, phone=number, code=code), 400, BAD_CODE)
    assert phone(person) is None


def test_guesses_are_counted_here_as_everywhere(api: Api) -> None:
    person, number = somebody(api), new_number()
    code = code_for(api, number)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    token = person.token
    for _ in range(5):
        refuses(update(person, token, phone=number, code=wrong), 400, BAD_CODE)
    refuses(
        update(person, token, phone=number, code=code), 429, "验证码错误次数过多，请稍后再试", {"retry-after": "3600"}
    )
    assert phone(person) is None


def test_the_number_of_another_account_stays_there(api: Api) -> None:
    person, other = somebody(api), somebody(api, number=True)
    assert other.number
    code, token = code_for(api, other.number), person.token
    before = everything(api)
    refuses(update(person, token, phone=other.number, code=code), 409, "该手机号已属于另一个账号")
    assert everything(api) == before
    # The code was not used up by it: the owner of the number can still come in.
    answer = api.post("/mobile/token", form={"mobile": other.number, "code": code}, basic=WEB)
    assert gives(api.post("/users/current", bearer=answer.json["access_token"]))["id"] == other.id


# --- phone, by an admin ----------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [{}, {"code": "000000"}, {"code": None}, {"code": ""}])
def test_an_admin_needs_no_code(api: Api, extra: dict[str, Any]) -> None:
    person, number = somebody(api), new_number()
    succeeds(update(person, api.admin(), phone=number, **extra))
    assert phone(person) == number
    assert can_log_in(api, number)


def test_a_client_that_is_an_admin_needs_no_code(api: Api) -> None:
    person, number = somebody(api), new_number()
    succeeds(update(person, machine(api), phone=number))
    assert phone(person) == number


def test_an_admin_cannot_give_away_the_number_of_another_account(api: Api) -> None:
    person, other = somebody(api), somebody(api, number=True)
    admin, before = api.admin(), everything(api)
    refuses(update(person, admin, phone=other.number), 409, "该手机号已属于另一个账号")
    assert everything(api) == before


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("", BAD_NUMBER),
        ("1391234567", BAD_NUMBER),
        ("139123456789", BAD_NUMBER),
        ("02012345678", BAD_NUMBER),
        ("13912345678;ext=5", BAD_NUMBER),
        ("tel:13912345678", BAD_NUMBER),
        ("alice", BAD_NUMBER),
        ("+86", BAD_NUMBER),
        ("9" * 255, BAD_NUMBER),
        ("9" * 256, "参数 phone 不能超过 255 个字符"),
        ("+447400123456", "不支持该国家或地区的手机号"),
        ("+12025550123", "不支持该国家或地区的手机号"),
        (1.3912345678e10, "参数 phone 必须是文本"),
        ("139\x0012345678", "参数 phone 含有控制字符"),
    ],
)
def test_what_is_no_number(api: Api, number: Any, text: str) -> None:
    person = somebody(api, number=True)
    mine, admin = person.token, api.admin()
    before = everything(api)
    refuses(update(person, mine, phone=number, code="123456"), 400, text)
    refuses(update(person, admin, phone=number), 400, text)
    assert everything(api) == before


# --- openId ----------------------------------------------------------------------------------------------


def test_an_admin_sets_an_openid_that_then_logs_in(api: Api) -> None:
    person = somebody(api)
    succeeds(update(person, api.admin(), openId="wx-first"))
    shown = gives(api.post("/users/find", json_body={"id": person.id}, bearer=api.admin()))
    assert shown["openId"] == "wx-first"
    assert sign_in(api, "wx-first") == person.id


def test_an_openid_set_by_a_client_that_is_an_admin_logs_in_too(api: Api) -> None:
    person = somebody(api)
    succeeds(update(person, machine(api), openId="wx-by-machine"))
    assert sign_in(api, "wx-by-machine") == person.id


def test_an_openid_set_through_a_client_without_sign_is_of_the_default_app(api: Api) -> None:
    person = somebody(api)
    admin = api.log_in("admin", "admin-of-the-gate", APP)["access_token"]
    succeeds(update(person, admin, openId="wx-by-app"))
    assert sign_in(api, "wx-by-app") == person.id


def test_a_new_openid_takes_the_place_of_the_old_one(api: Api) -> None:
    person = somebody(api)
    succeeds(update(person, api.admin(), openId="wx-old"))
    succeeds(update(person, api.admin(), openId="wx-new"))
    assert sign_in(api, "wx-new") == person.id
    assert sign_in(api, "wx-old") != person.id


def test_the_same_openid_again_changes_nothing(api: Api) -> None:
    person = somebody(api)
    succeeds(update(person, api.admin(), openId="wx-same"))
    admin, before = api.admin(), everything(api)
    succeeds(update(person, admin, openId="wx-same"))
    assert everything(api) == before


@pytest.mark.parametrize("openid", ["o" * 256, "带空格 的", "a:b:c", "😀", "e\u0301"])
def test_an_openid_is_taken_as_it_is(api: Api, openid: str) -> None:
    person = somebody(api)
    succeeds(update(person, api.admin(), openId=openid))
    assert sign_in(api, openid) == person.id


def test_nobody_claims_an_openid_for_himself(api: Api) -> None:
    person = somebody(api, roles={2})
    token, before = person.token, everything(api)
    for openid in ("wx-mine", ""):
        refuses(update(person, token, openId=openid), 403, "没有权限：需要管理员")
    number = new_number()
    code = code_for(api, number)
    refuses(update(person, token, openId="wx-mine", phone=number, code=code), 403, "没有权限：需要管理员")
    assert everything(api) == before


def test_the_openid_of_another_account_stays_there(api: Api) -> None:
    owner = sign_in(api, "wx-taken")
    person = somebody(api)
    admin, before = api.admin(), everything(api)
    refuses(update(person, admin, openId="wx-taken"), 409, "该 openId 已属于另一个账号")
    assert everything(api) == before
    assert sign_in(api, "wx-taken") == owner


@pytest.mark.parametrize(
    ("openid", "text"),
    [
        ("", "缺少参数 openId"),
        ("o" * 257, "参数 openId 不能超过 256 个字符"),
        (5, "参数 openId 必须是文本"),
        ("o\x7f", "参数 openId 含有控制字符"),
        (["o"], "参数 openId 必须是文本"),
    ],
)
def test_what_is_no_openid(api: Api, openid: Any, text: str) -> None:
    person = somebody(api)
    admin, before = api.admin(), everything(api)
    refuses(update(person, admin, phone=new_number(), openId=openid), 400, text)
    assert everything(api) == before


# --- both, or neither ------------------------------------------------------------------------------------


def test_a_number_and_an_openid_change_together(api: Api) -> None:
    person, number = somebody(api), new_number()
    succeeds(update(person, api.admin(), phone=number, openId="wx-both"))
    assert (phone(person), sign_in(api, "wx-both")) == (number, person.id)


def test_a_number_and_an_openid_change_together_or_not_at_all(api: Api) -> None:
    sign_in(api, "wx-someone-else")
    person, other = somebody(api, number=True), somebody(api, number=True)
    admin, before = api.admin(), everything(api)
    refuses(update(person, admin, phone=new_number(), openId="wx-someone-else"), 409, "该 openId 已属于另一个账号")
    refuses(update(person, admin, phone=other.number, openId="wx-free"), 409, "该手机号已属于另一个账号")
    assert everything(api) == before


@pytest.mark.parametrize("nothing", [{}, {"phone": None, "openId": None}, {"username": "x", "password": "yy"}])
def test_nothing_to_change_is_no_mistake(api: Api, nothing: dict[str, Any]) -> None:
    person = somebody(api, number=True)
    token, before = person.token, everything(api)
    succeeds(update(person, token, **nothing))
    assert everything(api) == before


# --- who may ---------------------------------------------------------------------------------------------


def test_an_account_that_is_not_there(api: Api) -> None:
    admin = api.admin()
    for change in ({"phone": new_number()}, {"openId": "wx-nobody"}, {}):
        refuses(api.post("/users/update", json_body={"id": 4711, **change}, bearer=admin), 404, NO_SUCH_USER)


def test_others_may_not(api: Api) -> None:
    person, other, number = somebody(api), somebody(api), new_number()
    code, token = code_for(api, number), other.token
    before = everything(api)
    for change in ({"phone": number, "code": code}, {}, {"openId": "wx-2"}):
        refuses(update(person, token, **change), 403, SELF_OR_ADMIN)
        asks_for_token(api.post("/users/update", json_body={"id": person.id, **change}))
    refuses(api.post("/users/update", json_body={"id": 4711}, bearer=token), 403, SELF_OR_ADMIN)
    assert everything(api) == before


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "缺少参数 id"),
        ({"id": None}, "缺少参数 id"),
        ({"id": True}, "参数 id 必须是正整数编号"),
        ({"id": 2**53}, "参数 id 必须是正整数编号"),
        ({"id": 1.0}, "参数 id 必须是正整数编号"),
    ],
)
def test_an_id_is_needed(api: Api, body: dict[str, Any], text: str) -> None:
    refuses(api.post("/users/update", json_body=body, bearer=somebody(api).token), 400, text)


def test_one_may_give_the_id_in_digits(api: Api) -> None:
    person, number = somebody(api), new_number()
    body = {"id": str(person.id), "phone": number, "code": code_for(api, number)}
    succeeds(api.post("/users/update", json_body=body, bearer=person.token))
    assert phone(person) == number
    assert can_log_in(api, number, PASSWORD)
