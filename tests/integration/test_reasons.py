"""The field `reason` of what the OAuth routes refuse: for every dialect, one for unknown and wrong."""

from typing import Any

import pytest

from lingpai.accounts.storage import DisableUser
from lingpai.http.oauth_error import oauth_error
from lingpai.http.reasons import REASONS, reason_field
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.messages import TEXTS
from tests.support.api import Api
from tests.support.dialects import DJANGO, PASSPORT, sdk
from tests.support.tokens import APP, MACHINE, STANDARD, WEB, refresh

pytestmark = pytest.mark.security("F33")

# How a client of each dialect authenticates. What `usercenter` answers has no `error`, and so no reason beside it.
DIALECTS: dict[str, dict[str, Any]] = {
    "django": {"form": DJANGO},
    "passport": {"form": PASSPORT},
    "spring": {"basic": WEB},
    "standard": {"basic": STANDARD},
}


def asked(api: Api, dialect: str, path: str = "/oauth/token", **fields: str) -> Any:
    """The body of the refusal of these fields by a client of this dialect."""
    given = DIALECTS[dialect]
    answer = api.post(path, form={**given.get("form", {}), **fields}, basic=given.get("basic"))
    assert answer.status >= 400
    return answer.json


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_it_beside_the_error(api: Api, dialect: str) -> None:
    assert asked(api, dialect, grant_type="password", username="alice")["reason"] == "missing_parameter"
    assert asked(api, dialect, grant_type="nothing")["reason"] == "unknown_grant"
    assert asked(api, dialect)["reason"] == "missing_parameter"
    refused = asked(api, dialect, "/mobile/token", mobile="13312341234", code="000000")
    assert refused["reason"] in {"bad_code", "grant_not_allowed"}


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "passport"])
def test_an_unknown_user_and_a_wrong_password_are_one(api: Api, dialect: str) -> None:
    api.services.store.commit(DisableUser(api.user_id("bob")))
    refusals = [
        asked(api, dialect, grant_type="password", username=name, password="wrong-password")
        for name in ("alice", "nobody", "13312341234", "13312349999", "bob")
    ]
    assert {str(refusal) for refusal in refusals} == {str(refusals[0])}
    assert (refusals[0]["error"], refusals[0]["reason"]) == ("invalid_grant", "bad_credentials")


def test_a_wrong_password_of_passport_stays_as_its_seed_has_it(api: Api) -> None:
    refusal = asked(api, "passport", grant_type="password", username="alice", password="wrong-password")
    assert list(refusal) == ["error", "message"]


def test_usercenter_has_no_error_to_stand_beside(api: Api) -> None:
    answer = api.post("/oauth/token", json_body=sdk(grant_type="password", password="wrong-password"))
    assert set(answer.json) == {"status", "msg"}


def test_an_unknown_client_and_a_wrong_secret_are_one(api: Api) -> None:
    form = {"grant_type": "client_credentials"}
    for basic in (("nobody", "x"), (STANDARD[0], "wrong"), (WEB[0], "wrong")):
        refusal = api.post("/oauth/token", form=form, basic=basic).json
        assert (refusal["error"], refusal["reason"]) == ("invalid_client", "bad_client")


def test_a_wrong_a_used_and_an_unasked_code_are_one(api: Api) -> None:
    form = {"mobile": "13312341234", "code": "000000"}
    reasons = {api.post("/mobile/token", form=form, basic=WEB).json["reason"]}
    api.post("/mobile/code/get", form={"mobile": form["mobile"]}, basic=WEB)
    right = api.last_code
    wrong = "000000" if right != "000000" else "111111"
    reasons.add(api.post("/mobile/token", form={**form, "code": wrong}, basic=WEB).json["reason"])
    assert api.post("/mobile/token", form={**form, "code": right}, basic=WEB).status == 200
    reasons.add(api.post("/mobile/token", form={**form, "code": right}, basic=WEB).json["reason"])
    assert reasons == {"bad_code"}


def test_an_unknown_a_used_and_another_clients_refresh_token_are_one(api: Api) -> None:
    token = api.log_in("alice", "correct horse battery")["refresh_token"]
    other = refresh(api, token, APP).json
    unknown = refresh(api, "A" * 22 + "." + "A" * 43).json
    assert other == unknown
    assert other["reason"] == "bad_refresh_token"


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
def test_the_other_routes_have_it_too(api: Api, path: str) -> None:
    assert api.post(path, basic=MACHINE).json["reason"] == "missing_parameter"
    assert api.post(path, form={"token": "x"}, basic=("nobody", "x")).json["reason"] == "bad_client"
    assert api.call("PUT", path).json["reason"] == "wrong_method"


def test_a_reason_that_is_not_listed_is_not_sent() -> None:
    error = LingpaiError("invalid_grant", 400, "user_not_found")
    assert reason_field(error) == {}
    assert '"reason"' not in oauth_error(error).body


def test_each_listed_reason_is_one_of_the_texts() -> None:
    listed = [reason for reasons in REASONS.values() for reason in reasons]
    assert len(set(listed)) == len(listed)
    assert set(listed) <= set(TEXTS)
