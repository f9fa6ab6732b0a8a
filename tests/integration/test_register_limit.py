"""`/users/register` is for anyone, so an address has only so many accounts an hour."""

from typing import Any

import pytest

from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.expect import everything, gives, refuses

PASSWORD = "long enough to keep"
TOO_OFTEN = "请求过于频繁，请稍后再试"


def register(api: Api, username: str, password: str = PASSWORD, **arguments: Any) -> Any:
    return api.post("/users/register", json_body={"username": username, "password": password}, **arguments)


def test_an_address_may_register_so_many_accounts_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    with stores.for_api() as store:
        api = make_api(monkeypatch, store, limit_register_ip=2)
        gives(register(api, "one"))
        refuses(register(api, "ONE"), 409, "用户名已被使用")  # an answer that tells something: it counts
        api.time.advance(600)
        before = everything(api)
        refuses(register(api, "three"), 429, TOO_OFTEN, {"retry-after": "3000"})
        assert everything(api) == before
        gives(register(api, "four", source_ip="198.51.100.7"))
        api.time.advance(2999)
        refuses(register(api, "three"), 429, TOO_OFTEN, {"retry-after": "1"})
        api.time.advance(1)
        gives(register(api, "three"))


def test_the_limit_heeds_no_header(monkeypatch: pytest.MonkeyPatch) -> None:
    with stores.for_api() as store:
        api = make_api(monkeypatch, store, limit_register_ip=1)
        gives(register(api, "one"))
        forged = {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7", "X-Real-IP": "198.51.100.7"}
        refuses(register(api, "two", headers=forged), 429, TOO_OFTEN, {"retry-after": "3600"})


def test_what_is_refused_unread_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with stores.for_api() as store:
        api = make_api(monkeypatch, store, limit_register_ip=1)
        for name, password in (("zoe", "short"), ("z\u200boe", PASSWORD), ("", PASSWORD)):
            assert register(api, name, password).status == 400
        gives(register(api, "zoe"))


def test_a_limit_of_nought_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with stores.for_api() as store:
        api = make_api(monkeypatch, store, limit_register_ip=0, limit_register_net=0)
        for number in range(40):
            gives(register(api, f"zoe-{number}"))


def test_the_minimum_length_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with stores.for_api() as store:
        api = make_api(monkeypatch, store, password_min_length=5)
        refuses(register(api, "zoe", "four"), 400, "密码至少 5 个字符")
        gives(register(api, "zoe", "f1ve!"))
