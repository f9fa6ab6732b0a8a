"""`/oauth/challenge`: an app logs its user in without a browser (draft-ietf-oauth-first-party-apps)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import DisableUser, EndOpened
from lingpai.clients.model import EndedAccount
from lingpai.clients.service import inconsistency
from lingpai.clients.storage import SaveEnded
from lingpai.dpop import nonces
from lingpai.pending_logins import service as pending_logins
from lingpai.sessions import service as sessions
from tests.support.api import Answer, Api, make_api
from tests.support.authenticator import Authenticator, set_up
from tests.support.browsers import API, CALLBACK, VERIFIER, challenge, web_app
from tests.support.captcha import EASY, solve
from tests.support.challenges import PATH, REQUEST, App, mobile_app, refused
from tests.support.dialects import ISSUER
from tests.support.dpop import ProofKey, claims_of
from tests.support.memory_store import MemoryStore
from tests.support.openid import NONCE
from tests.support.pages import Browser
from tests.support.passkeys import Authenticator as Phone
from tests.support.third_parties import Town, town
from tests.support.tokens import STANDARD
from tests.support.wechat import MINI

NUMBER = "13312341234"
PASSWORD = "correct horse battery"
# Where passkeys are presented.
ORIGIN = "https://login.example"
SITE: dict[str, Any] = {
    "issuer": ISSUER,
    "webauthn_rp_id": "login.example",
    "webauthn_origins": ORIGIN,
    "client_cache_ttl": 20,
}
NEXT = "A factor has to be proven: next has what may come"


def an_api(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Api:
    store = MemoryStore()
    api = make_api(monkeypatch, store, **{**SITE, **settings})
    store.put_client(mobile_app())
    store.put_client(mobile_app("with-secret", "a-secret-of-the-app"))
    store.put_client(mobile_app("bound", dpop_bound_access_tokens=True))
    store.put_client(mobile_app("ignoring", mfa="ignore"))
    store.put_client(mobile_app("browsing", redirect_uris=(CALLBACK,)))
    store.put_client(web_app())
    return api


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return an_api(monkeypatch)


@pytest.fixture
def app(api: Api) -> App:
    return App(api)


@pytest.fixture
def otp(api: Api) -> Authenticator:
    """The authenticator app of alice."""
    return set_up(api.services, api.user_id("alice"))[0]


def code_of(app: App, otp: Authenticator, steps: int = 0) -> str:
    return otp.code(app.api.services.clock.now(), steps)


def insufficient(answer: Answer, *names: str, **more: Any) -> None:
    """The answer that asks for more, whole; with `...` for what differs each time."""
    assert answer.status == 403, answer
    told = answer.json
    for name, value in more.items():
        if value is ...:
            assert told.pop(name, "")
        else:
            assert told.pop(name) == value
    assert told == {
        "error": "insufficient_authorization",
        "error_description": NEXT,
        "reason": "factor_required",
        "next": list(names),
    }


def awaited(answer: Answer, *names: str, **more: Any) -> str:
    """The answer that has an `auth_session`, which is returned."""
    secret: str = answer.json["auth_session"]
    assert len(secret) == 43
    insufficient(answer, *names, auth_session=secret, auth_session_expires_in=600, **more)
    return secret


def tokens(app: App, answer: Answer, **fields: str) -> Any:
    """The tokens for the code of the answer, whole."""
    redeemed = app.redeem(answer, **fields)
    assert redeemed.status == 200, redeemed
    assert redeemed.json.keys() == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "scope",
        "id_token",
    }
    return redeemed.json


def introspected(api: Api, token: str) -> Any:
    return api.post("/oauth/introspect", form={"token": token}, basic=STANDARD).json


def logged_in(app: App, answer: Answer, name: str, *methods: str, acr: str = "1") -> Any:
    """The tokens are those of this user, who has logged in by these methods."""
    made = tokens(app, answer)
    claims = claims_of(made["id_token"])
    told = introspected(app.api, made["access_token"])
    expected = (str(app.api.user_id(name)), list(methods), acr, app.api.services.clock.now())
    for found in (claims, told):
        assert (found["sub"], found["amr"], found["acr"], found["auth_time"]) == expected
    assert (claims["aud"], claims["nonce"], told["scope"]) == (app.client_id, "a-nonce", "openid profile")
    return made


# --- the first factor -----------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-5.2")
def test_what_may_come(app: App) -> None:
    """A request without a step tells what may come, and keeps nothing."""
    store: Any = app.api.services.store
    insufficient(app.step(), "mobile", "password", "passkey")
    assert store.pending_logins == {}


@pytest.mark.security("FIPA-5.2.1")
def test_by_password(app: App) -> None:
    answer = app.step(username="alice", password=PASSWORD)
    logged_in(app, answer, "alice", "pwd")


def test_a_wrong_password(app: App) -> None:
    """Unknown and wrong are one answer."""
    refused(app.step(username="alice", password="wrong"), "invalid_grant", "bad_credentials")
    assert app.step(username="nobody", password="wrong") == app.step(username="alice", password="wrong again")
    refused(app.step(username="alice"), "invalid_request", "missing_parameter")
    refused(app.step(password=PASSWORD), "invalid_request", "missing_parameter")


@pytest.mark.security("FIPA-5.3", "FIPA-5.3.1")
def test_by_code(app: App) -> None:
    first = awaited(app.step(mobile=NUMBER), "code", "mobile", resend_in=60)
    refused(app.step(code="000000"), "invalid_grant", "bad_code")
    assert app.auth_session == first
    logged_in(app, app.step(code=app.api.last_code), "alice", "sms")
    # The session was used up.
    refused(app.step(code=app.api.last_code), "invalid_session", "invalid_session")


def test_a_first_login_makes_the_account(app: App) -> None:
    code = app.send_code("13900000001")
    answer = app.step(code=code)
    logged_in(app, answer, "13900000001", "sms")


@pytest.mark.security("FIPA-5.3.1")
def test_another_code_replaces_the_session(app: App) -> None:
    """Each answer may have another session; that of the step before is gone."""
    app.send_code()
    first = app.auth_session
    app.api.time.advance(60)
    code = app.send_code()
    assert app.auth_session != first
    second, app.auth_session = app.auth_session, first
    refused(app.step(code=code), "invalid_session", "invalid_session")
    app.auth_session = second
    logged_in(app, app.step(code=code), "alice", "sms")


def test_another_way_after_a_code_was_sent(app: App) -> None:
    app.send_code()
    insufficient(app.step(), "code", "mobile")
    logged_in(app, app.step(username="alice", password=PASSWORD), "alice", "pwd")


def test_a_code_needs_the_session_of_its_number(app: App) -> None:
    app.send_code()
    app.auth_session = ""
    refused(app.step(code=app.api.last_code), "invalid_request", "missing_parameter")


def test_a_code_that_another_client_has_asked_for(api: Api) -> None:
    app, other = App(api), App(api, "ignoring")
    code = app.send_code()
    api.time.advance(60)
    other.send_code()
    refused(app.step(code=api.last_code), "invalid_grant", "bad_code")
    refused(other.step(code=code), "invalid_grant", "bad_code")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"mobile": "1"}, "bad_mobile"),
        ({"mobile": NUMBER, "username": "alice", "password": PASSWORD}, "one_step_at_a_time"),
        ({"mobile": NUMBER, "code": "123456"}, "one_step_at_a_time"),
        ({"passkey_options": "true", "passkey": "{}"}, "one_step_at_a_time"),
    ],
)
def test_steps_that_cannot_be_taken(app: App, fields: dict[str, str], reason: str) -> None:
    refused(app.step(**fields), "invalid_request", reason)
    assert app.api.sent == 0


# --- third parties --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here() -> Iterator[Town]:
    with town(**SITE) as made:
        store: Any = made.api.services.store
        store.put_client(mobile_app("miniprogram", sign_provider="wechat", sign_app=MINI))
        store.put_client(mobile_app("by-google", sign_provider="google"))
        yield made


def test_by_wechat(here: Town) -> None:
    app = App(here.api, "miniprogram")
    insufficient(app.step(), "mobile", "password", "js_code", "passkey")
    made = tokens(app, app.step(js_code=here.wechat.log_in("o-challenge")))
    claims = claims_of(made["id_token"])
    assert (claims["amr"], claims["acr"]) == (["fed"], "1")
    again = tokens(app, app.step(js_code=here.wechat.log_in("o-challenge")))
    assert claims_of(again["id_token"])["sub"] == claims["sub"]
    used = here.wechat.log_in("o-challenge")
    assert app.step(js_code=used).status == 200
    refused(app.step(js_code=used), "invalid_grant", "sign_used")


def test_by_wechat_with_the_number(here: Town) -> None:
    """The number that WeChat has proven leads to its account, and from then on the openid alone does."""
    app = App(here.api, "miniprogram")
    phone_code = here.wechat.confirm_number(NUMBER, "o-with-number")
    made = tokens(app, app.step(js_code=here.wechat.log_in("o-with-number"), phone_code=phone_code))
    assert claims_of(made["id_token"])["sub"] == str(here.api.user_id("alice"))
    again = tokens(app, app.step(js_code=here.wechat.log_in("o-with-number")))
    assert claims_of(again["id_token"])["sub"] == str(here.api.user_id("alice"))
    answer = app.step(js_code=here.wechat.log_in("o-with-number"), phone_code=phone_code)
    refused(answer, "invalid_grant", "bad_phone_code")
    other = here.wechat.confirm_number("13900000007", "o-of-another")
    answer = app.step(js_code=here.wechat.log_in("o-with-number"), phone_code=other)
    refused(answer, "invalid_grant", "bad_phone_code")


def test_a_phone_code_that_can_be_none(here: Town) -> None:
    """It is refused before the code of the login is used up."""
    app = App(here.api, "miniprogram")
    js_code = here.wechat.log_in("o-of-a-typo")
    refused(app.step(js_code=js_code, phone_code="?"), "invalid_grant", "bad_phone_code")
    assert app.step(js_code=js_code).status == 200


def test_wechat_proves_no_password(here: Town) -> None:
    """A login that adds the number to the account is not one by its password: another password changes nothing."""
    services = here.api.services
    user_id = accounts.add(
        services, User(900001, services.clock.now(), mobile="+8613900000011", password="$argon2id$a")
    )
    otp = set_up(services, user_id)[0]
    app = App(here.api, "miniprogram")
    phone_code = here.wechat.confirm_number("13900000011", "o-linked-now")
    step = app.step(js_code=here.wechat.log_in("o-linked-now"), phone_code=phone_code)
    awaited(step, "totp", "recovery_code")
    accounts.change(services, user_id, lambda user: replace(user, password="$argon2id$b"))
    assert app.step(totp=code_of(app, otp)).status == 200


def test_by_an_id_token(here: Town) -> None:
    app = App(here.api, "by-google")
    insufficient(app.step(), "mobile", "password", "id_token", "passkey")
    token = here.id_token("subject-of-challenge", nonce=NONCE)
    refused(app.step(id_token=token, id_token_nonce="another"), "invalid_grant", "bad_nonce")
    made = tokens(app, app.step(id_token=token, id_token_nonce=NONCE))
    assert claims_of(made["id_token"])["amr"] == ["fed"]
    refused(app.step(id_token=token, id_token_nonce=NONCE), "invalid_grant", "id_token_used")


@pytest.mark.parametrize(
    ("client", "name"), [("miniprogram", "id_token"), ("by-google", "js_code"), ("mobile-app", "js_code")]
)
def test_a_third_party_that_the_client_has_not(here: Town, client: str, name: str) -> None:
    store: Any = here.api.services.store
    store.put_client(mobile_app())
    refused(App(here.api, client).step(**{name: "whatever"}), "unauthorized_client", "grant_not_allowed")


# --- the second factor ----------------------------------------------------------------------------------------


FIRST: dict[str, tuple[Callable[[App], Answer], str]] = {
    "code": (lambda app: app.step(code=app.send_code()), "sms"),
    "password": (lambda app: app.step(username="alice", password=PASSWORD), "pwd"),
}


@pytest.mark.security("FIPA-5.2.2.1", "RFC9470-5")
@pytest.mark.parametrize("first", FIRST)
def test_the_second_factor(app: App, otp: Authenticator, first: str) -> None:
    prove, method = FIRST[first]
    before = awaited(prove(app), "totp", "recovery_code")
    refused(app.step(totp=otp.wrong_code(app.api.services.clock.now())), "invalid_grant", "bad_second_factor")
    refused(app.step(recovery_code="AAAA-AAAA-AAAA"), "invalid_grant", "bad_second_factor")
    insufficient(app.step(), "totp", "recovery_code")
    # A first factor is not asked for again.
    insufficient(app.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    assert app.auth_session == before
    answer = app.step(totp=code_of(app, otp))
    logged_in(app, answer, "alice", method, "otp", "mfa", acr="2")
    refused(app.step(totp=code_of(app, otp, 1)), "invalid_session", "invalid_session")


def test_a_recovery_code(api: Api) -> None:
    _, codes = set_up(api.services, api.user_id("alice"))
    app = App(api)
    awaited(app.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    logged_in(app, app.step(recovery_code=codes[3]), "alice", "pwd", "otp", "mfa", acr="2")
    again = App(api)
    awaited(again.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    refused(again.step(recovery_code=codes[3]), "invalid_grant", "bad_second_factor")


def test_an_sms_code_begins_one_second_step(app: App, otp: Authenticator) -> None:
    """The first factor is used up by the step that proves it."""
    code = app.send_code()
    before = app.auth_session
    awaited(app.step(code=code), "totp", "recovery_code")
    after, app.auth_session = app.auth_session, before
    refused(app.step(code=code), "invalid_session", "invalid_session")
    app.auth_session = after
    assert app.step(totp=code_of(app, otp)).status == 200


@pytest.mark.parametrize("change", ["password", "number", "disabled", "expired"])
def test_a_first_factor_that_is_no_longer_good(app: App, otp: Authenticator, change: str) -> None:
    services, user_id = app.api.services, app.api.user_id("alice")
    user = services.store.get_user(user_id)
    assert user is not None
    if change == "number":
        awaited(app.step(code=app.send_code()), "totp", "recovery_code")
        accounts.change(services, user_id, lambda user: replace(user, mobile="+8613900000009"))
    else:
        awaited(app.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    if change == "password":
        accounts.change(services, user_id, lambda user: replace(user, password="$argon2id$another"))
    if change == "disabled":
        services.store.commit(DisableUser(user_id))
    if change == "expired":
        app.api.time.advance(pending_logins.LIFETIME)
    refused(app.step(totp=code_of(app, otp)), "invalid_session", "invalid_session")


@pytest.mark.security("FIPA-5.2.2.1")
def test_acr_values_ask_for_two(app: App, otp: Authenticator, api: Api) -> None:
    """RFC 9470 section 4: an account that has no second factor is sent to a browser, where one is set up."""
    app.request["acr_values"] = "2"
    awaited(app.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    other = App(api, request={**REQUEST, "acr_values": "2"})
    answer = other.step(username="bob", password="battery staple correct")
    assert (answer.status, answer.json) == (
        403,
        {
            "error": "redirect_to_web",
            "error_description": "The account needs a second factor and has none: let the user log in in a browser",
            "reason": "no_second_factor",
        },
    )
    ignoring = App(api, "ignoring", request={**REQUEST, "acr_values": "2"})
    awaited(ignoring.step(username="alice", password=PASSWORD), "totp", "recovery_code")


def test_a_client_that_ignores_the_second_factor(api: Api, otp: Authenticator) -> None:
    app = App(api, "ignoring")
    logged_in(app, app.step(username="alice", password=PASSWORD), "alice", "pwd")


@pytest.mark.security("FIPA-5.2.2.1.1")
def test_redirect_to_web(api: Api) -> None:
    """The request is sent ahead for the browser, which sets up a second factor and comes back with a code."""
    request = {**REQUEST, "acr_values": "2", "redirect_uri": CALLBACK, "state": "a-state"}
    app = App(api, "browsing", request=request)
    answer = app.step(username="alice", password=PASSWORD)
    told = answer.json
    uri = told.pop("request_uri")
    assert (answer.status, told.pop("expires_in"), told["error"]) == (403, 600, "redirect_to_web")
    assert "auth_session" not in told
    browser = Browser(api)
    page = browser.get(f"/oauth/authorize?client_id=browsing&request_uri={uri}")
    assert "/login" in page.target
    assert parse_qs(urlsplit(page.target).query)["continue"][0].startswith("/oauth/authorize?client_id=browsing")


def test_a_response_mode_that_the_browser_would_refuse(api: Api) -> None:
    """It has no meaning here, and is left out of what is sent ahead; one that the endpoint knows is kept."""
    for mode, location in (("fragment", "/login"), ("form_post", "/login")):
        request = {**REQUEST, "acr_values": "2", "redirect_uri": CALLBACK, "response_mode": mode}
        answer = App(api, "browsing", request=request).step(username="alice", password=PASSWORD)
        uri = answer.json["request_uri"]
        page = Browser(api).get(f"/oauth/authorize?client_id=browsing&request_uri={uri}")
        assert page.target.startswith(location), page.text


@pytest.mark.security("FIPA-5.2.2.1.1")
def test_no_request_uri_without_a_challenge(api: Api) -> None:
    request = {**REQUEST, "acr_values": "2", "redirect_uri": CALLBACK}
    del request["code_challenge"]
    app = App(api, "browsing", request=request)
    refused(app.step(username="alice", password=PASSWORD), "invalid_request", "challenge_required")


def test_mfa_required(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, mfa="required")
    refused(App(api).step(username="alice", password=PASSWORD), "redirect_to_web", "no_second_factor", 403)
    app = App(api)
    code = app.send_code("13900000002")
    refused(app.step(code=code), "redirect_to_web", "no_second_factor", 403)
    set_up(api.services, api.user_id("alice"))
    awaited(App(api).step(username="alice", password=PASSWORD), "totp", "recovery_code")


def test_mfa_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, mfa_roles="admin")
    app = App(api)
    logged_in(app, app.step(username="alice", password=PASSWORD), "alice", "pwd")
    answer = App(api).step(username="admin", password="admin-of-the-gate")
    refused(answer, "redirect_to_web", "no_second_factor", 403)


def test_mfa_off(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, mfa="off")
    app = App(api, request={**REQUEST, "acr_values": "2"})
    unmet = "unmet_authentication_requirements"
    refused(app.step(username="alice", password=PASSWORD), unmet, unmet)


# --- passkeys -------------------------------------------------------------------------------------------------


@pytest.fixture
def phone(api: Api) -> Phone:
    """An authenticator that has a passkey of alice."""
    made = Phone(ORIGIN)
    browser = Browser(api)
    browser.log_in()
    page = browser.get("/account?edit=passkey")
    fields = {**page.form(purpose="register").fields}
    options = browser.call("POST", "/passkeys/options", fields, {"sec-fetch-site": "same-origin", "origin": "null"})
    browser.submit(page.form(action="add-passkey"), name="Phone", answer=made.create(options.answer.json))
    return made


def options_of(app: App) -> Any:
    answer = app.step(passkey_options="true")
    options = answer.json["passkey_options"]
    insufficient(answer, "passkey", passkey_options=options)
    return options


def test_a_passkey_logs_in(app: App, phone: Phone) -> None:
    """It proves two factors at once."""
    options = options_of(app)
    assert (options["allowCredentials"], options["userVerification"]) == ([], "required")
    answer = phone.get(options)
    logged_in(app, app.step(passkey=answer), "alice", "pop", "user", "mfa", acr="2")
    refused(app.step(passkey=answer), "invalid_grant", "bad_passkey")


def test_a_passkey_as_the_second_factor(app: App, phone: Phone) -> None:
    awaited(app.step(username="alice", password=PASSWORD), "passkey", "recovery_code")
    options = options_of(app)
    assert len(options["allowCredentials"]) == 1
    answer = phone.get(options)
    other = App(app.api)
    awaited(other.step(username="alice", password=PASSWORD), "passkey", "recovery_code")
    logged_in(app, app.step(passkey=answer), "alice", "pwd", "pop", "mfa", acr="2")
    refused(other.step(passkey=answer), "invalid_grant", "bad_passkey")


def test_no_passkey_is_asked_for_where_there_is_none(app: App, otp: Authenticator) -> None:
    awaited(app.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    insufficient(app.step(passkey_options="true"), "totp", "recovery_code")


@pytest.mark.parametrize("answer", ["{}", "[]", "null", "x", '{"id":1}', "{" * 1000])
def test_what_is_no_passkey(app: App, answer: str) -> None:
    refused(app.step(passkey=answer), "invalid_grant", "bad_passkey")


# --- the client -----------------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-5", "FIPA-9.1")
@pytest.mark.parametrize(
    "changes",
    [{"first_party": False}, {"grants": ("authorization_code", "refresh_token"), "redirect_uris": (CALLBACK,)}],
)
def test_clients_that_may_not(api: Api, changes: dict[str, Any]) -> None:
    """Third parties never log people in, and a first party does only where its record says so."""
    store: Any = api.services.store
    store.put_client(mobile_app("another", **changes))
    app = App(api, "another")
    refused(app.step(username="alice", password=PASSWORD), "unauthorized_client", "grant_not_allowed")
    refused(app.step(mobile=NUMBER), "unauthorized_client", "grant_not_allowed")
    assert api.sent == 0


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"first_party": False}, "first_party"),
        ({"grants": ("challenge",)}, "authorization_code"),
        ({"grants": ("authorization_code",)}, "redirect_uris"),
    ],
)
def test_records(changes: dict[str, Any], fault: str | None) -> None:
    found = inconsistency(mobile_app(**changes))
    assert found is None if fault is None else fault in (found or "")


@pytest.mark.security("FIPA-4.1", "FIPA-9.4")
def test_a_client_with_a_secret_proves_it(api: Api) -> None:
    app = App(api, basic=("with-secret", "a-secret-of-the-app"))
    app.client_id = "with-secret"
    logged_in(app, app.step(code=app.send_code()), "alice", "sms")
    app.auth_session = ""
    without = App(api, "with-secret")
    answer = without.step(username="alice", password=PASSWORD)
    refused(answer, "invalid_client", "bad_client", 401)
    api.time.advance(60)
    app.send_code()
    answer = api.post(PATH, form={"auth_session": app.auth_session, "code": api.last_code})
    refused(answer, "invalid_client", "bad_client", 401)


@pytest.mark.security("FIPA-5.1")
def test_the_session_may_name_the_client(app: App) -> None:
    code = app.send_code()
    other = {"client_id": "ignoring", "auth_session": app.auth_session, "code": code}
    refused(app.api.post(PATH, form=other), "invalid_session", "invalid_session")
    answer = app.api.post(PATH, form={"auth_session": app.auth_session, "code": code})
    assert answer.status == 200, answer
    assert app.redeem(answer).status == 200


@pytest.mark.security("FIPA-5.2.2.1")
@pytest.mark.parametrize("secret", ["x", "A" * 43, "A" * 5000, "../.."])
def test_a_session_that_is_none(app: App, secret: str) -> None:
    app.auth_session = secret
    refused(app.step(username="alice", password=PASSWORD), "invalid_session", "invalid_session")


def test_the_secret_of_the_pages_is_no_session(api: Api, otp: Authenticator) -> None:
    """Nor is that of an app a cookie of the pages."""
    browser = Browser(api)
    browser.log_in()
    cookie = next(value for name, value in browser.cookies.items() if "pending" in name)
    app = App(api, auth_session=cookie)
    refused(app.step(totp=code_of(app, otp)), "invalid_session", "invalid_session")
    other = App(api)
    awaited(other.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    stranger = Browser(api)
    stranger.cookies[next(name for name in browser.cookies if "pending" in name)] = other.auth_session
    assert stranger.get("/login/second-factor").target == "/login"


# --- the authorization request --------------------------------------------------------------------------------


@pytest.mark.security("FIPA-4.1", "FIPA-5.1")
@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"response_type": ""}, "invalid_request", "missing_parameter"),
        ({"response_type": "token"}, "unsupported_response_type", "response_type_not_supported"),
        ({"code_challenge": ""}, "invalid_request", "challenge_required"),
        ({"code_challenge_method": "plain"}, "invalid_request", "challenge_required"),
        ({"scope": "admin-of-all"}, "invalid_scope", "bad_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target", "bad_resource"),
        ({"redirect_uri": "https://evil.example"}, "invalid_request", "bad_redirect_uri"),
        ({"max_age": "soon"}, "invalid_request", "bad_parameter"),
        ({"prompt": "none"}, "login_required", "login_required"),
        ({"request": "x"}, "request_not_supported", "request_not_supported"),
        ({"request_uri": "https://evil.example"}, "request_uri_not_supported", "request_uri_not_supported"),
    ],
)
def test_a_wrong_request(app: App, changes: dict[str, str], error: str, reason: str) -> None:
    refused(app.step(mobile=NUMBER, **changes), error, reason)
    assert app.api.sent == 0


def test_what_has_no_meaning_here(app: App) -> None:
    app.request |= {"response_mode": "form_post", "state": "a-state", "login_hint": "alice", "ui_locales": "zh"}
    app.request |= {"prompt": "login", "max_age": "0", "display": "touch"}
    logged_in(app, app.step(username="alice", password=PASSWORD), "alice", "pwd")


def test_a_resource(app: App) -> None:
    app.request["resource"] = API
    made = tokens(app, app.step(code=app.send_code()))
    assert introspected(app.api, made["access_token"])["aud"] == API


def test_the_request_is_that_of_the_first_step(app: App) -> None:
    """What comes later is ignored: a stolen session cannot be made to serve another verifier."""
    code = app.send_code()
    other = challenge("another-verifier-of-more-than-forty-three-characters")
    answer = app.step(code=code, code_challenge=other, scope="openid roles", nonce="another")
    logged_in(app, answer, "alice", "sms")


def test_a_pushed_request(api: Api) -> None:
    """RFC 9126: the reference stands for the parameters, once."""
    pushed = {**REQUEST, "client_id": "browsing", "redirect_uri": CALLBACK}
    uri = api.post("/oauth/par", form=pushed).json["request_uri"]
    app = App(api, "browsing", request={"request_uri": uri})
    answer = app.step(username="alice", password=PASSWORD)
    again = App(api, "browsing", request={"request_uri": uri})
    refused(again.step(username="alice", password=PASSWORD), "invalid_request_uri", "bad_request_uri")
    refused(app.redeem(answer), "invalid_grant", "bad_authorization_code")
    assert app.redeem(answer, redirect_uri=CALLBACK).status == 200


def test_the_account_of_a_hint(app: App) -> None:
    made = tokens(app, app.step(username="alice", password=PASSWORD))
    app.request["id_token_hint"] = made["id_token"]
    assert app.step(username="alice", password=PASSWORD).status == 200
    answer = app.step(username="bob", password="battery staple correct")
    refused(answer, "invalid_grant", "another_account")


# --- the code -------------------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-6")
def test_the_code_is_redeemed_without_a_redirect_uri(app: App) -> None:
    answer = app.step(username="alice", password=PASSWORD)
    refused(app.redeem(answer, redirect_uri=CALLBACK), "invalid_grant", "bad_authorization_code")
    refused(app.redeem(answer, code_verifier=VERIFIER[::-1]), "invalid_grant", "bad_authorization_code")
    refused(app.redeem(answer, client_id="ignoring"), "invalid_grant", "bad_authorization_code")
    first = tokens(app, answer)
    # RFC 6749 section 4.1.2 as elsewhere: the same again for a lost answer, then the end of the session.
    assert tokens(app, answer)["refresh_token"] == first["refresh_token"]
    app.api.time.advance(31)
    refused(app.redeem(answer), "invalid_grant", "bad_authorization_code")
    assert introspected(app.api, first["access_token"]) == {"active": False}


def test_a_code_expires(app: App) -> None:
    answer = app.step(username="alice", password=PASSWORD)
    app.api.time.advance(60)
    refused(app.redeem(answer), "invalid_grant", "bad_authorization_code")


def test_a_code_of_the_pages_needs_its_redirect_uri(api: Api) -> None:
    form = {"grant_type": "authorization_code", "code": "A" * 43, "code_verifier": VERIFIER}
    answer = api.post("/oauth/token", form=form, basic=("web-app", "web-app-secret"))
    refused(answer, "invalid_request", "missing_parameter")


@pytest.mark.parametrize("change", ["sessions", "password", "disabled", "second factor", "client"])
def test_what_ends_sessions_ends_the_code(app: App, change: str) -> None:
    services, user_id = app.api.services, app.api.user_id("alice")
    answer = app.step(username="alice", password=PASSWORD)
    match change:
        case "sessions":
            services.store.end_sessions(services.store.sessions_of(user_id))
        case "password":
            browser = Browser(app.api)
            browser.log_in()
            page = browser.get("/account?edit=password")
            fields = {"oldPassword": PASSWORD, "newPassword": "a better one than before"}
            assert browser.submit(page.form(action="password"), **fields).status == 200
        case "disabled":
            services.store.commit(DisableUser(user_id))
        case "second factor":
            set_up(services, user_id)
        case _:
            store: Any = services.store
            client = services.clients.get_client("mobile-app")
            assert client is not None
            store.put_client(replace(client, valid_from=services.clock.now() + 1))
            app.api.time.advance(31)
    assert app.redeem(answer).status == 400


def test_a_login_after_all_sessions_were_ended(app: App) -> None:
    """The sessions of an account that has very many end by a mark, which may be ahead of this function's clock."""
    services, user_id = app.api.services, app.api.user_id("alice")
    until = services.clock.now() + 30
    services.store.commit(SaveEnded((), (EndedAccount(user_id, until, None),)), EndOpened(user_id, until, 0))
    app.api.time.advance(21)
    logged_in(app, app.step(username="alice", password=PASSWORD), "alice", "pwd")


def test_the_session_of_a_code_ends_with_it(app: App) -> None:
    """Nothing is left but the session of the tokens, which `/account` lists."""
    answer = app.step(username="alice", password=PASSWORD)
    store = app.api.services.store
    user_id = app.api.user_id("alice")
    assert len(store.sessions_of(user_id)) == 1
    made = tokens(app, answer)
    presented = sessions.parse(made["access_token"])
    assert presented is not None
    assert store.sessions_of(user_id) == (presented.key,)


# --- keys -----------------------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-9.5.1", "FIPA-9.6.1", "RFC9449-10")
def test_a_proof_binds_all_that_follows(api: Api, otp: Authenticator) -> None:
    key, other = (ProofKey(api.services.clock.now) for _ in range(2))
    app = App(api, key=key)
    awaited(app.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    code = code_of(app, otp)
    for wrong in (None, other):
        app.key = wrong
        refused(app.step(totp=code), "invalid_session", "invalid_session")
    app.key = key
    answer = app.step(totp=code)
    for wrong in (None, other):
        app.key = wrong
        refused(app.redeem(answer), "invalid_grant", "bad_authorization_code")
    app.key = key
    redeemed = app.redeem(answer)
    assert (redeemed.status, redeemed.json["token_type"]) == (200, "DPoP")
    assert introspected(api, redeemed.json["access_token"])["cnf"] == {"jkt": key.jkt}


def test_a_session_without_a_key_takes_no_proof(app: App) -> None:
    """Else somebody who has stolen the session would bind it to a key of theirs."""
    code = app.send_code()
    app.key = ProofKey(app.api.services.clock.now)
    refused(app.step(code=code), "invalid_session", "invalid_session")


def test_a_client_whose_tokens_are_bound(api: Api) -> None:
    app = App(api, "bound")
    refused(app.step(username="alice", password=PASSWORD), "invalid_dpop_proof", "dpop_required")
    app.key = ProofKey(api.services.clock.now)
    assert app.redeem(app.step(username="alice", password=PASSWORD)).json["token_type"] == "DPoP"


def test_dpop_jkt(api: Api) -> None:
    """The thumbprint alone binds the code; beside a proof it must be that of its key."""
    key, other = (ProofKey(api.services.clock.now) for _ in range(2))
    app = App(api, request={**REQUEST, "dpop_jkt": key.jkt})
    answer = app.step(username="alice", password=PASSWORD)
    refused(app.redeem(answer), "invalid_grant", "bad_authorization_code")
    app.key = key
    assert app.redeem(answer).status == 200
    app.key = other
    refused(app.step(username="alice", password=PASSWORD), "invalid_request", "wrong_dpop_jkt")


def test_a_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, dpop_nonce=True)
    key = ProofKey(api.services.clock.now)
    form = {**REQUEST, "client_id": "mobile-app", "mobile": NUMBER}
    answer = api.post(PATH, form=form, headers=key.headers(PATH))
    refused(answer, "use_dpop_nonce", "use_dpop_nonce")
    assert api.sent == 0
    answer = api.post(PATH, form=form, headers=key.headers(PATH, nonce=answer.headers["dpop-nonce"]))
    assert (answer.status, answer.headers["dpop-nonce"]) == (403, nonces.current(api.services))


# --- captchas -------------------------------------------------------------------------------------------------


def test_a_captcha(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a limit is near, the captcha comes before the code: bound to the number and the client, and good once."""
    api = an_api(monkeypatch, **EASY, sms_unproven=4)
    for number in range(4):
        if App(api).step(mobile=f"1331000000{number}").json["next"] == ["captcha"]:
            break
    app = App(api)
    answer = app.step(mobile="13310009999")
    told = answer.json
    captcha = told.pop("captcha")
    assert (answer.status, told) == (
        403,
        {
            "error": "insufficient_authorization",
            "error_description": "Solve the captcha first",
            "reason": "captcha_required",
            "next": ["captcha"],
        },
    )
    solution = solve(captcha["challenge"])
    refused(app.step(mobile="13310008888", captcha=solution), "insufficient_authorization", "bad_captcha", 403)
    refused(
        App(api, "ignoring").step(mobile="13310009999", captcha=solution),
        "insufficient_authorization",
        "bad_captcha",
        403,
    )
    code = app.send_code("13310009999", captcha=solution)
    assert app.step(code=code).status == 200


# --- limits ---------------------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-9.3")
def test_guesses_are_counted(app: App, otp: Authenticator) -> None:
    """For the number, the account and the second factor, whatever session they come by."""
    settings = app.api.services.settings
    app.send_code()
    for _ in range(settings.code_tries):
        assert app.step(code="000000").json["reason"] == "bad_code"
    refused(app.step(code=app.api.last_code), "too_many_requests", "too_many_tries", 429)
    app.auth_session = ""
    awaited(app.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    wrong = otp.wrong_code(app.api.services.clock.now())
    for _ in range(settings.code_tries):
        refused(app.step(totp=wrong), "invalid_grant", "bad_second_factor")
    other = App(app.api)
    awaited(other.step(username="alice", password=PASSWORD), "totp", "recovery_code")
    refused(other.step(totp=code_of(other, otp)), "too_many_requests", "slow_down", 429)


def test_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, registration="off")
    app = App(api)
    code = app.send_code("13900000003")
    refused(app.step(code=code), "invalid_grant", "registration_closed")


def test_a_disabled_account(app: App) -> None:
    code = app.send_code()
    app.api.services.store.commit(DisableUser(app.api.user_id("alice")))
    refused(app.step(code=code), "invalid_grant", "account_disabled")
    refused(App(app.api).step(username="alice", password=PASSWORD), "invalid_grant", "bad_credentials")


@pytest.mark.security("FIPA-8")
def test_the_metadata_names_the_endpoint(api: Api) -> None:
    told = api.call("GET", "/.well-known/oauth-authorization-server").json
    assert told["authorization_challenge_endpoint"] == f"{ISSUER}{PATH}"
