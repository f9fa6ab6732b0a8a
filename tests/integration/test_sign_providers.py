"""Logging in by WeChat and by OpenID providers: whole answers, in the dialects, and the refusals."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Answer
from tests.support.dialects import failed, passport_error
from tests.support.logs import LOGS
from tests.support.openid import NONCE
from tests.support.third_parties import (
    GOOGLE_CLIENT,
    MINI_CLIENT,
    PUBLIC_CLIENT,
    SECOND_CLIENT,
    STANDARD_CLIENT,
    Town,
    town,
)
from tests.support.tokens import calls, error, missing, opens, spring_tokens, standard_tokens, stored

BUSY = "The identity provider cannot be asked: try again in a moment"


@pytest.fixture(scope="module")
def here() -> Iterator[Town]:
    """One for all: each test has people of its own."""
    with town() as made:
        yield made


@pytest.fixture(autouse=True)
def _whole(here: Town) -> Iterator[None]:
    yield
    here.whole()


def kept(here: Town, user: Any) -> dict[str, str]:
    account = here.api.services.store.get_user(user["id"])
    assert account is not None
    return dict(account.openids)


# --- WeChat -----------------------------------------------------------------------------------------------


def test_a_js_code_opens_an_account(here: Town) -> None:
    user = opens(here.api, spring_tokens(here.sign(MINI_CLIENT, here.wechat.log_in("o-new"))))
    assert user == {
        "id": user["id"],
        "username": None,
        "phone": None,
        "openId": "o-new",
        "roleList": [],
        "createTime": "2030-01-01 16:00:00",
    }
    assert kept(here, user) == {"wechat:wx0123456789abcdef": "o-new"}
    again = opens(here.api, spring_tokens(here.sign(MINI_CLIENT, here.wechat.log_in("o-new"))))
    assert again == user


def test_the_unionid_leads_another_app_to_the_same_account(here: Town) -> None:
    first = opens(here.api, spring_tokens(here.sign(MINI_CLIENT, here.wechat.log_in("o-a", unionid="u-a"))))
    code = here.wechat.log_in("o-a-2", app="wxfedcba9876543210", unionid="u-a")
    second = opens(here.api, spring_tokens(here.sign(SECOND_CLIENT, code)))
    assert first["id"] == second["id"]
    assert first["openId"] == second["openId"] == "o-a"
    assert kept(here, first) == {
        "wechat:unionid": "u-a",
        "wechat:wx0123456789abcdef": "o-a",
        "wechat:wxfedcba9876543210": "o-a-2",
    }


def test_without_a_unionid_the_apps_have_accounts_of_their_own(here: Town) -> None:
    first = opens(here.api, spring_tokens(here.sign(MINI_CLIENT, here.wechat.log_in("o-same"))))
    code = here.wechat.log_in("o-same", app="wxfedcba9876543210")
    assert opens(here.api, spring_tokens(here.sign(SECOND_CLIENT, code)))["id"] != first["id"]


def test_a_public_client_may_since_wechat_proves_it(here: Town) -> None:
    code = here.wechat.log_in("o-public")
    answer = here.api.post("/sign/token", form={"sign": code, "client_id": PUBLIC_CLIENT})
    assert opens(here.api, standard_tokens(answer, None))["openId"] == "o-public"


REFUSALS: tuple[tuple[int, Answer], ...] = (
    (40029, error(400, "invalid_grant", "The code is not one that this app was given just now")),
    (40163, error(400, "invalid_grant", "The code was used before: get a new one")),
    (40226, error(400, "invalid_grant", "WeChat does not let this user log in")),
    (
        45011,
        error(429, "too_many_requests", "Too many logins at the provider: wait before the next", {"retry-after": "60"}),
    ),
    (-1, error(503, "temporarily_unavailable", BUSY, {"retry-after": "1"})),
    (40125, error(503, "temporarily_unavailable", BUSY, {"retry-after": "1"})),
)


@pytest.mark.parametrize(("errcode", "answer"), REFUSALS)
def test_what_wechat_refuses(here: Town, errcode: int, answer: Answer) -> None:
    before = stored(here.api)
    here.wechat.says = {"errcode": errcode, "errmsg": "whatever"}
    assert here.sign(MINI_CLIENT, here.wechat.log_in("o-refused")) == answer
    # The question was counted.
    assert {**stored(here.api), "counters": before["counters"]} == before


def test_a_used_code_and_a_code_of_another_app(here: Town) -> None:
    code = here.wechat.log_in("o-used")
    spring_tokens(here.sign(MINI_CLIENT, code))
    assert here.sign(MINI_CLIENT, code) == REFUSALS[1][1]
    assert here.sign(SECOND_CLIENT, here.wechat.log_in("o-used")) == REFUSALS[0][1]
    assert here.sign(MINI_CLIENT, "no code of anybody") == REFUSALS[0][1]


def test_what_is_wrong_at_wechat_is_in_the_log_and_no_secret_with_it(here: Town) -> None:
    here.wechat.says = {"errcode": 40125, "errmsg": "invalid appsecret"}
    here.sign(MINI_CLIENT, here.wechat.log_in("o-logged"))
    assert any("wechat wx0123456789abcdef: errcode 40125" in line for line in LOGS.lines)
    here.wechat.says = None
    here.to_wechat.fault = "silence"
    here.sign(MINI_CLIENT, here.wechat.log_in("o-logged"))
    assert any("wechat wx0123456789abcdef: TimeoutError" in line for line in LOGS.lines)
    assert LOGS.leaks() == []


@pytest.fixture
def on_moto() -> Iterator[Town]:
    with town("moto") as made:
        yield made


def test_the_calls_of_a_login(on_moto: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question to WeChat, names in one call, one transaction; reading the account only where it gets a name."""
    here = on_moto
    here.token(MINI_CLIENT, here.wechat.log_in("o-calls"))
    here.token(SECOND_CLIENT, here.wechat.log_in("o-warm", app="wxfedcba9876543210"))
    here.token(GOOGLE_CLIENT, here.id_token("subject-warm"))
    with monkeypatch.context() as patch:
        sent = calls(patch, here.api)
        here.token(MINI_CLIENT, here.wechat.log_in("o-calls"))
        assert sent == ["UpdateItem", "GetItem", "TransactWriteItems"]
        del sent[:]
        here.token(MINI_CLIENT, here.wechat.log_in("o-calls", unionid="u-calls"))
        assert sent == ["UpdateItem", "BatchGetItem", "GetItem", "TransactWriteItems"]
        del sent[:]
        here.token(MINI_CLIENT, here.wechat.log_in("o-calls", unionid="u-calls"))
        assert sent == ["UpdateItem", "BatchGetItem", "TransactWriteItems"]
        del sent[:]
        here.token(GOOGLE_CLIENT, here.id_token("subject-calls"))
        assert sent == ["GetItem", "TransactWriteItems"]


# --- OpenID -----------------------------------------------------------------------------------------------


def test_an_id_token_opens_an_account(here: Town) -> None:
    user = opens(here.api, spring_tokens(here.sign(GOOGLE_CLIENT, here.id_token("subject-new"))))
    issuer = here.to_google.url.replace(":", "%3A")
    assert (user["openId"], kept(here, user)) == ("subject-new", {f"oidc:{issuer}": "subject-new"})
    answer = here.sign(GOOGLE_CLIENT, here.id_token("subject-new", aud="our-web.example"))
    assert opens(here.api, spring_tokens(answer)) == user


def test_the_extension_grant_does_the_same(here: Town) -> None:
    user = opens(here.api, spring_tokens(here.sign(GOOGLE_CLIENT, here.id_token("subject-std"))))
    form = {"grant_type": "urn:lingpai:grant:sign", "sign": here.id_token("subject-std", nonce=NONCE), "nonce": NONCE}
    answer = here.api.post("/oauth/token", form=form, basic=STANDARD_CLIENT)
    assert opens(here.api, standard_tokens(answer, None)) == user
    used = error(400, "invalid_grant", "The ID token was used before: get a new one")
    assert here.api.post("/oauth/token", form=form, basic=STANDARD_CLIENT) == used


@pytest.mark.parametrize(
    ("claims", "more", "answer"),
    [
        ({"aud": "theirs.example"}, {}, error(400, "invalid_grant", "The ID token was made by or for somebody else")),
        ({"exp": 1}, {}, error(400, "invalid_grant", "The ID token has expired or is not good yet")),
        ({"number": 1}, {}, error(400, "invalid_grant", "This is no ID token that its provider has signed")),
        ({"nonce": NONCE}, {}, missing("nonce")),
        ({"nonce": NONCE}, {"nonce": "x"}, error(400, "invalid_grant", "The nonce is not that of the ID token")),
        ({}, {"nonce": NONCE}, error(400, "invalid_grant", "The nonce is not that of the ID token")),
    ],
    ids=str,
)
def test_what_is_refused(here: Town, claims: dict[str, Any], more: dict[str, str], answer: Answer) -> None:
    before = stored(here.api)
    assert here.sign(GOOGLE_CLIENT, here.id_token("subject-refused", **claims), **more) == answer
    assert stored(here.api) == before


def test_each_dialect_refuses_in_its_own_words(here: Town) -> None:
    def ask(client_id: str, secret: str | None, sign: str) -> Answer:
        form = {"client_id": client_id, "sign": sign} | ({"client_secret": secret} if secret else {})
        return here.api.post("/sign/token", form=form)

    foreign = "The ID token was made by or for somebody else"
    answers = {
        "django-google": ("django-secret", error(400, "invalid_grant", foreign)),
        "passport-google": ("passport-secret", passport_error(400, "invalid_grant", foreign)),
        "usercenter-google": (None, failed("ID Token 不是签发给该应用的")),
    }
    for client_id, (secret, answer) in answers.items():
        assert ask(client_id, secret, here.id_token("subject-dialect", aud="theirs.example")) == answer
        assert ask(client_id, secret, here.id_token(f"subject-{client_id}")).status == 200


def test_a_provider_that_does_not_answer(here: Town) -> None:
    """Its keys are at hand: those go on, and only who names another key is told to come again."""
    here.token(GOOGLE_CLIENT, here.id_token("subject-alive"))
    here.to_google.fault = "500"
    here.token(GOOGLE_CLIENT, here.id_token("subject-alive"))
    answer = here.sign(GOOGLE_CLIENT, here.id_token("subject-alive", kid="new-one", number=2))
    assert answer == error(503, "temporarily_unavailable", BUSY, {"retry-after": "1"})
    here.token(GOOGLE_CLIENT, here.id_token("subject-alive"))


@pytest.mark.parametrize("name", ["sign", "nonce"])
def test_a_proof_in_the_address_is_refused(here: Town, name: str) -> None:
    answer = here.api.post(f"/sign/token?{name}=x", form={"sign": "x"}, basic=GOOGLE_CLIENT)
    text = f"Send {name} in the body, not in the query string: addresses end up in logs"
    assert answer == error(400, "invalid_request", text)
