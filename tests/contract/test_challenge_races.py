"""Logins of apps without a browser, and guesses through all doors, with 32 callers at once on the reference store."""

import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from lingpai.accounts import ended_accounts
from lingpai.accounts import service as accounts
from lingpai.authentication import factors
from lingpai.bootstrap import build
from lingpai.kernel.errors import LingpaiError
from lingpai.passkeys import service as passkeys
from lingpai.second_factors import service as second_factors
from lingpai.second_factors import totp
from lingpai.services import Services
from lingpai.sessions.model import SessionKey
from lingpai.sms_codes import service as sms_codes
from lingpai.store import DynamoStore
from tests.support import authenticator
from tests.support.api import Answer, Api, make_api
from tests.support.authenticator import set_up
from tests.support.challenges import App, mobile_app
from tests.support.contention import queued_or_refused, racing_store
from tests.support.logs import LOGS
from tests.support.pages import Browser, Form
from tests.support.passkeys import Authenticator
from tests.support.races import RACERS, race
from tests.support.time import Time

MOBILE, ALICE, ALICES = "13312341234", "alice", "correct horse battery"
PASSWORD = {"username": ALICE, "password": ALICES}
WEB = ("web-client", "web-secret")
ORIGIN = "https://login.example"
GUARDED: dict[str, Any] = {"login_tries": 10, "webauthn_rp_id": "login.example", "webauthn_origins": ORIGIN}
NEW = "another good password"
# The session in which the owner changes the account.
OWNER = SessionKey(1, b"browser1")


@pytest.fixture
def services(request: pytest.FixtureRequest, reference: DynamoStore) -> Services:
    """The use cases on DynamoDB Local, with a clock that stands still."""
    return build(reference.settings, racing_store(request, reference), Time().clock())


@pytest.fixture
def api(services: Services, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API on their store, with an app that logs its users in without a browser."""
    api = make_api(monkeypatch, services.store, **GUARDED)
    api.services.store.put_client(mobile_app())
    return api


def crowd(call: Callable[[], Answer]) -> list[Answer]:
    """What each of 32 callers of the same is answered."""
    return everybody([call] * RACERS)


def everybody(calls: list[Callable[[], Answer]]) -> list[Answer]:
    """What each of these callers is answered at the same time."""
    return [outcome for outcome in race(calls) if isinstance(outcome, Answer)]


def told(answers: list[Answer]) -> Counter[str]:
    """How often each status and reason was answered."""
    return Counter(f"{answer.status} {answer.json.get('reason', '')}".strip() for answer in answers)


def the_one(answers: list[Answer], status: int = 200) -> Answer:
    """The only answer of this status."""
    (answer,) = [answer for answer in answers if answer.status == status]
    return answer


def step(app: App, **fields: str) -> Answer:
    """A step from the `auth_session` that the app has, which others take as well."""
    return replace(app).step(**fields)


def address(n: int) -> str:
    """An address in a network of its own."""
    return f"203.{n}.113.9"


def sessions(api: Api) -> int:
    """How many sessions alice has."""
    return len(api.services.store.sessions_of(api.user_id(ALICE)))


# --- each step is taken once ------------------------------------------------------------------------------


@pytest.mark.security("FIPA-5.3.1")
@queued_or_refused
def test_a_session_is_used_once_by_a_code(api: Api) -> None:
    """Of those whose guess is compared, one gets the authorization code."""
    app = App(api)
    code = app.send_code(MOBILE)
    answers = crowd(partial(step, app, code=code))
    issued = the_one(answers)
    assert set(told(answers)) <= {"200", "400 bad_code", "400 invalid_session", "429 too_many_tries"}
    assert app.redeem(issued).status == 200
    assert sessions(api) == 1


@pytest.mark.security("FIPA-5.3.1")
@queued_or_refused
def test_a_session_is_used_once_by_a_first_factor(api: Api) -> None:
    """By right passwords, which can be told again and again; the account has a second factor."""
    set_up(api.services, api.user_id(ALICE))
    app = App(api)
    app.send_code(MOBILE)
    answers = crowd(partial(step, app, **PASSWORD))
    assert told(answers) == {"403 factor_required": 1, "400 invalid_session": RACERS - 1}
    assert "auth_session" in the_one(answers, 403).json


@pytest.mark.security("FIPA-5.3.1", "MFA-8")
@queued_or_refused
def test_a_session_is_used_once_by_a_second_factor(api: Api) -> None:
    """One code, and no recovery code is lost to the others."""
    otp, recovery = set_up(api.services, api.user_id(ALICE))
    app = App(api)
    assert app.step(**PASSWORD).json["next"] == ["totp", "recovery_code"]
    right = otp.code(api.time.at)
    calls = [
        partial(step, app, recovery_code=recovery[n % len(recovery)]) if n % 2 else partial(step, app, totp=right)
        for n in range(RACERS)
    ]
    answers = everybody([*calls])
    assert app.redeem(the_one(answers)).status == 200
    assert set(told(answers)) <= {"200", "400 bad_second_factor", "400 invalid_session", "429 slow_down"}
    left = api.services.store.get_factors(api.user_id(ALICE)).recovery
    assert left is not None
    assert len(left.marks) >= len(recovery) - 1
    assert sessions(api) == 1


@pytest.mark.security("FIPA-5.3.1", "FIPA-9.3-sms")
@queued_or_refused
def test_a_session_is_replaced_once_by_a_code_that_is_sent(api: Api) -> None:
    """One message, and the session that was told with it is the one that takes its code."""
    app = App(api)
    app.send_code(MOBILE)
    api.time.advance(api.services.settings.code_resend)
    answers = everybody([partial(replace(app, source_ip=address(n)).step, mobile=MOBILE) for n in range(RACERS)])
    assert told(answers) == {"403 factor_required": 1, "429 resend_too_soon": RACERS - 1}
    assert api.sent == 2
    assert told([app.step(code=api.last_code)]) == {"400 invalid_session": 1}
    app.auth_session = the_one(answers, 403).json["auth_session"]
    assert app.step(code=api.last_code).status == 200


# --- redeeming --------------------------------------------------------------------------------------------


@pytest.mark.security("FIPA-6-once")
@queued_or_refused
def test_a_code_is_redeemed_once(api: Api) -> None:
    """All get the same answer, as a repeat does, of one session."""
    app = App(api)
    issued = app.step(**PASSWORD)
    answers = crowd(partial(app.redeem, issued))
    assert Counter(answer.status for answer in answers) == {200: RACERS}
    assert len({answer.json["access_token"] for answer in answers}) == 1
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert sessions(api) == 1
    api.time.advance(30)
    assert app.redeem(issued).json["access_token"] == answers[0].json["access_token"]
    api.time.advance(1)
    assert app.redeem(issued).status == 400
    assert sessions(api) == 0


def end_all(api: Api, alice: int) -> Callable[[], object]:
    return partial(ended_accounts.end_all, api.services, alice)


def new_password(api: Api, alice: int) -> Callable[[], object]:
    return partial(accounts.save, api.services, alice, None, NEW, None)


def no_number(api: Api, alice: int) -> Callable[[], object]:
    return partial(factors.remove_number, api.services, alice)


def disabled(api: Api, alice: int) -> Callable[[], object]:
    return partial(accounts.disable, api.services, alice)


def deleted(api: Api, alice: int) -> Callable[[], object]:
    return partial(accounts.delete, api.services, alice)


def second_factor(api: Api, alice: int) -> Callable[[], object]:
    """The app is shown already; its first code confirms it."""
    otp = authenticator.Authenticator(totp.key_text(second_factors.begin_totp(api.services, alice)))
    LOGS.hush("TOTP secret", otp.secret)
    code = otp.code(api.time.at)

    def confirm() -> None:
        for each in second_factors.confirm_totp(api.services, alice, code, OWNER):
            LOGS.hush("recovery code", each)

    return confirm


ENDINGS = {
    "all sessions": end_all,
    "another password": new_password,
    "no number": no_number,
    "disabled": disabled,
    "deleted": deleted,
    "a second factor": second_factor,
}


@pytest.mark.security("FIPA-6-once", "MFA-2")
@pytest.mark.parametrize("ending", ENDINGS)
@queued_or_refused
def test_no_code_outlives_what_ends_the_sessions(api: Api, ending: str) -> None:
    """31 apps redeem their codes meanwhile: what they get has ended, too."""
    alice = api.user_id(ALICE)
    app = App(api)
    codes = [app.step(**PASSWORD) for _ in range(RACERS - 1)]
    assert [code.status for code in codes] == [200] * (RACERS - 1)
    end = ENDINGS[ending](api, alice)
    calls: list[Callable[[], object]] = [partial(app.redeem, code) for code in codes]
    calls.insert(RACERS // 2, end)
    outcomes = race(calls)
    outcome = outcomes.pop(RACERS // 2)
    # Who changes an account that is changed all the time is asked to try again.
    if isinstance(outcome, LingpaiError):
        assert outcome.reason == "changed_meanwhile"
        end()
    assert api.services.store.sessions_of(alice) == ()
    assert {answer.status for answer in outcomes if isinstance(answer, Answer)} <= {200, 400}
    for code in codes:
        assert app.redeem(code).status == 400


@pytest.mark.security("FIPA-6-once")
def test_no_code_outlives_the_passkey_that_it_was_issued_for(api: Api) -> None:
    """The owner removes it while 31 apps redeem the codes that it has given them."""
    alice, phone, app = api.user_id(ALICE), Authenticator(ORIGIN), App(api)
    user = api.services.store.get_user(alice)
    assert user is not None
    made = phone.create(passkeys.begin_registration(api.services, user))
    passkeys.register(api.services, alice, made, "a phone", OWNER)

    def issued() -> Answer:
        return app.step(passkey=phone.get(app.step(passkey_options="true").json["passkey_options"]))

    codes = [issued() for _ in range(RACERS - 1)]
    assert [code.status for code in codes] == [200] * (RACERS - 1)
    (passkey,) = api.services.store.list_passkeys(alice).listed
    calls: list[Callable[[], object]] = [partial(app.redeem, code) for code in codes]
    calls.insert(RACERS // 2, partial(passkeys.remove, api.services, alice, passkey.mark, OWNER))
    assert race(calls)[RACERS // 2] is None
    assert api.services.store.sessions_of(alice) == ()
    for code in codes:
        assert app.redeem(code).status == 400


# --- guesses through all doors ----------------------------------------------------------------------------


@dataclass
class Compared:
    """What `sms_codes` compares."""

    count: int = 0

    def compare_digest(self, one: bytes, other: bytes) -> bool:
        self.count += 1
        return hmac.compare_digest(one, other)

    digest = staticmethod(hmac.digest)


def submitted(browser: Browser, form: Form, n: int, **fields: str) -> Answer:
    """The form, as a browser with the same cookies sends it."""
    return replace(browser, cookies=dict(browser.cookies), source_ip=address(n)).send(form, **fields).answer


@pytest.mark.security("FIPA-9.3", "FLOW-10")
def test_guesses_at_a_code_are_counted_over_all_doors(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the API, at the pages and at this endpoint at once: exactly CODE_TRIES are compared."""
    compared = Compared()
    monkeypatch.setattr(sms_codes, "hmac", compared)
    browser, app = Browser(api), App(api)
    form = browser.submit(browser.get("/login").form(action="send"), mobile=MOBILE).form(action="code")
    api.time.advance(api.services.settings.code_resend)
    right = app.send_code(MOBILE)

    def guess(n: int) -> Answer:
        wrong = f"{(int(right) + n + 1) % 1_000_000:06d}"
        match n % 3:
            case 0:
                fields = {"mobile": MOBILE, "code": wrong}
                return api.post("/mobile/token", form=fields, basic=WEB, source_ip=address(n))
            case 1:
                return submitted(browser, form, n, code=wrong)
            case _:
                return replace(app, source_ip=address(n)).step(code=wrong)

    answers = everybody([partial(guess, n) for n in range(RACERS)])
    tries = api.services.settings.code_tries
    assert Counter(answer.status for answer in answers) == {400: tries, 429: RACERS - tries}
    assert compared.count == tries
    assert app.step(code=right).status == 429
    assert compared.count == tries


@pytest.mark.security("FIPA-9.3", "MFA-5")
def test_guesses_at_a_second_factor_are_counted_over_all_doors(api: Api) -> None:
    """At both kinds of code, at the pages and at this endpoint at once."""
    otp, _ = set_up(api.services, api.user_id(ALICE))
    browser, app = Browser(api), App(api)
    page = browser.log_in()
    by_app, by_recovery = page.form(action="totp"), browser.get(page.target + "?way=recovery").form(action="recovery")
    app.step(**PASSWORD)
    wrong = otp.wrong_code(api.time.at)

    def guess(n: int) -> Answer:
        match n % 4:
            case 0:
                return replace(app).step(totp=wrong)
            case 1:
                return submitted(browser, by_app, n, code=wrong)
            case 2:
                return replace(app).step(recovery_code="0000-0000-0000")
            case _:
                return submitted(browser, by_recovery, n, code="0000-0000-0000")

    answers = everybody([partial(guess, n) for n in range(RACERS)])
    tries = api.services.settings.code_tries
    assert Counter(answer.status for answer in answers) == {400: tries, 429: RACERS - tries}
    assert app.step(totp=otp.code(api.time.at)).status == 429


@pytest.mark.security("FIPA-9.3", "FLOW-10")
def test_guesses_at_a_password_are_counted_over_all_doors(api: Api) -> None:
    """At the token endpoint, at the pages and at this endpoint at once, from everywhere."""
    browser = Browser(api)
    form = browser.get("/login?way=password").form(action="password")

    def guess(n: int) -> Answer:
        fields = {"username": ALICE, "password": f"leaked {n}"}
        match n % 3:
            case 0:
                asked = {"grant_type": "password", **fields}
                return api.post("/oauth/token", form=asked, basic=WEB, source_ip=address(n))
            case 1:
                return submitted(browser, form, n, **fields)
            case _:
                return App(api, source_ip=address(n)).step(**fields)

    answers = everybody([partial(guess, n) for n in range(RACERS)])
    tries = api.services.settings.login_tries
    assert Counter(answer.status for answer in answers) == {400: tries, 429: RACERS - tries}
    assert App(api, source_ip=address(99)).step(**PASSWORD).status == 429
