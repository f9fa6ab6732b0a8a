"""`/oauth/token` for `django` clients (seed 000): every outcome, whole."""

from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser
from tests.support.api import Answer, Api
from tests.support.dialects import (
    BY_PASSWORD,
    DAY,
    DJANGO,
    GRACE,
    NUMBER,
    REFRESH_LIFE,
    RETRY,
    WEEK,
    django_tokens,
    is_good,
)
from tests.support.expect import standing_api
from tests.support.people import PASSWORD as THEIRS
from tests.support.people import somebody
from tests.support.tokens import (
    BAD_CLIENT,
    BAD_REFRESH_TOKEN,
    BAD_SCOPE,
    TOKEN_PATHS,
    error,
    missing,
    not_allowed,
    opens,
    stored,
)

BASIC = (DJANGO["client_id"], DJANGO["client_secret"])
WRONG_PASSWORD = error(400, "invalid_grant", "Invalid credentials given.")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api() as opened:
        yield opened


def ask(api: Api, **changes: str) -> Answer:
    """The seed's request with these changes; an empty value is as good as none."""
    return api.post("/oauth/token", form={**DJANGO, **BY_PASSWORD, **changes})


def refresh(api: Api, token: str, **changes: str) -> Answer:
    return api.post("/oauth/token", form={**DJANGO, "grant_type": "refresh_token", "refresh_token": token, **changes})


# --- the password ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_a_password_gives_tokens(api: Api, path: str) -> None:
    tokens = django_tokens(api.post(path, form={**DJANGO, **BY_PASSWORD}))
    assert opens(api, tokens)["username"] == "alice"


def test_the_body_may_be_json(api: Api) -> None:
    django_tokens(api.post("/oauth/token", json_body={**DJANGO, **BY_PASSWORD}))


def test_the_body_may_be_multipart(api: Api) -> None:
    fields = {**DJANGO, **BY_PASSWORD}.items()
    body = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields)
    content_type = {"Content-Type": "multipart/form-data; boundary=x"}
    django_tokens(api.post("/oauth/token", body=f"{body}--x--\r\n".encode(), headers=content_type))


def test_the_client_may_use_basic(api: Api) -> None:
    django_tokens(api.post("/oauth/token", form=BY_PASSWORD, basic=BASIC))
    django_tokens(api.post("/oauth/token", form={**BY_PASSWORD, "client_id": "django-app"}, basic=BASIC))


@pytest.mark.parametrize("number", [NUMBER, f"+86{NUMBER}", "+86 133 1234 1234"])
def test_the_username_may_be_the_mobile_number(api: Api, number: str) -> None:
    assert opens(api, django_tokens(ask(api, username=number)))["username"] == "alice"


def test_the_access_token_lives_seven_days(api: Api) -> None:
    tokens = django_tokens(ask(api))
    api.time.advance(WEEK - 1)
    assert is_good(api, tokens["access_token"])
    api.time.advance(1)
    assert not is_good(api, tokens["access_token"])


def test_a_wrong_password_is_refused_as_an_unknown_and_a_disabled_user_are(api: Api) -> None:
    """Byte for byte: whoever guesses learns nothing of which accounts there are."""
    disabled, without = somebody(api), somebody(api, password=False)
    assert disabled.username
    assert without.username
    django_tokens(ask(api, username=disabled.username, password=THEIRS))
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


def test_a_bad_client_secret_is_refused(api: Api) -> None:
    assert ask(api, client_secret="not-the-secret") == BAD_CLIENT
    assert ask(api, client_secret="") == BAD_CLIENT
    assert api.post("/oauth/token", form=BY_PASSWORD, basic=("django-app", "wrong")).json == BAD_CLIENT.json


def test_the_client_comes_before_the_password(api: Api) -> None:
    """Who is no client learns nothing of passwords."""
    assert ask(api, client_secret="not-the-secret", password="not her password") == BAD_CLIENT


# --- the request ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grant_type", "username", "password"])
def test_a_missing_parameter_is_named(api: Api, name: str) -> None:
    assert ask(api, **{name: ""}) == missing(name)
    form = {**DJANGO, **BY_PASSWORD}
    del form[name]
    assert api.post("/oauth/token", form=form) == missing(name)


def test_a_missing_refresh_token_is_named(api: Api) -> None:
    assert api.post("/oauth/token", form={**DJANGO, "grant_type": "refresh_token"}) == missing("refresh_token")


@pytest.mark.parametrize("grant", ["authorization_code", "Password", "digest", "urn:lingpai:grant:sign"])
def test_an_unknown_grant_is_refused(api: Api, grant: str) -> None:
    expected = error(400, "unsupported_grant_type", f"Unsupported grant type: {grant}")
    assert ask(api, grant_type=grant) == expected


def test_a_grant_that_the_record_lacks_is_refused(api: Api) -> None:
    assert ask(api, grant_type="client_credentials") == not_allowed("client_credentials")
    form = {**DJANGO, "mobile": NUMBER, "code": "123456"}
    assert api.post("/mobile/token", form=form) == not_allowed("mobile")
    assert api.post("/sign/token", form={**DJANGO, "sign": "o-1"}) == not_allowed("sign")


def test_only_a_usercenter_client_may_leave_out_the_grant_type(api: Api) -> None:
    """What says "password" or "code" without it elsewhere says nothing here."""
    form = {**DJANGO, "username": "alice", "md5password": "f" * 32, "shapassword": "f" * 40}
    assert api.post("/oauth/token", form=form) == missing("grant_type")
    assert api.post("/oauth/token", form={**DJANGO, "username": "alice", "validateCode": "123456"}) == missing(
        "grant_type"
    )


# --- the scope ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "given"), [("read", "read"), ("groups read", "groups read"), (" ", None)])
def test_less_than_all_scopes_may_be_asked_for(api: Api, asked: str, given: str | None) -> None:
    django_tokens(ask(api, scope=asked), scope=given or "read write groups")


@pytest.mark.parametrize("asked", ["admin", "read admin", "Read", 'read"write'])
def test_another_scope_is_refused(api: Api, asked: str) -> None:
    assert ask(api, scope=asked) == BAD_SCOPE


# --- refreshing -----------------------------------------------------------------------------------------------


def test_a_refresh_gives_a_new_pair(api: Api) -> None:
    first = django_tokens(ask(api))
    second = django_tokens(refresh(api, first["refresh_token"]))
    assert not {first["access_token"], first["refresh_token"]} & {second["access_token"], second["refresh_token"]}
    assert opens(api, second)["username"] == "alice"


def test_a_refresh_may_narrow_the_scope_but_not_widen_it(api: Api) -> None:
    """The refresh token keeps what was granted at first (RFC 6749 section 6)."""
    first = django_tokens(ask(api, scope="read write"), scope="read write")
    assert refresh(api, first["refresh_token"], scope="read groups") == BAD_SCOPE
    second = django_tokens(refresh(api, first["refresh_token"], scope="read"), scope="read")
    django_tokens(refresh(api, second["refresh_token"]), scope="read write")


def test_the_same_refresh_within_the_grace_time_gives_the_same_answer(api: Api) -> None:
    first = django_tokens(ask(api))
    second = refresh(api, first["refresh_token"])
    assert refresh(api, first["refresh_token"]) == second
    api.time.advance(GRACE)
    later = django_tokens(refresh(api, first["refresh_token"]), expires_in=WEEK - GRACE)
    assert later["access_token"] == second.json["access_token"]
    assert later["refresh_token"] == second.json["refresh_token"]


def test_reuse_ends_the_family(api: Api) -> None:
    first = django_tokens(ask(api))
    second = django_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(RETRY + 1)
    assert is_good(api, second["access_token"])
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN
    assert not is_good(api, second["access_token"])
    assert refresh(api, second["refresh_token"]) == BAD_REFRESH_TOKEN


def test_a_refresh_token_ends_after_thirty_days(api: Api) -> None:
    tokens = django_tokens(ask(api))
    api.time.advance(REFRESH_LIFE)
    assert refresh(api, tokens["refresh_token"]) == BAD_REFRESH_TOKEN


def test_rotation_does_not_outlive_the_absolute_limit(api: Api) -> None:
    """180 days after the login a person logs in again, however often the app refreshed."""
    tokens = django_tokens(ask(api))
    for _ in range(6):
        api.time.advance(29 * DAY)
        tokens = django_tokens(refresh(api, tokens["refresh_token"]), expires_in=min(WEEK, 6 * DAY) if _ == 5 else WEEK)
    api.time.advance(6 * DAY)
    assert refresh(api, tokens["refresh_token"]) == BAD_REFRESH_TOKEN


def test_the_refresh_token_of_another_client_is_refused_and_nothing_changes(api: Api) -> None:
    hers: Any = api.log_in("alice", BY_PASSWORD["password"])
    before = stored(api)["sessions"]
    assert refresh(api, hers["refresh_token"]) == BAD_REFRESH_TOKEN
    assert stored(api)["sessions"] == before


@pytest.mark.parametrize("token", ["nonsense", "A" * 22 + "." + "A" * 43, "令牌"])
def test_a_made_up_refresh_token_is_refused(api: Api, token: str) -> None:
    assert refresh(api, token) == BAD_REFRESH_TOKEN


def test_an_access_token_refreshes_nothing(api: Api) -> None:
    """Under a session that exists, a secret that is no refresh secret is a stolen token: the family ends."""
    tokens = django_tokens(ask(api))
    assert refresh(api, tokens["access_token"]) == BAD_REFRESH_TOKEN
    assert not is_good(api, tokens["access_token"])
