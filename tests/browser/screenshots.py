"""`make screenshots`: pictures of every page in both languages, on a phone and a desktop; some in dark colours, too."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, Literal

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page

from lingpai.accounts import service as accounts
from lingpai.consents import service as consents
from lingpai.passkeys.model import Passkey
from lingpai.passkeys.service import METHODS
from lingpai.passkeys.storage import PutPasskey
from tests.browser.site import LOCALES, NAME, NUMBER, PASSWORD, Site, log_in, new_context, open_chromium, open_site
from tests.support.authenticator import Authenticator, set_up
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


def login_providers(site: Site, page: Page) -> None:
    """The login page of a deployment that has providers."""
    site.offer(site.web_logins)
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


def renewal(site: Site, page: Page) -> None:
    """A new password in place of one that is too old."""
    site.let_password_expire(NAME)
    page.goto(site.authorize(login_hint=NAME))
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.wait_for_selector("#newPassword")


def code(site: Site, page: Page) -> None:
    """Where the code is typed in."""
    send_code(site, page, "/login", NUMBER)


# A browser that never derives a key, so that the check goes on, and takes no time of the processor.
_ENDLESS = "crypto.subtle.deriveBits = () => new Promise(() => {})"


def captcha(site: Site, page: Page) -> None:
    """The check before a code is sent."""
    site.ask_for_captcha()
    page.add_init_script(_ENDLESS)
    page.goto(f"{site.url}/login")
    page.fill("#mobile", NUMBER)
    page.click("button.main")
    page.wait_for_selector("[data-altcha] button:disabled")


def captcha_error(site: Site, page: Page) -> None:
    """A check that did not succeed."""
    site.ask_for_captcha()
    page.add_init_script(_ENDLESS)
    page.goto(f"{site.url}/login")
    page.fill("#mobile", NUMBER)
    page.click("button.main")
    page.wait_for_selector("[data-altcha]")
    page.evaluate("() => { const form = document.forms[0]; form.elements.captcha.value = 'wrong'; form.submit(); }")
    page.wait_for_selector(".summary")


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
    """The account page of somebody who has let an app in, and who is logged in elsewhere."""
    alice = site.api.user_id(NAME)
    third = site.api.services.clients.get_client("third-app")
    assert third is not None
    consents.grant(site.api.services, alice, third, ("openid", "profile"))
    log_in(site, page)


def account_providers(site: Site, page: Page) -> None:
    """The account page, with providers to link."""
    log_in(site, page)
    site.offer(site.web_logins)
    page.goto(f"{site.url}/account")


def edit(name: str) -> Callable[[Site, Page], None]:
    """A form of the account page."""

    def go(site: Site, page: Page) -> None:
        log_in(site, page)
        page.goto(f"{site.url}/account?edit={name}")

    return go


def number_code(site: Site, page: Page) -> None:
    """The code for a new number."""
    edit("phone")(site, page)
    page.fill("#mobile", "13800138000")
    page.click("button.main")
    page.wait_for_selector("#code")


def password_error(site: Site, page: Page) -> None:
    """A new password that is refused."""
    edit("password")(site, page)
    page.fill("#oldPassword", PASSWORD)
    page.fill("#newPassword", "12345678")
    page.click("button.main")
    page.wait_for_selector(".summary")


def app(site: Site, page: Page) -> Authenticator:
    """The QR code for an authenticator app, and the app that has scanned it."""
    edit("totp")(site, page)
    page.click("button.main")
    return Authenticator(page.inner_text(".key").replace(" ", ""))


def show_app(site: Site, page: Page) -> None:
    """The QR code for an authenticator app."""
    app(site, page)


def app_error(site: Site, page: Page) -> None:
    """A wrong first code."""
    wrong = app(site, page).wrong_code(time.time())
    page.fill("#code", wrong)
    page.click("button.main")
    page.wait_for_selector(".summary")


def recovery_codes(site: Site, page: Page) -> None:
    """What is shown after the first code."""
    right = app(site, page).code(time.time())
    page.fill("#code", right)
    page.click("button.main")
    page.wait_for_selector(".codes")


def second_step(site: Site, page: Page) -> Authenticator:
    """The second step of a login, and the app that it asks for."""
    app, _ = set_up(site.api.services, site.api.user_id(NAME))
    page.goto(site.authorize(login_hint=NAME))
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.wait_for_selector("#code")
    return app


def second_step_code(site: Site, page: Page) -> None:
    """Where the code of the app is typed in."""
    second_step(site, page)


def second_step_error(site: Site, page: Page) -> None:
    """A wrong code."""
    wrong = second_step(site, page).wrong_code(time.time())
    page.fill("#code", wrong)
    page.click("button.main")
    page.wait_for_selector(".summary")


def second_step_recovery(site: Site, page: Page) -> None:
    """Where a recovery code is typed in."""
    second_step(site, page)
    page.click(".links a")
    page.wait_for_selector("#code")


def second_step_set_up(site: Site, page: Page) -> None:
    """What an account sees that needs a second factor, and has none."""
    page.goto(site.authorize(login_hint=NAME, acr_values="2"))
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.wait_for_selector("form[action='/login/second-factor']")


def account_app(site: Site, page: Page) -> None:
    """The account page of somebody who has an authenticator app."""
    recovery_codes(site, page)
    page.click("a.button")
    page.wait_for_selector(".rows")


def passkey(site: Site, page: Page) -> None:
    """A new passkey."""
    edit("passkey")(site, page)


def give_passkeys(site: Site) -> None:
    """Two passkeys of an account that has a login."""
    alice = site.api.user_id(NAME)
    store: Any = site.api.services.store
    for number, name in enumerate(("我的手机 My phone", "YubiKey 5C")):
        made = Passkey(alice, bytes([number]), b"", 0, False, False, (), name, 1_767_500_000, 1_767_600_000 * number)
        store.commit(PutPasskey(made))
    accounts.change(site.api.services, alice, lambda user: replace(user, second_factors=frozenset({"passkey"})))
    # As after a login by one of them.
    for key, session in store.browser_sessions.items():
        store.browser_sessions[key] = replace(session, methods=METHODS)


def account_passkeys(site: Site, page: Page) -> None:
    """The account page of somebody who has passkeys."""
    log_in(site, page)
    give_passkeys(site)
    page.goto(f"{site.url}/account")


def second_step_passkey(site: Site, page: Page) -> None:
    """The second step of a login to an account that has passkeys."""
    give_passkeys(site)
    page.goto(f"{site.url}/login?way=password")
    page.fill("#username", NAME)
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.wait_for_url("**/login/second-factor*")


def passkey_name(site: Site, page: Page) -> None:
    """Another name for one of them."""
    account_passkeys(site, page)
    page.click("a[href*='edit=rename']")


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


def expired(site: Site, page: Page) -> None:
    """A form that is sent after its cookie has gone."""
    page.goto(f"{site.url}/login")
    page.context.clear_cookies()
    page.fill("#mobile", NUMBER)
    page.click("button.main")
    page.wait_for_selector("a.button")


PAGES: dict[str, Callable[[Site, Page], None]] = {
    "login": login_app,
    "login-providers": login_providers,
    "login-password": login_password,
    "login-error": login_error,
    "login-number-error": login_number_error,
    "renewal": renewal,
    "code": code,
    "captcha": captcha,
    "captcha-error": captcha_error,
    "register": register,
    "reset": reset,
    "reset-code": reset_code,
    "choose": choose,
    "consent": consent,
    "account": account,
    "account-providers": account_providers,
    "edit-profile": edit("profile"),
    "edit-password": edit("password"),
    "edit-password-error": password_error,
    "edit-number": edit("phone"),
    "edit-number-code": number_code,
    "edit-totp": edit("totp"),
    "totp": show_app,
    "totp-error": app_error,
    "recovery-codes": recovery_codes,
    "account-totp": account_app,
    "second-step": second_step_code,
    "second-step-error": second_step_error,
    "second-step-recovery": second_step_recovery,
    "second-step-set-up": second_step_set_up,
    "passkey": passkey,
    "account-passkeys": account_passkeys,
    "passkey-name": passkey_name,
    "second-step-passkey": second_step_passkey,
    "delete": edit("delete"),
    "logout": logout,
    "logged-out": logged_out,
    "error": error,
    "error-expired": expired,
}
# These are shown in dark colours, too.
DARK = {"login", "login-error", "consent", "account", "totp", "error"}
_GAP = 24
# How wide each picture is in its sheet, and how many stand in a row.
_SHEETS = {"phone": (480, 4), "desktop": (900, 2)}


def sheets(site: Site, names: list[str]) -> Iterator[tuple[str, Image.Image]]:
    """For each page and device one picture that shows it in both languages, some also in dark colours."""
    with open_chromium() as chromium:
        for device, (width, columns) in _SHEETS.items():
            contexts = {
                language: new_context(chromium, device, language, reduced_motion="reduce") for language in LOCALES
            }
            for name in names:
                pictures = [
                    take(site, contexts[language], name, scheme)
                    for scheme in (("light", "dark") if name in DARK else ("light",))
                    for language in LOCALES
                ]
                yield f"{name}-{device}", arrange(pictures, width, columns)


def take(site: Site, context: BrowserContext, name: str, scheme: Literal["light", "dark"]) -> Image.Image:
    """One page, as somebody sees it who has not been here before."""
    site.forget_sessions()
    context.clear_cookies()
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    PAGES[name](site, page)
    picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
    page.close()
    return picture


def arrange(pictures: list[Image.Image], width: int, columns: int) -> Image.Image:
    """The pictures in rows, each this wide."""
    scaled = [picture.resize((width, round(picture.height * width / picture.width))) for picture in pictures]
    rows = [scaled[start : start + columns] for start in range(0, len(scaled), columns)]
    heights = [max(picture.height for picture in row) + _GAP for row in rows]
    sheet = Image.new("RGB", (min(len(scaled), columns) * (width + _GAP) + _GAP, sum(heights) + _GAP), "#8a919e")
    for index, picture in enumerate(scaled):
        row, column = divmod(index, columns)
        sheet.paste(picture, (_GAP + column * (width + _GAP), _GAP + sum(heights[:row])))
    return sheet


def main() -> int:
    """Take the pictures of all pages, or of those named."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        if not sys.argv[1:]:
            old.unlink()
    with pytest.MonkeyPatch.context() as monkeypatch, open_site(monkeypatch) as site:
        for name, sheet in sheets(site, sys.argv[1:] or list(PAGES)):
            sheet.save(FOLDER / f"{name}.webp", quality=80, method=6)
    return 0


if __name__ == "__main__":
    sys.exit(main())
