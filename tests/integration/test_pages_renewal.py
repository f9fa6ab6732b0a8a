"""The login page where a password is too old: the form that takes a new one, and logs in by both."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, DisableUser
from lingpai.kernel import cause
from lingpai.sessions import service as sessions
from tests.support.api import Api, make_api
from tests.support.authenticator import app_of, set_up
from tests.support.browsers import CALLBACK, request_pairs, web_app
from tests.support.meanwhile import meanwhile
from tests.support.pages import Browser, Page, path
from tests.support.stores import GUARDED

pytestmark = pytest.mark.security("AGE-2")

AGE = 90 * 86400
PASSWORD = "correct horse battery"
NEW = "a quite different phrase"
STEP = "/login/second-factor"
TWO = ("pwd", "otp", "mfa")
TITLE = "Choose a new password"


def an_api(monkeypatch: pytest.MonkeyPatch, store: Any, age: int = AGE, **settings: Any) -> Api:
    """An API whose inhabitants have passwords that are too old, by default."""
    api = make_api(monkeypatch, store, **{"password_max_age_days": 90, **settings})
    store.put_client(web_app(name="Shop"))
    api.time.advance(age)
    return api


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> Api:
    return an_api(monkeypatch, api_store)


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> Api:
    """As `api`, a minute before the passwords are too old."""
    return an_api(monkeypatch, api_store, AGE - 60)


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api)


def target(**changes: str | None) -> str:
    return f"/oauth/authorize?{urlencode(request_pairs(**changes))}"


def renew(browser: Browser, page: Page, old: str = PASSWORD, new: str = NEW, **filled: str) -> Page:
    """Fill the form in."""
    return browser.submit(page.form(action="renew"), oldPassword=old, newPassword=new, **filled)


def user(api: Api) -> User:
    found = api.services.store.get_user(api.user_id("alice"))
    assert found is not None
    return found


def logs_in(api: Api, password: str) -> int:
    """How a login by the password is answered."""
    form = {"grant_type": "password", "username": "alice", "password": password}
    return api.post("/oauth/token", form=form, basic=("web-client", "web-secret")).status


def opened(api: Api) -> int:
    return len(api.services.store.sessions_of(api.user_id("alice")))


# --- the form -------------------------------------------------------------------------------------------------


def test_the_login_page_leads_to_it(browser: Browser) -> None:
    """The name is there already; no password is."""
    page = browser.log_in()
    assert (page.status, TITLE in page.text) == (400, True)
    assert "Your password has expired. Choose a new one" in page.text
    fields = page.form(action="renew").fields
    assert fields.pop("csrf")
    assert fields == {"action": "renew", "username": "alice", "oldPassword": "", "newPassword": ""}
    assert PASSWORD not in page.answer.body
    assert not browser.is_logged_in


def test_in_chinese(api: Api) -> None:
    browser = Browser(api, "zh")
    page = browser.log_in()
    assert "设置新密码" in page.text
    assert "密码已到期，请设置新密码" in page.text
    assert "密码使用时间过长，请更换后登录。" in page.text


def test_password_managers_know_its_fields(browser: Browser) -> None:
    body = browser.log_in().answer.body
    for name, purpose in (
        ("username", "username"),
        ("oldPassword", "current-password"),
        ("newPassword", "new-password"),
    ):
        assert f'name="{name}" type="{"text" if name == "username" else "password"}" autocomplete="{purpose}"' in body


def test_a_new_password_logs_in(browser: Browser) -> None:
    page = renew(browser, browser.log_in())
    assert (page.target, browser.is_logged_in) == ("/account", True)
    assert browser.methods == ("pwd",)
    assert (logs_in(browser.api, PASSWORD), logs_in(browser.api, NEW)) == (400, 200)
    assert user(browser.api).password_set_at == browser.api.services.clock.now()


def test_the_authorization_request_goes_on(browser: Browser) -> None:
    page = renew(browser, browser.log_in(target=target(prompt="login")))
    assert page.location.startswith(f"{CALLBACK}?")
    assert "code" in parse_qs(urlsplit(page.location).query)


def test_it_has_an_address(browser: Browser) -> None:
    """Where a login in other steps leads to."""
    page = browser.get("/login?way=renew")
    assert (page.status, TITLE in page.text) == (200, True)
    assert renew(browser, page, username="alice").target == "/account"


def test_by_the_number(browser: Browser) -> None:
    page = browser.log_in("13312341234")
    assert renew(browser, page).target == "/account"
    assert logs_in(browser.api, NEW) == 200


def test_a_password_that_is_not_too_old(browser: Browser) -> None:
    """Its holder may choose a new one all the same."""
    accounts.save(browser.api.services, browser.api.user_id("alice"), None, "another good password", None)
    page = renew(browser, browser.get("/login?way=renew"), "another good password", username="alice")
    assert page.target == "/account"
    assert logs_in(browser.api, NEW) == 200


def test_where_no_password_is_too_old_there_is_no_form(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    api = an_api(monkeypatch, api_store, password_max_age_days=0)
    browser = Browser(api)
    page = browser.get("/login?way=renew")
    assert not [form for form in page.forms if form.fields.get("action") == "renew"]
    form = browser.get("/login").forms[0]
    sent = {"action": "renew", "username": "alice", "oldPassword": PASSWORD, "newPassword": NEW}
    assert path(browser.submit(form, **sent).target) == "/login"
    assert (browser.is_logged_in, logs_in(api, PASSWORD)) == (False, 200)


@pytest.mark.moto
def test_it_is_a_change_of_the_password(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    """Not a new hash of the same one, which no event tells of."""
    api = an_api(monkeypatch, api_store)
    browser = Browser(api)
    renew(browser, browser.log_in())
    key = {"id": {"N": str(api.user_id("alice"))}}
    item = api_store.call("GetItem", TableName=api_store.settings.users_table, Key=key)["Item"]
    found = cause.read(item["cause"]["S"])
    assert (found.action, found.why) == ("/login", "")


# --- what it refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filled", "text"),
    [
        ({"username": ""}, "Enter your username"),
        ({"oldPassword": ""}, "Enter your current password"),
        ({"newPassword": ""}, "Enter a new password"),
        ({"oldPassword": "wrong-password"}, "The username or the password is wrong"),
        ({"oldPassword": "wrong-password", "newPassword": PASSWORD}, "The username or the password is wrong"),
        ({"username": "nobody-at-all"}, "The username or the password is wrong"),
        ({"newPassword": "short"}, "A password needs at least 8 characters"),
        ({"newPassword": "password123"}, "This password is common or has leaked before"),
        ({"newPassword": PASSWORD}, "The new password must differ from the present one"),
        ({"newPassword": "ｃorrect horse battery"}, "The new password must differ from the present one"),
    ],
)
def test_nothing_is_changed(browser: Browser, filled: dict[str, str], text: str) -> None:
    """The form is shown again, without any password."""
    before, page = user(browser.api), browser.log_in()
    sent = {"oldPassword": PASSWORD, "newPassword": NEW, **filled}
    page = browser.submit(page.form(action="renew"), **sent)
    assert (page.status, TITLE in page.text, text in page.text) == (400, True, True)
    fields = page.form(action="renew").fields
    assert (fields["oldPassword"], fields["newPassword"]) == ("", "")
    assert user(browser.api) == before
    assert not browser.is_logged_in


def test_the_accounts_own_name(browser: Browser) -> None:
    """By the number the name is not typed: only who knows the present password learns that it is the name."""
    services = browser.api.services
    accounts.change(services, browser.api.user_id("alice"), lambda user: replace(user, username="alice-the-first"))
    page = renew(browser, browser.log_in("13312341234"), new="alice-the-first")
    assert "The password must differ from the username" in page.text
    page = renew(browser, page, "wrong-password", "alice-the-first")
    assert "The username or the password is wrong" in page.text
    assert not browser.is_logged_in


def test_a_form_of_another_site(browser: Browser) -> None:
    """It is protected as the login is."""
    form = browser.log_in().form(action="renew")
    stranger = Browser(browser.api)
    page = stranger.submit(form, oldPassword=PASSWORD, newPassword=NEW)
    assert (page.status, logs_in(browser.api, NEW)) == (403, 400)
    form.fields["csrf"] = "x"
    assert browser.submit(form, oldPassword=PASSWORD, newPassword=NEW).status == 403
    assert logs_in(browser.api, NEW) == 400


def test_guesses_are_counted_as_at_the_login(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    api = an_api(monkeypatch, api_store, **GUARDED)
    browser = Browser(api)
    page = browser.get("/login?way=renew")
    for _ in range(api.services.settings.login_tries):
        page = renew(browser, page, "wrong-password", username="alice")
        assert page.status == 400
    assert renew(browser, page, username="alice").status == 429
    assert logs_in(api, PASSWORD) == 429
    assert not browser.is_logged_in


def test_guesses_that_were_made_meanwhile_count(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    """What a right guess tells, it tells within the limit: also that a new password is the account's name."""
    api = an_api(monkeypatch, api_store, **GUARDED)
    accounts.change(api.services, api.user_id("alice"), lambda user: replace(user, username="alice-the-first"))
    browser, tries = Browser(api), api.services.settings.login_tries
    page = browser.get("/login?way=renew")
    form = {"grant_type": "password", "username": "13312341234", "password": "wrong-password"}
    basic = ("web-client", "web-secret")
    meanwhile(monkeypatch, api, lambda: [api.post("/oauth/token", form=form, basic=basic) for _ in range(tries)])
    assert renew(browser, page, new="alice-the-first", username="13312341234").status == 429


def test_a_disabled_account(browser: Browser) -> None:
    browser.api.services.store.commit(DisableUser(browser.api.user_id("alice")))
    page = renew(browser, browser.get("/login?way=renew"), username="alice")
    assert (page.status, "The username or the password is wrong" in page.text) == (400, True)


def test_an_account_that_is_disabled_meanwhile(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    page, user_id = browser.log_in(), browser.api.user_id("alice")
    before = user(browser.api).password
    meanwhile(monkeypatch, browser.api, lambda: browser.api.services.store.commit(DisableUser(user_id)))
    page = renew(browser, page)
    assert (page.status, "The username or the password is wrong" in page.text) == (400, True)
    assert (user(browser.api).password, opened(browser.api)) == (before, 0)


def test_two_forms_at_once(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them changes the password, the other one has a wrong one by then."""
    page, other = browser.log_in(), Browser(browser.api)
    others = other.log_in()
    first: list[Page] = []
    meanwhile(monkeypatch, browser.api, lambda: first.append(renew(other, others, new="that of the other form")))
    page = renew(browser, page)
    assert (page.status, "The username or the password is wrong" in page.text) == (400, True)
    assert (first[0].target, other.is_logged_in, browser.is_logged_in) == ("/account", True, False)
    assert (logs_in(browser.api, "that of the other form"), logs_in(browser.api, NEW)) == (200, 400)


# --- other sessions -------------------------------------------------------------------------------------------


def test_other_sessions_end(earlier: Api) -> None:
    other, token = Browser(earlier), earlier.token()
    other.log_in()
    earlier.time.advance(60)
    browser = Browser(earlier)
    renew(browser, browser.log_in())
    assert (browser.is_logged_in, other.is_logged_in) == (True, False)
    assert earlier.post("/users/current", bearer=token).status == 401
    assert opened(earlier) == 1


def test_more_sessions_than_a_transaction_ends(earlier: Api) -> None:
    for _ in range(95):
        earlier.token()
    earlier.time.advance(60)
    browser = Browser(earlier)
    renew(browser, browser.log_in())
    assert (browser.is_logged_in, opened(earlier)) == (True, 1)


def test_at_the_limit_of_sessions(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    api = an_api(monkeypatch, api_store, AGE - 60, sessions_max=2)
    for _ in range(2):
        api.token()
    api.time.advance(60)
    browser = Browser(api)
    renew(browser, browser.log_in())
    assert (browser.is_logged_in, opened(api)) == (True, 1)


def test_a_browser_that_is_logged_in_logs_in_anew(earlier: Api) -> None:
    """Its session is both the previous one and one of those that end with the old password."""
    browser = Browser(earlier)
    browser.log_in()
    earlier.time.advance(60)
    page = renew(browser, browser.log_in(target=target(prompt="login")))
    assert page.location.startswith(f"{CALLBACK}?")
    assert (browser.is_logged_in, opened(earlier)) == (True, 1)


# --- second factors -------------------------------------------------------------------------------------------


def test_the_second_factor_comes_before_the_new_password(earlier: Api) -> None:
    """Whoever has stolen the password alone changes nothing, and ends nothing."""
    api = earlier
    otp, _ = set_up(api.services, api.user_id("alice"))
    other, browser = Browser(api), Browser(api)
    other.submit(other.log_in().form(action="totp"), code=otp.code(api.services.clock.now()))
    api.time.advance(60)
    before = user(api)
    page = renew(browser, browser.log_in(target=target()))
    assert path(page.target) == STEP
    assert (user(api), browser.is_logged_in, other.is_logged_in) == (before, False, True)
    page = browser.submit(page.form(action="totp"), code=otp.code(api.services.clock.now()))
    assert page.location.startswith(f"{CALLBACK}?")
    assert browser.methods == TWO
    assert (other.is_logged_in, opened(api)) == (False, 1)
    after = user(api)
    assert (after.password != before.password, after.password_set_at) == (True, api.services.clock.now())
    again = Browser(api)
    assert path(again.log_in(password=NEW).target) == STEP


def test_a_wrong_second_factor(browser: Browser) -> None:
    set_up(browser.api.services, browser.api.user_id("alice"))
    before, page = user(browser.api), renew(browser, browser.log_in())
    page = browser.submit(page.form(action="totp"), code="000000")
    assert (page.status, path(page.target)) == (400, STEP)
    assert (user(browser.api), browser.is_logged_in) == (before, False)


def test_a_second_factor_is_enrolled_meanwhile(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the form is answered as if it had been there before."""
    api, page = browser.api, browser.log_in()
    meanwhile(monkeypatch, api, lambda: set_up(api.services, api.user_id("alice")))
    page = renew(browser, page)
    assert path(page.target) == STEP
    assert (browser.is_logged_in, user(api).password_set_at) == (False, None)


@pytest.mark.parametrize("change", ["password", "disabled"])
def test_a_change_before_the_second_factor(browser: Browser, change: str) -> None:
    """The new password of the form does not come over it."""
    api, user_id = browser.api, browser.api.user_id("alice")
    otp, _ = set_up(api.services, user_id)
    page = renew(browser, browser.log_in())
    if change == "password":
        accounts.save(api.services, user_id, None, "another good password", None)
    else:
        api.services.store.commit(DisableUser(user_id))
    before = user(api)
    page = browser.submit(page.form(action="totp"), code=otp.code(api.services.clock.now()))
    assert path(page.target) == "/login"
    assert (user(api).password, browser.is_logged_in) == (before.password, False)


def test_who_has_to_set_up_a_second_factor(monkeypatch: pytest.MonkeyPatch, api_store: Any) -> None:
    """The new password is set when it is there."""
    api = an_api(monkeypatch, api_store, mfa="required")
    browser, before = Browser(api), user(api)
    page = renew(browser, browser.log_in())
    assert path(page.target) == STEP
    assert user(api) == before
    page = browser.submit(page.form(action="totp-begin"))
    page = browser.submit(page.form(action="totp-confirm"), code=app_of(page).code(api.services.clock.now()))
    assert "Recovery codes" in page.text
    assert (browser.methods, browser.is_logged_in) == (TWO, True)
    assert user(api).password_set_at == api.services.clock.now()
    assert opened(api) == 1


def test_a_password_that_becomes_too_old_between_two_factors(earlier: Api) -> None:
    otp, _ = set_up(earlier.services, earlier.user_id("alice"))
    browser = Browser(earlier)
    page = browser.log_in()
    assert path(page.target) == STEP
    earlier.time.advance(60)
    page = browser.submit(page.form(action="totp"), code=otp.code(earlier.services.clock.now()))
    assert (page.target, TITLE in page.text) == ("/login?way=renew", True)
    assert not browser.is_logged_in


def test_a_second_factor_at_a_browser_that_is_logged_in(earlier: Api) -> None:
    """It proves no password, whose age counts at logins alone."""
    browser = Browser(earlier)
    browser.log_in()
    presented = sessions.parse(browser.session_cookie)
    assert presented is not None
    otp, _ = set_up(earlier.services, earlier.user_id("alice"), presented.key)
    earlier.time.advance(60)
    page = browser.get(STEP)
    page = browser.submit(page.form(action="totp"), code=otp.code(earlier.services.clock.now()))
    assert (page.target, browser.methods) == ("/account", TWO)


# --- accounts that are to be deleted --------------------------------------------------------------------------


def close(api: Api) -> None:
    before = user(api)
    api.services.store.commit(ChangeUser(before, replace(before, closes_at=api.services.clock.now() + 7 * 86400)))


def test_a_closed_account_is_opened_and_not_logged_in_to(browser: Browser) -> None:
    """The old password is enough to keep it, as ever; to log in, a new one is chosen then."""
    close(browser.api)
    page = browser.log_in()
    assert path(page.target) == "/login/deletion"
    page = browser.submit(page.form(action="keep"))
    assert (page.target, TITLE in page.text) == ("/login?way=renew", True)
    assert (user(browser.api).closes_at, browser.is_logged_in, opened(browser.api)) == (None, False, 0)
    assert renew(browser, page, username="alice").target == "/account"


def test_the_form_does_not_open_a_closed_account(browser: Browser) -> None:
    close(browser.api)
    before = user(browser.api)
    page = renew(browser, browser.get("/login?way=renew"), username="alice")
    assert path(page.target) == "/login/deletion"
    assert (user(browser.api), browser.is_logged_in) == (before, False)


def test_an_account_that_is_closed_before_the_second_factor(browser: Browser) -> None:
    api = browser.api
    otp, _ = set_up(api.services, api.user_id("alice"))
    page = renew(browser, browser.log_in())
    close(api)
    before = user(api)
    page = browser.submit(page.form(action="totp"), code=otp.code(api.services.clock.now()))
    assert path(page.target) == "/login/deletion"
    assert (user(api), browser.is_logged_in) == (before, False)
    page = browser.submit(page.form(action="keep"))
    assert (page.target, browser.is_logged_in) == ("/login?way=renew", False)


def test_an_account_that_is_opened_again_before_the_second_factor(browser: Browser) -> None:
    """A closed account is asked for its second factor as well: that logs nobody in by the old password."""
    api = browser.api
    otp, _ = set_up(api.services, api.user_id("alice"))
    close(api)
    page = browser.log_in()
    page = browser.get(STEP) if path(page.target) != STEP else page
    before = user(api)
    api.services.store.commit(ChangeUser(before, replace(before, closes_at=None)))
    page = browser.submit(page.form(action="totp"), code=otp.code(api.services.clock.now()))
    assert (page.target, browser.is_logged_in) == ("/login?way=renew", False)
