"""`/login`, `/register` and `/reset`: whole ways through the pages, and what they say where something is wrong."""

import re
from typing import Any

import pytest

from tests.support.api import Api, make_api
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser

NUMBER = "13312341234"
NEW = "13800138000"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, MemoryStore())


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api)


def ask_for_code(browser: Browser, number: str, target: str = "/login") -> Any:
    return browser.submit(browser.get(target).form(action="send"), mobile=number)


def test_by_password(browser: Browser) -> None:
    page = browser.log_in()
    assert (page.status, page.target) == (200, "/account")
    assert "Chrome on Windows" in page.text
    assert "This device" in page.text


def test_by_code(browser: Browser) -> None:
    page = ask_for_code(browser, f" +86 133-1234 1234{chr(0xA0)}")
    assert page.status == 200
    assert "13312341234" in page.text
    code = browser.api.last_code
    page = browser.submit(page.form(action="code"), code=f"{code[:3]} {code[3:]}")
    assert (page.status, page.target) == (200, "/account")
    assert "alice" in page.text


def test_the_first_login_makes_an_account(browser: Browser) -> None:
    page = ask_for_code(browser, NEW)
    page = browser.submit(page.form(action="code"), code=browser.api.last_code)
    assert page.target == "/account"
    assert browser.api.services.store.find_user_id("mobile:+8613800138000") is not None


def test_no_account_is_made_where_registration_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in ("off", "client"):
        browser = Browser(make_api(monkeypatch, MemoryStore(), registration=setting))
        page = ask_for_code(browser, NEW)
        page = browser.submit(page.form(action="code"), code=browser.api.last_code)
        assert page.status == 400
        assert "new ones are not made here" in page.text
        assert browser.api.services.store.find_user_id("mobile:+8613800138000") is None
        page = browser.get("/register")
        assert "New accounts are not made here." in page.text
        assert page.forms == []


def test_register(browser: Browser) -> None:
    page = browser.submit(browser.get("/register").forms[0], username="carol", password="a fine long password")
    assert page.target == "/account"
    assert "carol" in page.text
    again = Browser(browser.api)
    page = again.submit(again.get("/register").forms[0], username="Carol", password="a fine long password")
    assert page.status == 409
    assert "#username" in page.links
    assert page.forms[0].fields["username"] == "Carol"


@pytest.mark.parametrize(
    ("fields", "status", "link"),
    [
        ({"username": "dave", "password": "short"}, 400, "#password"),
        ({"username": "dave", "password": "password123"}, 400, "#password"),
        ({"username": "13800138000", "password": "a fine long password"}, 400, "#username"),
        ({"username": "", "password": ""}, 400, "#username"),
    ],
)
def test_register_refuses_what_the_api_refuses(
    browser: Browser, fields: dict[str, str], status: int, link: str
) -> None:
    page = browser.submit(browser.get("/register").forms[0], **fields)
    assert page.status == status
    assert link in page.links
    assert "There is a problem" in page.text
    assert fields["password"] == "" or fields["password"] not in page.answer.body


def test_reset(browser: Browser) -> None:
    """All sessions end, the old password goes, and the page leads on to where the browser wanted to go."""
    elsewhere = Browser(browser.api)
    elsewhere.log_in()
    page = ask_for_code(browser, NUMBER, "/reset?continue=%2Faccount%3Fedit%3Dprofile")
    page = browser.submit(page.form(action="set"), code=browser.api.last_code, newPassword="a fine long password")
    assert page.status == 200
    assert "Your password is set" in page.text or "log in again" in page.text
    assert page.form(action="password").fields["continue"] == "/account?edit=profile"
    assert elsewhere.get("/account").target.startswith("/login")
    assert browser.log_in().status == 400
    assert browser.log_in(password="a fine long password").target == "/account"


def test_reset_without_an_account(browser: Browser) -> None:
    """The sending tells nothing; whoever proves the number may know."""
    page = ask_for_code(browser, NEW, "/reset")
    assert page.status == 200
    page = browser.submit(page.form(action="set"), code=browser.api.last_code, newPassword="a fine long password")
    assert page.status == 404
    assert "This number has no account" in page.text


def test_a_wrong_code(browser: Browser) -> None:
    """The form comes back with an error that links to the field; after five guesses nothing more is taken."""
    page = ask_for_code(browser, NUMBER)
    wrong = "000000" if browser.api.last_code != "000000" else "111111"
    for _ in range(5):
        page = browser.submit(page.form(action="code"), code=wrong)
        assert page.status == 400
        assert "#code" in page.links
        assert 'aria-describedby="code-hint code-error"' in page.answer.body
        assert wrong not in page.answer.body
        assert 'data-wait="0"' in page.answer.body, "another code may be asked for"
    page = browser.submit(page.form(action="code"), code=browser.api.last_code)
    assert page.status == 429
    assert page.answer.headers["retry-after"] == "3600"
    assert "Try again in 60 min." in page.text


def test_wrong_passwords_slow_down_as_on_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(make_api(monkeypatch, MemoryStore(), login_tries=3))
    for _ in range(3):
        page = browser.log_in(password="wrong-horse-battery")
        assert page.status == 400
        assert "The username or the password is wrong" in page.text
    page = browser.log_in()
    assert page.status == 429
    assert "retry-after" in page.answer.headers


def test_a_code_that_is_asked_for_again_too_soon(browser: Browser) -> None:
    """The code that was sent may still be typed in: the form stays, and says how long to wait for another one."""
    page = ask_for_code(browser, NUMBER)
    code = browser.api.last_code
    page = browser.submit(page.form(action="send"))
    assert page.status == 429
    assert 'data-wait="60"' in page.answer.body
    page = browser.submit(page.form(action="code"), code=code)
    assert page.target == "/account"


@pytest.mark.parametrize("number", ["", "12345", "ask my mother!", "+1 212 555 0100", "1331234123456789"])
def test_what_is_no_number(browser: Browser, number: str) -> None:
    page = ask_for_code(browser, number)
    assert page.status == 400
    assert "#mobile" in page.links
    assert page.form(action="send").fields["mobile"] == number


def test_what_is_missing(browser: Browser) -> None:
    page = browser.submit(browser.get("/login?way=password").form(action="password"))
    assert page.status == 400
    assert {"#username", "#password"} <= set(page.links)
    page = browser.submit(ask_for_code(browser, NUMBER).form(action="code"))
    assert (page.status, "#code" in page.links) == (400, True)


@pytest.mark.parametrize(("accept", "said"), [("en", "Enter the code"), ("zh", "请输入验证码")])
def test_a_code_that_was_left_empty_is_asked_for(api: Api, accept: str, said: str) -> None:
    """In words for people: it said that a parameter was missing."""
    browser = Browser(api, accept)
    page = browser.submit(ask_for_code(browser, NUMBER).form(action="code"))
    assert page.status == 400
    assert said in page.text
    assert "缺少参数" not in page.text
    assert "parameter" not in page.text


@pytest.mark.parametrize(
    ("accept", "cookie", "target", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "/login", "zh"),
        ("en-GB", "", "/login", "en"),
        ("fr", "", "/login", "zh"),
        ("en", "", "/login?lang=zh", "zh"),
        ("en", "zh", "/login", "zh"),
        ("zh", "zh", "/login?lang=en", "en"),
        ("zh", "xx", "/login?lang=yy", "zh"),
    ],
)
def test_the_language(api: Api, accept: str, cookie: str, target: str, language: str) -> None:
    """What the reader has chosen, and keeps, comes before what the browser prefers."""
    browser = Browser(api, accept)
    if cookie:
        browser.cookies["lingpai-lang"] = cookie
    page = browser.get(target)
    assert page.answer.headers["content-language"] == language
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page.answer.body
    if target.endswith(("=zh", "=en")):
        assert browser.cookies["lingpai-lang"] == language


def test_who_is_logged_in_is_shown_the_account(browser: Browser) -> None:
    browser.log_in()
    assert browser.get("/login").target == "/account"


def test_assets_are_kept_and_their_names_change_with_them(browser: Browser) -> None:
    body = browser.get("/login").answer.body
    names = re.findall(r'(?:href|src)="(/assets/[^"]+)"', body)
    assert len(names) == 2
    size = len(body)
    for name in names:
        assert re.fullmatch(r"/assets/pages\.(css|js)\?v=[0-9a-f]{16}", name)
        asset = browser.get(name)
        assert asset.status == 200
        assert asset.answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert asset.answer.headers["content-type"] in ("text/css; charset=utf-8", "text/javascript; charset=utf-8")
        size += len(asset.answer.body)
    assert size < 30_000, "the first visit, not even compressed"
    for other in ("/assets/pages.css", "/assets/pages.js?v=0000000000000000"):
        assert browser.get(other).answer.headers["cache-control"] == "no-store"


def test_the_error_page_says_nothing_that_a_link_can_say(browser: Browser) -> None:
    page = browser.get("/error?error=Call+0190+12345&reason=pay")
    assert page.status == 200
    assert "Something went wrong" in page.text
    assert "pay" not in page.text


def test_a_wrong_method_is_a_page_too(browser: Browser) -> None:
    page = browser.call("DELETE", "/login")
    assert page.status == 405
    assert page.answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert "<h1>" in page.answer.body
