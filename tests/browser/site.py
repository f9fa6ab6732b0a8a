"""The pages on a port of this machine, with people and apps, and a Chromium to look at them."""

import base64
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, sync_playwright

from lingpai.accounts import service as accounts
from lingpai.accounts.model import Profile
from lingpai.captcha.altcha import Altcha
from lingpai.identity_providers.web_login import WebLogin
from lingpai.kernel.clock import Clock
from lingpai.second_factors import service as second_factors
from local import functions, gateway, http_server
from tests.support import openid
from tests.support.api import Api, make_api
from tests.support.browsers import request_pairs, web_app
from tests.support.memory_store import MemoryStore
from tests.support.openid import OTHER_AUDIENCE, SECRET, OpenId
from tests.support.stores import ROOT, TEMPLATE
from tests.support.vendor import serving
from tests.support.wechat import OFFICIAL, SITE, WEB_APPS, WeChat

AXE = ROOT / ".cache" / "npm-browser" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NUMBER, NAME, PASSWORD = "13312341234", "alice", "correct horse battery"
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
_MAX_AGE_DAYS = 90
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
    """The running pages: `api` is what is behind them, `url` where they are.

    `google` and `wechat` are providers, and `web_logins` the ways to them, which are not offered at first.
    """

    api: Api
    url: str
    google: OpenId
    wechat: WeChat
    web_logins: Mapping[str, WebLogin]

    def offer(self, web_logins: Mapping[str, WebLogin]) -> None:
        """Let people log in at these providers."""
        self.api.services = replace(self.api.services, web_logins=web_logins)

    def ask_for_captcha(self, **settings: int) -> None:
        """Ask for a captcha before each code to a number of the prefix of `NUMBER`."""
        services = self.api.services
        changed = services.settings.model_copy(update={"captcha_prefix_percent": 1, **settings})
        captcha = Altcha(changed, services.pepper, services.clock)
        self.api.services = replace(services, settings=changed, captcha=captcha, page_captcha=captcha)
        form = {"mobile": f"{NUMBER[:-4]}0000"}
        assert self.api.post("/mobile/code/get", form=form, basic=("web-client", "web-secret")).status == 200

    def let_password_expire(self, name: str) -> None:
        """Make the account's password too old."""
        services = self.api.services
        long_ago = services.clock.now() - _MAX_AGE_DAYS * 86400
        accounts.change(services, self.api.user_id(name), lambda user: replace(user, password_set_at=long_ago))
        self._set(password_max_age_days=_MAX_AGE_DAYS)

    def _set(self, **settings: Any) -> None:
        services = self.api.services
        self.api.services = replace(services, settings=services.settings.model_copy(update=settings))

    def forget_sessions(self) -> None:
        """Take sessions, consents and second factors away, what is known of codes, the providers and the captcha.

        No password is too old then.
        """
        self.offer({})
        self._set(password_max_age_days=0)
        self.api.services = replace(self.api.services, captcha=None, page_captcha=None)
        store: Any = self.api.services.store
        for user_id in {user_id for user_id, _ in store.factors}:
            second_factors.remove_all(self.api.services, user_id)
        for kept in (store.browser_sessions, store.sessions, store.codes, store.counters, store.consents):
            kept.clear()
        self.api.token()

    @property
    def third_url(self) -> str:
        """Where third-app is: another site for the browser, though the same port. It answers nothing."""
        return self.url.replace("localhost", "127.0.0.1")

    def authorize(self, **changes: str | None) -> str:
        """The address of an authorization request; the client is at an address of this site that answers nothing."""
        at = self.third_url if changes.get("client_id") == "third-app" else self.url
        pairs = request_pairs(**{"redirect_uri": f"{at}/callback", **changes})
        return f"{self.url}/oauth/authorize?{urlencode(pairs)}"


@contextmanager
def open_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Serve the pages, with the clock of this machine."""
    google, wechat = OpenId(), WeChat()
    with http_server.bind(0) as listener, serving(google) as to_google, serving(wechat) as to_wechat:
        port = http_server.port_of(listener)
        url = f"http://localhost:{port}"
        google.issuer, google.redirect_uris, wechat.domain = to_google.url, (f"{url}/login/callback/google",), url
        store = MemoryStore()
        api = make_api(
            monkeypatch,
            store,
            issuer=url,
            code_resend=30,
            limit_sms_ip=0,
            limit_sms_net=0,
            code_tries=50,
            **_providers(to_google.url, to_wechat.url),
        )
        google.clock = lambda: api.time.at
        web_logins = api.services.web_logins
        api.services = replace(api.services, clock=Clock(), web_logins={})
        monkeypatch.setattr("lingpai.bootstrap.services", lambda: api.services)
        for client in (
            web_app(
                name="青禾商城 Greenfield",
                logo=LOGO,
                colour="#0b6e4f",
                terms="https://shop.example/terms",
                policy="https://shop.example/privacy",
                redirect_uris=(f"{url}/callback",),
            ),
            web_app(
                "third-app",
                first_party=False,
                name="记账本 Tally",
                colour="#f2c94c",
                redirect_uris=(f"{url.replace('localhost', '127.0.0.1')}/callback",),
            ),
        ):
            store.put_client(client)
        profile = Profile(name="爱丽丝 Alice", birthdate="1996-01-05", address="上海市静安区")
        accounts.change(api.services, api.user_id(NAME), lambda user: replace(user, profile=profile))
        api.token()
        routes = gateway.Gateway(routes=TEMPLATE.routes, invoke=functions.load(TEMPLATE, ROOT), port=port)
        with http_server.serving(listener, lambda request: gateway.answer(routes, request)):
            yield Site(api, url, google, wechat, web_logins)


def _providers(google: str, wechat: str) -> dict[str, Any]:
    """The settings by which people can log in at these two."""
    return {
        "oidc_providers": openid.setting(google, client_id=OTHER_AUDIENCE, label="Google"),
        "oidc_client_secrets": json.dumps({"google": SECRET}),
        "wechat_apps": WEB_APPS,
        "wechat_url": wechat,
        "wechat_open_url": wechat,
        "wechat_website_app": SITE,
        "wechat_official_app": OFFICIAL,
    }


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


@dataclass
class Visit:
    """A page of a new browser, and what the browser has asked for and said."""

    site: Site
    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Write down what is asked for and said from now on."""
        self.page.context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))

    def answer(self) -> dict[str, str]:
        """What the client was told at its own address."""
        self.page.wait_for_url("**/callback?*")
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def check(self, *secrets: str) -> None:
        """All came from this site; no address held one of the `secrets`, a cookie or a token but the client's code."""
        secrets = (PASSWORD, *secrets, *(cookie["value"] for cookie in self.page.context.cookies()))
        long = [secret for secret in secrets if len(secret) > 2]
        for url in self.asked:
            parts = urlsplit(url)
            # The console is a client, too.
            callbacks = (
                f"{self.site.url}/callback",
                f"{self.site.third_url}/callback",
                f"{self.site.url}/console/callback",
            )
            is_answer = url.startswith(callbacks)
            assert is_answer or url.startswith((f"{self.site.url}/", "data:")), url
            names = [name for name, _ in parse_qsl(parts.query)]
            assert not [name for name in names if "token" in name or name in ("csrf", "password", "mobile")], url
            assert is_answer or "code" not in names, url
            assert not [secret for secret in long if secret in url], url
        faults = [text for text in self.said if not _STATUS.search(text)]
        assert faults == []


# What Chromium says of a page with a status such as 400, and of the client's own address, which answers nothing.
_STATUS = re.compile("Failed to load resource: the server responded with a status of 4")


@contextmanager
def visit(site: Site, chromium: Chromium, device: str, language: str, *secrets: str, **more: Any) -> Iterator[Visit]:
    """A page of a new browser, all of whose requests are looked at in the end (`Visit.check`)."""
    site.forget_sessions()
    with new_context(chromium, device, language, **more) as context:
        found = Visit(site, context.new_page())
        found.listen()
        yield found
        found.check(*secrets)
