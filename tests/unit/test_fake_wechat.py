"""The fake WeChat's tokens and numbers: what the tests of the real thing stand on."""

import json
from typing import Any

import pytest

from tests.support.time import Time
from tests.support.wechat import (
    FORCED_A_DAY,
    FORCED_APART,
    MINI,
    PHONE_CODE_LIFE,
    PHONE_PATH,
    SECOND,
    SECRETS,
    TOKEN_LIFE,
    TOKEN_OVERLAP,
    TOKEN_PATH,
    WeChat,
)

NUMBER = "13312341234"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def chat(time: Time) -> WeChat:
    return WeChat(clock=time)


def post(chat: WeChat, path: str, query: str, content: Any) -> Any:
    status, body = chat.answer_json(path, query, content)
    assert status == 200
    return json.loads(body)


def token(chat: WeChat, app: str = MINI, *, force: bool = False, **changes: Any) -> Any:
    content = {"grant_type": "client_credential", "appid": app, "secret": SECRETS[app], "force_refresh": force}
    return post(chat, TOKEN_PATH, "", {**content, **changes})


def number(chat: WeChat, text: str, code: str, **more: str) -> Any:
    return post(chat, PHONE_PATH, f"access_token={text}", {"code": code, **more})


def test_the_same_token_until_five_minutes_before_its_end(chat: WeChat, time: Time) -> None:
    first = token(chat)
    assert first["expires_in"] == TOKEN_LIFE
    time.advance(TOKEN_LIFE - TOKEN_OVERLAP - 1)
    assert token(chat) == {"access_token": first["access_token"], "expires_in": TOKEN_OVERLAP + 1}
    time.advance(1)
    second = token(chat)
    assert (second["access_token"] != first["access_token"], second["expires_in"]) == (True, TOKEN_LIFE)
    for given in (first, second):
        assert number(chat, given["access_token"], chat.confirm_number(NUMBER))["errcode"] == 0
    time.advance(TOKEN_OVERLAP)
    assert number(chat, first["access_token"], chat.confirm_number(NUMBER))["errcode"] == 42001
    assert number(chat, second["access_token"], chat.confirm_number(NUMBER))["errcode"] == 0


def test_by_force_the_one_before_is_revoked(chat: WeChat, time: Time) -> None:
    first, second = token(chat), token(chat, force=True)
    assert number(chat, first["access_token"], chat.confirm_number(NUMBER))["errcode"] == 40001
    assert number(chat, second["access_token"], chat.confirm_number(NUMBER))["errcode"] == 0
    assert token(chat) == second
    time.advance(FORCED_APART - 1)
    assert token(chat, force=True)["access_token"] == second["access_token"]
    for _ in range(FORCED_A_DAY - 1):
        time.advance(FORCED_APART)
        assert token(chat, force=True)["access_token"] != second["access_token"]
    time.advance(FORCED_APART)
    assert token(chat, force=True)["errcode"] == 45009


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"grant_type": "password"}, 40002),
        ({"appid": "wx0000000000000000"}, 40013),
        ({"secret": SECRETS[SECOND]}, 40125),
        ({"force_refresh": "false"}, 47001),
        ({"more": "x"}, 47001),
    ],
    ids=str,
)
def test_what_it_gives_no_token_for(chat: WeChat, changes: dict[str, Any], errcode: int) -> None:
    assert token(chat, **changes)["errcode"] == errcode


def test_a_number_is_given_once_and_in_time_to_its_user_in_its_app(chat: WeChat, time: Time) -> None:
    mine, others = token(chat)["access_token"], token(chat, SECOND)["access_token"]
    code = chat.confirm_number(NUMBER, "o-1")
    assert number(chat, others, code)["errcode"] == 40013
    assert number(chat, mine, code, openid="o-2")["errcode"] == 40003
    assert number(chat, "71_unknown", code)["errcode"] == 40014
    assert post(chat, PHONE_PATH, "", {"code": code})["errcode"] == 41001
    assert number(chat, mine, code, more="x")["errcode"] == 47001
    assert number(chat, mine, code, openid="o-1") == {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": NUMBER,
            "purePhoneNumber": NUMBER,
            "countryCode": "86",
            "watermark": {"timestamp": int(time.at), "appid": MINI},
        },
    }
    assert number(chat, mine, code, openid="o-1")["errcode"] == 40029
    late = chat.confirm_number(NUMBER)
    time.advance(PHONE_CODE_LIFE)
    assert number(chat, mine, late)["errcode"] == 40029
