"""Who needs a second factor (MFA, MFA_ROLES, a client's `mfa`), and what a session of one factor may not do."""

from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.storage import ChangeUser
from lingpai.clients.service import new_client
from lingpai.kernel.errors import LingpaiError
from lingpai.second_factors import service as second_factors
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import PutSession
from tests.support.api import Answer, Api, make_api
from tests.support.authenticator import set_up
from tests.support.dialects import BY_PASSWORD, ISSUER, introspected, parts, reply
from tests.support.tokens import STANDARD, WEB, error

REFUSED = error(400, "invalid_grant", f"The account needs a second factor: log in at {ISSUER}/login")
ADMIN = {"grant_type": "password", "username": "admin", "password": "admin-of-the-gate"}
IGNORING = ("ignoring", "its-own-secret")
CLAIMS = ("claims", "its-own-secret")
STEP_UP = reply(
    401,
    {
        "error": "insufficient_user_authentication",
        "error_description": "A login with a second factor is needed: log in again with both",
    },
    {
        "www-authenticate": 'Bearer realm="lingpai", error="insufficient_user_authentication", '
        'error_description="A login with a second factor is needed: log in again with both", acr_values="2"'
    },
)


def an_api(monkeypatch: pytest.MonkeyPatch, store: Any, **settings: Any) -> Api:
    """An API with these settings, and three clients more."""
    api = make_api(monkeypatch, store, **settings)
    grants = ("password", "refresh_token")
    store.put_client(new_client(IGNORING[0], "spring", IGNORING[1], mfa="ignore"))
    store.put_client(new_client(CLAIMS[0], "spring", CLAIMS[1], claims=("roles",), access_ttl=3600, token_format="jwt"))
    scopes = ("openid", "roles", "read")
    store.put_client(new_client("oidc", "standard", "its-own-secret", grants=grants, scopes=scopes))
    return api


def enrol(api: Api, name: str) -> None:
    user = api.services.store.get_user(api.user_id(name))
    assert user is not None
    api.services.store.commit(ChangeUser(user, replace(user, second_factors=frozenset({"totp"}))))


def log_in(api: Api, form: dict[str, str], client: tuple[str, str] = WEB) -> Answer:
    return api.post("/oauth/token", form=form, basic=client)


def token(api: Api, form: dict[str, str], client: tuple[str, str] = WEB) -> str:
    answer = log_in(api, form, client)
    assert answer.status == 200, answer
    found: str = answer.json["access_token"]
    return found


def with_two_factors(api: Api, access_token: str) -> str:
    """The same token, of a session that was opened with two factors."""
    store: Any = api.services.store
    (session,) = [each for each in store.list_sessions(api.user_id("admin"), 100) if isinstance(each, Session)]
    both = replace(session, methods=("pwd", "otp", "mfa"))
    store.commit(PutSession(both, both.over_at))
    return access_token


# --- who needs one --------------------------------------------------------------------------------------------


def test_everybody_where_it_is_required(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a first login, which makes no account then."""
    api = an_api(monkeypatch, api_store, mfa="required")
    assert log_in(api, BY_PASSWORD) == REFUSED
    assert api.post("/mobile/code/get", form={"mobile": "13900001234"}, basic=WEB).status == 200
    form = {"mobile": "13900001234", "code": api.last_code}
    assert api.post("/mobile/token", form=form, basic=WEB) == REFUSED
    assert api.post("/sign/token", form={"sign": "o-9"}, basic=WEB) == REFUSED
    assert len(api_store.list_users(100, None).users) == 3
    assert log_in(api, BY_PASSWORD, IGNORING).status == 200


def test_the_holders_of_a_role(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, api_store, mfa_roles="admin,auditor")
    assert log_in(api, ADMIN) == REFUSED
    assert log_in(api, BY_PASSWORD).status == 200
    assert log_in(api, ADMIN, IGNORING).status == 200


def test_nobody_where_it_is_off(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, api_store, mfa="off", mfa_roles="admin")
    enrol(api, "admin")
    bearer = token(api, ADMIN)
    assert api.post("/roles/list", bearer=bearer).status == 200


def test_a_client_whose_record_ignores_it(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, api_store)
    enrol(api, "alice")
    assert log_in(api, BY_PASSWORD) == REFUSED
    bearer = token(api, BY_PASSWORD, IGNORING)
    assert api.post("/users/current", bearer=bearer).status == 200
    assert introspected(api, bearer)["acr"] == "1"


# --- what a session of one factor may not do ------------------------------------------------------------------


@pytest.mark.security("MFA-3", "RFC9470-3")
@pytest.mark.parametrize("settings", [{}, {"mfa_roles": "admin"}], ids=["has a second factor", "needs one"])
def test_it_is_no_admin(api_store: Any, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    api = an_api(monkeypatch, api_store, **settings)
    if not settings:
        enrol(api, "admin")
    bearer = token(api, ADMIN, IGNORING)
    alice = {"id": api.user_id("alice")}
    assert api.post("/roles/list", bearer=bearer) == STEP_UP
    assert api.post("/users/find", json_body=alice, bearer=bearer) == STEP_UP
    assert api.post("/users/delete", json_body=alice, bearer=bearer) == STEP_UP
    assert api.post("/users/current", bearer=bearer).status == 200
    with_two_factors(api, bearer)
    assert api.post("/roles/list", bearer=bearer).status == 200
    assert api.post("/users/find", json_body=alice, bearer=bearer).status == 200


@pytest.mark.security("MFA-3")
def test_who_is_no_admin_anyway_is_told_so(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No second factor would make one of them."""
    api = an_api(monkeypatch, api_store)
    enrol(api, "alice")
    bearer = token(api, BY_PASSWORD, IGNORING)
    assert api.post("/roles/list", bearer=bearer).status == 403
    assert api.post("/users/find", json_body={"id": api.user_id("bob")}, bearer=bearer).status == 403


@pytest.mark.security("MFA-3")
def test_it_holds_no_role_that_needs_two(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In signed tokens, also after a refresh; in introspection; in userinfo."""
    api = an_api(monkeypatch, api_store)
    first = log_in(api, ADMIN, CLAIMS).json
    openid = log_in(api, {**ADMIN, "scope": "openid roles"}, ("oidc", "its-own-secret")).json["access_token"]
    assert parts(first["access_token"])[1]["roles"] == ["admin"]
    assert introspected(api, first["access_token"])["roles"] == ["admin"]
    assert api.call("GET", "/oauth/userinfo", bearer=openid).json["roles"] == ["admin"]
    strict = make_api(monkeypatch, api_store, populated=False, mfa_roles="admin")
    assert introspected(strict, first["access_token"])["roles"] == []
    assert strict.call("GET", "/oauth/userinfo", bearer=openid).json["roles"] == []
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = strict.post("/oauth/token", form=form, basic=CLAIMS).json
    assert parts(second["access_token"])[1]["roles"] == []


@pytest.mark.security("MFA-3")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users/update", {"phone": "13900001111", "code": "123456", "password": "correct horse battery"}),
        ("/users/phone/remove", {"password": "correct horse battery"}),
        ("/users/pwd/update", {"oldPassword": "correct horse battery", "newPassword": "another good password"}),
        ("/users/identities/unlink", {"provider": "trusted", "password": "correct horse battery"}),
    ],
)
def test_it_changes_no_factor(api_store: Any, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, str]) -> None:
    """Whoever has the password alone does not get the account by it."""
    api = an_api(monkeypatch, api_store)
    enrol(api, "alice")
    before = api_store.get_user(api.user_id("alice"))
    bearer = token(api, BY_PASSWORD, IGNORING)
    alice = api.user_id("alice")
    assert api.post(path, json_body={"id": alice, "userId": alice, **body}, bearer=bearer) == STEP_UP
    assert api_store.get_user(alice) == before


@pytest.mark.security("RFC9470-6")
def test_how_and_when_the_user_logged_in(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9470 sections 6.1 and 6.2: a refresh changes nothing of it; a client's own token says nothing of it."""
    api = an_api(monkeypatch, api_store)
    first = log_in(api, ADMIN, CLAIMS).json
    told = {"auth_time": api.services.clock.now(), "acr": "1", "amr": ["pwd"]}
    api.time.advance(100)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = log_in(api, form, CLAIMS).json
    for found in (parts(second["access_token"])[1], introspected(api, second["access_token"])):
        assert {name: found[name] for name in told} == told
    with_two_factors(api, second["access_token"])
    both = introspected(api, second["access_token"])
    assert (both["acr"], both["amr"]) == ("2", ["pwd", "otp", "mfa"])
    own = introspected(api, token(api, {"grant_type": "client_credentials"}, STANDARD))
    assert told.keys().isdisjoint(own)


@pytest.mark.parametrize("settings", [{"mfa": "required"}, {"mfa_roles": "user"}], ids=["everybody", "a role"])
def test_the_last_second_factor_stays_where_one_is_needed(
    api_store: Any, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    api = an_api(monkeypatch, api_store, **settings)
    alice = api.user_id("alice")
    set_up(api.services, alice)
    with pytest.raises(LingpaiError) as refused:
        second_factors.remove_totp(api.services, alice, SessionKey(alice, b"session1"))
    assert (refused.value.status, refused.value.reason) == (409, "last_second_factor")
    assert api_store.get_user(alice).second_factors == {"totp"}
