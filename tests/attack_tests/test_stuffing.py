"""Credential stuffing: passwords that leaked elsewhere are tried at accounts, from many addresses."""

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.passwords.service import hash_password
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.crowd import crowd
from tests.support.tokens import error

WEB = ("web-client", "web-secret")
RIGHT = "what only its owner knows"
# More passwords than the addresses may try, and than the names answer: each limit is met, from many threads.
ACCOUNTS, ADDRESSES, PASSWORDS = 50, 10, 400
WORDS = "Too many failed attempts: wait before the next"


@pytest.fixture
def api(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The limits as they come, and 50 accounts whose owners have logged in from home."""
    with stores.on_dynamodb_local(dynamodb_endpoint) as store:
        api = make_api(monkeypatch, store, **stores.GUARDED)
        hashed = hash_password(RIGHT, api.services.settings)
        for n in range(ACCOUNTS):
            accounts.add(api.services, User(id=5000 + n, created_at=0, username=owner(n), password=hashed))
        assert statuses(crowd([partial(log_in, api, owner(n), RIGHT, home(n)) for n in range(ACCOUNTS)])) == {
            200: ACCOUNTS
        }
        yield api


def owner(n: int) -> str:
    return f"owner-{n}"


def home(n: int) -> str:
    return f"198.51.{n}.7"


def bot(n: int) -> str:
    return f"203.{n % ADDRESSES}.113.9"


def log_in(api: Api, name: str, password: str, address: str) -> Answer:
    form = {"grant_type": "password", "username": name, "password": password}
    return api.post("/oauth/token", form=form, basic=WEB, source_ip=address)


def statuses(answers: list[Answer]) -> dict[int, int]:
    return Counter(answer.status for answer in answers)


def test_spread_over_all_accounts(api: Api) -> None:
    """Within one hour each address learns of 30 passwords that they are wrong, and the owners come and go."""
    settings = api.services.settings
    guesses = [partial(log_in, api, owner(n % ACCOUNTS), f"leaked-{n}", bot(n)) for n in range(PASSWORDS)]
    owners = [partial(log_in, api, owner(n), RIGHT, home(n)) for n in range(ACCOUNTS)]
    answers: list[Answer] = []
    visits: list[Answer] = []
    for quarter in range(4):
        mixed = [("guess", call) for call in guesses[quarter::4]] + [("visit", call) for call in owners[quarter::4]]
        random.shuffle(mixed)
        outcome = list(zip([who for who, _ in mixed], crowd([call for _, call in mixed]), strict=True))
        answers += [answer for who, answer in outcome if who == "guess"]
        visits += [answer for who, answer in outcome if who == "visit"]
        api.time.advance(settings.login_window)
    compared = ADDRESSES * settings.limit_login_ip
    assert statuses(answers) == {400: compared, 429: PASSWORDS - compared}
    assert statuses(visits) == {200: ACCOUNTS}


def test_aimed_at_a_few(api: Api) -> None:
    """Each name answers ten of 80 guesses in a quarter of an hour, and the right password is no longer heard."""
    settings = api.services.settings
    aimed = [(owner(n % 5), f"leaked-{n}", bot(n)) for n in range(PASSWORDS)]
    answers = crowd([partial(log_in, api, *a) for a in aimed])
    assert statuses(answers) == {400: 5 * settings.login_tries, 429: PASSWORDS - 5 * settings.login_tries}
    for n in range(5):
        refused = log_in(api, owner(n), RIGHT, "192.0.2.200")
        assert refused == error(429, "too_many_requests", WORDS, {"retry-after": str(settings.login_window)})
        assert log_in(api, owner(n), RIGHT, home(n)).status == 200
    api.time.advance(settings.login_window)
    assert log_in(api, owner(0), RIGHT, "192.0.2.200").status == 200


def test_at_names_that_nobody_has(api: Api) -> None:
    """The answers are those that accounts give, one for one."""
    settings = api.services.settings
    aimed = [(f"nobody-{n % 5}", f"leaked-{n}", bot(n)) for n in range(500)]
    answers = crowd([partial(log_in, api, *a) for a in aimed])
    assert statuses(answers) == {400: 5 * settings.login_tries, 429: 500 - 5 * settings.login_tries}
    assert {answer.body for answer in answers if answer.status == 400} == {
        error(400, "invalid_grant", "Bad credentials").body
    }


def test_a_password_that_is_right_among_many_at_once(api: Api) -> None:
    """It may be among the first ten or not: never are more than ten answered as wrong, nor does it open later."""
    settings = api.services.settings
    for n in range(10, 15):
        tries = [RIGHT, *(f"leaked-{i}" for i in range(63))]
        random.shuffle(tries)
        aimed = [(owner(n), password, f"203.0.{i}.9") for i, password in enumerate(tries)]
        told: Any = statuses(crowd([partial(log_in, api, *a) for a in aimed]))
        assert told[400] == settings.login_tries
        assert told[200] <= 1
        assert told[429] == 64 - told[400] - told[200]
