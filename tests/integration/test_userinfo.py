"""`/oauth/userinfo` (OpenID Connect Core section 5.3) and its refusals (RFC 6750 section 3)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.model import Profile
from lingpai.accounts.storage import ChangeUser
from lingpai.sessions import service as sessions
from tests.support import stores
from tests.support.api import NO_STORE, Answer, Api, make_api
from tests.support.browsers import API, web_app
from tests.support.logs import LOGS
from tests.support.tokens import MACHINE

USERINFO = "/oauth/userinfo"
EVERYTHING = ("openid", "profile", "phone", "roles")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with pytest.MonkeyPatch.context() as patch, stores.on_moto() as opened:
        made = make_api(patch, opened)
        store: Any = made.services.store
        for client in (web_app(), web_app("signed", "signed-app-secret", token_format="jwt")):
            store.put_client(client)
        alice = store.get_user(made.user_id("alice"))
        profile = Profile(
            name="爱丽丝", phone_number="555", gender="f", picture="https://a.example/a.png", birthdate="1990-01-02"
        )
        store.commit(ChangeUser(alice, replace(alice, profile=profile)))
        yield made


def token(api: Api, *scope: str, user: str = "alice", client_id: str = "web-app", **more: Any) -> str:
    """An access token of the user with this scope."""
    client = api.services.clients.get_client(client_id)
    assert client is not None
    services = replace(api.services, issuer="https://127.0.0.1")
    issued = sessions.issue(services, client, scope, api.user_id(user), methods=("pwd",), **more).access_token
    LOGS.hush("token", issued)
    return issued


def refused(answer: Answer, status: int, error: str, challenge: str) -> None:
    assert (answer.status, answer.json["error"]) == (status, error)
    assert set(answer.json) == {"error", "error_description"}
    assert answer.headers["www-authenticate"] == challenge
    assert answer.headers["cache-control"] == "no-store"


CLAIMS: dict[str, dict[str, Any]] = {
    "openid": {},
    "profile": {
        "name": "爱丽丝",
        "preferred_username": "alice",
        "picture": "https://a.example/a.png",
        "gender": "f",
        "birthdate": "1990-01-02",
    },
    "phone": {"phone_number": "+8613312341234", "phone_number_verified": True},
    "roles": {"roles": ["user"]},
}


@pytest.mark.parametrize("client_id", ["web-app", "signed"])
@pytest.mark.parametrize("asked", [("openid",), ("openid", "phone"), EVERYTHING], ids=len)
def test_the_claims_are_those_of_the_scope(api: Api, client_id: str, asked: tuple[str, ...]) -> None:
    answer = api.call("GET", USERINFO, bearer=token(api, *asked, client_id=client_id))
    expected: dict[str, Any] = {"sub": str(api.user_id("alice"))}
    for scope in asked:
        expected |= CLAIMS[scope]
    assert (answer.status, answer.headers, answer.json) == (200, NO_STORE, expected)


def test_what_was_never_given_is_left_out(api: Api) -> None:
    answer = api.call("GET", USERINFO, bearer=token(api, *EVERYTHING, user="bob"))
    assert answer.json == {"sub": str(api.user_id("bob")), "preferred_username": "bob", "roles": []}


def test_the_ways_to_present_the_token(api: Api) -> None:
    """RFC 6750 sections 2.1 and 2.2, not 2.3; section 2: not more than one."""
    good = token(api, "openid")
    assert api.post(USERINFO, bearer=good).status == 200
    assert api.post(USERINFO, form={"access_token": good}).status == 200
    both = api.post(USERINFO, bearer=good, form={"access_token": good})
    assert (both.status, both.json["error"]) == (400, "invalid_request")
    assert api.call("GET", f"{USERINFO}?access_token={good}").status == 400
    assert api.call("PUT", USERINFO, bearer=good).status == 405


def test_without_a_token(api: Api) -> None:
    """RFC 6750 section 3.1: no error code where nothing was presented."""
    refused(api.call("GET", USERINFO), 401, "unauthorized", 'Bearer realm="lingpai"')


@pytest.mark.parametrize("text", ["x", "A" * 22 + "." + "A" * 43])
def test_a_token_that_is_not_good(api: Api, text: str) -> None:
    refused(api.call("GET", USERINFO, bearer=text), 401, "invalid_token", BAD)


BAD = 'Bearer realm="lingpai", error="invalid_token"'


def test_a_token_without_openid(api: Api) -> None:
    """Neither a user's nor a client's own."""
    challenge = 'Bearer realm="lingpai", error="insufficient_scope", scope="openid"'
    refused(api.call("GET", USERINFO, bearer=token(api, "profile")), 403, "insufficient_scope", challenge)
    machine = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE).json["access_token"]
    refused(api.call("GET", USERINFO, bearer=machine), 403, "insufficient_scope", challenge)


@pytest.mark.security("ASVS-10.3.1")
@pytest.mark.parametrize("client_id", ["web-app", "signed"])
def test_a_token_for_another_api(api: Api, client_id: str) -> None:
    """RFC 8707: whoever it was handed to cannot ask for the user's claims with it."""
    foreign = token(api, "openid", client_id=client_id, audience=(API,))
    refused(api.call("GET", USERINFO, bearer=foreign), 401, "invalid_token", BAD)
