"""Login by the MD5 and SHA-1 of a password (contract section 2): what is kept for it, and where."""

from collections.abc import Iterator
from typing import Any

import pytest

from lingpai.accounts.model import User
from lingpai.passwords import service as passwords
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.dialects import PASSWORD, digests, failed, log_in_by_digests, sdk, usercenter_tokens
from tests.support.people import new_name
from tests.support.tokens import stored

WRONG_PASSWORD = failed("用户名或密码错误")
NEW = "another good password"


@pytest.fixture
def store() -> Iterator[Any]:
    """One on moto, with everyone in it and nobody's digests: nobody has logged in yet."""
    with stores.for_api() as opened, pytest.MonkeyPatch.context() as patch:
        make_api(patch, opened)
        yield opened


@pytest.fixture
def off(store: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A deployment that did not turn it on."""
    return make_api(monkeypatch, store, populated=False)


@pytest.fixture
def on(store: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    """One that did."""
    return make_api(monkeypatch, store, populated=False, digest_login=True)


def ask(api: Api, username: str = "alice", **changes: str) -> Answer:
    return api.post("/oauth/token", json_body=sdk(username, **{**digests(), **changes}))


def kept(api: Api, name: str = "alice") -> User:
    user = api.services.store.get_user(api.user_id(name))
    assert user is not None
    return user


def test_it_is_off_unless_turned_on(off: Api) -> None:
    """Nobody's digests are made or looked at: not at a login, a registration or a change."""
    refused = failed("不支持的授权方式 md5password")
    off.token()
    assert [ask(off), ask(off, md5password="f" * 32), ask(off, "nobody")] == [refused] * 3
    name = new_name()
    assert off.post("/users/register", json_body={"username": name, "password": PASSWORD}).status == 200
    off.token(name, PASSWORD)
    assert (
        off.post("/users/save", json_body={"id": off.user_id("bob"), "password": NEW}, bearer=off.admin()).status == 200
    )
    assert [kept(off, user).digests for user in ("alice", "bob", "admin", name)] == [None] * 4
    form = {"client_id": "23", "grant_type": "password", "username": name, "password": PASSWORD}
    usercenter_tokens(off.post("/oauth/token", form=form))


def test_before_the_first_login_in_clear_there_is_nothing_to_compare_with(on: Api) -> None:
    """The answer is that to a wrong password; it makes nothing."""
    before = stored(on)
    assert ask(on) == WRONG_PASSWORD
    assert stored(on) == before


@pytest.mark.parametrize(
    "client", [("web-client", "web-secret"), ("django-app", "django-secret"), ("2", "passport-secret")]
)
def test_the_first_login_in_clear_makes_the_verifier(on: Api, client: tuple[str, str]) -> None:
    """Through any client; a wrong password makes none."""
    form = {"grant_type": "password", "username": "alice", "password": "not her password"}
    assert on.post("/oauth/token", form=form, basic=client).status in {400, 401}
    assert kept(on).digests is None
    on.log_in("alice", PASSWORD, client)
    usercenter_tokens(ask(on))


def test_the_verifier_is_a_slow_hash_over_both(on: Api) -> None:
    """Neither digest is kept, in any form that a fast search could find."""
    on.token()
    user = kept(on)
    assert user.digests
    assert user.digests.startswith("$argon2id$")
    both = digests()
    assert passwords.verify(f"{both['md5password']}:{both['shapassword']}", user.digests, on.services.settings)
    everything = str(stored(on))
    assert both["md5password"] not in everything
    assert both["shapassword"] not in everything


def test_the_second_login_changes_nothing(on: Api) -> None:
    """The account counts its logins; all else stays."""
    on.token()
    before = kept(on)
    on.token()
    log_in_by_digests(on)
    assert kept(on) == before


def test_the_verifier_is_no_second_password(on: Api) -> None:
    """Its text and its digests in place of the password open nothing, nor does the hash."""
    on.token()
    user, both = kept(on), digests()
    assert user.digests
    assert user.password
    for guess in (*both.values(), ":".join(both.values()), user.digests, user.password):
        form = {"client_id": "23", "grant_type": "password", "username": "alice", "password": guess}
        assert on.post("/oauth/token", form=form) == WRONG_PASSWORD
        assert ask(on, md5password=guess, shapassword=guess) == WRONG_PASSWORD


def test_both_must_match(on: Api) -> None:
    on.token()
    other = digests("another password")
    assert ask(on, md5password=other["md5password"]) == WRONG_PASSWORD
    assert ask(on, shapassword=other["shapassword"]) == WRONG_PASSWORD
    assert ask(on, md5password=digests()["shapassword"], shapassword=digests()["md5password"]) == WRONG_PASSWORD
    both = digests()
    assert ask(on, md5password=f"{both['md5password']}:{both['shapassword']}", shapassword="x") == WRONG_PASSWORD
    log_in_by_digests(on)


def test_hex_is_hex_in_either_case(on: Api) -> None:
    """The contract's clients send lower case; capitals say the same and let nobody in who was not before."""
    on.token()
    usercenter_tokens(ask(on, **{name: text.upper() for name, text in digests().items()}))


@pytest.mark.parametrize("how", ["by the user", "by an admin"])
def test_a_new_password_replaces_the_verifier(on: Api, how: str) -> None:
    """At once, without a login in between; and the digests of the old one open nothing any more."""
    token = on.token()
    old, alice = log_in_by_digests(on), on.user_id("alice")
    if how == "by the user":
        body = {"userId": alice, "oldPassword": PASSWORD, "newPassword": NEW}
        assert on.post("/users/pwd/update", json_body=body, bearer=token).status == 200
    else:
        body = {"id": alice, "password": NEW}
        assert on.post("/users/save", json_body=body, bearer=on.admin()).status == 200
    assert ask(on) == WRONG_PASSWORD
    usercenter_tokens(ask(on, **digests(NEW)))
    assert on.post("/user/checkOauthToken", json_body={"accessToken": old["accessToken"]}).json["status"] == 0


def test_a_new_password_where_it_is_off_leaves_no_verifier_of_the_old(on: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned off and on again, a deployment must not take the old password."""
    token = on.token()
    assert kept(on).digests
    off = make_api(monkeypatch, on.services.store, populated=False)
    body = {"userId": off.user_id("alice"), "oldPassword": PASSWORD, "newPassword": NEW}
    assert off.post("/users/pwd/update", json_body=body, bearer=token).status == 200
    assert kept(off).digests is None
    again = make_api(monkeypatch, on.services.store, populated=False, digest_login=True)
    assert ask(again) == WRONG_PASSWORD
    again.token("alice", NEW)
    usercenter_tokens(ask(again, **digests(NEW)))


@pytest.mark.parametrize("path", ["/users/register", "/User/Register"])
def test_a_new_account_has_its_verifier_from_the_start(on: Api, path: str) -> None:
    name = new_name()
    assert on.post(path, json_body={"username": name, "userName": name, "password": PASSWORD}).status == 200
    usercenter_tokens(ask(on, name))


@pytest.mark.parametrize("password", ["密码是很长的一句话", "pässwörd mit Umlauten", "spaces at the end  "])
def test_the_digests_are_those_of_the_password_in_utf_8(on: Api, password: str) -> None:
    name = new_name()
    assert on.post("/users/register", json_body={"username": name, "password": password}).status == 200
    usercenter_tokens(ask(on, name, **digests(password)))
