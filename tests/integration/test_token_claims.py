"""`claims` of a client's record: the roles and the username in signed tokens and introspection (RFC 9068, RFC 7662)."""

from typing import Any

import pytest

from lingpai.clients.model import ExtraClaim
from lingpai.clients.service import inconsistency, new_client
from tests.support.api import Api, make_api
from tests.support.dialects import introspected, parts
from tests.support.tokens import calls

BOTH: tuple[ExtraClaim, ...] = ("roles", "username")
GRANTS = ("password", "refresh_token", "client_credentials", "mobile")
ALICE = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
OWN = {"grant_type": "client_credentials"}
SECRET = "its-own-secret"


@pytest.fixture
def api(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    made = make_api(monkeypatch, api_store)
    for client in (
        new_client("both", "standard", SECRET, grants=GRANTS, token_format="jwt", claims=BOTH, roles=("admin",)),
        new_client("roles", "standard", SECRET, grants=GRANTS, token_format="jwt", claims=("roles",)),
        new_client("opaque", "standard", SECRET, grants=GRANTS, claims=BOTH),
        new_client("long", "standard", SECRET, grants=GRANTS, token_format="jwt", claims=BOTH, access_ttl=3601),
        new_client("passport", "passport", SECRET, grants=GRANTS, claims=BOTH, access_ttl=3600),
    ):
        api_store.put_client(client)
    return made


def issue(api: Api, client: str, **form: str) -> Any:
    answer = api.post("/oauth/token", form=form, basic=(client, SECRET))
    assert answer.status == 200, answer
    return answer.json


def told(given: Any) -> dict[str, Any]:
    return {name: given[name] for name in BOTH if name in given}


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("both", {"roles": ["user"], "username": "alice"}),
        ("roles", {"roles": ["user"]}),
        ("passport", {"roles": ["user"], "username": "alice"}),
        ("long", {}),
    ],
)
def test_a_signed_token_and_its_introspection_say_it(api: Api, client: str, expected: dict[str, Any]) -> None:
    """Where the record asks for it and the token lives an hour at most."""
    token = issue(api, client, **ALICE)["access_token"]
    assert told(parts(token)[1]) == expected
    assert told(introspected(api, token)) == expected


def test_introspection_says_it_of_an_opaque_token_as_it_is_now(api: Api) -> None:
    token = issue(api, "opaque", **ALICE)["access_token"]
    assert told(introspected(api, token)) == {"roles": ["user"], "username": "alice"}
    body = {"id": api.user_id("alice"), "roleList": [{"id": 1}, {"id": 2}]}
    assert api.post("/users/role/update", json_body=body, bearer=api.admin()).status == 200
    assert told(introspected(api, token))["roles"] == ["admin", "user"]


def test_a_refresh_says_what_is_so_by_then(api: Api) -> None:
    first = issue(api, "both", **ALICE)
    body = {"id": api.user_id("alice"), "roleList": []}
    assert api.post("/users/role/update", json_body=body, bearer=api.admin()).status == 200
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = api.post("/oauth/token", form=form, basic=("both", SECRET))
    assert told(parts(second.json["access_token"])[1]) == {"roles": [], "username": "alice"}
    assert api.post("/oauth/token", form=form, basic=("both", SECRET)) == second, "and so does its retry"


def test_a_clients_own_token_has_the_roles_of_its_record(api: Api) -> None:
    token = issue(api, "both", **OWN)["access_token"]
    assert told(parts(token)[1]) == {"roles": ["admin"]}
    assert told(introspected(api, token)) == {"roles": ["admin"]}


def test_a_number_is_no_username(api: Api) -> None:
    """Tokens go to many places."""
    mobile = "13912345678"
    assert api.post("/mobile/code/get", form={"mobile": mobile}, basic=("both", SECRET)).status == 200
    form = {"mobile": mobile, "code": api.last_code}
    tokens = api.post("/mobile/token", form=form, basic=("both", SECRET)).json
    assert told(parts(tokens["access_token"])[1]) == {"roles": []}
    assert told(introspected(api, tokens["access_token"])) == {"roles": []}


@pytest.mark.moto
def test_it_is_read_before_anything_is_written(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that is used up must not be lost to a call that fails afterwards; who asks for nothing pays nothing."""
    issue(api, "both", **ALICE), issue(api, "long", **ALICE)
    operations = calls(monkeypatch, api)
    issue(api, "both", **ALICE)
    assert operations == ["BatchGetItem", "GetItem", "BatchGetItem", "TransactWriteItems"]
    operations.clear()
    issue(api, "long", **ALICE)
    assert operations == ["BatchGetItem", "GetItem", "TransactWriteItems"]
    operations.clear()
    issue(api, "both", **OWN)
    assert operations == []


def test_a_record_for_longer_tokens_is_refused() -> None:
    reason = "claims: what tokens say of a user grows old: they need an access_token_ttl of 3600 at most"
    assert inconsistency(new_client("c", "spring", SECRET, claims=BOTH)) == reason
    assert inconsistency(new_client("c", "spring", SECRET, claims=BOTH, access_ttl=3600)) is None
