"""`/userDetail/*`: the profile of an account, for itself and for admins."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.accounts.dynamodb import serialize_user
from lingpai.accounts.model import Profile, User
from tests.support.api import Api
from tests.support.expect import (
    NO_SUCH_USER,
    SELF_OR_ADMIN,
    asks_for_token,
    everything,
    refuses,
    refuses_token,
    standing_api,
    succeeds,
)
from tests.support.people import Person, machine, somebody

LENGTHS = {
    "name": 64,
    "age": 16,
    "phone": 32,
    "gender": 16,
    "addr": 255,
    "nation": 64,
    "instruction": 2000,
    "images": 4000,
}
FULL = {
    "name": "王小明 👩‍🚀",
    "age": "30",
    "phone": "020-12345678",
    "gender": "女",
    "addr": "广州市\n天河区\t1 号",
    "createTime": "2020-02-29 23:59:59",
    "nation": "汉",
    "instruction": '<b>hello</b> \\ "quoted" {0} %s \u200f\u202e',
    "images": '["https://example.com/a.png"]',
    "birthday": "2000-02-29",
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api("moto") as standing:
        yield standing


def profile(person: Person, **fields: Any) -> dict[str, Any]:
    """A profile as shown, in the order of the seed; one never written has the account's name and time of making."""
    return {
        "id": person.id,
        "name": person.username or person.number,
        "age": None,
        "phone": None,
        "gender": None,
        "addr": None,
        "createTime": "2030-01-01 16:00:00",
        "nation": None,
        "instruction": None,
        "images": None,
        "birthday": None,
        **fields,
    }


def update(person: Person, token: str | None = None, **fields: Any) -> Any:
    body = {"id": person.id, **fields}
    return person.api.post("/userDetail/update", json_body=body, bearer=token or person.token)


def current(person: Person) -> Any:
    return person.api.post("/userDetail/current", json_body={}, bearer=person.token)


# --- reading ---------------------------------------------------------------------------------------------


def test_a_profile_is_there_from_the_first(api: Api) -> None:
    person = somebody(api, number=True, roles={2})
    succeeds(current(person), profile(person))
    succeeds(api.post("/userDetail/current", bearer=person.token), profile(person))
    succeeds(api.post("/userDetail/get", json_body={"id": person.id}, bearer=person.token), profile(person))


def test_a_profile_of_an_account_without_a_name_shows_the_number(api: Api) -> None:
    person = somebody(api, username=False)
    succeeds(current(person), profile(person))


def test_an_account_without_name_and_number_has_a_profile(api: Api) -> None:
    answer = api.post("/sign/token", form={"sign": "wx-detail"}, basic=("web-client", "web-secret"))
    message = api.post("/userDetail/current", bearer=answer.json["access_token"]).json["message"]
    assert (message["name"], message["createTime"]) == (None, "2030-01-01 16:00:00")


def test_current_ignores_an_id(api: Api) -> None:
    person, other = somebody(api), somebody(api)
    answer = api.post("/userDetail/current", json_body={"id": other.id}, bearer=person.token)
    succeeds(answer, profile(person))


def test_an_admin_reads_the_profile_of_anybody(api: Api) -> None:
    person = somebody(api)
    for bearer in (api.admin(), machine(api)):
        succeeds(api.post("/userDetail/get", json_body={"id": person.id}, bearer=bearer), profile(person))
        succeeds(api.post("/userDetail/get", json_body={"id": str(person.id)}, bearer=bearer), profile(person))
        refuses(api.post("/userDetail/get", json_body={"id": 4711}, bearer=bearer), 404, NO_SUCH_USER)


def test_a_client_has_no_profile(api: Api) -> None:
    refuses(api.post("/userDetail/current", bearer=machine(api)), 403, "该令牌属于客户端，不属于用户")


@pytest.mark.parametrize("path", ["/userDetail/get", "/userDetail/update"])
def test_only_the_account_itself_or_an_admin(api: Api, path: str) -> None:
    person, other = somebody(api), somebody(api, roles={2})
    token = other.token
    before = everything(api)
    for user_id in (person.id, 4711):
        body = {"id": user_id, "addr": "nowhere"}
        refuses(api.post(path, json_body=body, bearer=token), 403, SELF_OR_ADMIN)
        asks_for_token(api.post(path, json_body=body))
        refuses_token(api.post(path, json_body=body, bearer="x"))
    assert everything(api) == before


@pytest.mark.parametrize("path", ["/userDetail/get", "/userDetail/update"])
@pytest.mark.parametrize(
    ("bad_id", "text"),
    [
        (None, "缺少参数 id"),
        (0, "参数 id 必须是正整数编号"),
        (2**53, "参数 id 必须是正整数编号"),
        (True, "参数 id 必须是正整数编号"),
        (1.5, "参数 id 必须是正整数编号"),
        ("", "参数 id 必须是正整数编号"),
        ({"id": 1}, "参数 id 必须是正整数编号"),
    ],
    ids=repr,
)
def test_an_id_is_needed(api: Api, path: str, bad_id: Any, text: str) -> None:
    token = api.token()
    refuses(api.post(path, json_body={"id": bad_id}, bearer=token), 400, text)


# --- changing --------------------------------------------------------------------------------------------


def test_every_field_is_kept_as_it_came(api: Api) -> None:
    person = somebody(api)
    succeeds(update(person, **FULL))
    succeeds(current(person), profile(person, **FULL))


@pytest.mark.parametrize("field", FULL)
def test_one_field_changes_and_the_others_stay(api: Api, field: str) -> None:
    person = somebody(api)
    succeeds(update(person, **FULL))
    changed = {"createTime": "1999-12-31 00:00:00", "birthday": "1999-12-31"}.get(field, "new")
    succeeds(update(person, **{field: changed}))
    succeeds(current(person), profile(person, **FULL) | {field: changed})


def test_absent_and_null_fields_stay(api: Api) -> None:
    person = somebody(api)
    succeeds(update(person, **FULL))
    before = person.stored()
    succeeds(update(person))
    succeeds(update(person, **dict.fromkeys(FULL)))
    succeeds(update(person, unknown="field", password="not a way to set it", roleList=[{"id": 1}], username="other"))
    assert person.stored() == before


def test_empty_text_is_text(api: Api) -> None:
    person = somebody(api)
    succeeds(update(person, **FULL))
    empty = dict.fromkeys(LENGTHS, "")
    succeeds(update(person, **empty))
    succeeds(current(person), profile(person, **FULL) | empty)


def test_the_phone_of_a_profile_is_no_way_to_log_in(api: Api) -> None:
    person, other = somebody(api), somebody(api, number=True)
    succeeds(update(person, phone=other.number))
    found = api.post("/users/find", json_body={"username": other.number}, bearer=api.admin()).json["message"]
    assert found["id"] == other.id
    assert person.stored().mobile is None


def test_an_admin_changes_the_profile_of_anybody(api: Api) -> None:
    person = somebody(api)
    succeeds(update(person, api.admin(), addr="here"))
    succeeds(update(person, machine(api), nation="there"))
    succeeds(current(person), profile(person, addr="here", nation="there"))
    refuses(api.post("/userDetail/update", json_body={"id": 4711}, bearer=api.admin()), 404, NO_SUCH_USER)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2024-05-06 07:08:09", "2024-05-06 07:08:09"),
        ("2024-05-06T07:08:09", "2024-05-06 07:08:09"),
        ("2024-05-06T07:08:09.987654", "2024-05-06 07:08:09"),
        ("2024-05-06T07:08", "2024-05-06 07:08:00"),
        ("2024-05-06", "2024-05-06 00:00:00"),
        ("2024-05-06T07:08:09Z", "2024-05-06 15:08:09"),
        ("2024-05-06T07:08:09.123Z", "2024-05-06 15:08:09"),
        ("2024-05-06T07:08:09+08:00", "2024-05-06 07:08:09"),
        ("2024-12-31T20:00:00-05:00", "2025-01-01 09:00:00"),
        ("20240506T070809Z", "2024-05-06 15:08:09"),
        ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
        ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
    ],
)
@pytest.mark.security("F30")
def test_moments_are_taken_in_the_form_of_the_seed_and_of_iso(api: Api, given: str, kept: str) -> None:
    person = somebody(api)
    succeeds(update(person, createTime=given))
    succeeds(current(person), profile(person, createTime=kept))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2000-02-29", "2000-02-29"),
        ("20000229", "2000-02-29"),
        ("2000-02-29T12:00:00", "2000-02-29"),
        ("2000-02-29 12:00:00", "2000-02-29"),
        ("2000-02-29T15:59:59Z", "2000-02-29"),
        ("2000-02-29T16:00:00Z", "2000-03-01"),
        ("2000-02-29T23:00:00Z", "2000-03-01"),
        ("2000-03-01T00:30:00+09:00", "2000-02-29"),
        ("2000-02-28T23:00:00-05:00", "2000-02-29"),
        ("2000-02-29T00:00:00.000+08:00", "2000-02-29"),
    ],
)
@pytest.mark.security("F30")
def test_days_are_taken_in_the_form_of_the_seed_and_of_iso(api: Api, given: str, kept: str) -> None:
    person = somebody(api)
    succeeds(update(person, birthday=given))
    succeeds(current(person), profile(person, birthday=kept))


@pytest.mark.parametrize(
    "given",
    [
        "",
        "yesterday",
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "24-05-06",
        "06.05.2024",
        "2024/05/06",
        "2024-05-06 25:00:00",
        "2024-05-06T07:08:60",
        "1714979289",
        "10000-01-01",
        "-2024-01-01",
        "２０２４-05-06",
        "2024-05-06Z",
        " 2024-05-06",
    ],
)
def test_what_is_no_date(api: Api, given: str) -> None:
    person = somebody(api)
    token, before = person.token, everything(api)
    refuses(update(person, token, birthday=given, addr="x"), 400, "参数 birthday 的格式应为 yyyy-MM-dd")
    refuses(update(person, token, createTime=given, addr="x"), 400, "参数 createTime 的格式应为 yyyy-MM-dd HH:mm:ss")
    assert everything(api) == before


@pytest.mark.parametrize("given", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00"])
def test_a_moment_outside_the_calendar(api: Api, given: str) -> None:
    person = somebody(api)
    refuses(update(person, createTime=given), 400, "参数 createTime 的格式应为 yyyy-MM-dd HH:mm:ss")


@pytest.mark.parametrize(("field", "longest"), LENGTHS.items())
def test_every_field_has_its_longest(api: Api, field: str, longest: int) -> None:
    person = somebody(api)
    succeeds(update(person, **{field: "字" * longest}))
    succeeds(current(person), profile(person, **{field: "字" * longest}))
    token, before = person.token, everything(api)
    refuses(update(person, token, **{field: "字" * (longest + 1)}), 400, f"参数 {field} 不能超过 {longest} 个字符")
    assert everything(api) == before


def test_all_fields_may_be_at_their_longest(api: Api) -> None:
    person = somebody(api)
    longest = {field: "𠮷" * length for field, length in LENGTHS.items()}
    body = json.dumps({"id": person.id, **longest}, ensure_ascii=False).encode()
    succeeds(api.post("/userDetail/update", body=body, bearer=person.token))
    succeeds(current(person), profile(person, **longest))


@pytest.mark.security("F37")
def test_a_profile_is_kept_in_utf_8() -> None:
    """DynamoDB's units are of bytes: escaped, a Chinese character takes six and an emoji twelve."""
    profile = Profile(name="王", phone_number="1", introduction="令牌" * 500 + "🏠")
    item = serialize_user(User(id=1, created_at=1, openids=(("trusted:default", "王"),), profile=profile)).serialize()
    assert item["detail"] == {"S": '{"name": "王", "phone": "1", "instruction": "' + "令牌" * 500 + '🏠"}'}
    assert item["openids"] == {"S": '[["trusted:default", "王"]]'}


@pytest.mark.parametrize("field", FULL)
@pytest.mark.parametrize("value", [True, False, ["x"], [1], {"a": "b"}, {"a": 1}])
def test_every_field_is_text(api: Api, field: str, value: Any) -> None:
    token, alice = api.token(), api.user_id("alice")
    body = {"id": alice, field: value}
    refuses(api.post("/userDetail/update", json_body=body, bearer=token), 400, f"参数 {field} 必须是文本")


@pytest.mark.parametrize("field", LENGTHS)
@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x9b"])
def test_control_characters_are_refused(api: Api, field: str, character: str) -> None:
    token, alice = api.token(), api.user_id("alice")
    body = {"id": alice, field: f"a{character}b"}
    refuses(api.post("/userDetail/update", json_body=body, bearer=token), 400, f"参数 {field} 含有控制字符")


def test_one_bad_field_spoils_the_change(api: Api) -> None:
    person = somebody(api)
    token, before = person.token, everything(api)
    refuses(update(person, token, name="fine", addr="fine", images=True), 400, "参数 images 必须是文本")
    assert everything(api) == before
