"""Logging in at a provider and with WeChat in Chromium: away from the page, through the provider's, and back."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from tests.browser.site import DEVICES, Site, log_in, new_context, open_chromium, open_site, violations

pytestmark = pytest.mark.enable_socket
INSIDE_WECHAT = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/116.0 Mobile Safari/537.36 MicroMessenger/8.0.47"
)
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@pytest.fixture(scope="module")
def opened() -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as monkeypatch, open_site(monkeypatch) as site:
        yield site


@pytest.fixture
def site(opened: Site) -> Site:
    opened.forget_sessions()
    opened.offer(opened.web_logins)
    return opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with open_chromium() as running:
        yield running


def answer_of(page: Page) -> dict[str, list[str]]:
    """What the app is sent."""
    page.wait_for_url("**/callback?*")
    assert urlsplit(page.url).path == "/callback"
    return parse_qs(urlsplit(page.url).query)


@SCRIPTS
@pytest.mark.parametrize("language", ["zh", "en"])
def test_from_an_app_to_a_provider_and_back(site: Site, chromium: Chromium, language: str, scripts: bool) -> None:
    """The cookie comes back with the redirect of another site, and no policy is in the way."""
    with new_context(chromium, "phone", language, java_script_enabled=scripts) as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(site.authorize())
        page.click({"zh": "text=使用Google登录", "en": "text=Continue with Google"}[language])
        page.wait_for_selector("text=Provider")
        assert page.url.startswith(site.google.issuer)
        page.click("text=Log in")
        assert answer_of(page).keys() == {"code", "state", "iss"}
        assert [text for text in said if "Content Security Policy" in text] == []
        page.goto(f"{site.url}/account")
        assert page.is_visible("text=Google")
        (cookie,) = [cookie for cookie in context.cookies() if cookie["name"] == "lingpai-provider"]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")


@pytest.mark.parametrize("device", DEVICES)
def test_a_login_that_is_not_confirmed(site: Site, chromium: Chromium, device: str) -> None:
    """A page without a finding of axe-core, and the way back to the app's login."""
    with new_context(chromium, device, "en") as context:
        page = context.new_page()
        page.goto(site.authorize())
        page.click("text=Continue with Google")
        page.wait_for_selector("text=Provider")
        site.google.codes.clear()
        page.click("text=Log in")
        assert page.inner_text("h1") == "You are not logged in with Google"
        assert violations(page) == []
        page.click("a.button")
        assert page.is_visible("text=Log in to continue to")


@SCRIPTS
def test_declined(site: Site, chromium: Chromium, scripts: bool) -> None:
    """The login page again, which still leads to the app."""
    with new_context(chromium, "desktop", "en", java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto(site.authorize())
        page.click("text=Continue with Google")
        page.click("text=Decline")
        assert page.is_visible("text=That login was cancelled")
        assert "code=" not in page.url
        page.click("text=Continue with Google")
        page.click("text=Log in")
        assert "code" in answer_of(page)


def test_the_address_of_a_login_is_worth_nothing_afterwards(site: Site, chromium: Chromium) -> None:
    """Neither in the same browser, by its history, nor in another one."""
    with new_context(chromium, "desktop", "en") as context, new_context(chromium, "desktop", "en") as another:
        page, stranger = context.new_page(), another.new_page()
        page.goto(f"{site.url}/login")
        page.click("text=Continue with Google")
        address = str(page.get_attribute("text=Log in", "href"))
        stranger.goto(address)
        assert stranger.is_visible("text=This page has expired")
        page.click("text=Log in")
        page.wait_for_url("**/account")
        page.goto(address)
        assert page.is_visible("text=This page has expired")


@SCRIPTS
def test_wechat(site: Site, chromium: Chromium, scripts: bool) -> None:
    """Its QR code on a desktop, and at once inside WeChat; both are the same account."""
    site.wechat.person = ("o-of-alice", "u-of-alice")
    with new_context(chromium, "desktop", "en", java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto(site.authorize())
        page.click("text=Continue with WeChat")
        page.wait_for_selector("text=QR")
        assert urlsplit(page.url).path == "/connect/qrconnect"
        page.click("text=Scan")
        assert "code" in answer_of(page)
        page.goto(f"{site.url}/account")
        site.wechat.person = ("o-of-alice-official", "u-of-alice")
    with new_context(chromium, "phone", "zh", java_script_enabled=scripts, user_agent=INSIDE_WECHAT) as context:
        page = context.new_page()
        page.goto(f"{site.url}/login")
        page.click("text=使用微信登录")
        page.wait_for_selector("text=QR")
        assert urlsplit(page.url).path == "/connect/oauth2/authorize"
        page.click("text=Scan")
        page.wait_for_url("**/account")
        assert page.locator("text=解除关联").count() == 2


def test_link_and_unlink(site: Site, chromium: Chromium) -> None:
    site.google.person = "subject-of-nobody-else"
    with new_context(chromium, "phone", "en") as context:
        page = context.new_page()
        log_in(site, page)
        page.click("text=Link Google")
        page.click("text=Log in")
        page.wait_for_url("**/account?note=linked")
        assert page.is_visible("text=The account is linked")
        assert page.locator("text=Link Google").count() == 0
        page.click("button[aria-label='Unlink Google']")
        page.wait_for_url("**/account?note=unlinked")
        assert page.is_visible("text=Link Google")
