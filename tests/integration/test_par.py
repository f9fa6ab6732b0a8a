"""`/oauth/par` (RFC 9126): what it takes, and what it refuses as the authorization endpoint would."""

from typing import Any

import pytest

from lingpai.authorization import request
from tests.support.api import Answer, Api
from tests.support.browsers import API, CALLBACK, request_pairs, web_app
from tests.support.logs import LOGS

WEB_APP = ("web-app", "web-app-secret")
OTHER = "https://other.example"


@pytest.fixture
def house(api: Api) -> Api:
    store: Any = api.services.store
    for client in (web_app(), web_app("spa", None), web_app("other", "other-app-secret")):
        store.put_client(client)
    return api


def push(api: Api, basic: tuple[str, str] | None = WEB_APP, **changes: str | None) -> Answer:
    return api.post("/oauth/par", form=dict(request_pairs(**changes)), basic=basic)


def read(api: Api, answer: Answer, client_id: str = "web-app") -> Any:
    """The request that the browser brings then."""
    assert answer.status == 201, answer
    LOGS.hush("request_uri", answer.json["request_uri"])
    return request.read(api.services, [("client_id", client_id), ("request_uri", answer.json["request_uri"])])[1]


def test_a_request_is_kept(house: Api) -> None:
    """Section 2.2; the id in the header is enough."""
    for answer in (push(house), push(house, client_id=None)):
        assert (answer.status, set(answer.json), answer.json["expires_in"]) == (201, {"request_uri", "expires_in"}, 600)
        assert answer.headers["cache-control"] == "no-store"
        found = read(house, answer)
        assert (found.redirect_uri, found.state, found.nonce) == (CALLBACK, "a-state", "a-nonce")


def test_a_public_client(house: Api) -> None:
    assert read(house, push(house, None, client_id="spa"), "spa").client_id == "spa"


def test_several_resources(house: Api) -> None:
    pairs = "&".join(f"{name}={value}" for name, value in [*request_pairs(), ("resource", API), ("resource", OTHER)])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = house.post("/oauth/par", body=pairs.encode(), headers=headers, basic=WEB_APP)
    assert read(house, answer).resource == (API, OTHER)


@pytest.mark.parametrize(
    ("basic", "changes"),
    [
        (None, {}),
        (("web-app", "wrong"), {}),
        (("other", "other-app-secret"), {}),
        (None, {"client_id": None}),
    ],
)
def test_the_client_has_to_prove_itself(house: Api, basic: Any, changes: dict[str, Any]) -> None:
    """Section 2: as at the token endpoint. Nobody pushes a request for another client."""
    answer = push(house, basic, **changes)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request", "bad_redirect_uri"),
        ({"redirect_uri": None}, "invalid_request", "missing_parameter"),
        ({"code_challenge_method": "plain"}, "invalid_request", "challenge_required"),
        ({"code_challenge": None}, "invalid_request", "challenge_required"),
        ({"response_type": "token"}, "unsupported_response_type", "response_type_not_supported"),
        ({"scope": "admin"}, "invalid_scope", "bad_scope"),
        ({"prompt": "none login"}, "invalid_request", "bad_parameter"),
        ({"nonce": "n" * 3000}, "invalid_request", "too_long"),
        ({"request": "eyJ"}, "request_not_supported", "request_not_supported"),
        ({"registration": "{}"}, "registration_not_supported", "registration_not_supported"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request", "bad_parameter"),
        ({"resource": "https://evil.example"}, "invalid_target", "bad_resource"),
    ],
)
def test_what_is_refused(house: Api, changes: dict[str, Any], error: str, reason: str) -> None:
    """Section 2.3: as RFC 6749 section 5.2, never a redirect."""
    answer = push(house, **changes)
    assert (answer.status, answer.json["error"], answer.json["reason"]) == (400, error, reason)


def test_a_parameter_sent_twice(house: Api) -> None:
    body = "&".join(f"{name}={value}" for name, value in [*request_pairs(), ("state", "b")]).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = house.post("/oauth/par", body=body, headers=headers, basic=WEB_APP)
    assert (answer.status, answer.json["reason"]) == (400, "duplicate_parameter")
