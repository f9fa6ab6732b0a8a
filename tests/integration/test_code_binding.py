"""A code is good at the client that asked for it, and for what it was asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from lingpai.clients.service import new_client
from tests.support.api import Answer, Api
from tests.support.tokens import APP, BAD_CODE, DONE, WEB, envelope, spring_tokens

pytestmark = pytest.mark.security("F13")

NUMBER = "13912345678"
WRONG = envelope(400, "验证码错误或已失效")


def ask(api: Api, client: tuple[str, str] = WEB, number: str = NUMBER, **more: str) -> str:
    """The code that the client has sent to the number."""
    assert api.post("/mobile/code/get", form={"mobile": number, **more}, basic=client) == DONE
    return api.last_code


def log_in(api: Api, code: str, client: tuple[str, str] = WEB) -> Answer:
    return api.post("/mobile/token", form={"mobile": NUMBER, "code": code}, basic=client)


def by_name(api: Api, client_id: str, code: str, username: str = NUMBER) -> Answer:
    """A login as the UserCenter SDK sends it."""
    return api.post("/oauth/token", form={"client_id": client_id, "username": username, "validateCode": code})


def link(api: Api, code: str, client: tuple[str, str] = WEB) -> Answer:
    """Bob gives his account the number."""
    token = api.log_in("bob", "battery staple correct", client)["access_token"]
    body = {"id": api.user_id("bob"), "phone": NUMBER, "code": code}
    return api.post("/users/update", json_body=body, bearer=token)


@pytest.mark.security("ASVS-6.6.2")
def test_a_code_of_another_client_logs_nobody_in(api: Api) -> None:
    code = ask(api, WEB)
    assert log_in(api, code, APP) == BAD_CODE
    spring_tokens(log_in(api, code, WEB))


def test_a_code_of_another_client_links_nothing(api: Api) -> None:
    code = ask(api, WEB)
    assert link(api, code, APP) == WRONG
    assert link(api, code, WEB).status == 200


def test_a_usercenter_client_takes_the_codes_of_those_that_its_record_names(api: Api) -> None:
    """It has no call to ask for one."""
    store: Any = api.services.store
    store.put_client(new_client("31", "usercenter"))
    store.put_client(new_client("32", "usercenter", codes_from=("app-client",)))
    store.put_client(new_client("33", "usercenter", codes_from=("app-client", "web-client")))
    code = ask(api, WEB)
    assert [by_name(api, client, code).json["status"] for client in ("31", "32", "33")] == [0, 0, 1]


def test_only_a_usercenter_client_takes_the_codes_of_others(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(new_client("reader", "spring", "reader-secret", codes_from=("web-client",)))
    assert log_in(api, ask(api, WEB), ("reader", "reader-secret")) == BAD_CODE


@pytest.mark.security("ASVS-6.6.2")
@pytest.mark.parametrize("purpose", [None, "login", "link", "reset", "change"])
@pytest.mark.parametrize(("use", "serving"), [(log_in, {None, "login"}), (link, {None, "link"})], ids=["login", "link"])
def test_a_code_serves_its_purpose_alone(
    api: Api, use: Callable[[Api, str], Answer], serving: set[str | None], purpose: str | None
) -> None:
    more = {} if purpose is None else {"purpose": purpose}
    code = ask(api, WEB, **more)
    assert use(api, code).status == (200 if purpose in serving else 400)


def test_verify_tests_the_newest_code_whatever_its_client_and_purpose(api: Api) -> None:
    for client, purpose in ((WEB, "reset"), (APP, "change"), (APP, "login")):
        code = ask(api, client, purpose=purpose)
        assert api.post("/mobile/code/verify", form={"mobile": NUMBER, "code": code}) == DONE
        api.time.advance(60)


@pytest.mark.parametrize(
    ("purpose", "language", "words"),
    [
        ("login", "zh", "您的验证码是"),
        ("link", "zh", "您的验证码是"),
        ("reset", "zh", "您正在重设密码"),
        ("change", "zh", "您正在更改账号的登录方式"),
        ("reset", "en", "to set a new password"),
        ("change", "en", "to change how you log in"),
    ],
)
def test_the_message_says_what_the_code_is_for(api: Api, purpose: str, language: str, words: str) -> None:
    form = {"mobile": NUMBER, "purpose": purpose}
    assert api.post("/mobile/code/get", form=form, basic=WEB, headers={"Accept-Language": language}) == DONE
    message = api.outbox[-1]
    assert words in message.text
    assert message.code in message.text
    assert message.purpose == purpose


@pytest.mark.parametrize("purpose", ["Login", "sign", "notice", "login link", "0"])
def test_an_unknown_purpose_is_refused(api: Api, purpose: str) -> None:
    form = {"mobile": NUMBER, "purpose": purpose}
    answer = api.post("/mobile/code/get", form=form, basic=WEB)
    assert answer == envelope(400, "参数 purpose 必须是 login、link、reset 或 change")
    assert api.sent == 0
