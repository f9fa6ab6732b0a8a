"""REGISTRATION: who brings new accounts about, at the routes that register and by the first login."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.http.oauth_error import BASIC_CHALLENGE
from tests.support.api import NO_STORE, Answer, Api, make_api
from tests.support.expect import refuses, succeeds
from tests.support.people import PASSWORD, WEB, code_for, new_name, new_number, somebody

pytestmark = pytest.mark.security("F5")


CLOSED = "未开放注册，请联系管理员"
BAD_CLIENT = "客户端认证失败"
PUBLIC = ("23", "")


def closed(monkeypatch: pytest.MonkeyPatch, store: Any, mode: str) -> Api:
    return make_api(monkeypatch, store, registration=mode, digest_login=True)


def by_spring(api: Api, name: str, **how: Any) -> Answer:
    return api.post("/users/register", json_body={"username": name, "password": PASSWORD}, **how)


def by_django(api: Api, name: str, **how: Any) -> Answer:
    return api.post("/User/Register", json_body={"userName": name, "password": PASSWORD}, **how)


def django_says(answer: Answer, code: int, message: str) -> None:
    assert (answer.status, answer.json) == (200, {"result": {"code": code, "msg": message, "data": ""}})


def by_code(api: Api, number: str) -> Answer:
    return api.post("/mobile/token", form={"mobile": number, "code": code_for(api, number)}, basic=WEB)


def by_sign(api: Api, openid: str) -> Answer:
    return api.post("/sign/token", form={"sign": openid}, basic=WEB)


def by_public_client(api: Api, number: str) -> Any:
    form = {"clientId": "23", "username": number, "validateCode": code_for(api, number)}
    return api.post("/oauth/token", form=form).json


def nobody_is_new(api: Api, name: str) -> bool:
    return api.services.store.find_user_id(f"username:{name}") is None


@pytest.mark.parametrize("credentials", [{}, {"basic": WEB}, {"basic": ("web-client", "wrong")}])
def test_off(monkeypatch: pytest.MonkeyPatch, store: Any, credentials: dict[str, Any]) -> None:
    """Nobody registers, whoever they say they are; what else a request lacks is not looked at."""
    api, name = closed(monkeypatch, store, "off"), new_name()
    refuses(by_spring(api, name, **credentials), 403, CLOSED)
    refuses(api.post("/users/register", body=b"{", **credentials), 403, CLOSED)
    django_says(by_django(api, name, **credentials), 0, CLOSED)
    assert nobody_is_new(api, name)


def test_off_for_first_logins(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    """A number and a third party's id that are somebody's log in as ever; those of nobody make no account."""
    api, number = closed(monkeypatch, store, "off"), new_number()
    for answer in (by_code(api, number), by_sign(api, "o-new")):
        assert (answer.status, answer.headers) == (400, NO_STORE)
        assert answer.json["error"] == "invalid_grant"
    assert by_public_client(api, new_number())["status"] == 0
    assert api.services.store.find_user_ids(f"mobile:+86{number}", "openid:trusted:default:o-new") == {}
    known = somebody(api, number=True)
    assert known.number is not None
    assert by_code(api, known.number).status == 200


def test_off_leaves_admins_their_routes(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    api, name = closed(monkeypatch, store, "off"), new_name()
    answer = api.post("/users/save", json_body={"username": name, "password": PASSWORD}, bearer=api.admin())
    succeeds(answer, api.user_id(name))


@pytest.mark.parametrize("basic", [None, ("web-client", "wrong"), ("nobody", "x"), ("web-client", ""), PUBLIC])
def test_client_without_one(monkeypatch: pytest.MonkeyPatch, store: Any, basic: tuple[str, str] | None) -> None:
    """A public client proves nothing by its name."""
    api, name = closed(monkeypatch, store, "client"), new_name()
    how = {"basic": basic} if basic else {}
    refuses(by_spring(api, name, **how), 401, BAD_CLIENT, {"www-authenticate": BASIC_CHALLENGE["WWW-Authenticate"]})
    django_says(by_django(api, name, **how), 0, BAD_CLIENT)
    assert nobody_is_new(api, name)


def test_client(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    api, name, another = closed(monkeypatch, store, "client"), new_name(), new_name()
    answer = by_spring(api, name, basic=WEB)
    succeeds(answer, api.user_id(name))
    django_says(by_django(api, another, basic=WEB), 1, "返回成功")
    assert not nobody_is_new(api, another)


@pytest.mark.parametrize("forwards", [True, False])
def test_client_that_tells_whom_it_registers(monkeypatch: pytest.MonkeyPatch, store: Any, forwards: bool) -> None:
    """One limit for each of its people, if its record has `forwards_address`; else one for the back end."""
    api = make_api(monkeypatch, store, registration="client", limit_register_ip=1)
    web = api.services.store.get_client("web-client")
    assert web is not None
    api.services.store.put_client(replace(web, forwards_address=forwards))
    told = [{"X-End-User-Address": address} for address in ("198.51.100.1", "203.0.113.1", "198.51.100.1")]
    answers = [by_spring(api, new_name(), basic=WEB, headers=headers).status for headers in told]
    assert answers == ([200, 200, 429] if forwards else [200, 429, 429])


def test_client_for_first_logins(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    """Through a client that has proven itself they make an account, through a public one they do not."""
    api = closed(monkeypatch, store, "client")
    assert by_code(api, new_number()).status == 200
    assert by_sign(api, "o-new").status == 200
    assert by_public_client(api, new_number())["status"] == 0


def test_open_is_the_default(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    api = make_api(monkeypatch, store, digest_login=True)
    assert by_spring(api, new_name()).status == 200
    django_says(by_django(api, new_name()), 1, "返回成功")
    assert by_code(api, new_number()).status == 200
    assert by_public_client(api, new_number())["status"] == 1
