"""`/account`: an authenticator app and recovery codes, in a browser without scripts."""

import json
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from lingpai.accounts import service as accounts
from tests.support.api import Api, make_api
from tests.support.authenticator import Authenticator, app_of
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Page, path

CODE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, MemoryStore())


@pytest.fixture
def browser(api: Api) -> Browser:
    browser = Browser(api)
    browser.log_in()
    return browser


def begin(browser: Browser) -> Page:
    return browser.submit(browser.get("/account?edit=totp").form(action="totp-begin"))


def codes_of(page: Page) -> list[str]:
    codes = CODE.findall(page.text)
    for code in codes:
        LOGS.hush("recovery code", code)
    return codes


def set_up(browser: Browser) -> tuple[Authenticator, list[str]]:
    page = begin(browser)
    app = app_of(page)
    page = browser.submit(page.form(action="totp-confirm"), code=app.code(browser.api.time.at))
    return app, codes_of(page)


def kinds(browser: Browser) -> set[str]:
    user = browser.api.services.store.get_user(browser.api.user_id("alice"))
    assert user is not None
    return set(user.second_factors)


def test_an_app_is_set_up(browser: Browser) -> None:
    """By its first code; then the recovery codes are shown once, and other sessions end."""
    other = Browser(browser.api)
    other.log_in()
    assert "Authenticator app Not set" in browser.get("/account").text
    page = begin(browser)
    assert re.search('<svg [^>]*class="segno"', page.answer.body)
    assert 'role="img" aria-label="QR code' in page.answer.body
    assert page.answer.headers["cache-control"] == "no-store"
    app = app_of(page)
    assert kinds(browser) == set()
    page = browser.submit(page.form(action="totp-confirm"), code=app.code(browser.api.time.at))
    codes = codes_of(page)
    assert (page.status, len(set(codes))) == (200, 10)
    assert "They are not shown again." in page.text
    assert kinds(browser) == {"totp"}
    assert not other.is_logged_in
    overview = browser.get("/account")
    assert "On since 2030-01-01" in overview.text
    assert "Recovery codes 10 left" in overview.text
    assert not any(code in overview.text for code in codes)


def test_the_qr_code_says_what_the_key_says(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the account and this service."""
    import segno

    drawn: list[str] = []
    make = segno.make_qr

    def make_qr(content: str) -> segno.QRCode:
        drawn.append(content)
        return make(content)

    monkeypatch.setattr(segno, "make_qr", make_qr)
    page = begin(browser)
    (content,) = drawn
    uri = urlsplit(content)
    assert uri.path.rpartition(":")[2] == "alice"
    assert parse_qs(uri.query)["secret"] == [app_of(page).secret]


@pytest.mark.parametrize("code", ["", "12345", "wrong"])
def test_a_wrong_first_code(browser: Browser, code: str) -> None:
    """The same secret is shown again, beside what was wrong."""
    page = begin(browser)
    app = app_of(page)
    typed = app.wrong_code(browser.api.time.at) if code == "wrong" else code
    page = browser.submit(page.form(action="totp-confirm"), code=typed)
    assert (page.status, "#code" in page.links) == (400, True)
    assert app_of(page) == app
    assert kinds(browser) == set()
    page = browser.submit(page.form(action="totp-confirm"), code=app.code(browser.api.time.at))
    assert len(codes_of(page)) == 10


def test_too_many_first_codes(browser: Browser) -> None:
    page = begin(browser)
    for _ in range(6):
        wrong = app_of(page).wrong_code(browser.api.time.at)
        page = browser.submit(page.form(action="totp-confirm"), code=wrong)
    assert (page.status, page.answer.headers["retry-after"]) == (429, "3600")


def test_a_form_of_yesterday(browser: Browser) -> None:
    """The secret waits no longer: it begins anew."""
    page = begin(browser)
    form, app = page.form(action="totp-confirm"), app_of(page)
    begin(browser)
    page = browser.submit(form, code=app.code(browser.api.time.at))
    assert page.status == 400
    form = begin(browser).form(action="totp-confirm")
    browser.api.services.store.factors.clear()  # type: ignore[attr-defined]  # the store in memory
    page = browser.submit(form, code="123456")
    assert (page.status, "This took too long. Start again" in page.text) == (409, True)
    assert page.form(action="totp-begin").action == "/account"


def test_another_app(browser: Browser) -> None:
    """It replaces the first; recovery codes stay, and are not shown."""
    set_up(browser)
    page = begin(browser)
    app = app_of(page)
    page = browser.submit(page.form(action="totp-confirm"), code=app.code(browser.api.time.at))
    assert page.target == "/account?note=totp_saved"
    assert "Recovery codes 10 left" in page.text


def test_new_recovery_codes(browser: Browser) -> None:
    _, codes = set_up(browser)
    page = browser.submit(browser.get("/account").form(action="recovery-codes"))
    assert len({*codes, *codes_of(page)}) == 20
    assert not [link for link in page.links if "lang=" in link], "it would lose what is shown once"


def test_the_app_is_removed(browser: Browser) -> None:
    set_up(browser)
    form = browser.get("/account").form(action="totp-remove")
    page = browser.submit(form)
    assert page.target == "/account?note=totp_removed"
    assert kinds(browser) == set()
    page = browser.submit(form)
    assert (page.status, "The account has no such second factor" in page.text) == (404, True)


@pytest.mark.security("ASVS-7.5.1")
def test_each_needs_a_recent_login(browser: Browser) -> None:
    set_up(browser)
    forms = [browser.get("/account").form(action=action) for action in ("totp-remove", "recovery-codes")]
    forms += [browser.get("/account?edit=totp").form(action="totp-begin"), begin(browser).form(action="totp-confirm")]
    before = browser.api.services.store.get_factors(browser.api.user_id("alice"))
    browser.api.time.advance(601)
    for form in forms:
        assert path(browser.submit(form, code="123456").target) == "/login"
    assert path(browser.get("/account?edit=totp").target) == "/login"
    assert browser.api.services.store.get_factors(browser.api.user_id("alice")) == before


def test_the_user_s_data_say_which_factors_there_are(browser: Browser) -> None:
    """And nothing of what they are proven by."""
    data = json.loads(browser.get("/account?download=json").answer.body)
    assert data.keys() & {"authenticator_app", "recovery_codes_left"} == set()
    app, codes = set_up(browser)
    page = browser.get("/account?download=json")
    data = json.loads(page.answer.body)
    assert data["second_factors"] == ["totp"]
    assert data["authenticator_app"] == {"created_at": browser.api.services.clock.now()}
    assert data["recovery_codes_left"] == 10
    assert not any(text in page.answer.body for text in (app.secret, *codes))


def test_in_chinese(api: Api) -> None:
    browser = Browser(api, language="zh")
    browser.log_in()
    page = begin(browser)
    assert "用验证器应用扫描二维码" in page.text
    page = browser.submit(page.form(action="totp-confirm"), code=app_of(page).code(api.time.at))
    assert "离开后无法再次查看" in page.text
    assert len(codes_of(page)) == 10


def test_where_mfa_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is offered; who has one may remove it."""
    browser = Browser(make_api(monkeypatch, MemoryStore(), mfa="off"))
    browser.log_in()
    assert "Two-step verification" not in browser.get("/account").text
    page = begin(browser)
    assert (page.status, "Second factors are turned off here" in page.text) == (403, True)
    user_id = browser.api.user_id("alice")
    accounts.change(browser.api.services, user_id, lambda user: replace(user, second_factors=frozenset({"passkey"})))
    assert "Two-step verification" in browser.get("/account").text
