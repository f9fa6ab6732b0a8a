"""SESSIONS_MAX: an account has so many live sessions, the oldest end for a new one; all of them end, however many."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai import accounts, sessions
from lingpai.adapters.dynamodb.items import session_item
from lingpai.adapters.memory import MemoryStore
from lingpai.bootstrap import build
from lingpai.errors import LingpaiError, unavailable
from lingpai.model import Session, SessionKey, User
from lingpai.ports import PutSession
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.dialects import is_good
from tests.support.time import Time
from tests.support.tokens import ALICE, WEB, calls, refresh, spring_tokens

pytestmark = pytest.mark.security("F17")

MOST = 3
DAY = 86400
NUMBER = "13312341234"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Where an account may have three sessions."""
    with stores.on_moto() as store:
        yield make_api(monkeypatch, store, sessions_max=MOST)


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


def test_an_account_from_before_is_counted_at_its_next_login(api: Api) -> None:
    """It has no count, and more sessions than one login ends: so each of its next ones ends some."""
    store: Any = api.services.store
    alice = api.user_id("alice")
    for number in range(120):
        session = an_old_session(api, alice, number)
        store._call("PutItem", TableName=store.settings.sessions_table, Item=session_item(session, session.ends_at))
    key = {"id": {"N": str(alice)}}
    store._call("UpdateItem", TableName=store.settings.users_table, Key=key, UpdateExpression="REMOVE sessions, logins")
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
    user_id = accounts.find_by_name(api.services, "alice")
    assert user_id is not None
    (user,) = [user for user in api.services.store.list_users(10, None).users if user.openids]
    accounts.disable(api.services, user.id)
    answer = api.post("/sign/token", form={"sign": "o-1"}, basic=WEB)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


class Hurried(MemoryStore):
    """A store that ends ten thousand sessions, and then the request has no time left."""

    def end_sessions(self, keys: tuple[SessionKey, ...]) -> None:
        super().end_sessions(keys[:10_000])
        if len(keys) > 10_000:
            raise unavailable()


def test_sixty_thousand_sessions_end_however_often_a_request_has_no_time_left() -> None:
    """As an account from before may have them. What was ended stays ended, and the last repeat is a success."""
    store, time = Hurried(), Time()
    services = build(stores.settings(), store, time.clock())
    user_id = accounts.add(services, User(id=services.clock.new_user_id(), created_at=services.clock.now()))
    api = Api(services, time)
    for number in range(60_000):
        session = an_old_session(api, user_id, number)
        store.commit(PutSession(replace(session, access_expires_at=services.clock.now() + number), 0))
    keep = SessionKey(user_id, (59_999).to_bytes(8))
    for left in range(50_000, 9_999, -10_000):
        with pytest.raises(LingpaiError, match="store_unavailable"):
            sessions.end_all(store, user_id, keep=keep)
        assert len(store.sessions_of(user_id)) == left
        ends = [span.over_at for span in store.session_spans(user_id) if span.key != keep]
        assert max(ends) < services.clock.now() + left, "those that would live longest end first"
    assert sessions.end_all(store, user_id, keep=keep) == 9_999
    assert store.sessions_of(user_id) == (keep,)
