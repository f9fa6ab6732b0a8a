"""Any JSON at all, to every path of users, details and roles, from anybody: never a fault of the server."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, assume, given, settings

from lingpai.accounts import identities, profile_names
from lingpai.accounts import service as accounts
from lingpai.accounts.dynamodb import deserialize_user, serialize_user
from tests.support.api import Api
from tests.support.expect import standing_api
from tests.support.memory_store import MemoryStore
from tests.support.people import machine

FIELDS = (
    "id",
    "userId",
    "username",
    "password",
    "oldPassword",
    "newPassword",
    "roleList",
    "roleName",
    "phone",
    "code",
    "openId",
    "limit",
    "cursor",
    "name",
    "age",
    "createTime",
    "birthday",
    "images",
)
PATHS = (
    "/users/register",
    "/users/save",
    "/users/update",
    "/users/pwd/update",
    "/users/phone/remove",
    "/users/role/update",
    "/users/find",
    "/users/list",
    "/users/current",
    "/users/delete",
    "/userDetail/current",
    "/userDetail/get",
    "/userDetail/update",
    "/roles/list",
    "/roles/save",
    "/roles/delete",
)

# Texts of every kind; those that come close to what is wanted go furthest.
texts = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"\+?[0-9 ()\-.]{5,20}", fullmatch=True),
    st.from_regex(
        r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}([T ][0-9]{2}:?[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?", fullmatch=True
    ),
    st.sampled_from(["alice", "ALICE", "admin", "13312341234", "2", "AAAAAAAAAQ", "correct horse battery", "9" * 400]),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(0, 5), st.floats(), st.integers(2**52, 2**54), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=8)), inner, max_size=4),
    ),
    max_leaves=8,
)
bodies = st.one_of(
    values,
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=8),
    st.fixed_dictionaries(
        {"id": st.just("self")}, optional={field: values for field in FIELDS if field not in ("id", "userId")}
    ),
)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with standing_api(limit_register_ip=0, limit_register_net=0) as standing:
        yield standing


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(path=st.sampled_from(PATHS), body=bodies, spell_out=st.booleans())
def test_never_a_fault(api: Api, path: str, body: Any, spell_out: bool) -> None:
    """Every answer is a success or says what is wrong, with its status in the body; nobody is left half made."""
    callers: dict[str, Any] = {"bob": tokens(api), "machine": machine(api), "nobody": None}
    if isinstance(body, dict) and body.get("id") == "self":
        body = {**body, "id": api.user_id("bob"), "userId": api.user_id("bob")}
    raw = json.dumps(body, ensure_ascii=spell_out).encode("utf-8", "surrogatepass")
    for caller, token in callers.items():
        answer = api.post(path, body=raw, bearer=token, headers={"Content-Type": "application/json"})
        said = answer.json
        assert answer.status < 500, (path, raw, caller)
        assert answer.status in (200, 400, 401, 403, 404, 409, 413), (path, raw, caller)
        if answer.status == 401:
            assert set(said) == {"error", "error_description"}
        else:
            assert said["status"] == answer.status
            assert set(said) <= ({"status", "message"} if answer.status == 200 else {"status", "error"})
        assert "argon2" not in answer.body
    assert_whole(api)


def tokens(api: Api) -> str:
    """A token of bob's, who is made anew where the last example has changed or deleted him."""
    form = {"grant_type": "password", "username": "bob", "password": "battery staple correct"}
    answer = api.post("/oauth/token", form=form, basic=("web-client", "web-secret"))
    if answer.status != 200:
        user_id = identities.find_by_name(api.services, "bob")
        if user_id is not None:
            accounts.delete(api.services, user_id)
        accounts.create(api.services, "bob", "battery staple correct")
        answer = api.post("/oauth/token", form=form, basic=("web-client", "web-secret"))
    token: str = answer.json["access_token"]
    return token


def assert_whole(api: Api) -> None:
    """Every name finds the account that has it, and every account is found by all its names; DynamoDB can keep them.

    It takes texts that UTF-8 can encode, and keys of 1 to 2048 bytes.
    """
    store: Any = api.services.store
    users = {user.id: user for user in store.list_users(1000, None).users}
    by_name = names_of(store)
    for user in users.values():
        item = serialize_user(user).serialize()
        assert json.dumps(item, ensure_ascii=False).encode()
        assert deserialize_user(item) == replace(user, sessions=None, logins=None, ended_until=0)
    assert all(1 <= len(key.encode()) <= 2048 for key in by_name)
    assert by_name == {key: user.id for user in users.values() for key in identities.keys_of(user)}


def names_of(store: Any) -> dict[str, int]:
    """All names, with the accounts that they find."""
    if isinstance(store, MemoryStore):
        return dict(store.identities)
    found = store.call("Scan", TableName=store.settings.identities_table)["Items"]
    return {item["key"]["S"]: int(item["user_id"]["N"]) for item in found}


@pytest.mark.security("F31")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    spelled=st.one_of(st.from_regex(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", fullmatch=True)),
    field=st.sampled_from(["name", "age", "phone", "gender", "addr", "nation", "instruction", "images"]),
)
def test_a_number_in_a_profile_is_kept_as_it_is_spelled(api: Api, spelled: str, field: str) -> None:
    token = tokens(api)
    body = f'{{"id":{api.user_id("bob")},"{field}":{spelled}}}'.encode()
    answer = api.post("/userDetail/update", body=body, bearer=token)
    kept = api.post("/userDetail/current", json_body={}, bearer=token).json["message"][field]
    limit = profile_names.LIMITS[profile_names.FIELDS[field]]
    assert (answer.status, kept) == (200, spelled) or (answer.status, len(spelled) > limit) == (400, True)


@pytest.mark.security("F30")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_a_birthday_is_the_day_where_the_deployment_is(api: Api, at: datetime) -> None:
    offset = at.utcoffset()
    assume(offset is not None and offset.total_seconds() % 60 == 0)
    token = tokens(api)
    body = {"id": api.user_id("bob"), "birthday": at.isoformat()}
    assert api.post("/userDetail/update", json_body=body, bearer=token).status == 200
    there = at.astimezone(timezone(timedelta(hours=8))).date()
    kept = api.post("/userDetail/current", json_body={}, bearer=token).json["message"]["birthday"]
    assert kept == there.isoformat()
