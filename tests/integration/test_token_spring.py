"""`/oauth/token` for `spring` clients (seed 003): every grant, every refusal, whole answers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.storage import DisableUser
from lingpai.clients.service import new_client
from tests.support.api import Api
from tests.support.expect import standing_api
from tests.support.tokens import (
    ALICE,
    BAD_CREDENTIALS,
    BAD_SCOPE,
    BAD_SPRING_CLIENT,
    STANDARD,
    TOKEN_PATHS,
    WEB,
    error,
    missing,
    not_allowed,
    opens,
    refresh,
    spring_tokens,
    stored,
)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api() as opened:
        yield opened


def put_client(api: Api, client_id: str, **record: Any) -> tuple[str, str]:
    """A spring client with a secret and this record; gives what it says of itself."""
    store: Any = api.services.store
    store.put_client(new_client(client_id, "spring", f"{client_id}-secret", **record))
    return client_id, f"{client_id}-secret"


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_a_password_gives_tokens(api: Api, path: str) -> None:
    tokens = spring_tokens(api.post(path, form=ALICE, basic=WEB))
    assert opens(api, tokens)["username"] == "alice"


def test_the_header_may_say_bearer_in_any_case(api: Api) -> None:
    """Seed 003: the client sends `token_type access_token`, and the type is written `bearer`."""
    tokens = spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB))
    for scheme in (tokens["token_type"], "Bearer", "BEARER"):
        answer = api.post("/users/current", headers={"Authorization": f"{scheme} {tokens['access_token']}"})
        assert (answer.status, answer.json["message"]["username"]) == (200, "alice")


def test_each_login_is_a_session_of_its_own(api: Api) -> None:
    first, second = (spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB)) for _ in range(2))
    assert len({first["access_token"], second["access_token"], first["refresh_token"], second["refresh_token"]}) == 4
    assert opens(api, first) == opens(api, second)


def test_the_access_token_lives_fifteen_days(api: Api) -> None:
    tokens = spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB))
    api.time.advance(1296000 - 1)
    assert opens(api, tokens)["username"] == "alice"
    api.time.advance(1)
    assert api.post("/users/current", bearer=tokens["access_token"]).status == 401


@pytest.mark.parametrize(
    "username",
    [
        "Alice",
        "ALICE",
        "ａｌｉｃｅ",
        "13312341234",
        "+8613312341234",
        "+86 133 1234 1234",
        "133-1234-1234",
        "008613312341234",
    ],
)
def test_a_username_is_found_in_any_case_and_width_and_a_number_in_any_form(api: Api, username: str) -> None:
    tokens = spring_tokens(api.post("/oauth/token", form={**ALICE, "username": username}, basic=WEB))
    assert opens(api, tokens)["id"] == api.user_id("alice")


def test_names_and_passwords_of_any_script(api: Api) -> None:
    accounts.create(api.services, "爱丽丝 🀄", "пароль ﬀ 密码")
    for password in ("пароль ﬀ 密码", "пароль ff 密码"):
        form = {"grant_type": "password", "username": "爱丽丝 🀄", "password": password}
        assert opens(api, spring_tokens(api.post("/oauth/token", form=form, basic=WEB)))["username"] == "爱丽丝 🀄"


def test_wrong_password_unknown_user_and_disabled_user_are_told_apart_by_nothing(api: Api) -> None:
    api.services.store.commit(DisableUser(accounts.create(api.services, "carol", "battery staple correct")))
    before = stored(api)
    answers = [
        api.post("/oauth/token", form={**ALICE, "username": username, "password": password}, basic=WEB)
        for username, password in (
            ("alice", "wrong horse battery"),
            ("13312341234", "wrong horse battery"),
            ("nobody", "correct horse battery"),
            ("13912345678", "correct horse battery"),
            ("carol", "battery staple correct"),
            ("carol", "wrong staple"),
            ("alice", "correct horse battery "),
            ("alice", "Correct horse battery"),
        )
    ]
    assert answers == [BAD_CREDENTIALS] * len(answers)
    assert stored(api) == before


@pytest.mark.parametrize("name", ["username", "password"])
def test_a_password_grant_needs_both(api: Api, name: str) -> None:
    form = {key: value for key, value in ALICE.items() if key != name}
    assert api.post("/oauth/token", form=form, basic=WEB) == missing(name)
    assert api.post("/oauth/token", form={**form, name: ""}, basic=WEB) == missing(name)


def test_refresh_gives_new_tokens(api: Api) -> None:
    first = spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB))
    second = spring_tokens(refresh(api, first["refresh_token"]))
    assert {first["access_token"], first["refresh_token"]}.isdisjoint(second.values())
    assert opens(api, second)["username"] == "alice"


def test_refresh_needs_its_token(api: Api) -> None:
    assert api.post("/oauth/token", form={"grant_type": "refresh_token"}, basic=WEB) == missing("refresh_token")


def test_client_credentials_give_no_refresh_token(api: Api) -> None:
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=WEB)
    tokens = spring_tokens(answer, refresh=False)
    assert api.post("/users/current", bearer=tokens["access_token"]).status == 403
    assert api.post("/roles/list", bearer=tokens["access_token"]).status == 403


def test_a_client_acts_with_the_roles_of_its_record(api: Api) -> None:
    client = put_client(api, "back-office", roles=["admin"])
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=client)
    tokens = spring_tokens(answer, scope="", refresh=False)
    assert api.post("/roles/list", bearer=tokens["access_token"]).status == 200


def test_a_missing_grant_is_named(api: Api) -> None:
    form = {"username": "alice", "password": "correct horse battery"}
    assert api.post("/oauth/token", form=form, basic=WEB) == missing("grant_type")


@pytest.mark.parametrize(
    ("grant", "shown"),
    [
        ("authorization_code", "authorization_code"),
        ("implicit", "implicit"),
        ("PASSWORD", "PASSWORD"),
        ("password ", "password "),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ('密码"\\', "????"),
        ("x" * 200, "x" * 80),
    ],
)
def test_an_unknown_grant(api: Api, grant: str, shown: str) -> None:
    """What is shown of it keeps to the characters of RFC 6749 section 5.2."""
    answer = api.post("/oauth/token", form={**ALICE, "grant_type": grant}, basic=WEB)
    assert answer == error(400, "unsupported_grant_type", f"Unsupported grant type: {shown}")


@pytest.mark.parametrize("grant", ["client_credentials", "refresh_token", "password"])
def test_a_grant_that_the_client_may_not_use(api: Api, grant: str) -> None:
    others = {"client_credentials", "refresh_token", "password"} - {grant}
    client = put_client(api, f"without-{grant}", grants=others)
    form = {**ALICE, "grant_type": grant, "refresh_token": "any"}
    assert api.post("/oauth/token", form=form, basic=client) == not_allowed(grant)


def test_what_is_not_given_of_a_record_is_the_dialects(api: Api) -> None:
    client = new_client("fresh", "spring", "secret")
    assert client.grants == {"client_credentials", "refresh_token", "password", "mobile"}
    assert (client.access_ttl, client.scopes, client.token_format) == (1296000, (), "opaque")
    assert new_client("fresh", "spring", "secret", sign_provider="trusted").grants == client.grants | {"sign"}


def test_life_and_scope_are_the_records(api: Api) -> None:
    client = put_client(api, "brief", access_ttl=60, scopes=("a", "b"))
    tokens = spring_tokens(api.post("/oauth/token", form=ALICE, basic=client), "a b", 60)
    api.time.advance(60)
    assert api.post("/users/current", bearer=tokens["access_token"]).status == 401
    spring_tokens(refresh(api, tokens["refresh_token"], client), "a b", 60)


@pytest.mark.parametrize(
    ("asked", "granted"), [("b", "b"), ("b a", "b a"), ("a a", "a"), (" a  b ", "a b"), ("", "a b"), ("  ", "a b")]
)
def test_a_scope_may_be_asked_for(api: Api, asked: str, granted: str) -> None:
    client = put_client(api, "scoped", scopes=("a", "b"))
    spring_tokens(api.post("/oauth/token", form={**ALICE, "scope": asked}, basic=client), granted)


@pytest.mark.parametrize("scope", ["app", "web app", "web,app", "WEB", 'we"b', "we\\b", "网"])
def test_a_scope_that_the_client_lacks_is_refused(api: Api, scope: str) -> None:
    before = stored(api)
    for grant in ("password", "client_credentials"):
        form = {**ALICE, "grant_type": grant, "scope": scope}
        assert api.post("/oauth/token", form=form, basic=WEB) == BAD_SCOPE
    assert stored(api) == before


@pytest.mark.parametrize(
    "client",
    [
        ("web-client", "wrong-secret"),
        ("web-client", ""),
        ("web-client", "web-secret "),
        ("web-client ", "web-secret"),
        ("Web-Client", "web-secret"),
        ("no-client", "web-secret"),
        ("web-client", "app-secret"),
    ],
)
@pytest.mark.parametrize("grant", ["password", "client_credentials", "unheard-of"])
def test_a_bad_client_is_asked_for_basic(api: Api, client: tuple[str, str], grant: str) -> None:
    before = stored(api)
    form = {**ALICE, "grant_type": grant}
    assert api.post("/oauth/token", form=form, basic=client) == BAD_SPRING_CLIENT
    assert stored(api) == before


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic d2ViLWNsaWVudA==",  # no colon
        "Basic OndlYi1zZWNyZXQ=",  # no id
        "Basic /w==",  # no UTF-8
        # the example of seed 003: two headers run together
        "Basic d2ViLWNsaWVudDpZdW5RdWU=Y2xpbmljLWNsaWVudDpZdW5RdWU=",
        "Basic d2ViLWNsaWVudDp3ZWItc2VjcmV0, Basic d2ViLWNsaWVudDp3ZWItc2VjcmV0",
    ],
)
def test_a_basic_header_that_cannot_be_read(api: Api, header: str) -> None:
    answer = api.post("/oauth/token", form=ALICE, headers={"Authorization": header})
    challenge = {"www-authenticate": 'Basic realm="lingpai", charset="UTF-8"'}
    assert answer == error(401, "invalid_client", "The Authorization header is not a readable Basic one", challenge)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic  "])
def test_basic_in_any_case(api: Api, scheme: str) -> None:
    header = f"{scheme} d2ViLWNsaWVudDp3ZWItc2VjcmV0"
    spring_tokens(api.post("/oauth/token", form=ALICE, headers={"Authorization": header}))


def test_a_spring_client_may_present_its_secret_in_the_body(api: Api) -> None:
    form = {**ALICE, "client_id": "web-client", "client_secret": "web-secret"}
    spring_tokens(api.post("/oauth/token", form=form))


def test_a_disabled_client_is_refused_once_its_record_is_read_again(api: Api) -> None:
    client = put_client(api, "doomed")
    spring_tokens(api.post("/oauth/token", form=ALICE, basic=client), "")
    store: Any = api.services.store
    store.put_client(replace(store.get_client("doomed"), disabled=True))
    api.time.advance(59)
    spring_tokens(api.post("/oauth/token", form=ALICE, basic=client), "")
    api.time.advance(1)
    assert api.post("/oauth/token", form=ALICE, basic=client) == BAD_SPRING_CLIENT


@pytest.mark.parametrize("grant", ["mobile", "sign", "urn:lingpai:grant:mobile-code", "urn:lingpai:grant:sign"])
def test_codes_and_signs_have_paths_of_their_own(api: Api, grant: str) -> None:
    """The extension grants are `standard`'s; seed 003 has `/mobile/token` and `/sign/token`."""
    form = {"grant_type": grant, "mobile": "13312341234", "code": "123456", "sign": "o-1"}
    answer = api.post("/oauth/token", form=form, basic=WEB)
    assert answer == error(400, "unsupported_grant_type", f"Unsupported grant type: {grant}")


def test_the_record_decides_the_dialect_and_not_the_shape(api: Api) -> None:
    """The same request, sent for two clients, is answered in two dialects."""
    as_spring = api.post("/oauth/token", form=ALICE, basic=WEB)
    as_standard = api.post("/oauth/token", form=ALICE, basic=STANDARD)
    assert list(as_spring.json) == ["access_token", "token_type", "refresh_token", "expires_in", "scope"]
    assert list(as_standard.json) == ["access_token", "token_type", "expires_in", "refresh_token", "scope"]
    assert (as_spring.json["token_type"], as_standard.json["token_type"]) == ("bearer", "Bearer")
