"""SESSIONS_MAX: an account has so many live sessions, the oldest end for a new one; all of them end, however many."""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from lingpai.accounts import ended_accounts, identities
from lingpai.accounts import service as accounts
from lingpai.sessions import service as sessions
from lingpai.sessions.dynamodb import serialize_session
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.token_family import digest
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.authenticator import set_up
from tests.support.browsers import CALLBACK, VERIFIER, request_pairs, web_app
from tests.support.challenges import App, mobile_app
from tests.support.dialects import is_good
from tests.support.pages import Browser
from tests.support.tokens import ALICE, WEB, calls, refresh, spring_tokens

pytestmark = pytest.mark.security("F17")

MOST = 3
DAY = 86400
NUMBER = "13312341234"
MANY = 10 * ended_accounts.DELETED_AT_ONCE


@pytest.fixture
def api(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Where an account may have three sessions."""
    return make_api(monkeypatch, api_store, sessions_max=MOST)


def by_password(api: Api) -> str:
    token: str = spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB))["access_token"]
    return token


def by_code(api: Api) -> str:
    api.time.advance(3600)
    assert api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB).status == 200
    form = {"mobile": NUMBER, "code": api.last_code}
    token: str = spring_tokens(api.post("/mobile/token", form=form, basic=WEB))["access_token"]
    return token


def by_sign(api: Api) -> str:
    token: str = spring_tokens(api.post("/sign/token", form={"sign": "o-1"}, basic=WEB))["access_token"]
    return token


LOGINS = {"password": by_password, "code": by_code, "sign": by_sign}


@pytest.mark.parametrize("log_in", LOGINS.values(), ids=LOGINS)
def test_the_oldest_session_ends_for_a_new_one(api: Api, log_in: Callable[[Api], str]) -> None:
    tokens = []
    for opened in range(1, 9):
        tokens.append(log_in(api))
        api.time.advance(1)
        alive = [is_good(api, token) for token in tokens]
        assert alive == [False] * (opened - min(opened, MOST)) + [True] * min(opened, MOST)


@pytest.mark.moto
@pytest.mark.parametrize("most", [1, 2, MOST])
def test_a_session_that_ends_for_a_new_one_makes_room(
    api_store: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """That of a code of an app, when the code is redeemed: one login ends one session, and even the only one."""
    api = make_api(monkeypatch, api_store, sessions_max=most)
    api_store.put_client(mobile_app())
    tokens = []
    for opened in range(1, 7):
        app = App(api)
        answer = app.redeem(app.step(username=ALICE["username"], password=ALICE["password"]))
        assert answer.status == 200, answer
        tokens.append(answer.json["access_token"])
        # The clock stands still now and then.
        api.time.advance(opened % 2)
        assert len(api_store.sessions_of(api.user_id("alice"))) == min(opened, most)
        assert [is_good(api, token) for token in tokens].count(True) == min(opened, most)


@pytest.mark.moto
def test_a_browser_session_that_is_replaced_makes_room(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one of two factors, where it is the only one."""
    api = make_api(monkeypatch, api_store, sessions_max=1)
    browser, alice = Browser(api), api.user_id("alice")
    browser.log_in()
    (only,) = api_store.sessions_of(alice)
    app, _ = set_up(api.services, alice, only)
    page = browser.submit(browser.get("/login/second-factor").form(action="totp"), code=app.code(api.time.at))
    assert page.status == 200
    assert browser.is_logged_in
    (new,) = api_store.sessions_of(alice)
    assert new != only


@pytest.mark.moto
@pytest.mark.parametrize("most", [1, 2, MOST])
def test_the_browser_that_a_code_came_from_stays_logged_in(
    api_store: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Its session may be the oldest: another one ends, as long as there is one."""
    api = make_api(monkeypatch, api_store, sessions_max=most)
    api_store.put_client(web_app())
    browser, alice = Browser(api), api.user_id("alice")
    browser.log_in()
    others = []
    for _ in range(most - 1):
        api.time.advance(1)
        others.append(by_password(api))
    api.time.advance(1)
    page = browser.call("GET", f"/oauth/authorize?{urlencode(request_pairs())}")
    code = parse_qs(urlsplit(page.location).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer = api.post("/oauth/token", form=form, basic=("web-app", "web-app-secret"))
    assert answer.status == 200, answer
    assert is_good(api, answer.json["access_token"])
    assert len(api_store.sessions_of(alice)) == most
    assert [is_good(api, token) for token in others] == [False, *(True,) * (most - 2)][: most - 1]
    assert browser.is_logged_in == (most > 1)


def test_sessions_that_are_over_count_for_nothing(api: Api) -> None:
    """Ended or expired: the oldest that is alive goes on beside new ones."""
    old = by_password(api)
    for _ in range(10):
        api.time.advance(1)
        token = by_password(api)
        assert api.post("/oauth/revoke", form={"token": token}, basic=WEB).status == 200
    assert is_good(api, old)


def test_a_refresh_is_no_new_session(api: Api) -> None:
    tokens = spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB))
    for _ in range(2 * MOST):
        api.time.advance(31)
        tokens = spring_tokens(refresh(api, tokens["refresh_token"]))
    by_password(api)
    by_password(api)
    assert is_good(api, tokens["access_token"])


@pytest.mark.moto
def test_only_a_login_at_the_limit_takes_more_calls(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    by_sign(api)
    with monkeypatch.context() as patch:
        operations = calls(patch, api)
        for _ in range(MOST - 1):
            by_sign(api)
        assert operations == ["GetItem", "TransactWriteItems"] * (MOST - 1)
        operations.clear()
        by_sign(api)
        assert operations == ["GetItem", "TransactWriteItems", "Query", "TransactWriteItems"]


def an_old_session(api: Api, user_id: int, number: int) -> Session:
    """One that was opened before sessions were counted, the `number`th."""
    now = api.services.clock.now()
    return Session(
        key=SessionKey(user_id, number.to_bytes(8)),
        client_id="web-client",
        scope=("web",),
        created_at=now - 10 * DAY + number,
        ends_at=now + 170 * DAY,
        access_hash=bytes(32),
        access_expires_at=now + 5 * DAY,
        access_scope=("web",),
    )


@pytest.mark.moto
def test_an_account_from_before_is_counted_at_its_next_login(api: Api) -> None:
    """It has no count, and more sessions than one login ends: so each of its next ones ends some."""
    store: Any = api.services.store
    alice = api.user_id("alice")
    for number in range(120):
        session = an_old_session(api, alice, number)
        store.call("PutItem", TableName=store.settings.sessions_table, Item=serialize_session(session, session.ends_at))
    key = {"id": {"N": str(alice)}}
    store.call("UpdateItem", TableName=store.settings.users_table, Key=key, UpdateExpression="REMOVE sessions, logins")
    left, token = [], ""
    for _ in range(4):
        token = by_password(api)
        left.append(len(store.sessions_of(alice)))
    assert left == [71, 22, MOST, MOST]
    assert is_good(api, token)


def test_a_wrong_login_is_no_session(api: Api) -> None:
    """Nor does it end one: somebody who guesses logs nobody out."""
    tokens = [by_password(api) for _ in range(MOST)]
    wrong = {**ALICE, "password": "not her password at all"}
    for _ in range(3):
        assert api.post("/oauth/token", form=wrong, basic=WEB).status == 400
    assert all(is_good(api, token) for token in tokens)


def test_a_disabled_account_at_its_limit_is_refused_as_such(api: Api) -> None:
    for _ in range(MOST):
        by_sign(api)
    user_id = identities.find_by_name(api.services, "alice")
    assert user_id is not None
    (user,) = [user for user in api.services.store.list_users(10, None).users if user.openids]
    accounts.disable(api.services, user.id)
    answer = api.post("/sign/token", form={"sign": "o-1"}, basic=WEB)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def crowd(api: Api, store: Any, user_id: int, count: int) -> list[tuple[SessionKey, str, str]]:
    """So many sessions of the account, written in batches: key, access token and refresh token of each."""
    table, secrets = store.settings.sessions_table, {"access": b"a" * 28, "refresh": b"r" * 28}
    found = []

    def put(batch: list[Session]) -> None:
        requests = [{"PutRequest": {"Item": serialize_session(session, session.ends_at)}} for session in batch]
        assert not store.call("BatchWriteItem", RequestItems={table: requests}).get("UnprocessedItems")

    made = []
    for number in range(count):
        session = an_old_session(api, user_id, number)
        access, refreshing = (secrets[name] + number.to_bytes(4) for name in ("access", "refresh"))
        made.append(
            replace(
                session,
                created_at=api.services.clock.now() - number % (10 * DAY),
                access_hash=digest(access),
                refresh_hash=digest(refreshing),
                refresh_expires_at=session.ends_at,
            )
        )
        found.append(
            (session.key, sessions.token_text(session.key, access), sessions.token_text(session.key, refreshing))
        )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, (made[start : start + 25] for start in range(0, count, 25))))
    return found


def test_ten_thousand_sessions_end_by_one_request(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an account from before may have them: 200 within the time that Lambda gives, and none opens anything then.

    What the request does is the same for any number above `DELETED_AT_ONCE`: so many deletions, and no reading of all.
    """
    with stores.on_dynamodb_local(dynamodb_endpoint) as store:
        api = make_api(monkeypatch, store)
        alice, store_calls = api.user_id("alice"), Counter[str]()
        old = crowd(api, store, alice, MANY)
        _, good, _ = old[1234]
        assert is_good(api, good)
        asking = by_password(api)
        with monkeypatch.context() as patch:
            operations = calls(patch, api)
            body = {"userId": alice, "oldPassword": ALICE["password"], "newPassword": "another long phrase"}
            began = time.monotonic()
            assert api.post("/users/pwd/update", json_body=body, bearer=asking).status == 200
            assert time.monotonic() - began < timeout("UsersFunction")
            store_calls.update(operations)
        assert store_calls["BatchWriteItem"] == ended_accounts.DELETED_AT_ONCE / 25
        # None reads more, so not all of them are read.
        assert store_calls["Query"] * ended_accounts.DELETED_AT_ONCE < MANY
        user = store.get_user(alice)
        assert user is not None
        assert user.sessions == 1
        form = {**ALICE, "password": "another long phrase"}
        new = spring_tokens(api.post("/oauth/token", form=form, basic=WEB))
        assert is_good(api, new["access_token"])

        api.time.advance(api.services.settings.client_cache_ttl)
        assert is_good(api, asking)
        assert is_good(api, new["access_token"])
        assert spring_tokens(refresh(api, new["refresh_token"]))
        left = [span for span in store.session_spans(alice) if api.services.clients.has_ended(span.key, span.opened_at)]
        assert MANY - 2_000 < len(left) == len(store.sessions_of(alice)) - 2, "all but those of now have ended"
        there = {span.key for span in left}
        for key, access, refreshing in random.sample([one for one in old if one[0] in there], 20):
            assert not is_good(api, access), key
            told = api.post("/oauth/introspect", form={"token": refreshing}, basic=WEB)
            assert told.json == {"active": False}
            assert refresh(api, refreshing).status == 400


def timeout(function: str) -> float:
    """How long Lambda lets the function work, in seconds."""
    return next(found.timeout for found in stores.TEMPLATE.functions if found.name == function)
