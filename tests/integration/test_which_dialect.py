"""Which dialect a request is answered in, and what its shape can never do (contract section 1)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lingpai.clients.service import new_client
from tests.support.api import Answer, Api
from tests.support.dialects import (
    ALICE,
    BY_PASSWORD,
    DJANGO,
    NUMBER,
    PASSPORT,
    digests,
    django_tokens,
    failed,
    passport_error,
    passport_tokens,
    sdk,
    usercenter_tokens,
)
from tests.support.expect import standing_api
from tests.support.people import code_for, new_number, somebody
from tests.support.tokens import (
    BAD_CLIENT,
    BAD_SPRING_CLIENT,
    CHALLENGE,
    error,
    missing,
    opens,
    spring_tokens,
    standard_tokens,
    stored,
)

SPRING = {"client_id": "web-client", "client_secret": "web-secret"}
STANDARD = {"client_id": "standard-client", "client_secret": "standard-secret"}
USERCENTER = {"client_id": "23"}
# With a secret, as no client of seed 002's SDK can have one.
CLOSED = {"client_id": "24", "client_secret": "usercenter-secret"}

BAD_PASSPORT_CLIENT = passport_error(401, "invalid_client", "Client authentication failed")
BAD_USERCENTER_CLIENT = failed("客户端认证失败")
# How each confidential client of this deployment is told that it is none.
CONFIDENTIAL = {
    "django-app": BAD_CLIENT,
    "2": BAD_PASSPORT_CLIENT,
    "24": BAD_USERCENTER_CLIENT,
    "web-client": BAD_SPRING_CLIENT,
    "standard-client": BAD_CLIENT,
    "jwt-client": BAD_CLIENT,
    "machine-jwt": BAD_CLIENT,
}
TOKENS_OF: dict[str, tuple[dict[str, str], Callable[[Answer], Any]]] = {
    "django": (DJANGO, django_tokens),
    "passport": (PASSPORT, passport_tokens),
    "usercenter": (USERCENTER, usercenter_tokens),
    "spring": (SPRING, spring_tokens),
    "standard": (STANDARD, standard_tokens),
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api(digest_login=True) as opened:
        store: Any = opened.services.store
        store.put_client(new_client("24", "usercenter", CLOSED["client_secret"]))
        opened.token()
        yield opened


def post(api: Api, fields: dict[str, Any], **how: Any) -> Answer:
    return api.post("/oauth/token", json_body=fields, **how)


# --- the record decides -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", TOKENS_OF)
def test_the_same_request_is_answered_as_the_record_of_its_client_says(api: Api, dialect: str) -> None:
    client, tokens = TOKENS_OF[dialect]
    tokens(post(api, {**client, **BY_PASSWORD}))


@pytest.mark.parametrize("dialect", TOKENS_OF)
def test_the_shape_of_another_dialect_changes_nothing(api: Api, dialect: str) -> None:
    """An empty scope (001), a Basic header (003), a `sysid` (002), each with the client of any."""
    client, tokens = TOKENS_OF[dialect]
    basic = (client["client_id"], client.get("client_secret", ""))
    tokens(post(api, {**client, **BY_PASSWORD, "scope": ""}))
    tokens(post(api, BY_PASSWORD, basic=basic))
    tokens(post(api, {**client, **BY_PASSWORD, "sysid": "aaaa", "sys": "aaaa", "clientId": client["client_id"]}))


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (DJANGO, error(400, "invalid_grant", "Invalid credentials given.")),
        (STANDARD, error(400, "invalid_grant", "Bad credentials")),
        (SPRING, error(400, "invalid_grant", "Bad credentials")),
        (CLOSED, failed("用户名或密码错误")),
    ],
)
def test_an_error_too(api: Api, client: dict[str, str], expected: Answer) -> None:
    wrong = {**BY_PASSWORD, "password": "not her password"}
    for fields in ({}, {"scope": ""}, {"sysid": "aaaa", **digests()}):
        assert post(api, {**client, **wrong, **fields}) == expected


# --- what a shape can never do ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["client_id", "clientId"])
@pytest.mark.parametrize("client", CONFIDENTIAL)
def test_a_body_of_seed_002_opens_no_client_that_has_a_secret(api: Api, client: str, name: str) -> None:
    """Right digests and a right code in it, and an account that they would open; nothing is counted or used up."""
    number = new_number()
    code = code_for(api, number)
    before = stored(api)
    for proof in ({**digests(), "username": "alice"}, {"username": number, "validateCode": code}):
        fields = {"sysid": "aaaa", "sys": "aaaa", name: client, **proof}
        assert post(api, fields) == CONFIDENTIAL[client]
        assert api.post("/oauth/token", form=fields) == CONFIDENTIAL[client]
        assert post(api, {**fields, "client_secret": ""}) == CONFIDENTIAL[client]
    assert stored(api) == before


@pytest.mark.parametrize("path", ["/mobile/token", "/sign/token"])
def test_nor_does_another_path(api: Api, path: str) -> None:
    for client, refused in CONFIDENTIAL.items():
        fields = {"clientId": client, "mobile": NUMBER, "code": "123456", "sign": "o-1"}
        assert api.post(path, json_body=fields) == refused


def test_a_shape_of_seed_002_is_no_grant_for_other_clients(api: Api) -> None:
    """With the right secret as well: only a `usercenter` client may leave out the grant type."""
    for client in (DJANGO, SPRING, STANDARD):
        assert post(api, {**client, "username": "alice", "sysid": "aaaa", **digests()}) == missing("grant_type")


# --- what the client is called ------------------------------------------------------------------------------------


def test_the_client_id_has_two_names(api: Api) -> None:
    for names in ({"client_id": "23"}, {"clientId": "23"}, {"client_id": "23", "clientId": "23"}):
        usercenter_tokens(post(api, {**names, "username": "alice", **digests()}))
        usercenter_tokens(api.post("/oauth/token", form={**names, "username": "alice", **digests()}))
    django_tokens(post(api, {"clientId": "django-app", "client_secret": "django-secret", **BY_PASSWORD}))


def test_the_client_id_may_be_a_whole_number(api: Api) -> None:
    usercenter_tokens(post(api, sdk(client_id=23, **digests())))
    body = sdk(clientId=23, **digests())
    del body["client_id"]
    usercenter_tokens(post(api, body))
    passport_tokens(post(api, {**PASSPORT, **BY_PASSWORD, "client_id": 2}))


@pytest.mark.parametrize("client_id", [2.0, True, [2], {"id": 2}])
def test_nothing_else_may(api: Api, client_id: object) -> None:
    answer = post(api, {**PASSPORT, **BY_PASSWORD, "client_id": client_id})
    assert answer == error(400, "invalid_request", "The parameter client_id must be text")


def test_two_client_ids_that_disagree_are_no_client(api: Api) -> None:
    """Though either would do: which one was meant is not ours to choose. No record is read, so the shape decides."""
    text = "The client ids in the header and the body differ"
    both = {**BY_PASSWORD, "client_secret": "django-secret"}
    disagree = failed("客户端标识不一致")
    assert post(api, {**both, "client_id": "django-app", "clientId": "2"}) == error(
        401, "invalid_client", text, CHALLENGE
    )
    assert post(api, sdk(clientId="24", **digests())) == disagree
    assert post(api, sdk(clientId="25", **digests())) == disagree
    basic = error(401, "invalid_client", text, CHALLENGE)
    assert post(api, {**BY_PASSWORD, "client_id": "2"}, basic=("django-app", "django-secret")) == basic
    assert post(api, {**BY_PASSWORD, "clientId": "23"}, basic=("django-app", "django-secret")) == basic
    assert post(api, {"clientId": "23", **ALICE}, basic=("django-app", "django-secret")) == disagree


def test_basic_and_the_same_id_in_the_body_are_fine(api: Api) -> None:
    for name in ("client_id", "clientId"):
        django_tokens(post(api, {**BY_PASSWORD, name: "django-app"}, basic=("django-app", "django-secret")))
        passport_tokens(post(api, {**BY_PASSWORD, name: 2}, basic=("2", "passport-secret")))


# --- who is no client ---------------------------------------------------------------------------------------------


NOBODY = {"client_id": "nobody"}
NO_CLIENT = {
    "002: sysid": ({**NOBODY, "sysid": "aaaa"}, None, BAD_USERCENTER_CLIENT),
    "002: sys": ({**NOBODY, "sys": "aaaa"}, None, BAD_USERCENTER_CLIENT),
    "002: md5password": ({**NOBODY, "md5password": "0"}, None, BAD_USERCENTER_CLIENT),
    "002: shapassword": ({**NOBODY, "shapassword": "0"}, None, BAD_USERCENTER_CLIENT),
    "002: validateCode": ({**NOBODY, "validateCode": "0"}, None, BAD_USERCENTER_CLIENT),
    "002: validateCode and a space": ({**NOBODY, "validateCode ": "0"}, None, BAD_USERCENTER_CLIENT),
    "002: clientId": ({"clientId": "nobody"}, None, BAD_USERCENTER_CLIENT),
    "002, empty": ({**NOBODY, "sysid": ""}, None, BAD_USERCENTER_CLIENT),
    "002 before 003": ({"sysid": "aaaa"}, ("nobody", "x"), BAD_USERCENTER_CLIENT),
    "002 before 001": ({**NOBODY, "sysid": "aaaa", "scope": ""}, None, BAD_USERCENTER_CLIENT),
    "a grant type is not 002": ({**NOBODY, "sysid": "aaaa", "grant_type": "password"}, None, BAD_CLIENT),
    "003: Basic": (BY_PASSWORD, ("nobody", "x"), BAD_SPRING_CLIENT),
    "003 before 001": ({**BY_PASSWORD, "scope": ""}, ("nobody", "x"), BAD_SPRING_CLIENT),
    "001: an empty scope": ({**NOBODY, **BY_PASSWORD, "scope": ""}, None, BAD_PASSPORT_CLIENT),
    "001: a scope": ({**NOBODY, **BY_PASSWORD, "scope": "read"}, None, BAD_PASSPORT_CLIENT),
    "else standard": ({**NOBODY, **BY_PASSWORD}, None, BAD_CLIENT),
    "no id, 002": ({"username": "alice", "md5password": "0"}, None, BAD_USERCENTER_CLIENT),
    "no id, 001": ({**BY_PASSWORD, "scope": ""}, None, BAD_PASSPORT_CLIENT),
    "no id": (BY_PASSWORD, None, BAD_CLIENT),
    "nothing": ({}, None, BAD_CLIENT),
}


@pytest.mark.parametrize("case", NO_CLIENT)
def test_the_shape_decides_how_a_client_that_is_not_known_is_refused(api: Api, case: str) -> None:
    """The looks of the refusal only: HTTP status, fields, words."""
    fields, basic, refused = NO_CLIENT[case]
    assert api.post("/oauth/token", form=fields, basic=basic) == refused
    assert post(api, fields, basic=basic) == refused


def test_a_header_that_cannot_be_read_is_of_seed_003(api: Api) -> None:
    answer = post(api, {**BY_PASSWORD, **DJANGO}, headers={"Authorization": "Basic ***"})
    assert answer == error(401, "invalid_client", "The Authorization header is not a readable Basic one", CHALLENGE)


@pytest.mark.parametrize("name", ["client_secret", "md5password", "shapassword", "validateCode", "username"])
def test_nothing_that_proves_may_stand_in_the_address(api: Api, name: str) -> None:
    """Addresses end up in logs. No client is looked for, and the answer is that of RFC 6749."""
    text = f"Send {name} in the body, not in the query string: addresses end up in logs"
    answer = api.post(f"/oauth/token?{name}=x", json_body=sdk(**digests()))
    assert answer == error(400, "invalid_request", text)


def test_a_parameter_twice_is_refused(api: Api) -> None:
    """White space around a name does not make it another."""
    twice = error(400, "invalid_request", "The parameter validateCode is given twice")
    assert post(api, sdk(**{"validateCode": "1", "validateCode ": "2"})) == twice
    body = b"client_id=23&username=alice&validateCode=1&validateCode=2"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert api.post("/oauth/token", body=body, headers=form) == twice


# --- a number as a name ---------------------------------------------------------------------------------------------

SPELT = [NUMBER, f"+86{NUMBER}", f"0086{NUMBER}", "133 1234 1234", "133-1234-1234", "１３３１２３４１２３４"]


@pytest.mark.parametrize("name", SPELT)
def test_nobody_takes_a_number_for_a_name(api: Api, name: str) -> None:
    """Neither one that somebody has nor one that somebody may get, by whichever way accounts are made or renamed."""
    free = name.replace("133", "139").replace("１３３", "１３９")
    before = stored(api)["identities"]
    zh = "形如手机号的用户名只能由该号码的账号使用"
    admin, bob = api.admin(), api.user_id("bob")
    for taken in (name, free):
        body = {"username": taken, "password": "a longer password"}
        assert api.post("/users/register", json_body=body).json == {"status": 400, "error": zh}
        answer = api.post("/User/Register", json_body={"userName": taken, "password": "a longer password"})
        assert answer.json == {"result": {"code": 0, "msg": zh, "data": ""}}
        assert api.post("/users/save", json_body=body, bearer=admin).json == {"status": 400, "error": zh}
        renamed = {"id": bob, "username": taken}
        assert api.post("/users/save", json_body=renamed, bearer=admin).json == {"status": 400, "error": zh}
    assert stored(api)["identities"] == before


def test_a_number_logs_in_its_owner_and_nobody_else(api: Api) -> None:
    """By password in every dialect, by digests and by code: alice's number and bob's password are no login."""
    bob = "battery staple correct"
    api.token("bob", bob)
    refused = {"username": NUMBER, "grant_type": "password", "password": bob}
    assert post(api, {**DJANGO, **refused}).json["error"] == "invalid_grant"
    assert post(api, {**PASSPORT, **refused}).json["error"] == "invalid_credentials"
    assert post(api, {**SPRING, **refused}).json["error"] == "invalid_grant"
    assert post(api, {**USERCENTER, **refused}) == failed("用户名或密码错误")
    assert post(api, sdk(NUMBER, **digests(bob))) == failed("用户名或密码错误")
    for client, tokens in ((DJANGO, django_tokens), (PASSPORT, passport_tokens), (SPRING, spring_tokens)):
        assert opens(api, tokens(post(api, {**client, **BY_PASSWORD, "username": NUMBER})))["username"] == "alice"


def test_a_code_sent_to_one_number_opens_no_other_account(api: Api) -> None:
    """The code is right, for another's number: neither the name nor the number of a victim goes with it."""
    mine, hers = somebody(api, number=True), somebody(api, number=True)
    assert mine.number
    code = code_for(api, mine.number)
    assert post(api, sdk(hers.username, validateCode=code)) == failed("验证码错误或已失效")
    assert post(api, sdk(hers.number, validateCode=code)) == failed("验证码错误或已失效")
    usercenter_tokens(post(api, sdk(mine.username, validateCode=code)))
