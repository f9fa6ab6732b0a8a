"""`/users/register`: anyone makes an account; which names and passwords are taken, and which are not."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.expect import everything, gives, refuses, standing_api, succeeds

PASSWORD = "long enough to keep"
TAKEN = "用户名已被使用"
LIKE_A_MOBILE = "形如手机号的用户名只能由该号码的账号使用"
INVISIBLE = "用户名无效：含有不可见字符或首尾空格"
LENGTH = "用户名无效：长度应为 1 到 150 个字符"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api(limit_register_ip=0, limit_register_net=0) as standing:
        yield standing


def register(api: Api, username: Any, password: Any = PASSWORD, **arguments: Any) -> Any:
    return api.post("/users/register", json_body={"username": username, "password": password}, **arguments)


def test_the_message_is_the_id_of_an_account_that_can_log_in(api: Api) -> None:
    user_id = gives(register(api, "first"))
    assert type(user_id) is int
    assert 0 < user_id < 2**53
    succeeds(
        api.post("/users/current", bearer=api.token("first", PASSWORD)),
        {
            "id": user_id,
            "username": "first",
            "phone": None,
            "openId": None,
            "roleList": [],
            "createTime": "2030-01-01 16:00:00",
        },
    )


def test_an_id_and_roles_sent_along_are_ignored(api: Api) -> None:
    alice, before = api.user_id("alice"), everything(api)["users"]
    body = {
        "id": alice,
        "username": "second",
        "password": PASSWORD,
        "roleList": [{"id": 1, "roleName": "admin"}],
        "roles": ["admin"],
        "disabled": True,
        "openId": "o-1",
        "phone": "13912345678",
    }
    user_id = gives(api.post("/users/register", json_body=body))
    assert user_id != alice
    assert [item for item in everything(api)["users"] if str(user_id) not in item] == before
    shown = gives(api.post("/users/current", bearer=api.token("second", PASSWORD)))
    assert (shown["roleList"], shown["phone"], shown["openId"]) == ([], None, None)
    refuses(api.post("/users/list", json_body={}, bearer=api.token("second", PASSWORD)), 403, "没有权限：需要管理员")


@pytest.mark.parametrize("ignored", ["no id", -1, 2**60, True, [], {"a": None}])
def test_what_is_ignored_may_be_anything(api: Api, ignored: Any) -> None:
    body = {"username": f"ignored-{ignored}", "password": PASSWORD, "id": ignored, "roleList": ignored}
    gives(api.post("/users/register", json_body=body))


def test_no_token_is_needed_and_a_bad_one_does_not_matter(api: Api) -> None:
    gives(register(api, "third", bearer="not-a-token"))


@pytest.mark.parametrize("missing", ["username", "password"])
@pytest.mark.parametrize("value", [None, "", ...])
def test_both_are_needed(api: Api, missing: str, value: Any) -> None:
    body = {"username": "zoe", "password": PASSWORD, missing: value}
    if value is ...:
        del body[missing]
    before = everything(api)
    refuses(api.post("/users/register", json_body=body), 400, f"缺少参数 {missing}")
    assert everything(api) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ida", "ida"),
        ("eva", "EvA"),
        ("ada", "ａｄａ"),
        ("straße", "STRASSE"),
        ("café", "cafe\u0301"),
        ("ﬁona", "FIONA"),
        ("\u0390ra", "\u0390ra".upper()),
        ("\u0390ro", "\u03aa\u0301ro"),
        ("Σοφός", "ΣΟΦΌΣ"),
        ("Ⅷ", "viii"),
    ],
)
def test_names_that_read_the_same_are_one(api: Api, first: str, second: str) -> None:
    gives(register(api, first))
    before = everything(api)
    refuses(register(api, second), 409, TAKEN)
    assert everything(api) == before
    assert api.user_id(first) == api.user_id(second)


def test_the_name_is_kept_as_it_was_written(api: Api) -> None:
    gives(register(api, "ＭiＸed Cåse", PASSWORD))
    assert gives(api.post("/users/current", bearer=api.token("mixed cåse", PASSWORD)))["username"] == "ＭiＸed Cåse"


@pytest.mark.parametrize(
    "name",
    [
        "张伟",
        "😀",
        "Ünï çødé",
        "محمد",
        "שלום",
        "ⴰⵎⴰⵣⵉⵖ",
        "o'neill",
        "a b",
        "me@example.com",
        '<b>"x"</b>',
        "; drop table users",
        "12345",
        "95588",
        "x" * 150,
        "张" * 150,
        "null",
    ],
)
def test_a_name_may_be_of_any_script(api: Api, name: str) -> None:
    user_id = gives(register(api, name))
    shown = gives(api.post("/users/current", bearer=api.token(name, PASSWORD)))
    assert (shown["id"], shown["username"]) == (user_id, name)


@pytest.mark.parametrize(
    "name",
    [
        "13312341234",  # alice's own: hers alone
        "13912345678",
        "139 1234 5678",
        "139-1234-5678",
        "+8613912345678",
        "+86 139 1234 5678",
        "8613912345678",
        "008613912345678",
        "１３９１２３４５６７８",
        "＋8613912345678",
        "+447400123456",
        "+1 202-555-0123",
    ],
)
def test_a_name_that_looks_like_a_mobile_number_is_refused(api: Api, name: str) -> None:
    before = everything(api)
    refuses(register(api, name), 400, LIKE_A_MOBILE)
    assert everything(api) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (" ", LENGTH),
        ("\u3000\u200b", LENGTH),
        ("zoe\ufe0f", INVISIBLE),
        ("z\u200boe", INVISIBLE),
        ("z\u202eoe", INVISIBLE),
        ("z\ufeffoe", INVISIBLE),
        ("zo\u00ade", INVISIBLE),
        ("z\u2028oe", INVISIBLE),
        ("z\ue000oe", INVISIBLE),
        ("z\U000e0041oe", INVISIBLE),
        ("x" * 151, LENGTH),
        ("\ufdfa" * 9, LENGTH),
        ("x" * 256, "参数 username 不能超过 255 个字符"),
        ("z\x00oe", "参数 username 含有控制字符"),
        ("z\noe", "参数 username 含有控制字符"),
        ("z\x85oe", "参数 username 含有控制字符"),
        (1.5, "参数 username 必须是文本"),
        (True, "参数 username 必须是文本"),
        (["zoe"], "参数 username 必须是文本"),
        ({"a": 1}, "参数 username 必须是文本"),
    ],
)
def test_a_name_that_nobody_could_type_again_is_refused(api: Api, name: Any, text: str) -> None:
    before = everything(api)
    refuses(register(api, name), 400, text)
    assert everything(api) == before


@pytest.mark.parametrize(
    ("password", "text"),
    [
        ("seven77", "密码至少 8 个字符"),
        ("Ⅷ8", "密码至少 8 个字符"),
        ("x" * 129, "密码最多 128 个字符"),
        ("\ufdfa" * 8, "密码最多 128 个字符"),
        ("x" * 1025, "参数 password 不能超过 1024 个字符"),
        ("zoe-the-great", "密码不能与用户名相同"),
        ("Zoe-The-Great", "密码不能与用户名相同"),
        ("ｚｏｅ-the-great", "密码不能与用户名相同"),
        ("sunshine", "该密码过于常见或曾经泄露，请换一个"),
        ("SunShine", "该密码过于常见或曾经泄露，请换一个"),
        ("ｓｕｎｓｈｉｎｅ", "该密码过于常见或曾经泄露，请换一个"),
        ("long\x00enough", "密码含有无法使用的字符"),
        ("long enough\n", "密码含有无法使用的字符"),
        (12345678901, "参数 password 必须是文本"),
    ],
)
def test_weak_passwords_are_refused(api: Api, password: Any, text: str) -> None:
    before = everything(api)
    refuses(register(api, "zoe-the-great", password), 400, text)
    assert everything(api) == before


@pytest.mark.security("ASVS-6.2.5")
@pytest.mark.parametrize(
    "password", ["8 eights", "x" * 64 + "y" * 64, "密码密码密码密码", "🔑🚪🔑🚪🔑🚪🔑🚪", "   spaces   "]
)
def test_passwords_need_length_and_nothing_else(api: Api, password: str) -> None:
    name = f"length-{len(password)}-{ord(password[0])}"
    user_id = gives(register(api, name, password))
    assert gives(api.post("/users/current", bearer=api.token(name, password)))["id"] == user_id
