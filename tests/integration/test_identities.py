"""`/users/identities`, `link` and `unlink`: what logs in to one's own account, told, added and taken away."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.accounts.storage import DisableUser
from lingpai.authentication import factors
from lingpai.identity_providers.model import Identity
from lingpai.kernel.errors import unavailable
from tests.support.api import Answer
from tests.support.expect import asks_for_token, everything, gives, refuses, refuses_token, succeeds
from tests.support.openid import NONCE
from tests.support.people import APP, PASSWORD, WEB, Person, code_for, machine, new_number, somebody
from tests.support.third_parties import GOOGLE_CLIENT, MINI_CLIENT, SECOND_CLIENT, Town, town
from tests.support.wechat import MINI, SECOND

PATHS = ("/users/identities", "/users/identities/link", "/users/identities/unlink")
NOT_ALLOWED = "该客户端不能关联此登录方式"
TAKEN = "该 openId 已属于另一个账号"
USED_AS_PROOF = {"status": 403, "error": "ID Token 已被使用", "reason": "recent_login_required"}
_people = itertools.count(1)


@pytest.fixture(scope="module")
def here() -> Iterator[Town]:
    with town() as made:
        yield made


@pytest.fixture(autouse=True)
def _whole(here: Town) -> Iterator[None]:
    yield
    here.whole()


def new_subject() -> str:
    return f"subject-{next(_people):08d}"


def link(here: Town, token: str, **body: Any) -> Answer:
    return here.api.post(PATHS[1], json_body=body, bearer=token)


def link_google(here: Town, person: Person, subject: str) -> None:
    gives(link(here, person.token, provider="google", sign=here.id_token(subject)))


def unlink(here: Town, token: str, **body: Any) -> Answer:
    return here.api.post(PATHS[2], json_body=body, bearer=token)


def listed(here: Town, token: str) -> Any:
    return gives(here.api.post(PATHS[0], bearer=token))


def opened_by(here: Town, client: tuple[str, str], sign: str) -> int:
    user_id: int = gives(here.api.post("/users/current", bearer=here.token(client, sign)))["id"]
    return user_id


def shown(here: Town, subject: str) -> dict[str, str]:
    return {"provider": "google", "app": here.to_google.url, "id": f"{subject[:4]}***{subject[-4:]}"}


# --- the list ---------------------------------------------------------------------------------------------


def test_the_list_of_an_account(here: Town) -> None:
    person = somebody(here.api, number=True)
    assert person.number
    expected = {
        "username": True,
        "password": True,
        "phone": f"{person.number[:3]}****{person.number[-4:]}",
        "identities": [],
    }
    token = person.token
    succeeds(here.api.post(PATHS[0], bearer=token), expected)
    succeeds(here.api.call("GET", PATHS[0], bearer=token), expected)


def test_the_list_of_an_account_that_wechat_made(here: Town) -> None:
    code = here.wechat.log_in("oGZUI0egBJY1zhBYw2KhdUfwVJJE", unionid="u-listed")
    assert listed(here, here.token(MINI_CLIENT, code)) == {
        "username": False,
        "password": False,
        "phone": None,
        "identities": [{"provider": "wechat", "app": MINI, "id": "oGZU***VJJE"}],
    }


@pytest.mark.parametrize(
    ("openid", "masked"),
    [("a", "***"), ("abc", "***"), ("abcd", "a***d"), ("abcdefgh", "ab***gh"), ("x" * 60, "xxxx***xxxx")],
)
def test_a_short_id_is_masked_all_the_more(here: Town, openid: str, masked: str) -> None:
    answer = here.api.post("/sign/token", form={"sign": openid}, basic=WEB)
    identities = listed(here, answer.json["access_token"])["identities"]
    assert identities == [{"provider": "trusted", "app": "default", "id": masked}]


# --- linking ----------------------------------------------------------------------------------------------


def test_linked_by_the_clients_own_provider(here: Town) -> None:
    """The token is the mini-program's, and so is the code."""
    user_id = opened_by(here, MINI_CLIENT, here.wechat.log_in("o-own-1"))
    token = here.token(MINI_CLIENT, here.wechat.log_in("o-own-1"))
    # The same again is no mistake, whichever way it is named.
    for body in ({}, {"provider": "wechat"}, {"provider": None}, {"provider": ""}):
        gives(link(here, token, sign=here.wechat.log_in("o-own-1"), **body))
    assert opened_by(here, MINI_CLIENT, here.wechat.log_in("o-own-1")) == user_id


def test_linked_by_a_provider_that_the_deployment_names(here: Town) -> None:
    person, subject = somebody(here.api), new_subject()
    answer = link(here, person.token, provider="google", sign=here.id_token(subject))
    assert gives(answer)["identities"] == [shown(here, subject)]
    assert opened_by(here, GOOGLE_CLIENT, here.id_token(subject)) == person.id


def test_the_nonce_counts_here_too(here: Town) -> None:
    person, subject = somebody(here.api), new_subject()
    token, sign = person.token, here.id_token(subject, nonce=NONCE)
    refuses(link(here, token, provider="google", sign=sign), 400, "缺少参数 nonce")
    refuses(link(here, token, provider="google", sign=sign, nonce="x"), 400, "nonce 不匹配")
    gives(link(here, token, provider="google", sign=sign, nonce=NONCE))
    refuses(link(here, token, provider="google", sign=sign, nonce=NONCE), 400, "ID Token 已被使用")


@pytest.mark.security("ASVS-6.8.1")
def test_the_identity_of_another_account_stays_there(here: Town) -> None:
    subject = new_subject()
    owner = opened_by(here, GOOGLE_CLIENT, here.id_token(subject))
    person = somebody(here.api)
    token, sign = person.token, here.id_token(subject)
    before = everything(here.api)
    refuses(link(here, token, provider="google", sign=sign), 409, TAKEN)
    assert everything(here.api) == before
    assert opened_by(here, GOOGLE_CLIENT, here.id_token(subject)) == owner


def test_another_identity_of_the_same_provider_is_not_put_in_its_place(here: Town) -> None:
    person, subject = somebody(here.api), new_subject()
    link_google(here, person, subject)
    token, sign = person.token, here.id_token(new_subject())
    before = everything(here.api)
    refuses(link(here, token, provider="google", sign=sign), 409, "账号已关联该平台的另一个身份，请先解除")
    assert everything(here.api) == before


def test_a_client_that_is_trusted_says_nothing_for_a_user(here: Town) -> None:
    """It would be the user's own word: whoever has a token could name any openId, and be its holder."""
    person = somebody(here.api)
    token, before = person.token, everything(here.api)
    for body in ({}, {"provider": "trusted"}):
        refuses(link(here, token, sign="o-anybody", **body), 403, "该登录方式只能由管理员关联")
    assert everything(here.api) == before


@pytest.mark.parametrize("provider", ["wechat", "apple", "oidc", "Google", "trusted:default"])
def test_a_provider_that_is_neither_the_clients_nor_named(here: Town, provider: str) -> None:
    person = somebody(here.api)
    token, before = person.token, everything(here.api)
    refuses(link(here, token, provider=provider, sign=here.wechat.log_in("o-foreign")), 403, NOT_ALLOWED)
    assert everything(here.api) == before


def test_a_client_without_a_provider(here: Town) -> None:
    token = somebody(here.api).log_in(APP)["access_token"]
    refuses(link(here, token, sign="o-anybody"), 403, NOT_ALLOWED)


def test_what_the_deployment_does_not_name_is_not_linked_elsewhere(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = here.api.services.settings.model_copy(update={"link_providers": ()})
    monkeypatch.setattr(bootstrap, "services", lambda: replace(here.api.services, settings=settings))
    person, subject = somebody(here.api), new_subject()
    sign = here.id_token(subject)
    refuses(link(here, person.token, provider="google", sign=sign), 403, NOT_ALLOWED)
    # The client's own it is all the same.
    token = here.token(GOOGLE_CLIENT, sign)
    gives(link(here, token, provider="google", sign=here.id_token(subject)))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "缺少参数 sign"),
        ({"sign": ""}, "缺少参数 sign"),
        ({"sign": 5}, "参数 sign 必须是文本"),
        ({"sign": "a\nb"}, "参数 sign 含有控制字符"),
        ({"sign": "x" * 16385}, "参数 sign 不能超过 16384 个字符"),
        ({"sign": "x", "nonce": 5}, "参数 nonce 必须是文本"),
        ({"sign": "x", "provider": ["google"]}, "参数 provider 必须是文本"),
        ({"sign": "x", "provider": "google"}, "ID Token 无效"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_links_nothing(here: Town, body: dict[str, Any], text: str) -> None:
    refuses(link(here, somebody(here.api).token, **body), 400, text)


def test_a_third_party_that_does_not_answer(here: Town) -> None:
    token = here.token(MINI_CLIENT, here.wechat.log_in("o-waiting"))
    here.to_wechat.fault = "closed"
    refuses(
        link(here, token, sign=here.wechat.log_in("o-waiting")),
        503,
        "第三方登录暂时不可用，请稍后再试",
        {"retry-after": "1"},
    )


# --- unlinking --------------------------------------------------------------------------------------------


def test_unlinked_it_logs_in_no_more(here: Town) -> None:
    person, subject = somebody(here.api), new_subject()
    link_google(here, person, subject)
    assert gives(unlink(here, person.token, provider="google"))["identities"] == []
    assert opened_by(here, GOOGLE_CLIENT, here.id_token(subject)) != person.id


@pytest.mark.security("ASVS-6.5.6", "ASVS-7.4.3")
def test_other_sessions_end(here: Town) -> None:
    """Whoever came in by it is out."""
    person, subject = somebody(here.api), new_subject()
    link_google(here, person, subject)
    theirs, mine = here.token(GOOGLE_CLIENT, here.id_token(subject)), person.token
    gives(unlink(here, mine, provider="google"))
    refuses_token(here.api.post(PATHS[0], bearer=theirs))
    listed(here, mine)


def test_the_last_way_in_stays(here: Town) -> None:
    subject = new_subject()
    token = here.token(GOOGLE_CLIENT, here.id_token(subject))
    before = everything(here.api)
    refuses(unlink(here, token, provider="google"), 409, "不能解除唯一的登录方式")
    assert everything(here.api) == before
    english = here.api.post(PATHS[2], json_body={"provider": "google"}, bearer=token, headers={"Accept-Language": "en"})
    refuses(english, 409, "This is the only way to log in to the account: link another one first")


def test_one_app_or_all_of_wechat(here: Town) -> None:
    token = here.token(MINI_CLIENT, here.wechat.log_in("o-one", unionid="u-one"))
    here.token(SECOND_CLIENT, here.wechat.log_in("o-two", app=SECOND, unionid="u-one"))
    gives(link(here, token, provider="google", sign=here.id_token(new_subject())))
    assert [one["app"] for one in listed(here, token)["identities"]] == [here.to_google.url, MINI, SECOND]
    refuses(unlink(here, token, provider="wechat", app="wx0000000000000000"), 404, "账号未关联该身份")
    left = gives(unlink(here, token, provider="wechat", app=SECOND))
    assert [one["provider"] for one in left["identities"]] == ["google"], "the unionid joins them: they go together"


@pytest.mark.parametrize("provider", ["google", "wechat", "trusted", "apple", "username", "mobile", "oidc"])
def test_what_is_not_linked(here: Town, provider: str) -> None:
    person = somebody(here.api, number=True)
    token, before = person.token, everything(here.api)
    refuses(unlink(here, token, provider=provider), 404, "账号未关联该身份")
    assert everything(here.api) == before


@pytest.mark.parametrize(("body", "text"), [({}, "缺少参数 provider"), ({"provider": 5}, "参数 provider 必须是文本")])
def test_what_unlinks_nothing(here: Town, body: dict[str, Any], text: str) -> None:
    refuses(unlink(here, somebody(here.api).token, **body), 400, text)


# --- who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_nobody_but_the_user(here: Town, path: str) -> None:
    body = {"sign": "x", "provider": "google"}
    asks_for_token(here.api.post(path, json_body=body))
    refuses_token(here.api.post(path, json_body=body, bearer="x.y"))
    refuses(here.api.post(path, json_body=body, bearer=machine(here.api)), 403, "该令牌属于客户端，不属于用户")


@pytest.mark.parametrize("path", PATHS)
def test_nobody_that_is_disabled(here: Town, path: str) -> None:
    person = somebody(here.api)
    token = person.token
    here.api.services.store.commit(DisableUser(person.id))
    refuses_token(here.api.post(path, json_body={"sign": "x", "provider": "google"}, bearer=token))


def test_nobody_by_a_token_that_was_lent(here: Town) -> None:
    """A temporary token dies in five minutes: what its holder made with it must not outlive it."""
    person, subject = somebody(here.api), new_subject()
    link_google(here, person, subject)
    parent = person.token
    lent = here.api.post("/oauth/getTempToken", json_body={"accessToken": parent}).json["result"]
    before = everything(here.api)
    for answer in (
        link(here, lent, provider="google", sign=here.id_token(subject)),
        unlink(here, lent, provider="google"),
    ):
        refuses(answer, 403, "临时令牌只能查询，不能更改")
    assert everything(here.api) == before
    assert listed(here, lent) == listed(here, parent)


def test_an_id_in_the_body_names_nobody_else(here: Town) -> None:
    """There is no such field: an admin uses `/users/update`."""
    person, other = somebody(here.api), somebody(here.api)
    subject = new_subject()
    gives(link(here, person.token, provider="google", sign=here.id_token(subject), id=other.id, userId=other.id))
    assert opened_by(here, GOOGLE_CLIENT, here.id_token(subject)) == person.id


def test_an_admin_gives_an_openid_in_the_clients_app(here: Town) -> None:
    """By a token of a client of WeChat or of an OpenID provider, it is that third party's id."""
    person, admin, subject = somebody(here.api), here.api.user_id("admin"), new_subject()
    factors.link_identity(here.api.services, admin, Identity("oidc", here.to_google.url, "subject-of-the-admin"))
    token = here.token(GOOGLE_CLIENT, here.id_token("subject-of-the-admin"))
    succeeds(here.api.post("/users/update", json_body={"id": person.id, "openId": subject}, bearer=token))
    assert opened_by(here, GOOGLE_CLIENT, here.id_token(subject)) == person.id


def test_a_refusal_in_english(here: Town) -> None:
    english = {"Accept-Language": "en"}
    answer = here.api.post(PATHS[1], json_body={"sign": "x"}, bearer=here.api.token(), headers=english)
    refuses(answer, 403, "This provider proves nothing to us: ask an admin to link it")


# --- the word of a third party as proof of the account ------------------------------------------------------


def change_phone(here: Town, person: Person, token: str, **proof: Any) -> Answer:
    number = new_number()
    body = {"id": person.id, "phone": number, "code": code_for(here.api, number), **proof}
    return here.api.post("/users/update", json_body=body, bearer=token)


@pytest.mark.security("F11")
def test_who_a_third_party_says_is_there_proves_the_account(here: Town) -> None:
    """Where the login is not recent: an identity that the account has, and no other."""
    person, subject = somebody(here.api), new_subject()
    link_google(here, person, subject)
    token = person.token
    here.api.time.advance(here.api.services.settings.recent_login + 1)
    stranger = change_phone(here, person, token, provider="google", sign=here.id_token(new_subject()))
    assert (stranger.status, stranger.json["reason"]) == (403, "recent_login_required")
    broken = change_phone(here, person, token, provider="google", sign="no token at all")
    assert (broken.status, broken.json["reason"]) == (403, "recent_login_required")
    claimed = change_phone(here, person, token, provider="trusted", sign=subject)
    assert (claimed.status, claimed.json["reason"]) == (403, "recent_login_required")
    assert person.stored().mobile is None
    succeeds(change_phone(here, person, token, provider="google", sign=here.id_token(subject)))


@pytest.mark.security("F11")
def test_an_id_token_proves_the_account_once(here: Town) -> None:
    """One that has logged in, or has proven the account before, is none: whoever found it later could use it."""
    person, subject = somebody(here.api), new_subject()
    link_google(here, person, subject)
    token, used, fresh = person.token, here.id_token(subject), here.id_token(subject)
    assert opened_by(here, GOOGLE_CLIENT, used) == person.id
    here.api.time.advance(here.api.services.settings.recent_login + 1)
    answer = change_phone(here, person, token, provider="google", sign=used)
    assert (answer.status, answer.json) == (403, USED_AS_PROOF)
    assert person.stored().mobile is None
    succeeds(change_phone(here, person, token, provider="google", sign=fresh))
    number = person.stored().mobile
    answer = change_phone(here, person, token, provider="google", sign=fresh)
    assert (answer.status, answer.json) == (403, USED_AS_PROOF)
    body = {"id": person.id, "provider": "google", "sign": fresh}
    assert here.api.post("/users/phone/remove", json_body=body, bearer=token).json == USED_AS_PROOF
    assert person.stored().mobile == number


@pytest.mark.security("F19")
def test_a_removal_by_an_id_token_can_be_repeated(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it failed after its transaction, which used the ID token up."""
    person, subject = somebody(here.api, number=True), new_subject()
    link_google(here, person, subject)
    token, fresh = person.token, here.id_token(subject)
    here.api.time.advance(here.api.services.settings.recent_login + 1)
    body = {"id": person.id, "provider": "google", "sign": fresh}

    def broken(*_: Any) -> None:
        raise unavailable()

    with monkeypatch.context() as patched:
        patched.setattr(type(here.api.services.store), "end_sessions", broken)
        assert here.api.post("/users/phone/remove", json_body=body, bearer=token).status == 503
    succeeds(here.api.post("/users/phone/remove", json_body=body, bearer=token))
    here.api.time.advance(61)
    assert here.api.post("/users/phone/remove", json_body=body, bearer=token).json == USED_AS_PROOF


@pytest.mark.security("F11")
def test_linking_needs_a_recent_login_or_proof_and_ends_other_sessions(here: Town) -> None:
    """The identity that is to be linked proves nothing of the account."""
    person, subject = somebody(here.api), new_subject()
    token, other = person.token, person.token
    here.api.time.advance(here.api.services.settings.recent_login + 1)
    refused = link(here, token, provider="google", sign=here.id_token(subject))
    assert (refused.status, refused.json["reason"]) == (403, "recent_login_required")
    gives(link(here, token, provider="google", sign=here.id_token(subject), password=PASSWORD))
    assert here.api.post("/users/current", bearer=token).status == 200
    assert here.api.post("/users/current", bearer=other).status == 401
