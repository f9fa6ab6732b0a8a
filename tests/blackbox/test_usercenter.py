"""The calls of the SDK class UserCenter (seed 002)."""

from typing import Any

import pytest

from tests.blackbox.service import Person, Service
from tests.support.dialects import TEMPORARY, digests, done, failed, sdk, usercenter_tokens
from tests.support.expect import gives, refuses_token
from tests.support.tokens import compact

BAD_TOKEN = failed("令牌无效或已过期")


@pytest.fixture
def tokens(service: Service, person: Person) -> Any:
    return usercenter_tokens(service.post("/oauth/token", json_body=sdk(person.username, **digests(person.password))))


def test_a_token_is_checked(service: Service, tokens: Any) -> None:
    for name in ("accessToken", "access_token", "accesstoken"):
        assert service.post("/user/checkOauthToken", form={name: tokens["accessToken"]}) == done(result="success")
    assert service.post("/user/checkOauthToken", json_body={"accessToken": "nonsense"}) == BAD_TOKEN
    assert service.post("/user/checkOauthToken") == failed("缺少参数 accessToken")


def test_its_user(service: Service, tokens: Any) -> None:
    shown = gives(service.get("/users/current", bearer=tokens["accessToken"]))
    answer = service.post("/user/getUserByToken", json_body={"accessToken": tokens["accessToken"]})
    assert answer == done(user=compact(shown), data=shown)


def test_its_refreshing(service: Service, tokens: Any) -> None:
    body = {"client_id": "23", "refresh_token": tokens["refreshToken"]}
    fresh = usercenter_tokens(service.post("/oauth/refreshAccessToken", json_body=body))
    assert fresh["accessToken"] != tokens["accessToken"]
    again = service.post("/oauth/refreshAccessToken", json_body=body).json["data"]
    # At a slow target the clock goes on between the two.
    assert 86390 <= int(again["expires_in"]) <= 86400
    assert {**again, "expires_in": fresh["expires_in"]} == fresh
    refused = service.post("/oauth/refreshAccessToken", json_body={"refreshToken": "nonsense"})
    assert refused == failed("刷新令牌无效")


@pytest.mark.parametrize("path", ["/oauth/destroyToken", "/oauth/destoryToken"])
def test_a_temporary_token_dies_with_its_parent(service: Service, tokens: Any, path: str) -> None:
    body = {"accessToken": tokens["accessToken"]}
    answer = service.post("/oauth/getTempToken", json_body=body)
    assert answer.json["status"] == 1, answer
    temporary = answer.json["result"]
    assert TEMPORARY.fullmatch(temporary)
    assert answer == done(result=temporary)
    assert service.post("/user/checkOauthToken", json_body={"accessToken": temporary}) == done(result="success")
    # No other token can be had for it.
    assert service.post("/oauth/getTempToken", json_body={"accessToken": temporary}).json["status"] == 0
    assert service.post(path, json_body=body) == done(result="success")
    assert service.post("/user/checkOauthToken", json_body={"accessToken": temporary}) == BAD_TOKEN
    refuses_token(service.get("/users/current", bearer=tokens["accessToken"]))


def test_in_english(service: Service) -> None:
    answer = service.post(
        "/user/checkOauthToken", json_body={"accessToken": "nonsense"}, headers={"Accept-Language": "en-GB"}
    )
    assert answer == failed("The access token is invalid or has expired")
