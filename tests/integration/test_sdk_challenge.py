"""The Python SDK logs users in at `/oauth/challenge`: by every first factor and every second one, blocking and not."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from lingpai_sdk import InvalidSession, NextStep, RedirectToWeb, Refused, Tokens, TransportError
from lingpai_sdk.dpop import DPoPKey
from sdk_support import Blocking

from lingpai.passkeys import service as passkeys
from lingpai.sessions.model import SessionKey
from tests.support.api import Api, make_api
from tests.support.authenticator import Authenticator, set_up
from tests.support.browsers import API, CALLBACK
from tests.support.captcha import EASY, solve
from tests.support.challenges import mobile_app
from tests.support.dialects import ISSUER
from tests.support.memory_store import MemoryStore
from tests.support.openid import NONCE
from tests.support.pages import Browser
from tests.support.passkeys import Authenticator as Phone
from tests.support.people import PASSWORD, Person, new_number, somebody
from tests.support.sdk import Line, at_the_clock_of, user_of
from tests.support.third_parties import Town, town
from tests.support.tokens import STANDARD
from tests.support.wechat import MINI

# Where passkeys are presented.
ORIGIN = "https://login.example"
SITE: dict[str, Any] = {"issuer": ISSUER, "webauthn_rp_id": "login.example", "webauthn_origins": ORIGIN}
SCOPE = "lingpai:account"
KINDS = ("blocking", "asyncio")


@dataclass
class Account:
    """An account, and all that it logs in by."""

    place: Town
    person: Person
    openid: str = field(default_factory=lambda: f"o-{secrets.token_hex(8)}")
    subject: str = field(default_factory=lambda: f"subject-{secrets.token_hex(8)}")
    phone: Phone = field(default_factory=lambda: Phone(ORIGIN))
    otp: Authenticator | None = None
    recovery_codes: tuple[str, ...] = ()

    def add_passkey(self) -> None:
        """A passkey that the phone has made."""
        services = self.place.api.services
        options = passkeys.begin_registration(services, self.person.stored())
        session = SessionKey(self.person.id, b"\0" * 8)
        passkeys.register(services, self.person.id, self.phone.create(options), "Phone", session)

    def add_otp(self) -> None:
        """An authenticator app, and recovery codes."""
        self.otp, self.recovery_codes = set_up(self.place.api.services, self.person.id)


@pytest.fixture(scope="module")
def place() -> Iterator[Town]:
    """The API, WeChat and an OpenID provider."""
    with town(**SITE) as made:
        put_clients(made.api)
        yield made


def put_clients(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(mobile_app())
    store.put_client(mobile_app("with-secret", "a-secret-of-the-app"))
    store.put_client(mobile_app("miniprogram", sign_provider="wechat", sign_app=MINI))
    store.put_client(mobile_app("by-google", sign_provider="google"))
    store.put_client(mobile_app("browsing", redirect_uris=(CALLBACK,)))


@pytest.fixture
def line(place: Town) -> Line:
    return Line(place.api)


@pytest.fixture
def account(place: Town) -> Account:
    place.api.time.advance(60)
    return Account(place, somebody(place.api, number=True))


# --- every first factor, every second one ---------------------------------------------------------------------


def by_code(challenge: Any, account: Account) -> Any:
    number = account.person.number
    step = challenge.send_code(number)
    assert (step.next, step.resend_in) == (("code", "mobile"), 60)
    return challenge.enter_code(account.place.api.last_code)


def by_password(challenge: Any, account: Account) -> Any:
    return challenge.password(account.person.username, PASSWORD)


def by_wechat(challenge: Any, account: Account) -> Any:
    return challenge.wechat(account.place.wechat.log_in(account.openid))


def by_wechat_and_phone(challenge: Any, account: Account) -> Any:
    chat, number = account.place.wechat, account.person.number or ""
    code = chat.confirm_number(number, account.openid)
    return challenge.wechat(chat.log_in(account.openid), phone_code=code)


def by_id_token(challenge: Any, account: Account) -> Any:
    token = account.place.id_token(account.subject, nonce=NONCE)
    return challenge.id_token(token, nonce=NONCE)


def by_passkey(challenge: Any, account: Account) -> Any:
    step = challenge.passkey_options()
    assert step.next == ("passkey",)
    return challenge.passkey(account.phone.get(step.passkey_options))


@dataclass(frozen=True)
class First:
    """A first factor: the client that has it, and how it is proven. `of_provider`: the account is the provider's."""

    client: str
    prove: Callable[[Any, Account], Any]
    of_provider: bool = False


FIRST = {
    "code": First("mobile-app", by_code),
    "password": First("mobile-app", by_password),
    "wechat": First("miniprogram", by_wechat, of_provider=True),
    "wechat and phone": First("miniprogram", by_wechat_and_phone),
    "id_token": First("by-google", by_id_token, of_provider=True),
    "passkey": First("mobile-app", by_passkey),
}


def by_totp(challenge: Any, account: Account) -> Any:
    assert account.otp is not None
    return challenge.totp(account.otp.code(account.place.api.time.at))


def by_recovery_code(challenge: Any, account: Account) -> Any:
    return challenge.recovery_code(account.recovery_codes[3])


# The second factor, what the account is given for it, what the server names then, and how it is proven.
SECOND: dict[str, tuple[Callable[[Account], None], tuple[str, ...], Callable[[Any, Account], Any]]] = {
    "totp": (Account.add_otp, ("totp", "recovery_code"), by_totp),
    "recovery_code": (Account.add_otp, ("totp", "recovery_code"), by_recovery_code),
    "passkey": (Account.add_passkey, ("passkey", "recovery_code"), by_passkey),
}


def own(account: Account, line: Line, first: First) -> None:
    """Let the account be the one that the third party's word makes at the first login."""
    if first.of_provider:
        made = first.prove(line.client("blocking", first.client).challenge(SCOPE), account)
        account.person = Person(account.place.api, user_of(line, made), None, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FIRST)
def test_one_factor(line: Line, account: Account, kind: str, name: str) -> None:
    """Without a second factor the first one gives the tokens; a refresh gives the next."""
    first = FIRST[name]
    own(account, line, first)
    if name == "passkey":
        account.add_passkey()
    client = line.client(kind, first.client)
    tokens = first.prove(Blocking(client.challenge(SCOPE)), account)
    assert user_of(line, tokens) == account.person.id
    assert tokens.scope == (SCOPE,)
    assert user_of(line, client.refresh(tokens.refresh_token)) == account.person.id


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("name", [name for name in FIRST if name != "passkey"])
def test_two_factors(line: Line, account: Account, kind: str, name: str, second: str) -> None:
    """The first names what the account has; the second gives the tokens."""
    first, (add, following, prove) = FIRST[name], SECOND[second]
    own(account, line, first)
    add(account)
    challenge = Blocking(line.client(kind, first.client).challenge(SCOPE))
    step = first.prove(challenge, account)
    assert step == NextStep(next=following, reason="factor_required")
    assert challenge.next_step() == step
    tokens = prove(challenge, account)
    assert user_of(line, tokens) == account.person.id
    assert acr(account.place.api, tokens) == "2"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("second", SECOND)
def test_a_passkey_is_two_factors(line: Line, account: Account, kind: str, second: str) -> None:
    """It is asked for no other, whatever the account has."""
    SECOND[second][0](account)
    if second != "passkey":
        account.add_passkey()
    tokens = by_passkey(Blocking(line.client(kind, "mobile-app").challenge(SCOPE)), account)
    assert user_of(line, tokens) == account.person.id
    assert acr(account.place.api, tokens) == "2"


def acr(api: Api, tokens: Tokens) -> str:
    """The `acr` of the login, as introspection tells it."""
    found: str = api.post("/oauth/introspect", form={"token": tokens.access_token}, basic=STANDARD).json["acr"]
    return found


# --- what else the server says --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_come(line: Line, kind: str) -> None:
    for client, mine in (("mobile-app", ()), ("miniprogram", ("js_code",)), ("by-google", ("id_token",))):
        challenge = Blocking(line.client(kind, client).challenge())
        expected = NextStep(next=("mobile", "password", *mine, "passkey"), reason="factor_required")
        assert challenge.next_step() == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda c: c.password("nobody", "not a password"), "bad_credentials"),
        (lambda c: c.id_token("not.a.token"), "bad_id_token"),
        (lambda c: c.passkey("{}"), "bad_passkey"),
    ],
    ids=["password", "id_token", "passkey"],
)
def test_wrong_first_factor(line: Line, account: Account, kind: str, call: Callable[[Any], Any], reason: str) -> None:
    """It is told why, and the challenge goes on."""
    challenge = Blocking(line.client(kind, "by-google").challenge(SCOPE))
    refused(lambda: call(challenge), "invalid_grant", reason)
    assert user_of(line, by_password(challenge, account)) == account.person.id


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_codes(line: Line, account: Account, kind: str) -> None:
    """Of a message, of an app, of the paper: each may be tried again, by the same session."""
    account.add_otp()
    assert account.otp is not None
    challenge = Blocking(line.client(kind, "mobile-app").challenge(SCOPE))
    challenge.send_code(account.person.number)
    sent = account.place.api.last_code
    refused(lambda: challenge.enter_code(f"{(int(sent) + 1) % 1_000_000:06d}"), "invalid_grant", "bad_code")
    assert "totp" in challenge.enter_code(sent).next
    wrong = account.otp.wrong_code(account.place.api.time.at)
    refused(lambda: challenge.totp(wrong), "invalid_grant", "bad_second_factor")
    refused(lambda: challenge.recovery_code("xxxx-xxxx-xxxx"), "invalid_grant", "bad_second_factor")
    assert user_of(line, by_totp(challenge, account)) == account.person.id


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_js_code(line: Line, account: Account, kind: str) -> None:
    challenge = Blocking(line.client(kind, "miniprogram").challenge(SCOPE))
    refused(lambda: challenge.wechat("no-js-code"), "invalid_grant", "sign_unknown")
    js_code = account.place.wechat.log_in(account.openid)
    refused(lambda: challenge.wechat(js_code, phone_code="no-phone-code"), "invalid_grant", "bad_phone_code")
    assert isinstance(by_wechat(challenge, account), Tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_another_code(line: Line, account: Account, kind: str) -> None:
    """Too soon it is refused; then the new one is good, and the number may change."""
    challenge = Blocking(line.client(kind, "mobile-app").challenge(SCOPE))
    challenge.send_code(new_number())
    number = account.person.number
    challenge.send_code(number)
    with pytest.raises(Refused) as caught:
        challenge.send_code(number)
    assert (caught.value.code, caught.value.status, caught.value.retry_after) == ("too_many_requests", 429, 60)
    account.place.api.time.advance(60)
    assert user_of(line, by_code(challenge, account)) == account.person.id


@pytest.mark.parametrize("kind", KINDS)
def test_invalid_session(line: Line, account: Account, kind: str) -> None:
    """After ten minutes, and after the tokens."""
    account.add_otp()
    challenge = Blocking(line.client(kind, "mobile-app").challenge(SCOPE))
    by_password(challenge, account)
    account.place.api.time.advance(601)
    with pytest.raises(InvalidSession):
        by_totp(challenge, account)
    challenge = Blocking(line.client(kind, "mobile-app").challenge(SCOPE))
    by_password(challenge, account)
    assert isinstance(by_totp(challenge, account), Tokens)
    with pytest.raises(InvalidSession):
        by_recovery_code(challenge, account)


@pytest.mark.parametrize("kind", KINDS)
def test_redirect_to_web(line: Line, account: Account, kind: str) -> None:
    """The browser goes on with what the challenge has sent ahead, and the challenge redeems what comes back."""
    challenge = Blocking(line.client(kind, "browsing").challenge(SCOPE, acr_values="2", redirect_uri=CALLBACK))
    with pytest.raises(RedirectToWeb) as caught:
        by_password(challenge, account)
    assert caught.value.expires_in == 600
    account.add_otp()
    assert account.otp is not None
    browser = Browser(account.place.api)
    target = f"/oauth/authorize?client_id=browsing&request_uri={caught.value.request_uri}"
    page = browser.log_in(account.person.username or "", PASSWORD, target)
    page = browser.submit(page.form(action="totp"), code=account.otp.code(account.place.api.time.at))
    assert page.location.startswith(f"{CALLBACK}?")
    code = parse_qs(urlsplit(page.location).query)["code"][0]
    assert user_of(line, challenge.redeem(code)) == account.person.id


@pytest.mark.parametrize("kind", KINDS)
def test_redirect_to_web_without_a_way_back(line: Line, account: Account, kind: str) -> None:
    challenge = Blocking(line.client(kind, "mobile-app").challenge(SCOPE, acr_values="2"))
    with pytest.raises(RedirectToWeb) as caught:
        by_password(challenge, account)
    assert (caught.value.request_uri, caught.value.expires_in) == (None, None)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Line:
    """An API that wants a captcha before each code: numbers without an account have had theirs."""
    api = make_api(monkeypatch, MemoryStore(), **SITE, **EASY, sms_unproven=4)
    put_clients(api)
    while api.post("/mobile/code/get", form={"mobile": new_number()}, basic=STANDARD).status == 200:
        assert api.sent < 4
    return Line(api)


@pytest.mark.parametrize("kind", KINDS)
def test_captcha(strict: Line, kind: str) -> None:
    """What shows it comes with the step that needs it; the step is sent again with the solution."""
    challenge, number = Blocking(strict.client(kind, "mobile-app").challenge(SCOPE)), new_number()
    step = challenge.send_code(number)
    assert (step.next, step.reason, step.captcha["provider"]) == (("captcha",), "captcha_required", "altcha")
    again = challenge.send_code(number, captcha="no solution")
    assert (again.next, again.reason, again.captcha["provider"]) == (("captcha",), "bad_captcha", "altcha")
    step = challenge.send_code(number, captcha=solve(again.captcha["challenge"]))
    assert step.next == ("code", "mobile")
    assert isinstance(challenge.enter_code(strict.api.last_code), Tokens)


def test_captcha_of_send_code(strict: Line) -> None:
    """The call of `Lingpai` tells it by its refusal."""
    lingpai, number = strict.client("blocking", *STANDARD), new_number()
    with pytest.raises(Refused) as caught:
        lingpai.send_code(number)
    error = caught.value
    assert (error.code, error.status, error.reason) == ("access_denied", 403, "captcha_required")
    assert error.captcha is not None
    lingpai.send_code(number, captcha=solve(error.captcha["challenge"]))
    assert isinstance(lingpai.mobile_code(number, strict.api.last_code), Tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_confidential_client(line: Line, account: Account, kind: str) -> None:
    account.add_otp()
    challenge = Blocking(line.client(kind, "with-secret", "a-secret-of-the-app").challenge(SCOPE))
    by_password(challenge, account)
    assert user_of(line, by_totp(challenge, account)) == account.person.id
    wrong = Blocking(line.client(kind, "with-secret", "another secret").challenge(SCOPE))
    refused(lambda: by_password(wrong, account), "invalid_client", "bad_client", 401)


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_may_not(line: Line, account: Account, kind: str) -> None:
    challenge = Blocking(line.client(kind, *STANDARD).challenge())
    refused(lambda: by_password(challenge, account), "unauthorized_client", "grant_not_allowed")


@pytest.mark.parametrize("kind", KINDS)
def test_resource(line: Line, account: Account, kind: str) -> None:
    challenge = Blocking(line.client(kind, "mobile-app").challenge("read", resource=[API], max_age=60))
    tokens = by_password(challenge, account)
    answer = account.place.api.post("/oauth/introspect", form={"token": tokens.access_token}, basic=STANDARD)
    assert answer.json["aud"] == API


@pytest.mark.parametrize("kind", KINDS)
def test_id_token(line: Line, account: Account, kind: str) -> None:
    """OpenID Connect Core section 3.1.3.3: it is the account's, and for the client."""
    tokens = by_password(Blocking(line.client(kind, "mobile-app").challenge("openid")), account)
    claims = jwt.decode(tokens.id_token, options={"verify_signature": False})
    assert (claims["sub"], claims["aud"], claims["iss"]) == (str(account.person.id), "mobile-app", ISSUER)


# --- answers that get lost ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_tokens_get_lost(line: Line, account: Account, kind: str) -> None:
    """The code is redeemed again, for the same tokens: one session was opened."""
    line.lost = ["/oauth/token"]
    tokens = by_password(Blocking(line.client(kind, "mobile-app").challenge(SCOPE)), account)
    assert line.paths == ["/oauth/challenge", "/oauth/token", "/oauth/token"]
    assert user_of(line, tokens) == account.person.id
    assert len(account.place.api.services.store.sessions_of(account.person.id)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_gets_lost(line: Line, account: Account, kind: str) -> None:
    """It is not sent again. What the app does not know of is gone: it begins anew."""
    account.add_otp()
    challenge = Blocking(line.client(kind, "mobile-app").challenge(SCOPE))
    by_password(challenge, account)
    line.lost = ["/oauth/challenge"]
    with pytest.raises(TransportError) as caught:
        by_totp(challenge, account)
    assert caught.value.sent
    with pytest.raises(InvalidSession):
        by_recovery_code(challenge, account)
    assert line.paths == ["/oauth/challenge"] * 3


# --- DPoP -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nonces", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_bound_to_a_key(monkeypatch: pytest.MonkeyPatch, kind: str, nonces: bool) -> None:
    """Session, code, tokens and refresh; with nonces of the server, which cost one more request."""
    api = make_api(monkeypatch, MemoryStore(), **SITE, dpop_nonce=nonces)
    put_clients(api)
    at_the_clock_of(api, monkeypatch)
    line, key = Line(api), DPoPKey()
    otp = set_up(api.services, api.user_id("alice"))[0]
    client = line.client(kind, "mobile-app")
    challenge = Blocking(client.challenge(SCOPE, dpop_key=key))
    assert "totp" in challenge.password("alice", "correct horse battery").next
    tokens = challenge.totp(otp.code(api.time.at))
    assert line.paths == ["/oauth/challenge"] * (3 if nonces else 2) + ["/oauth/token"]
    assert user_of(line, tokens, dpop_key=key) == api.user_id("alice")
    refused(lambda: user_of(line, tokens), "invalid_token", None, 401)
    told = api.post("/oauth/introspect", form={"token": tokens.access_token}, basic=STANDARD).json
    assert told["cnf"] == {"jkt": key.jkt}
    again = client.refresh(tokens.refresh_token, dpop_key=key)
    assert user_of(line, again, dpop_key=key) == api.user_id("alice")
    refused(lambda: client.refresh(again.refresh_token), "invalid_dpop_proof", "dpop_required")
    refused(lambda: client.refresh(again.refresh_token, dpop_key=DPoPKey()), "invalid_grant", "wrong_dpop_key")


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_answer_with_a_key(monkeypatch: pytest.MonkeyPatch, line: Line, account: Account, kind: str) -> None:
    """The repeat has a proof of its own, or it would be refused."""
    at_the_clock_of(account.place.api, monkeypatch)
    key = DPoPKey()
    line.lost = ["/oauth/token"]
    tokens = by_password(Blocking(line.client(kind, "mobile-app").challenge(SCOPE, dpop_key=key)), account)
    assert user_of(line, tokens, dpop_key=key) == account.person.id


def refused(call: Callable[[], object], code: str, reason: str | None, status: int = 400) -> None:
    """The call is refused for this reason."""
    with pytest.raises(Refused) as caught:
        call()
    assert (caught.value.code, caught.value.reason, caught.value.status) == (code, reason, status)
