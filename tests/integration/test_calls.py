"""How many DynamoDB calls each operation makes, counted where they leave the process: one more fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest

from lingpai.authorization import codes, request
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.authenticator import set_up
from tests.support.browsers import CALLBACK, VERIFIER, browser_login, request_pairs, web_app
from tests.support.challenges import App, mobile_app
from tests.support.dpop import ProofKey
from tests.support.pages import Browser
from tests.support.tokens import ALICE

WEB = ("web-client", "web-secret")
STANDARD = ("standard-client", "standard-secret")
NUMBER = "13912345678"


@dataclass
class Calls:
    """The operations sent since the last look."""

    seen: list[str] = field(default_factory=list)

    def listen(self, client: Any) -> None:
        """Count at the wire: `before-send` fires for each HTTP request, retries included."""
        client.meta.events.register("before-send.dynamodb", self._sent)

    def _sent(self, request: Any, **_: Any) -> None:
        self.seen.append(request.headers["X-Amz-Target"].decode().partition(".")[2])

    def of(self, act: Callable[[], Any]) -> list[str]:
        """What `act` sends."""
        self.seen.clear()
        act()
        return list(self.seen)


@dataclass(frozen=True)
class House:
    """The API on the reference store, warm, and the count of its calls."""

    api: Api
    calls: Calls


@pytest.fixture
def house(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    calls = Calls()
    with stores.on_dynamodb_local(dynamodb_endpoint, calls.listen, transport="botocore") as store:
        api = make_api(monkeypatch, store, **stores.GUARDED)
        for client_id, _ in (WEB, STANDARD, ("machine-client", "")):
            api.services.clients.get_client(client_id)
        # Ids of one millisecond have 12 random bits: that of a new account may be taken, which costs two calls more.
        api.time.advance(1)
        yield House(api, calls)


def ok(answer: Any) -> Any:
    assert answer.status == 200, answer
    return answer.json


LOGIN = ["BatchGetItem", "GetItem", "TransactWriteItems"]


@pytest.mark.parametrize("visit", ["first", "second"])
def test_issue_by_password_takes_three(house: House, visit: str) -> None:
    """The name with the limits, the account, the session (checked against both in the same transaction).

    It costs no call more where the address is a new one, and has to be remembered.
    """
    if visit == "second":
        house.api.token()
    assert house.calls.of(house.api.token) == LOGIN


def test_a_wrong_password_takes_three(house: House) -> None:
    """The last one counts it."""
    form = {"grant_type": "password", "username": "alice", "password": "not hers at all"}
    assert house.calls.of(lambda: house.api.post("/oauth/token", form=form, basic=WEB)) == LOGIN


def test_an_unknown_name_takes_as_many(house: House) -> None:
    """Who counts the calls, or their time, learns nothing about which accounts there are."""
    form = {"grant_type": "password", "username": "nobody-at-all", "password": "not hers at all"}
    assert house.calls.of(lambda: house.api.post("/oauth/token", form=form, basic=WEB)) == LOGIN


@pytest.mark.parametrize("username", ["alice", "nobody-at-all"])
@pytest.mark.parametrize("password", ["correct horse battery", "not hers at all"])
def test_a_name_that_was_guessed_at_too_often_takes_one(house: House, username: str, password: str) -> None:
    """Whether it is somebody's, and whether the password is right."""
    form = {"grant_type": "password", "username": username, "password": "a wrong guess"}
    for _ in range(house.api.services.settings.login_tries):
        house.api.post("/oauth/token", form=form, basic=WEB)
    form["password"] = password
    assert house.calls.of(lambda: house.api.post("/oauth/token", form=form, basic=WEB)) == ["BatchGetItem"]


def test_a_rehash_on_login_takes_no_call_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    later = make_api(monkeypatch, house.api.services.store, populated=False, argon2_time=2, **stores.GUARDED)
    later.services.clients.get_client(WEB[0])
    assert house.calls.of(later.token) == LOGIN


@pytest.mark.parametrize("is_old", [False, True], ids=["not too old", "too old"])
@pytest.mark.parametrize("roles", ["", "user"], ids=["everybody", "a role"])
def test_the_age_of_a_password_takes_no_call_more(
    house: House, monkeypatch: pytest.MonkeyPatch, roles: str, is_old: bool
) -> None:
    """Where it depends on a role, that is read with the account."""
    later = make_api(
        monkeypatch,
        house.api.services.store,
        populated=False,
        password_max_age_days=90,
        password_max_age_roles=roles,
        **stores.GUARDED,
    )
    later.time.advance(90 * 86400 if is_old else 1)
    later.services.clients.get_client(WEB[0])
    form = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
    read = "BatchGetItem" if roles else "GetItem"
    seen = house.calls.of(lambda: later.post("/oauth/token", form=form, basic=WEB))
    assert seen == ["BatchGetItem", read, "TransactWriteItems"]
    assert later.post("/oauth/token", form=form, basic=WEB).status == (400 if is_old else 200)


LOGIN_BY_CODE = ["BatchGetItem", "UpdateItem", "TransactWriteItems", "UpdateItem"]


def test_issue_by_code_takes_four(house: House) -> None:
    """The number's account with the client's limit; the guess; use up + check + put in one transaction; the prefix."""
    api = house.api
    ok(api.post("/mobile/code/get", form={"mobile": "13312341234"}, basic=WEB))
    form = {"mobile": "13312341234", "code": api.last_code}
    sent = house.calls.of(lambda: ok(api.post("/mobile/token", form=form, basic=WEB)))
    assert sent == LOGIN_BY_CODE


def test_the_first_login_by_code_takes_four(house: House) -> None:
    api = house.api
    ok(api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB))
    form = {"mobile": NUMBER, "code": api.last_code}
    sent = house.calls.of(lambda: ok(api.post("/mobile/token", form=form, basic=WEB)))
    assert sent == LOGIN_BY_CODE


@pytest.mark.parametrize("visit", ["first", "second"])
def test_issue_by_sign_takes_two(house: House, visit: str) -> None:
    if visit == "second":
        ok(house.api.post("/sign/token", form={"sign": "openid-1"}, basic=WEB))
    sent = house.calls.of(lambda: ok(house.api.post("/sign/token", form={"sign": "openid-1"}, basic=WEB)))
    assert sent == ["GetItem", "TransactWriteItems"]


def test_issue_by_client_credentials_takes_one(house: House) -> None:
    form = {"grant_type": "client_credentials"}
    assert house.calls.of(lambda: ok(house.api.post("/oauth/token", form=form, basic=STANDARD))) == ["PutItem"]


def test_a_dpop_proof_takes_one_more(house: House) -> None:
    """The proof is used up before anything is issued, and before the token opens anything."""
    api, key = house.api, ProofKey(house.api.services.clock.now)
    form = {**ALICE, "scope": "lingpai:account"}
    tokens = ok(api.post("/oauth/token", form=form, basic=STANDARD, headers=key.headers()))
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    sent = house.calls.of(lambda: ok(api.post("/oauth/token", form=refresh, basic=STANDARD, headers=key.headers())))
    assert sent == ["UpdateItem", "UpdateItem"]
    token = tokens["access_token"]
    sent = house.calls.of(lambda: ok(key.call(api, "POST", "/users/current", token)))
    assert sent == ["GetItem", "UpdateItem", "BatchGetItem"]


def test_a_proof_that_is_wrong_takes_none(house: House) -> None:
    """Nothing is counted for it, whoever sends it."""
    headers = ProofKey(house.api.services.clock.now).headers("/elsewhere")
    form = {"grant_type": "client_credentials"}
    assert house.calls.of(lambda: house.api.post("/oauth/token", form=form, basic=STANDARD, headers=headers)) == []


def test_a_cold_client_takes_one_more(house: House) -> None:
    house.api.time.advance(house.api.services.settings.client_cache_ttl)
    form = {"grant_type": "client_credentials"}
    sent = house.calls.of(lambda: ok(house.api.post("/oauth/token", form=form, basic=STANDARD)))
    assert sent == ["BatchGetItem", "PutItem"]


def refresh(api: Api, token: str) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return api.post("/oauth/token", form=form, basic=WEB)


def test_refresh_takes_one_and_so_does_its_retry(house: House) -> None:
    api = house.api
    token = api.log_in("alice", "correct horse battery")["refresh_token"]
    assert house.calls.of(lambda: ok(refresh(api, token))) == ["UpdateItem"]
    assert house.calls.of(lambda: ok(refresh(api, token))) == ["UpdateItem"]


def test_theft_takes_the_verdict_and_the_end(house: House) -> None:
    api = house.api
    token = api.log_in("alice", "correct horse battery")["refresh_token"]
    ok(refresh(api, token))
    api.time.advance(601)
    api.services.clients.get_client(WEB[0])
    assert house.calls.of(lambda: refresh(api, token)) == ["UpdateItem", "PutItem"]


@pytest.mark.security("F16")
def test_every_kind_of_retry_takes_one(house: House) -> None:
    api = house.api
    tokens = [api.log_in("alice", "correct horse battery")["refresh_token"]]
    for _ in range(3):
        tokens.append(ok(refresh(api, tokens[-1]))["refresh_token"])
    for older in tokens[:-1]:
        assert house.calls.of(partial(refresh, api, older)) == ["UpdateItem"]
    api.time.advance(600)
    api.services.clients.get_client(WEB[0])
    assert house.calls.of(lambda: ok(refresh(api, tokens[-2]))) == ["UpdateItem"]
    forged = tokens[-1].partition(".")[0] + "." + "A" * 43
    assert house.calls.of(lambda: refresh(api, forged)) == ["UpdateItem"]


def test_who_calls_takes_one_for_the_session_and_one_for_the_user_with_the_roles(house: House) -> None:
    token = house.api.token()
    sent = house.calls.of(lambda: ok(house.api.post("/users/current", bearer=token)))
    assert sent == ["GetItem", "BatchGetItem"]


@pytest.mark.parametrize("token", ["", "short", "A" * 66, "A" * 22 + "." + "A" * 42, "A" * 21 + "B." + "A" * 43])
def test_a_token_of_another_shape_takes_none(house: House, token: str) -> None:
    api = house.api
    assert house.calls.of(lambda: api.post("/users/current", headers={"Authorization": f"Bearer {token}"})) == []
    if token:
        assert house.calls.of(lambda: refresh(api, token)) == []


def test_a_code_request_takes_two_and_one_for_each_further_limit(house: House) -> None:
    """Two for the number, one each for the address with its network, the prefix, the client and the day."""
    form = {"mobile": NUMBER}
    sent = house.calls.of(lambda: ok(house.api.post("/mobile/code/get", form=form, basic=WEB)))
    assert sent == ["GetItem", *["UpdateItem"] * 4, "UpdateItem"]


def test_verifying_a_code_takes_two_and_the_first_time_two_more(house: House) -> None:
    """One for the address and one for the guess; and the prefix learns, once, that its code came back."""
    ok(house.api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB))
    form = {"mobile": NUMBER, "code": house.api.last_code}
    assert house.calls.of(lambda: ok(house.api.post("/mobile/code/verify", form=form))) == ["UpdateItem"] * 4
    assert house.calls.of(lambda: house.api.post("/mobile/code/verify", form=form)) == ["UpdateItem"] * 2
    form["code"] = "000000" if form["code"] != "000000" else "111111"
    assert house.calls.of(lambda: house.api.post("/mobile/code/verify", form=form)) == ["UpdateItem"] * 2


def test_registering_takes_the_limit_and_one_transaction(house: House) -> None:
    body = {"username": "newcomer", "password": "a longer password"}
    sent = house.calls.of(lambda: ok(house.api.post("/users/register", json_body=body)))
    assert sent == ["UpdateItem", "TransactWriteItems"]


def test_ending_all_sessions_takes_two_queries_and_a_batch_for_each_25(house: House) -> None:
    """The second one finds what was opened meanwhile by a code that was issued before."""
    api = house.api
    tokens = [api.token("bob", "battery staple correct") for _ in range(60)]
    body = {"id": api.user_id("bob"), "password": "another good password"}
    admin = api.admin()
    sent = house.calls.of(lambda: ok(api.post("/users/save", json_body=body, bearer=admin)))
    assert sent == [
        "GetItem",
        "BatchGetItem",
        "GetItem",
        "TransactWriteItems",
        "Query",
        *["BatchWriteItem"] * 3,
        "Query",
    ]
    assert {api.post("/users/current", bearer=token).status for token in tokens} == {401}


def test_changing_a_password_is_one_transaction_between_two_looks(house: House) -> None:
    api = house.api
    token, other = api.token(), api.token()
    body = {
        "userId": api.user_id("alice"),
        "oldPassword": "correct horse battery",
        "newPassword": "another good password",
    }
    sent = house.calls.of(lambda: ok(api.post("/users/pwd/update", json_body=body, bearer=token)))
    assert sent == ["GetItem", "BatchGetItem", "GetItem", "UpdateItem", "Query", "TransactWriteItems", "Query"]
    assert [api.post("/users/current", bearer=t).status for t in (token, other)] == [200, 401]


# --- OpenID Connect


@pytest.fixture
def logged_in(house: House) -> Callable[[], str]:
    """Gives a code of web-app for a browser that has logged in."""
    services = house.api.services
    store: Any = services.store
    store.put_client(web_app())
    login = browser_login(services, house.api.user_id("alice"))

    def code() -> str:
        client, asked = request.read(services, request_pairs(scope="openid profile read"))
        return codes.issue(services, client, asked, login)

    code()
    return code


def redeemed(house: House, code: str) -> Any:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return ok(house.api.post("/oauth/token", form=form, basic=("web-app", "web-app-secret")))


def test_an_authorization_code_takes_one(house: House, logged_in: Callable[[], str]) -> None:
    """Reading the request takes none; the browser session is read besides."""
    assert house.calls.of(logged_in) == ["PutItem"]


def test_an_authorization_request_of_a_browser_takes_two(house: House) -> None:
    """The session with its account, and the code; once in a while that the session was used, in the same call."""
    store: Any = house.api.services.store
    store.put_client(web_app())
    browser = Browser(house.api)
    browser.log_in()
    target = f"/oauth/authorize?{urlencode(request_pairs())}"

    def ask() -> None:
        assert "code=" in browser.call("GET", target).location

    ask()
    assert house.calls.of(ask) == ["BatchGetItem", "PutItem"]
    house.api.time.advance(600)
    house.api.services.clients.get_client("web-app")
    assert house.calls.of(ask) == ["BatchGetItem", "TransactWriteItems"]


def test_redeeming_it_takes_two(house: House, logged_in: Callable[[], str]) -> None:
    """So does a retry: the code, and the session that it has opened."""
    code = logged_in()
    assert house.calls.of(lambda: redeemed(house, code)) == ["GetItem", "TransactWriteItems"]
    assert house.calls.of(lambda: redeemed(house, code)) == ["GetItem", "GetItem"]


def test_userinfo_takes_two(house: House, logged_in: Callable[[], str]) -> None:
    """The session; the account with its roles."""
    token = redeemed(house, logged_in())["access_token"]
    sent = house.calls.of(lambda: ok(house.api.call("GET", "/oauth/userinfo", bearer=token)))
    assert sent == ["GetItem", "BatchGetItem"]


def test_a_pushed_request_takes_one(house: House, logged_in: Callable[[], str]) -> None:
    form = dict(request_pairs())
    sent = house.calls.of(lambda: house.api.post("/oauth/par", form=form, basic=("web-app", "web-app-secret")))
    assert sent == ["PutItem"]


# --- logins of an app without a browser


@pytest.fixture
def app(house: House) -> App:
    """An app, whose client's record is in memory."""
    store: Any = house.api.services.store
    store.put_client(mobile_app())
    house.api.services.clients.get_client("mobile-app")
    return App(house.api)


PASSWORD = {"username": "alice", "password": "correct horse battery"}


def test_what_may_come_takes_none(house: House, app: App) -> None:
    assert house.calls.of(app.step) == []


def test_sending_a_code_takes_one_more_than_elsewhere(house: House, app: App) -> None:
    """For the `auth_session`, before the message is sent; where there was one, it is read first and deleted last."""
    sending = ["GetItem", *["UpdateItem"] * 4, "UpdateItem", "PutItem"]
    assert house.calls.of(lambda: app.send_code(NUMBER)) == sending
    house.api.time.advance(house.api.services.settings.code_resend)
    house.api.services.clients.get_client("mobile-app")
    again = house.calls.of(lambda: app.send_code(NUMBER))
    assert again == ["GetItem", *sending, "TransactWriteItems"]


@pytest.mark.parametrize("number", ["13312341234", NUMBER], ids=["known", "first"])
def test_logging_in_by_a_code_there_takes_six(house: House, app: App, number: str) -> None:
    """The `auth_session`, the limit of the address, and what it takes elsewhere."""
    code = app.send_code(number)
    one_factor = ["GetItem", "BatchGetItem", "UpdateItem", "UpdateItem", "TransactWriteItems", "UpdateItem"]
    assert house.calls.of(lambda: ok(app.step(code=code))) == one_factor


def test_logging_in_by_a_password_there_takes_three(house: House, app: App) -> None:
    """As elsewhere. Redeeming the code takes two, as does its retry."""
    issued = []
    assert house.calls.of(lambda: issued.append(app.step(**PASSWORD))) == LOGIN
    (answer,) = issued
    assert house.calls.of(lambda: ok(app.redeem(answer))) == ["GetItem", "TransactWriteItems"]
    assert house.calls.of(lambda: ok(app.redeem(answer))) == ["GetItem", "GetItem"]


def test_a_second_factor_there_takes_six(house: House, app: App) -> None:
    """The first factor meets the refusal of the account, reads it, and is kept.

    Then: the `auth_session`, the account, the guess, the factors, the refund; and all of it in one transaction.
    """
    otp, codes = set_up(house.api.services, house.api.user_id("alice"))
    assert house.calls.of(lambda: app.step(**PASSWORD)) == [*LOGIN, "GetItem", "TransactWriteItems"]
    code = otp.code(house.api.time.at)
    proving = ["GetItem", "GetItem", "UpdateItem", "Query", "UpdateItem", "TransactWriteItems"]
    assert house.calls.of(lambda: ok(app.step(totp=code))) == proving
    app = App(house.api)
    app.step(**PASSWORD)
    assert house.calls.of(lambda: ok(app.step(recovery_code=codes[0]))) == proving


@pytest.mark.parametrize("secret", ["A", "A" * 64, "Ä" * 43, "A" * 42 + "=", ""])
def test_a_session_of_another_shape_takes_none(house: House, app: App, secret: str) -> None:
    app.auth_session = secret
    assert house.calls.of(app.step) == []


def test_a_proof_there_takes_one_more(house: House, app: App) -> None:
    app.key = ProofKey(house.api.services.clock.now)
    assert house.calls.of(lambda: ok(app.step(**PASSWORD))) == ["UpdateItem", *LOGIN]
