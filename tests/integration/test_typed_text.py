"""Numbers, codes and usernames as people paste them: one rule at every door."""

from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.accounts import identities
from tests.support.api import Api
from tests.support.expect import gives, refuses, standing_api, succeeds
from tests.support.memory_store import MemoryStore
from tests.support.people import WEB, can_log_in, code_for, new_name, new_number, somebody
from tests.support.tokens import ALICE, BAD_CODE, DONE, error, spring_tokens
from tests.support.transfer import bring_in

pytestmark = pytest.mark.security("F27")

UNSEEN = ["  ", "\u00a0", "\u3000", "\u200b", "\u200e", "\u202a", "\u202c", "\u2060\ufeff", "\u00ad", "\u180e"]
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    limits = ("limit_sms_ip", "limit_sms_net", "limit_sms_client", "limit_sms_day", "limit_sms_prefix")
    more = ("limit_register_ip", "limit_register_net", "limit_verify_ip", "limit_verify_net")
    with standing_api("moto", **dict.fromkeys((*limits, *more), 0), sms_countries=("CN", "HK")) as standing:
        yield standing


def wide(digits: str) -> str:
    return "".join(chr(ord("０") + int(digit)) for digit in digits)


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_a_number_and_a_code_at_each_of_their_doors(api: Api, unseen: str) -> None:
    number = new_number()
    pasted = f"{unseen}{number[:3]}{unseen}{number[3:]}{unseen}"
    assert api.post("/mobile/code/get", form={"mobile": pasted}, basic=WEB) == DONE
    code = api.last_code
    spaced = f"{unseen}{code[:3]}{unseen}{code[3:]}{unseen}"
    assert api.post("/mobile/code/verify", form={"mobile": pasted, "code": spaced}) == DONE
    assert api.post("/mobile/code/verify", json_body={"mobile": pasted, "code": wide(code)}) == DONE
    form = {"mobile": wide(number), "code": f"{unseen}{wide(code)}{unseen}"}
    spring_tokens(api.post("/mobile/token", form=form, basic=WEB))
    assert api.user_id(number) == api.user_id(pasted)


def test_a_code_of_the_number_of_a_name(api: Api) -> None:
    number = new_number()
    code = code_for(api, number)
    form = {"client_id": "23", "username": f"\u00a0{wide(number)} ", "validateCode": f"{code[:3]} {code[3:]}"}
    assert api.post("/oauth/token", form=form).json["status"] == 1


@pytest.mark.parametrize(
    "code", ["12-34-56", "123456.", "G-123456", "1234567", "①23456", "123456²", "l23456", " " * 101]
)
def test_what_is_no_code(api: Api, code: str) -> None:
    form = {"mobile": "13912345678", "code": code}
    assert api.post("/mobile/token", form=form, basic=WEB) == BAD_CODE


@pytest.mark.parametrize("plus", ["%2B", "+", "%20", "%EF%BC%8B"])
@pytest.mark.parametrize("digits", ["8613912340001", "85251234567"])
def test_a_plus_before_a_country_code(api: Api, plus: str, digits: str) -> None:
    """A form decodes a bare `+` as a space."""
    api.time.advance(3600)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"mobile={plus}{digits}".encode()
    assert api.post("/mobile/code/get", body=body, headers=headers, basic=WEB) == DONE
    assert api.outbox[-1].to == f"+{digits}"


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_a_username(api: Api, unseen: str) -> None:
    """Whoever pastes it with what stood beside it makes it, logs in by it and is found by it without that."""
    name, password = new_name(), "plum-blossom-7"
    pasted = f"{unseen}{name}{unseen}"
    user_id = gives(api.post("/users/register", json_body={"username": pasted, "password": password}))
    for spelling in (name, pasted):
        assert can_log_in(api, spelling, password)
        found = gives(api.post("/users/find", json_body={"username": spelling}, bearer=api.admin()))
        assert (found["id"], found["username"]) == (user_id, name)
        refuses(
            api.post("/users/register", json_body={"username": spelling, "password": password}), 409, "用户名已被使用"
        )
    other = new_name()
    body = {"id": user_id, "username": f"{unseen}{other}{unseen}"}
    succeeds(api.post("/users/save", json_body=body, bearer=api.admin()), user_id)
    user = api.services.store.get_user(user_id)
    assert user is not None
    assert user.username == other


@pytest.mark.parametrize("unseen", ["\u200b", "\u202e", "\u00ad", "\u2028"], ids=ascii)
def test_a_username_with_an_invisible_character_inside(api: Api, unseen: str) -> None:
    answer = api.post("/users/register", json_body={"username": f"a{unseen}b", "password": "plum-blossom-7"})
    refuses(answer, 400, "用户名无效：含有不可见字符或首尾空格")


def test_a_username_of_the_django_apps(api: Api) -> None:
    name = new_name()
    form = {"userName": f"\u3000{name} ", "password": "plum-blossom-7"}
    assert api.post("/User/Register", form=form).json["result"]["code"] == 1
    assert can_log_in(api, name, "plum-blossom-7")


def test_a_username_in_the_guess_of_a_password(api: Api) -> None:
    """All spellings of a name are guessed at together."""
    assert identities.username_key("\u200balice\u3000") == identities.username_key("Alice")
    spring_tokens(api.post("/oauth/token", form={**ALICE, "username": "\u200balice\u3000"}, basic=WEB))


def test_a_password_is_taken_as_it_came(api: Api) -> None:
    answer = api.post("/oauth/token", form={**ALICE, "password": ALICE["password"] + " "}, basic=WEB)
    assert answer == error(400, "invalid_grant", "Bad credentials")


def test_the_new_number_of_an_account(api: Api) -> None:
    person, number = somebody(api), new_number()
    code = code_for(api, number)
    body = {"id": person.id, "phone": f"\u202a{number}\u202c", "code": f" {wide(code)}"}
    succeeds(api.post("/users/update", json_body=body, bearer=person.token))
    assert person.stored().mobile == f"+86{number}"


def test_accounts_that_move_in() -> None:
    store: Any = MemoryStore()
    given = [{"username": "\u200bmei\u3000", "mobile": "\u202a１３３ 1234\u00a01234\u202c"}]
    report = bring_in(store, given)
    assert report.imported == 1
    (user,) = store.list_users(10, None).users
    assert (user.username, user.mobile) == ("mei", "+8613312341234")
