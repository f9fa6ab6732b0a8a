"""Every page in Chromium: axe-core finds nothing, nothing comes from elsewhere, and it works without JavaScript."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from tests.browser.screenshots import PAGES
from tests.browser.site import DEVICES, NAME, NUMBER, PASSWORD, Site, new_context, open_chromium, open_site, violations

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as monkeypatch, open_site(monkeypatch) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with open_chromium() as opened:
        yield opened


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["zh", "en"])
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("name", PAGES)
def test_every_page(site: Site, chromium: Chromium, device: str, language: str, name: str) -> None:
    """In the browser's language, within the screen's width, without a finding of axe-core, and from this site alone."""
    site.forget_sessions()
    with new_context(chromium, device, language) as context:
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        PAGES[name](site, page)
        assert violations(page) == []
        assert page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [url for url in asked if not url.startswith((site.url, "data:"))] == []
        assert [url for url in asked if "token" in url or PASSWORD in url] == []
        assert [text for text in said if "Content Security Policy" in text or "Refused" in text] == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_login_by_a_code(site: Site, chromium: Chromium, device: str, language: str, scripts: bool) -> None:
    """From an app and back to it with a code; the next app is let in by the same login."""
    site.forget_sessions()
    with new_context(chromium, device, language, java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto(site.authorize())
        page.fill("#mobile", NUMBER)
        page.click("button.main")
        page.fill("#code", f"{site.api.last_code[:3]} {site.api.last_code[3:]}")
        page.click("form:not(.resend) button.main")
        page.wait_for_url("**/callback?*")
        assert parse_qs(urlsplit(page.url).query).keys() == {"code", "state", "iss"}
        page.goto(site.authorize(state="again"))
        assert parse_qs(urlsplit(page.url).query)["state"] == ["again"]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_consent_and_log_out(site: Site, chromium: Chromium, scripts: bool) -> None:
    site.forget_sessions()
    with new_context(chromium, "phone", "en", java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto(site.authorize(client_id="third-app", login_hint=NAME))
        page.fill("#password", PASSWORD)
        page.click("button.main")
        page.click("button[value=deny]")
        page.wait_for_url("**/callback?*")
        assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]
        page.goto(f"{site.url}/account")
        page.click("form[action='/oauth/logout'] button")
        assert page.inner_text("h1") == "You are logged out"
        page.go_back()
        page.goto(f"{site.url}/account")
        assert urlsplit(page.url).path == "/login"


def test_by_keyboard_alone(site: Site, chromium: Chromium) -> None:
    """The first Tab skips to the content; Enter sends the form; an error has the focus, and links to its field."""
    site.forget_sessions()
    with new_context(chromium, "desktop", "en") as context:
        page = context.new_page()
        page.goto(f"{site.url}/login?way=password")
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to content"
        page.focus("#username")
        page.keyboard.type(NAME)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector(".summary")
        assert focused(page).startswith("There is a problem")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "password"
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/account")


def focused(page: Page) -> str:
    """The text of what has the focus."""
    return str(page.evaluate("document.activeElement.innerText"))


def test_what_scripts_add(site: Site, chromium: Chromium) -> None:
    """A password can be shown; another code can be asked for only after the countdown."""
    site.forget_sessions()
    with new_context(chromium, "phone", "en") as context:
        page = context.new_page()
        page.goto(f"{site.url}/login?way=password")
        page.fill("#password", PASSWORD)
        page.click("text=Show")
        assert page.get_attribute("#password", "type") == "text"
        page.goto(f"{site.url}/login")
        page.fill("#mobile", NUMBER)
        page.click("button.main")
        button = page.locator(".resend button")
        assert button.is_disabled()
        assert "Another code in" in button.inner_text()
