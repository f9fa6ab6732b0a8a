"""The first half of a token, and the `jti` of a signed one, may stand in logs: they end and open nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.dialects import JWT, log_in_by_digests, parts, signed_tokens
from tests.support.expect import standing_api
from tests.support.tokens import STANDARD, WEB

pytestmark = pytest.mark.security("F15")

# The secrets of tokens of each kind, that nobody gave: of an access or refresh token, of a temporary one.
MADE_UP = ("A" * 43, "A" * 42 + "8", "A" * 48, "", "A")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api(digest_login=True) as opened:
        opened.token()
        yield opened


def opaque(api: Api) -> tuple[Any, tuple[str, ...]]:
    tokens = api.log_in("alice", "correct horse battery")
    return tokens, (tokens["access_token"].partition(".")[0],)


def signed(api: Api) -> tuple[Any, tuple[str, ...]]:
    tokens = signed_tokens(api)
    jti = parts(tokens["access_token"])[1]["jti"]
    return tokens, (jti.partition(".")[0], jti)


KINDS: dict[str, tuple[Callable[[Api], tuple[Any, tuple[str, ...]]], tuple[str, str]]] = {
    "opaque": (opaque, WEB),
    "signed": (signed, JWT),
}


def refresh(api: Api, token: str, client: tuple[str, str]) -> int:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return api.post("/oauth/token", form=form, basic=client).status


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_nothing(api: Api, kind: str) -> None:
    """At none of the routes that end sessions: revocation, refresh, destroyToken, and by temporary tokens."""
    make, client = KINDS[kind]
    tokens, seen = make(api)
    for half in seen:
        for made in (half, *(f"{half}.{secret}" for secret in MADE_UP)):
            assert api.post("/oauth/revoke", form={"token": made}, basic=client).status in (200, 400)
            assert refresh(api, made, client) == 400
            for path in ("/oauth/destroyToken", "/oauth/destoryToken"):
                api.post(path, json_body={"accessToken": made})
            body = {"refresh_token": made, "client_id": client[0], "client_secret": client[1]}
            assert api.post("/oauth/refreshAccessToken", json_body=body).json["status"] == 0
            assert api.post("/oauth/refreshAccessToken", json_body={"refresh_token": made}).json["status"] == 0
            assert api.post("/oauth/getTempToken", json_body={"accessToken": made}).json["status"] == 0
            assert api.post("/users/current", bearer=made).status == 401
            told = api.post("/oauth/introspect", form={"token": made}, basic=STANDARD)
            assert told.json == {"active": False}
    assert api.post("/user/checkOauthToken", bearer=tokens["access_token"]).json["status"] == 1
    assert refresh(api, tokens["refresh_token"], client) == 200


def test_it_ends_nothing_of_a_public_client(api: Api) -> None:
    """Which anybody may say to be."""
    tokens = log_in_by_digests(api)
    half = tokens["accessToken"].partition(".")[0]
    for secret in MADE_UP:
        form = {"grant_type": "refresh_token", "refresh_token": f"{half}.{secret}", "client_id": "23"}
        assert api.post("/oauth/token", form=form).json["status"] == 0
        assert api.post("/oauth/refreshAccessToken", json_body={"refreshToken": f"{half}.{secret}"}).json["status"] == 0
    assert api.post("/user/checkOauthToken", bearer=tokens["accessToken"]).json["status"] == 1
    last = api.post("/oauth/refreshAccessToken", json_body={"refreshToken": tokens["refreshToken"]})
    assert last.json["status"] == 1
