"""`/User/Register` (seed 000): HTTP status 200, the outcome in `result.code`."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Answer, Api, make_api
from tests.support.dialects import reply, sdk
from tests.support.expect import standing_api
from tests.support.people import PASSWORD, can_log_in, code_for, new_name, new_number
from tests.support.tokens import WEB, opens, stored

PATH = "/User/Register"
AS_JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api(limit_register_ip=0, limit_register_net=0) as opened:
        yield opened


def outcome(code: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    return reply(200, {"result": {"code": code, "msg": message, "data": ""}}, headers)


# The seed's own words.
DONE = outcome(1, "返回成功")


def register(api: Api, **fields: Any) -> Answer:
    """A body of the seed, with a name that nobody has unless one is given."""
    return api.post(PATH, json_body={"userName": new_name(), "password": PASSWORD, **fields})


def profile(api: Api, name: str) -> Any:
    token = api.token(name, PASSWORD)
    return api.post("/userDetail/current", bearer=token).json["message"]


@pytest.mark.parametrize("name", ["张三", "zhang san", "Ｚｈａｎｇ"])
def test_a_new_account(api: Api, name: str) -> None:
    assert register(api, userName=name) == DONE
    assert can_log_in(api, name)
    assert opens(api, api.log_in(name, PASSWORD))["roleList"] == []


@pytest.mark.parametrize(
    "body",
    [
        '{\n    "userName": "%s",\n    "password": "%s",\n    "mobile":"132222222",\n}',
        '{"userName":"%s","password":"%s",}',
        '{"userName":"%s","password":"%s" , \r\n\t }',
        '{"userName":"%s","password":"%s"}',
    ],
)
@pytest.mark.parametrize("headers", [AS_JSON, {"Content-Type": "text/plain"}, {}], ids=["json", "text", "none"])
def test_the_body_is_written_as_the_seed_writes_it(api: Api, body: str, headers: dict[str, str]) -> None:
    """With a comma behind the last element, which is no JSON."""
    name = new_name()
    assert api.post(PATH, body=(body % (name, PASSWORD)).encode(), headers=headers) == DONE
    assert can_log_in(api, name)


def test_a_comma_inside_a_text_stays(api: Api) -> None:
    name = f'{new_name()} \\",}} ,]'
    body = f'{{"userName":"{name}","password":"a password ,}} with ,] commas",}}'
    assert api.post(PATH, body=body.encode(), headers=AS_JSON) == DONE
    assert can_log_in(api, name.replace("\\", ""), "a password ,} with ,] commas")


def test_the_body_may_be_a_form(api: Api) -> None:
    assert api.post(PATH, form={"userName": new_name(), "password": PASSWORD}) == DONE


@pytest.mark.parametrize("path", ["/user/register", "/user/Register", "/User/register", "/USER/REGISTER"])
def test_the_case_of_the_path_is_exact(api: Api, path: str) -> None:
    body = {"userName": new_name(), "password": PASSWORD}
    answer = api.post(path, json_body=body)
    assert (answer.status, answer.json) == (404, {"message": "Not Found"})


# --- the mobile number ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mobile", ["132222222", "13312341234", "not a phone number", 139222222])
def test_an_unproven_number_is_kept_in_the_profile_and_nowhere_else(api: Api, mobile: object) -> None:
    """As it came, the seed's nine digits or somebody else's number alike: it finds no account."""
    name = new_name()
    names = len(stored(api)["identities"])
    assert register(api, userName=name, mobile=mobile) == DONE
    assert profile(api, name)["phone"] == str(mobile)
    assert opens(api, api.log_in(name, PASSWORD))["phone"] is None
    assert len(stored(api)["identities"]) == names + 1
    assert not can_log_in(api, str(mobile))


def test_an_unproven_number_is_no_way_in(api: Api) -> None:
    """Who proves the number later gets an account of its own; neither password nor code opens the other one."""
    name, number = new_name(), new_number()
    assert register(api, userName=name, mobile=number) == DONE
    assert not can_log_in(api, number)
    form = {"mobile": number, "code": code_for(api, number)}
    owner = opens(api, api.post("/mobile/token", form=form, basic=WEB).json)
    assert owner["id"] != api.user_id(name)
    assert owner["phone"] == number
    api.time.advance(61)
    answer = api.post("/oauth/token", json_body=sdk(name, validateCode=code_for(api, number)))
    assert answer.json == {"status": 0, "msg": "验证码错误或已失效"}


@pytest.mark.parametrize("mobile", ["", None])
def test_an_empty_number_is_none(api: Api, mobile: str | None) -> None:
    name = new_name()
    assert register(api, userName=name, mobile=mobile) == DONE
    assert profile(api, name)["phone"] is None


def test_an_id_and_roles_are_not_for_anyone_to_choose(api: Api) -> None:
    name = new_name()
    before = stored(api)["users"]
    assert register(api, userName=name, id="1", roles="admin", roleList="admin") == DONE
    assert opens(api, api.log_in(name, PASSWORD))["roleList"] == []
    assert len(stored(api)["users"]) == len(before) + 1


# --- what is refused --------------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a name that is taken": ({"userName": "alice"}, "用户名已被使用"),
    "a name that is taken, in other letters": ({"userName": "ＡＬＩＣＥ"}, "用户名已被使用"),
    "a name that looks like a number": ({"userName": "13912345678"}, "形如手机号的用户名只能由该号码的账号使用"),
    "a name with an invisible character": ({"userName": "zh\u200bang"}, "用户名无效：含有不可见字符或首尾空格"),
    "a name that is too long": ({"userName": "x" * 151}, "用户名无效：长度应为 1 到 150 个字符"),
    "the seed's own password": ({"password": "12222"}, "密码至少 8 个字符"),
    "a password of seven": ({"password": "seven77"}, "密码至少 8 个字符"),
    "a password that is too long": ({"password": "x" * 129}, "密码最多 128 个字符"),
    "one of the commonest passwords": ({"password": "password1"}, "该密码过于常见或曾经泄露，请换一个"),
    "the name as the password": ({"userName": "zhang san li", "password": "Zhang San Li"}, "密码不能与用户名相同"),
    "no name": ({"userName": ""}, "缺少参数 userName"),
    "a name that is null": ({"userName": None}, "缺少参数 userName"),
    "no password": ({"password": ""}, "缺少参数 password"),
    "a name of another type": ({"userName": 12}, "参数 userName 必须是文本"),
    "a password of another type": ({"password": 1234567890}, "参数 password 必须是文本"),
    "a number of another type": ({"mobile": ["13912345678"]}, "参数 mobile 必须是文本"),
    "a number that is too long": ({"mobile": "1" * 33}, "参数 mobile 不能超过 32 个字符"),
    "a line end in the number": ({"mobile": "139\n"}, "参数 mobile 含有控制字符"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(api: Api, case: str) -> None:
    """`code` 0, the reason in `msg`, and nothing is kept."""
    fields, message = REFUSED[case]
    before = stored(api)
    assert register(api, **fields) == outcome(0, message)
    assert stored(api) == before


def test_a_body_that_lacks_everything(api: Api) -> None:
    assert api.post(PATH) == outcome(0, "缺少参数 userName")
    assert api.post(PATH, json_body={"userName": new_name()}) == outcome(0, "缺少参数 password")
    assert api.post(PATH, json_body={"username": new_name(), "password": PASSWORD}) == outcome(0, "缺少参数 userName")


@pytest.mark.parametrize(
    "body", ["{", "[]", '"text"', '{"userName":"a",,}', '{"userName":"a"} x', "{,}", "\xff", '{"a":NaN}'], ids=range(8)
)
def test_a_body_that_cannot_be_read(api: Api, body: str) -> None:
    answer = api.post(PATH, body=body.encode("latin-1"), headers=AS_JSON)
    message = answer.json["result"]["msg"]
    assert message.startswith(("请求体无法解析：", "缺少参数 userName"))
    assert answer == outcome(0, message)


def test_a_name_twice_in_the_body(api: Api) -> None:
    body = f'{{"userName":"{new_name()}","password":"{PASSWORD}","userName":"root",}}'
    assert api.post(PATH, body=body.encode(), headers=AS_JSON) == outcome(0, "参数 userName 重复")


def test_another_method(api: Api) -> None:
    assert api.call("GET", PATH) == outcome(0, "请使用 POST, OPTIONS 方法", {"allow": "POST, OPTIONS"})


def test_the_password_may_not_stand_in_the_address(api: Api) -> None:
    answer = api.post(f"{PATH}?password=x", json_body={"userName": new_name(), "password": PASSWORD})
    assert answer == outcome(0, "参数 password 不能放在网址中，请放在请求体里")


def test_the_words_come_in_the_language_of_the_caller(api: Api) -> None:
    english = {"Accept-Language": "en"}
    body = {"userName": new_name(), "password": PASSWORD}
    assert api.post(PATH, json_body=body, headers=english) == outcome(1, "success")
    assert api.post(PATH, json_body=body, headers=english) == outcome(0, "This username is taken")


def test_an_address_registers_so_many_an_hour(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is one with that of `/users/register`; HTTP status 200 here, too, and `Retry-After` says when."""
    limited = make_api(monkeypatch, api.services.store, populated=False, limit_register_ip=3)
    assert [register(limited), register(limited)] == [DONE] * 2
    body = {"username": new_name(), "password": PASSWORD}
    assert limited.post("/users/register", json_body=body).status == 200
    assert register(limited) == outcome(0, "请求过于频繁，请稍后再试", {"retry-after": "3600"})
    assert limited.post("/users/register", json_body={**body, "username": new_name()}).status == 429


def test_the_minimum_is_a_setting(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    short = make_api(
        monkeypatch,
        api.services.store,
        populated=False,
        limit_register_ip=0,
        limit_register_net=0,
        password_min_length=5,
    )
    assert register(short, password="x2k9q") == DONE
    assert register(short, password="x2k9") == outcome(0, "密码至少 5 个字符")


def multipart(fields: dict[str, str]) -> bytes:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    return ("".join(parts) + "--b--\r\n").encode()


@pytest.mark.parametrize("kind", ["json", "form", "multipart"])
def test_a_comma_in_a_password_stays(api: Api, kind: str) -> None:
    """Only JSON is forgiven its last comma, and only outside of its texts."""
    fields = {"userName": new_name(), "password": "abc,}defgh9,]"}
    sent: dict[str, dict[str, Any]] = {
        "json": {"json_body": fields},
        "form": {"form": fields},
        "multipart": {"body": multipart(fields), "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
    }
    assert api.post(PATH, **sent[kind]) == DONE
    assert can_log_in(api, fields["userName"], fields["password"])


@pytest.mark.parametrize(
    "body", ['{"' + '\\"' * 32000, '{"a": "' + ",]" * 32000, "{" + "," * 64000 + "}", '{"' + "\\" * 64000]
)
def test_a_body_made_to_be_slow_is_refused_as_any_other(api: Api, body: str) -> None:
    """Reading it takes as long as it is, not the square of that."""
    answer = api.post(PATH, body=body.encode(), headers=AS_JSON)
    assert (answer.status, answer.json["result"]["code"]) == (200, 0)
