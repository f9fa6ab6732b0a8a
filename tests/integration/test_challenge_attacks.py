"""Attacks on logins without a browser: foreign sessions and codes, mixed steps, and what the answers tell."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.storage import DisableUser
from lingpai.authentication import factors
from lingpai.authorization_challenge.model import Insufficient, Issued, RedirectToWeb
from lingpai.clients.model import CHALLENGE, Client
from lingpai.pending_logins import service as pending_logins
from lingpai.pending_logins.model import AppRequest, FirstFactor, PendingLogin
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent
from tests.support.api import Answer, Api, make_api
from tests.support.authenticator import Authenticator, set_up
from tests.support.browsers import CALLBACK, VERIFIER, web_app
from tests.support.challenges import PATH, REQUEST, App, mobile_app, refused
from tests.support.dialects import introspected
from tests.support.dpop import ProofKey
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser
from tests.support.passkeys import Authenticator as Phone
from tests.support.tokens import STANDARD

ALICES_NUMBER, BOBS_NUMBER, NOBODYS_NUMBER = "13312341234", "13900000001", "13900000002"
PASSWORD = {"username": "alice", "password": "correct horse battery"}
OF_BOB = {"username": "bob", "password": "battery staple correct"}
ORIGIN = "https://login.example"
SECRET = "a-secret-of-the-app"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API with apps of the deployment's owner, and one that asks its users in a browser."""
    store = MemoryStore()
    site: dict[str, Any] = {"webauthn_rp_id": "login.example", "webauthn_origins": ORIGIN}
    # A record that is changed is read at once. More codes are asked for than a number gets in an hour.
    api = make_api(monkeypatch, store, client_cache_ttl=0, code_per_hour=0, code_per_day=0, **site)
    for client in (
        mobile_app(),
        mobile_app("other-app"),
        mobile_app("with-secret", SECRET),
        mobile_app("ignoring", mfa="ignore"),
        mobile_app("browsing", redirect_uris=(CALLBACK,)),
        web_app(),
    ):
        store.put_client(client)
    return api


@pytest.fixture
def app(api: Api) -> App:
    return App(api)


@pytest.fixture
def otp(api: Api) -> Authenticator:
    """The authenticator app of alice."""
    return set_up(api.services, api.user_id("alice"))[0]


def first_factor(app: App) -> None:
    """Alice has proven her password, and is asked for the second factor."""
    answer = app.step(**PASSWORD)
    assert answer.json["next"] == ["totp", "recovery_code"], answer


def change(api: Api, client_id: str, **fields: Any) -> None:
    """The operator changes the client's record."""
    store: Any = api.services.store
    client: Client = store.get_client(client_id)
    store.put_client(replace(client, **fields))


def token(app: App, answer: Answer) -> str:
    redeemed = app.redeem(answer)
    assert redeemed.status == 200, redeemed
    found: str = redeemed.json["access_token"]
    return found


# --- sessions of others ---------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-steps")
def test_an_auth_session_is_no_cookie(app: App, otp: Authenticator) -> None:
    """Nor is the cookie of a pending login on the pages an `auth_session`."""
    first_factor(app)
    browser = Browser(app.api)
    page = browser.log_in()
    assert page.target == "/login/second-factor"
    (name,) = [name for name in browser.cookies if "pending" in name or "second" in name]
    theirs, browser.cookies[name] = browser.cookies[name], app.auth_session
    assert browser.get("/login/second-factor").target.startswith("/login")
    assert "Log in" in browser.get("/login/second-factor").text
    code = otp.code(app.api.time.at)
    refused(App(app.api, auth_session=theirs).step(totp=code), "invalid_session", "invalid_session")
    assert app.step(totp=code).status == 200


@pytest.mark.security("FIPA-steps")
def test_a_token_or_a_code_is_no_session(app: App) -> None:
    issued = app.step(**PASSWORD)
    code = issued.json["authorization_code"]
    for stolen in (code, token(app, issued), token(App(app.api), App(app.api).step(**PASSWORD)).partition(".")[2]):
        refused(App(app.api, auth_session=stolen).step(), "invalid_session", "invalid_session")
    app = App(app.api)
    app.send_code()
    form = {"grant_type": "authorization_code", "client_id": "mobile-app", "code_verifier": VERIFIER}
    answer = app.api.post("/oauth/token", form={**form, "code": app.auth_session})
    refused(answer, "invalid_grant", "bad_authorization_code")


@pytest.mark.security("FIPA-5.1", "FIPA-4.1-client")
def test_the_session_of_another_client(app: App) -> None:
    """It stays good for its own; and a secret proves nothing for another client's session."""
    code = app.send_code()
    for thief in (
        App(app.api, "other-app", auth_session=app.auth_session),
        App(app.api, "with-secret", basic=("with-secret", SECRET), auth_session=app.auth_session),
    ):
        refused(thief.step(code=code), "invalid_session", "invalid_session")
    form = {"client_id": "mobile-app", "auth_session": app.auth_session, "code": code}
    refused(app.api.post(PATH, form=form, basic=("with-secret", SECRET)), "invalid_client", "clients_disagree", 401)
    form = {"clientId": "other-app", "client_id": "mobile-app", "auth_session": app.auth_session, "code": code}
    refused(app.api.post(PATH, form=form), "invalid_client", "clients_disagree", 401)
    assert app.step(code=code).status == 200


@pytest.mark.security("FIPA-4.1-client")
@pytest.mark.parametrize("steps", ["first", "second"])
def test_a_client_without_its_secret(api: Api, otp: Authenticator, steps: str) -> None:
    """At no step is the `auth_session` enough, whatever else the request says of the client."""
    app = App(api, "with-secret", basic=("with-secret", SECRET))
    if steps == "second":
        first_factor(app)
        fields = {"totp": otp.code(api.time.at)}
    else:
        fields = {"code": app.send_code()}
    sent = {"auth_session": app.auth_session, **fields}
    for more in ({}, {"client_id": "with-secret"}, {"client_id": "with-secret", "client_secret": "x" * 20}):
        refused(api.post(PATH, form={**sent, **more}), "invalid_client", "bad_client", 401)
    assert app.step(**fields).status in (200, 403)


@pytest.mark.security("FIPA-9.6.1", "FIPA-9.5.1")
def test_a_session_with_a_key(api: Api, otp: Authenticator) -> None:
    """Another key, none, or a proof for another address changes nothing: the owner goes on."""
    key = ProofKey(api.services.clock.now)
    app = App(api, key=key)
    first_factor(app)
    code = otp.code(api.time.at)
    for thief in (replace(app, key=None), replace(app, key=ProofKey(api.services.clock.now))):
        refused(thief.step(totp=code), "invalid_session", "invalid_session")
    form = {"client_id": "mobile-app", "auth_session": app.auth_session, "totp": code}
    refused(api.post(PATH, form=form, headers=key.headers()), "invalid_dpop_proof", "bad_dpop_proof")
    proof = key.headers(path=PATH)
    issued = api.post(PATH, form=form, headers=proof)
    assert issued.status == 200
    refused(api.post(PATH, form={**form, **REQUEST}, headers=proof), "invalid_session", "invalid_session")
    redeem = {"grant_type": "authorization_code", "client_id": "mobile-app", "code_verifier": VERIFIER}
    redeem["code"] = issued.json["authorization_code"]
    refused(api.post("/oauth/token", form=redeem), "invalid_grant", "bad_authorization_code")
    other = ProofKey(api.services.clock.now)
    refused(api.post("/oauth/token", form=redeem, headers=other.headers()), "invalid_grant", "bad_authorization_code")
    assert api.post("/oauth/token", form=redeem, headers=key.headers()).json["token_type"] == "DPoP"


@pytest.mark.security("FIPA-9.5.1")
def test_a_browser_goes_on_with_the_key(api: Api) -> None:
    """What is sent ahead for it is bound to the key of the proof, whether or not a pushed request named one."""
    key = ProofKey(api.services.clock.now)
    pushed = {**REQUEST, "redirect_uri": CALLBACK, "acr_values": "2", "client_id": "browsing"}
    uri = api.post("/oauth/par", form=pushed).json["request_uri"]
    app = App(api, "browsing", key=key, request={"request_uri": uri})
    told = app.step(**PASSWORD)
    refused(told, "redirect_to_web", "no_second_factor", 403)
    browser = Browser(api)
    browser.log_in()
    (session,) = api.services.store.sessions_of(api.user_id("alice"))
    otp, _ = set_up(api.services, api.user_id("alice"), session)
    going = urlencode({"client_id": "browsing", "request_uri": told.json["request_uri"]})
    page = browser.get(f"/oauth/authorize?{going}")
    page = browser.submit(page.form(action="totp"), code=otp.code(api.time.at))
    code = parse_qs(urlsplit(page.location).query)["code"][0]
    form = {"grant_type": "authorization_code", "client_id": "browsing", "code_verifier": VERIFIER}
    form |= {"code": code, "redirect_uri": CALLBACK}
    refused(api.post("/oauth/token", form=form), "invalid_grant", "bad_authorization_code")
    assert api.post("/oauth/token", form=form, headers=key.headers()).status == 200


# --- codes ----------------------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-6", "RFC9449-11.9")
@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"client_id": "other-app"}, "invalid_grant", "bad_authorization_code"),
        ({"redirect_uri": CALLBACK}, "invalid_grant", "bad_authorization_code"),
        ({"code_verifier": VERIFIER[::-1]}, "invalid_grant", "bad_authorization_code"),
        ({"code_verifier": REQUEST["code_challenge"]}, "invalid_grant", "bad_authorization_code"),
        ({"code_verifier": ""}, "invalid_request", "missing_parameter"),
        ({"code_verifier": "x"}, "invalid_grant", "bad_authorization_code"),
    ],
)
def test_a_code_in_other_hands(app: App, changes: dict[str, str], error: str, reason: str) -> None:
    """It is used up by none of them."""
    issued = app.step(**PASSWORD)
    form = {"grant_type": "authorization_code", "client_id": "mobile-app", "code_verifier": VERIFIER}
    form["code"] = issued.json["authorization_code"]
    refused(app.api.post("/oauth/token", form={**form, **changes}), error, reason)
    assert app.redeem(issued).status == 200


@pytest.mark.security("FIPA-6")
def test_a_code_needs_the_redirect_uri_that_was_sent(api: Api) -> None:
    app = App(api, "browsing", request={**REQUEST, "redirect_uri": CALLBACK})
    issued = app.step(**PASSWORD)
    refused(app.redeem(issued), "invalid_grant", "bad_authorization_code")
    refused(app.redeem(issued, redirect_uri=f"{CALLBACK}/"), "invalid_grant", "bad_authorization_code")
    assert app.redeem(issued, redirect_uri=CALLBACK).status == 200


# --- steps ----------------------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-steps")
def test_the_second_factor_of_another_account(app: App, otp: Authenticator) -> None:
    """The first factor says whose it has to be, and no parameter does."""
    theirs, recovery = set_up(app.api.services, app.api.user_id("bob"))
    first_factor(app)
    refused(app.step(totp=theirs.code(app.api.time.at)), "invalid_grant", "bad_second_factor")
    refused(app.step(recovery_code=recovery[0]), "invalid_grant", "bad_second_factor")
    answer = app.step(totp=otp.code(app.api.time.at), login_hint="bob", username="bob")
    claims = introspected(app.api, token(app, answer))
    assert claims["sub"] == str(app.api.user_id("alice"))


@pytest.mark.security("FIPA-steps")
def test_first_factors_after_the_first(app: App, otp: Authenticator) -> None:
    """They are not heard: the login stays that of alice."""
    first_factor(app)
    sent = app.api.sent
    for fields in (OF_BOB, {"mobile": BOBS_NUMBER}, {"code": "123456"}, {"js_code": "x"}, {"id_token": "x"}):
        answer = app.step(**fields)
        assert (answer.status, answer.json["next"]) == (403, ["totp", "recovery_code"])
        assert "auth_session" not in answer.json
    assert app.api.sent == sent
    assert app.step(totp=otp.code(app.api.time.at)).status == 200


@pytest.mark.security("FIPA-steps")
def test_second_factors_before_the_first(app: App, otp: Authenticator) -> None:
    """They are not heard, alone or beside a first factor, and no guess is counted."""
    code = otp.code(app.api.time.at)
    assert app.step(totp=code).json["next"] == ["mobile", "password", "passkey"]
    assert app.step(**PASSWORD, totp=code).json["next"] == ["totp", "recovery_code"]
    assert app.step(totp=code).status == 200


@pytest.mark.security("FIPA-steps")
def test_the_code_of_another_number(app: App) -> None:
    """A code is good for the number of its session, though both were sent to one app."""
    of_alice = app.send_code(ALICES_NUMBER)
    mallory = App(app.api)
    of_mallory = mallory.send_code(NOBODYS_NUMBER)
    assert of_alice != of_mallory
    refused(app.step(code=of_mallory), "invalid_grant", "bad_code")
    refused(mallory.step(code=of_alice), "invalid_grant", "bad_code")
    # Nor does a number beside the code change whose it is.
    refused(mallory.step(code=of_alice, mobile=ALICES_NUMBER), "invalid_request", "one_step_at_a_time")
    answer = mallory.step(code=of_mallory)
    assert introspected(app.api, token(mallory, answer))["sub"] != str(app.api.user_id("alice"))


@pytest.mark.security("FIPA-steps")
def test_a_passkey_of_another_ceremony(app: App) -> None:
    """One that answered a login is no second factor; nor is one of another account, or for another session."""
    phones = {}
    for name, password in (PASSWORD.values(), OF_BOB.values()):
        phones[name] = Phone(ORIGIN)
        browser = Browser(app.api)
        browser.log_in(name, password)
        form = browser.get("/account?edit=passkey").form(action="add-passkey")
        asked = {**form.fields, "purpose": "register"}
        headers = {"sec-fetch-site": "same-origin", "origin": "null"}
        options = browser.call("POST", "/passkeys/options", asked, headers).answer.json
        assert browser.submit(form, answer=phones[name].create(options)).status == 200

    def options_of(some: App) -> Any:
        return some.step(passkey_options="true").json["passkey_options"]

    answered = phones["alice"].get(options_of(App(app.api)))
    assert app.step(**PASSWORD).json["next"] == ["passkey", "recovery_code"]
    options = options_of(app)
    refused(app.step(passkey=answered), "invalid_grant", "bad_passkey")
    refused(app.step(passkey=phones["bob"].get({**options, "allowCredentials": []})), "invalid_grant", "bad_passkey")
    refused(App(app.api).step(passkey=phones["alice"].get(options)), "invalid_grant", "bad_passkey")
    assert app.step(passkey=phones["alice"].get(options)).status == 200


@pytest.mark.security("FIPA-input")
@pytest.mark.parametrize("name", ["auth_session", "code", "mobile", "code_challenge", "client_id", "scope", "totp"])
def test_a_parameter_that_is_repeated(app: App, name: str) -> None:
    app.send_code()
    first = {**REQUEST, "client_id": "mobile-app", "totp": "123456", "mobile": ALICES_NUMBER}
    sent = list({**first, "code": "000000", "auth_session": app.auth_session}.items())
    body = urlencode([*sent, *(pair for pair in sent if pair[0] == name)]).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    refused(app.api.post(PATH, body=body, headers=headers), "invalid_request", "duplicate_parameter")


@pytest.mark.security("FIPA-input")
@pytest.mark.parametrize(
    "name", ["auth_session", "password", "code", "totp", "recovery_code", "js_code", "id_token", "nonce"]
)
def test_a_credential_in_the_address(app: App, name: str) -> None:
    answer = app.api.post(f"{PATH}?{name}=123456", form={"client_id": "mobile-app", **REQUEST})
    refused(answer, "invalid_request", "credentials_in_query")


@pytest.mark.security("FIPA-input")
def test_digits_of_other_scripts(app: App, otp: Authenticator) -> None:
    """They are what people type: the same code, which works once."""
    wide = {ord("0") + n: 0xFF10 + n for n in range(10)}
    code = app.send_code("１３３１２３４１２３４")
    assert app.step(code=code.translate(wide)).json["next"] == ["totp", "recovery_code"]
    answer = app.step(totp=otp.code(app.api.time.at).translate(wide))
    assert answer.status == 200


@pytest.mark.security("FIPA-9.8")
def test_cookies_mean_nothing(app: App) -> None:
    """A page in a browser that is logged in gets no code by it, and no cookie is set."""
    browser = Browser(app.api)
    browser.log_in()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    answer = app.api.post(PATH, form={"client_id": "mobile-app", **REQUEST}, headers={"Cookie": cookies})
    assert answer == app.step()
    assert "set-cookie" not in answer.headers
    assert app.api.call("GET", PATH).status == 405


# --- what ends a login ----------------------------------------------------------------------------------------


def disabled(api: Api) -> None:
    api.services.store.commit(DisableUser(api.user_id("alice")))


def deleted(api: Api) -> None:
    accounts.delete(api.services, api.user_id("alice"))


def new_password(api: Api) -> None:
    accounts.save(api.services, api.user_id("alice"), None, "another good password", None)


def no_number(api: Api) -> None:
    factors.remove_number(api.services, api.user_id("alice"))


def late(api: Api) -> None:
    api.time.advance(pending_logins.LIFETIME)


@pytest.mark.security("FIPA-9.6.2")
@pytest.mark.parametrize(
    ("first", "end"),
    [
        ("password", disabled),
        ("password", deleted),
        ("password", new_password),
        ("password", late),
        ("code", disabled),
        ("code", deleted),
        ("code", no_number),
        ("code", late),
    ],
)
def test_what_ends_between_the_factors(app: App, otp: Authenticator, first: str, end: Callable[[Api], None]) -> None:
    if first == "password":
        first_factor(app)
    else:
        assert app.step(code=app.send_code()).json["next"] == ["totp", "recovery_code"]
    end(app.api)
    refused(app.step(totp=otp.code(app.api.time.at)), "invalid_session", "invalid_session")
    if end in (disabled, deleted, late):
        refused(app.step(), "invalid_session", "invalid_session")
    assert not app.api.services.store.sessions_of(1)


@pytest.mark.security("FIPA-9.6.2")
def test_a_session_lives_for_ten_minutes(app: App, otp: Authenticator) -> None:
    first_factor(app)
    app.api.time.advance(pending_logins.LIFETIME - 1)
    assert app.step(totp=otp.code(app.api.time.at)).status == 200


@pytest.mark.security("FIPA-5", "FIPA-1.1")
@pytest.mark.parametrize(
    ("changes", "error", "reason", "status"),
    [
        ({"disabled": True}, "invalid_client", "bad_client", 401),
        ({"first_party": False}, "unauthorized_client", "grant_not_allowed", 400),
        ({"grants": ("authorization_code",)}, "unauthorized_client", "grant_not_allowed", 400),
        ({"grants": (CHALLENGE,)}, "unauthorized_client", "grant_not_allowed", 400),
        ({"scopes": ("read",)}, "invalid_scope", "bad_scope", 400),
    ],
)
def test_a_client_that_is_changed_between_the_steps(
    app: App, otp: Authenticator, changes: dict[str, Any], error: str, reason: str, status: int
) -> None:
    first_factor(app)
    change(app.api, "mobile-app", **changes)
    refused(app.step(totp=otp.code(app.api.time.at)), error, reason, status)


@pytest.mark.security("FIPA-9.6.2")
@pytest.mark.parametrize("changes", [{"disabled": True}, {"valid_from": 2**40}, {"first_party": False}])
def test_a_client_that_is_changed_before_its_code_is_redeemed(app: App, changes: dict[str, Any]) -> None:
    """Disabled, ended by a new secret, or made one of a third party, which needs consent."""
    issued = app.step(**PASSWORD)
    change(app.api, "mobile-app", **changes)
    assert app.redeem(issued).status in (400, 401)
    assert "access_token" not in app.redeem(issued).json


# --- what answers tell ----------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-9.3-names")
def test_answers_tell_no_names(app: App, otp: Authenticator) -> None:
    """Of an account with a second factor, one without, a disabled one and none."""
    app.api.services.store.commit(DisableUser(app.api.user_id("bob")))
    names = ("alice", "admin", "bob", "nobody-at-all", ALICES_NUMBER, NOBODYS_NUMBER)
    answers = {App(app.api).step(username=name, password="not theirs").body for name in names}
    assert len(answers) == 1
    # What may come is told for the client, not for a name.
    hints = [App(app.api, request={**REQUEST, "login_hint": name}).step() for name in names]
    assert {hint.body for hint in hints} == {app.step().body}
    # A passkey is asked for without a name: the options are those of everybody.
    asked = [App(app.api).step(passkey_options="true", login_hint=name).json["passkey_options"] for name in names]
    assert {str({**options, "challenge": ""}) for options in asked} == {str({**asked[0], "challenge": ""})}
    assert asked[0]["allowCredentials"] == []


@pytest.mark.security("FIPA-9.3-names")
def test_answers_tell_no_numbers(app: App, otp: Authenticator) -> None:
    """A number with an account and one without get the same answers, until a code was proven."""
    told = []
    for number in (ALICES_NUMBER, NOBODYS_NUMBER):
        some = App(app.api)
        sent = some.step(mobile=number)
        wrong = f"{(int(app.api.last_code) + 1) % 1_000_000:06d}"
        rest = [some.step(), some.step(code=wrong), some.step(mobile=number)]
        known = {**sent.json, "auth_session": ""}
        told.append([str(known), *(answer.body for answer in rest), *(str(answer.status) for answer in rest)])
    assert told[0] == told[1]


@pytest.mark.security("FIPA-9.3-session")
def test_a_new_session_gives_no_new_guesses(app: App, otp: Authenticator) -> None:
    """At passwords, at codes, and at second factors."""
    tries = app.api.services.settings.code_tries
    wrong = otp.wrong_code(app.api.time.at)
    for _ in range(tries):
        first_factor(app)
        refused(app.step(totp=wrong), "invalid_grant", "bad_second_factor")
        app.auth_session = ""
    first_factor(app)
    refused(app.step(totp=otp.code(app.api.time.at)), "too_many_requests", "slow_down", 429)
    for _ in range(tries):
        app = App(app.api)
        right = app.send_code(NOBODYS_NUMBER)
        refused(app.step(code=f"{(int(right) + 1) % 1_000_000:06d}"), "invalid_grant", "bad_code")
        app.api.time.advance(app.api.services.settings.code_resend)
    refused(app.step(code=app.send_code(NOBODYS_NUMBER)), "too_many_requests", "too_many_tries", 429)


@pytest.mark.security("FIPA-5.2.2")
def test_refusals_are_ascii(app: App) -> None:
    """Whatever was sent, and in whatever language."""
    headers = {"Accept-Language": "zh", "Content-Type": "application/x-www-form-urlencoded"}
    for fields in ({"scope": '令牌"\\'}, {"code": "四"}, {"mobile": "电话"}, {"acr_values": "二"}, {"prompt": "没有"}):
        body = urlencode({"client_id": "mobile-app", **REQUEST, **fields}).encode()
        answer = app.api.post(PATH, body=body, headers=headers)
        assert answer.status in (400, 403)
        assert answer.headers["content-type"] == "application/json;charset=UTF-8"
        assert all(" " <= c <= "~" and c not in '"\\' for c in answer.json["error_description"])


def test_nothing_secret_is_shown() -> None:
    """By what logs would show of what a step is made of."""
    secret, number = "a-secret-of-32-bytes-for-a-test!", "+8613312341234"
    shown = [
        Issued(secret),
        Insufficient(("code",), secret.encode(), more={"captcha": secret}),
        RedirectToWeb(secret),
        AppRequest("mobile-app", (("nonce", secret), ("login_hint", number)), secret.encode(), number=number),
        FirstFactor(7, ("sms",), 1, f"mobile:{number}", secret.encode()),
        PendingLogin(secret.encode(), 1),
    ]
    assert [each for each in shown if secret in repr(each) or number in repr(each)] == []


# --- a second factor, and messages ----------------------------------------------------------------------------


@pytest.mark.security("FIPA-7", "RFC9470-4", "RFC9470-5")
def test_a_step_up(app: App, otp: Authenticator) -> None:
    """A resource server wants two factors, proven now: so they are, in a login of its own, and the token says so.

    The account had none when it logged in first.
    """
    first = token(app, app.step(**OF_BOB))
    assert introspected(app.api, first)["acr"] == "1"
    (session,) = app.api.services.store.sessions_of(app.api.user_id("bob"))
    otp_of_bob, _ = set_up(app.api.services, app.api.user_id("bob"), session)
    app.api.time.advance(90)
    again = App(app.api, request={**REQUEST, "acr_values": "2", "max_age": "0"})
    assert again.step(**OF_BOB).json["next"] == ["totp", "recovery_code"]
    issued = again.step(totp=otp_of_bob.code(app.api.time.at))
    claims = introspected(app.api, token(again, issued))
    assert (claims["acr"], claims["amr"], claims["auth_time"]) == ("2", ["pwd", "otp", "mfa"], int(app.api.time.at))


@pytest.mark.security("RFC9470-4")
@pytest.mark.parametrize(
    ("acr_values", "asks"), [("1", False), ("1 2", False), ("2 1", True), ("gold", False), ("2", True)]
)
def test_a_client_that_ignores_the_policy_may_ask(api: Api, otp: Authenticator, acr_values: str, asks: bool) -> None:
    """In the order of preference, as at the pages; who has no second factor gets in with one where that will do."""
    request = {**REQUEST, "acr_values": acr_values}
    assert (App(api, "ignoring", request=request).step(**PASSWORD).status == 403) == asks
    assert (App(api, "ignoring", request=request).step(**OF_BOB).status == 403) == (acr_values == "2")


def test_a_message_that_may_have_been_sent(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has got it may type it in. One that was not sent takes nothing: the code before it stays good."""
    send, sender = app.api.services.sms.send, app.api.services.sms

    def lost(message: Message) -> None:
        send(message)
        raise MaybeSent("no answer")

    def failed(_: Message) -> None:
        raise NotSent("out of order")

    monkeypatch.setattr(sender, "send", lost)
    code = app.send_code(NOBODYS_NUMBER)
    monkeypatch.setattr(sender, "send", failed)
    app.api.time.advance(60)
    refused(app.step(mobile=NOBODYS_NUMBER), "temporarily_unavailable", "not_sent", 503)
    assert app.step(code=code).status == 200


@pytest.mark.security("FIPA-4.1-metadata")
def test_the_metadata(api: Api) -> None:
    """Both documents name the endpoint, below the issuer."""
    for name in ("oauth-authorization-server", "openid-configuration"):
        told = api.call("GET", f"/.well-known/{name}").json
        assert told["authorization_challenge_endpoint"] == f"{told['issuer']}{PATH}"


def test_the_session_of_a_code_opens_nothing(app: App) -> None:
    """While the code waits to be redeemed, its session is nobody's: no token and no cookie is that of it."""
    issued = app.step(**PASSWORD)
    (session,) = app.api.services.store.sessions_of(app.api.user_id("alice"))
    assert app.api.services.store.get_session(session) is None
    bearer = app.api.post("/oauth/introspect", form={"token": issued.json["authorization_code"]}, basic=STANDARD)
    assert bearer.json == {"active": False}
