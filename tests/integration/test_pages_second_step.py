"""The second step of the login page: every way in leads through it, it is taken once, and nothing lies beside it."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import CheckUser, DisableUser
from lingpai.authentication.model import Authenticated
from lingpai.browser_sessions import service as browser_sessions
from lingpai.kernel.writes import Conflict
from lingpai.pending_logins import service as pending_logins
from tests.support.api import Api, make_api
from tests.support.authenticator import Authenticator, app_of, set_up
from tests.support.browsers import CALLBACK, VERIFIER, request_pairs, web_app
from tests.support.dialects import parts
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Page, path

PASSWORD = "correct horse battery"
NUMBER = "13312341234"
STEP = "/login/second-factor"
TWO = ("pwd", "otp", "mfa")


def an_api(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Api:
    store = MemoryStore()
    api = make_api(monkeypatch, store, **settings)
    store.put_client(web_app(name="Shop"))
    store.put_client(web_app("third-app", first_party=False, name="Third"))
    store.put_client(web_app("ignoring", mfa="ignore"))
    return api


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return an_api(monkeypatch)


@pytest.fixture
def app(api: Api) -> Authenticator:
    """The authenticator app of alice."""
    return set_up(api.services, api.user_id("alice"))[0]


@pytest.fixture
def browser(api: Api, app: Authenticator) -> Browser:
    return Browser(api)


def target(**changes: str | None) -> str:
    return f"/oauth/authorize?{urlencode(request_pairs(**changes))}"


def prove(browser: Browser, page: Page, app: Authenticator, steps: int = 0) -> Page:
    """Answer the second step by the app's code."""
    code = app.code(browser.api.services.clock.now(), steps)
    return browser.submit(page.form(action="totp"), code=code)


def answer_of(page: Page) -> dict[str, str]:
    """What goes back to the client."""
    assert page.location.startswith(f"{CALLBACK}?"), (page.status, page.text)
    return {name: values[0] for name, values in parse_qs(urlsplit(page.location).query).items()}


def one_factor(browser: Browser, name: str = "alice") -> Browser:
    """A browser that was logged in before the account got its second factor, or before the policy was what it is."""
    services, store = browser.api.services, browser.api.services.store
    assert isinstance(store, MemoryStore)
    user = store.users[browser.api.user_id(name)]
    store.users[user.id] = replace(user, second_factors=frozenset())
    login = Authenticated(user.id, ("pwd",), services.clock.now(), (CheckUser(user.id),), _fail)
    cookie = browser_sessions.open_session(services, login, "Chrome/Windows")
    LOGS.hush("cookie", cookie)
    browser.cookies["lingpai"] = cookie
    store.users[user.id] = replace(store.users[user.id], second_factors=user.second_factors)
    return browser


def _fail(conflict: Conflict) -> Authenticated:
    raise conflict


# --- every way in leads through it ----------------------------------------------------------------------------


@pytest.mark.security("MFA-4")
def test_by_password(browser: Browser, app: Authenticator) -> None:
    page = browser.log_in()
    assert (page.status, path(page.target)) == (200, STEP)
    assert "alice" in page.text
    assert browser.session_cookie == ""
    assert browser.api.services.store.sessions_of(browser.api.user_id("alice")) == ()
    page = prove(browser, page, app)
    assert (page.status, page.target) == (200, "/account")
    assert browser.methods == TWO
    assert "lingpai-pending" not in " ".join(browser.cookies)


@pytest.mark.security("MFA-4")
def test_by_code(browser: Browser, app: Authenticator) -> None:
    """The code is used up by the first step: it opens no second pending login."""
    page = browser.submit(browser.get("/login").form(action="send"), mobile=NUMBER)
    code = browser.api.last_code
    step = browser.submit(page.form(action="code"), code=code)
    assert path(step.target) == STEP
    other = Browser(browser.api)
    again = other.submit(other.get("/login").form(action="send"), mobile=NUMBER)
    assert other.submit(again.form(action="code"), code=code).status == 400
    assert prove(browser, step, app).target == "/account"
    assert browser.methods == ("sms", "otp", "mfa")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown_in_both_languages(browser: Browser, language: str) -> None:
    browser.language = language
    page = browser.log_in()
    assert ("两步验证" if language == "zh" else "Two-step verification") in page.text
    way = next(link for link in page.links if "way=recovery" in link)
    assert ("恢复码" if language == "zh" else "Recovery code") in browser.get(way).text


@pytest.mark.security("MFA-4")
def test_by_a_recovery_code_once(api: Api) -> None:
    _, codes = set_up(api.services, api.user_id("alice"))
    for number, expected in ((1, 200), (2, 400)):
        browser = Browser(api)
        page = browser.log_in()
        way = next(link for link in page.links if "way=recovery" in link)
        done = browser.submit(browser.get(way).form(action="recovery"), code=codes[0])
        assert done.status == expected, number
        assert browser.is_logged_in == (expected == 200)


def test_the_authorization_request_goes_on(browser: Browser, app: Authenticator) -> None:
    """With consent behind it, and with `prompt=login`, which the two steps have met."""
    page = browser.log_in(target=target(client_id="third-app", prompt="login"))
    assert path(page.target) == STEP
    page = prove(browser, page, app)
    assert path(page.target) == "/consent"
    answer = answer_of(browser.submit(page.forms[0], action="allow"))
    form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": CALLBACK}
    form["code_verifier"] = VERIFIER
    tokens = browser.api.post("/oauth/token", form=form, basic=("third-app", "web-app-secret")).json
    claims = parts(tokens["id_token"])[1]
    assert (claims["acr"], claims["amr"]) == ("2", list(TWO))


# --- what lies between the two steps --------------------------------------------------------------------------


@pytest.mark.security("MFA-4")
def test_nothing_is_open_between_the_steps(browser: Browser) -> None:
    browser.log_in()
    assert not browser.is_logged_in
    assert path(browser.call("GET", target()).location) == "/login"


@pytest.mark.security("MFA-4")
def test_a_cookie_is_used_once(browser: Browser, app: Authenticator) -> None:
    """Neither by the browser that has it still, nor with a later code."""
    page = browser.log_in()
    kept = dict(browser.cookies)
    assert prove(browser, page, app).target == "/account"
    browser.api.time.advance(30)
    thief = Browser(browser.api, cookies=kept)
    assert path(prove(thief, page, app).target) == "/login"
    assert not thief.is_logged_in


@pytest.mark.security("MFA-4")
def test_a_code_is_used_once(browser: Browser, app: Authenticator) -> None:
    assert prove(browser, browser.log_in(), app).target == "/account"
    other = Browser(browser.api)
    page = prove(other, other.log_in(), app)
    assert (page.status, path(page.target)) == (400, STEP)
    browser.api.time.advance(30)
    assert prove(other, page, app).target == "/account"


@pytest.mark.security("MFA-4")
def test_the_factor_of_another_account(browser: Browser) -> None:
    bobs, _ = set_up(browser.api.services, browser.api.user_id("bob"))
    page = prove(browser, browser.log_in(), bobs)
    assert page.status == 400
    assert "The code is wrong" in page.text
    assert not browser.is_logged_in


@pytest.mark.security("MFA-4")
def test_a_form_of_an_earlier_login_in_another_tab(browser: Browser, app: Authenticator) -> None:
    """It does not answer the later one, which may be of another account: nothing is verified, nor counted."""
    earlier = browser.log_in()
    later = browser.log_in()
    page = prove(browser, earlier, app)
    assert (page.status, path(page.target)) == (200, STEP)
    assert not browser.is_logged_in
    assert prove(browser, later, app).target == "/account"


def test_the_back_button(browser: Browser, app: Authenticator) -> None:
    """Both steps can be left and opened again: nothing is asked twice."""
    page = browser.log_in()
    assert path(browser.get(STEP).target) == STEP
    prove(browser, page, app)
    assert browser.get(STEP).target == "/account"
    assert path(Browser(browser.api).get(STEP).target) == "/login"


@pytest.mark.security("MFA-4")
def test_it_expires(browser: Browser, app: Authenticator) -> None:
    page = browser.log_in()
    browser.api.time.advance(pending_logins.LIFETIME)
    assert path(prove(browser, page, app).target) == "/login"
    assert not browser.is_logged_in


@pytest.mark.security("MFA-4")
@pytest.mark.parametrize("change", ["password", "disabled", "deleted"])
def test_the_first_factor_has_to_be_good_still(browser: Browser, app: Authenticator, change: str) -> None:
    services = browser.api.services
    alice = browser.api.user_id("alice")
    page = browser.log_in()
    match change:
        case "password":
            accounts.save(services, alice, None, "another good password", None)
        case "disabled":
            services.store.commit(DisableUser(alice))
        case _:
            accounts.delete(services, alice)
    page = prove(browser, page, app)
    assert path(page.target) == "/login"
    assert not browser.is_logged_in


@pytest.mark.security("MFA-4")
def test_a_number_that_the_account_has_lost(browser: Browser, app: Authenticator) -> None:
    page = browser.submit(browser.get("/login").form(action="send"), mobile=NUMBER)
    step = browser.submit(page.form(action="code"), code=browser.api.last_code)
    accounts.change(browser.api.services, browser.api.user_id("alice"), _without_number)
    page = prove(browser, step, app)
    assert path(page.target) == "/login"
    assert "That login has expired" in page.text
    assert not browser.is_logged_in


def _without_number(user: User) -> User:
    return replace(user, mobile=None)


@pytest.mark.security("MFA-4")
def test_a_planted_cookie(browser: Browser, app: Authenticator) -> None:
    """Fixation: a login takes up no pending login that was there before, and gives the browser a new secret."""
    other = Browser(browser.api)
    other.log_in()
    planted = {name: value for name, value in other.cookies.items() if "pending" in name}
    browser.cookies.update(planted)
    page = browser.log_in()
    assert {name: browser.cookies[name] for name in planted} != planted
    prove(browser, page, app)
    assert not other.is_logged_in


@pytest.mark.security("MFA-5", "ASVS-6.6.3")
def test_guesses_are_counted_over_all_pages(browser: Browser, app: Authenticator) -> None:
    """For the account: in each of several browsers, by both kinds of code."""
    tries = browser.api.services.settings.code_tries
    at = browser.api.services.clock.now()
    for number in range(tries):
        each = Browser(browser.api, source_ip=f"192.0.2.{number + 1}")
        page = each.log_in()
        if number % 2:
            way = next(link for link in page.links if "way=recovery" in link)
            page = each.submit(each.get(way).form(action="recovery"), code="0000-0000-0000")
        else:
            page = each.submit(page.form(action="totp"), code=app.wrong_code(at))
        assert page.status == 400
    last = Browser(browser.api, source_ip="192.0.2.99")
    page = prove(last, last.log_in(), app)
    assert page.status == 429
    assert not last.is_logged_in


def test_a_code_that_is_left_out(browser: Browser) -> None:
    page = browser.log_in()
    page = browser.submit(page.form(action="totp"), code="")
    assert page.status == 400
    assert "Enter the code" in page.text


# --- step-up --------------------------------------------------------------------------------------------------


@pytest.mark.security("RFC9470-4", "MFA-6")
def test_a_client_that_asks_for_two_factors(browser: Browser, app: Authenticator) -> None:
    """The session of one factor is replaced by one of two, with a new secret; the first factor is not asked again."""
    one_factor(browser)
    before = browser.session_cookie
    page = browser.get(target(client_id="ignoring", acr_values="2"))
    assert path(page.target) == STEP
    answer_of(prove(browser, page, app))
    assert browser.methods == TWO
    assert not Browser(browser.api, cookies={"lingpai": before}).is_logged_in
    answer_of(browser.get(target(client_id="ignoring", acr_values="2")))


@pytest.mark.parametrize(("acr_values", "asks"), [("1", False), ("2 1", True), ("1 2", False), ("gold", False)])
def test_what_acr_values_ask_for(browser: Browser, acr_values: str, asks: bool) -> None:
    """Through a client that the policy does not concern: the preferred value decides."""
    one_factor(browser)
    page = browser.get(target(client_id="ignoring", acr_values=acr_values))
    assert (path(page.target) == STEP) == asks


@pytest.mark.security("MFA-6")
def test_a_login_from_before_is_asked_without_being_told_so(browser: Browser, app: Authenticator) -> None:
    """By every client, and by the account page; the steps that were done for the request stay done."""
    one_factor(browser)
    page = browser.get(target(prompt="select_account"))
    page = browser.submit(page.form(action="keep"))
    assert path(page.target) == STEP
    answer_of(prove(browser, page, app))
    other = one_factor(Browser(browser.api))
    assert path(other.get("/account?edit=password").target) == STEP
    page = other.get("/account?edit=password")
    browser.api.time.advance(30)
    assert prove(other, page, app).target == "/account?edit=password"


@pytest.mark.security("MFA-6")
def test_nothing_is_asked_where_prompt_is_none(browser: Browser) -> None:
    one_factor(browser)
    answer = answer_of(browser.get(target(prompt="none")))
    assert answer["error"] == "login_required"


@pytest.mark.security("MFA-6")
def test_a_session_that_has_ended_is_not_raised(browser: Browser, app: Authenticator) -> None:
    one_factor(browser)
    page = browser.get(target())
    store = browser.api.services.store
    store.end_sessions(store.sessions_of(browser.api.user_id("alice")))
    prove(browser, page, app)
    assert store.sessions_of(browser.api.user_id("alice")) == ()


@pytest.mark.security("RFC9470-5")
def test_two_factors_where_they_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, mfa="off")
    browser = Browser(api)
    answer = answer_of(browser.get(target(acr_values="2")))
    assert answer["error"] == "unmet_authentication_requirements"
    browser.log_in()
    answer_of(browser.get(target(acr_values="2 1")))


# --- where a second factor has to be set up -------------------------------------------------------------------


def set_up_at(browser: Browser, page: Page) -> tuple[Page, Authenticator]:
    """Set up an app at the second step; the page with the recovery codes."""
    assert path(page.target) == STEP
    assert "Set it up to go on" in page.text
    page = browser.submit(page.form(action="totp-begin"))
    app = app_of(page)
    page = browser.submit(page.form(action="totp-confirm"), code="")
    assert page.status == 400
    return browser.submit(page.form(action="totp-confirm"), code=app.code(browser.api.services.clock.now())), app


@pytest.mark.security("MFA-7")
@pytest.mark.parametrize("settings", [{"mfa": "required"}, {"mfa_roles": "user"}], ids=["everybody", "a role"])
def test_who_needs_a_second_factor_and_has_none(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    """Nothing else is open until it is set up. The request goes on afterwards."""
    api = an_api(monkeypatch, **settings)
    browser = Browser(api)
    page = browser.log_in(target=target())
    assert not browser.is_logged_in
    page, _ = set_up_at(browser, page)
    assert "Recovery codes" in page.text
    going = next(link for link in page.links if link.startswith("/oauth/authorize"))
    answer_of(browser.get(going))
    assert browser.methods == TWO
    user = api.services.store.get_user(api.user_id("alice"))
    assert user is not None
    assert user.second_factors == {"totp"}


@pytest.mark.security("MFA-7")
def test_a_client_that_insists_on_two_factors(api: Api) -> None:
    """Also where the browser is logged in: whoever has its session alone sets up nothing."""
    browser = Browser(api)
    browser.log_in("alice", PASSWORD)
    page = browser.get(target(acr_values="2"))
    assert path(page.target) == "/login"
    page = browser.log_in(target=target(acr_values="2"))
    page, _ = set_up_at(browser, page)
    assert browser.methods == TWO


@pytest.mark.security("MFA-7")
def test_a_session_from_before_it_was_required(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, mfa="required")
    browser = one_factor(Browser(api))
    assert path(browser.get("/account").target) == "/login"
    assert path(browser.get(target()).target) == "/login"
    answer_of(browser.get(target(client_id="ignoring")))


def test_the_one_who_sets_it_up_is_not_asked_again(api: Api) -> None:
    """The browser has proven the factor by setting it up: its session becomes one of two factors."""
    browser = Browser(api)
    browser.log_in()
    page = browser.submit(browser.get("/account?edit=totp").form(action="totp-begin"))
    app = app_of(page)
    page = browser.submit(page.form(action="totp-confirm"), code=app.code(api.services.clock.now()))
    assert "Recovery codes" in page.text
    assert browser.is_logged_in
    assert browser.methods == TWO
    answer_of(browser.get(target(acr_values="2")))


def test_an_account_with_a_passkey_alone(api: Api) -> None:
    """After a password it is led to the login by the passkey."""
    user_id = api.user_id("alice")
    accounts.change(api.services, user_id, lambda user: replace(user, second_factors=frozenset({"passkey"})))
    browser = Browser(api)
    page = browser.log_in(target=target())
    assert "Log in with your passkey instead" in page.text
    way = next(link for link in page.links if link.startswith("/login?continue="))
    assert path(browser.get(way).target) == "/login"
    assert not browser.is_logged_in
