"""Attacks on the authorization code flow as a browser and a client see it, each with its source."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import jwt as pyjwt
import pytest

from lingpai.kernel import base64url
from lingpai.sessions import id_tokens
from tests.support.api import Answer, Api, make_api
from tests.support.browsers import CALLBACK, VERIFIER, challenge, request_pairs, web_app
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Page, path

ISSUER = "https://login.example"
HOME = "https://app.example/"
WEB_APP = ("web-app", "web-app-secret")
OTHER_APP = ("other-app", "other-app-secret")
PASSWORD, NEW_PASSWORD = "correct horse battery", "a fine long password"
NUMBER = "13312341234"
# The links of a page that leads nowhere: to its content, and to the other language.
NOWHERE = ["#main", "/error?lang=zh"]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return open_api(monkeypatch)


def open_api(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Api:
    store = MemoryStore()
    api = make_api(monkeypatch, store, issuer=ISSUER, **settings)
    for client in (
        web_app(post_logout_redirect_uris=(HOME,)),
        web_app("other-app", "other-app-secret", post_logout_redirect_uris=(f"{HOME}other",)),
        web_app("third-app", first_party=False),
    ):
        store.put_client(client)
    return api


@pytest.fixture
def browser(api: Api) -> Browser:
    """A browser that is logged in."""
    browser = Browser(api)
    browser.log_in()
    return browser


def target(**changes: str | None) -> str:
    return f"/oauth/authorize?{urlencode(request_pairs(**changes))}"


def answer_of(page: Page) -> dict[str, str]:
    """What goes back to the client."""
    assert page.status == 303, page.text
    assert page.location.startswith(f"{CALLBACK}?")
    answer = {name: values[0] for name, values in parse_qs(urlsplit(page.location).query).items()}
    LOGS.hush("code", answer.get("code", "no-code-in-the-answer"))
    return answer


def code_for(browser: Browser, **changes: str | None) -> str:
    return answer_of(browser.call("GET", target(**changes)))["code"]


def redeem(api: Api, code: str, basic: tuple[str, str] = WEB_APP, **changes: str) -> Answer:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    return api.post("/oauth/token", form={name: value for name, value in form.items() if value}, basic=basic)


def push(api: Api, basic: tuple[str, str] = WEB_APP, **changes: str | None) -> str:
    answer = api.post("/oauth/par", form=dict(request_pairs(**changes)), basic=basic)
    assert answer.status == 201, answer
    uri: str = answer.json["request_uri"]
    LOGS.hush("request_uri", uri)
    return uri


def pushed(uri: str, client_id: str = "web-app", **more: str) -> str:
    return f"/oauth/authorize?{urlencode({'client_id': client_id, 'request_uri': uri, **more})}"


# --- PKCE


@pytest.mark.security("FLOW-1", "RFC9700-4.8")
@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge": ""},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "plain", "code_challenge": VERIFIER},
        {"code_challenge": challenge()[:-1]},
        {"code_challenge": challenge() + "="},
    ],
)
def test_pkce_cannot_be_left_out_or_weakened(browser: Browser, changes: dict[str, str | None]) -> None:
    """RFC 9700 section 4.8.2: whoever strips the challenge from a request gets no code, at either endpoint."""
    answer = answer_of(browser.call("GET", target(**changes)))
    assert (answer["error"], "code" in answer) == ("invalid_request", False)
    answered = browser.api.post("/oauth/par", form=dict(request_pairs(**changes)), basic=WEB_APP)
    assert (answered.status, answered.json["reason"]) == (400, "challenge_required")


@pytest.mark.security("FLOW-1")
def test_a_challenge_is_not_added_beside_another(browser: Browser) -> None:
    """RFC 6749 section 3.1: no parameter twice, so that nobody appends a challenge of theirs."""
    page = browser.call("GET", f"{target()}&code_challenge={challenge('m' * 50)}")
    assert answer_of(page)["error"] == "invalid_request"


@pytest.mark.security("FLOW-1", "FLOW-2")
@pytest.mark.parametrize("verifier", ["", challenge(), VERIFIER[:-1], "m" * 50, VERIFIER.upper()])
def test_a_code_without_its_verifier(browser: Browser, verifier: str) -> None:
    """RFC 7636 section 4.6; the code still works for the client that has it."""
    code = code_for(browser)
    answer = redeem(browser.api, code, code_verifier=verifier)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant" if verifier else "invalid_request")
    assert redeem(browser.api, code).status == 200


# --- injected and replayed codes


@pytest.mark.security("FLOW-2")
def test_an_injected_code(browser: Browser) -> None:
    """RFC 9700 section 4.5: the attacker's code in the victim's client, whose login has another verifier."""
    attacker = Browser(browser.api)
    attacker.log_in("bob", "battery staple correct")
    stolen = code_for(browser)
    theirs = code_for(attacker, code_challenge=challenge("m" * 50))
    assert redeem(browser.api, theirs).json["error"] == "invalid_grant"
    assert redeem(browser.api, stolen, code_verifier="m" * 50).json["error"] == "invalid_grant"
    assert redeem(browser.api, stolen, OTHER_APP).json["error"] == "invalid_grant"


@pytest.mark.security("FLOW-2")
def test_a_replayed_code(browser: Browser) -> None:
    """RFC 6749 section 4.1.2: a second use ends what the first one opened, but not the login of the browser."""
    code = code_for(browser)
    tokens = redeem(browser.api, code).json
    browser.api.time.advance(31)
    assert redeem(browser.api, code).json["error"] == "invalid_grant"
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert browser.api.post("/oauth/token", form=form, basic=WEB_APP).json["error"] == "invalid_grant"
    assert browser.is_logged_in


@pytest.mark.security("FLOW-2")
def test_the_back_button_gives_another_code(browser: Browser) -> None:
    """RFC 9700 section 4.2.4: the request, opened again from the browser's history, brings no used code back."""
    first, second = code_for(browser), code_for(browser)
    assert first != second
    assert redeem(browser.api, first).status == redeem(browser.api, second).status == 200


# --- mix-up


@pytest.mark.security("FLOW-3", "RFC9700-2.1")
@pytest.mark.parametrize(
    ("is_logged_in", "changes"),
    [
        (True, {}),
        (True, {"state": None}),
        (True, {"scope": "unknown"}),
        (True, {"response_type": "token"}),
        (True, {"client_id": "third-app", "prompt": "none"}),
        (False, {"prompt": "none"}),
    ],
)
def test_every_answer_names_the_issuer(api: Api, is_logged_in: bool, changes: dict[str, str | None]) -> None:
    """RFC 9207 sections 2 and 2.4: codes and errors, so that a client of two servers sends none to the wrong one."""
    browser = Browser(api)
    if is_logged_in:
        browser.log_in()
    assert answer_of(browser.call("GET", target(**changes)))["iss"] == ISSUER
    page = browser.call("GET", target(**{"response_mode": "form_post", **changes}))
    assert page.forms[0].fields["iss"] == ISSUER


@pytest.mark.security("FLOW-3")
def test_the_metadata_promise_the_issuer(api: Api) -> None:
    """RFC 9207 section 3."""
    for name in ("openid-configuration", "oauth-authorization-server"):
        metadata = api.call("GET", f"/.well-known/{name}").json
        assert metadata["authorization_response_iss_parameter_supported"] is True
        assert metadata["issuer"] == ISSUER


# --- redirect URIs

TRICKS = (
    "https://evil.example/callback",
    f"{CALLBACK}/",
    f"{CALLBACK}?next=https://evil.example",
    f"{CALLBACK}#fragment",
    f"{CALLBACK}x",
    CALLBACK[:-1],
    "https://app.example/",
    "https://app.example",
    "http://app.example/callback",
    "https://app.example:443/callback",
    "https://app.example./callback",
    "https://APP.example/callback",
    "https://app.example/Callback",
    "https://app.example/x/../callback",
    "https://app.example/callback/../../evil",
    "https://app.example/callback%2F..%2Fevil",
    "https://app.example/callback%2e%2e",
    "https://app.example%2Fcallback",
    "https://app.example%2F@evil.example/callback",
    "https://app.example@evil.example/callback",
    "https://user:pass@app.example/callback",
    "https://app.example\\@evil.example/callback",
    "https://evil.example\\app.example/callback",
    "https:\\\\app.example\\callback",
    "https:/app.example/callback",
    "https://app.example.evil.example/callback",
    "https://evil-app.example/callback",
    "https://evil.example/https://app.example/callback",
    "https://аpp.example/callback",
    "https://app。example/callback",
    "https://app.example／callback",
    "https://app.example/callback\u200b",
    "//app.example/callback",
    "/callback",
    f" {CALLBACK}",
    f"{CALLBACK}\r\nLocation: https://evil.example",
    f"{CALLBACK}\0",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://127.0.0.1:80@evil.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.1:8000/callback/../evil",
    "http://localhost:8000/callback",
    "http://2130706433/callback",
    "http://[::ffff:127.0.0.1]/callback",
    "*",
)


@pytest.mark.security("FLOW-4", "RFC9700-2.1")
@pytest.mark.parametrize("uri", TRICKS)
def test_redirect_uri_tricks(browser: Browser, uri: str) -> None:
    """RFC 9700 section 4.1: a page, and no redirect, whatever else the request asks for. So is the pushed request."""
    for changes in ({}, {"response_mode": "form_post"}, {"prompt": "none"}, {"response_type": "token"}):
        page = browser.call("GET", target(redirect_uri=uri, **changes))
        assert (page.status, page.location, page.links) == (400, "", NOWHERE)
        assert page.forms == []
        assert "evil" not in page.answer.body
    answer = browser.api.post("/oauth/par", form=dict(request_pairs(redirect_uri=uri)), basic=WEB_APP)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert redeem(browser.api, code_for(browser), redirect_uri=uri).status == 400


@pytest.mark.security("FLOW-4")
def test_a_second_redirect_uri(browser: Browser) -> None:
    """RFC 6749 section 3.1: neither the first nor the last one counts."""
    for pairs in (
        [*request_pairs(), ("redirect_uri", "https://evil.example/")],
        [("redirect_uri", "https://evil.example/"), *request_pairs()],
    ):
        page = browser.call("GET", f"/oauth/authorize?{urlencode(pairs)}")
        assert (page.status, page.location) == (400, "")


@pytest.mark.security("FLOW-4")
def test_the_redirect_uri_of_another_client(browser: Browser) -> None:
    store: Any = browser.api.services.store
    store.put_client(web_app("mallory", first_party=False, redirect_uris=("https://evil.example/callback",)))
    assert browser.call("GET", target(redirect_uri="https://evil.example/callback")).status == 400
    assert browser.call("GET", target(client_id="mallory")).status == 400


# --- state and nonce


@pytest.mark.security("FLOW-5")
def test_state_and_nonce_belong_to_one_request(browser: Browser) -> None:
    """RFC 6749 section 10.12, OpenID Connect Core section 15.5.2: each code has its own, also with the same login."""
    for state, nonce in (("s-1", "n-1"), ("s-2", "n-2"), ("s-1", "n-1")):
        answer = answer_of(browser.call("GET", target(state=state, nonce=nonce)))
        tokens = redeem(browser.api, answer["code"], nonce="another", state="another").json
        assert answer["state"] == state
        assert claims_of(tokens["id_token"])["nonce"] == nonce
    assert "state" not in answer_of(browser.call("GET", target(state=None)))
    tokens = redeem(browser.api, code_for(browser, nonce=None)).json
    assert "nonce" not in claims_of(tokens["id_token"])


def claims_of(token: str) -> Any:
    return pyjwt.decode(token, options={"verify_signature": False})


@pytest.mark.security("FLOW-5")
def test_a_refreshed_id_token_has_no_nonce(browser: Browser) -> None:
    """OpenID Connect Core section 12.2: it cannot stand in for the answer to a request."""
    tokens = redeem(browser.api, code_for(browser)).json
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshed = browser.api.post("/oauth/token", form=form, basic=WEB_APP).json
    assert "nonce" not in claims_of(refreshed["id_token"])


# --- response splitting


@pytest.mark.security("FLOW-6")
@pytest.mark.parametrize("state", ["a\r\nSet-Cookie: x=1", "a\nb", "\0", "a\u2028b", "\r", "é\r\nX: y"])
def test_response_splitting(browser: Browser, state: str) -> None:
    """OWASP HTTP Response Splitting: what a request says stands in no header but as an escape."""
    pages = [
        browser.call("GET", target(state=state)),
        browser.call("GET", target(client_id="third-app", state=state)),
        browser.call("POST", "/oauth/authorize", dict(request_pairs(state=state))),
        browser.call("GET", f"/oauth/logout?{urlencode({'id_token_hint': hint(browser), **BACK, 'state': state})}"),
        Browser(browser.api).call("GET", target(state=state)),
        Browser(browser.api).call("GET", f"/login?{urlencode({'continue': target(state=state), 'lang': state})}"),
    ]
    for page in pages:
        for name, value in page.answer.headers.items():
            # Cookies alone may be set by several headers: the tests put each on a line.
            lines = value.split("\n") if name == "set-cookie" else [value]
            assert all(line.isascii() and line.isprintable() for line in lines), (name, value)
            assert "x=1" not in lines


BACK = {"post_logout_redirect_uri": HOME}


# --- caches


@pytest.mark.security("PAGE-4", "FLOW-2")
def test_no_answer_is_kept_or_told_on(browser: Browser) -> None:
    """RFC 9700 section 4.2.4: neither caches nor the `Referer` of the next page have a code, a page or one's data."""
    pages = {
        "code": browser.call("GET", target()),
        "form_post": browser.call("GET", target(response_mode="form_post")),
        "error": browser.call("GET", target(scope="unknown")),
        "consent": browser.call("GET", target(client_id="third-app")),
        "login": Browser(browser.api).call("GET", target()),
        "account": browser.call("GET", "/account"),
        "data": browser.call("GET", "/account?download=json"),
        "log out": browser.call("GET", "/oauth/logout"),
        "back": browser.call("GET", f"/oauth/logout?{urlencode({'id_token_hint': hint(browser), **BACK})}"),
    }
    assert {page.answer.headers["cache-control"] for page in pages.values()} == {"no-store"}
    for name, page in pages.items():
        # A file has no links.
        assert page.answer.headers.get("referrer-policy") == (None if name == "data" else "no-referrer"), name


# --- ID tokens in the place of others


def hint(browser: Browser, client: tuple[str, str] = WEB_APP) -> str:
    """An ID token of this browser's login."""
    tokens = redeem(browser.api, code_for(browser, client_id=client[0]), client).json
    token: str = tokens["id_token"]
    return token


def unsigned(token: str) -> str:
    _, payload, _ = token.split(".")
    header = base64url.encode(json.dumps({"alg": "none", "typ": "JWT", "kid": header_of(token)["kid"]}).encode())
    return f"{header}.{payload}."


def header_of(token: str) -> Any:
    return pyjwt.get_unverified_header(token)


def signed_with_the_public_key(token: str) -> str:
    """RFC 8725 section 2.1: HMAC under what everybody knows."""
    header = base64url.encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": header_of(token)["kid"]}).encode())
    _, payload, _ = token.split(".")
    return f"{header}.{payload}.{base64url.encode(b's' * 32)}"


def of_somebody_else(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = {**json.loads(base64url.decode(payload)), "sub": "1"}
    return f"{header}.{base64url.encode(json.dumps(claims).encode())}.{signature}"


@pytest.mark.security("FLOW-7")
@pytest.mark.parametrize("forge", [unsigned, signed_with_the_public_key, of_somebody_else])
def test_a_forged_id_token_is_no_hint(browser: Browser, forge: Callable[[str], str]) -> None:
    """RFC 8725 sections 2.1 and 3.1: it neither logs out nor leads anywhere, and is refused at the authorization."""
    forged = forge(hint(browser))
    page = browser.get(f"/oauth/logout?{urlencode({'id_token_hint': forged, **BACK})}")
    assert "Do you want to log out?" in page.text
    assert browser.is_logged_in
    page = browser.submit(page.form(action="confirm"))
    assert "You are logged out" in page.text
    browser.log_in()
    answer = answer_of(browser.call("GET", target(id_token_hint=forged)))
    assert answer["error"] == "invalid_request"


@pytest.mark.security("FLOW-7")
def test_the_id_token_of_another_client(browser: Browser) -> None:
    """RP-Initiated Logout section 2: it leads back to its own client's addresses alone."""
    token = hint(browser, OTHER_APP)
    page = browser.call("GET", f"/oauth/logout?{urlencode({'id_token_hint': token, **BACK, 'client_id': 'web-app'})}")
    assert (page.status, page.location) == (200, "")
    browser.log_in()
    token = hint(browser, OTHER_APP)
    page = browser.call("GET", f"/oauth/logout?{urlencode({'id_token_hint': token, **BACK})}")
    assert (page.status, page.location) == (200, "")


@pytest.mark.security("FLOW-7")
def test_a_code_is_about_the_user_of_the_hint(browser: Browser) -> None:
    """OpenID Connect Core section 3.1.2.2: nobody is let in as another one than the client has named."""
    alices = hint(browser)
    bob = Browser(browser.api)
    bob.log_in("bob", "battery staple correct")
    assert path(bob.call("GET", target(id_token_hint=alices)).location) == "/login"
    page = bob.get(target(id_token_hint=alices, prompt="select_account"))
    assert "The app asks for another account" in page.text
    way = next(link for link in page.links if link.endswith("way=password"))
    form = bob.get(way).form(action="password")
    page = bob.submit(form, username="bob", password="battery staple correct")
    assert "The app asks for another account" in page.text
    answer = answer_of(bob.call("GET", target(id_token_hint=alices, prompt="none")))
    assert answer["error"] == "login_required"
    services = browser.api.services
    assert id_tokens.read_hint(services, alices).user_id == services.store.find_user_id("username:alice")


@pytest.mark.security("FLOW-7", "ASVS-10.3.1")
def test_an_id_token_opens_nothing(browser: Browser) -> None:
    """OpenID Connect Core section 16.9: not the API, not userinfo, not a page; and it is no refresh token."""
    token = hint(browser)
    for route in ("/oauth/userinfo", "/users/current"):
        assert browser.api.call("GET", route, bearer=token).status == 401
    form = {"grant_type": "refresh_token", "refresh_token": token}
    assert browser.api.post("/oauth/token", form=form, basic=WEB_APP).json["error"] == "invalid_grant"
    somebody = Browser(browser.api, cookies={"lingpai": token})
    assert not somebody.is_logged_in


# --- pushed requests


@pytest.mark.security("FLOW-8")
def test_a_pushed_request_is_used_once(browser: Browser) -> None:
    """RFC 9126 sections 4 and 7.3: a page for whoever comes again, with the same browser or another one."""
    uri = push(browser.api)
    somebody = Browser(browser.api)
    page = somebody.get(pushed(uri))
    assert path(page.target) == "/login", "it may be shown until it is used"
    assert "code" in answer_of(browser.call("GET", pushed(uri)))
    for asking in (browser, somebody, Browser(browser.api)):
        page = asking.call("GET", pushed(uri))
        assert (page.status, page.location) == (400, "")
        assert "This login request cannot be used" in page.text
        assert page.links == NOWHERE


@pytest.mark.security("FLOW-8")
def test_a_pushed_request_that_is_used_meanwhile(browser: Browser) -> None:
    """Its login page leads to the request, which says that it is over: no login begins in a circle."""
    uri = push(browser.api)
    somebody = Browser(browser.api)
    form = somebody.get(f"{pushed(uri)}").form(action="send")
    code = answer_of(browser.call("GET", pushed(uri)))["code"]
    page = somebody.submit(form, mobile=NUMBER)
    assert (page.status, "code" in page.text) == (400, False)
    link = next(link for link in page.links if link not in NOWHERE)
    page = somebody.get(link)
    assert "This login request cannot be used" in page.text
    assert page.links == NOWHERE
    assert redeem(browser.api, code).status == 200
    assert browser.api.sent == 0


@pytest.mark.security("FLOW-8")
def test_a_pushed_request_grows_old(browser: Browser) -> None:
    """RFC 9126 section 2.2."""
    uri = push(browser.api)
    browser.api.time.advance(600)
    assert browser.call("GET", pushed(uri)).status == 400


@pytest.mark.security("FLOW-8")
def test_a_pushed_request_of_another_client(browser: Browser) -> None:
    """RFC 9126 section 4: the reference is bound to the client that has pushed it."""
    uri = push(browser.api)
    page = browser.call("GET", pushed(uri, "other-app"))
    assert (page.status, page.location) == (400, "")
    assert "code" in answer_of(browser.call("GET", pushed(uri)))


@pytest.mark.security("FLOW-8", "FLOW-4")
def test_nothing_is_added_to_a_pushed_request(browser: Browser) -> None:
    """RFC 9126 section 4, RFC 9101 section 5: what stands beside the reference does not count."""
    uri = push(browser.api, scope="openid")
    more = {
        "redirect_uri": "https://evil.example/",
        "scope": "openid phone",
        "state": "mallory",
        "nonce": "mallory",
        "code_challenge": challenge("m" * 50),
        "response_mode": "form_post",
    }
    answer = answer_of(browser.call("GET", pushed(uri, **more)))
    assert answer["state"] == "a-state"
    tokens = redeem(browser.api, answer["code"]).json
    assert tokens["scope"] == "openid"
    assert claims_of(tokens["id_token"])["nonce"] == "a-nonce"


# --- the login of the browser


def by_the_api(browser: Browser) -> None:
    answer = browser.api.post(
        "/users/pwd/update",
        json_body={"userId": browser.api.user_id("alice"), "oldPassword": PASSWORD, "newPassword": NEW_PASSWORD},
        bearer=browser.api.token(),
    )
    assert answer.status == 200, answer


def by_a_reset(browser: Browser) -> None:
    other = Browser(browser.api)
    page = other.submit(other.get("/reset").form(action="send"), mobile=NUMBER)
    page = other.submit(page.form(action="set"), code=browser.api.last_code, newPassword=NEW_PASSWORD)
    assert "Your password is set" in page.text


def by_the_account_page(browser: Browser) -> None:
    other = Browser(browser.api)
    other.log_in()
    form = other.get("/account?edit=password").form(action="password")
    assert other.submit(form, oldPassword=PASSWORD, newPassword=NEW_PASSWORD).target == "/account?note=password_saved"


@pytest.mark.security("FLOW-9", "ASVS-7.4.3")
@pytest.mark.parametrize("change", [by_the_api, by_a_reset, by_the_account_page])
def test_a_new_password_ends_the_login_and_its_codes(browser: Browser, change: Callable[[Browser], None]) -> None:
    """OWASP ASVS 7.4.3: in all other browsers, at the next request; a code on its way opens nothing then."""
    code, cookies = code_for(browser), dict(browser.cookies)
    change(browser)
    assert path(browser.call("GET", target()).location) == "/login"
    browser.cookies = cookies
    assert not browser.is_logged_in
    assert redeem(browser.api, code).json["error"] == "invalid_grant"


@pytest.mark.security("FLOW-9")
def test_a_form_of_an_ended_login_changes_nothing(browser: Browser) -> None:
    """What was open in the browser when its login ended, as by the back button."""
    form = browser.get("/account?edit=profile").form(action="profile")
    consent = browser.get(target(client_id="third-app")).forms[0]
    cookies = dict(browser.cookies)
    browser.submit(browser.get("/account").form(action="confirm"))
    browser.cookies = cookies
    assert browser.send(form, name="Mallory").status == 403
    assert browser.send(consent, action="allow").status == 403
    browser.log_in()
    assert browser.send(form, name="Mallory").status == 403, "nor is it taken for the next login"
    assert browser.send(consent, action="allow").status == 403


# --- limits


@pytest.mark.security("FLOW-10", "ASVS-6.3.4")
@pytest.mark.parametrize("first", ["pages", "api"])
def test_wrong_passwords_are_counted_together(monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """OWASP ASVS 6.3.1, 6.3.4: who is slowed down at the one is so at the other."""
    api = open_api(monkeypatch, login_tries=4)
    browser = Browser(api)

    def at_the_page(password: str) -> int:
        return browser.log_in(password=password).status

    def at_the_api(password: str) -> int:
        form = {"grant_type": "password", "username": "alice", "password": password}
        return api.post("/oauth/token", form=form, basic=("web-client", "web-secret")).status

    ways = (at_the_page, at_the_api) if first == "pages" else (at_the_api, at_the_page)
    for way in (*ways, *ways):
        assert way("wrong-horse-battery") == 400
    for way in ways:
        assert way(PASSWORD) == 429


@pytest.mark.security("FLOW-10", "ASVS-6.3.1")
def test_guesses_at_the_old_password_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds a browser that is logged in does not find out the password by its account page."""
    browser = Browser(open_api(monkeypatch, login_tries=3))
    browser.log_in()
    form = browser.get("/account?edit=password").form(action="password")
    for _ in range(3):
        assert browser.send(form, oldPassword="wrong-horse-battery", newPassword=NEW_PASSWORD).status == 400
    assert browser.send(form, oldPassword=PASSWORD, newPassword=NEW_PASSWORD).status == 429


@pytest.mark.security("FLOW-10", "ASVS-6.6.3")
def test_codes_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number gets no second code by the other way, and an address no more than its share."""
    api = open_api(monkeypatch, limit_sms_ip=3)
    browser = Browser(api)
    assert browser.submit(browser.get("/login").form(action="send"), mobile=NUMBER).status == 200
    asked = api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=("web-client", "web-secret"))
    assert asked.status == 429
    assert browser.submit(browser.get("/reset").form(action="send"), mobile=NUMBER).status == 429
    for number in ("13800138001", "13800138002"):
        assert browser.submit(browser.get("/login").form(action="send"), mobile=number).status == 200
    page = browser.submit(browser.get("/login").form(action="send"), mobile="13800138003")
    assert (page.status, "Try again in" in page.text) == (429, True)
    assert api.sent == 3


@pytest.mark.security("FLOW-10", "ASVS-6.6.3")
@pytest.mark.parametrize("target", ["/login", "/reset", "/account?edit=phone"])
def test_guesses_at_codes_are_counted(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """At each form that takes a code; the sixth is refused, though it be right."""
    browser = Browser(open_api(monkeypatch))
    number = NUMBER
    if "account" in target:
        browser.log_in()
        number = "13800138000"
    page = browser.submit(browser.get(target).forms[0], mobile=number)
    form = next(form for form in page.forms if "code" in form.fields)
    right = browser.api.last_code
    wrong = "000000" if right != "000000" else "111111"
    statuses = [browser.send(form, code=wrong, newPassword=NEW_PASSWORD).status for _ in range(5)]
    assert statuses == [400] * 5
    assert browser.send(form, code=right, newPassword=NEW_PASSWORD).status == 429
    assert browser.api.services.store.find_user_id("mobile:+8613800138000") is None


@pytest.mark.security("ASVS-6.6.2")
@pytest.mark.parametrize(("asked", "used", "action"), [("/login", "/reset", "set"), ("/reset", "/login", "code")])
def test_a_code_is_good_for_what_it_was_asked_for(api: Api, asked: str, used: str, action: str) -> None:
    """OWASP ASVS 6.6.2: whoever is told the code for a login sets no password by it, nor the other way round."""
    browser = Browser(api)
    page = browser.submit(browser.get(asked).form(action="send"), mobile=NUMBER)
    form = next(form for form in page.forms if "code" in form.fields)
    form.action, form.fields["action"] = used, action
    page = browser.send(form, code=api.last_code, newPassword=NEW_PASSWORD)
    assert (page.status, "#code" in page.links) == (400, True)
    assert Browser(api).log_in().status == 200, "the password is the old one"
    assert browser.session_cookie == ""


@pytest.mark.security("FLOW-10")
def test_new_accounts_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    api = open_api(monkeypatch, limit_register_ip=2)
    fields = {"username": "carol", "password": NEW_PASSWORD}
    assert api.post("/users/register", json_body=fields).status == 200
    browser = Browser(api)
    assert browser.submit(browser.get("/register").forms[0], username="dave", password=NEW_PASSWORD).status == 200
    browser = Browser(api)
    page = browser.submit(browser.get("/register").forms[0], username="erin", password=NEW_PASSWORD)
    assert (page.status, page.forms[0].fields["username"]) == (429, "erin")
    assert api.services.store.find_user_id("username:erin") is None


# --- bad input

NASTY = (
    "\0",
    "a\r\nb",
    "x" * 5000,
    "🦊" * 70,
    "\u202e",
    "{}",
    "-1",
    "99999999999999999999",
    "%",
    "..",
    "<b>",
    "\ud7ff",
)


@pytest.mark.security("FLOW-11")
@pytest.mark.parametrize("value", NASTY, ids=ascii)
def test_bad_fields_of_forms_get_a_page(browser: Browser, value: str) -> None:
    """Each field of each form of the account page and of the login: a page that says what to do, never a fault."""
    forms = [
        form
        for target in ("/account", "/account?edit=profile", "/account?edit=password", "/account?edit=phone")
        for form in browser.get(target).forms
        if form.fields["action"] not in ("confirm", "end", "end-others")
    ]
    fields = ("action", "provider", "app", "client", "session", "name", "birthdate", "oldPassword", "mobile", "code")
    for form in forms:
        for field in fields:
            check_page(browser.send(form, **{field: value}))
    anonymous = Browser(browser.api)
    for target in ("/login", "/login?way=password", "/register", "/reset"):
        for field in ("action", "continue", "mobile", "username", "password", "code", "newPassword"):
            check_page(anonymous.send(anonymous.get(target).forms[0], **{field: value}))


@pytest.mark.security("FLOW-11")
@pytest.mark.parametrize("query", ["x=%FF", "a=b&" * 150])
@pytest.mark.parametrize("where", ["/login", "/register", "/reset", "/consent"])
def test_a_way_on_that_cannot_be_read_gets_a_page(api: Api, where: str, query: str) -> None:
    """The error page does not read again what could not be read."""
    browser, form = Browser(api), {"continue": f"/oauth/authorize?{query}"}
    page = browser.call("GET", f"{where}?{urlencode(form)}")
    assert (page.status, page.answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert browser.call("POST", where, form).status == 403


@pytest.mark.security("FLOW-11", "PAGE-1")
@pytest.mark.parametrize("origin", ["http://[", "https://[v1.x", "https://a\u2100b", "", "login.example"])
def test_an_origin_that_is_none(browser: Browser, origin: str) -> None:
    """It is another site's, and no fault."""
    form = browser.get("/account?edit=profile").form(action="profile")
    assert browser.call("POST", "/account", {**form.fields, "name": "Mallory"}, {"origin": origin}).status == 403


def check_page(page: Page) -> None:
    """Fail unless it is a page, or leads to one of ours."""
    assert page.status in (200, 303, 400, 403, 404, 409, 429), page
    if page.status == 303:
        assert page.location.startswith("/")
    else:
        assert page.answer.headers["content-type"] == "text/html; charset=utf-8"
        assert page.text


@pytest.mark.security("FLOW-11")
@pytest.mark.parametrize("value", NASTY, ids=ascii)
def test_bad_parameters_of_requests_get_an_answer(browser: Browser, value: str) -> None:
    """RFC 6749 section 4.1.2.1: a page, or an error for the client."""
    for name, _ in (*request_pairs(), ("prompt", ""), ("max_age", ""), ("request_uri", ""), ("resource", "")):
        page = browser.call("GET", target(**{name: value}))
        if page.status == 303:
            assert answer_of(page).keys() & {"code", "error"}
        else:
            check_page(page)


@pytest.mark.security("FLOW-11")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_the_pages_cannot_carry(api: Api, method: str) -> None:
    """It would be lost on the way, and the login would lead nowhere: so it is refused before."""
    browser = Browser(api)

    def ask(state: str) -> Page:
        pairs = dict(request_pairs(state=state))
        return browser.call(method, "/oauth/authorize" + (f"?{urlencode(pairs)}" if method == "GET" else ""), pairs)

    page = ask("%" * 2000)
    assert (page.status, page.links) == (400, NOWHERE)
    assert "This login request cannot be used" in page.text
    assert ask("%" * 1500).status == 303
    page = browser.get(target(state="%" * 1500))
    way = next(link for link in page.links if link.endswith("way=password"))
    page = browser.submit(browser.get(way).form(action="password"), username="alice", password=PASSWORD)
    assert answer_of(page)["state"] == "%" * 1500
    assert len(quote(target(state="%" * 1500), safe="")) < 8192
