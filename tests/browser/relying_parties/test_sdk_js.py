"""The JavaScript SDK in Chromium, against the running server: login, tabs with one session, logout, broken storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, Route

from tests.browser.relying_parties.running_apps import NUMBER, PASSWORD, USERNAME, App, RunningApps, run
from tests.browser.site import new_context, open_chromium

pytestmark = pytest.mark.enable_socket

APP = App("sdk-js", "sdk_js.html", callback="/", public=True)
# As on a page without TLS, and in a mini-program.
WITHOUT_SUBTLE = "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })"
# What another tab, another day or a clock may have left behind.
SPOIL = """(change) => {
    const key = Object.keys(localStorage).find((name) => name.startsWith('lingpai:'))
    localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), ...change }))
}"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApps]:
    with run(tmp_path_factory.mktemp("sdk-js"), [APP]) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with open_chromium() as opened:
        yield opened


@pytest.fixture
def context(running: RunningApps, chromium: Chromium) -> Iterator[BrowserContext]:
    """A browser in which nothing goes wrong that the page does not handle."""
    with new_context(chromium, "desktop", "en") as opened:
        wrong: list[str] = []
        opened.on("weberror", lambda error: wrong.append(str(error.error)))
        yield opened
        assert wrong == []


def home(running: RunningApps) -> str:
    """The address of the app."""
    return f"{running.urls[APP.client_id]}/"


def open_app(context: BrowserContext, running: RunningApps) -> Page:
    """A new tab with the app."""
    page = context.new_page()
    page.goto(home(running))
    assert outcome(page) is None
    return page


def outcome(page: Page) -> Any:
    """What came of the login that the browser returned from; None if it returned from none."""
    page.wait_for_function("window.ready")
    return page.evaluate("ready")


def answer(page: Page, action: str, **login: Any) -> Any:
    """Begin a login, answer the consent page, and return what the app makes of it."""
    back = page.url
    page.evaluate("(login) => { lingpai.loginRedirect(login) }", login)
    page.wait_for_url("**/consent?*")
    page.click(f"button[value={action}]")
    page.wait_for_url(back)
    return outcome(page)


def log_in(page: Page, running: RunningApps) -> None:
    """Log the browser in at the server, and the app."""
    page.goto(f"{running.issuer}/login?way=password")
    page.fill("#username", USERNAME)
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.wait_for_url("**/account*")
    page.goto(home(running))
    outcome(page)
    assert answer(page, "allow", prompt="consent")["claims"]["iss"] == running.issuer


@dataclass
class Held:
    """The requests to the token endpoint, in the order in which they came. They wait until they are let go."""

    routes: list[Route] = field(default_factory=list)
    are_free: bool = False

    def take(self, route: Route) -> None:
        """One more request."""
        self.routes.append(route)
        if self.are_free:
            route.continue_()

    def let_go(self) -> None:
        """Let those that wait, and those to come, go to the server."""
        self.are_free = True
        for route in self.routes:
            route.continue_()


@contextmanager
def held_token_requests(context: BrowserContext, running: RunningApps) -> Iterator[Held]:
    """What the tabs send to the token endpoint."""
    held = Held()
    address = f"{running.issuer}/oauth/token"
    context.route(address, held.take)
    yield held
    context.unroute(address, held.take)


def wait_for(page: Page, held: Held, count: int) -> None:
    """Wait until so many requests are held."""
    for _ in range(400):
        if len(held.routes) >= count:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{len(held.routes)} of {count} requests came")


def test_login_and_logout(context: BrowserContext, running: RunningApps) -> None:
    """Refused, finished, asked for claims, logged out, without `crypto.subtle`; no code stays in the address bar."""
    context.add_init_script(WITHOUT_SUBTLE)
    page = open_app(context, running)
    assert page.evaluate("crypto.subtle") is None
    page.evaluate("() => { lingpai.loginRedirect({ prompt: 'none' }) }")
    page.wait_for_url(f"{home(running)}*")
    page.wait_for_function("window.ready && location.search === ''")
    assert outcome(page) == {"name": "Refused", "error": "login_required"}

    page.evaluate("() => { lingpai.loginRedirect() }")
    page.wait_for_url(f"{running.issuer}/login?*")
    page.click("text=Password")
    page.fill("#username", USERNAME)
    page.fill("#password", PASSWORD)
    page.click("form button.main")
    page.wait_for_url("**/consent?*")
    page.click("button[value=deny]")
    page.wait_for_url(home(running))
    assert outcome(page) == {"name": "Refused", "error": "access_denied"}
    assert page.evaluate("lingpai.tokens()") is None

    done = answer(page, "allow", appState={"to": "/购物车"})
    assert page.url == home(running)
    assert done["appState"] == {"to": "/购物车"}
    assert (done["claims"]["aud"], done["claims"]["amr"]) == (APP.client_id, ["pwd"])
    person = {
        "sub": done["claims"]["sub"],
        "preferred_username": USERNAME,
        "phone_number": f"+86{NUMBER}",
        "phone_number_verified": True,
        "roles": ["user"],
    }
    assert page.evaluate("lingpai.userinfo()") == person
    fetched = f"lingpai.fetch('{running.issuer}/oauth/userinfo').then((answer) => answer.json())"
    assert page.evaluate(fetched) == person
    page.reload()
    assert outcome(page) is None
    assert page.evaluate("lingpai.userinfo()") == person

    page.evaluate("() => { lingpai.logoutRedirect({ state: 'on purpose' }) }")
    page.wait_for_url(f"{home(running)}?state=on+purpose")
    assert outcome(page) is None
    assert page.evaluate("lingpai.tokens()") is None
    page.goto(f"{running.issuer}/account")
    assert page.url.startswith(f"{running.issuer}/login?")


@pytest.mark.parametrize(
    "spoiled", [{"expiresAt": 0}, {"accessToken": "x" * 22 + "." + "x" * 43}], ids=["expired", "401"]
)
def test_two_tabs_refresh_once(context: BrowserContext, running: RunningApps, spoiled: dict[str, Any]) -> None:
    """Five calls in each of two tabs: one refresh, while the other tab waits for it."""
    first = open_app(context, running)
    log_in(first, running)
    second = open_app(context, running)
    first.evaluate(SPOIL, spoiled)
    with held_token_requests(context, running) as held:
        for tab in (first, second):
            tab.evaluate("() => { window.all = Promise.all(Array.from({ length: 5 }, () => lingpai.userinfo())) }")
        wait_for(first, held, 1)
        second.wait_for_function("navigator.locks.query().then(({ pending }) => pending.length === 1)")
        held.let_go()
        for tab in (first, second):
            assert [each["preferred_username"] for each in tab.evaluate("all")] == [USERNAME] * 5
        assert len(held.routes) == 1
    assert first.evaluate("lingpai.tokens()") == second.evaluate("lingpai.tokens()")


def test_tabs_without_locks(context: BrowserContext, running: RunningApps) -> None:
    """A browser without the Web Locks API: two tabs that refresh at once get the same tokens, and both go on."""
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })")
    first = open_app(context, running)
    log_in(first, running)
    second = open_app(context, running)
    with held_token_requests(context, running) as held:
        for tab in (first, second):
            tab.evaluate("() => { window.renewed = lingpai.refresh() }")
        wait_for(first, held, 2)
        held.let_go()
        pairs = [tab.evaluate("renewed") for tab in (first, second)]
    assert pairs[0]["refreshToken"] == pairs[1]["refreshToken"]
    for tab in (first, second):
        assert tab.evaluate("lingpai.refresh().then(() => lingpai.userinfo())")["preferred_username"] == USERNAME


def test_a_logout_is_one_of_all_tabs(context: BrowserContext, running: RunningApps) -> None:
    """The other tab has no session any more."""
    first = open_app(context, running)
    log_in(first, running)
    second = open_app(context, running)
    assert second.evaluate("lingpai.userinfo()")["preferred_username"] == USERNAME
    first.evaluate("lingpai.logout()")
    assert second.evaluate("lingpai.userinfo().catch((error) => error.name)") == "LoginRequired"


def test_a_lost_answer(context: BrowserContext, running: RunningApps) -> None:
    """The server has refreshed, and the answer does not arrive: the same request gets the same tokens."""
    page = open_app(context, running)
    log_in(page, running)
    address = f"{running.issuer}/oauth/token"
    answers: list[str] = []

    def lose_the_first(route: Route) -> None:
        response = route.fetch()
        answers.append(response.json()["refresh_token"])
        if len(answers) == 1:
            route.abort()
        else:
            route.fulfill(response=response)

    context.route(address, lose_the_first)
    renewed = page.evaluate("lingpai.refresh()")
    assert answers == [renewed["refreshToken"]] * 2
    context.unroute(address, lose_the_first)
    assert page.evaluate("lingpai.userinfo()")["preferred_username"] == USERNAME


def test_storage_that_throws(context: BrowserContext, running: RunningApps) -> None:
    """A full storage: this tab keeps its session, and nothing that is out of date stays. A blocked one: no login."""
    page = open_app(context, running)
    log_in(page, running)
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError') } }")
    page.evaluate("lingpai.refresh()")
    assert page.evaluate("errors") == ["could not store the tokens"]
    assert page.evaluate("localStorage.length") == 0
    assert page.evaluate("lingpai.userinfo()")["preferred_username"] == USERNAME
    assert page.evaluate("lingpai.loginUrl().catch((error) => error.name)") == "StorageError"

    blocked = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError') } })"
    context.add_init_script(blocked)
    page = open_app(context, running)
    assert page.evaluate("lingpai.tokens().catch((error) => error.name)") == "StorageError"
