"""Who is behind a change, as the audited items have it after a request."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from lingpai.accounts.storage import ChangeUser
from lingpai.kernel import cause
from lingpai.kernel.cause import Cause
from lingpai.passwords import service as passwords
from lingpai.sessions import service as sessions
from lingpai.sessions.model import SessionKey
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.browsers import request_pairs, web_app
from tests.support.pages import Browser

ADDRESS = "192.0.2.1"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """The API into moto, whose items can be read as they are stored."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        yield make_api(patch, stack.enter_context(stores.on_moto()))


def cause_in(api: Api, table: str, key: dict[str, Any]) -> Cause:
    """The cause that the item of this key has, but for the id of the request, which is there where its address is."""
    store: Any = api.services.store
    item = store.call("GetItem", TableName=getattr(store.settings, table), Key=key)["Item"]
    found = cause.read(item["cause"]["S"])
    assert bool(found.request_id) == bool(found.address)
    return Cause(found.action, "", found.address, found.actor, found.client, found.why)


def of_user(api: Api, user_id: int) -> Cause:
    return cause_in(api, "users_table", {"id": {"N": str(user_id)}})


def of_session(api: Api, key: SessionKey) -> Cause:
    return cause_in(api, "sessions_table", {"owner": {"N": str(key.owner)}, "id": {"B": key.id}})


def key_of(token: str) -> SessionKey:
    """The session of an opaque token."""
    parsed = sessions.parse(token)
    assert parsed is not None
    return parsed.key


def test_the_login_of_another_user_in_the_same_browser(api: Api) -> None:
    """The cookie tells of the user before, who has not asked for this: both sessions are the doing of who logs in."""
    store: Any = api.services.store
    store.put_client(web_app())
    browser = Browser(api)
    browser.log_in()
    first = key_of(browser.session_cookie)
    again = f"/oauth/authorize?{urlencode(request_pairs(prompt='login'))}"
    browser.log_in("bob", "battery staple correct", target=again)
    expected = Cause("/login", "", ADDRESS, f"user:{api.user_id('bob')}")
    assert of_session(api, key_of(browser.session_cookie)) == expected
    assert of_session(api, first) == expected


def test_registration(api: Api) -> None:
    """Nobody is known yet."""
    given = {"username": "newcomer", "password": "a longer password"}
    assert api.post("/users/register", json_body=given).status == 200
    assert of_user(api, api.user_id("newcomer")) == Cause("/users/register", "", ADDRESS)


@pytest.mark.security("EVT-cause")
def test_login(api: Api) -> None:
    assert of_session(api, key_of(api.token())) == Cause("/oauth/token", "", ADDRESS, "", "web-client")


def test_login_that_hashes_the_password_anew(api: Api) -> None:
    """So that nobody is told of another password."""
    store: Any = api.services.store
    user = store.get_user(api.user_id("bob"))
    other = api.services.settings.model_copy(update={"argon2_time": 2})
    before = passwords.hash_password("battery staple correct", other)
    store.commit(ChangeUser(user, replace(user, password=before)))
    api.token("bob", "battery staple correct")
    assert of_user(api, user.id) == Cause("/oauth/token", "", ADDRESS, "", "web-client", "rehashed")


def test_own_change(api: Api) -> None:
    bob, old = api.user_id("bob"), "battery staple correct"
    given = {"userId": bob, "oldPassword": old, "newPassword": "another long password"}
    assert api.post("/users/pwd/update", json_body=given, bearer=api.token("bob", old)).status == 200
    assert of_user(api, bob) == Cause("/users/pwd/update", "", ADDRESS, f"user:{bob}", "web-client")


@pytest.mark.security("EVT-cause")
def test_change_by_an_admin(api: Api) -> None:
    newcomer = api.user_id("newcomer")
    given = {"id": newcomer, "username": "newcomer", "password": "one more long password"}
    assert api.post("/users/save", json_body=given, bearer=api.admin()).status == 200
    expected = Cause("/users/save", "", ADDRESS, f"user:{api.user_id('admin')}", "web-client")
    assert of_user(api, newcomer) == expected


@pytest.mark.security("EVT-cause")
def test_change_by_a_client(api: Api) -> None:
    basic = ("machine-client", "machine-secret")
    form = {"grant_type": "client_credentials", "scope": "lingpai:admin"}
    token = api.post("/oauth/token", form=form, basic=basic).json["access_token"]
    assert api.post("/roles/save", json_body={"roleName": "editor"}, bearer=token).status == 200
    expected = Cause("/roles/save", "", ADDRESS, "client:machine-client", "machine-client")
    assert cause_in(api, "roles_table", {"book": {"S": "roles"}}) == expected


def test_revocation(api: Api) -> None:
    token = api.token()
    assert api.post("/oauth/revoke", form={"token": token}, basic=("web-client", "web-secret")).status == 200
    assert of_session(api, key_of(token)) == Cause("/oauth/revoke", "", ADDRESS, "", "web-client")


def refresh(api: Api, token: str) -> Answer:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return api.post("/oauth/token", form=form, basic=("web-client", "web-secret"))


def test_reuse(api: Api) -> None:
    """RFC 9700 section 4.14.2: a refresh token that was used before ends the session."""
    first = api.log_in("alice", "correct horse battery")["refresh_token"]
    second = refresh(api, first).json["refresh_token"]
    assert refresh(api, second).status == 200
    api.time.advance(3600)
    assert refresh(api, first).status == 400
    expected = Cause("/oauth/token", "", ADDRESS, "", "web-client", "reuse_found")
    assert of_session(api, key_of(first)) == expected


@pytest.mark.security("EVT-cause")
def test_pages(api: Api) -> None:
    browser = Browser(api)
    browser.log_in()
    page = browser.get("/account?edit=profile")
    browser.submit(page.form(action="profile"), name="爱丽丝")
    alice = api.user_id("alice")
    assert of_user(api, alice) == Cause("/account", "", ADDRESS, f"user:{alice}")


def test_nothing_is_left_after_a_request(api: Api) -> None:
    api.token()
    assert cause.current() == Cause()
