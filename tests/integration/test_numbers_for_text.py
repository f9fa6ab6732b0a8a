"""JSON numbers in the place of texts, which Jackson makes texts of in the server of seed 003."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Answer, Api
from tests.support.expect import gives, refuses, standing_api, succeeds
from tests.support.people import WEB, can_log_in, code_for, new_number, somebody
from tests.support.tokens import BAD_CREDENTIALS, DONE, error, spring_tokens

pytestmark = pytest.mark.security("F31")

TEXTS = ("name", "age", "phone", "gender", "addr", "nation", "instruction", "images")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    limits = ("limit_sms_ip", "limit_sms_net", "limit_sms_client", "limit_sms_day", "limit_sms_prefix")
    with standing_api("moto", **dict.fromkeys((*limits, "limit_register_ip", "limit_register_net"), 0)) as standing:
        yield standing


def send(api: Api, path: str, body: str, **arguments: Any) -> Answer:
    return api.post(path, body=body.encode(), headers={"Content-Type": "application/json"}, **arguments)


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("spelled", ["18", "0", "-1", "18.50", "1e3", "1.0E+2", "9007199254740993", "12345678901234.6"])
def test_a_field_of_a_profile_is_the_number_as_it_is_spelled(api: Api, field: str, spelled: str) -> None:
    person = somebody(api)
    succeeds(send(api, "/userDetail/update", f'{{"id":{person.id},"{field}":{spelled}}}', bearer=person.token))
    assert gives(api.post("/userDetail/current", json_body={}, bearer=person.token))[field] == spelled


def test_no_number_is_longer_than_its_field(api: Api) -> None:
    person = somebody(api)
    for spelled in ("1" * 17, "1" * 5000, "0." + "1" * 5000):
        answer = send(api, "/userDetail/update", f'{{"id":{person.id},"age":{spelled}}}', bearer=person.token)
        refuses(answer, 400, "参数 age 不能超过 16 个字符")


def test_a_birthday(api: Api) -> None:
    person = somebody(api)
    succeeds(send(api, "/userDetail/update", f'{{"id":{person.id},"birthday":20000229}}', bearer=person.token))
    assert gives(api.post("/userDetail/current", json_body={}, bearer=person.token))["birthday"] == "2000-02-29"
    answer = send(api, "/userDetail/update", f'{{"id":{person.id},"birthday":951782400000}}', bearer=person.token)
    refuses(answer, 400, "参数 birthday 的格式应为 yyyy-MM-dd")


def test_a_username(api: Api) -> None:
    password = "plum-blossom-7"
    user_id = gives(send(api, "/users/register", f'{{"username":20240001,"password":"{password}"}}'))
    assert can_log_in(api, "20240001", password)
    spring_tokens(
        send(api, "/oauth/token", f'{{"grant_type":"password","username":20240001,"password":"{password}"}}', basic=WEB)
    )
    assert gives(send(api, "/users/find", '{"username":20240001}', bearer=api.admin()))["id"] == user_id
    succeeds(send(api, "/users/save", f'{{"id":{user_id},"username":20240002}}', bearer=api.admin()), user_id)
    assert can_log_in(api, "20240002", password)
    refused = send(api, "/users/register", f'{{"username":13900139000,"password":"{password}"}}')
    refuses(refused, 400, "形如手机号的用户名只能由该号码的账号使用")


def test_a_number_and_its_code(api: Api) -> None:
    person, number = somebody(api), new_number()
    assert send(api, "/mobile/code/get", f'{{"mobile":{number}}}', basic=WEB) == DONE
    code = int(api.last_code)
    assert send(api, "/mobile/code/verify", f'{{"mobile":{number},"code":{code}}}') == DONE
    succeeds(send(api, "/users/update", f'{{"id":{person.id},"phone":{number},"code":{code}}}', bearer=person.token))
    assert person.stored().mobile == f"+86{number}"


def test_a_code_without_its_first_zeros(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(api.services.clock), "new_code", lambda _: "001234")
    person, number = somebody(api), new_number()
    code_for(api, number)
    body = {"id": person.id, "phone": number, "code": 1234}
    succeeds(api.post("/users/update", json_body=body, bearer=person.token))


@pytest.mark.parametrize("spelled", ["1.3912345678E10", "13912345678.0", "1391234567.8", "1e10"])
def test_no_name_or_number_is_made_of_what_has_lost_digits(api: Api, spelled: str) -> None:
    """A number that went through floating point may be another one than was typed."""
    answer = send(api, "/mobile/code/get", f'{{"mobile":{spelled}}}', basic=WEB)
    refuses(answer, 400, "参数 mobile 必须是文本")
    answer = send(api, "/users/register", f'{{"username":{spelled},"password":"plum-blossom-7"}}')
    refuses(answer, 400, "参数 username 必须是文本")
    person = somebody(api)
    answer = send(api, "/users/update", f'{{"id":{person.id},"phone":{spelled},"code":"123456"}}', bearer=person.token)
    refuses(answer, 400, "参数 phone 必须是文本")


@pytest.mark.parametrize("value", ["true", "false", "[1]", "{}", '["18"]'])
def test_booleans_lists_and_objects_are_no_text(api: Api, value: str) -> None:
    person = somebody(api)
    answer = send(api, "/userDetail/update", f'{{"id":{person.id},"age":{value}}}', bearer=person.token)
    refuses(answer, 400, "参数 age 必须是文本")
    answer = send(api, "/users/register", f'{{"username":{value},"password":"plum-blossom-7"}}')
    refuses(answer, 400, "参数 username 必须是文本")


def test_secrets_are_text(api: Api) -> None:
    """A number may have lost its zeros, or digits: no password and no token is made of one."""
    answer = send(api, "/oauth/token", '{"grant_type":"password","username":"alice","password":12345678}', basic=WEB)
    assert answer == error(400, "invalid_request", "The parameter password must be text")
    refuses(send(api, "/users/register", '{"username":"zoe","password":1234567890}'), 400, "参数 password 必须是文本")
    answer = send(api, "/oauth/token", '{"grant_type":"password","username":123,"password":"x"}', basic=WEB)
    assert answer == BAD_CREDENTIALS
