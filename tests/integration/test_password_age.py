"""Passwords that are too old log nobody in (PASSWORD_MAX_AGE_DAYS), and only who knows one is told so."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, DisableUser
from tests.support.api import Answer, Api, make_api
from tests.support.authenticator import set_up
from tests.support.browsers import CALLBACK, web_app
from tests.support.challenges import REQUEST, App, mobile_app, refused
from tests.support.dialects import (
    BY_PASSWORD,
    DJANGO,
    ISSUER,
    NUMBER,
    PASSPORT,
    PASSWORD,
    digests,
    failed,
    log_in_by_digests,
    passport_error,
    sdk,
)
from tests.support.meanwhile import meanwhile
from tests.support.memory_store import MemoryStore
from tests.support.stores import GUARDED
from tests.support.tokens import BAD_CREDENTIALS, STANDARD, WEB, error

pytestmark = pytest.mark.security("AGE-1")

DAYS = 90
AGE = DAYS * 86400
ADMINS = "admin-of-the-gate"
NEW = "a quite different phrase"
TEXT = f"The password has expired: choose a new one at {ISSUER}/login"
REFUSED = error(400, "invalid_grant", TEXT)
REFUSED_ZH = f"密码已到期，请在 {ISSUER}/login 设置新密码"


def an_api(monkeypatch: pytest.MonkeyPatch, store: Any, **settings: Any) -> Api:
    """An API whose inhabitants have set their passwords just now."""
    return make_api(monkeypatch, store, **{"password_max_age_days": DAYS, **settings})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> Api:
    return an_api(monkeypatch, api_store)


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> Api:
    """As `old`, with limits on wrong passwords."""
    api = an_api(monkeypatch, api_store, **GUARDED)
    api.time.advance(AGE)
    return api


@pytest.fixture
def old(api: Api) -> Api:
    """Their passwords are too old by now."""
    api.time.advance(AGE)
    return api


def by_password(api: Api, password: str = PASSWORD, username: str = "alice", **arguments: Any) -> Answer:
    form = {"grant_type": "password", "username": username, "password": password}
    return api.post("/oauth/token", form=form, **{"basic": WEB, **arguments})


def user(api: Api, name: str = "alice") -> User:
    found = api.services.store.get_user(api.user_id(name))
    assert found is not None
    return found


def sessions(api: Api, name: str = "alice") -> int:
    return len(api.services.store.sessions_of(api.user_id(name)))


def set_at(api: Api, name: str = "alice") -> float | None:
    """How many seconds ago its password was set; None where that is not kept."""
    at = user(api, name).password_set_at
    return None if at is None else api.services.clock.now() - at


# --- who is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ({"form": DJANGO}, REFUSED),
        ({"form": PASSPORT}, passport_error(400, "invalid_grant", TEXT)),
        ({"basic": WEB}, REFUSED),
        ({"basic": STANDARD}, REFUSED),
        ({"form": {"client_id": "23"}}, failed(REFUSED_ZH)),
    ],
    ids=["seed 000", "seed 001", "seed 003", "new", "seed 002"],
)
def test_in_every_dialect(old: Api, client: dict[str, Any], expected: Answer) -> None:
    form = {**client.get("form", {}), **BY_PASSWORD}
    assert old.post("/oauth/token", form=form, basic=client.get("basic")) == expected
    assert sessions(old) == 0


def test_in_the_language_of_the_request(old: Api) -> None:
    """Where the dialect has one for each; `error_description` is ASCII (RFC 6749 section 5.2)."""
    form = {"client_id": "23", **BY_PASSWORD}
    assert old.post("/oauth/token", form=form, headers={"Accept-Language": "en"}) == failed(TEXT)
    assert by_password(old, headers={"Accept-Language": "zh"}) == REFUSED


def test_digests(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    api = an_api(monkeypatch, api_store, digest_login=True)
    api.token()
    log_in_by_digests(api)
    opened = sessions(api)
    api.time.advance(AGE)
    assert api.post("/oauth/token", json_body=sdk(**digests())) == failed(REFUSED_ZH)
    assert sessions(api) == opened


@pytest.mark.parametrize(("seconds", "status"), [(AGE - 1, 200), (AGE, 400), (AGE + 1, 400)])
def test_exactly_at_the_limit(api: Api, seconds: int, status: int) -> None:
    api.time.advance(seconds)
    assert by_password(api).status == status


@pytest.mark.parametrize(("seconds", "status"), [(AGE - 1, 200), (AGE, 400)])
def test_it_counts_from_when_the_password_was_set(api: Api, seconds: int, status: int) -> None:
    """Not from when the account was made."""
    api.time.advance(2 * AGE)
    accounts.save(api.services, api.user_id("alice"), None, NEW, None)
    api.time.advance(seconds)
    assert by_password(api, NEW).status == status


def test_without_the_setting_no_password_is_too_old(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    api = make_api(monkeypatch, api_store)
    api.time.advance(10 * 365 * 86400)
    assert by_password(api).status == 200


@pytest.mark.parametrize(
    ("name", "password", "status"), [("alice", PASSWORD, 200), ("admin", "admin-of-the-gate", 400)]
)
def test_the_holders_of_a_role(
    monkeypatch: pytest.MonkeyPatch, api_store: Any, name: str, password: str, status: int
) -> None:
    """Of alice, who has another one, a password of any age is taken."""
    api = an_api(monkeypatch, api_store, password_max_age_roles="admin,auditor")
    api.time.advance(AGE)
    assert by_password(api, password, name).status == status


def test_an_unknown_name_where_roles_count(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    api = an_api(monkeypatch, api_store, password_max_age_roles="admin")
    assert by_password(api, username="nobody-at-all") == BAD_CREDENTIALS


# --- who is told ----------------------------------------------------------------------------------------------


def test_a_wrong_password_is_answered_as_ever(old: Api) -> None:
    assert by_password(old, "wrong-password") == BAD_CREDENTIALS


def test_a_disabled_account_is_answered_as_ever(old: Api) -> None:
    old.services.store.commit(DisableUser(old.user_id("alice")))
    assert by_password(old) == BAD_CREDENTIALS


def test_a_closed_account_is_answered_as_ever(old: Api) -> None:
    closed(old)
    answer = by_password(old)
    assert (answer.status, answer.json["reason"]) == (400, "account_closing")


def closed(api: Api) -> None:
    before = user(api)
    api.services.store.commit(ChangeUser(before, replace(before, closes_at=api.services.clock.now() + 7 * 86400)))


def test_an_account_with_a_second_factor(old: Api) -> None:
    """The password is the first thing to be put right."""
    set_up(old.services, old.user_id("alice"))
    assert by_password(old) == REFUSED


def test_after_too_many_guesses_it_is_not_told(guarded: Api) -> None:
    for _ in range(guarded.services.settings.login_tries):
        assert by_password(guarded, "wrong-password") == BAD_CREDENTIALS
    assert by_password(guarded).status == 429


def test_it_is_no_guess(guarded: Api) -> None:
    for _ in range(guarded.services.settings.login_tries + 1):
        assert by_password(guarded) == REFUSED


def test_its_address_does_not_become_a_known_one(guarded: Api) -> None:
    """Nobody has logged in from there: it has no tries of its own when those of the name are used up elsewhere."""
    assert by_password(guarded) == REFUSED
    for _ in range(guarded.services.settings.login_tries):
        assert by_password(guarded, "wrong-password", source_ip="198.51.100.7") == BAD_CREDENTIALS
    assert by_password(guarded).status == 429


def test_guesses_that_were_made_meanwhile_count(guarded: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many guesses at once, no more than the limit allows are answered by what they have found."""
    tries = guarded.services.settings.login_tries
    meanwhile(monkeypatch, guarded, lambda: [by_password(guarded, "wrong-password") for _ in range(tries)])
    assert by_password(guarded).status == 429


def test_an_account_that_is_disabled_meanwhile(old: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    user_id = old.user_id("alice")
    meanwhile(monkeypatch, old, lambda: old.services.store.commit(DisableUser(user_id)))
    assert by_password(old) == BAD_CREDENTIALS


def test_a_password_that_is_changed_meanwhile(old: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    user_id = old.user_id("alice")
    meanwhile(monkeypatch, old, lambda: accounts.save(old.services, user_id, None, NEW, None))
    assert by_password(old) == BAD_CREDENTIALS


# --- what goes on ---------------------------------------------------------------------------------------------


def test_other_ways_in_are_open(old: Api) -> None:
    assert old.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB).status == 200
    assert old.post("/mobile/token", form={"mobile": NUMBER, "code": old.last_code}, basic=WEB).status == 200
    assert old.post("/sign/token", form={"sign": "o-1"}, basic=WEB).status == 200


def test_a_session_goes_on(api: Api) -> None:
    """It changes its password by the old one, however old, and proves its account by it."""
    api.time.advance(AGE - 1)
    tokens = api.log_in("alice", PASSWORD)
    api.time.advance(86400)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    bearer = api.post("/oauth/token", form=form, basic=WEB).json["access_token"]
    user_id = str(api.user_id("alice"))
    proven = api.post("/users/phone/remove", json_body={"id": user_id, "password": PASSWORD}, bearer=bearer)
    assert proven.status == 200
    body = {"userId": user_id, "oldPassword": PASSWORD, "newPassword": NEW}
    assert api.post("/users/pwd/update", json_body=body, bearer=bearer).status == 200
    assert set_at(api) == 0
    assert by_password(api, NEW).status == 200


# --- when a password was set ----------------------------------------------------------------------------------


def test_a_registration_keeps_when(api: Api) -> None:
    assert api.post("/users/register", json_body={"username": "newcomer", "password": NEW}).status == 200
    assert set_at(api, "newcomer") == 0


def test_an_account_that_an_admin_makes(api: Api) -> None:
    body = {"username": "newcomer", "password": NEW}
    assert api.post("/users/save", json_body=body, bearer=api.admin()).status == 200
    assert set_at(api, "newcomer") == 0


def test_a_password_that_an_admin_sets(api: Api) -> None:
    api.time.advance(5)
    body = {"id": str(api.user_id("alice")), "password": NEW}
    assert api.post("/users/save", json_body=body, bearer=api.admin()).status == 200
    assert set_at(api) == 0


def test_a_reset_keeps_when(old: Api) -> None:
    assert old.post("/mobile/code/get", form={"mobile": NUMBER, "purpose": "reset"}, basic=WEB).status == 200
    form = {"mobile": NUMBER, "code": old.last_code, "newPassword": NEW}
    assert old.post("/users/pwd/reset", form=form, basic=WEB).status == 200
    assert set_at(old) == 0
    assert by_password(old, NEW).status == 200


def test_a_reset_to_the_same_password(old: Api) -> None:
    """It sets nothing, and the code is good for another one."""
    assert old.post("/mobile/code/get", form={"mobile": NUMBER, "purpose": "reset"}, basic=WEB).status == 200
    form = {"mobile": NUMBER, "code": old.last_code, "newPassword": PASSWORD}
    answer = old.post("/users/pwd/reset", form=form, basic=WEB)
    assert (answer.status, answer.json["error"]) == (400, "新密码不能与当前密码相同")
    assert by_password(old) == REFUSED
    assert old.post("/users/pwd/reset", form={**form, "newPassword": NEW}, basic=WEB).status == 200
    assert by_password(old, NEW).status == 200


@pytest.mark.parametrize("settings", [{"argon2_time": 3}, {"digest_login": True}], ids=["parameters", "digests"])
def test_a_new_hash_of_the_same_password_is_no_new_password(
    api: Api, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    before = user(api).password
    later = make_api(monkeypatch, api.services.store, populated=False, **{"password_max_age_days": DAYS, **settings})
    later.time.advance(AGE - 1)
    assert by_password(later).status == 200
    assert user(later).password != before
    assert user(later).password_set_at is None
    later.time.advance(1)
    assert by_password(later) == REFUSED


def test_the_same_password_is_no_new_one(api: Api) -> None:
    """Or its age would begin anew."""
    bearer = api.token()
    body = {"userId": str(api.user_id("alice")), "oldPassword": PASSWORD, "newPassword": PASSWORD}
    answer = api.post("/users/pwd/update", json_body=body, bearer=bearer)
    assert (answer.status, answer.json["error"]) == (400, "新密码不能与当前密码相同")
    assert set_at(api) is None


def test_the_same_password_where_none_is_too_old(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    api = make_api(monkeypatch, api_store)
    body = {"userId": str(api.user_id("alice")), "oldPassword": PASSWORD, "newPassword": PASSWORD}
    assert api.post("/users/pwd/update", json_body=body, bearer=api.token()).status == 200


# --- apps without a browser -----------------------------------------------------------------------------------


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch, store: MemoryStore) -> Api:
    """As `api`, with clients that log their users in without a browser."""
    api = an_api(monkeypatch, store, issuer=ISSUER)
    store.put_client(mobile_app())
    store.put_client(mobile_app("browsing", redirect_uris=(CALLBACK,)))
    store.put_client(web_app())
    return api


def test_an_app_sends_its_user_to_a_browser(apps: Api) -> None:
    apps.time.advance(AGE)
    answer = App(apps).step(username="alice", password=PASSWORD)
    refused(answer, "redirect_to_web", "new_password_needed", 403)
    told = "The password has expired: let the user log in in a browser, and choose a new one there"
    assert answer.json["error_description"] == told
    assert "request_uri" not in answer.json
    assert sessions(apps) == 0


def test_an_app_whose_browser_comes_back(apps: Api) -> None:
    apps.time.advance(AGE)
    app = App(apps, "browsing", request={**REQUEST, "redirect_uri": CALLBACK, "state": "xyz"})
    answer = app.step(username="alice", password=PASSWORD)
    refused(answer, "redirect_to_web", "new_password_needed", 403)
    assert answer.json["expires_in"] == 600
    assert answer.json["request_uri"].startswith("urn:")


def test_an_app_whose_user_mistypes(apps: Api) -> None:
    apps.time.advance(AGE)
    refused(App(apps).step(username="alice", password="wrong-password"), "invalid_grant", "bad_credentials")


def test_a_password_that_becomes_too_old_between_two_factors(apps: Api) -> None:
    """No login is completed by it, whatever proves the second."""
    otp, _ = set_up(apps.services, apps.user_id("alice"))
    apps.time.advance(AGE - 60)
    app = App(apps)
    assert app.step(username="alice", password=PASSWORD).json["next"] == ["totp", "recovery_code"]
    apps.time.advance(60)
    answer = app.step(totp=otp.code(apps.services.clock.now()))
    refused(answer, "redirect_to_web", "new_password_needed", 403)
    assert sessions(apps) == 0
