"""Logging in at an OpenID provider or with WeChat on the pages, and linking and unlinking them at `/account`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt as pyjwt
import pytest

from lingpai.accounts import service as accounts
from lingpai.identity_providers.model import Identity
from tests.integration.test_pages_authorize import answer_of
from tests.integration.test_pages_authorize import target as authorization
from tests.support import openid, wechat
from tests.support.browsers import CALLBACK as APP_CALLBACK
from tests.support.browsers import VERIFIER, web_app
from tests.support.openid import OTHER_AUDIENCE, SECRET
from tests.support.pages import Browser, Page
from tests.support.third_parties import Town, town
from tests.support.vendor import Fault
from tests.support.wechat import OFFICIAL, SITE

ISSUER = "https://id.example"
CALLBACK = f"{ISSUER}/login/callback/google"
INSIDE_WECHAT = "Mozilla/5.0 (Linux; Android 14) Chrome/116.0 Mobile Safari/537.36 MicroMessenger/8.0.47 WeChat/arm64"


@contextmanager
def pages(provider: Mapping[str, Any] | None = None, **overrides: Any) -> Iterator[Town]:
    """The town, whose pages have both ways in. `provider` changes the entry of google."""
    chosen = {
        "issuer": ISSUER,
        "oidc_client_secrets": json.dumps({"google": SECRET}),
        "wechat_apps": wechat.WEB_APPS,
        "wechat_website_app": SITE,
        "wechat_official_app": OFFICIAL,
        **overrides,
    }
    with town(provider={"client_id": OTHER_AUDIENCE, "label": "Google", **(provider or {})}, **chosen) as opened:
        opened.google.redirect_uris = (CALLBACK,)
        opened.google.clock = lambda: opened.api.time.at
        opened.wechat.domain = ISSUER
        yield opened


@pytest.fixture(scope="module")
def whole() -> Iterator[Town]:
    with pages() as opened:
        yield opened


@pytest.fixture
def here(whole: Town) -> Iterator[Town]:
    """The town as it was: no accounts of others, no counts, no faults."""
    yield whole
    whole.whole()
    whole.google.claims.clear()
    whole.wechat.snapshot = False


def leave(browser: Browser, provider: str, target: str = "/login") -> Page:
    """The answer to the provider's button on the page."""
    return browser.send(browser.get(target).form(action="provider", provider=provider))


def come_back(browser: Browser, location: str) -> Page:
    """What the browser is shown where the provider sends it to."""
    parts = urlsplit(location)
    assert f"{parts.scheme}://{parts.netloc}" == ISSUER
    return browser.get(f"{parts.path}?{parts.query}", **{"sec-fetch-site": "cross-site"})


def by_google(town: Town, browser: Browser, subject: str, target: str = "/login") -> Page:
    return come_back(browser, town.google.log_in(leave(browser, "google", target).location, subject))


def user_of(town: Town, subject: str) -> int | None:
    issuer = Identity("oidc", town.google.issuer, subject).issuer
    return town.api.services.store.find_user_id(f"openid:{issuer}:{subject}")


def counts(town: Town) -> tuple[int, int]:
    """How many accounts and browser sessions there are."""
    store: Any = town.api.services.store
    return len(store.users), len(store.browser_sessions)


# --- an OpenID provider ---------------------------------------------------------------------------------------------


def test_the_first_login_makes_an_account_and_the_next_finds_it(here: Town) -> None:
    browser, again = Browser(here.api), Browser(here.api)
    page = by_google(here, browser, "subject-of-carol")
    assert (page.status, page.target) == (200, "/account")
    assert "Google" in page.text
    made = user_of(here, "subject-of-carol")
    assert made is not None
    assert by_google(here, again, "subject-of-carol").target == "/account"
    user = here.api.services.store.get_user(made)
    assert user is not None
    assert (user.password, user.mobile, len(user.openids)) == (None, None, 1)
    sessions = here.api.services.store.list_sessions(made, 100)
    assert [session.methods for session in sessions] == [("fed",), ("fed",)]
    assert {session.auth_time for session in sessions} == {int(here.api.time.at)}


@pytest.mark.security("ASVS-10.2.3")
def test_the_request_to_the_provider(here: Town) -> None:
    """What the fake does not check; and nothing of it is in the cookie."""
    browser = Browser(here.api)
    page = leave(browser, "google")
    assert page.status == 303
    assert page.answer.headers["referrer-policy"] == "no-referrer"
    first, second = parse_qs(urlsplit(page.location).query), parse_qs(urlsplit(leave(browser, "google").location).query)
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert first[name][0] not in page.answer.headers["set-cookie"]
    assert (first["redirect_uri"], first["scope"]) == ([CALLBACK], ["openid"])
    assert "lingpai-provider=" in page.answer.headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/"):
        assert word in page.answer.headers["set-cookie"]
    policy = browser.get("/login").answer.headers["content-security-policy"]
    assert "form-action" not in policy


def test_the_calls_to_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/pages.md has the numbers: one when the browser leaves, six when it comes back."""
    with pages() as here:
        browser = Browser(here.api)
        by_google(here, Browser(here.api), "subject-of-carol")
        store: Any = here.api.services.store
        counted: list[str] = []
        reads = ("get_pushed_request", "find_user_id", "find_user_ids", "get_user", "look_up_browser", "look_up_client")
        for name in (*reads, "commit", "increment"):
            method = getattr(store, name)

            def count(*arguments: Any, name: str = name, method: Any = method) -> Any:
                counted.append(name)
                return method(*arguments)

            monkeypatch.setattr(store, name, count)
        location = here.google.log_in(leave(browser, "google").location, "subject-of-carol")
        assert counted == ["commit"]
        counted.clear()
        parts = urlsplit(location)
        assert browser.call("GET", f"{parts.path}?{parts.query}").status == 303
        # The last is no call: the store in memory counts the ID token's use, which is in the commit, by its own method.
        calls = ["get_pushed_request", "commit", "increment", "increment", "find_user_id", "commit"]
        assert counted == [*calls, "increment"]


def test_back_to_the_app(here: Town) -> None:
    """From an authorization request to the provider and back, and on to the client with a code; `prompt` is met."""
    here.api.services.store.put_client(web_app())
    browser = Browser(here.api)
    page = browser.get(authorization(prompt="login"))
    assert page.target.startswith("/login?continue=")
    page = by_google(here, browser, "subject-of-carol", page.target)
    assert answer_of(page).keys() == {"code", "state", "iss"}
    tokens = here.api.post(
        "/oauth/token",
        form={
            "grant_type": "authorization_code",
            "code": answer_of(page)["code"],
            "redirect_uri": APP_CALLBACK,
            "code_verifier": VERIFIER,
        },
        basic=("web-app", "web-app-secret"),
    )
    assert tokens.status == 200
    claims = pyjwt.decode(tokens.json["id_token"], options={"verify_signature": False})
    assert (claims["amr"], claims["auth_time"]) == (["fed"], int(here.api.time.at))


def test_a_declined_login(here: Town) -> None:
    browser = Browser(here.api)
    target = f"/login?continue={urlencode({'': '/account?edit=profile'})[1:]}"
    before = counts(here)
    for error in ("access_denied", "user_cancelled_authorize"):
        page = come_back(browser, here.google.decline(leave(browser, "google", target).location, error))
        assert page.status == 200
        assert page.target.startswith("/login?continue=%2Faccount%3Fedit%3Dprofile")
        assert page.form(action="send").fields["continue"] == "/account?edit=profile"
    page = come_back(browser, here.google.decline(leave(browser, "google").location))
    assert "That login was cancelled" in page.text
    assert counts(here) == before


@pytest.mark.parametrize(
    ("error", "told"), [("invalid_scope", "came back with error invalid_scope"), ("<b>", "came back with error")]
)
def test_an_error_of_the_set_up(here: Town, caplog: pytest.LogCaptureFixture, error: str, told: str) -> None:
    """503 on the page; the operator finds the provider's word for it in the log, where it is one."""
    browser, before = Browser(here.api), counts(here)
    page = come_back(browser, here.google.decline(leave(browser, "google").location, error))
    assert page.status == 503
    assert "It does not answer at the moment" in page.text
    assert f"google: {told}" in [getattr(record, "detail", None) for record in caplog.records]
    assert counts(here) == before


def test_a_provider_that_is_taken_out_meanwhile() -> None:
    with pages() as here:
        browser = Browser(here.api)
        location = here.google.log_in(leave(browser, "google").location)
        here.api.services = replace(here.api.services, web_logins={})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("lingpai.bootstrap.services", lambda: here.api.services)
            refused(here, browser, location)


def refused(here: Town, browser: Browser, location: str) -> None:
    """The browser comes back in vain, and nobody is asked or logged in."""
    before, asked = counts(here), here.to_google.count("/token")
    page = come_back(browser, location)
    assert page.status == 403
    assert "This page has expired" in page.text
    assert "/login" in page.links
    assert (counts(here), here.to_google.count("/token")) == (before, asked)
    assert not browser.is_logged_in


@pytest.mark.parametrize("state", ["", "0" * 64, "Z" * 64, "0" * 63, "é"])
def test_a_wrong_state(here: Town, state: str) -> None:
    browser = Browser(here.api)
    location = here.google.log_in(leave(browser, "google").location)
    refused(here, browser, _changed(location, state=state))


def test_an_expired_state(here: Town) -> None:
    browser = Browser(here.api)
    location = here.google.log_in(leave(browser, "google").location)
    here.api.time.at += 600
    refused(here, browser, location)


@pytest.mark.security("ASVS-10.2.1")
def test_a_state_that_was_used(here: Town) -> None:
    browser = Browser(here.api)
    location = here.google.log_in(leave(browser, "google").location, "subject-of-carol")
    assert come_back(browser, location).target == "/account"
    browser.cookies = {name: value for name, value in browser.cookies.items() if name.endswith("provider")}
    refused(here, browser, location)


@pytest.mark.security("ASVS-10.2.1", "RFC9700-2.1", "PAGE-1")
@pytest.mark.parametrize("has_begun", [True, False])
def test_the_state_of_another_browser(here: Town, has_begun: bool) -> None:
    """Login CSRF (RFC 9700 section 4.7): whoever is given a link to come back by is not logged in as its sender."""
    attacker, victim = Browser(here.api), Browser(here.api)
    location = here.google.log_in(leave(attacker, "google").location, "subject-of-mallory")
    if has_begun:
        leave(victim, "google")
    refused(here, victim, location)
    assert come_back(attacker, location).target == "/account"


@pytest.mark.security("ASVS-10.2.2", "RFC9700-2.1")
def test_the_state_of_another_provider(here: Town) -> None:
    """Mix-up (RFC 9700 section 4.4): what one provider hands on does not come back as another one's."""
    browser = Browser(here.api)
    location = here.google.log_in(leave(browser, "google").location)
    refused(here, browser, location.replace("/callback/google", "/callback/wechat"))
    refused(here, browser, location.replace("/callback/google", "/callback/nobody"))


@pytest.mark.security("ASVS-10.2.2")
@pytest.mark.parametrize("iss", ["https://attacker.example", ""])
def test_the_answer_of_another_issuer(here: Town, iss: str) -> None:
    """RFC 9207 section 2.4: `iss` is compared; it may not be missing, since the metadata say that it is sent."""
    browser, asked = Browser(here.api), here.to_google.count("/token")
    location = here.google.log_in(leave(browser, "google").location, "subject-of-nobody")
    page = come_back(browser, _changed(location, iss=iss))
    assert page.status == 400
    assert "You are not logged in with Google" in page.text
    assert here.to_google.count("/token") == asked
    assert user_of(here, "subject-of-nobody") is None


@pytest.mark.security("ASVS-10.5.1", "ASVS-10.5.4")
@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another-nonce"},
        {"nonce": ...},
        {"aud": openid.AUDIENCE},
        {"aud": "somebody-else"},
        {"iss": "https://attacker.example"},
        {"exp": 1},
        {"sub": ""},
        {"sub": "not-ascii-é"},
        {"azp": "somebody-else"},
        {"number": 7},
        {"algorithm": "HS256", "key": b"0" * 32},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_for_this_login(here: Town, claims: dict[str, Any]) -> None:
    here.google.claims = claims
    browser, before = Browser(here.api), counts(here)
    page = by_google(here, browser, "subject-of-nobody")
    assert page.status == 400
    assert "The login was not confirmed" in page.text
    assert counts(here) == before


def test_a_code_that_the_provider_refuses(here: Town) -> None:
    browser, before = Browser(here.api), counts(here)
    location = here.google.log_in(leave(browser, "google").location)
    page = come_back(browser, _changed(location, code="4/made-up-by-somebody"))
    assert page.status == 400
    assert here.google.refused[-1] == "invalid_grant"
    # The code of another login, whose verifier this one does not have (RFC 9700 section 4.5).
    other, target = Browser(here.api), leave(browser, "google").location
    stolen = parse_qs(urlsplit(here.google.log_in(leave(other, "google").location)).query)["code"][0]
    page = come_back(browser, _changed(here.google.log_in(target), code=stolen))
    assert page.status == 400
    assert here.google.refused[-1] == "invalid_grant"
    assert counts(here) == before


@pytest.mark.parametrize("fault", ["closed", "silence", "garbage", "list", "500", "404", "moved", "huge"])
def test_a_provider_that_is_down(here: Town, fault: Fault) -> None:
    """A page that says so, and nothing half-written; when it is back, a new login works."""
    browser, before = Browser(here.api), counts(here)
    location = here.google.log_in(leave(browser, "google").location, "subject-of-carol")
    here.to_google.fault, here.to_google.faulty = fault, "/token"
    page = come_back(browser, location)
    assert page.status == 503
    assert page.answer.headers["content-type"].startswith("text/html")
    assert page.answer.headers["retry-after"] == "1"
    assert "It does not answer at the moment" in page.text
    assert "/login" in page.links
    assert counts(here) == before
    here.whole()
    assert by_google(here, browser, "subject-of-carol").target == "/account"


def test_a_provider_that_cannot_be_found() -> None:
    """Its metadata are asked for once in a while; the other ways in stay on the page."""
    with pages() as here:
        here.to_google.fault = "500"
        browser = Browser(here.api)
        for _ in range(2):
            page = leave(browser, "google")
            assert page.status == 503
            assert "It does not answer at the moment" in page.text
            assert page.form(action="send").action == "/login"
        assert here.to_google.count(openid.DISCOVERY) == 1
        here.whole()
        here.api.time.at += 30
        assert leave(browser, "google").status == 303


def test_a_secret_that_is_wrong() -> None:
    """The operator's to see to: the log's detail has the provider's word for it, and the page none."""
    for secrets in ('{"google": "another-secret"}', "{}"):
        with pages(oidc_client_secrets=secrets) as here:
            page = by_google(here, Browser(here.api), "subject-of-carol")
            assert page.status == 503
            assert here.google.refused == ["invalid_client"]


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_how_the_secret_is_sent(method: str) -> None:
    """As the metadata say, or the settings."""
    with pages() as here:
        here.google.auth_method = method
        assert by_google(here, Browser(here.api), "subject-of-carol").target == "/account"
    with pages({"token_auth": method}) as here:
        here.google.auth_method = method
        here.google.metadata = {"token_endpoint_auth_methods_supported": None}
        assert by_google(here, Browser(here.api), "subject-of-carol").target == "/account"


def test_a_client_without_a_secret() -> None:
    with pages(oidc_client_secrets="") as here:
        here.google.secret = None
        assert by_google(here, Browser(here.api), "subject-of-carol").target == "/account"


def test_endpoints_that_are_given() -> None:
    with pages() as found:
        at = found.google.issuer
    with pages({"authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token"}) as here:
        page = leave(Browser(here.api), "google")
        assert page.location.startswith(f"{at}/authorize?")
        assert here.to_google.asked == []


def test_an_answer_that_is_posted() -> None:
    """`form_post`: a post from another site brings no cookie, so it is sent on, with what is needed of it."""
    with pages({"response_mode": "form_post", "scope": "openid name", "nonce": "hashed"}) as here:
        browser = Browser(here.api)
        page = leave(browser, "google")
        assert parse_qs(urlsplit(page.location).query)["response_mode"] == ["form_post"]
        location = here.google.log_in(page.location, "subject-of-carol")
        posted = {**dict(parse_qsl(urlsplit(location).query)), "user": '{"name": "Carol"}', "id_token": "e30.e30."}
        stranger = Browser(here.api)
        sent_on = stranger.call("POST", urlsplit(location).path, posted, {"sec-fetch-site": "cross-site"})
        assert sent_on.status == 303
        assert parse_qs(urlsplit(sent_on.location).query).keys() == {"code", "state", "iss"}
        assert browser.get(sent_on.location).target == "/account"


def test_an_answer_that_is_posted_for_a_name_that_no_header_can_have(here: Town) -> None:
    """Found by schemathesis: the path arrives decoded, and went into `Location` so."""
    page = Browser(here.api).call("POST", "/login/callback/%0A%C2%85%E4%BB%A4%3F%20", {"code": "c", "state": "s"})
    assert (page.status, page.answer.body) == (303, "")
    assert page.location == "/login/callback/%0A%C2%85%E4%BB%A4%3F%20?code=c&state=s"


@pytest.mark.parametrize("registration", ["off", "client"])
def test_no_account_is_made_where_registration_is_closed(registration: str) -> None:
    with pages(registration=registration) as here:
        page = by_google(here, Browser(here.api), "subject-of-carol")
        assert page.status == 400
        assert "new ones are not made here" in page.text
        assert user_of(here, "subject-of-carol") is None


def test_a_disabled_account(here: Town) -> None:
    browser = Browser(here.api)
    by_google(here, browser, "subject-of-dave")
    user_id = user_of(here, "subject-of-dave")
    assert user_id is not None
    accounts.change(here.api.services, user_id, lambda user: replace(user, disabled=True))
    page = by_google(here, Browser(here.api), "subject-of-dave")
    assert page.status == 400
    assert "This account is disabled" in page.text


def test_the_limits_of_the_sign_grant_hold() -> None:
    with pages(limit_sign_ip=2) as here:
        for _ in range(2):
            assert by_google(here, Browser(here.api), "subject-of-carol").target == "/account"
        asked = here.to_google.count("/token")
        page = by_google(here, Browser(here.api), "subject-of-carol")
        assert page.status == 429
        assert "retry-after" in page.answer.headers
        assert here.to_google.count("/token") == asked


def test_a_repeated_parameter(here: Town) -> None:
    browser = Browser(here.api)
    location = here.google.log_in(leave(browser, "google").location)
    page = come_back(browser, f"{location}&code=4/another-one")
    assert page.status == 400
    assert come_back(browser, f"{location}&code={'4' * 5000}").status == 400


def test_a_button_of_no_provider(here: Town) -> None:
    browser = Browser(here.api)
    form = browser.get("/login").form(action="provider", provider="google")
    for name in ("nobody", "trusted", ""):
        page = browser.send(form, provider=name)
        assert page.status == 403
        assert page.location == ""


def test_without_providers_there_are_no_buttons() -> None:
    with town(issuer=ISSUER) as here:
        page = Browser(here.api).get("/login")
        assert [form for form in page.forms if form.fields.get("action") == "provider"] == []
        assert "form-action 'self'" in page.answer.headers["content-security-policy"]


# --- WeChat ---------------------------------------------------------------------------------------------------------


def by_wechat(here: Town, browser: Browser, openid: str, unionid: str = "", **headers: str) -> Page:
    page = browser.get("/login", **headers)
    form = page.form(action="provider", provider="wechat")
    fields = {**form.fields}
    sent = browser.call("POST", form.action, fields, {"sec-fetch-site": "same-origin", **headers})
    assert sent.status == 303, sent
    location = here.wechat.scan(sent.location.replace(here.to_wechat.url, ""), openid, unionid)
    parts = urlsplit(location)
    return browser.get(f"{parts.path}?{parts.query}", **headers)


def test_wechat_by_a_qr_code(here: Town) -> None:
    browser = Browser(here.api)
    assert by_wechat(here, browser, "o-of-erin-at-site", "u-of-erin").target == "/account"
    # The same person inside WeChat is known by the unionid.
    inside = Browser(here.api)
    agent = {"User-Agent": INSIDE_WECHAT}
    assert by_wechat(here, inside, "o-of-erin-official", "u-of-erin", **agent).target == "/account"
    find = here.api.services.store.find_user_id
    found = find(f"openid:wechat:{SITE}:o-of-erin-at-site")
    assert found is not None
    assert found == find(f"openid:wechat:{OFFICIAL}:o-of-erin-official") == find("openid:wechat:unionid:u-of-erin")


def test_wechats_mini_program_and_page_are_one_account(here: Town) -> None:
    token = here.token(("mini-client", "mini-secret"), here.wechat.log_in("o-mini", unionid="u-of-frank"))
    browser = Browser(here.api)
    assert by_wechat(here, browser, "o-of-frank-at-site", "u-of-frank").target == "/account"
    shown = here.api.post("/users/identities", bearer=token).json["message"]["identities"]
    assert {identity["app"] for identity in shown} == {wechat.MINI, SITE}


@pytest.mark.parametrize(
    ("settings", "outside", "inside"),
    [
        ({"wechat_official_app": ""}, True, False),
        ({"wechat_website_app": ""}, False, True),
    ],
)
def test_wechats_button_is_where_it_works(settings: dict[str, Any], outside: bool, inside: bool) -> None:
    with pages(**settings) as here:
        for agent, is_there in ((None, outside), (INSIDE_WECHAT, inside)):
            page = Browser(here.api).get("/login", **({"User-Agent": agent} if agent else {}))
            buttons = [form for form in page.forms if form.fields.get("provider") == "wechat"]
            assert bool(buttons) == is_there


def test_wechat_that_asks_nobody() -> None:
    with pages(wechat_scope="snsapi_base") as here:
        browser = Browser(here.api)
        page = by_wechat(here, browser, "o-of-erin-official", "u-of-erin", **{"User-Agent": INSIDE_WECHAT})
        assert page.target == "/account"
        assert here.api.services.store.find_user_id("openid:wechat:unionid:u-of-erin") is None


def test_wechats_preview_makes_no_account(here: Town) -> None:
    """`is_snapshotuser`: the ids are made up."""
    here.wechat.snapshot = True
    before = counts(here)
    page = by_wechat(here, Browser(here.api), "o-virtual-one", "", **{"User-Agent": INSIDE_WECHAT})
    assert page.status == 400
    assert "choose its full service" in page.text
    assert counts(here) == before


def test_wechat_declined(here: Town) -> None:
    browser = Browser(here.api)
    sent = leave(browser, "wechat")
    page = come_back(browser, here.wechat.decline(sent.location.replace(here.to_wechat.url, "")))
    assert "That login was cancelled" in page.text


@pytest.mark.parametrize(
    ("says", "status", "text"),
    [
        ({"errcode": 40029}, 400, "The login was not confirmed"),
        ({"errcode": 40163}, 400, "The login was not confirmed"),
        ({"errcode": 40226}, 400, "WeChat does not let this user log in"),
        ({"errcode": 45011}, 429, "Too many logins at the provider"),
        ({"errcode": -1}, 503, "It does not answer at the moment"),
        ({"errcode": 40013}, 503, "It does not answer at the moment"),
        ({"openid": ""}, 503, "It does not answer at the moment"),
    ],
    ids=str,
)
def test_what_wechat_may_say(here: Town, says: dict[str, Any], status: int, text: str) -> None:
    here.wechat.says = says
    before = counts(here)
    page = by_wechat(here, Browser(here.api), "o-of-nobody-at-all", "u-of-nobody")
    assert page.status == status
    assert text in page.text
    assert counts(here) == before


# --- the account page -----------------------------------------------------------------------------------------------


def link(here: Town, browser: Browser, subject: str) -> Page:
    sent = browser.send(browser.get("/account").form(action="link", provider="google"))
    return come_back(browser, here.google.log_in(sent.location, subject))


def registered(here: Town, name: str) -> Browser:
    """Somebody who has just made an account, and is logged in."""
    browser = Browser(here.api)
    page = browser.submit(browser.get("/register").forms[0], username=name, password="a fine long password")
    assert page.target == "/account"
    return browser


def test_link_and_unlink(here: Town) -> None:
    """The other sessions end each time; afterwards the identity logs in to the account, and then no more."""
    browser = registered(here, "grace")
    elsewhere = Browser(here.api)
    elsewhere.log_in("grace", "a fine long password")
    page = link(here, browser, "subject-of-grace")
    assert page.target == "/account?note=linked"
    assert "The account is linked" in page.text
    assert [form.fields["provider"] for form in page.forms if form.fields.get("action") == "link"] == ["wechat"]
    assert not elsewhere.is_logged_in
    again = by_google(here, Browser(here.api), "subject-of-grace")
    assert "grace" in again.text
    page = browser.submit(browser.get("/account").form(action="unlink", provider="google"))
    assert page.target == "/account?note=unlinked"
    assert user_of(here, "subject-of-grace") is None
    assert page.form(action="link", provider="google").action == "/account"


def test_another_accounts_identity_is_not_linked(here: Town) -> None:
    by_google(here, Browser(here.api), "subject-of-heidi")
    browser = registered(here, "ivan")
    page = link(here, browser, "subject-of-heidi")
    assert page.status == 409
    assert "Google is not linked It is linked to another account here" in page.text
    assert "/account" in page.links
    link(here, browser, "subject-of-ivan")
    issuer = Identity("oidc", here.google.issuer, "").issuer
    user_id = here.api.services.store.find_user_id("username:ivan")
    assert user_id is not None
    user = here.api.services.store.get_user(user_id)
    assert user is not None
    assert dict(user.openids) == {issuer: "subject-of-ivan"}


def test_a_declined_link(here: Town) -> None:
    browser = registered(here, "judy")
    sent = browser.send(browser.get("/account").form(action="link", provider="google"))
    page = come_back(browser, here.google.decline(sent.location))
    assert page.target == "/account?note=link_declined"
    assert "Nothing was linked" in page.text


@pytest.mark.security("ASVS-10.3.4")
def test_linking_needs_a_recent_login(here: Town) -> None:
    browser = registered(here, "kim")
    form = browser.get("/account").form(action="link", provider="google")
    here.api.time.at += 601
    page = browser.send(form)
    assert page.location.startswith("/login?continue=%2Faccount")
    # Still so when the browser is back.
    browser.log_in("kim", "a fine long password", "/login?continue=%2Faccount")
    here.api.time.at += 590
    location = here.google.log_in(browser.send(browser.get("/account").form(action="link")).location, "subject-of-kim")
    here.api.time.at += 11
    page = browser.call("GET", location.removeprefix(ISSUER))
    assert (page.status, page.location) == (303, "/login?continue=%2Faccount")
    assert user_of(here, "subject-of-kim") is None


@pytest.mark.security("PAGE-7")
def test_a_link_belongs_to_the_session_that_asked_for_it(here: Town) -> None:
    """Somebody else who logs in in the same browser meanwhile gets nothing of it."""
    browser = registered(here, "leo")
    sent = browser.send(browser.get("/account").form(action="link", provider="google"))
    location = here.google.log_in(sent.location, "subject-of-leo")
    other = registered(here, "mia")
    browser.cookies |= {name: value for name, value in other.cookies.items() if name == "lingpai"}
    page = come_back(browser, location)
    assert page.status == 403
    assert user_of(here, "subject-of-leo") is None
    # Nor does it log in a browser that has logged out.
    browser.cookies.pop("lingpai")
    refused(here, browser, location)


def test_the_last_way_in_stays(here: Town) -> None:
    browser = Browser(here.api)
    page = by_google(here, browser, "subject-of-nina")
    page = browser.submit(page.form(action="unlink", provider="google"))
    assert page.status == 409
    assert "This is the only way to log in" in page.text
    assert user_of(here, "subject-of-nina") is not None


def test_a_link_while_the_provider_is_down() -> None:
    with pages() as here:
        browser = registered(here, "olaf")
        here.to_google.fault = "closed"
        page = browser.send(browser.get("/account").form(action="link", provider="google"))
        assert page.status == 503
        assert "It does not answer at the moment" in page.text


def _changed(location: str, **changes: str) -> str:
    """The address with other parameters; an empty one is left out."""
    address, _, query = location.partition("?")
    fields = {**dict(parse_qsl(query)), **changes}
    return f"{address}?{urlencode({name: value for name, value in fields.items() if value})}"
