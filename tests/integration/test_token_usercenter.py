"""`/oauth/token` for `usercenter` clients (seed 002): every outcome, whole, and all of them with HTTP status 200."""

from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser
from lingpai.clients.service import new_client
from tests.support.api import Answer, Api
from tests.support.dialects import (
    ALICE,
    BY_PASSWORD,
    DAY,
    GRACE,
    NUMBER,
    PASSWORD,
    RETRY,
    digests,
    done,
    failed,
    is_good,
    sdk,
    usercenter_tokens,
)
from tests.support.expect import standing_api
from tests.support.people import PASSWORD as THEIRS
from tests.support.people import Person, code_for, new_number, somebody
from tests.support.tokens import TOKEN_PATHS, stored

WRONG_PASSWORD = failed("用户名或密码错误")
WRONG_CODE = failed("验证码错误或已失效")
BAD_CLIENT = failed("客户端认证失败")
BAD_SCOPE = failed("scope 无效或超出授权范围")
BAD_REFRESH_TOKEN = failed("刷新令牌无效")
CONFIDENTIAL = {"client_id": "24", "client_secret": "usercenter-secret"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all, where digest login is on and everybody has logged in once before."""
    with standing_api(digest_login=True) as opened:
        store: Any = opened.services.store
        store.put_client(new_client("24", "usercenter", CONFIDENTIAL["client_secret"], scopes=("read", "write")))
        opened.token()
        yield opened


def ask(api: Api, **fields: Any) -> Answer:
    """A body as the SDK sends it."""
    return api.post("/oauth/token", json_body=sdk(**fields))


def refresh(api: Api, token: str, **fields: str) -> Answer:
    form = {"client_id": "23", "grant_type": "refresh_token", "refresh_token": token, **fields}
    return api.post("/oauth/token", form=form)


def missing(name: str) -> Answer:
    return failed(f"缺少参数 {name}")


def newcomer(api: Api, *, number: bool = False, password: bool = True) -> Person:
    """An account of its own, which has used its password in clear once, so that its digests are known."""
    person = somebody(api, number=number, password=password)
    if password:
        assert person.token
    return person


def user_of(api: Api, tokens: Any) -> Any:
    """The account that the access token opens."""
    return api.post("/user/getUserByToken", json_body={"accessToken": tokens["accessToken"]}).json["data"]


# --- both digests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_both_digests_give_tokens(api: Api, path: str) -> None:
    tokens = usercenter_tokens(api.post(path, json_body=sdk(**digests())))
    assert user_of(api, tokens)["username"] == "alice"


@pytest.mark.parametrize(
    "names",
    [
        {"sysid": "aaaa", "client_id": "23"},
        {"sys": "aaaa", "clientId": "23"},
        {"sysId": "aaaa", "clientId": "23", "client_id": "23"},
        {"client_id": "23"},
    ],
)
def test_the_table_and_the_example_of_the_seed_spell_it_differently(api: Api, names: dict[str, str]) -> None:
    body = {**names, "username": "alice", **digests()}
    usercenter_tokens(api.post("/oauth/token", json_body=body))
    usercenter_tokens(api.post("/oauth/token", form=body))


def test_the_username_may_be_the_mobile_number(api: Api) -> None:
    assert user_of(api, usercenter_tokens(ask(api, username=NUMBER, **digests())))["username"] == "alice"


def test_the_access_token_lives_a_day(api: Api) -> None:
    tokens = usercenter_tokens(ask(api, **digests()))
    api.time.advance(DAY - 1)
    assert is_good(api, tokens["accessToken"])
    api.time.advance(1)
    assert not is_good(api, tokens["accessToken"])


def test_wrong_digests_are_refused_as_an_unknown_and_a_disabled_user_are(api: Api) -> None:
    """Byte for byte: whoever guesses learns nothing of which accounts there are."""
    disabled, without, never = newcomer(api), newcomer(api, password=False), somebody(api)
    usercenter_tokens(ask(api, username=disabled.username, **digests(THEIRS)))
    api.services.store.commit(DisableUser(disabled.id))
    refused = [
        ask(api, **digests("not her password")),
        ask(api, username="nobody", **digests()),
        ask(api, username=disabled.username, **digests(THEIRS)),
        ask(api, username=without.username, **digests(THEIRS)),
        ask(api, username=never.username, **digests(THEIRS)),
        ask(api, username="13800000000", **digests()),
        ask(api, md5password="test", shapassword="test"),
    ]
    assert refused == [WRONG_PASSWORD] * 7


@pytest.mark.parametrize("wrong", ["md5password", "shapassword"])
def test_one_right_digest_is_not_enough(api: Api, wrong: str) -> None:
    assert ask(api, **{**digests(), wrong: digests("another password")[wrong]}) == WRONG_PASSWORD


@pytest.mark.parametrize("name", ["md5password", "shapassword", "username"])
def test_a_missing_parameter_is_named(api: Api, name: str) -> None:
    body = sdk(**digests())
    del body[name]
    assert api.post("/oauth/token", json_body=body) == missing(name)
    assert api.post("/oauth/token", json_body={**body, name: ""}) == missing(name)
    assert api.post("/oauth/token", json_body={**body, name: None}) == missing(name)


def test_what_says_neither_password_nor_code_lacks_a_grant_type(api: Api) -> None:
    assert ask(api) == missing("grant_type")


# --- a code -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["validateCode", "validateCode ", " validateCode"])
def test_a_code_gives_tokens_to_the_name_or_the_number(api: Api, name: str) -> None:
    """The seed's example has a space behind the name of the parameter."""
    person = newcomer(api, number=True)
    assert person.number
    tokens = usercenter_tokens(ask(api, username=person.username, **{name: code_for(api, person.number)}))
    assert user_of(api, tokens)["id"] == person.id
    api.time.advance(61)
    tokens = usercenter_tokens(ask(api, username=person.number, **{name: code_for(api, person.number)}))
    assert user_of(api, tokens)["id"] == person.id


def test_the_code_of_a_number_that_nobody_has_makes_an_account(api: Api) -> None:
    number = new_number()
    tokens = usercenter_tokens(ask(api, username=number, validateCode=code_for(api, number)))
    assert user_of(api, tokens)["username"] == number


def test_the_code_may_be_a_number_in_json(api: Api) -> None:
    """As it may at `/mobile/token`, where it is called `code`; one that starts with 0 is text."""
    while (code := code_for(api, number := new_number())).startswith("0"):
        continue
    usercenter_tokens(ask(api, username=number, validateCode=int(code)))


@pytest.mark.security("ASVS-6.3.8")
def test_a_wrong_code_is_refused_for_every_name_alike(api: Api) -> None:
    """A guess at somebody's code tells neither whether there is an account nor whether it has a number."""
    person, without = newcomer(api, number=True), newcomer(api)
    assert person.number
    wrong = "000000" if code_for(api, person.number) != "000000" else "000001"
    names = [person.username, person.number, without.username, "nobody", new_number()]
    assert [ask(api, username=name, validateCode=wrong) for name in names] == [WRONG_CODE] * 5
    assert ask(api, validateCode="2233") == WRONG_CODE, "as short as the seed's example"


def test_a_code_works_once(api: Api) -> None:
    number = new_number()
    code = code_for(api, number)
    usercenter_tokens(ask(api, username=number, validateCode=code))
    assert ask(api, username=number, validateCode=code) == WRONG_CODE


def test_a_code_ends_after_ten_minutes(api: Api) -> None:
    number = new_number()
    code = code_for(api, number)
    api.time.advance(600)
    assert ask(api, username=number, validateCode=code) == WRONG_CODE


@pytest.mark.parametrize("kind", ["a number", "a name with a number", "a name without one", "nobody"])
def test_after_five_guesses_even_the_right_code_is_refused(api: Api, kind: str) -> None:
    """HTTP status 200 here, too; `Retry-After` says when. Names are counted just as numbers are."""
    person = newcomer(api, number=kind != "a name without one")
    name = {"a number": person.number, "nobody": "nobody-at-all"}.get(kind, person.username)
    right = code_for(api, person.number) if person.number else "123456"
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for _ in range(5):
        assert ask(api, username=name, validateCode=wrong) == WRONG_CODE
    assert ask(api, username=name, validateCode=right) == failed(
        "验证码错误次数过多，请稍后再试", {"retry-after": "3600"}
    )


def test_a_code_for_a_name_that_is_missing(api: Api) -> None:
    body = sdk(validateCode="123456")
    del body["username"]
    assert api.post("/oauth/token", json_body=body) == missing("username")


# --- both at once -----------------------------------------------------------------------------------------------


def test_with_digests_and_a_code_the_password_decides_alone(api: Api) -> None:
    """Never "either passes": a right code saves no wrong password, nor is it used up or counted."""
    person = newcomer(api, number=True)
    assert person.number
    code = code_for(api, person.number)
    right, wrong = digests(THEIRS), digests("not the password")
    before = stored(api)["codes"]
    assert ask(api, username=person.username, validateCode=code, **wrong) == WRONG_PASSWORD
    assert ask(api, username=person.number, validateCode=code, **wrong) == WRONG_PASSWORD
    usercenter_tokens(ask(api, username=person.username, validateCode="no such code", **right))
    assert stored(api)["codes"] == before
    usercenter_tokens(ask(api, username=person.username, validateCode=code))


@pytest.mark.parametrize("alone", ["md5password", "shapassword"])
def test_one_digest_and_a_code_open_nothing(api: Api, alone: str) -> None:
    """One digest is a password path already, and not a whole one."""
    person = newcomer(api, number=True)
    assert person.number
    code, both = code_for(api, person.number), digests(THEIRS)
    left_out = next(name for name in both if name != alone)
    assert ask(api, username=person.username, validateCode=code, **{alone: both[alone]}) == missing(left_out)


# --- the grant types of RFC 6749 ----------------------------------------------------------------------------------


def test_the_password_in_clear_gives_tokens(api: Api) -> None:
    usercenter_tokens(api.post("/oauth/token", form={"client_id": "23", **BY_PASSWORD}))
    form = {"client_id": "23", **BY_PASSWORD, "password": "not her password"}
    assert api.post("/oauth/token", form=form) == WRONG_PASSWORD


def test_a_grant_type_decides_alone(api: Api) -> None:
    """Digests beside it say nothing."""
    assert ask(api, grant_type="password", **digests()) == missing("password")
    assert ask(api, grant_type="password", password="not her password", **digests()) == WRONG_PASSWORD


def test_an_unknown_grant_is_refused(api: Api) -> None:
    assert ask(api, grant_type="digest", **digests()) == failed("不支持的授权方式 digest")


def test_a_grant_that_the_record_lacks_is_refused(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(new_client("25", "usercenter", grants=("refresh_token",)))
    assert ask(api, client_id="25", **digests()) == failed("该客户端不能使用授权方式 digest")
    assert ask(api, client_id="25", validateCode="123456") == failed("该客户端不能使用授权方式 validate_code")
    assert ask(api, grant_type="client_credentials") == failed("该客户端不能使用授权方式 client_credentials")
    assert api.post("/sign/token", form={"client_id": "23", "sign": "o-1"}) == failed("该客户端不能使用授权方式 sign")


def test_the_words_come_in_the_language_of_the_caller(api: Api) -> None:
    english = {"Accept-Language": "en-US,en;q=0.9"}
    answer = api.post("/oauth/token", json_body=sdk(**digests("wrong")), headers=english)
    assert answer == failed("Bad credentials")
    answer = api.post("/oauth/token", json_body=sdk(**digests()), headers=english)
    assert answer.json["msg"] == "Done"


# --- the client ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["the SDK's", "RFC 6749's", "Basic"])
def test_a_client_with_a_secret_must_present_it(api: Api, shape: str) -> None:
    """In every shape it is refused in its own: HTTP status 200."""
    fields = {**sdk(**digests(), client_id="24")} if shape == "the SDK's" else {**BY_PASSWORD, "client_id": "24"}
    for secret in ("", "not-the-secret"):
        basic = ("24", secret) if shape == "Basic" else None
        form = fields if basic else {**fields, "client_secret": secret}
        assert api.post("/oauth/token", form=form, basic=basic) == BAD_CLIENT
    usercenter_tokens(api.post("/oauth/token", form={**fields, **CONFIDENTIAL}))


# --- the scope ----------------------------------------------------------------------------------------------------


def test_a_scope_that_the_record_lacks_is_refused(api: Api) -> None:
    assert ask(api, scope="read", **digests()) == BAD_SCOPE
    usercenter_tokens(ask(api, scope="write", **digests(), **CONFIDENTIAL))
    assert ask(api, scope="write admin", **digests(), **CONFIDENTIAL) == BAD_SCOPE


# --- refreshing ---------------------------------------------------------------------------------------------------


def test_a_refresh_gives_a_new_pair(api: Api) -> None:
    first = usercenter_tokens(ask(api, **digests()))
    second = usercenter_tokens(refresh(api, first["refreshToken"]))
    assert not set(first.values()) & set(second.values()) - {"86400"}
    assert user_of(api, second)["username"] == "alice"


def test_the_same_refresh_within_the_grace_time_gives_the_same_pair(api: Api) -> None:
    first = usercenter_tokens(ask(api, **digests()))
    second = refresh(api, first["refreshToken"])
    assert refresh(api, first["refreshToken"]) == second
    api.time.advance(GRACE)
    later = usercenter_tokens(refresh(api, first["refreshToken"]), expires_in=DAY - GRACE)
    assert later == {**second.json["data"], "expires_in": str(DAY - GRACE)}


def test_reuse_ends_the_family(api: Api) -> None:
    first = usercenter_tokens(ask(api, **digests()))
    second = usercenter_tokens(refresh(api, first["refreshToken"]))
    api.time.advance(RETRY + 1)
    assert is_good(api, second["accessToken"])
    assert refresh(api, first["refreshToken"]) == BAD_REFRESH_TOKEN
    assert not is_good(api, second["accessToken"])
    assert refresh(api, second["refreshToken"]) == BAD_REFRESH_TOKEN


def test_the_refresh_token_of_another_client_is_refused_and_nothing_changes(api: Api) -> None:
    hers = api.log_in(ALICE["username"], PASSWORD)
    before = stored(api)["sessions"]
    assert refresh(api, hers["refresh_token"]) == BAD_REFRESH_TOKEN
    assert stored(api)["sessions"] == before


def test_a_client_for_itself_has_no_refresh_token(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(new_client("machine-26", "usercenter", "its-own-secret", grants=("client_credentials",)))
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=("machine-26", "its-own-secret"))
    token = answer.json["data"]["accessToken"]
    text = f'{{"accessToken":"{token}","expires_in":"86400"}}'
    assert answer == done(result=text, data={"accessToken": token, "expires_in": "86400"})
