"""`/oauth/token` for `passport` clients (seed 001): every outcome, whole."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser
from lingpai.clients.service import new_client
from tests.support.api import Answer, Api
from tests.support.dialects import (
    BY_PASSWORD,
    GRACE,
    NUMBER,
    PASSPORT,
    RETRY,
    YEAR,
    is_good,
    parts,
    passport_error,
    passport_tokens,
    reply,
)
from tests.support.expect import standing_api
from tests.support.people import PASSWORD as THEIRS
from tests.support.people import somebody
from tests.support.tokens import TOKEN_PATHS, opens, stored

# The seed's own words and status.
WRONG_PASSWORD = reply(401, {"error": "invalid_credentials", "message": "The user credentials were incorrect."})
BAD_CLIENT = passport_error(401, "invalid_client", "Client authentication failed")
BAD_SCOPE = passport_error(400, "invalid_scope", "The scope is unknown, malformed or wider than what was granted")
BAD_REFRESH_TOKEN = passport_error(400, "invalid_grant", "Invalid refresh token")
# A Passport client whose record allows it to refresh, and to act for itself.
REFRESHING = {"client_id": "3", "client_secret": "another-passport-secret"}
# The same under an id that can be the `sub` of a token.
MACHINE = {**REFRESHING, "client_id": "machine-3"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api() as opened:
        store: Any = opened.services.store
        grants = ("password", "refresh_token", "client_credentials")
        record = new_client("3", "passport", REFRESHING["client_secret"], grants=grants, scopes=("read", "write"))
        store.put_client(record)
        store.put_client(replace(record, id=MACHINE["client_id"]))
        yield opened


def ask(api: Api, **changes: str) -> Answer:
    """The seed's request, its empty scope included, with these changes."""
    return api.post("/oauth/token", form={**PASSPORT, **BY_PASSWORD, "scope": "", **changes})


def refresh(api: Api, token: str, **changes: str) -> Answer:
    form = {**REFRESHING, "grant_type": "refresh_token", "refresh_token": token, **changes}
    return api.post("/oauth/token", form=form)


@pytest.fixture
def starred(api: Api) -> dict[str, str]:
    """The credentials of a client whose record has the scope `*`."""
    store: Any = api.services.store
    store.put_client(new_client("4", "passport", "starred-secret", grants=("password",), scopes=("*",)))
    return {"client_id": "4", "client_secret": "starred-secret"}


@pytest.mark.security("F29")
@pytest.mark.parametrize("scope", ["*", " * ", "* *"])
def test_the_star_of_laravels_own_example_is_never_refused(api: Api, scope: str, starred: dict[str, str]) -> None:
    """It gives the scopes of the record, and is in the token only where the record has it."""
    for client, scopes in ((PASSPORT, []), (REFRESHING, ["read", "write"]), (starred, ["*"])):
        tokens = passport_tokens(ask(api, scope=scope, **client))
        assert parts(tokens["access_token"])[1]["scopes"] == scopes


@pytest.mark.security("F29")
def test_a_star_at_a_refresh_and_for_the_client_itself(api: Api) -> None:
    narrowed = ask(api, scope="read", **REFRESHING).json
    tokens = passport_tokens(refresh(api, narrowed["refresh_token"], scope="*"))
    assert parts(tokens["access_token"])[1]["scopes"] == ["read"]
    form = {**MACHINE, "grant_type": "client_credentials", "scope": "*"}
    own = api.post("/oauth/token", form=form).json
    assert parts(own["access_token"])[1]["scopes"] == ["read", "write"]


@pytest.mark.security("F29")
def test_a_star_among_others_or_of_other_clients_is_a_scope_like_any(api: Api) -> None:
    assert ask(api, scope="* read", **REFRESHING) == BAD_SCOPE
    assert ask(api, scope="admin", **REFRESHING) == BAD_SCOPE
    answer = api.post("/oauth/token", form={**BY_PASSWORD, "scope": "*"}, basic=("web-client", "web-secret"))
    assert answer.json["error"] == "invalid_scope"


def missing(name: str) -> Answer:
    return passport_error(400, "invalid_request", f"The parameter {name} is missing", hint=name)


# --- the password ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_a_password_gives_tokens(api: Api, path: str) -> None:
    tokens = passport_tokens(api.post(path, form={**PASSPORT, **BY_PASSWORD, "scope": ""}))
    assert opens(api, tokens)["username"] == "alice"


def test_without_a_scope_the_request_is_that_of_seed_000_and_the_answer_is_not(api: Api) -> None:
    """The client's record tells the two apart, for nothing else could."""
    passport_tokens(api.post("/oauth/token", form={**PASSPORT, **BY_PASSWORD}))


def test_the_body_may_be_json_and_the_client_id_a_number(api: Api) -> None:
    passport_tokens(api.post("/oauth/token", json_body={**PASSPORT, **BY_PASSWORD, "scope": "", "client_id": 2}))


def test_the_client_may_use_basic(api: Api) -> None:
    passport_tokens(
        api.post("/oauth/token", form=BY_PASSWORD, basic=(PASSPORT["client_id"], PASSPORT["client_secret"]))
    )


def test_the_username_is_the_mobile_number(api: Api) -> None:
    """As the seed has it."""
    assert opens(api, passport_tokens(ask(api, username=NUMBER)))["username"] == "alice"


def test_the_access_token_lives_a_year(api: Api) -> None:
    tokens = passport_tokens(ask(api))
    # The session ends with the access token, though its limit for refreshing is 180 days.
    api.time.advance(YEAR - 1)
    assert is_good(api, tokens["access_token"])
    api.time.advance(1)
    assert not is_good(api, tokens["access_token"])


def test_a_wrong_password_is_refused_as_an_unknown_and_a_disabled_user_are(api: Api) -> None:
    """In the seed's words, byte for byte: whoever guesses learns nothing of which accounts there are."""
    disabled, without = somebody(api), somebody(api, password=False)
    assert disabled.username
    assert without.username
    passport_tokens(ask(api, username=disabled.username, password=THEIRS))
    api.services.store.commit(DisableUser(disabled.id))
    refused = [
        ask(api, password="not her password"),
        ask(api, username="nobody"),
        ask(api, username=disabled.username, password=THEIRS),
        ask(api, username=without.username, password=THEIRS),
        ask(api, username="13800000000"),
    ]
    assert refused == [WRONG_PASSWORD] * 5


# --- the client -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [{"scope": ""}, {}])
def test_a_bad_client_secret_is_refused(api: Api, shape: dict[str, str]) -> None:
    """In this dialect, since the id has a record, with a scope in the request or without."""
    for secret in ("not-the-secret", ""):
        form = {**PASSPORT, **BY_PASSWORD, **shape, "client_secret": secret}
        assert api.post("/oauth/token", form=form) == BAD_CLIENT
    assert api.post("/oauth/token", form={**BY_PASSWORD, **shape}, basic=("2", "not-the-secret")) == BAD_CLIENT


# --- the request ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grant_type", "username", "password"])
def test_a_missing_parameter_is_named_in_the_hint(api: Api, name: str) -> None:
    assert ask(api, **{name: ""}) == missing(name)
    form = {**PASSPORT, **BY_PASSWORD}
    del form[name]
    assert api.post("/oauth/token", form=form) == missing(name)


@pytest.mark.parametrize("grant", ["authorization_code", "personal_access", "digest"])
def test_an_unknown_grant_is_refused(api: Api, grant: str) -> None:
    expected = passport_error(400, "unsupported_grant_type", f"Unsupported grant type: {grant}")
    assert ask(api, grant_type=grant) == expected


def test_a_grant_that_the_record_lacks_is_refused(api: Api) -> None:
    def refused(grant: str) -> Answer:
        return passport_error(400, "unauthorized_client", f"This client may not use the grant {grant}")

    assert ask(api, grant_type="client_credentials") == refused("client_credentials")
    assert api.post("/mobile/token", form={**PASSPORT, "mobile": NUMBER, "code": "123456"}) == refused("mobile")
    assert api.post("/sign/token", form={**PASSPORT, "sign": "o-1"}) == refused("sign")


def test_only_a_usercenter_client_may_leave_out_the_grant_type(api: Api) -> None:
    form = {**PASSPORT, "username": "alice", "md5password": "f" * 32, "shapassword": "f" * 40}
    assert api.post("/oauth/token", form=form) == missing("grant_type")


def test_a_scope_that_the_record_lacks_is_refused(api: Api) -> None:
    assert ask(api, scope="read") == BAD_SCOPE
    assert ask(api, **REFRESHING, scope="read admin") == BAD_SCOPE


def test_a_scope_stands_in_the_token_and_not_in_the_answer(api: Api) -> None:
    _, claims = parts(passport_tokens(ask(api, **REFRESHING, scope="write"))["access_token"])
    assert claims["scopes"] == ["write"]


# --- refreshing -----------------------------------------------------------------------------------------------


def test_there_is_a_refresh_token_but_no_refresh(api: Api) -> None:
    """The seed offers none: its users log in again."""
    token = passport_tokens(ask(api))["refresh_token"]
    before = stored(api)["sessions"]
    form = {**PASSPORT, "grant_type": "refresh_token", "refresh_token": token}
    refused = passport_error(400, "unauthorized_client", "This client may not use the grant refresh_token")
    assert api.post("/oauth/token", form=form) == refused
    assert stored(api)["sessions"] == before


def test_a_record_may_allow_the_refresh(api: Api) -> None:
    first = passport_tokens(ask(api, **REFRESHING))
    second = passport_tokens(refresh(api, first["refresh_token"]))
    assert not {first["access_token"], first["refresh_token"]} & {second["access_token"], second["refresh_token"]}
    assert opens(api, second)["username"] == "alice"


def test_the_same_refresh_within_the_grace_time_gives_the_same_pair(api: Api) -> None:
    first = passport_tokens(ask(api, **REFRESHING))
    second = refresh(api, first["refresh_token"])
    assert refresh(api, first["refresh_token"]) == second
    api.time.advance(GRACE)
    later = passport_tokens(refresh(api, first["refresh_token"]), expires_in=YEAR - GRACE)
    assert later == {**second.json, "expires_in": YEAR - GRACE}


def test_reuse_ends_the_family(api: Api) -> None:
    first = passport_tokens(ask(api, **REFRESHING))
    second = passport_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(RETRY + 1)
    assert is_good(api, second["access_token"])
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN
    assert not is_good(api, second["access_token"])
    assert refresh(api, second["refresh_token"]) == BAD_REFRESH_TOKEN


def test_a_refresh_may_not_widen_the_scope(api: Api) -> None:
    first = passport_tokens(ask(api, **REFRESHING, scope="read"))
    assert refresh(api, first["refresh_token"], scope="read write") == BAD_SCOPE


def test_a_client_for_itself_gets_no_refresh_token(api: Api) -> None:
    answer = api.post("/oauth/token", form={**MACHINE, "grant_type": "client_credentials"})
    token = answer.json["access_token"]
    assert answer == reply(200, {"token_type": "Bearer", "expires_in": YEAR, "access_token": token})
    assert parts(token)[1]["sub"] == "machine-3"
