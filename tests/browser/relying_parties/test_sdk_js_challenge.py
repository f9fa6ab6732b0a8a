"""The JavaScript SDK's login without a browser's redirect, in a page of another origin, in Chromium.

Passkeys are those of Chromium's virtual authenticator. tests/e2e has the logins in Node and in WeChat.
"""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page

from tests.browser.site import new_context
from tests.browser.test_passkeys import authenticator
from tests.support import people
from tests.support.app_people import SECOND_FACTORS, AppPerson, AppServer, serve, somebody
from tests.support.authenticator import Authenticator
from tests.support.background import answering
from tests.support.stores import ROOT

pytestmark = pytest.mark.enable_socket

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,">
<script type="module">
  import { Lingpai } from './lingpai.mjs'
  import { logIn } from './app_login.mjs'
  window.Lingpai = Lingpai
  window.logIn = logIn
</script></html>"""
_FILES = {
    "/lingpai.mjs": ROOT / "sdk" / "js" / "lingpai.mjs",
    "/app_login.mjs": ROOT / "tests" / "e2e" / "app_login.mjs",
}
_BEGIN = """([address, client, options]) => {
    window.lingpai = new Lingpai(address, client, { scope: 'openid profile phone', language: 'en', ...options })
}"""


class _App(BaseHTTPRequestHandler):
    """The app's origin: its page, and its scripts."""

    def do_GET(self) -> None:
        file = _FILES.get(urlsplit(self.path).path)
        body = file.read_bytes() if file else _PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if file else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in http.server
        """Say nothing: what is asked holds codes."""


@dataclass(frozen=True)
class Apps:
    """The server, and the origin of the app's page."""

    server: AppServer
    origin: str

    def open(self, context: BrowserContext, client: str, **options: Any) -> Page:
        """The app in a new tab; it has its client in `lingpai`."""
        page = context.new_page()
        page.goto(f"{self.origin}/")
        self.begin(page, client, **options)
        return page

    def begin(self, page: Page, client: str, **options: Any) -> None:
        """Make the client, when the page has loaded."""
        page.wait_for_function("Boolean(window.logIn)")
        page.evaluate(_BEGIN, [self.server.url, client, options])


@pytest.fixture(scope="module")
def apps() -> Iterator[Apps]:
    with answering(_App) as url, pytest.MonkeyPatch.context() as monkeypatch:
        origin = url.replace("127.0.0.1", "localhost")
        with serve(monkeypatch, (origin,)) as started:
            yield Apps(started, origin)


@pytest.fixture
def context(chromium: Chromium) -> Iterator[BrowserContext]:
    """A browser in which nothing goes wrong that the page does not handle."""
    with new_context(chromium, "desktop", "en") as opened:
        wrong: list[str] = []
        opened.on("weberror", lambda error: wrong.append(str(error.error)))
        yield opened
        assert wrong == []


def give_passkey(page: Page, person: AppPerson) -> None:
    """Put the passkey of the person into an authenticator of the page."""
    made = person.phone.credentials[0]
    key = made.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    credential = {
        "credentialId": base64.b64encode(made.id).decode(),
        "isResidentCredential": True,
        "rpId": "localhost",
        "privateKey": base64.b64encode(key).decode(),
        "userHandle": base64.b64encode(made.user_handle).decode(),
        "signCount": 1,
        "backupEligibility": True,
        "backupState": True,
    }
    authenticator(page).add(credential)


@pytest.mark.parametrize(
    ("first", "second"),
    [(first, second) for first in ("code", "password", "idToken") for second in ("", *SECOND_FACTORS)]
    + [("passkey", "")],
)
def test_a_login(context: BrowserContext, apps: Apps, first: str, second: str) -> None:
    """The tokens come after the last factor alone, and are a session like any other."""
    person = somebody(apps.server, second=bool(second) or first == "passkey")
    page = apps.open(context, apps.server.client_for(first))
    page.expose_function("ask", lambda what, details=None: person.answer({"ask": what, **(details or {})}))
    if "passkey" in (first, second):
        give_passkey(page, person)
    found = page.evaluate(
        "([first, second]) => logIn(lingpai, ask, { first, second, ownPasskeys: true })", [first, second]
    )
    before = found.pop("before")
    if second:
        next_ = ["totp", "passkey", "recovery_code"]
        assert before == {"done": False, "next": next_, "expiresIn": 600, "tokens": None}
    claims, user = found.pop("claims"), found.pop("user")
    assert (claims["iss"], claims["aud"]) == (apps.server.url, apps.server.client_for(first))
    assert claims["acr"] == ("2" if second or first == "passkey" else "1")
    assert (user["sub"], user["preferred_username"]) == (str(person.user_id), person.username)
    scope = ["openid", "profile", "phone"]
    assert found == {"scope": scope, "stored": True, "sameUser": True, "renewed": True, "after": None}


def test_nobody_touches_the_passkey(context: BrowserContext, apps: Apps) -> None:
    """The browser's own error, after which another factor is taken."""
    person = somebody(apps.server, second=True)
    page = apps.open(context, apps.server.client_for("password"))
    authenticator(page, isUserVerified=False)
    page.evaluate("() => { window.login = lingpai.challenge() }")
    page.evaluate("([name, password]) => login.password(name, password)", [person.username, people.PASSWORD])
    assert page.evaluate("login.passkey().catch((error) => error.name)") == "NotAllowedError"
    code = person.answer({"ask": "totp"})
    assert page.evaluate("(code) => login.totp(code).then(({ done }) => done)", code) is True


def test_a_login_that_goes_on_at_the_pages(context: BrowserContext, apps: Apps) -> None:
    """The app wants two factors, and the account has one: the other is set up at the pages, for the same request."""
    person = somebody(apps.server, second=False)
    options = {"redirectUri": f"{apps.origin}/"}
    client = apps.server.client_for("password")
    page = apps.open(context, client, **options)
    page.evaluate("() => { window.login = lingpai.challenge({ acrValues: '2', appState: { to: '/购物车' } }) }")
    refused = page.evaluate(
        "([name, password]) => login.password(name, password)"
        ".catch((found) => [found.name, found.error, found.reason, typeof found.requestUri, found.expiresIn])",
        [person.username, people.PASSWORD],
    )
    assert refused == ["RedirectToWeb", "redirect_to_web", "no_second_factor", "string", 600]
    page.evaluate("() => { login.loginRedirect() }")
    page.wait_for_url(f"{apps.server.url}/login?*")
    page.click("text=Password")
    page.fill("#username", person.username)
    page.fill("#password", people.PASSWORD)
    page.click("form:has(#password) button.main")
    page.wait_for_url("**/login/second-factor*")
    set_up(page)
    page.wait_for_url(f"{apps.origin}/?*")
    apps.begin(page, client, **options)
    done = page.evaluate(
        "lingpai.finishLogin().then(({ tokens, appState }) => [tokens.claims.sub, tokens.claims.acr, appState])"
    )
    assert done == [str(person.user_id), "2", {"to": "/购物车"}]
    assert page.evaluate("lingpai.userinfo().then(({ sub }) => sub)") == str(person.user_id)
    assert page.url == f"{apps.origin}/"


def set_up(page: Page) -> None:
    """Set up an authenticator app at the page that asks for one, and go on."""
    page.click("form:has(input[value=totp-begin]) button")
    key = page.inner_text(".key").replace(" ", "")
    page.fill("#code", Authenticator(key).code(time.time()))
    page.click("form:has(#code) button.main")
    page.click(".codes ~ p a.button")
