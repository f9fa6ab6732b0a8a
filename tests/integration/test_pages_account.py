"""`/account`: what it shows, what it changes, and what it asks a fresh login for."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from lingpai.accounts import service as accounts
from lingpai.accounts.model import Email, User
from lingpai.browser_sessions.model import BrowserSession
from lingpai.browser_sessions.storage import PutBrowserSession
from lingpai.sessions import service as sessions
from lingpai.sessions.model import SessionKey
from tests.support.api import Api, make_api
from tests.support.browsers import CALLBACK, VERIFIER, request_pairs, web_app
from tests.support.console import ConsoleBrowser
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Page, path
from tests.support.places import SHANGHAI, database

NEW = "13800138000"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, MemoryStore())


@pytest.fixture
def browser(api: Api) -> Browser:
    browser = Browser(api)
    browser.log_in()
    return browser


def test_profile(browser: Browser) -> None:
    form = browser.get("/account?edit=profile").form(action="profile")
    page = browser.submit(form, name="爱丽丝 <b>", gender="f", birthdate="1996-01-05", address="上海")
    assert page.target == "/account?note=saved"
    assert "Saved." in page.text
    for value in ("爱丽丝 <b>", "1996-01-05", "上海"):
        assert value in page.text
    form = browser.get("/account?edit=profile").form(action="profile")
    assert form.fields["name"] == "爱丽丝 <b>"
    browser.submit(form, name="", gender="", birthdate="", address="")
    user = browser.api.services.store.get_user(browser.api.user_id("alice"))
    assert user is not None
    assert (user.profile.name, user.profile.birthdate, user.profile.address) == (None, None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("birthdate", "5 January"), ("birthdate", "1996-13-01"), ("name", "x" * 65), ("address", "x" * 256)],
)
def test_a_profile_that_cannot_be(browser: Browser, field: str, value: str) -> None:
    form = browser.get("/account?edit=profile").form(action="profile")
    page = browser.submit(form, **{field: value})
    assert page.status == 400
    assert f"#{field}" in page.links
    assert page.form(action="profile").fields[field] == value


def test_password(browser: Browser) -> None:
    """Other sessions end, this one goes on."""
    other = Browser(browser.api)
    other.log_in()
    token = browser.api.token()
    form = browser.get("/account?edit=password").form(action="password")
    page = browser.submit(form, oldPassword="correct horse battery", newPassword="a fine long password")
    assert page.target == "/account?note=password_saved"
    assert not other.is_logged_in
    assert browser.api.post("/users/current", bearer=token).status == 401
    assert browser.is_logged_in
    other.log_in(password="a fine long password")
    assert other.is_logged_in


def test_wrong_old_password(browser: Browser) -> None:
    form = browser.get("/account?edit=password").form(action="password")
    page = browser.submit(form, oldPassword="wrong-horse-battery", newPassword="a fine long password")
    assert (page.status, "#oldPassword" in page.links) == (400, True)
    page = browser.submit(form, oldPassword="correct horse battery", newPassword="short")
    assert (page.status, "#newPassword" in page.links) == (400, True)
    page = browser.submit(form)
    assert (page.status, "#oldPassword" in page.links) == (400, True)


def change_phone(browser: Browser, number: str = NEW) -> Page:
    page = browser.submit(browser.get("/account?edit=phone").form(action="phone-send"), mobile=number)
    return browser.submit(page.form(action="phone"), code=browser.api.last_code)


def test_phone(browser: Browser) -> None:
    """The number is proven by a code, the old one gets a message, and other sessions end."""
    other = Browser(browser.api)
    other.log_in()
    page = change_phone(browser)
    assert page.target == "/account?note=phone_saved"
    assert NEW in page.text
    assert [message.purpose for message in browser.api.outbox] == ["link", "notice"]
    assert not other.is_logged_in


def test_a_phone_of_another_account(browser: Browser) -> None:
    other = Browser(browser.api)
    other.log_in("bob", "battery staple correct")
    page = change_phone(other, "13312341234")
    assert page.status == 409
    assert "This number belongs to another account" in page.text


@pytest.mark.security("ASVS-7.5.1")
@pytest.mark.parametrize("edit", ["phone", "delete"])
def test_what_needs_a_recent_login(browser: Browser, edit: str) -> None:
    """The page and the form: both lead to a new login, and back."""
    form = browser.get(f"/account?edit={edit}").forms[0]
    browser.api.time.advance(601)
    for page in (browser.get(f"/account?edit={edit}"), browser.submit(form, confirm="yes", mobile=NEW)):
        assert path(page.target) == "/login"
        assert "log in again before you go on" in page.text
        assert page.form(action="send").fields["continue"] == f"/account?edit={edit}"
    assert browser.api.sent == 0
    way = next(link for link in page.links if link.endswith("way=password"))
    form = browser.get(way).form(action="password")
    page = browser.submit(form, username="alice", password="correct horse battery")
    assert page.target == f"/account?edit={edit}"


@pytest.mark.security("ASVS-7.5.2")
def test_sessions_are_listed_and_ended(browser: Browser) -> None:
    api = browser.api
    api.time.advance(120)
    phone = Browser(api)
    phone.log_in()
    token = api.token()
    page = browser.get("/account")
    assert page.text.count("Chrome on Windows") == 2
    assert page.text.count("This device") == 1
    assert "App: web-client" in page.text
    ends = [form for form in page.forms if form.fields.get("action") == "end"]
    assert len(ends) == 3
    mine = browser.session_cookie.partition(".")[0]
    theirs = phone.session_cookie.partition(".")[0]
    page = browser.submit(page.form(action="end", session=theirs))
    assert page.target == "/account?note=ended"
    assert not phone.is_logged_in
    phone.log_in()
    page = browser.submit(browser.get("/account").form(action="end-others"))
    assert not phone.is_logged_in
    assert api.post("/users/current", bearer=token).status == 401
    page = browser.submit(page.form(action="end", session=mine))
    assert path(page.target) == "/login"
    assert not browser.is_logged_in


@pytest.mark.security("PAGE-7")
def test_nobody_ends_the_session_of_another(browser: Browser) -> None:
    other = Browser(browser.api)
    other.log_in("bob", "battery staple correct")
    theirs = other.session_cookie.partition(".")[0]
    form = browser.get("/account").form(action="end")
    for named in (theirs, "", "x", theirs[:-1]):
        browser.submit(form, session=named)
    assert other.is_logged_in
    assert browser.is_logged_in


def test_unlink(browser: Browser) -> None:
    api = browser.api
    assert (
        api.post(
            "/users/update",
            json_body={"id": api.user_id("alice"), "openId": "o-1"},
            bearer=api.admin(),
        ).status
        == 200
    )
    browser.cookies.clear()
    browser.log_in()
    page = browser.get("/account")
    assert "trusted" in page.text
    form = page.form(action="unlink")
    api.time.advance(601)
    assert path(browser.submit(form).target) == "/login"
    browser.cookies.clear()
    browser.log_in()
    page = browser.submit(browser.get("/account").form(action="unlink"))
    assert page.target == "/account?note=unlinked"
    assert "trusted" not in page.text


def test_sessions_that_are_over_hide_none_that_is_alive(api: Api) -> None:
    """They stay in the table until it removes them, which may take days."""
    user_id = api.user_id("alice")
    Browser(api).log_in()
    (old,) = api.services.store.list_sessions(user_id, 9)
    assert isinstance(old, BrowserSession)
    api.services.store.end_sessions((old.key,))
    for number in range(1000):
        key = SessionKey(user_id, number.to_bytes(8))
        api.services.store.commit(PutBrowserSession(replace(old, key=key, ends_at=old.created_at), old.ends_at))
    api.time.advance(1)
    browser = Browser(api)
    browser.log_in()
    assert browser.get("/account").text.count("Chrome on Windows") == 1
    admin = ConsoleBrowser(api)
    admin.log_in_at_console()
    assert admin.open(f"/console/user?id={user_id}").text.count("Chrome on Windows") == 1


@pytest.mark.parametrize(("language", "shown"), [("zh", "中国 上海"), ("en", "Shanghai, China")])
def test_the_place_of_a_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: str, shown: str) -> None:
    """Where the operator has a database of places. The address itself is not kept."""
    places = database(tmp_path, {"203.0.113.0/24": SHANGHAI})
    api = make_api(monkeypatch, MemoryStore(), places_database=places)
    Browser(api, language, "203.0.113.7").log_in()
    api.time.advance(1)
    unknown = Browser(api, language, "198.51.100.7")
    unknown.log_in()
    assert unknown.get("/account").text.count(shown) == 1
    content = unknown.call("GET", "/account?download=json").answer.body
    assert [session["place"] for session in json.loads(content)["sessions"]] == [None, "Shanghai, China"]
    kept = api.services.store.list_sessions(api.user_id("alice"), 9)
    assert len(kept) == 2
    assert "203.0.113.7" not in content + repr(kept)


def test_download(browser: Browser) -> None:
    browser.submit(browser.get("/account?edit=profile").form(action="profile"), name="爱丽丝")
    answer = browser.call("GET", "/account?download=json").answer
    assert answer.headers["content-disposition"] == 'attachment; filename="account.json"'
    assert answer.headers["cache-control"] == "no-store"
    content = json.loads(answer.body)
    assert content["username"] == "alice"
    assert content["mobile"] == "+8613312341234"
    assert content["profile"] == {"name": "爱丽丝"}
    assert content["roles"] == ["user"]
    assert content["has_password"] is True
    assert content["password_set_at"] is None
    assert [session["device"] for session in content["sessions"]] == ["Chrome/Windows"]
    assert "argon2" not in answer.body
    assert browser.session_cookie not in answer.body


def test_the_download_has_all_that_is_kept(browser: Browser) -> None:
    """Every identity, also those at providers that are configured no more; the e-mail address; apps and consents."""
    api, store = browser.api, browser.api.services.store
    issuers = (("old-provider:app", "o-2"), ("trusted:default", "o-1"), ("wechat:unionid", "u-1"))

    def edit(user: User) -> User:
        return replace(user, email=Email("alice@example.com", verified=True), openids=issuers, imported_from="django")

    accounts.change(api.services, api.user_id("alice"), edit)
    tokens = let_in(browser, "third-app", "openid phone read")
    content = json.loads(browser.call("GET", "/account?download=json").answer.body)
    assert content["email"] == {"address": "alice@example.com", "verified": True}
    assert content["imported_from"] == "django"
    assert content["second_factors"] == []
    assert content["identities"] == [{"issuer": issuer, "id": openid} for issuer, openid in issuers]
    assert content["consents"] == [{"client": "third-app", "scope": ["openid", "phone", "read"]}]
    now = api.services.clock.now()
    (app,) = [session for session in content["sessions"] if "client" in session]
    ends = store.get_session(sessions.parse(tokens["access_token"]).key).over_at  # type: ignore[union-attr]
    assert app == {
        "created_at": now,
        "used_at": now,
        "ends_at": ends,
        "auth_time": now,
        "methods": ["pwd"],
        "client": "third-app",
        "scope": ["openid", "phone", "read"],
    }
    known = {field.name for field in fields(User)}
    told = {
        "id",
        "created_at",
        "username",
        "mobile",
        "email",
        "openids",
        "password",
        "password_set_at",
        "roles",
        "profile",
        "imported_from",
        "second_factors",
        "agreements",
    }
    # Hashes, what the account is not told (one that is disabled or closed has no page), and counters of its sessions.
    assert known - told == {"digests", "disabled", "closes_at", "sessions", "logins", "ended_until"}


def let_in(browser: Browser, client_id: str, scope: str) -> dict[str, str]:
    """Consent to an app; the tokens that it gets."""
    store: Any = browser.api.services.store
    store.put_client(web_app(client_id, first_party=False, name="Third"))
    page = browser.get(f"/oauth/authorize?{urlencode(request_pairs(client_id=client_id, scope=scope))}")
    if page.status == 200:
        page = browser.submit(page.forms[0], action="allow")
    code = parse_qs(urlsplit(page.location).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer = browser.api.post("/oauth/token", form=form, basic=(client_id, "web-app-secret"))
    assert answer.status == 200, answer
    tokens: dict[str, str] = answer.json
    return tokens


@pytest.mark.security("ASVS-10.4.9")
@pytest.mark.security("ASVS-10.7.3")
def test_an_app_whose_access_is_removed_is_logged_out(browser: Browser) -> None:
    """Its access and refresh tokens are refused; another app's, and its own at another account, are good."""
    api = browser.api
    third, other = let_in(browser, "third-app", "openid read"), let_in(browser, "other-app", "openid")
    bob = Browser(api)
    bob.log_in("bob", "battery staple correct")
    bobs = let_in(bob, "third-app", "openid read")
    page = browser.submit(browser.get("/account").form(action="revoke", client="third-app"))
    assert page.target == "/account?note=revoked"
    assert "Access removed. The app is logged out of your account." in page.text

    def is_good(tokens: dict[str, str]) -> tuple[bool, bool]:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        client = "other-app" if tokens is other else "third-app"
        userinfo = api.call("GET", "/oauth/userinfo", bearer=tokens["access_token"])
        return userinfo.status == 200, api.post(
            "/oauth/token", form=form, basic=(client, "web-app-secret")
        ).status == 200

    assert [is_good(tokens) for tokens in (third, other, bobs)] == [(False, False), (True, True), (True, True)]
    assert browser.is_logged_in


def test_a_client_s_record_is_read_once(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of its sessions the page shows; also that of a client which is gone, whose record nothing caches."""
    for _ in range(3):
        browser.api.token()
    for _ in range(2):
        let_in(browser, "third-app", "openid")
    store: Any = browser.api.services.store
    del store.clients["third-app"], store.clients["web-client"]
    browser.api.time.advance(browser.api.services.settings.client_cache_ttl)
    asked: list[str] = []
    look_up = store.look_up_client

    def count(client_id: str) -> Any:
        asked.append(client_id)
        return look_up(client_id)

    monkeypatch.setattr(store, "look_up_client", count)
    page = browser.get("/account")
    assert page.text.count("App: web-client") == 3
    assert page.text.count("App: third-app") == 2
    assert sorted(asked)[-2:] == ["third-app", "web-client"]
    assert len(asked) == len(set(asked))


def test_delete_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """DELETION_DAYS=0; tests/integration/test_pages_deletion.py has the other."""
    browser = Browser(make_api(monkeypatch, MemoryStore(), deletion_days=0))
    browser.log_in()
    page = browser.get("/account?edit=delete")
    form = page.form(action="delete")
    page = browser.submit(form)
    assert (page.status, "#confirm" in page.links) == (400, True)
    assert browser.is_logged_in
    page = browser.submit(form, confirm="yes")
    assert "Your account is deleted" in page.text
    assert browser.session_cookie == ""
    assert browser.api.services.store.find_user_id("username:alice") is None
    assert browser.log_in().status == 400


def test_the_last_admin_stays(api: Api) -> None:
    browser = Browser(api)
    browser.log_in("admin", "admin-of-the-gate")
    page = browser.submit(browser.get("/account?edit=delete").form(action="delete"), confirm="yes")
    assert page.status == 409
    assert "You are the last admin" in page.text
    assert browser.is_logged_in


def test_an_account_without_a_password_is_led_to_set_one(api: Api) -> None:
    browser = Browser(api)
    page = browser.submit(browser.get("/login").form(action="send"), mobile=NEW)
    page = browser.submit(page.form(action="code"), code=api.last_code)
    assert "/reset?continue=%2Faccount" in page.links
    assert "/account?edit=password" not in page.links
