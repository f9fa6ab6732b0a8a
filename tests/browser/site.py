"""The pages on a port of this machine, with people and apps, and a Chromium to look at them."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, sync_playwright

from lingpai.accounts import service as accounts
from lingpai.accounts.model import Profile
from lingpai.kernel.clock import Clock
from local import functions, gateway, http_server
from tests.support.api import Api, make_api
from tests.support.browsers import request_pairs, web_app
from tests.support.memory_store import MemoryStore
from tests.support.stores import ROOT, TEMPLATE

AXE = ROOT / ".cache" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NUMBER, NAME, PASSWORD = "13312341234", "alice", "correct horse battery"
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
DEVICES = {"phone": PHONE, "desktop": DESKTOP}
LOCALES = {"zh": "zh-CN", "en": "en-GB"}
_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" fill="#0b6e4f"/>'
    '<path d="M12 15h16l-2 13H14z" fill="#fff"/><path d="M16 17v-3a4 4 0 0 1 8 0v3" fill="none" stroke="#fff" '
    'stroke-width="2"/></svg>'
)
LOGO = f"data:image/svg+xml;base64,{base64.b64encode(_LOGO.encode()).decode()}"


@dataclass
class Site:
    """The running pages: `api` is what is behind them, `url` where they are."""

    api: Api
    url: str

    def forget_sessions(self) -> None:
        """Take all sessions away, and what is known of codes."""
        store: Any = self.api.services.store
        for kept in (store.browser_sessions, store.sessions, store.codes, store.counters):
            kept.clear()
        self.api.token()

    def authorize(self, **changes: str | None) -> str:
        """The address of an authorization request; the client is at an address of this site that answers nothing."""
        return f"{self.url}/oauth/authorize?{urlencode(request_pairs(redirect_uri=f'{self.url}/callback', **changes))}"


@contextmanager
def open_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Serve the pages, with the clock of this machine."""
    with http_server.bind(0) as listener:
        port = http_server.port_of(listener)
        url = f"http://localhost:{port}"
        store = MemoryStore()
        api = make_api(monkeypatch, store, issuer=url, code_resend=30, limit_sms_ip=0, limit_sms_net=0, code_tries=50)
        api.services = replace(api.services, clock=Clock())
        monkeypatch.setattr("lingpai.bootstrap.services", lambda: api.services)
        for client in (
            web_app(
                first_party=True,
                name="青禾商城 Greenfield",
                logo=LOGO,
                colour="#0b6e4f",
                terms="https://shop.example/terms",
                policy="https://shop.example/privacy",
                redirect_uris=(f"{url}/callback",),
            ),
            web_app("third-app", name="记账本 Tally", colour="#f2c94c", redirect_uris=(f"{url}/callback",)),
        ):
            store.put_client(client)
        profile = Profile(name="爱丽丝 Alice", birthdate="1996-01-05", address="上海市静安区")
        accounts.change(api.services, api.user_id(NAME), lambda user: replace(user, profile=profile))
        api.token()
        routes = gateway.Gateway(routes=TEMPLATE.routes, invoke=functions.load(TEMPLATE, ROOT), port=port)
        with http_server.serving(listener, lambda request: gateway.answer(routes, request)):
            yield Site(api, url)


@contextmanager
def open_chromium() -> Iterator[Chromium]:
    """A Chromium of this machine, without a screen."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program)
        yield chromium
        chromium.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds on the page, in words."""
    page.evaluate(AXE.read_text("utf-8") + ";0")
    found = page.evaluate(f"axe.run(document,{{runOnly:{{type:'tag',values:{TAGS!r}}}}})")
    return [
        f"{page.url}: {rule['id']} ({rule['help']}): {[node['target'] for node in rule['nodes']]}"
        for rule in found["violations"]
    ]


def log_in(site: Site, page: Page, username: str = NAME, password: str = PASSWORD) -> None:
    """Log in by a password."""
    page.goto(f"{site.url}/login?way=password")
    page.fill("#username", username)
    page.fill("#password", password)
    page.click("button.main")
    page.wait_for_url("**/account*")


def new_context(chromium: Chromium, device: str, language: str, **more: Any) -> BrowserContext:
    """A browser with nothing in it yet, on such a device, in this language."""
    context = chromium.new_context(**DEVICES[device], locale=LOCALES[language], **more)
    context.set_default_timeout(20_000)
    return context
