"""The `sid` of ID tokens: one for the whole time that a user is logged in to a browser, whatever sessions it gets."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from lingpai.accounts.storage import CheckUser
from lingpai.authentication.model import Authenticated
from lingpai.browser_sessions import service as browser_sessions
from lingpai.kernel import base64url
from lingpai.sessions import service as sessions
from tests.support.api import Api, make_api
from tests.support.authenticator import set_up
from tests.support.browsers import CALLBACK, VERIFIER, request_pairs, web_app
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser

HOME = "https://app.example/"
# Asks for a login though the browser is logged in.
ANEW = f"/oauth/authorize?{urlencode(request_pairs(prompt='login'))}"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    store = MemoryStore()
    api = make_api(monkeypatch, store, issuer="https://login.example", mfa="optional")
    store.put_client(web_app(post_logout_redirect_uris=(HOME,)))
    return api


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api)


def id_token(browser: Browser) -> str:
    """That of a client that the user logs in to with this browser's login."""
    page = browser.call("GET", f"/oauth/authorize?{urlencode(request_pairs())}")
    code = parse_qs(urlsplit(page.location).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    tokens = browser.api.post("/oauth/token", form=form, basic=("web-app", "web-app-secret")).json
    token: str = tokens["id_token"]
    return token


def log_out(browser: Browser, hint: str) -> str:
    """Where the browser is sent by a logout of a client; empty where its user is asked."""
    back = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": HOME})
    return browser.call("GET", f"/oauth/logout?{back}").location


def sid(token: str) -> str:
    claims: dict[str, Any] = json.loads(base64url.decode(token.split(".")[1]))
    told: str = claims["sid"]
    return told


def test_another_login_of_the_same_user_keeps_it(browser: Browser) -> None:
    browser.log_in()
    before, cookie = id_token(browser), browser.session_cookie
    browser.log_in(target=ANEW)
    assert browser.session_cookie != cookie
    assert sid(id_token(browser)) == sid(before)
    browser.log_in(target=ANEW)
    assert sid(id_token(browser)) == sid(before)


def test_the_login_of_another_user_has_its_own(browser: Browser) -> None:
    browser.log_in()
    before = id_token(browser)
    browser.log_in("bob", "battery staple correct", target=ANEW)
    assert sid(id_token(browser)) != sid(before)


def test_a_login_after_a_logout_has_its_own(browser: Browser) -> None:
    browser.log_in()
    before = id_token(browser)
    page = browser.call(
        "GET", f"/oauth/logout?{urlencode({'id_token_hint': before, 'post_logout_redirect_uri': HOME})}"
    )
    assert page.location == HOME
    browser.log_in()
    assert sid(id_token(browser)) != sid(before)


@pytest.mark.security("PAGE-2")
def test_an_id_token_from_before_logs_out_at_once(browser: Browser) -> None:
    """The login is the same one: nobody is asked."""
    browser.log_in()
    before = id_token(browser)
    browser.log_in(target=ANEW)
    page = browser.call(
        "GET", f"/oauth/logout?{urlencode({'id_token_hint': before, 'post_logout_redirect_uri': HOME})}"
    )
    assert page.location == HOME
    assert not browser.is_logged_in


def test_a_second_factor_keeps_it(api: Api, browser: Browser) -> None:
    """The session that it was asked for ends, and one of two factors takes its place."""
    store = api.services.store
    assert isinstance(store, MemoryStore)
    app, _ = set_up(api.services, api.user_id("alice"))
    user = store.users[api.user_id("alice")]
    store.users[user.id] = replace(user, second_factors=frozenset())

    def fail(conflict: Exception) -> Authenticated:
        raise conflict

    login = Authenticated(user.id, ("pwd",), api.services.clock.now(), (CheckUser(user.id),), fail)
    cookie = browser_sessions.open_session(api.services, login, "Chrome/Windows")
    LOGS.hush("cookie", cookie)
    browser.cookies["lingpai"] = cookie
    before = id_token(browser)
    store.users[user.id] = replace(store.users[user.id], second_factors=user.second_factors)
    page = browser.get(f"/oauth/authorize?{urlencode(request_pairs())}")
    browser.submit(page.form(action="totp"), code=app.code(api.services.clock.now()))
    presented = sessions.parse(browser.session_cookie)
    assert presented is not None
    session = store.look_up_browser(presented.key).session
    assert session is not None
    assert len(session.methods) > 1
    assert browser.session_cookie != cookie
    assert session.sid == sid(before) == sid(id_token(browser))
