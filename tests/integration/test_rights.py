"""What a token opens at Lingpai's own API: every route states its need, and one place holds tokens against it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from functions.roles.app import ROUTES as ROLES
from functions.users.app import ROUTES as USERS
from lingpai.clients.service import new_client
from lingpai.http.router import Route
from tests.support.api import Answer, Api, make_api
from tests.support.dialects import BY_PASSWORD, reply, signed_tokens
from tests.support.expect import ADMIN_ONLY, everything, gives, refuses, standing_api
from tests.support.people import machine, new_name, somebody
from tests.support.tokens import BAD_SCOPE, STANDARD, not_allowed, refresh

GUARDED = tuple(route for route in (*USERS, *ROLES) if route.needs != "none")
READING = tuple(route for route in GUARDED if not route.changes)
CHANGING = tuple(route for route in GUARDED if route.changes)
ADMIN = {"grant_type": "password", "username": "admin", "password": "admin-of-the-gate"}
BOTH = "lingpai:account lingpai:admin"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api(digest_login=True) as opened:
        store: Any = opened.services.store
        grants = ("password", "client_credentials", "refresh_token")
        for client in (
            new_client("spring-account", "spring", "its-own-secret", grants=grants, api="account"),
            new_client("spring-none", "spring", "its-own-secret", grants=grants, api="none"),
            new_client("spring-public", "spring", grants=grants),
            new_client("passport-account", "passport", "its-own-secret", grants=grants, api="account"),
            new_client("spring-jwt", "spring", "its-own-secret", token_format="jwt"),
            new_client("django-admin", "django", "its-own-secret", grants=grants, api="admin"),
            new_client(
                "jwt-admin",
                "standard",
                "its-own-secret",
                grants=grants,
                scopes=("read", "lingpai:account", "lingpai:admin"),
                token_format="jwt",
                roles=("admin",),
            ),
        ):
            store.put_client(client)
        yield opened


def issue(api: Api, client: tuple[str, str], **form: str) -> str:
    answer = api.post("/oauth/token", form=form, basic=client)
    assert answer.status == 200, answer
    token: str = answer.json["access_token"]
    return token


def public(api: Api, client_id: str, **form: str) -> str:
    token: str = api.post("/oauth/token", form={**form, "client_id": client_id}).json["access_token"]
    return token


def call(api: Api, route: Route, token: str) -> Answer:
    """A request that would do something for who may: to the account of alice, with names of its own."""
    return api.post(route.path, json_body=body(api, route.path), bearer=token)


def body(api: Api, path: str) -> dict[str, Any]:
    alice = api.user_id("alice")
    bodies: dict[str, dict[str, Any]] = {
        "/users/save": {"username": new_name(), "password": "a long enough password"},
        "/users/pwd/update": {
            "userId": alice,
            "oldPassword": "correct horse battery",
            "newPassword": "another one here",
        },
        "/users/role/update": {"id": alice, "roleList": [{"id": 1}]},
        "/users/identities/link": {"sign": "an-openid"},
        "/users/identities/unlink": {"provider": "trusted"},
        "/userDetail/update": {"id": alice, "name": "somebody else"},
        "/users/update": {"id": alice, "phone": "13900001111", "code": "123456"},
        "/roles/save": {"roleName": new_name()},
        "/roles/delete": {"id": 2},
    }
    return bodies.get(path, {"id": alice})


def is_insufficient(answer: Answer, needed: str) -> bool:
    """The refusal of RFC 6750 section 3.1 in the form of the route."""
    challenge = f'Bearer realm="lingpai", error="insufficient_scope", scope="lingpai:{needed}"'
    text = f"没有权限：该令牌不能调用此接口（需要 {needed}）"
    return answer == reply(
        403, {"status": 403, "error": text, "reason": "insufficient_scope"}, {"www-authenticate": challenge}
    )


# --- every route ----------------------------------------------------------------------------------------------


@pytest.mark.security("F6")
def test_every_route_with_a_token_states_its_need() -> None:
    assert {route.path for route in (*USERS, *ROLES)} - {route.path for route in GUARDED} == {
        "/User/Register",
        "/users/register",
        "/users/pwd/reset",
        "/wechat/notices/{proxy+}",  # signed by WeChat
    }


OPENS_NOTHING: dict[str, Callable[[Api], str]] = {
    "standard, without a scope": lambda api: issue(api, STANDARD, **ADMIN),
    "standard, with another scope": lambda api: issue(api, STANDARD, **ADMIN, scope="read"),
    "standard, signed": lambda api: issue(api, ("jwt-admin", "its-own-secret"), **ADMIN),
    "django": lambda api: issue(api, ("django-app", "django-secret"), **ADMIN),
    "passport": lambda api: issue(api, ("2", "passport-secret"), **ADMIN),
    "spring, by its record": lambda api: issue(api, ("spring-none", "its-own-secret"), **ADMIN),
    "a machine that did not ask": lambda api: issue(
        api, ("machine-client", "machine-secret"), grant_type="client_credentials"
    ),
}


@pytest.mark.security("F6")
@pytest.mark.parametrize("kind", OPENS_NOTHING)
def test_a_token_that_opens_nothing_is_refused_by_every_route(api: Api, kind: str) -> None:
    """Though an admin has logged in."""
    token = OPENS_NOTHING[kind](api)
    before = everything(api)
    for route in GUARDED:
        assert is_insufficient(call(api, route, token), route.needs), route.path
    assert everything(api) == before


@pytest.mark.security("F6")
def test_a_scope_opens_nothing_once_the_record_lacks_it(api: Api) -> None:
    """Sessions from before keep their scope for months: what the operator took from the client is gone all the same."""
    store: Any = api.services.store
    grants = ("password", "refresh_token")
    record = new_client("was-admin", "standard", "its-own-secret", grants=grants, scopes=("lingpai:admin",))
    store.put_client(record)
    client = ("was-admin", "its-own-secret")
    tokens = api.post("/oauth/token", form={**ADMIN, "scope": "lingpai:admin"}, basic=client).json
    assert api.post("/users/list", json_body={}, bearer=tokens["access_token"]).status == 200
    store.put_client(replace(record, scopes=("lingpai:account",)))
    api.time.advance(api.services.settings.client_cache_ttl)
    for token in (tokens["access_token"], refresh(api, tokens["refresh_token"], client).json["access_token"]):
        assert is_insufficient(api.post("/users/list", json_body={}, bearer=token), "admin")


OPENS_ACCOUNT: dict[str, Callable[[Api], str]] = {
    "spring, by its record": lambda api: issue(api, ("spring-account", "its-own-secret"), **ADMIN),
    "spring, public": lambda api: public(api, "spring-public", **ADMIN),
    "usercenter": lambda api: api.post("/oauth/token", json_body={**ADMIN, "client_id": "23"}).json["data"][
        "accessToken"
    ],
    "standard": lambda api: issue(api, STANDARD, **ADMIN, scope="read lingpai:account"),
    "passport, by its record": lambda api: issue(api, ("passport-account", "its-own-secret"), **ADMIN),
}


@pytest.mark.security("F6", "ASVS-10.3.2")
@pytest.mark.parametrize("kind", OPENS_ACCOUNT)
def test_a_token_for_an_account_is_for_its_own_alone(api: Api, kind: str) -> None:
    """Whatever roles the account has."""
    token = OPENS_ACCOUNT[kind](api)
    before = everything(api)
    for route in GUARDED:
        if route.needs == "admin":
            assert is_insufficient(call(api, route, token), "admin"), route.path
    for path in ("/users/find", "/users/update", "/userDetail/get", "/userDetail/update"):
        assert is_insufficient(api.post(path, json_body=body(api, path), bearer=token), "admin"), path
    assert everything(api) == before
    me = gives(api.post("/users/current", bearer=token))
    assert me["username"] == "admin"
    assert gives(api.post("/users/find", json_body={"id": me["id"]}, bearer=token)) == me


OPENS_ALL: dict[str, Callable[[Api, dict[str, str]], str]] = {
    "spring": lambda api, form: issue(api, ("web-client", "web-secret"), **form),
    "django, by its record": lambda api, form: issue(api, ("django-admin", "its-own-secret"), **form),
    "standard": lambda api, form: issue(api, STANDARD, **form, scope=BOTH),
    "standard, admin alone": lambda api, form: issue(api, STANDARD, **form, scope="lingpai:admin"),
    "standard, signed": lambda api, form: issue(api, ("jwt-admin", "its-own-secret"), **form, scope="lingpai:admin"),
}


@pytest.mark.security("F6", "ASVS-10.3.2")
@pytest.mark.parametrize("kind", OPENS_ALL)
def test_what_admins_do_needs_the_role_too(api: Api, kind: str) -> None:
    alice = api.user_id("alice")
    assert gives(api.post("/users/find", json_body={"id": alice}, bearer=OPENS_ALL[kind](api, ADMIN)))["id"] == alice
    token = OPENS_ALL[kind](api, BY_PASSWORD)
    before = everything(api)
    for route in GUARDED:
        if route.needs == "admin":
            refuses(call(api, route, token), 403, ADMIN_ONLY)
    assert everything(api) == before
    assert gives(api.post("/users/current", bearer=token))["id"] == alice


@pytest.mark.security("F6")
def test_a_clients_own_token_needs_the_role_of_its_record(api: Api) -> None:
    signed = issue(api, ("jwt-admin", "its-own-secret"), grant_type="client_credentials", scope="lingpai:admin")
    for token in (machine(api), signed):
        assert gives(api.post("/roles/list", bearer=token))
    without = issue(api, STANDARD, grant_type="client_credentials", scope="lingpai:admin")
    refuses(api.post("/roles/list", bearer=without), 403, ADMIN_ONLY)


# --- the scopes of standard clients ---------------------------------------------------------------------------


@pytest.mark.security("F6", "RFC9700-2.3")
def test_the_scopes_of_the_api_are_given_by_name_alone(api: Api) -> None:
    """A record lists them; a request without a scope never gets them, nor does a refresh of its session."""
    answer = api.post("/oauth/token", form=ADMIN, basic=STANDARD).json
    assert answer["scope"] == "read write"
    assert refresh(api, answer["refresh_token"], STANDARD, scope="lingpai:admin") == BAD_SCOPE
    assert refresh(api, answer["refresh_token"], STANDARD).json["scope"] == "read write"


@pytest.mark.security("F6")
def test_the_scopes_of_the_api_must_stand_in_the_record(api: Api) -> None:
    for scope in ("lingpai:admin", "lingpai:account"):
        form = {**ADMIN, "scope": scope}
        assert api.post("/oauth/token", form=form, basic=("jwt-client", "jwt-secret")) == BAD_SCOPE


@pytest.mark.security("F6")
def test_a_refresh_may_give_them_up(api: Api) -> None:
    first = api.post("/oauth/token", form={**ADMIN, "scope": f"read {BOTH}"}, basic=STANDARD).json
    narrow = refresh(api, first["refresh_token"], STANDARD, scope="read").json
    assert is_insufficient(api.post("/users/current", bearer=narrow["access_token"]), "account")
    wide = refresh(api, narrow["refresh_token"], STANDARD).json
    assert gives(api.post("/users/current", bearer=wide["access_token"]))["username"] == "admin"


# --- audiences ------------------------------------------------------------------------------------------------


@pytest.mark.security("F6", "ASVS-9.2.3", "ASVS-10.3.1")
def test_a_signed_token_for_another_api_opens_nothing_here(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """And still is a good token: introspection and the calls of UserCenter say so."""
    other = make_api(monkeypatch, api.services.store, populated=False, audience="https://orders.example.com")
    for token in (
        issue(other, ("jwt-admin", "its-own-secret"), **ADMIN, scope=BOTH),
        issue(other, ("spring-jwt", "its-own-secret"), **ADMIN),
    ):
        for route in GUARDED:
            assert is_insufficient(call(other, route, token), route.needs), route.path
        assert is_insufficient(other.post("/users/current", bearer=temporary(other, token)), "account")
        assert other.post("/user/checkOauthToken", bearer=token).json["status"] == 1
        assert other.post("/oauth/introspect", form={"token": token}, basic=STANDARD).json["active"]
    # Passport's audience is its client, whatever the setting says; opaque tokens have none.
    for token in (issue(other, ("passport-account", "its-own-secret"), **ADMIN), other.admin()):
        assert gives(other.post("/users/current", bearer=token))["username"] == "admin"


@pytest.mark.security("F6")
def test_an_audience_that_is_the_issuer_is_ours(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "https://id.example.com"
    other = make_api(monkeypatch, api.services.store, populated=False, issuer=own, audience=own)
    token = issue(other, ("spring-jwt", "its-own-secret"), **ADMIN)
    assert gives(other.post("/users/current", bearer=token))["username"] == "admin"


# --- what needs no right --------------------------------------------------------------------------------------


@pytest.mark.security("F6")
@pytest.mark.parametrize("kind", [kind for kind in OPENS_NOTHING if "machine" not in kind])
def test_what_acts_on_the_token_itself_needs_no_right(api: Api, kind: str) -> None:
    token = OPENS_NOTHING[kind](api)
    assert api.post("/user/checkOauthToken", bearer=token).json["status"] == 1
    assert api.post("/user/getUserByToken", bearer=token).json["data"]["username"] == "admin"
    assert api.post("/oauth/getTempToken", bearer=token).json["status"] == 1
    assert api.post("/oauth/destroyToken", bearer=token).json["status"] == 1
    assert api.post("/user/checkOauthToken", bearer=token).json["status"] == 0


# --- temporary tokens -----------------------------------------------------------------------------------------


def temporary(api: Api, token: str) -> str:
    made: str = api.post("/oauth/getTempToken", bearer=token).json["result"]
    return made


@pytest.mark.security("F8")
@pytest.mark.parametrize("signed", [False, True], ids=["opaque", "signed"])
def test_a_temporary_token_changes_nothing_on_every_route(api: Api, signed: bool) -> None:
    """Not even one of an admin, who could make a way in that stays."""
    client = ("jwt-admin", "its-own-secret") if signed else STANDARD
    temp = temporary(api, issue(api, client, **ADMIN, scope=BOTH))
    before = everything(api)
    for route in CHANGING:
        refuses(call(api, route, temp), 403, "临时令牌只能查询，不能更改")
    assert everything(api) == before


@pytest.mark.security("F8")
def test_a_temporary_token_reads(api: Api) -> None:
    token = issue(api, STANDARD, **ADMIN, scope=BOTH)
    temp = temporary(api, token)
    for route in READING:
        answer = call(api, route, temp)
        assert (answer.status, answer.json) == (200, call(api, route, token).json), route.path


@pytest.mark.security("F8")
def test_a_temporary_token_opens_what_its_parent_opens(api: Api) -> None:
    temp = temporary(api, issue(api, STANDARD, **ADMIN, scope="read"))
    assert is_insufficient(api.post("/users/current", bearer=temp), "account")


# --- ids that are numbers -------------------------------------------------------------------------------------


@pytest.mark.security("F9", "RFC9700-4.15")
@pytest.mark.parametrize("token_format", ["opaque", "jwt"])
def test_a_client_whose_id_could_be_a_users_gets_no_token_for_itself(api: Api, token_format: str) -> None:
    """Whatever a record says that was written before this held."""
    store: Any = api.services.store
    client_id = str(somebody(api).id)
    record = new_client(
        client_id, "standard", "its-own-secret", grants=["client_credentials"], token_format=token_format
    )
    assert "client_credentials" in record.grants
    store.put_client(record)
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=(client_id, "its-own-secret"))
    assert answer == not_allowed("client_credentials")


@pytest.mark.security("F9", "RFC9700-4.15")
def test_the_subject_of_a_signed_token_is_told_apart(api: Api) -> None:
    own = issue(api, ("jwt-admin", "its-own-secret"), grant_type="client_credentials")
    users = signed_tokens(api)["access_token"]
    kinds = []
    for token in (own, users):
        told = api.post("/oauth/introspect", form={"token": token}, basic=STANDARD).json
        kinds.append((told["sub_type"], told["sub"].isdigit()))
    assert kinds == [("client", False), ("user", True)]
