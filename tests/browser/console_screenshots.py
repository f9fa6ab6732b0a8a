"""`make screenshots`: pictures of the console's pages, in both languages, on a phone and a desktop."""

import sys
from collections.abc import Callable
from io import BytesIO
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page

from lingpai.accounts import service as accounts
from tests.browser.console import alice_logs_in, open_console, populate
from tests.browser.screenshots import arrange
from tests.browser.site import LOCALES, NAME, Site, new_context, open_chromium, open_site
from tests.support.stores import ROOT

FOLDER = ROOT / "docs" / "console"
Show = Callable[[Site, Page], None]


def at(target: str) -> Show:
    """A page of the console."""

    def show(site: Site, page: Page) -> None:
        open_console(site, page, target.format(alice=site.api.user_id(NAME)))

    return show


def user(site: Site, page: Page) -> None:
    """An account that is logged in somewhere."""
    alice_logs_in(site, page)
    at("/console/user?id={alice}")(site, page)


def dialog(site: Site, page: Page) -> None:
    """A question."""
    at("/console/user?id={alice}")(site, page)
    page.click("a[href*='action=disable']")
    page.wait_for_selector("dialog[open] button.main")


def undo(site: Site, page: Page) -> None:
    """What was done, and the way back."""
    dialog(site, page)
    page.click("dialog button.main")
    page.wait_for_selector(".notice button")


def client_error(site: Site, page: Page) -> None:
    """A record that cannot be."""
    at("/console/client/edit?id=web-app")(site, page)
    page.fill("#redirect_uris", "http://shop.example/callback")
    page.fill("#access_token_ttl", "soon")
    page.click(".save button")
    page.wait_for_selector(".summary")


def secret(site: Site, page: Page) -> None:
    """A secret that is shown once."""
    at("/console/client/change?id=web-app&action=rotate")(site, page)
    page.click("button.danger")
    page.wait_for_selector(".key")


def refused(site: Site, page: Page) -> None:
    """Somebody who is no admin."""
    page.goto(f"{site.url}/console")
    page.click("a[href$='way=password']")
    page.fill("#username", NAME)
    page.fill("#password", "correct horse battery")
    page.press("#password", "Enter")
    page.wait_for_url("**/console/callback*")


PAGES: dict[str, Show] = {
    "overview": at("/console"),
    "users": at("/console/users"),
    "user": user,
    "dialog": dialog,
    "undo": undo,
    "delete": at("/console/user/change?id={alice}&action=delete"),
    "clients": at("/console/clients"),
    "client": at("/console/client?id=web-app"),
    "client-edit": at("/console/client/edit?id=web-app"),
    "client-error": client_error,
    "secret": secret,
    "roles": at("/console/roles"),
    "keys": at("/console/keys"),
    "sms": at("/console/sms"),
    "audit": at("/console/audit"),
    "health": at("/console/health"),
    "refused": refused,
}
DARK = {"overview", "user", "dialog", "sms", "client-error"}
# A dialog stands before what is seen of the page, and lists are long.
IN_VIEW = {"dialog", "users", "audit"}
_SHEETS = {"phone": (400, 4), "desktop": (800, 2)}


def take(site: Site, context: BrowserContext, name: str, scheme: Literal["light", "dark"]) -> Image.Image:
    """One page, as somebody sees it who has just logged in."""
    # The picture before may have disabled her.
    accounts.enable(site.api.services, site.api.user_id(NAME))
    site.forget_sessions()
    populate(site)
    context.clear_cookies()
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    PAGES[name](site, page)
    picture = Image.open(BytesIO(page.screenshot(full_page=name not in IN_VIEW))).convert("RGB")
    page.close()
    return picture


def main() -> int:
    """Take the pictures of all pages, or of those named."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = sys.argv[1:] or list(PAGES)
    for old in FOLDER.glob("*.webp"):
        if not sys.argv[1:]:
            old.unlink()
    with pytest.MonkeyPatch.context() as monkeypatch, open_site(monkeypatch) as site, open_chromium() as chromium:
        for device, (width, columns) in _SHEETS.items():
            contexts = {each: new_context(chromium, device, each, reduced_motion="reduce") for each in LOCALES}
            for name in names:
                schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark") if name in DARK else ("light",)
                pictures = [take(site, contexts[each], name, scheme) for scheme in schemes for each in LOCALES]
                arrange(pictures, width, columns).save(FOLDER / f"{name}-{device}.webp", quality=75, method=6)
    return 0


if __name__ == "__main__":
    sys.exit(main())
