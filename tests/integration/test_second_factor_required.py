"""An account with a second factor is not opened with one: by no grant and in no dialect, and nothing is used up."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.storage import ChangeUser
from tests.support.api import Answer, Api, make_api
from tests.support.browsers import CALLBACK, VERIFIER, browser_login, issue_code, web_app
from tests.support.dialects import ALICE, BY_PASSWORD, DJANGO, ISSUER, PASSPORT, digests, failed, passport_error, sdk
from tests.support.tokens import APP, BAD_CREDENTIALS, STANDARD, WEB, error

pytestmark = pytest.mark.security("MFA-1", "ASVS-6.3.3")

NUMBER = "13312341234"
TEXT = f"The account needs a second factor: log in at {ISSUER}/login"
REFUSED = error(400, "invalid_grant", TEXT)
WEB_APP = ("web-app", "web-app-secret")


def enrol(api: Api, name: str = "alice") -> None:
    """Give the account a second factor, as the transaction of its enrolment does."""
    user = api.services.store.get_user(api.user_id(name))
    assert user is not None
    api.services.store.commit(ChangeUser(user, replace(user, second_factors=frozenset({"totp"}))))


@pytest.fixture
def enrolled(api: Api) -> Api:
    enrol(api)
    return api


def sessions(api: Api) -> int:
    return len(api.services.store.sessions_of(api.user_id("alice")))


def send_code(api: Api, basic: tuple[str, str] = WEB) -> str:
    assert api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=basic).status == 200
    return api.last_code


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ({"form": DJANGO}, REFUSED),
        ({"form": PASSPORT}, passport_error(400, "invalid_grant", TEXT)),
        ({"basic": WEB}, REFUSED),
        ({"basic": STANDARD}, REFUSED),
        ({"form": {"client_id": "23"}}, failed(f"该账号需要两步验证，请在 {ISSUER}/login 登录")),
    ],
    ids=["seed 000", "seed 001", "seed 003", "new", "seed 002"],
)
def test_a_password_alone_in_every_dialect(enrolled: Api, client: dict[str, Any], expected: Answer) -> None:
    form = {**client.get("form", {}), **BY_PASSWORD}
    assert enrolled.post("/oauth/token", form=form, basic=client.get("basic")) == expected
    assert sessions(enrolled) == 0


def test_a_wrong_password_is_answered_as_ever(enrolled: Api) -> None:
    form = {**BY_PASSWORD, "password": "wrong-password"}
    assert enrolled.post("/oauth/token", form=form, basic=WEB) == BAD_CREDENTIALS


@pytest.mark.parametrize("basic", [WEB, STANDARD], ids=["seed 003", "new"])
def test_a_code_alone(enrolled: Api, basic: tuple[str, str]) -> None:
    """Nor is the code used up: it is still good at the login page's second step."""
    form = {"mobile": NUMBER, "code": send_code(enrolled, basic)}
    for _ in range(2):
        assert enrolled.post("/mobile/token", form=form, basic=basic) == REFUSED
    assert sessions(enrolled) == 0


def test_a_code_by_name_alone(enrolled: Api) -> None:
    code = send_code(enrolled)
    answer = enrolled.post("/oauth/token", json_body=sdk(validateCode=code))
    assert answer == failed(f"该账号需要两步验证，请在 {ISSUER}/login 登录")
    assert sessions(enrolled) == 0


def test_digests_alone(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(monkeypatch, api_store, digest_login=True)
    api.token()
    api.services.store.end_sessions(api.services.store.sessions_of(api.user_id("alice")))
    enrol(api)
    answer = api.post("/oauth/token", json_body=sdk(**digests()))
    assert answer == failed(f"该账号需要两步验证，请在 {ISSUER}/login 登录")
    assert sessions(api) == 0


def test_a_password_whose_hash_is_replaced_at_the_login(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login would change the account, and is refused all the same."""
    api = make_api(monkeypatch, api_store, digest_login=True)
    enrol(api)
    assert api.post("/oauth/token", form=BY_PASSWORD, basic=WEB) == REFUSED
    user = api.services.store.get_user(api.user_id("alice"))
    assert (user and user.digests, sessions(api)) == (None, 0)


def test_a_third_party_alone(api: Api) -> None:
    tokens = api.post("/sign/token", form={"sign": "o-1"}, basic=WEB).json
    caller = api.call("GET", "/users/current", bearer=tokens["access_token"]).json["message"]
    user = api.services.store.get_user(int(caller["id"]))
    assert user is not None
    api.services.store.commit(ChangeUser(user, replace(user, second_factors=frozenset({"passkey"}))))
    assert api.post("/sign/token", form={"sign": "o-1"}, basic=WEB) == REFUSED
    assert len(api.services.store.sessions_of(user.id)) == 1


def test_an_authorization_code_of_a_login_with_one_factor(api: Api) -> None:
    """Issued before the account got its second factor, and redeemed after it: it stays unused."""
    store: Any = api.services.store
    store.put_client(web_app())
    login = browser_login(api.services, api.user_id("alice"))
    code = issue_code(api.services, login)
    enrol(api)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    for _ in range(2):
        assert api.post("/oauth/token", form=form, basic=WEB_APP) == REFUSED
    assert sessions(api) == 1


def test_an_authorization_code_of_a_login_with_two_factors(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(web_app())
    enrol(api)
    login = browser_login(api.services, api.user_id("alice"), methods=("pwd", "otp", "mfa"))
    code = issue_code(api.services, login)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    assert api.post("/oauth/token", form=form, basic=WEB_APP).status == 200


def test_a_disabled_account_says_no_more_than_before(enrolled: Api) -> None:
    enrolled.post("/users/delete", json_body={"id": enrolled.user_id("alice")}, bearer=enrolled.admin())
    assert enrolled.post("/oauth/token", form=BY_PASSWORD, basic=WEB) == BAD_CREDENTIALS


def test_at_the_limit_of_sessions_none_ends_for_a_refused_login(
    api_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = make_api(monkeypatch, api_store, sessions_max=2)
    for _ in range(2):
        api.token()
    before = set(api.services.store.sessions_of(api.user_id("alice")))
    enrol(api)
    assert api.post("/oauth/token", form=BY_PASSWORD, basic=WEB) == REFUSED
    assert set(api.services.store.sessions_of(api.user_id("alice"))) == before


def test_a_session_from_before_stays(api: Api) -> None:
    """Its refresh goes on, as a session of one factor: enrolling ends the others, and keeps that of the owner."""
    tokens = api.log_in(ALICE["username"], ALICE["password"])
    enrol(api)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert api.post("/oauth/token", form=form, basic=WEB).status == 200


def test_where_it_is_off_one_factor_is_enough(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(monkeypatch, api_store, mfa="off")
    enrol(api)
    assert api.post("/oauth/token", form=BY_PASSWORD, basic=WEB).status == 200
    assert api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=APP).status == 200
