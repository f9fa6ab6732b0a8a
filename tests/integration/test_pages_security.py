"""Attacks on the hosted pages, each with its source."""

import html
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from lingpai.accounts import service as accounts
from lingpai.kernel.deadline import is_set
from tests.support.api import Api, make_api
from tests.support.browsers import request_pairs, web_app
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Form, path

NUMBER = "13312341234"
STANDARD = ("standard-client", "standard-secret")
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"

AUTHORIZE = f"/oauth/authorize?{urlencode(request_pairs(client_id='third-app', scope=None))}"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    store = MemoryStore()
    api = make_api(monkeypatch, store)
    store.put_client(
        web_app("third-app", first_party=False, name=SCRIPT[:60], scopes=("openid", "profile", SCRIPT.replace(" ", "")))
    )
    return api


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api)


# Every form that changes something: whether it needs a login, where it stands, and how it is found there.
FORMS: dict[str, tuple[bool, str, dict[str, str], dict[str, str]]] = {
    "send": (False, "/login", {"action": "send"}, {"mobile": NUMBER}),
    "password": (
        False,
        "/login?way=password",
        {"action": "password"},
        {"username": "alice", "password": "correct horse battery"},
    ),
    "register": (False, "/register", {}, {"username": "carol", "password": "a fine long password"}),
    "reset": (False, "/reset", {"action": "send"}, {"mobile": NUMBER}),
    "log out": (True, "/account", {"action": "confirm"}, {}),
    "profile": (True, "/account?edit=profile", {"action": "profile"}, {"name": "Mallory"}),
    "new password": (
        True,
        "/account?edit=password",
        {"action": "password"},
        {"oldPassword": "correct horse battery", "newPassword": "a fine long password"},
    ),
    "phone": (True, "/account?edit=phone", {"action": "phone-send"}, {"mobile": "13800138000"}),
    "end": (True, "/account", {"action": "end"}, {}),
    "delete": (True, "/account?edit=delete", {"action": "delete"}, {"confirm": "yes"}),
    "consent": (True, AUTHORIZE, {}, {"action": "allow"}),
}


def opened(api: Api, name: str) -> tuple[Browser, Form, dict[str, str]]:
    needs_login, target, known, filled = FORMS[name]
    browser = Browser(api)
    if needs_login:
        browser.log_in()
    return browser, browser.get(target).form(**known), filled


def without_token(form: Form) -> None:
    del form.fields["csrf"]


def with_wrong_token(form: Form) -> None:
    form.fields["csrf"] = "A" * 43


@pytest.mark.security("PAGE-1", "RFC9700-2.1")
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("spoil", [without_token, with_wrong_token])
def test_csrf_without_the_token(api: Api, name: str, spoil: Callable[[Form], None]) -> None:
    """OWASP Cross-Site Request Forgery Prevention: a synchronizer token in every form, the login's own included."""
    browser, form, filled = opened(api, name)
    before = browser.session_cookie
    spoil(form)
    page = browser.send(form, **filled)
    assert page.status == 403
    assert "This page has expired" in page.text
    assert (browser.session_cookie, api.sent) == (before, 0)


@pytest.mark.security("PAGE-1", "RFC9700-2.1")
@pytest.mark.parametrize("name", FORMS)
def test_csrf_with_anothers_token(api: Api, name: str) -> None:
    """The token is bound to the cookie of this browser, so that an attacker's own is worth nothing (login CSRF)."""
    attacker, theirs, _ = opened(api, name)
    browser, form, filled = opened(api, name)
    assert attacker.cookies != browser.cookies
    form.fields["csrf"] = theirs.fields["csrf"]
    assert browser.send(form, **filled).status == 403
    assert api.sent == 0


@pytest.mark.security("PAGE-1", "RFC9700-2.1")
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "https://127.0.0.1.evil.example"},
    ],
)
def test_csrf_from_another_site(api: Api, name: str, headers: dict[str, str]) -> None:
    """W3C Fetch Metadata: even the right token is refused where the browser says that another site sends it."""
    browser, form, filled = opened(api, name)
    page = browser.call("POST", form.action, {**form.fields, **filled}, headers)
    assert page.status == 403
    assert api.sent == 0


@pytest.mark.security("PAGE-1")
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_only_forms_are_taken(browser: Browser, kind: str) -> None:
    """Other types could be sent by scripts, or read in another way than they were checked."""
    form = browser.get("/login").form(action="send")
    headers = {"content-type": kind, "sec-fetch-site": "same-origin"}
    assert browser.call("POST", "/login", {**form.fields, "mobile": NUMBER}, headers).status == 403


@pytest.mark.security("PAGE-2", "ASVS-7.2.4")
def test_session_fixation(api: Api) -> None:
    """OWASP Session Fixation: a login never takes up a cookie that was there before, and ends the session of one."""
    browser = Browser(api)
    browser.log_in()
    planted = browser.session_cookie
    names = [name for name in browser.cookies if name.endswith("lingpai")]
    victim = Browser(api)
    victim.cookies[names[0]] = planted
    page = victim.get("/login?continue=%2Faccount%3Fedit%3Dprofile")
    way = next(link for link in page.links if link.endswith("way=password"))
    victim.submit(victim.get(way).form(action="password"), username="bob", password="battery staple correct")
    assert victim.session_cookie != planted
    assert "bob" in victim.get("/account").text
    assert not browser.is_logged_in


@pytest.mark.security("PAGE-6", "RFC9700-2.1")
@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/account/../..//evil.example",
        "/account\r\nLocation: https://evil.example",
        "/account?edit=https://evil.example",
        "/oauth/authorize",
        "/oauth/authorize@evil.example",
        "javascript:alert(1)",
        "/oauth/logout",
        "/oauth/authorize?" + "x" * 9000,
    ],
)
def test_open_redirects(api: Api, wanted: str) -> None:
    """RFC 9700 section 4.11.2, OWASP Unvalidated Redirects: where a login leads on is ours alone."""
    browser = Browser(api)
    page = browser.get(f"/login?way=password&continue={quote(wanted, safe='')}")
    form = page.form(action="password")
    form.fields["continue"] = wanted
    if "\r" in wanted:
        assert browser.send(form, username="alice", password="correct horse battery").status == 400
        return
    page = browser.send(form, username="alice", password="correct horse battery")
    assert (page.status, page.location) == (303, "/account")


@pytest.mark.security("PAGE-3")
def test_xss_by_names_and_scopes(api: Api) -> None:
    """OWASP Cross Site Scripting: a client's name, its scopes, a person's name and what was typed are text."""
    browser = Browser(api)
    browser.log_in()
    form = browser.get("/account?edit=profile").form(action="profile")
    pages = [
        browser.submit(form, name=SCRIPT[:60]),
        browser.get("/account?edit=profile"),
        browser.get(AUTHORIZE),
        browser.get(f"/login?continue={quote(AUTHORIZE + '&prompt=login', safe='')}"),
        browser.submit(Browser(api).get("/register").forms[0], username=SCRIPT, password="x"),
        Browser(api).get(f"/login?way={quote(SCRIPT)}&note={quote(SCRIPT)}&lang={quote(SCRIPT)}"),
        Browser(api).get(f"/error?error={quote(SCRIPT)}"),
        Browser(api).get(f"/oauth/authorize?client_id={quote(SCRIPT)}&redirect_uri={quote(SCRIPT)}"),
        Browser(api).get(f"/oauth/logout?state={quote(SCRIPT)}"),
    ]
    anonymous = Browser(api)
    pages.append(anonymous.submit(anonymous.get("/register").forms[0], username=SCRIPT, password="x"))
    pages.append(anonymous.submit(anonymous.get("/login").form(action="send"), mobile=SCRIPT))
    shown = 0
    for page in pages:
        assert "<script>alert" not in page.answer.body, page.target
        assert "<img src=x" not in page.answer.body, page.target
        shown += html.escape("<script>alert(1)") in page.answer.body
    assert shown >= 5, "some of these pages show it, as text"


@pytest.mark.security("RFC9700-4.16")
@pytest.mark.parametrize(
    "target", ["/login", "/register", "/reset", "/account", "/error", "/oauth/logout", "/oauth/authorize", AUTHORIZE]
)
def test_headers_of_every_page(api: Api, target: str) -> None:
    """Clickjacking (RFC 9700 section 4.16), caches and the back button (OWASP ASVS 14.3.2), leaks by `Referer`."""
    for browser in (Browser(api), Browser(api)):
        page = browser.get(target)
        headers = page.answer.headers
        policy = dict(part.partition(" ")[::2] for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        nonce = policy["script-src"].removeprefix("'nonce-").removesuffix("'")
        assert page.answer.body.count(f'nonce="{nonce}"') == 3
        assert page.answer.body.count("<script") + page.answer.body.count("<style") == 2
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert browser.get(target).answer.headers["content-security-policy"] != headers["content-security-policy"]


@pytest.mark.security("PAGE-5")
def test_cookies(api: Api) -> None:
    """RFC 6265bis: `__Host-`, Secure, HttpOnly, SameSite=Lax; over the local server's plain http without the first."""
    names = {"lingpai", "lingpai-form"}
    browser = Browser(api)
    browser.log_in()
    assert browser.cookies.keys() == names
    page = browser.call("GET", "/oauth/logout")
    services: Any = api.services
    event = {
        "rawPath": "/login",
        "headers": {"x-forwarded-proto": "https"},
        "requestContext": {
            "domainName": "login.example",
            "http": {"method": "GET", "sourceIp": "192.0.2.1"},
            "requestId": "1",
            "stage": "$default",
        },
    }
    from functions.pages.app import handler

    answer = handler(event, None)
    assert services is api.services
    assert not is_set()
    (cookie,) = answer["cookies"]
    name, _, attributes = cookie.partition("=")
    assert name == "__Host-lingpai-form"
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(attributes.split("; "))
    assert "Domain" not in attributes
    assert page.status == 200


ENDS: dict[str, Callable[[Api, int], object]] = {
    "disabled": lambda api, user_id: accounts.disable(api.services, user_id),
    "deleted": lambda api, user_id: accounts.delete(api.services, user_id),
    "a new password by an admin": lambda api, user_id: accounts.save(
        api.services, user_id, None, "a fine long password", None
    ),
}


@pytest.mark.security("ASVS-7.4.2")
@pytest.mark.parametrize("name", ENDS)
def test_a_browser_session_ends_with_the_account(api: Api, name: str) -> None:
    """OWASP ASVS 7.4.2, 7.4.3."""
    browser = Browser(api)
    browser.log_in()
    cookie = dict(browser.cookies)
    ENDS[name](api, api.user_id("alice"))
    browser.cookies = cookie
    assert not browser.is_logged_in
    assert path(browser.call("GET", AUTHORIZE).location) == "/login"


@pytest.mark.security("PAGE-4", "ASVS-7.4.1")
def test_the_back_button_after_logging_out(api: Api) -> None:
    """Nothing of a page is kept, and the cookie that was is worth nothing, though somebody has kept it."""
    browser = Browser(api)
    page = browser.log_in()
    kept = dict(browser.cookies)
    form = page.form(action="confirm")
    browser.submit(form)
    browser.cookies = kept
    assert not browser.is_logged_in
    assert path(browser.call("GET", AUTHORIZE).location) == "/login"
    assert browser.send(form).status == 403


@pytest.mark.security("ASVS-7.4.5")
def test_the_deployments_epoch_ends_browser_sessions(api: Api) -> None:
    """`lingpai sessions end --all` moves `valid_from`, which is read within CLIENT_CACHE_TTL."""
    browser = Browser(api)
    browser.log_in()
    store: Any = api.services.store
    store.move_valid_from(api.services.clock.now() + 1)
    api.time.advance(61)
    assert not browser.is_logged_in
    browser.log_in()
    assert browser.is_logged_in


@pytest.mark.security("PAGE-5", "ASVS-7.4.1")
def test_the_cookie_is_no_token(api: Api) -> None:
    """A cookie opens no route of the API, and a token no page."""
    browser = Browser(api)
    browser.log_in()
    answer = api.post("/users/current", bearer=browser.session_cookie)
    assert answer.status == 401
    assert api.post("/oauth/introspect", form={"token": browser.session_cookie}, basic=STANDARD).json == {
        "active": False
    }
    name = next(name for name in browser.cookies if name.endswith("lingpai"))
    browser.cookies[name] = api.token()
    assert not browser.is_logged_in


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000, "é", "AAAAAAAAAAAAAAAAAAAAAA." + "A" * 43, '"', "=;="])
@pytest.mark.parametrize("target", ["/login", "/account", AUTHORIZE, "/oauth/logout"])
def test_cookies_of_any_kind(api: Api, cookie: str, target: str) -> None:
    browser = Browser(api)
    browser.cookies = {"lingpai": cookie, "lingpai-form": cookie, "lingpai-lang": cookie}
    assert browser.call("GET", target).status in (200, 303)


@pytest.mark.parametrize(
    "query", ["%ff", "continue=%ff", "&" * 200, "a=b&" * 150, "continue=%00", "lang=%0d%0aX:1", "state=%00", "=", "&&"]
)
@pytest.mark.parametrize("target", ["/login", "/register", "/reset", "/consent", "/account", "/error", "/oauth/logout"])
def test_bad_input_is_never_a_fault(api: Api, target: str, query: str) -> None:
    for browser in (Browser(api), Browser(api)):
        page = browser.call("GET", f"{target}?{query}")
        assert page.status in (200, 303, 400, 403), page
        assert "x" not in page.answer.headers
        page = browser.call("POST", target, None, {"content-type": "application/x-www-form-urlencoded"})
        assert page.status in (200, 403, 405), page
        browser.log_in()


@pytest.mark.security("ASVS-6.2.6", "ASVS-6.2.7")
def test_password_managers_may_help(api: Api) -> None:
    """Passwords are masked, and each field says what belongs into it; nothing stands in the way of pasting."""
    browser = Browser(api)
    fields = {
        "/login?way=password": ('name="username" type="text" autocomplete="username"', "current-password"),
        "/register": ('name="username" type="text" autocomplete="username"', "new-password"),
        "/login": ('name="mobile" type="tel" autocomplete="tel"', None),
    }
    for target, (field, password) in fields.items():
        body = browser.get(target).answer.body
        assert field in body
        if password:
            assert f'name="password" type="password" autocomplete="{password}"' in body
        assert "maxlength" not in body
    page = browser.submit(browser.get("/login").form(action="send"), mobile=NUMBER)
    assert 'name="code" type="text" autocomplete="one-time-code" inputmode="numeric"' in page.answer.body
    assert "onpaste" not in browser.get("/login").answer.body


@pytest.mark.security("ASVS-7.4.4")
def test_the_logout_is_in_sight(api: Api) -> None:
    page = Browser(api).log_in()
    assert "Log out" in page.text
    assert page.form(action="confirm").action == "/oauth/logout"
