"""The steps of a login in an app without a browser: after a 503 each can be repeated, or the login begun anew."""

from collections.abc import Callable

from tests.faults.house import GOOGLE_APP, MINI_PROGRAM, House
from tests.faults.page_scenarios import has_passkey
from tests.faults.scenarios import ALICE, ALICES, ALICES_NUMBER, NEW_NUMBER, Scenario, State
from tests.support.api import Answer
from tests.support.authenticator import set_up
from tests.support.browsers import VERIFIER
from tests.support.challenges import PATH, App
from tests.support.passkeys import Authenticator

_PASSWORD = {"username": ALICE, "password": ALICES}


def _step(client_id: str = "mobile-app", **fields: str) -> Callable[[House, State], Answer]:
    """A step of the app, with its `auth_session` if it has one; {name} in a field is from the state."""

    def ask(house: House, state: State) -> Answer:
        app = App(house.api, client_id, auth_session=state.get("auth_session", ""))
        return app.step(**{name: value.format(**state) for name, value in fields.items()})

    return ask


def _by_wechat(house: House, _: State) -> Answer:
    """By a code of its own each time: WeChat takes each once."""
    return App(house.api, MINI_PROGRAM).step(js_code=house.wechat.log_in("o-of-a-newcomer"))


def _redeem(house: House, state: State) -> Answer:
    form = {
        "grant_type": "authorization_code",
        "client_id": "mobile-app",
        "code": state["code"],
        "code_verifier": VERIFIER,
    }
    return house.api.post("/oauth/token", form=form)


def _sent(number: str) -> Callable[[House], State]:
    """A code was sent to the number."""

    def prepare(house: House) -> State:
        app = App(house.api)
        code = app.send_code(number)
        return {"auth_session": app.auth_session, "code": code}

    return prepare


def _google(house: House) -> State:
    return {"id_token": house.id_token("subject-of-an-app-user")}


def _issued(house: House) -> State:
    answer = App(house.api).step(**_PASSWORD)
    assert answer.status == 200, answer
    return {"code": answer.json["authorization_code"]}


def _first_factor(house: House) -> State:
    """Alice has an authenticator app, and has proven her password."""
    otp, recovery = set_up(house.api.services, house.api.user_id(ALICE))
    app = App(house.api)
    assert app.step(**_PASSWORD).json["next"] == ["totp", "recovery_code"]
    code = otp.code(house.api.time.at)
    return {
        "auth_session": app.auth_session,
        "totp": code,
        "recovery": recovery[0],
        "wrong": otp.wrong_code(house.api.time.at),
    }


def _enrolled(house: House) -> State:
    """Alice has an authenticator app; a code was sent to her number."""
    set_up(house.api.services, house.api.user_id(ALICE))
    return _sent(ALICES_NUMBER)(house)


def _asked_for_passkey(app: App, phone: Authenticator) -> str:
    return phone.get(app.step(passkey_options="true").json["passkey_options"])


def _presented(house: House) -> State:
    """Alice's app has got an answer by her passkey, and is about to send it."""
    _, phone = has_passkey(house)
    return {"answer": _asked_for_passkey(App(house.api), phone)}


def _presented_second(house: House) -> State:
    """As `_presented`, after her password."""
    _, phone = has_passkey(house)
    app = App(house.api)
    assert app.step(**_PASSWORD).json["next"] == ["passkey", "recovery_code"]
    return {"answer": _asked_for_passkey(app, phone), "auth_session": app.auth_session}


CHALLENGE_SCENARIOS = [
    Scenario("what may come", PATH, _step(), status=403),
    Scenario("what may come next", PATH, _step(), _first_factor, 403),
    Scenario("send a code", PATH, _step(mobile=NEW_NUMBER), status=403),
    Scenario("send a code to another number", PATH, _step(mobile=NEW_NUMBER), _sent(ALICES_NUMBER), 403),
    Scenario("by code", PATH, _step(code="{code}"), _sent(ALICES_NUMBER)),
    Scenario("by code, first time", PATH, _step(code="{code}"), _sent(NEW_NUMBER)),
    Scenario("by code, of two factors", PATH, _step(code="{code}"), _enrolled, 403),
    Scenario("by a wrong code", PATH, _step(code="000000"), _sent(ALICES_NUMBER), 400),
    Scenario("by password", PATH, _step(**_PASSWORD)),
    Scenario("by password, after a code was sent", PATH, _step(**_PASSWORD), _sent(ALICES_NUMBER)),
    Scenario("by a wrong password", PATH, _step(username=ALICE, password="not hers"), status=400),
    Scenario("by WeChat", PATH, _by_wechat),
    Scenario("by an ID token", PATH, _step(GOOGLE_APP, id_token="{id_token}"), _google),
    Scenario("for a passkey", PATH, _step(passkey_options="true"), status=403),
    Scenario("by a passkey", PATH, _step(passkey="{answer}"), _presented, once_done=400),
    Scenario("by totp", PATH, _step(totp="{totp}"), _first_factor, once_done=400),
    Scenario("by a wrong totp", PATH, _step(totp="{wrong}"), _first_factor, 400),
    Scenario("by a recovery code", PATH, _step(recovery_code="{recovery}"), _first_factor, once_done=400),
    Scenario("by a passkey, second", PATH, _step(passkey="{answer}"), _presented_second, once_done=400),
    Scenario("redeem", "/oauth/token", _redeem, _issued),
]
