"""Anything at all at `/oauth/challenge`: never a fault of ours, and no code for what is not a right login."""

import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lingpai.authorization import request
from lingpai.authorization_challenge import steps
from local import gateway
from tests.support.api import Api
from tests.support.authenticator import set_up
from tests.support.challenges import PATH, REQUEST, App, mobile_app
from tests.support.expect import standing_api

pytestmark = pytest.mark.security("FIPA-input")

REQUEST_OF_APP = {"client_id": "mobile-app", **REQUEST}
NAMES = (*sorted(request.PARAMETERS | steps.PARAMETERS), "auth_session", "client_secret", "clientId", "")
VALUES = (
    *(
        "alice",
        "13312341234",
        "+8613312341234",
        "123456",
        "１２３４５６",
        "٠١٢٣٤٥",
        "true",
        "null",
        "{}",
        "[]",
        "0",
        "-1",
    ),
    *('{"id":"x","response":{}}', '{"id":"","rawId":"","type":"public-key","response":{}}', "A" * 43, "Ä" * 43),
    *("1", "2", "2 1", "none", "login", "code", "S256", "mobile-app", "\x00", "\ufeff", "é", "\n", "openid profile"),
)
name = st.sampled_from(NAMES)
value = st.one_of(st.sampled_from(VALUES), st.text(max_size=60))
fields = st.lists(st.tuples(name, value), max_size=5)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), value),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)),
    max_leaves=8,
)
quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api(webauthn_rp_id="login.example", webauthn_origins="https://login.example") as opened:
        opened.services.store.put_client(mobile_app())
        yield opened


@pytest.fixture(scope="module", params=["nothing", "a number", "a first factor"])
def session(request: pytest.FixtureRequest, api: Api) -> str:
    """The `auth_session` of a login of which this is known."""
    app = App(api)
    match request.param:
        case "a number":
            app.send_code("13912345678")
        case "a first factor":
            if not api.services.store.get_factors(api.user_id("alice")).totp:
                set_up(api.services, api.user_id("alice"))
            app.step(username="alice", password="correct horse battery")
        case _:
            pass
    return app.auth_session


def post(api: Api, kind: str, body: bytes) -> tuple[int, Any]:
    """Past the checks of `Api.call`, which is for requests that make sense."""
    asked = gateway.Request("POST", PATH, (("Content-Type", kind),), body, "192.0.2.1")
    reply = gateway.answer(api._gateway, asked)
    return reply.status, json.loads(reply.body)


def check(status: int, content: Any) -> None:
    """An answer of the endpoint, but no code: nobody has guessed right."""
    assert 400 <= status < 500, content
    assert {"error", "error_description"} <= set(content)
    assert "reason" in content, content
    assert all(" " <= c <= "~" and c not in '"\\' for c in content["error_description"])


@given(given_fields=fields)
@quick
@example([("passkey", "9" * 5000)])
@example([("passkey", "[" * 5000)])
@example([("mobile", "１３３１２３４１２３４")])
def test_forms(api: Api, session: str, given_fields: list[tuple[str, str]]) -> None:
    known = [("auth_session", session)] if session else list(REQUEST_OF_APP.items())
    sent = [pair for pair in known if pair[0] not in {name for name, _ in given_fields}] + given_fields
    body = urllib.parse.urlencode(sent, errors="surrogatepass").encode()
    status, content = post(api, "application/x-www-form-urlencoded", body)
    check(status, content)


@given(content=st.dictionaries(name, anything, max_size=5))
@quick
def test_json(api: Api, session: str, content: dict[str, Any]) -> None:
    known = {"auth_session": session} if session else REQUEST_OF_APP
    status, told = post(api, "application/json", json.dumps({**known, **content}).encode())
    check(status, told)


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_huge_values(api: Api, session: str, name: str) -> None:
    """60 KB of digits, and of what the name begins with in a right request."""
    known = {"auth_session": session} if session else REQUEST_OF_APP
    for huge in ("1" * 60_000, REQUEST_OF_APP.get(name, "x") * 3_000, "{" + '"a":' * 15_000):
        body = urllib.parse.urlencode({**known, name: huge}).encode()[:65_536]
        check(*post(api, "application/x-www-form-urlencoded", body))
