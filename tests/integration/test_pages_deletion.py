"""The deletion of one's own account with time to think: closed at once, kept by its owner alone, deleted when due."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts import closing
from lingpai.accounts import service as accounts
from lingpai.accounts.closing import Deleted
from lingpai.kernel.errors import LingpaiError
from local import functions
from tests.support import deadlines
from tests.support.api import Answer, Api, make_api
from tests.support.authenticator import set_up
from tests.support.browsers import request_pairs, web_app
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Page, path
from tests.support.stores import ROOT, TEMPLATE

PASSWORD = "correct horse battery"
NUMBER = "13312341234"
WEEK = 7 * 86400
# Seven days after the time at which the tests' clock starts.
DAY = "2030-01-08"
STEP = "/login/deletion"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, MemoryStore())


def delete(browser: Browser) -> Page:
    return browser.submit(browser.get("/account?edit=delete").form(action="delete"), confirm="yes")


def closed(api: Api, **login: str) -> Browser:
    """A browser whose user has just deleted their account."""
    browser = Browser(api)
    browser.log_in(**login)
    assert delete(browser).status == 200
    return browser


def by_code(browser: Browser) -> Page:
    page = browser.submit(browser.get("/login").form(action="send"), mobile=NUMBER)
    return browser.submit(page.form(action="code"), code=browser.api.last_code)


def by_password(api: Api, password: str = PASSWORD) -> Answer:
    form = {"grant_type": "password", "username": "alice", "password": password}
    return api.post("/oauth/token", form=form, basic=("web-client", "web-secret"))


def closes_at(api: Api, user_id: int) -> int | None:
    user = api.services.store.get_user(user_id)
    assert user is not None
    return user.closes_at


def test_the_form_says_what_happens(api: Api) -> None:
    browser = Browser(api)
    browser.log_in()
    page = browser.get("/account?edit=delete")
    assert "It is deleted 7 days later" in page.text
    assert "log in with your password or a passkey" in page.text
    user_id = api.user_id("alice")
    accounts.change(api.services, user_id, lambda user: replace(user, password=None))
    assert "Your account has neither a password nor a passkey" in browser.get("/account?edit=delete").text


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("en", "Your account is closed", f"will be deleted on {DAY}. Until then a password or a passkey undoes it."),
        ("zh", "账号已关闭", f"账号及其资料将于 {DAY} 删除。在此之前用密码或通行密钥登录，即可撤销。"),
    ],
)
def test_closed_at_once(api: Api, language: str, title: str, text: str) -> None:
    """All sessions end, and the names stay taken."""
    other, token = Browser(api), api.token()
    other.log_in()
    browser = Browser(api, language)
    browser.log_in()
    page = delete(browser)
    assert (page.status, title in page.text, text in page.text) == (200, True, True)
    assert browser.session_cookie == ""
    assert not other.is_logged_in
    assert api.post("/users/current", bearer=token).status == 401
    assert api.services.store.sessions_of(api.user_id("alice")) == ()
    registered = api.post("/users/register", json_body={"username": "alice", "password": "a fine long password"})
    assert (registered.status, registered.json["error"]) == (409, "用户名已被使用")


def test_no_app_logs_in(api: Api) -> None:
    """Told after the proof: a wrong password is answered as for any account."""
    closed(api)
    wrong = by_password(api, "wrong-horse-battery")
    assert (wrong.status, wrong.json["reason"]) == (400, "bad_credentials")
    right = by_password(api)
    assert (right.status, right.json["error"], right.json["reason"]) == (400, "invalid_grant", "account_closing")
    assert f"deletion on {DAY}" in right.json["error_description"]


def test_a_code_is_refused(api: Api) -> None:
    """Its number may have a new holder, who learns when it is free."""
    browser = closed(api)
    page = by_code(browser)
    assert page.status == 400
    assert f"The account is closed until its deletion on {DAY}." in page.text
    assert not browser.is_logged_in


def test_a_code_sets_no_new_password(api: Api) -> None:
    """Or a new holder of the number could open the account by it."""
    closed(api)
    browser = Browser(api)
    page = browser.submit(browser.get("/reset").form(action="send"), mobile=NUMBER)
    page = browser.submit(page.form(action="set"), code=api.last_code, newPassword="a fine long password")
    assert (page.status, f"deletion on {DAY}" in page.text) == (400, True)
    user = api.services.store.get_user(api.user_id("alice"))
    assert user is not None
    assert user.closes_at is not None


def test_kept_by_the_password(api: Api) -> None:
    browser = closed(api)
    page = browser.log_in()
    assert page.target == STEP
    assert f"It is closed, and will be deleted with its profile on {DAY}" in page.text
    assert not browser.is_logged_in
    page = browser.submit(page.form(action="keep"))
    assert page.target == "/account"
    assert closes_at(api, api.user_id("alice")) is None
    api.time.advance(WEEK)
    assert closing.delete_due(api.services) == Deleted((), more=False)
    assert by_password(api).status == 200


def test_kept_on_the_way_to_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    api = make_api(monkeypatch, store)
    store.put_client(web_app())
    browser = closed(api)
    target = "/oauth/authorize?" + "&".join(f"{name}={value}" for name, value in request_pairs())
    page = browser.log_in(target=target)
    assert path(page.target) == STEP
    page = browser.submit(page.form(action="keep"))
    assert page.location.startswith("https://")


def test_a_second_factor_is_wanted_too(api: Api) -> None:
    user_id = api.user_id("alice")
    app = set_up(api.services, user_id)[0]
    browser = Browser(api)
    page = browser.log_in()
    browser.submit(page.form(action="totp"), code=app.code(api.services.clock.now()))
    assert delete(browser).status == 200
    page = browser.log_in()
    assert path(page.target) == "/login/second-factor"
    page = browser.submit(page.form(action="totp"), code=app.code(api.services.clock.now(), 1))
    assert path(page.target) == STEP
    page = browser.submit(page.form(action="keep"))
    assert page.target == "/account"
    assert closes_at(api, user_id) is None


def test_a_forged_form_keeps_nothing(api: Api) -> None:
    """Another site's, one without its mark, and one of an earlier login."""
    browser = closed(api)
    form = browser.log_in().form(action="keep")
    assert browser.call("POST", STEP, form.fields, {"sec-fetch-site": "cross-site"}).status == 403
    assert browser.call("POST", STEP, {**form.fields, "csrf": "x"}, {"sec-fetch-site": "same-origin"}).status == 403
    assert browser.submit(form, login="").status == 200
    assert browser.log_in().target == STEP
    assert browser.submit(form).status == 200
    assert closes_at(api, api.user_id("alice")) is not None


def test_the_proof_expires_and_is_used_once(api: Api) -> None:
    browser = closed(api)
    form = browser.log_in().form(action="keep")
    api.time.advance(601)
    assert path(browser.submit(form).target) == "/login"
    form = browser.log_in().form(action="keep")
    twice = dict(browser.cookies)
    assert browser.submit(form).target == "/account"
    browser.cookies = twice
    assert path(browser.submit(form).target) == "/login"


def test_a_disabled_account_is_not_kept(api: Api) -> None:
    browser = closed(api)
    form = browser.log_in().form(action="keep")
    accounts.disable(api.services, api.user_id("alice"))
    assert path(browser.submit(form).target) == "/login"
    page = browser.log_in()
    assert (page.status, "Bad credentials" in page.text or "wrong" in page.text) == (400, True)


def test_deleted_when_due(api: Api) -> None:
    closed(api)
    user_id = api.user_id("alice")
    api.time.advance(WEEK - 1)
    assert closing.delete_due(api.services) == Deleted((), more=False)
    assert api.services.store.get_user(user_id) is not None
    api.time.advance(1)
    assert closing.delete_due(api.services) == Deleted((user_id,), more=False)
    assert closing.delete_due(api.services) == Deleted((), more=False)
    store = api.services.store
    assert store.get_user(user_id) is None
    assert store.find_user_ids("username:alice", f"mobile:+86{NUMBER}") == {}
    page = by_code(Browser(api))
    assert (page.status, page.target) == (200, "/account")


def test_the_function_of_the_schedule(api: Api) -> None:
    closed(api)
    user_id = api.user_id("alice")
    invoke = functions.load(TEMPLATE, ROOT)
    assert invoke("DeletionsFunction", {}) == {"ids": (), "more": False}
    api.time.advance(WEEK)
    assert invoke("DeletionsFunction", {}) == {"ids": (user_id,), "more": False}
    assert invoke("DeletionsFunction", {}) == {"ids": (), "more": False}


def test_without_time_for_all_it_says_so(api: Api) -> None:
    """What is left is done by the next run."""
    closed(api)
    api.time.advance(WEEK)
    with deadlines.within(4):
        assert closing.delete_due(api.services) == Deleted((), more=True)
    assert len(closing.delete_due(api.services).ids) == 1


def test_a_new_account_of_the_number_is_another_one(api: Api) -> None:
    closed(api)
    user_id = api.user_id("alice")
    api.time.advance(WEEK)
    closing.delete_due(api.services)
    browser = Browser(api)
    by_code(browser)
    assert browser.is_logged_in
    assert api.services.store.find_user_id(f"mobile:+86{NUMBER}") != user_id


def test_one_that_cannot_be_deleted_stops_no_other(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is raised at the end, so that the schedule comes again and the alarm rings."""
    closed(api)
    closed(api, username="bob", password="battery staple correct")
    alice, bob = api.user_id("alice"), api.user_id("bob")
    api.time.advance(WEEK)
    delete_closed = closing.delete_closed

    def failing(services: Any, user_id: int, now: int) -> bool:
        if user_id == min(alice, bob):
            raise LingpaiError("temporarily_unavailable", 503, "store_unavailable")
        return delete_closed(services, user_id, now)

    monkeypatch.setattr(closing, "delete_closed", failing)
    with pytest.raises(LingpaiError):
        closing.delete_due(api.services)
    store = api.services.store
    assert (store.get_user(min(alice, bob)) is None, store.get_user(max(alice, bob)) is None) == (False, True)


def test_an_admin_deletes_at_once(api: Api) -> None:
    closed(api)
    user_id = api.user_id("alice")
    assert api.post("/users/delete", json_body={"id": user_id}, bearer=api.admin()).status == 200
    assert api.services.store.get_user(user_id) is None


def test_the_operator_opens_it_again(api: Api) -> None:
    closed(api)
    user_id = api.user_id("alice")
    assert closing.reopen(api.services, user_id) is True
    assert closing.reopen(api.services, user_id) is False
    assert by_password(api).status == 200
    with pytest.raises(LingpaiError, match="not_found"):
        closing.reopen(api.services, 12345)
