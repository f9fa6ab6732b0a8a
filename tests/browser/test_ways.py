"""Whole ways through the pages in Chromium: each in both languages, with and without JavaScript, on both devices."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error, Page

from lingpai.accounts import service as accounts
from tests.browser.site import NAME, NUMBER, PASSWORD, Site, Visit, log_in, visit

pytestmark = pytest.mark.enable_socket

NEW_PASSWORD = "a fine long password"
_NUMBERS = itertools.count(13800138000)


@dataclass(frozen=True)
class Setting:
    """A browser: what it is on, its language, and whether it runs scripts."""

    device: str
    language: str
    scripts: bool

    @contextmanager
    def visit(self, site: Site, chromium: Chromium) -> Iterator[Visit]:
        """A new visit by such a browser."""
        secrets = (NEW_PASSWORD,)
        with visit(site, chromium, self.device, self.language, *secrets, java_script_enabled=self.scripts) as visited:
            yield visited


# Each device in each language; each device and each language with scripts and without them.
SETTINGS = {
    "phone, Chinese": Setting("phone", "zh", scripts=True),
    "desktop, English": Setting("desktop", "en", scripts=True),
    "desktop, Chinese, no scripts": Setting("desktop", "zh", scripts=False),
    "phone, English, no scripts": Setting("phone", "en", scripts=False),
}


@pytest.fixture(params=SETTINGS)
def setting(request: pytest.FixtureRequest) -> Setting:
    return SETTINGS[request.param]


def new_number() -> str:
    """A number that no account has."""
    return str(next(_NUMBERS))


def send(page: Page) -> None:
    """Press the button of the form."""
    page.click("form:not(.resend) button.main")


def type_code(site: Site, page: Page) -> None:
    """Fill in the code of the last message, as people write it down."""
    code = site.api.last_code
    page.fill("#code", f"{code[:3]} {code[3:]}")


def log_in_by_code(site: Site, page: Page, number: str = NUMBER) -> None:
    """Fill in both forms of the login by a code, from the page that is open."""
    page.fill("#mobile", number)
    send(page)
    type_code(site, page)
    send(page)


def test_a_code(site: Site, chromium: Chromium, setting: Setting) -> None:
    """From an app and back to it; the next app is let in by the same login. A new number makes an account."""
    with setting.visit(site, chromium) as visited:
        page = visited.page
        page.goto(site.authorize())
        log_in_by_code(site, page, new_number())
        answer = visited.answer()
        assert answer.keys() == {"code", "state", "iss"}
        assert answer["iss"] == site.url
        page.goto(site.authorize(state="again"))
        assert visited.answer()["state"] == "again"


def test_a_password_and_a_wrong_one(site: Site, chromium: Chromium, setting: Setting) -> None:
    with setting.visit(site, chromium) as visited:
        page = visited.page
        page.goto(site.authorize())
        page.click(".ways a:not([aria-current])")
        page.fill("#username", NAME)
        page.fill("#password", "wrong-horse-battery")
        send(page)
        page.wait_for_selector(".summary")
        assert page.input_value("#username") == NAME
        assert page.input_value("#password") == ""
        page.fill("#password", PASSWORD)
        send(page)
        assert visited.answer().keys() == {"code", "state", "iss"}


def test_a_new_account(site: Site, chromium: Chromium, setting: Setting) -> None:
    """From the login page, by a username that is taken first."""
    with setting.visit(site, chromium) as visited:
        page = visited.page
        page.goto(site.authorize(login_hint="somebody"))
        page.click("a[href^='/register']")
        page.fill("#username", NAME)
        page.fill("#password", NEW_PASSWORD)
        send(page)
        assert page.get_attribute("#username", "aria-invalid") == "true"
        page.fill("#username", f"user-{new_number()}")
        page.fill("#password", NEW_PASSWORD)
        send(page)
        assert visited.answer().keys() == {"code", "state", "iss"}


def test_a_forgotten_password(site: Site, chromium: Chromium, setting: Setting) -> None:
    """From the login page, and back to the app with the new password."""
    number = new_number()
    with setting.visit(site, chromium) as visited:
        page = visited.page
        page.goto(f"{site.url}/login")
        log_in_by_code(site, page, number)
        page.wait_for_url("**/account")
        page.context.clear_cookies()
        # Another code may be sent at once.
        site.forget_sessions()
        page.goto(site.authorize(login_hint="somebody"))
        page.click("a[href^='/reset']")
        page.fill("#mobile", number)
        send(page)
        type_code(site, page)
        page.fill("#newPassword", NEW_PASSWORD)
        send(page)
        assert page.locator(".notice").is_visible()
        page.fill("#username", number)
        page.fill("#password", NEW_PASSWORD)
        send(page)
        assert visited.answer().keys() == {"code", "state", "iss"}


def test_a_password_that_is_too_old(site: Site, chromium: Chromium, setting: Setting) -> None:
    """A new one is chosen on the way to the app."""
    name = f"user-{new_number()}"
    accounts.create(site.api.services, name, PASSWORD)
    with setting.visit(site, chromium) as visited:
        page = visited.page
        site.let_password_expire(name)
        page.goto(site.authorize(login_hint=name))
        page.fill("#password", PASSWORD)
        send(page)
        assert page.input_value("#username") == name
        page.fill("#oldPassword", PASSWORD)
        page.fill("#newPassword", PASSWORD)
        send(page)
        assert page.get_attribute("#newPassword", "aria-invalid") == "true"
        page.fill("#oldPassword", PASSWORD)
        page.fill("#newPassword", NEW_PASSWORD)
        send(page)
        assert visited.answer().keys() == {"code", "state", "iss"}


def test_consent(site: Site, chromium: Chromium, setting: Setting) -> None:
    """Refused, given, remembered, and taken back at the account page; the app is at another site."""
    with setting.visit(site, chromium) as visited:
        page = visited.page
        page.goto(site.authorize(client_id="third-app", login_hint=NAME))
        page.fill("#password", PASSWORD)
        send(page)
        page.click("button[value=deny]")
        assert visited.answer()["error"] == "access_denied"
        assert page.url.startswith(f"{site.third_url}/callback")
        page.goto(site.authorize(client_id="third-app"))
        page.click("button[value=allow]")
        assert "code" in visited.answer()
        page.goto(site.authorize(client_id="third-app", state="again"))
        assert visited.answer()["state"] == "again"
        page.goto(f"{site.url}/account")
        page.click("section[aria-labelledby=consents] button")
        assert page.locator(".notice").is_visible()
        page.goto(site.authorize(client_id="third-app"))
        assert urlsplit(page.url).path == "/consent"


def test_an_account_is_chosen(site: Site, chromium: Chromium, setting: Setting) -> None:
    with setting.visit(site, chromium) as visited:
        page = visited.page
        log_in(site, page)
        page.goto(site.authorize(prompt="select_account"))
        send(page)
        assert "code" in visited.answer()
        page.goto(site.authorize(prompt="select_account"))
        page.click(".links a")
        log_in_by_code(site, page, new_number())
        assert "code" in visited.answer()


def test_an_answer_by_form_post(site: Site, chromium: Chromium, setting: Setting) -> None:
    """OAuth 2.0 Form Post Response Mode: by itself, or by its button. The code is in no address."""
    with setting.visit(site, chromium) as visited:
        page = visited.page
        log_in(site, page)
        with page.expect_request("**/callback") as posted:
            page.goto(site.authorize(response_mode="form_post"))
            if not setting.scripts:
                page.click("button")
        assert posted.value.method == "POST"
        assert "code=" in (posted.value.post_data or "")


def test_the_account_page(site: Site, chromium: Chromium, setting: Setting) -> None:
    """Each edit of it, from a new account to none."""
    name, number = f"user-{new_number()}", new_number()
    with setting.visit(site, chromium) as visited:
        page = visited.page
        page.goto(f"{site.url}/register")
        page.fill("#username", name)
        page.fill("#password", PASSWORD)
        send(page)

        page.click("a[href='/account?edit=profile']")
        page.fill("#name", "爱丽丝 <b>")
        page.fill("#birthdate", "1 May")
        send(page)
        assert page.get_attribute("#birthdate", "aria-invalid") == "true"
        page.fill("#birthdate", "1996-05-01")
        send(page)
        assert page.locator("section[aria-labelledby=profile]").get_by_text("爱丽丝 <b>").is_visible()

        page.click("a[href='/account?edit=phone']")
        page.fill("#mobile", number)
        send(page)
        type_code(site, page)
        send(page)
        assert page.get_by_text(number).is_visible()

        page.click("a[href='/account?edit=password']")
        page.fill("#oldPassword", PASSWORD)
        page.fill("#newPassword", NEW_PASSWORD)
        send(page)
        assert page.locator(".notice").is_visible()

        link_identity(site, name)
        page.goto(f"{site.url}/account")
        assert page.get_by_text("trusted").is_visible()
        page.click("form:has(input[value=unlink]) button")
        assert not page.get_by_text("trusted").is_visible()

        site.api.token(name, NEW_PASSWORD)
        page.goto(f"{site.url}/account")
        page.click("form:has(input[value=end-others]) button")
        assert page.locator("section[aria-labelledby=sessions] li").count() == 1

        with page.expect_download() as download:
            page.click("a[href='/account?download=json']")
        content = json.loads(download.value.path().read_bytes())
        assert (content["username"], content["mobile"]) == (name, f"+86{number}")

        page.click("a[href='/account?edit=delete']")
        send(page)
        assert page.get_attribute("#confirm", "aria-invalid") == "true"
        page.check("#confirm")
        send(page)
        page.goto(f"{site.url}/account")
        assert urlsplit(page.url).path == "/login"
        user = site.api.services.store.get_user(site.api.user_id(name))
        assert user is not None
        assert user.closes_at is not None


def go_back(page: Page) -> None:
    """Press the back button: again where Chromium has not put the page that it shows in the place of the one before."""
    for _ in range(50):
        try:
            page.go_back()
        except Error as error:
            if "Not attached to an active page" not in error.message:
                raise
            page.wait_for_timeout(100)
        else:
            return
    raise AssertionError("Chromium goes back to no page")


def link_identity(site: Site, name: str) -> None:
    """Link an account of a third party to the user, by an admin."""
    changes = {"id": site.api.user_id(name), "openId": f"openid-of-{name}"}
    assert site.api.post("/users/update", json_body=changes, bearer=site.api.admin()).status == 200


@pytest.mark.security("PAGE-4")
def test_log_out(site: Site, chromium: Chromium, setting: Setting) -> None:
    """A link to it asks first; the account page's button does not. The back button brings nothing back."""
    with setting.visit(site, chromium) as visited:
        page = visited.page
        log_in(site, page)
        page.goto(f"{site.url}/oauth/logout")
        page.click(".links a")
        assert urlsplit(page.url).path == "/account"
        page.goto(f"{site.url}/account?edit=profile")
        page.goto(f"{site.url}/account")
        page.click("form[action='/oauth/logout'] button")
        assert urlsplit(page.url).path == "/oauth/logout"
        for _ in range(2):
            go_back(page)
            page.wait_for_selector("#mobile")
            assert urlsplit(page.url).path == "/login"
            assert NAME not in page.inner_text("main")


def test_an_error(site: Site, chromium: Chromium, setting: Setting) -> None:
    """What an app has sent wrong is a page that leads nowhere; a form that has expired begins anew."""
    with setting.visit(site, chromium) as visited:
        page = visited.page
        page.goto(site.authorize(redirect_uri="https://evil.example/"))
        assert urlsplit(page.url).path == "/oauth/authorize"
        assert page.locator("main a").count() == 0
        page.goto(site.authorize())
        page.context.clear_cookies()
        page.fill("#mobile", NUMBER)
        send(page)
        page.click("a.button")
        log_in_by_code(site, page)
        assert "code" in visited.answer()


def test_the_language_is_chosen(site: Site, chromium: Chromium, setting: Setting) -> None:
    """The other one, on all pages from then on; the request of the app is not lost."""
    with setting.visit(site, chromium) as visited:
        page = visited.page
        page.goto(site.authorize())
        other = {"zh": "en", "en": "zh-CN"}[setting.language]
        page.click("footer nav a")
        assert page.get_attribute("html", "lang") == other
        log_in_by_code(site, page)
        assert "code" in visited.answer()
        page.goto(f"{site.url}/account")
        assert page.get_attribute("html", "lang") == other


# --- by keyboard alone


# What the browser shows of what has the focus, and whether it can be seen (WCAG 2.2, 2.4.7 and 2.4.11).
_FOCUS = """() => {
  const element = document.activeElement, box = element.getBoundingClientRect(), style = getComputedStyle(element);
  return {
    text: element.innerText || element.id,
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    inside: box.width > 0 && box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight,
  };
}"""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until this has the focus; each stop on the way can be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = page.evaluate(_FOCUS)
        assert focus["outlined"], focus
        assert focus["inside"], focus
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab does not reach {selector}")


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_a_code_by_keyboard(site: Site, chromium: Chromium, device: str) -> None:
    """From the app to a consent and back: Tab, Enter and what is typed. The code's field has the focus at once."""
    with visit(site, chromium, device, "en") as visited:
        page = visited.page
        page.goto(site.authorize(client_id="third-app"))
        tab_to(page, ".skip")
        tab_to(page, "#mobile")
        page.keyboard.type(NUMBER)
        page.keyboard.press("Enter")
        page.wait_for_selector("#code:focus")
        page.keyboard.type(site.api.last_code)
        page.keyboard.press("Enter")
        page.wait_for_url("**/consent?*")
        tab_to(page, "button[value=allow]")
        page.keyboard.press("Enter")
        assert "code" in visited.answer()


def test_a_password_by_keyboard(site: Site, chromium: Chromium) -> None:
    """An error has the focus, and leads to its field; Space shows the password; the account page can be left."""
    with visit(site, chromium, "desktop", "zh") as visited:
        page = visited.page
        page.goto(site.authorize())
        tab_to(page, ".ways a:not([aria-current])")
        page.keyboard.press("Enter")
        page.wait_for_selector("#username")
        tab_to(page, "#username")
        page.keyboard.type(NAME)
        page.keyboard.press("Enter")
        page.wait_for_selector(".summary:focus")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "password"
        page.keyboard.type(PASSWORD)
        tab_to(page, ".peek")
        page.keyboard.press("Space")
        assert page.get_attribute("#password", "type") == "text"
        tab_to(page, "button.main")
        page.keyboard.press("Enter")
        assert "code" in visited.answer()
        page.goto(f"{site.url}/account")
        tab_to(page, "a[href='/account?edit=profile']")
        page.keyboard.press("Enter")
        page.wait_for_selector("#name")
        tab_to(page, "#name")
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.type("Alice")
        page.keyboard.press("Enter")
        page.wait_for_selector(".notice")
        tab_to(page, "form[action='/oauth/logout'] button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/oauth/logout")


# --- other sites


@pytest.mark.security("RFC9700-4.16")
def test_no_page_is_framed(site: Site, chromium: Chromium) -> None:
    """Clickjacking (RFC 9700 section 4.16): Chromium shows no page of ours in a frame."""
    site.forget_sessions()
    with chromium.new_context() as context:
        page = context.new_page()
        log_in(site, page)
        page.goto("about:blank")
        page.set_content(
            "".join(f"<iframe src='{site.url}{path}'></iframe>" for path in ("/login", "/account", "/error"))
        )
        page.wait_for_load_state("networkidle")
        assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"] * 3


@pytest.mark.security("PAGE-1")
def test_another_site_sends_no_form(site: Site, chromium: Chromium) -> None:
    """Login CSRF (RFC 9700 section 4.7): the form of another site is refused, and logs nobody in."""
    site.forget_sessions()
    with chromium.new_context() as context:
        page = context.new_page()
        fields = {"action": "password", "username": NAME, "password": PASSWORD}
        inputs = "".join(f"<input name='{name}' value='{value}'>" for name, value in fields.items())
        page.set_content(f"<form method='post' action='{site.url}/login'>{inputs}<button>Win</button></form>")
        with page.expect_response("**/login") as answered:
            page.click("button")
        assert answered.value.status == 403
        assert [cookie["name"] for cookie in context.cookies()] == []
        page.goto(f"{site.url}/account")
        assert urlsplit(page.url).path == "/login"
