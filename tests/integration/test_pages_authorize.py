"""`/oauth/authorize`, `/consent` and `/oauth/logout` in a browser."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from lingpai.sessions import id_tokens, session_id
from lingpai.sessions import service as sessions
from tests.support.api import Api, make_api
from tests.support.browsers import CALLBACK, request_pairs, web_app
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Page, path

HOME = "https://app.example/"
ISSUER = "https://login.example"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    store = MemoryStore()
    api = make_api(monkeypatch, store, issuer=ISSUER)
    for client in (
        web_app(name="Shop", colour="#0b6e4f", post_logout_redirect_uris=(HOME,)),
        web_app(
            "third-app",
            first_party=False,
            name="Third",
            terms="https://app.example/terms",
            policy="https://app.example/policy",
        ),
    ):
        store.put_client(client)
    return api


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api)


def target(**changes: str | None) -> str:
    return f"/oauth/authorize?{urlencode(request_pairs(**changes))}"


def answer_of(page: Page) -> dict[str, str]:
    """What goes back to the client, at its own address."""
    assert page.status == 303, page.text
    assert page.location.startswith(f"{CALLBACK}?")
    found = parse_qs(urlsplit(page.location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


def log_in(browser: Browser, page: Page) -> Page:
    """Log in by a password at the page, which the authorization request has led to."""
    way = next(link for link in page.links if link.endswith("way=password"))
    form = browser.get(way).form(action="password")
    return browser.submit(form, username="alice", password="correct horse battery")


def test_a_login_and_single_sign_on(browser: Browser) -> None:
    """The page shows the client; once logged in, the next client gets its code at once."""
    page = browser.get(target())
    assert path(page.target) == "/login"
    assert "Log in to continue to Shop" in page.text
    assert "--brand:#0b6e4f;--on-brand:#ffffff" in page.answer.body
    answer = answer_of(log_in(browser, page))
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("a-state", ISSUER)
    again = answer_of(browser.call("GET", target(state="another")))
    assert again["state"] == "another"
    assert again["code"] != answer["code"]


def test_it_takes_two_calls(monkeypatch: pytest.MonkeyPatch, browser: Browser) -> None:
    """A browser that is logged in: its session with the account, and the code; also where its use is told."""
    browser.log_in()
    browser.call("GET", target())
    store: Any = browser.api.services.store
    counted: list[str] = []
    for name in ("look_up_browser", "commit", "get_user", "look_up_client", "directory", "find_user_ids"):
        method = getattr(store, name)

        def count(*arguments: Any, name: str = name, method: Any = method) -> Any:
            counted.append(name)
            return method(*arguments)

        monkeypatch.setattr(store, name, count)
    for _ in range(2):
        counted.clear()
        answer_of(browser.call("GET", target()))
        assert counted == ["look_up_browser", "commit"]
        browser.api.time.advance(50)


def test_its_use_keeps_the_session_open(browser: Browser) -> None:
    """Eight hours without use end it, and 14 days in any case."""
    browser.log_in()
    for _ in range(5):
        browser.api.time.advance(7 * 3600)
        answer_of(browser.call("GET", target()))
    browser.api.time.advance(8 * 3600 + 1)
    assert path(browser.call("GET", target()).location) == "/login"
    browser.log_in()
    for _ in range(60):
        browser.api.time.advance(7 * 3600 - 60)
        if browser.call("GET", target()).location.startswith("/login"):
            break
    else:
        pytest.fail("it has no end")


def test_a_posted_request_is_sent_on_as_a_get(browser: Browser) -> None:
    """OpenID Connect Core 3.1.2.1. A post from another site brings no cookie of `SameSite=Lax`."""
    browser.log_in()
    page = browser.call("POST", "/oauth/authorize", dict(request_pairs()), {"sec-fetch-site": "cross-site"})
    assert (page.status, page.location) == (303, target())
    answer_of(browser.call("GET", page.location))


@pytest.mark.security("ASVS-10.7.2")
def test_consent_is_asked_of_third_parties(browser: Browser) -> None:
    browser.log_in()
    page = browser.get(target(client_id="third-app", scope="openid phone read"))
    assert path(page.target) == "/consent"
    assert "Third asks for access to your account" in page.text
    assert "See your mobile number" in page.text
    assert "Other permission: read" in page.text
    assert "alice" in page.text
    assert "You go back to app.example" in page.text
    assert {"https://app.example/terms", "https://app.example/policy"} <= set(page.links)
    answer = answer_of(browser.submit(page.forms[0], action="allow"))
    assert answer.keys() == {"code", "state", "iss"}
    again = answer_of(browser.call("GET", target(client_id="third-app", scope="openid phone")))
    assert "code" in again, "it is remembered"
    assert path(browser.get(target(client_id="third-app", scope="openid profile")).target) == "/consent"
    page = browser.get("/account")
    assert "Third" in page.text
    page = browser.submit(page.form(action="revoke"))
    assert page.target == "/account?note=revoked"
    assert "Third" not in page.text
    assert path(browser.get(target(client_id="third-app", scope="openid")).target) == "/consent"
    page = browser.get(target(client_id="third-app", scope="openid phone read", prompt="consent"))
    answer = answer_of(browser.submit(page.forms[0], action="deny"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "a-state", ISSUER)


def test_prompt_login_asks_again_and_once(browser: Browser) -> None:
    browser.log_in()
    before = browser.session_cookie
    page = browser.get(target(prompt="login"))
    assert path(page.target) == "/login"
    answer_of(log_in(browser, page))
    after = browser.session_cookie
    assert after != before


@pytest.mark.parametrize("prompt", ["login", "login consent"])
def test_prompt_login_asks_once_before_a_consent(browser: Browser, prompt: str) -> None:
    browser.log_in()
    page = log_in(browser, browser.get(target(client_id="third-app", prompt=prompt)))
    assert path(page.target) == "/consent"
    assert "code" in answer_of(browser.submit(page.forms[0], action="allow"))


@pytest.mark.parametrize("changes", [{"prompt": "login select_account"}, {"prompt": "select_account", "max_age": "5"}])
def test_who_keeps_the_account_may_have_to_log_in_to_it(browser: Browser, changes: dict[str, str]) -> None:
    browser.log_in()
    browser.api.time.advance(6)
    page = browser.submit(browser.get(target(**changes)).form(action="keep"))
    assert path(page.target) == "/login"
    assert "code" in answer_of(log_in(browser, page))


def test_that_it_was_done_holds_for_this_request_alone(browser: Browser) -> None:
    """The mark is bound to the request and to the login, and grows old."""
    browser.log_in()
    page = browser.get(target(prompt="login"))
    way = next(link for link in page.links if link.endswith("way=password"))
    form = browser.get(way).form(action="password")
    onward = browser.send(form, username="alice", password="correct horse battery").location
    answer_of(browser.call("GET", onward))
    mark = onward.partition("&lingpai_done=")[2]
    for other in (
        f"{target(prompt='login', state='x')}&lingpai_done={mark}",
        f"{target(prompt='login')}&lingpai_done=login.9999999999.AAAA",
        f"{target(prompt='login')}&lingpai_done=",
        f"{target(prompt='login')}&lingpai_done={mark}x",
    ):
        assert path(browser.call("GET", other).location) == "/login"
    browser.api.time.advance(601)
    assert path(browser.call("GET", onward).location) == "/login"
    browser.cookies.clear()
    browser.log_in()
    assert path(browser.call("GET", onward).location) == "/login"


@pytest.mark.parametrize("max_age", ["0", "60"])
def test_max_age(browser: Browser, max_age: str) -> None:
    browser.log_in()
    browser.api.time.advance(61)
    page = browser.get(target(max_age=max_age))
    assert path(page.target) == "/login"
    answer_of(log_in(browser, page))


def test_prompt_none(browser: Browser) -> None:
    """OpenID Connect Core 3.1.2.6: no page is ever shown."""
    assert answer_of(browser.call("GET", target(prompt="none")))["error"] == "login_required"
    browser.log_in()
    assert "code" in answer_of(browser.call("GET", target(prompt="none")))
    third = target(prompt="none", client_id="third-app")
    assert answer_of(browser.call("GET", third))["error"] == "consent_required"
    browser.api.time.advance(61)
    assert answer_of(browser.call("GET", target(prompt="none", max_age="60")))["error"] == "login_required"


def test_select_account(browser: Browser) -> None:
    browser.log_in()
    page = browser.get(target(prompt="select_account"))
    assert path(page.target) == "/login"
    assert "Continue as alice" in page.text
    answer_of(browser.submit(page.form(action="keep")))
    page = browser.get(target(prompt="select_account"))
    other = next(link for link in page.links if link.endswith("way=code"))
    assert browser.get(other).form(action="send").action == "/login"
    answer_of(log_in(browser, browser.get(other)))


@pytest.mark.parametrize(
    ("hint", "way", "field"),
    [("13312341234", "send", "mobile"), ("+86 133 1234 1234", "send", "mobile"), ("alice", "password", "username")],
)
def test_login_hint(browser: Browser, hint: str, way: str, field: str) -> None:
    assert browser.get(target(login_hint=hint)).form(action=way).fields[field] == hint


@pytest.mark.parametrize(("locales", "language"), [("en-GB fr", "en"), ("fr zh-CN", "zh"), ("fr", "zh")])
def test_ui_locales(api: Api, locales: str, language: str) -> None:
    page = Browser(api, "zh").get(target(ui_locales=locales))
    assert page.answer.headers["content-language"] == language


def test_form_post(browser: Browser) -> None:
    browser.log_in()
    page = browser.call("GET", target(response_mode="form_post"))
    assert page.status == 200
    (form,) = page.forms
    assert form.action == CALLBACK
    assert form.fields.keys() == {"code", "state", "iss"}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": f"{CALLBACK}/../evil"},
        {"redirect_uri": None},
        {"client_id": "standard-client"},
    ],
)
@pytest.mark.security("RFC9700-2.1")
def test_an_unknown_client_or_address_gets_a_page(browser: Browser, changes: dict[str, str | None]) -> None:
    """RFC 6749 section 4.1.2.1: the browser is sent nowhere, logged in or not."""
    somebody = Browser(browser.api)
    somebody.log_in()
    for asking in (browser, somebody):
        page = asking.call("GET", target(**changes))
        assert (page.status, page.location) == (400, "")
        assert "This login request cannot be used" in page.text
        assert "evil" not in page.answer.body


def test_a_wrong_request_goes_back_to_the_client(browser: Browser) -> None:
    for changes in ({"code_challenge": None}, {"response_type": "token"}, {"scope": "unknown"}):
        answer = answer_of(browser.call("GET", target(**changes)))
        assert {"error", "error_description", "state", "iss"} == set(answer)


# --- logging out ------------------------------------------------------------------------------------------


def id_token(browser: Browser, client_id: str = "web-app") -> str:
    """An ID token for the login of this browser."""
    services = browser.api.services
    client = services.clients.get_client(client_id)
    presented = sessions.parse(browser.session_cookie)
    assert client is not None
    assert presented is not None
    opened = sessions.new_session(services, client, ("openid",), presented.key.owner, ("pwd",), services.clock.now())
    session = replace(opened.put.session, sid=session_id.of(presented.key))
    return id_tokens.sign(replace(services, issuer=ISSUER), client, session, opened.tokens.access_token)


def log_out_target(**given: str) -> str:
    return f"/oauth/logout?{urlencode(given)}"


@pytest.mark.security("ASVS-7.6.1")
def test_log_out_with_an_id_token(browser: Browser) -> None:
    """RP-Initiated Logout section 2: also with one that has expired. The code for the session is void, too."""
    browser.log_in()
    hint = id_token(browser)
    browser.api.time.advance(4 * 3600)
    page = browser.call("GET", log_out_target(id_token_hint=hint, post_logout_redirect_uri=HOME, state="s&t"))
    assert (page.status, page.location) == (303, f"{HOME}?state=s%26t")
    assert not browser.is_logged_in


@pytest.mark.security("ASVS-10.6.2")
def test_log_out_is_asked_where_the_id_token_is_missing_or_of_another_login(browser: Browser) -> None:
    other = Browser(browser.api)
    other.log_in("bob", "battery staple correct")
    browser.log_in()
    foreign = id_token(other)
    for given in ({}, {"id_token_hint": foreign}, {"id_token_hint": "none.of.ours"}):
        page = browser.get(log_out_target(**given, post_logout_redirect_uri=HOME))
        assert page.status == 200
        assert "Do you want to log out?" in page.text
        assert browser.is_logged_in
    page = browser.submit(browser.get(log_out_target(post_logout_redirect_uri=HOME)).form(action="confirm"))
    assert "You are logged out" in page.text
    assert not browser.is_logged_in


@pytest.mark.security("PAGE-6", "RFC9700-2.1")
@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", f"{HOME}evil", "https://app.example", "//evil.example", "javascript:alert(1)", CALLBACK],
)
def test_log_out_leads_to_addresses_of_the_record_alone(browser: Browser, wanted: str) -> None:
    """RP-Initiated Logout section 3: an exact match; no open redirector (RFC 9700 section 4.11)."""
    browser.log_in()
    page = browser.call("GET", log_out_target(id_token_hint=id_token(browser), post_logout_redirect_uri=wanted))
    assert (page.status, page.location) == (200, "")
    assert "evil" not in page.answer.body
    assert not browser.is_logged_in


def test_log_out_without_an_id_token_leads_nowhere(browser: Browser) -> None:
    page = browser.call("GET", log_out_target(post_logout_redirect_uri=HOME, client_id="web-app"))
    assert (page.status, page.location) == (200, "")
    browser.log_in()
    page = browser.call("GET", log_out_target(id_token_hint=id_token(browser), client_id="third-app"))
    assert (page.status, page.location) == (200, "")


def test_a_posted_log_out_is_asked_about(browser: Browser) -> None:
    """Another site's post brings no cookie: the page's own form does."""
    browser.log_in()
    fields = {"id_token_hint": id_token(browser), "post_logout_redirect_uri": HOME}
    cookies, browser.cookies = browser.cookies, {}
    page = browser.call("POST", "/oauth/logout", fields, {"sec-fetch-site": "cross-site"})
    assert "Do you want to log out?" in page.text
    browser.cookies = cookies
    assert browser.is_logged_in


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}], ids=str)
def test_another_site_takes_no_cookie_away(browser: Browser, headers: dict[str, str]) -> None:
    """Its form is sent without the cookie of the login (`SameSite=Lax`), which an answer could delete."""
    browser.log_in()
    stranger = Browser(browser.api)
    answer = stranger.call("POST", "/oauth/logout", {"action": "confirm"}, headers)
    assert answer.status == 403
    assert "set-cookie" not in answer.answer.headers
    assert browser.is_logged_in
