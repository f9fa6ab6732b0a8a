"""When and how a person logged in: every grant says it, a refresh keeps it, a session of old does not know it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lingpai.sessions import access_tokens
from lingpai.sessions.model import Session
from tests.support.api import Api
from tests.support.dialects import digests, sdk
from tests.support.expect import standing_api
from tests.support.tokens import ALICE, STANDARD, WEB, refresh

pytestmark = pytest.mark.security("F17")

NUMBER = "13912345678"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all, where digest login is on and alice has logged in once before."""
    with standing_api(digest_login=True) as opened:
        opened.token()
        yield opened


def session_of(api: Api, answer: Any) -> Session:
    """The session that the answer's access token opens, of any dialect."""
    assert answer.status == 200, answer
    tokens = answer.json
    return access_tokens.check(api.services, tokens.get("access_token") or tokens["data"]["accessToken"])


def code_for(api: Api, number: str) -> str:
    assert api.post("/mobile/code/get", form={"mobile": number}, basic=WEB).status == 200
    return api.last_code


LOGINS: dict[str, tuple[Callable[[Api], Any], tuple[str, ...]]] = {
    "password": (lambda api: api.post("/oauth/token", form=ALICE, basic=WEB), ("pwd",)),
    "digests": (lambda api: api.post("/oauth/token", json_body=sdk(**digests())), ("pwd",)),
    "code": (
        lambda api: api.post("/mobile/token", form={"mobile": NUMBER, "code": code_for(api, NUMBER)}, basic=WEB),
        ("sms",),
    ),
    "third party": (lambda api: api.post("/sign/token", form={"sign": "o-1"}, basic=WEB), ("fed",)),
    "nobody": (
        lambda api: api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=STANDARD),
        (),
    ),
}


@pytest.mark.parametrize(("log_in", "methods"), LOGINS.values(), ids=LOGINS)
def test_a_session_knows_when_and_how_its_user_logged_in(
    api: Api, log_in: Callable[[Api], Any], methods: tuple[str, ...]
) -> None:
    session = session_of(api, log_in(api))
    assert (session.auth_time, session.methods) == (api.services.clock.now() if methods else 0, methods)


def test_a_refresh_is_no_login(api: Api) -> None:
    first = api.post("/oauth/token", form=ALICE, basic=WEB)
    logged_in = api.services.clock.now()
    api.time.advance(86400)
    session = session_of(api, refresh(api, first.json["refresh_token"]))
    assert (session.auth_time, session.methods) == (logged_in, ("pwd",))
