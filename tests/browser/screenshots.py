"""`make screenshots`: a picture of every page, in both languages, on a phone and a desktop, light and dark."""

import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import product

import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.browser.site import DEVICES, NAME, NUMBER, Site, log_in, new_context, open_chromium, open_site
from tests.support.stores import ROOT

FOLDER = ROOT / "docs" / "pages"


def send_code(site: Site, page: Page, target: str, number: str) -> None:
    """Ask for a code from the page at `target`."""
    page.goto(f"{site.url}{target}")
    page.fill("#mobile", number)
    page.click("button.main")
    page.wait_for_selector("#code")


def login_app(site: Site, page: Page) -> None:
    """The login page for an app."""
    page.goto(site.authorize())


def login_password(site: Site, page: Page) -> None:
    """The other way in."""
    page.goto(site.authorize(login_hint=NAME))


def login_error(site: Site, page: Page) -> None:
    """A wrong password."""
    page.goto(f"{site.url}/login?way=password")
    page.fill("#username", "nobody-at-all")
    page.fill("#password", "wrong-horse-battery")
    page.click("button.main")
    page.wait_for_selector(".summary")


def login_number_error(site: Site, page: Page) -> None:
    """What is no number."""
    page.goto(f"{site.url}/login")
    page.fill("#mobile", "12345")
    page.click("button.main")
    page.wait_for_selector(".summary")


def code(site: Site, page: Page) -> None:
    """Where the code is typed in."""
    send_code(site, page, "/login", NUMBER)


def register(site: Site, page: Page) -> None:
    """A new account."""
    page.goto(f"{site.url}/register")


def reset(site: Site, page: Page) -> None:
    """A forgotten password."""
    page.goto(f"{site.url}/reset")


def reset_code(site: Site, page: Page) -> None:
    """Its second step."""
    send_code(site, page, "/reset", NUMBER)


def consent(site: Site, page: Page) -> None:
    """What an app asks for."""
    log_in(site, page)
    page.goto(site.authorize(client_id="third-app", scope="openid profile phone read"))


def choose(site: Site, page: Page) -> None:
    """Which account."""
    log_in(site, page)
    page.goto(site.authorize(prompt="select_account"))


def account(site: Site, page: Page) -> None:
    """The account page."""
    log_in(site, page)


def edit(name: str) -> Callable[[Site, Page], None]:
    """A form of the account page."""

    def go(site: Site, page: Page) -> None:
        log_in(site, page)
        page.goto(f"{site.url}/account?edit={name}")

    return go


def logout(site: Site, page: Page) -> None:
    """The question."""
    log_in(site, page)
    page.goto(f"{site.url}/oauth/logout")


def logged_out(site: Site, page: Page) -> None:
    """The answer."""
    page.goto(f"{site.url}/oauth/logout")


def error(site: Site, page: Page) -> None:
    """A wrong request of an app."""
    page.goto(f"{site.url}/oauth/authorize?client_id=nobody")


PAGES: dict[str, Callable[[Site, Page], None]] = {
    "login": login_app,
    "login-password": login_password,
    "login-error": login_error,
    "login-number-error": login_number_error,
    "code": code,
    "register": register,
    "reset": reset,
    "reset-code": reset_code,
    "choose": choose,
    "consent": consent,
    "account": account,
    "account-profile": edit("profile"),
    "account-password": edit("password"),
    "account-phone": edit("phone"),
    "account-delete": edit("delete"),
    "logout": logout,
    "logged-out": logged_out,
    "error": error,
}


VARIANTS = (("zh", "light"), ("en", "light"), ("zh", "dark"), ("en", "dark"))
_GAP = 24


def sheets(site: Site, names: list[str]) -> Iterator[tuple[str, Image.Image]]:
    """For each page and device one picture, which shows both languages and both colour schemes side by side."""
    with open_chromium() as chromium:
        for name, device in product(names, DEVICES):
            pictures = []
            for language, scheme in VARIANTS:
                site.forget_sessions()
                context = new_context(chromium, device, language, color_scheme=scheme, reduced_motion="reduce")
                page = context.new_page()
                PAGES[name](site, page)
                pictures.append(Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB"))
                context.close()
            yield f"{name}-{device}", side_by_side(pictures)


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """The pictures in one row, each 480 pixels wide at most."""
    scaled = [picture.resize((480, round(picture.height * 480 / picture.width))) for picture in pictures]
    width = sum(picture.width + _GAP for picture in scaled) + _GAP
    sheet = Image.new("RGB", (width, max(picture.height for picture in scaled) + 2 * _GAP), "#8a919e")
    for index, picture in enumerate(scaled):
        sheet.paste(picture, (_GAP + index * (480 + _GAP), _GAP))
    return sheet


def main() -> int:
    """Take the pictures of all pages, or of those named."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as monkeypatch, open_site(monkeypatch) as site:
        for name, sheet in sheets(site, sys.argv[1:] or list(PAGES)):
            sheet.save(FOLDER / f"{name}.webp", quality=80, method=6)
    return 0


if __name__ == "__main__":
    sys.exit(main())
