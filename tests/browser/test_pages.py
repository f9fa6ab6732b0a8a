"""Every page in Chromium: axe-core finds nothing, nothing comes from elsewhere, and it fits its screen."""

import pytest
from playwright.sync_api import Browser as Chromium

from tests.browser.screenshots import FOLDER, PAGES
from tests.browser.site import DEVICES, LOCALES, PASSWORD, Site, violations, visit

pytestmark = pytest.mark.enable_socket

# What can be seen beside the column of the page; the link to its content is there only with the focus.
_OUTSIDE = """() => {
  const frame = document.querySelector(".frame").getBoundingClientRect();
  return [...document.querySelectorAll("body *:not(a.skip)")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && (box.left < frame.left || box.right > frame.right);
  }).map((element) => element.outerHTML);
}"""


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("name", PAGES)
def test_every_page(site: Site, chromium: Chromium, language: str, name: str) -> None:
    """In the browser's language, on both screens and in both colour schemes; Chinese begins on a phone."""
    screens = list(DEVICES) if language == "zh" else list(reversed(DEVICES))
    with visit(site, chromium, screens[0], language) as visited:
        page = visited.page
        PAGES[name](site, page)
        assert page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
        for screen, scheme in zip(screens, ("light", "dark"), strict=True):
            page.set_viewport_size(DEVICES[screen]["viewport"])
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert page.evaluate(_OUTSIDE) == []


def test_every_page_has_its_pictures() -> None:
    """`make screenshots` was run for all of them."""
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}-{device}.webp" for name in PAGES for device in DEVICES}


def test_what_scripts_add(site: Site, chromium: Chromium) -> None:
    """A password can be shown; another code can be asked for only after the countdown."""
    with visit(site, chromium, "phone", "en") as visited:
        page = visited.page
        page.goto(f"{site.url}/login?way=password")
        page.fill("#password", PASSWORD)
        page.click("text=Show")
        assert page.get_attribute("#password", "type") == "text"
        page.clock.install()
        PAGES["code"](site, page)
        button = page.locator(".resend button")
        assert button.is_disabled()
        assert "Another code in" in button.inner_text()
        page.clock.run_for(31_000)
        assert button.is_enabled()
        assert button.inner_text() == "Send another code"
