"""`/users/pwd/reset`: who proves the number sets the first password, or another in place of a forgotten one."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser
from lingpai.authentication import password_change
from lingpai.clients.service import new_client
from lingpai.sms_codes.model import Presenter
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.expect import everything, refuses, standing_api, succeeds
from tests.support.people import APP, PASSWORD, WEB, Person, can_log_in, is_alive, new_number, somebody
from tests.support.races import race, won

pytestmark = pytest.mark.security("F12")

NEW = "a better password than before"
BAD_CODE = "验证码错误或已失效"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api(limit_sms_ip=0, limit_sms_net=0, limit_sms_client=0, limit_sms_day=0) as standing:
        yield standing


def code_for(api: Api, number: str | None, client: tuple[str, str] = WEB, **more: str) -> str:
    assert number
    answer = api.post("/mobile/code/get", form={"mobile": number, **more}, basic=client)
    assert answer.status == 200, answer
    return api.last_code


def reset(api: Api, number: str | None, code: str, client: tuple[str, str] = WEB, new: str = NEW) -> Answer:
    form = {"mobile": number or "", "code": code, "newPassword": new}
    return api.post("/users/pwd/reset", form=form, basic=client)


@pytest.mark.security("ASVS-6.4.3")
@pytest.mark.parametrize("forgotten", [True, False], ids=["forgotten", "first"])
def test_a_code_for_it_sets_the_password(api: Api, forgotten: bool) -> None:
    """The first one, or another in place of a forgotten one; all sessions end."""
    person = somebody(api, number=True, password=forgotten)
    assert person.number
    tokens = person.log_in() if forgotten else by_code(api, person)
    api.time.advance(60)
    succeeds(reset(api, person.number, code_for(api, person.number, purpose="reset")))
    assert can_log_in(api, person.number, NEW)
    if forgotten:
        assert not can_log_in(api, person.number, PASSWORD)
    assert is_alive(api, tokens) == (False, False)


def by_code(api: Api, person: Person) -> Any:
    """The tokens of a login by code."""
    form = {"mobile": person.number or "", "code": code_for(api, person.number)}
    return api.post("/mobile/token", form=form, basic=WEB).json


def test_json_will_do(api: Api) -> None:
    person = somebody(api, number=True)
    body = {"mobile": person.number, "code": code_for(api, person.number, purpose="reset"), "newPassword": NEW}
    succeeds(api.post("/users/pwd/reset", json_body=body, basic=WEB))


@pytest.mark.parametrize("purpose", [None, "login", "link", "change"])
def test_a_code_for_anything_else_sets_none(api: Api, purpose: str | None) -> None:
    person = somebody(api, number=True)
    more = {} if purpose is None else {"purpose": purpose}
    refuses(reset(api, person.number, code_for(api, person.number, WEB, **more)), 400, BAD_CODE)
    assert can_log_in(api, person.username or "")


@pytest.mark.security("ASVS-6.4.3")
def test_the_code_is_that_of_the_same_client(api: Api) -> None:
    person = somebody(api, number=True)
    code = code_for(api, person.number, purpose="reset")
    refuses(reset(api, person.number, code, APP), 400, BAD_CODE)
    succeeds(reset(api, person.number, code, WEB))


def test_the_code_works_once(api: Api) -> None:
    person = somebody(api, number=True)
    code = code_for(api, person.number, purpose="reset")
    succeeds(reset(api, person.number, code))
    refuses(reset(api, person.number, code, new="yet another password"), 400, BAD_CODE)
    assert can_log_in(api, person.username or "", NEW)


def test_it_logs_nobody_in(api: Api) -> None:
    person = somebody(api, number=True)
    form = {"mobile": person.number or "", "code": code_for(api, person.number, purpose="reset")}
    assert api.post("/mobile/token", form=form, basic=WEB).status == 400


def test_the_client_proves_itself(api: Api) -> None:
    person = somebody(api, number=True)
    code = code_for(api, person.number, purpose="reset")
    for basic in (None, ("web-client", "wrong"), ("nobody", "web-secret")):
        answer = api.post(
            "/users/pwd/reset", form={"mobile": person.number or "", "code": code, "newPassword": NEW}, basic=basic
        )
        assert answer.status == 401
        assert answer.json["error"] == "客户端认证失败"
    succeeds(reset(api, person.number, code))


@pytest.mark.parametrize("name", ["mobile", "code", "newPassword"])
def test_what_is_missing_is_named(api: Api, name: str) -> None:
    form = {"mobile": new_number(), "code": "123456", "newPassword": NEW}
    del form[name]
    refuses(api.post("/users/pwd/reset", form=form, basic=WEB), 400, f"缺少参数 {name}")


@pytest.mark.parametrize("new", ["short", "password", "x" * 129])
def test_a_bad_password_costs_no_guess(api: Api, new: str) -> None:
    person = somebody(api, number=True)
    code = code_for(api, person.number, purpose="reset")
    before = everything(api)
    assert reset(api, person.number, code, new=new).status == 400
    assert everything(api) == before
    succeeds(reset(api, person.number, code))


def test_the_name_of_the_account_is_no_password(api: Api) -> None:
    person = somebody(api, number=True)
    code = code_for(api, person.number, purpose="reset")
    refuses(reset(api, person.number, code, new=person.username or ""), 400, "密码不能与用户名相同")
    succeeds(reset(api, person.number, code))


def test_guesses_are_counted_as_everywhere(api: Api) -> None:
    person = somebody(api, number=True)
    code = code_for(api, person.number, purpose="reset")
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(5):
        refuses(reset(api, person.number, wrong), 400, BAD_CODE)
    assert reset(api, person.number, code).status == 429
    assert can_log_in(api, person.username or "")


def test_a_public_client_s_guesses_are_its_address_s(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    limited = make_api(monkeypatch, api.services.store, populated=False, limit_verify_ip=2)
    store: Any = limited.services.store
    store.put_client(new_client("app", "spring"))
    limited.time.advance(20 * 86400)
    form = {"client_id": "app", "code": "123456", "newPassword": NEW}
    answers = [limited.post("/users/pwd/reset", form={**form, "mobile": new_number()}).status for _ in range(3)]
    assert answers == [400, 400, 429]


def test_a_wrong_code_tells_nothing_of_accounts(api: Api) -> None:
    person, nobody = somebody(api, number=True), new_number()
    answers = []
    for number in (person.number, nobody):
        code = code_for(api, number, purpose="reset")
        answers.append(reset(api, number, f"{(int(code) + 1) % 10**6:06d}"))
    assert answers[0] == answers[1]


def test_a_number_without_an_account(api: Api) -> None:
    """Its holder may know that there is none."""
    number = new_number()
    before = len(api.services.store.list_users(100, None).users)
    refuses(reset(api, number, code_for(api, number, purpose="reset")), 404, "用户不存在")
    assert len(api.services.store.list_users(100, None).users) == before


def test_a_disabled_account_stays_so(api: Api) -> None:
    person = somebody(api, number=True)
    api.services.store.commit(DisableUser(person.id))
    code = code_for(api, person.number, purpose="reset")
    refuses(reset(api, person.number, code), 400, "账号不可用")
    assert person.stored().disabled


def test_one_of_many_at_once(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one code one password is set."""
    with stores.on_dynamodb_local(dynamodb_endpoint) as store:
        api = make_api(monkeypatch, store)
        person = somebody(api, number=True)
        code = code_for(api, person.number, purpose="reset")
        client = api.services.clients.get_client("web-client")
        passwords = [f"a better password than {n}" for n in range(4)]
        outcomes = race(
            [
                partial(
                    password_change.reset_password,
                    api.services,
                    f"+86{person.number}",
                    code,
                    new,
                    Presenter(client, None),
                )
                for new in passwords
            ]
        )
        assert len(won(outcomes)) == 1
        assert [can_log_in(api, person.username or "", new) for new in passwords].count(True) == 1
