"""OpenID Connect libraries that nobody here wrote, unchanged, against the running server, in Chromium.

Each app in `apps/` is what a reader of its library's documentation would write. Alice declines, agrees, is renewed
and logs out; what the library makes of it is compared as a whole.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, Request

from tests.browser.relying_parties.running_apps import NUMBER, PASSWORD, USERNAME, App, RunningApps, run
from tests.browser.site import new_context, open_chromium
from tests.support.stores import ROOT

pytestmark = pytest.mark.enable_socket

SERVER_SIDE = (
    App(
        "openid-client",
        "openid_client.mjs",
        error={"type": "AuthorizationResponseError"},
        tells_issuer=True,
        pushes=True,
    ),
    App(
        "express-openid-connect",
        "express_openid_connect.cjs",
        after_logout="",  # the library sends its `baseURL`
        error={"type": "BadRequestError"},
    ),
    App("authlib", "authlib_flask.py", error={"type": "OAuthError"}),
    App(
        "mozilla-django-oidc",
        "django_site.py",
        login="/oidc/authenticate/",
        callback="/oidc/callback/",
        logout="/oidc/logout/",
        refreshes=False,
    ),
    App("idpyoidc", "idpyoidc_flask.py", error={"type": "error"}),
)
SINGLE_PAGE = App("oidc-client-ts", "single_page_app.html", callback="/", public=True)
AUTH_JS = App("@auth/core", "auth_express.mjs", callback="/auth/callback/lingpai")
# Seconds after which the Django app asks for a new ID token.
RENEWAL = 2.5


# Of an ID token that comes with a code (OpenID Connect Core section 2).
CLAIMS = {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "acr", "at_hash", "sid"}
# What userinfo says of Alice, but for her id.
ALICE = {
    "preferred_username": USERNAME,
    "phone_number": f"+86{NUMBER}",
    "phone_number_verified": True,
    "roles": ["user"],
}


@pytest.fixture(scope="module")
def running_apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApps]:
    with run(tmp_path_factory.mktemp("relying-parties"), [*SERVER_SIDE, SINGLE_PAGE, AUTH_JS]) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with open_chromium() as opened:
        yield opened


@dataclass(frozen=True)
class Visitor:
    """A browser, and the addresses that it went to or its pages asked for."""

    page: Page
    running: RunningApps
    asked: list[Request]

    def open(self, app: App, path: str) -> None:
        """Go to a path of the app, and to wherever it leads."""
        self.page.goto(self.running.urls[app.client_id] + path)

    def shown(self) -> Any:
        """Return the JSON that the page shows."""
        return json.loads(self.page.inner_text("pre"))

    def last(self, address: str) -> dict[str, str]:
        """Return the query of the newest request to this address."""
        query = next(urlsplit(request.url).query for request in reversed(self.asked) if is_to(request, address))
        return dict(parse_qsl(query, strict_parsing=True))

    def log_in(self) -> None:
        """Log in as Alice at the server's page, which has to be open."""
        assert self.page.url.startswith(f"{self.running.issuer}/login?")
        self.page.click("text=Password")
        self.page.fill("#username", USERNAME)
        self.page.fill("#password", PASSWORD)
        self.page.click("form button.main")
        self.page.wait_for_url(f"{self.running.issuer}/consent?*")

    def consent(self, app: App, action: str) -> None:
        """Allow or deny what the consent page asks, which leads back to the app."""
        self.page.click(f"button[value={action}]")
        self.page.wait_for_url(f"{self.running.urls[app.client_id]}/**")


def is_to(request: Request, address: str) -> bool:
    """Tell whether the request went to this address, whatever its query."""
    return str(request.url).partition("?")[0] == address


@pytest.fixture
def visitor(running_apps: RunningApps, chromium: Chromium) -> Iterator[Visitor]:
    with new_context(chromium, "desktop", "en") as context:
        asked: list[Request] = []
        context.on("request", lambda request: asked.append(request))  # noqa: PLW0108  (Playwright sets an attribute of it)
        yield Visitor(context.new_page(), running_apps, asked)


@pytest.fixture(params=SERVER_SIDE, ids=lambda app: app.client_id)
def app(request: pytest.FixtureRequest) -> App:
    found: App = request.param
    return found


def test_errors_reach_the_app(visitor: Visitor, app: App) -> None:
    """`login_required` if nobody is logged in, `access_denied` if the user refuses; both name the issuer (RFC 9207)."""
    visitor.open(app, f"{app.login}?prompt=none")
    check_error(visitor, app, "login_required")
    visitor.open(app, f"{app.login}?prompt=consent")
    visitor.log_in()
    visitor.consent(app, "deny")
    check_error(visitor, app, "access_denied")
    visitor.open(app, "/")
    assert visitor.shown() == {"claims": None}


def check_error(visitor: Visitor, app: App, error: str) -> None:
    """Fail unless the app was told of this error, and by whom."""
    answer = visitor.last(visitor.running.urls[app.client_id] + app.callback)
    assert answer.keys() == {"error", "error_description", "state", "iss"}
    assert (answer["error"], answer["iss"]) == (error, visitor.running.issuer)
    if app.error is None:
        assert visitor.shown() == {"error": "login failed"}
    else:
        expected = {**app.error, "error": error}
        assert visitor.shown() == (expected | {"iss": visitor.running.issuer} if app.tells_issuer else expected)


def test_login_renewal_and_logout(visitor: Visitor, app: App) -> None:
    """The claims of the ID token, userinfo, new tokens; after logout nobody is logged in, here and there."""
    visitor.open(app, app.login)
    visitor.log_in()
    visitor.consent(app, "allow")
    claims = visitor.shown()["claims"]
    check_request(visitor, app)
    check_claims(claims, visitor.running.issuer, app)

    person = {"sub": claims["sub"], **ALICE}
    visitor.open(app, "/userinfo")
    assert visitor.shown() == person
    if app.refreshes:
        visitor.open(app, "/refresh")
        assert visitor.shown() == {"renewed": True, "userinfo": person}

    visitor.open(app, app.logout)
    state = visitor.last(f"{visitor.running.issuer}/oauth/logout")["state"]
    assert visitor.page.url == f"{visitor.running.urls[app.client_id]}/?state={state}"
    visitor.open(app, "/")
    assert visitor.shown() == {"claims": None}
    check_logged_out(visitor)


def check_request(visitor: Visitor, app: App) -> None:
    """Fail unless the request was pushed or had a challenge, and the answer the issuer."""
    request = visitor.last(f"{visitor.running.issuer}/oauth/authorize")
    if app.pushes:
        assert request.keys() - {"lingpai_done"} == {"client_id", "request_uri"}
    else:
        assert request["code_challenge_method"] == "S256"
    answer = visitor.last(visitor.running.urls[app.client_id] + app.callback)
    assert answer.keys() == {"code", "state", "iss"}
    assert answer["iss"] == visitor.running.issuer


def check_claims(claims: dict[str, Any], issuer: str, app: App) -> None:
    """Fail unless these are the claims of a login by password a moment ago."""
    assert claims.keys() == CLAIMS
    assert (claims["iss"], claims["amr"], claims["acr"]) == (issuer, ["pwd"], "1")
    assert claims["aud"] in (app.client_id, [app.client_id])
    assert claims["exp"] - claims["iat"] == 3600
    assert 0 <= claims["iat"] - claims["auth_time"] < 60


def check_logged_out(visitor: Visitor) -> None:
    """Fail unless the server asks this browser to log in."""
    visitor.page.goto(f"{visitor.running.issuer}/account")
    assert visitor.page.url.startswith(f"{visitor.running.issuer}/login?")


def test_django_renews_a_login_by_the_browser(visitor: Visitor) -> None:
    """Its middleware asks again with `prompt=none`: seen by nobody, and refused after the login at the server ended."""
    app = next(app for app in SERVER_SIDE if not app.refreshes)
    visitor.open(app, f"{app.login}?prompt=consent")
    visitor.log_in()
    visitor.consent(app, "allow")
    first = visitor.shown()["claims"]
    time.sleep(RENEWAL)
    visitor.open(app, "/userinfo")
    assert visitor.shown() == {"sub": first["sub"], **ALICE}
    assert visitor.last(f"{visitor.running.issuer}/oauth/authorize")["prompt"] == "none"
    visitor.open(app, "/")
    second = visitor.shown()["claims"]
    check_claims(second, visitor.running.issuer, app)
    assert second["auth_time"] == first["auth_time"]
    assert second["iat"] > first["iat"]

    visitor.page.goto(f"{visitor.running.issuer}/account")
    visitor.page.click("form[action='/oauth/logout'] button")
    visitor.page.wait_for_selector("text=You are logged out")
    time.sleep(RENEWAL)
    visitor.open(app, "/userinfo")
    check_error(visitor, app, "login_required")
    visitor.open(app, "/")
    assert visitor.shown() == {"claims": None}


def test_a_single_page_app(visitor: Visitor) -> None:
    """oidc-client-ts in the browser: errors in its own type, a login, silent renewal by the refresh token, logout."""
    page, issuer, app = visitor.page, visitor.running.issuer, SINGLE_PAGE
    url = f"{visitor.running.urls[app.client_id]}/"
    visitor.open(app, "/")
    page.click("#silent")
    page.wait_for_url(f"{url}?error=*")
    assert after(page, "state.error") == {"type": "ErrorResponse", "error": "login_required"}
    page.click("#login")
    page.wait_for_url(f"{issuer}/login?*")
    visitor.log_in()
    visitor.consent(app, "deny")
    assert after(page, "state.error") == {"type": "ErrorResponse", "error": "access_denied"}
    assert visitor.last(url)["iss"] == issuer

    page.click("#login")
    page.wait_for_url(f"{issuer}/consent?*")
    visitor.consent(app, "allow")
    state = after(page, "state.claims")
    # The library leaves out what it has checked itself, and adds userinfo.
    sub, exp, iat, sid = (state["claims"][name] for name in ("sub", "exp", "iat", "sid"))
    assert state["claims"] == {
        "iss": issuer,
        "aud": app.client_id,
        "sub": sub,
        "exp": exp,
        "iat": iat,
        "sid": sid,
        **ALICE,
    }
    assert exp - iat == 3600

    renewed = after(page, f"state.renewals > {state['renewals']}")
    assert renewed["token"] != state["token"]
    assert renewed["claims"]["iat"] > iat
    assert renewed["claims"] == {**state["claims"], **{name: renewed["claims"][name] for name in ("exp", "iat")}}
    posted = [parse_qs(request.post_data or "") for request in visitor.asked if is_to(request, f"{issuer}/oauth/token")]
    grants = [form["grant_type"] for form in posted if form]
    assert grants[:2] == [["authorization_code"], ["refresh_token"]]

    page.click("#logout")
    page.wait_for_url(f"{url}?state=*")
    assert visitor.last(url)["state"] == visitor.last(f"{issuer}/oauth/logout")["state"]
    assert after(page, "state.renewals === 0") == {"claims": None, "renewals": 0}
    check_logged_out(visitor)


def after(page: Page, condition: str) -> dict[str, Any]:
    """Return the state that the single-page app shows, once this holds of it."""
    script = f"""() => {{
        const state = JSON.parse(document.querySelector("#state")?.textContent || "{{}}")
        return {condition} ? state : null
    }}"""
    found: dict[str, Any] = page.wait_for_function(script).json_value()
    return found


def test_an_answer_by_a_form(visitor: Visitor) -> None:
    """With `response_mode=form_post` the browser posts the code by itself, and no address has it."""
    app = next(app for app in SERVER_SIDE if app.client_id == "express-openid-connect")
    visitor.open(app, f"{app.login}?prompt=consent&response_mode=form_post")
    visitor.log_in()
    visitor.consent(app, "allow")
    check_claims(visitor.shown()["claims"], visitor.running.issuer, app)
    callback = visitor.running.urls[app.client_id] + app.callback
    posted = [parse_qs(request.post_data or "") for request in visitor.asked if request.url == callback]
    assert [form.keys() for form in posted] == [{"code", "state", "iss"}]
    assert [request.url for request in visitor.asked if "code=" in request.url] == []


def test_auth_js(visitor: Visitor) -> None:
    """The library's own pages: its error where the user refuses; the profile of userinfo; its own session ends."""
    page, app = visitor.page, AUTH_JS
    visitor.open(app, "/auth/signin")
    page.click("text=Sign in with Lingpai")
    page.wait_for_url(f"{visitor.running.issuer}/login?*")
    visitor.log_in()
    visitor.consent(app, "deny")
    assert page.url == f"{visitor.running.urls[app.client_id]}/auth/signin?error=OAuthCallbackError"
    answer = visitor.last(visitor.running.urls[app.client_id] + app.callback)
    assert (answer["error"], answer["iss"]) == ("access_denied", visitor.running.issuer)

    page.click("text=Sign in with Lingpai")
    page.wait_for_url(f"{visitor.running.issuer}/consent?*")
    visitor.consent(app, "allow")
    visitor.open(app, "/")
    profile = visitor.shown()["profile"]
    assert profile == {"sub": profile["sub"], **ALICE}
    check_request(visitor, app)

    visitor.open(app, "/auth/signout")
    page.click("button")
    page.wait_for_url(f"{visitor.running.urls[app.client_id]}/")
    assert visitor.shown() == {"profile": None}


def test_the_page_names_each_library() -> None:
    """docs/api.md has a row for each library that is run here, and no other."""
    section = (ROOT / "docs" / "api.md").read_text("utf-8").partition("#### Libraries\n")[2].partition("\n## ")[0]
    named = re.findall(r"(?m)^\| \[([^]]+)\]", section)
    assert sorted(map(str.lower, named)) == sorted(app.client_id for app in (*SERVER_SIDE, SINGLE_PAGE, AUTH_JS))
