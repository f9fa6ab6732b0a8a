"""The console: who may see it, and what it changes."""

import csv
import io
import re
import shlex
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from lingpai.accounts import roles
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.clients.builtin import CONSOLE
from lingpai.clients.service import hash_secret, new_client
from lingpai.clients.storage import ClientLookup
from lingpai.events.model import Event
from lingpai.kernel import cause
from lingpai.kernel.writes import Write
from lingpai.sessions import session_id
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import PutSession
from lingpai.sms import budget
from lingpai.statistics import service as statistics
from lingpai.store import DynamoStore
from tests.support.api import Api, make_api
from tests.support.console import ConsoleBrowser
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, Form, Page
from tests.support.tokens import calls

ISSUER = "https://login.example"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, MemoryStore(), issuer=ISSUER)


@pytest.fixture
def console(api: Api) -> ConsoleBrowser:
    browser = ConsoleBrowser(api)
    assert browser.log_in_at_console().status == 200
    return browser


SHOWN = (
    "/console",
    "/console/users",
    "/console/user?id={alice}",
    "/console/clients",
    "/console/client?id=web-client",
    "/console/client/edit?id=web-client",
    "/console/client/edit",
    "/console/roles",
    "/console/keys",
    "/console/sms",
    "/console/audit",
    "/console/health",
)


def shown(console: ConsoleBrowser) -> list[str]:
    """The pages that show something."""
    return [path.format(alice=console.api.user_id("alice")) for path in SHOWN]


def test_pages(console: ConsoleBrowser) -> None:
    for path in shown(console):
        page = console.open(path)
        assert (path, page.status) == (path, 200), page.answer.body


# --- who may see it ---------------------------------------------------------------------------------------

PAGES = (
    "/console",
    "/console/users",
    "/console/user?id=1",
    "/console/user/change?id=1&action=disable",
    "/console/clients",
    "/console/client?id=web-client",
    "/console/client/edit?id=web-client",
    "/console/client/change?id=web-client&action=rotate",
    "/console/roles",
    "/console/role/change?action=create",
    "/console/keys",
    "/console/keys/rotate?algorithm=ES256",
    "/console/sms",
    "/console/sms/lift?prefix=%2B861331",
    "/console/audit",
    "/console/audit.csv",
    "/console/health",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.security("CON-login")
def test_nobody_is_sent_to_log_in(api: Api, path: str) -> None:
    """By PKCE, a state and a greatest age; back to the page that was asked for."""
    page = ConsoleBrowser(api).call("GET", path)
    assert page.status == 303
    asked = dict(parse_qsl(urlsplit(page.location).query))
    assert page.location.startswith(f"{ISSUER}/oauth/authorize?")
    assert asked["redirect_uri"] == f"{ISSUER}/console/callback"
    assert (asked["client_id"], asked["code_challenge_method"]) == ("lingpai:console", "S256")
    assert (len(asked["code_challenge"]), len(asked["state"])) == (43, 43)
    is_change = any(word in path for word in ("change", "edit", "keys/rotate", "lift"))
    assert asked["max_age"] == ("600" if is_change else "28800")


def test_login_comes_back_to_the_page_that_was_asked_for(api: Api) -> None:
    page = ConsoleBrowser(api).log_in_at_console(target="/console/client?id=web-client&note=x")
    assert (page.status, page.target) == (200, "/console/client?id=web-client&note=x")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.security("CON-admin")
def test_an_account_that_is_no_admin_is_refused(api: Api, path: str) -> None:
    """And its session at the console ends."""
    browser = ConsoleBrowser(api)
    page = browser.log_in_at_console("alice", "correct horse battery", target=path)
    assert (page.status, "Only admins" in page.text) == (403, True)
    assert browser.call("GET", path).status == 303
    assert sessions_at_console(api, "alice") == []


@pytest.mark.security("CON-admin")
def test_an_account_that_is_no_admin_any_more_is_refused(console: ConsoleBrowser) -> None:
    """From the next request on."""
    services, admin = console.api.services, console.api.user_id("admin")
    accounts.change(services, admin, lambda user: replace(user, roles=frozenset()))
    for path in PAGES:
        assert (path, console.call("GET", path).status) == (path, 403)


@pytest.mark.security("CON-admin")
def test_an_account_that_is_disabled_meanwhile_is_sent_to_log_in(console: ConsoleBrowser) -> None:
    """And cannot."""
    accounts.disable(console.api.services, console.api.user_id("admin"))
    assert console.call("GET", "/console").status == 303
    page = console.log_in_at_console()
    assert (page.status, "console" in path_of(page.target)) == (400, False)


@pytest.mark.security("CON-age")
def test_an_expired_login_is_refused(console: ConsoleBrowser) -> None:
    """After CONSOLE_LOGIN_MAX the admin logs in again, though the browser's own session is alive."""
    console.api.time.advance(8 * 3600 - 1)
    assert console.call("GET", "/console").status == 200
    console.api.time.advance(2)
    page = console.open("/console")
    assert path_of(page.target) == "/login"


@pytest.mark.security("CON-age")
def test_a_change_needs_a_recent_login(console: ConsoleBrowser) -> None:
    """The form leads to the login, and nothing is changed; then back to the question."""
    alice = console.api.user_id("alice")
    target = f"/console/user/change?id={alice}&action=disable"
    asked = console.open(target)
    assert asked.status == 200
    console.api.time.advance(601)
    late = console.send(question(asked))
    assert late.status == 303
    assert urlsplit(late.location).path == "/oauth/authorize"
    assert not user_of(console.api, "alice").disabled
    page = console.log_in_at_console(target=late.location.removeprefix(ISSUER))
    assert (page.status, page.target) == (200, target)


@pytest.mark.parametrize(
    "question",
    [
        "/console/user/change?id={alice}&action=grant_role&role=1",
        "/console/client/edit?id=web-client",
        "/console/client/edit",
        "/console/client/change?id=web-client&action=disable",
        "/console/role/change?action=rename&id=2&from=user",
        "/console/keys/rotate?algorithm=ES256",
        "/console/sms/lift?prefix=%2B861331",
    ],
)
def test_a_form_that_is_sent_too_late_is_there_again_after_the_login(console: ConsoleBrowser, question: str) -> None:
    """Not a page that says that a parameter is missing."""
    target = question.format(alice=console.api.user_id("alice"))
    asked = console.open(target)
    console.api.time.advance(601)
    late = console.send(next(form for form in asked.forms if form.action.startswith(target)))
    page = console.log_in_at_console(target=late.location.removeprefix(ISSUER))
    assert (page.status, page.target) == (200, target)


def test_an_undo_that_is_sent_too_late_is_asked_about_after_the_login(console: ConsoleBrowser) -> None:
    """That of an edit leads to the client, which is as it was saved."""
    alice = console.api.user_id("alice")
    for page, target in (
        (change(console, "user", id=alice, action="disable"), f"/console/user/change?id={alice}&action=enable"),
        (
            change(console, "client", id="web-client", action="disable"),
            "/console/client/change?id=web-client&action=enable",
        ),
        (
            console.send(record(console.open("/console/client/edit?id=web-client")), name="Site"),
            "/console/client?id=web-client",
        ),
    ):
        console.api.time.advance(601)
        late = console.send(undo(page))
        shown = console.log_in_at_console(target=late.location.removeprefix(ISSUER))
        assert (shown.status, shown.target) == (200, target)
    assert user_of(console.api, "alice").disabled


@pytest.mark.security("CON-csrf")
def test_a_forged_form_is_refused(console: ConsoleBrowser) -> None:
    """One of another site, without the token, with that of another session, and with no form's content type."""
    alice = console.api.user_id("alice")
    form = question(console.open(f"/console/user/change?id={alice}&action=disable"))
    other = ConsoleBrowser(console.api)
    other.log_in_at_console()
    foreign = question(other.open(f"/console/user/change?id={alice}&action=disable")).fields["csrf"]
    own = {"sec-fetch-site": "same-origin", "origin": "null"}
    for fields, headers in (
        (form.fields, {"sec-fetch-site": "cross-site"}),
        (form.fields, {"origin": "https://evil.example"}),
        ({**form.fields, "csrf": ""}, own),
        ({**form.fields, "csrf": foreign}, own),
        ({**form.fields, "csrf": "x" * 43}, own),
    ):
        answer = console.call("POST", form.action, fields, headers)
        assert (answer.status, "page has expired" in answer.text) == (403, True)
    assert not user_of(console.api, "alice").disabled
    assert console.send(form).status == 303
    assert user_of(console.api, "alice").disabled


@pytest.mark.security("CON-login")
def test_a_login_that_the_browser_has_not_begun_is_refused(api: Api) -> None:
    """A code that somebody else's login has brought opens nothing here (login CSRF)."""
    victim, attacker = ConsoleBrowser(api), ConsoleBrowser(api)
    begun = attacker.call("GET", "/console")
    attacker.log_in(username="admin", password="admin-of-the-gate")
    answer = attacker.call("GET", "/oauth/authorize?" + urlsplit(begun.location).query)
    assert answer.status in (302, 303)
    back = urlsplit(answer.location)
    for browser in (victim, begin(ConsoleBrowser(api))):
        page = browser.call("GET", f"{back.path}?{back.query}")
        assert (page.status, "not confirmed" in page.text) == (403, True)
    assert attacker.call("GET", f"{back.path}?{back.query}").status == 303


@pytest.mark.parametrize(
    "then", ["https://evil.example", "//evil.example", "/console\\@evil.example", "/account", "/console/../account"]
)
@pytest.mark.security("CON-onward")
def test_a_login_leads_nowhere_else(api: Api, then: str) -> None:
    page = ConsoleBrowser(api).log_in_at_console(target=f"/console/login?then={quote(then, safe='')}")
    assert page.status == 200
    assert path_of(page.target) in ("/console", "/console/")


@pytest.mark.security("CON-factor")
def test_a_second_factor_where_the_account_has_one(api: Api) -> None:
    """A session of one factor is refused, from the moment on that the account has a second one."""
    browser = ConsoleBrowser(api)
    browser.log_in_at_console()
    admin = api.user_id("admin")
    accounts.change(api.services, admin, lambda user: replace(user, second_factors=frozenset({"totp"})))
    assert browser.call("GET", "/console").status == 403
    fresh = ConsoleBrowser(api)
    page = fresh.log_in_at_console()
    assert path_of(page.target) == "/login/second-factor"


@pytest.mark.security("CON-token")
def test_the_token_of_the_console_opens_nothing_else(console: ConsoleBrowser) -> None:
    """It has no scope, so Lingpai's own API refuses it; and no other token opens the console."""
    token = cookie(console, "lingpai-console")
    for path in ("/users/current", "/users/list", "/roles/list"):
        assert console.api.post(path, bearer=token).status == 403
    other = console.api.token()
    console.cookies[next(name for name in console.cookies if name.endswith("lingpai-console"))] = other
    assert console.call("GET", "/console").status == 303


def test_log_out(console: ConsoleBrowser) -> None:
    page = console.open("/console")
    form = next(form for form in page.forms if form.action == "/console/logout")
    before = dict(console.cookies)
    assert console.send(form).location == "/oauth/logout"
    assert not [name for name in console.cookies if name.endswith("lingpai-console")]
    console.cookies = before
    assert console.call("GET", "/console").status == 303
    assert sessions_at_console(console.api, "admin") == []


@pytest.mark.security("CON-logout")
def test_the_logout_of_the_browser_leaves_the_console(console: ConsoleBrowser) -> None:
    """Or whoever uses the browser next would be an admin. A made-up cookie ends nobody's session."""
    api = console.api
    other = ConsoleBrowser(api)
    other.log_in_at_console("admin", "admin-of-the-gate")
    name = next(name for name in console.cookies if name.endswith("lingpai-console"))
    forged = Browser(api, cookies={name: f"{cookie(other, 'lingpai-console').partition('.')[0]}.{'A' * 43}"})
    assert forged.call("GET", "/oauth/logout").status == 200
    assert other.call("GET", "/console").status == 200
    before = dict(console.cookies)
    page = console.submit(console.get("/oauth/logout").form(action="confirm"))
    assert (page.status, name in console.cookies) == (200, False)
    console.cookies = before
    assert console.call("GET", "/console").status == 303
    assert len(sessions_at_console(api, "admin")) == 1


@pytest.mark.security("CON-off")
def test_off(monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(monkeypatch, MemoryStore(), issuer=ISSUER, console=False)
    for path in PAGES:
        assert ConsoleBrowser(api).call("GET", path).status == 404
    asked = {"client_id": "lingpai:console", "response_type": "code", "redirect_uri": f"{ISSUER}/console/callback"}
    assert api.call("GET", f"/oauth/authorize?{urlencode(asked)}").status == 400


@pytest.mark.parametrize(("path", "field", "status"), [("/console/users", "q", 200), ("/console/sms", "prefix", 400)])
def test_a_search_without_its_field(console: ConsoleBrowser, path: str, field: str, status: int) -> None:
    """Is a search for nothing, and no fault of the server."""
    form = next(form for form in console.open(path).forms if field in form.fields)
    del form.fields[field]
    assert console.send(form).status == status


# --- users ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["alice", "Alice", "13312341234", "+86 133 1234 1234", "id"])
def test_find_a_user(console: ConsoleBrowser, text: str) -> None:
    alice = console.api.user_id("alice")
    page = search(console, str(alice) if text == "id" else text)
    assert page.target == f"/console/user?id={alice}"


def test_find_a_user_by_openid(console: ConsoleBrowser) -> None:
    alice = console.api.user_id("alice")
    openids = (("trusted:default", "openid-of-alice"),)
    accounts.change(console.api.services, alice, lambda user: replace(user, openids=openids))
    for text in ("openid-of-alice", "trusted:default=openid-of-alice"):
        assert search(console, text).target == f"/console/user?id={alice}"
    assert "No account was found" in search(console, "nobody-of-this-name").text


def add_accounts(api: Api, names: list[str]) -> list[int]:
    """An account of each name, one a second, and the events that tell of them."""
    ids = []
    for at, name in enumerate(names, int(api.time.at) - 1000):
        user_id = accounts.add(api.services, User(api.services.clock.new_user_id(), at, name))
        ids.append(user_id)
        tell_of(api, user_id, at)
    return ids


def tell_of(api: Api, user_id: int, at: int) -> None:
    """The event of a new account."""
    event = Event(f"users-{user_id}-0", "user.created", at, f"user:{user_id}", "", "", "", "", {})
    api.services.store.append_events([event])


def test_pages_of_users(console: ConsoleBrowser) -> None:
    """The newest account is first, each stands on one page, and htmx gets the rows alone."""
    names = [f"user-{number:03d}" for number in range(60)]
    add_accounts(console.api, names)
    seen, target, pages = "", "/console/users", 0
    while target:
        headers = {"hx-request": "true"} if pages else {}
        page = console.call("GET", target, headers=headers)
        assert ("<html" in page.answer.body) == (not pages)
        seen, pages = seen + page.text, pages + 1
        target = next((link for link in page.links if link.startswith("/console/users?after=")), "")
    assert re.findall("user-[0-9]{3}", seen) == names[::-1]
    assert pages == 3


def test_accounts_that_are_gone_are_left_out(console: ConsoleBrowser) -> None:
    """Also where none of a page is left."""
    assert "No account is on record" in console.open("/console/users").text
    ids = add_accounts(console.api, [f"user-{number:03d}" for number in range(60)])
    for user_id in ids[10:]:
        accounts.delete(console.api.services, user_id)
    page = console.open("/console/users")
    assert "user-" not in page.text
    page = console.open(next(link for link in page.links if link.startswith("/console/users?after=")))
    page = console.open(next(link for link in page.links if link.startswith("/console/users?after=")))
    assert re.findall("user-[0-9]{3}", page.text) == [f"user-{number:03d}" for number in range(9, -1, -1)]


@pytest.mark.parametrize("cursor", ["x", "1" * 9, "1893484800#../", "%00"])
def test_a_made_up_cursor_is_refused(console: ConsoleBrowser, cursor: str) -> None:
    page = console.open(f"/console/users?after={quote(cursor, safe='%')}")
    assert (page.status, "after" in page.text) == (400, True)


def test_what_the_list_of_users_reads(console: ConsoleBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trail by type, and those accounts by their ids: as much, however many accounts there are."""
    add_accounts(console.api, [f"user-{number:03d}" for number in range(60)])
    operations = calls(monkeypatch, console.api)
    assert console.open("/console/users").status == 200
    assert operations == ["get_session", "directory", "find_events", "directory"]


@pytest.mark.moto
def test_no_page_reads_all_accounts(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables of keys and of clients are small, and a page of clients has a limit. Events are looked for by day."""
    console = ConsoleBrowser(make_api(monkeypatch, api_store, issuer=ISSUER))
    monkeypatch.setattr("lingpai.events.dynamodb._clock", console.api.services.clock)
    assert console.log_in_at_console().status == 200
    operations, scans, most = calls(monkeypatch, console.api), {}, {}
    for path in shown(console):
        operations.clear()
        assert console.open(path).status == 200
        scans[path], most[path] = operations.count("Scan"), len(operations)
    assert {path: count for path, count in scans.items() if count} == {"/console/clients": 1, "/console/health": 1}
    # Two are for the admin, and tables are described side by side.
    assert {path: count - 2 for path, count in most.items() if count > 7} == {
        "/console": 10,
        "/console/audit": 31,
        "/console/health": 21,
    }


def test_disable_and_undo(console: ConsoleBrowser) -> None:
    alice = console.api.user_id("alice")
    page = change(console, "user", id=alice, action="disable")
    assert (told(page.target), "account is disabled" in page.text) == (
        f"/console/user?id={alice}&note=user_disabled",
        True,
    )
    assert user_of(console.api, "alice").disabled
    page = console.follow(console.send(undo(page)))
    assert told(page.target) == f"/console/user?id={alice}&note=user_enabled"
    assert not user_of(console.api, "alice").disabled


def test_roles_and_undo(console: ConsoleBrowser) -> None:
    alice = console.api.user_id("alice")
    book = console.api.services.store.directory().roles
    admin = book.id_of("admin")
    page = change(console, "user", id=alice, action="grant_role", role=admin)
    assert admin in user_of(console.api, "alice").roles
    page = console.follow(console.send(undo(page)))
    assert admin not in user_of(console.api, "alice").roles
    console.follow(console.send(undo(page)))
    assert admin in user_of(console.api, "alice").roles


def test_the_only_admin_lays_down_another_role(console: ConsoleBrowser) -> None:
    """Which needs no second admin."""
    admin = console.api.user_id("admin")
    user = console.api.services.store.directory().roles.id_of("user")
    change(console, "user", id=admin, action="grant_role", role=user)
    assert user in user_of(console.api, "admin").roles
    page = change(console, "user", id=admin, action="revoke_role", role=user)
    assert told(page.target) == f"/console/user?id={admin}&role={user}&note=role_revoked"
    assert user not in user_of(console.api, "admin").roles


def test_reset_a_password(console: ConsoleBrowser) -> None:
    """The new one is shown once, opens the account, and the sessions of before have ended."""
    alice, token = console.api.user_id("alice"), console.api.token()
    page = change(console, "user", id=alice, action="reset")
    password = page.text.split("Password")[1].split()[0]
    LOGS.hush("password", password)
    assert console.api.post("/users/current", bearer=token).status == 401
    browser = Browser(console.api)
    browser.log_in(password=password)
    assert browser.is_logged_in


def test_no_link_leads_from_a_secret_to_the_same_page_without_it(console: ConsoleBrowser) -> None:
    """One click on another language would lose what is shown once."""
    alice = console.api.user_id("alice")
    for page in (
        change(console, "user", id=alice, action="reset"),
        change(console, "client", id="web-client", action="rotate"),
    ):
        LOGS.hush("secret", page.text.partition(" This is shown once")[0].split()[-1])
        assert "This is shown once only" in page.text
        assert not [link for link in page.links if "lang=" in link]
    assert [link for link in console.open("/console").links if "lang=" in link]


@pytest.mark.parametrize("settings", [{"password_min_length": 128}, {"password_classes": 4}])
def test_a_new_password_is_one_that_the_settings_allow(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    """Each time, whatever characters chance brings."""
    api = make_api(monkeypatch, MemoryStore(), issuer=ISSUER, **settings)
    console = ConsoleBrowser(api)
    console.log_in_at_console()
    for _ in range(5):
        page = change(console, "user", id=api.user_id("alice"), action="reset")
        password = page.text.split("Password")[1].split()[0]
        LOGS.hush("password", password)
        assert (page.status, "alice has a new password" in page.text) == (200, True)


def test_end_sessions(console: ConsoleBrowser) -> None:
    alice = console.api.user_id("alice")
    first, second = Browser(console.api), Browser(console.api)
    first.log_in()
    second.log_in()
    page = console.open(f"/console/user?id={alice}")
    link = next(link for link in page.links if "action=end&" in link)
    asked = console.open(link)
    assert told(console.follow(console.send(question(asked))).target) == f"/console/user?id={alice}&note=session_ended"
    assert sorted([first.is_logged_in, second.is_logged_in]) == [False, True]
    change(console, "user", id=alice, action="end_all")
    assert [first.is_logged_in, second.is_logged_in] == [False, False]


def test_a_client_that_is_gone_is_looked_for_once(console: ConsoleBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sessions of it an account still has."""
    alice, store = console.api.user_id("alice"), console.api.services.store
    console.api.token()
    (session,) = store.list_sessions(alice, 9)
    assert isinstance(session, Session)
    for number in range(20):
        key = SessionKey(alice, number.to_bytes(8))
        store.commit(PutSession(replace(session, key=key, client_id="gone"), session.ends_at))
    asked: list[str] = []
    look_up = MemoryStore.look_up_client

    def noting(self: MemoryStore, client_id: str) -> ClientLookup:
        asked.append(client_id)
        return look_up(self, client_id)

    monkeypatch.setattr(MemoryStore, "look_up_client", noting)
    assert console.open(f"/console/user?id={alice}").text.count("gone App") == 20
    assert asked.count("gone") == 1


def test_a_session_of_another_account_is_left_alone(console: ConsoleBrowser) -> None:
    alice, admin = console.api.user_id("alice"), console.api.user_id("admin")
    key = console.api.services.store.list_sessions(admin, 1)[0].key
    page = change(console, "user", id=alice, action="end", session=session_id.of(key))
    assert page.status == 404
    assert console.call("GET", "/console").status == 200


def test_delete_needs_a_tick(console: ConsoleBrowser) -> None:
    alice = console.api.user_id("alice")
    form = question(console.open(f"/console/user/change?id={alice}&action=delete"))
    page = console.send(form)
    assert (page.status, "#confirm" in page.links) == (400, True)
    assert console.api.services.store.get_user(alice) is not None
    page = console.follow(console.send(form, confirm="yes"))
    assert told(page.target) == "/console/users?note=user_deleted"
    assert console.api.services.store.get_user(alice) is None


def test_an_account_that_waits_for_its_deletion(console: ConsoleBrowser) -> None:
    """It shows its day, and nothing that is refused; the deletion can be undone, once and not of a disabled one."""
    services, alice = console.api.services, console.api.user_id("alice")
    browser = Browser(console.api)
    browser.log_in()
    browser.submit(browser.get("/account?edit=delete").form(action="delete"), confirm="yes")
    tell_of(console.api, alice, int(console.api.time.at))
    assert "To be deleted on 2030-01-08" in console.open("/console/users").text
    page = console.open(f"/console/user?id={alice}")
    assert "To be deleted on 2030-01-08" in page.text
    asked = {dict(parse_qsl(urlsplit(link).query)).get("action") for link in page.links if "/change?" in link}
    assert asked == {"undo_deletion", "disable", "delete"}
    for link in page.links:
        if "action=undo_deletion" in link:
            page = console.follow(console.send(question(console.open(link))))
    assert "deletion is undone" in page.text
    assert user_of(console.api, "alice").is_active
    browser.log_in()
    assert browser.is_logged_in
    accounts.disable(services, alice)
    assert change(console, "user", id=alice, action="undo_deletion").status == 404


@pytest.mark.parametrize("action", ["disable", "delete", "reset", "remove_factors", "revoke_role"])
@pytest.mark.security("CON-own")
def test_the_own_account(console: ConsoleBrowser, action: str) -> None:
    """Nobody locks themselves out, and no deployment loses its last admin."""
    admin = console.api.user_id("admin")
    role = console.api.services.store.directory().roles.id_of("admin")
    page = change(console, "user", id=admin, action=action, role=role)
    assert (page.status, "your own account" in page.text) == (403, True)
    assert console.call("GET", "/console").status == 200


@pytest.mark.parametrize(
    "target", ["/console/user?id=999", "/console/user?id=x", "/console/user", "/console/client?id=no"]
)
def test_what_is_not_there(console: ConsoleBrowser, target: str) -> None:
    assert console.call("GET", target).status == 404


@pytest.mark.parametrize(
    ("page", "note", "field"),
    [
        ("/console/user?id={alice}&role=1", "role_revoked", "role"),
        ("/console/user?id={alice}", "user_disabled", "action"),
        ("/console/client?id=web-client", "client_disabled", "action"),
        ("/console/roles?role=2&was=admins", "role_renamed", "name"),
    ],
)
@pytest.mark.security("CON-note")
def test_a_link_of_somebody_else_claims_no_change(console: ConsoleBrowser, page: str, note: str, field: str) -> None:
    """Its button would grant a role or enable an account without a question. A seal of another page is none, either."""
    alice = console.api.user_id("alice")
    sealed = console.call("GET", change(console, "user", id=alice, action="end_all").target)
    assert "All sessions have ended" in sealed.text
    seal = sealed.target.partition("&seal=")[2]
    for more in ("", f"&seal={seal}", "&seal=%C3%A9"):
        shown = console.open(f"{page.format(alice=alice)}&note={note}{more}")
        assert shown.status == 200
        assert not [form for form in shown.forms if field in form.fields]
        assert 'class="notice"' not in shown.answer.body


# --- clients ----------------------------------------------------------------------------------------------


def test_a_cursor_that_is_no_id(console: ConsoleBrowser) -> None:
    """DynamoDB takes no key of more than 2,048 bytes."""
    assert console.call("GET", f"/console/clients?after={'x' * 255}").status == 200
    assert console.call("GET", f"/console/clients?after={'x' * 256}").status == 400


def test_create_a_client(console: ConsoleBrowser) -> None:
    form = record(console.open("/console/client/edit"))
    page = console.send(
        form,
        client_id="shop",
        name="Shop",
        redirect_uris="https://shop.example/a\r\nhttps://shop.example/b",
        scopes="openid\nprofile",
    )
    assert page.status == 200, page.text
    secret = page.text.split("client_secret")[1].split()[0]
    LOGS.hush("secret", secret)
    made = console.api.services.store.get_client("shop")
    assert made is not None
    assert (made.name, made.redirect_uris) == ("Shop", ("https://shop.example/a", "https://shop.example/b"))
    assert made.secret_hash == hash_secret(secret)
    assert console.send(form, client_id="shop", name="Other", redirect_uris="https://x.example/a").status == 400


@pytest.mark.parametrize("dialect", ["standard", "passport", "usercenter", "django"])
def test_a_new_client_has_the_defaults_of_its_dialect(console: ConsoleBrowser, dialect: str) -> None:
    """As far as nothing else is chosen: a browser sends the first option of each list."""
    form = record(console.open("/console/client/edit"))
    del form.fields["grant_types.authorization_code"]
    page = console.send(form, client_id="shop", dialect=dialect, public="yes", **{"grant_types.password": "yes"})
    assert page.status == 303, page.text
    expected = new_client("shop", dialect, grants=("password", "refresh_token"))
    assert console.api.services.store.get_client("shop") == expected


def test_scopes_between_spaces(console: ConsoleBrowser) -> None:
    """As OAuth writes them: one scope with a space could never be asked for."""
    page = console.send(record(console.open("/console/client/edit?id=web-client")), scopes="web  more\r\nthird\r\n")
    assert page.status == 200
    after = console.api.services.store.get_client("web-client")
    assert after is not None
    assert after.scopes == ("web", "more", "third")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("redirect_uris", "http://shop.example", "is no address that begins with https://"),
        ("access_token_ttl", "0", "must be more than 0"),
        ("colour", "red", "is no colour as #rrggbb in lower case"),
    ],
)
def test_a_fault_of_a_record_in_chinese(api: Api, field: str, value: str, reason: str) -> None:
    """It says that the value is wrong, and adds the reason as logs and the command line have it."""
    console = ConsoleBrowser(api, language="zh")
    console.log_in_at_console()
    page = console.send(record(console.open("/console/client/edit")), client_id="shop", **{field: value})
    assert (page.status, f"#{field}" in page.links) == (400, True)
    assert re.search(f"这个值无法使用：.*{re.escape(reason)}", page.text)


@pytest.mark.parametrize("provider", ["", "trusted"])
def test_no_client_with_a_secret_gets_the_address_of_an_app(console: ConsoleBrowser, provider: str) -> None:
    """Whatever else is changed with it."""
    made = new_client("shop", "standard", "secret-of-the-shop", redirect_uris=("https://shop.example/a",))
    console.api.services.store.put_client(made)
    form = record(console.open("/console/client/edit?id=shop"))
    page = console.send(form, redirect_uris="com.example.shop:/a", sign_provider=provider)
    assert (page.status, "#redirect_uris" in page.links) == (400, True)
    assert console.api.services.store.get_client("shop") == made


def test_a_span_of_one_day(console: ConsoleBrowser) -> None:
    """Is not `1 days`."""
    console.api.services.store.put_client(new_client("day", "usercenter"))
    assert "Life of access tokens 1 d " in console.open("/console/client?id=day").text


def test_what_is_wrong_with_a_client(console: ConsoleBrowser) -> None:
    form = record(console.open("/console/client/edit"))
    page = console.send(form, client_id="", redirect_uris="http://shop.example", access_token_ttl="soon")
    assert page.status == 400
    assert {"#client_id", "#access_token_ttl"} <= set(page.links)
    page = console.send(form, client_id="shop", redirect_uris="http://shop.example")
    assert (page.status, "#redirect_uris" in page.links) == (400, True)
    page = console.send(form, client_id="lingpai:console", redirect_uris="https://shop.example")
    assert (page.status, "#client_id" in page.links) == (400, True)


@pytest.mark.parametrize(
    ("typed", "made"), [(" shop", "shop"), ("shop\u3000", "shop"), ("sh\u200bop", None), ("  ", None)]
)
def test_no_id_of_a_client_is_invisible(console: ConsoleBrowser, typed: str, made: str | None) -> None:
    """One that was pasted with spaces would stand beside the one that was meant, and look like it."""
    before = {client.id for client in console.api.services.store.list_clients()}
    form = record(console.open("/console/client/edit"))
    page = console.send(form, client_id=typed, redirect_uris="https://shop.example/a")
    assert page.status == (200 if made else 400)
    assert ("#client_id" in page.links) == (made is None)
    assert {client.id for client in console.api.services.store.list_clients()} - before == ({made} if made else set())
    if made:
        LOGS.hush("secret", page.text.split("client_secret")[1].split()[0])


@pytest.mark.security("CON-shell")
def test_the_commands_to_try_a_client_run_nothing_else(console: ConsoleBrowser) -> None:
    """Whatever stands in its id and addresses, a shell takes each argument as it is meant."""
    address = "https://shop.example/a?x=1&y=$(reboot)"
    made = new_client(
        "it's; $(reboot)", "standard", grants=("authorization_code",), redirect_uris=(address,), first_party=True
    )
    console.api.services.store.put_client(made)
    body = console.open(f"/console/client?id={quote(made.id, safe='')}").answer.body
    (command,) = re.findall(r"<code>(curl [^<]*)</code>", body)
    assert shlex.split(unescape(command)) == [
        "curl",
        f"{ISSUER}/oauth/token",
        "--data-urlencode",
        "client_id=it's; $(reboot)",
        "--data-urlencode",
        "grant_type=authorization_code",
        "--data-urlencode",
        "code=CODE",
        "--data-urlencode",
        f"redirect_uri={address}",
        "--data-urlencode",
        "code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ]


@pytest.mark.security("CON-undo")
def test_edit_a_client_and_undo(console: ConsoleBrowser) -> None:
    before = console.api.services.store.get_client("web-client")
    assert before is not None
    page = console.send(record(console.open("/console/client/edit?id=web-client")), name="网站", access_token_ttl="60")
    after = console.api.services.store.get_client("web-client")
    assert after == replace(before, name="网站", access_ttl=60)
    form = undo(page)
    forged = console.send(form, before='{"introspect":true}')
    assert forged.status == 403
    assert told(console.send(form).location) == "/console/client?id=web-client&note=client_undone"
    assert console.api.services.store.get_client("web-client") == before


def test_a_form_that_was_open_for_long_takes_nothing_back(console: ConsoleBrowser) -> None:
    """What another admin has changed meanwhile is shown, with a text, and is still there."""
    form = record(console.open("/console/client/edit?id=web-client"))
    other = ConsoleBrowser(console.api)
    other.log_in_at_console()
    other.send(record(other.open("/console/client/edit?id=web-client")), scopes="web\nmore")
    page = console.send(form, name="Site")
    assert (page.status, "changed in the meantime" in page.text) == (409, True)
    after = console.api.services.store.get_client("web-client")
    assert after is not None
    assert (after.scopes, after.name) == (("web", "more"), None)
    assert record(page).fields["scopes"].split() == ["web", "more"]
    assert console.send(record(page), name="Site").status == 200
    after = console.api.services.store.get_client("web-client")
    assert after is not None
    assert (after.scopes, after.name) == (("web", "more"), "Site")


def test_an_undo_takes_back_no_later_change(console: ConsoleBrowser) -> None:
    """Of the same field by another admin; what else was changed meanwhile stays."""
    saved = console.send(record(console.open("/console/client/edit?id=web-client")), scopes="first", name="Site")
    other = ConsoleBrowser(console.api)
    other.log_in_at_console()
    other.send(record(other.open("/console/client/edit?id=web-client")), scopes="second")
    before = console.api.services.store.get_client("web-client")
    page = console.send(undo(saved))
    assert (page.status, "changed in the meantime" in page.text) == (409, True)
    assert console.api.services.store.get_client("web-client") == before
    other.send(record(other.open("/console/client/edit?id=web-client")), scopes="first", access_token_ttl="60")
    assert console.send(undo(saved)).status == 303
    after = console.api.services.store.get_client("web-client")
    assert after is not None
    assert (after.scopes, after.name, after.access_ttl) == (("web",), None, 60)


def test_an_edit_that_changes_nothing(console: ConsoleBrowser) -> None:
    """The form gives back what it shows, for every client of the demo."""
    for client in console.api.services.store.list_clients():
        form = record(console.open(f"/console/client/edit?id={quote(client.id)}"))
        assert console.send(form).status == 200
        assert console.api.services.store.get_client(client.id) == client


def test_rotate_a_secret(console: ConsoleBrowser) -> None:
    token = console.api.token()
    page = change(console, "client", id="web-client", action="rotate")
    secret = page.text.split("client_secret")[1].split()[0]
    LOGS.hush("secret", secret)
    made = console.api.services.store.get_client("web-client")
    assert made is not None
    assert made.secret_hash == hash_secret(secret)
    console.api.time.advance(61)
    assert console.api.post("/users/current", bearer=token).status == 401


def test_disable_a_client_and_undo(console: ConsoleBrowser) -> None:
    page = change(console, "client", id="web-client", action="disable")
    found = console.api.services.store.get_client("web-client")
    assert found is not None
    assert found.disabled
    console.follow(console.send(undo(page)))
    found = console.api.services.store.get_client("web-client")
    assert found is not None
    assert not found.disabled


# --- roles, keys, messages --------------------------------------------------------------------------------


def test_roles_are_made_renamed_and_deleted(console: ConsoleBrowser) -> None:
    def names() -> set[str]:
        return {name for _, name in console.api.services.store.directory().roles.names}

    before = names()
    asked = question(console.open("/console/role/change?action=create"))
    assert console.send(asked, name="").status == 400
    assert told(console.send(asked, name="support").location) == "/console/roles?note=role_created"
    assert names() == {*before, "support"}
    role = console.api.services.store.directory().roles.id_of("support")
    asked = question(console.open(f"/console/role/change?action=rename&id={role}"))
    page = console.follow(console.send(asked, name="helpers"))
    assert names() == {*before, "helpers"}
    console.follow(console.send(undo(page)))
    assert names() == {*before, "support"}
    change(console, "role", action="delete", id=role)
    assert names() == before
    admin = console.api.services.store.directory().roles.id_of("admin")
    assert change(console, "role", action="delete", id=admin).status == 409


@pytest.mark.parametrize("what", ["rename", "delete", "undo"])
def test_a_role_that_was_renamed_meanwhile(console: ConsoleBrowser, what: str) -> None:
    """By another admin: it is neither renamed nor deleted under a name that nobody was asked about."""
    services = console.api.services
    role = roles.save(services, "first")
    form = question(console.open(f"/console/role/change?action={what}&id={role}")) if what != "undo" else None
    if form is None:
        asked = question(console.open(f"/console/role/change?action=rename&id={role}"))
        form = undo(console.follow(console.send(asked, name="second")))
    roles.save(services, "third", role)
    page = console.send(form)
    assert (page.status, "changed in the meantime" in page.text) == (409, True)
    assert services.store.directory().roles.name_of(role) == "third"
    assert console.send(question(page), name="fourth").status == 303


def test_renaming_a_role_that_needs_two_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting names the role: the question says what that means."""
    console = ConsoleBrowser(make_api(monkeypatch, MemoryStore(), issuer=ISSUER, mfa_roles="user"))
    console.log_in_at_console()
    warning = "its holders need no second factor"
    assert warning in console.open("/console/role/change?action=rename&id=2").text
    assert warning not in console.open("/console/role/change?action=delete&id=2").text
    other = change(console, "role", action="create")
    assert (other.status, warning in other.text) == (400, False)


def test_a_next_key(console: ConsoleBrowser) -> None:
    before = len(console.api.services.keys.stored())
    page = console.follow(console.send(question(console.open("/console/keys/rotate?algorithm=ES256"))))
    assert told(page.target) == "/console/keys?note=key_made"
    assert len(console.api.services.keys.stored()) == before + 1
    again = console.send(question(console.open("/console/keys/rotate?algorithm=ES256")))
    assert (again.status, "next key is there" in again.text) == (409, True)


def test_lift_a_stop(console: ConsoleBrowser) -> None:
    services = console.api.services
    to = budget.destination(services, "+8613312341234")
    for _ in range(services.settings.sms_unproven):
        budget.increment(services, to)
    page = console.open("/console/sms")
    assert "+861331" in page.text
    assert "Stopped" in page.text
    link = next(link for link in page.links if link.startswith("/console/sms/lift"))
    page = console.follow(console.send(question(console.open(link))))
    assert "stop is lifted" in page.text
    assert budget.traffic(services, "+861331").unproven == 0
    again = console.send(question(console.open(link)))
    assert (again.status, "not stopped" in again.text) == (409, True)


@pytest.mark.moto
@pytest.mark.security("CON-trail")
def test_a_lifted_stop_tells_who_lifted_it(api_store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(monkeypatch, api_store, issuer=ISSUER)
    console = ConsoleBrowser(api)
    console.log_in_at_console()
    to = budget.destination(api.services, "+8613312341234")
    for _ in range(api.services.settings.sms_unproven):
        budget.increment(api.services, to)
    console.send(question(console.open("/console/sms/lift?prefix=%2B861331")))
    table = api_store.settings.counters_table
    items = api_store.read_all("Scan", TableName=table)
    (kept,) = [cause.read(item["cause"]["S"]) for item in items if "cause" in item]
    assert (kept.actor, kept.action) == (f"user:{api.user_id('admin')}", "/console/sms/lift")


def test_a_number_finds_its_prefix(console: ConsoleBrowser) -> None:
    """And stands in no address."""
    form = next(form for form in console.open("/console/sms").forms if "prefix" in form.fields)
    page = console.send(form, prefix="+86 133 1234 1234")
    assert (page.status, "+861331" in page.text) == (200, True)
    assert console.send(form, prefix="12").status == 400


def test_roles_that_settings_name_and_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(monkeypatch, MemoryStore(), issuer=ISSUER, mfa_roles="auditor", password_max_age_roles="clerk")
    browser = ConsoleBrowser(api)
    browser.log_in_at_console()
    page = browser.open("/console/health")
    for text in ("role auditor, which MFA_ROLES names", "role clerk, which PASSWORD_MAX_AGE_ROLES names"):
        assert text in page.text


def test_when_a_password_was_set(console: ConsoleBrowser) -> None:
    api = console.api
    address = f"/console/user?id={api.user_id('alice')}"
    assert "Password Set Second" in console.open(address).text
    accounts.save(api.services, api.user_id("alice"), None, "a quite different phrase", None)
    assert "Password Set 2030-01-01" in console.open(address).text


def test_figures(console: ConsoleBrowser) -> None:
    """What was counted today stands in the last bar."""
    services = console.api.services
    statistics.count(
        services, [("session.started", services.clock.now(), 7), ("login.refused", services.clock.now(), 3)]
    )
    page = console.open("/console")
    assert "Logins 7" in page.text
    assert "Refused logins 3" in page.text


# --- the audit trail --------------------------------------------------------------------------------------


def happened(api: Api, number: int, kind: str = "user.disabled", subject: str = "user:7", **more: str) -> Event:
    """An event, which is kept."""
    at = api.services.clock.now() - 1000 + number
    given = {"actor": "user:8", "client": "web-client", "address": "192.0.2.9", "request_id": f"r{number}", **more}
    event = Event(id=f"{number:040d}-000", type=kind, at=at, subject=subject, data={"changed": ["name"]}, **given)
    api.services.store.append_events([event])
    return event


def test_the_audit_trail(console: ConsoleBrowser) -> None:
    happened(console.api, 1)
    happened(console.api, 2, "client.rotated", "client:web")
    happened(console.api, 3, "user.enabled", actor="operator:root")
    for query, found in (
        ("", {"user.disabled", "client.rotated", "user.enabled"}),
        ("by=subject&value=user:7", {"user.disabled", "user.enabled"}),
        ("by=subject&value=7", {"user.disabled", "user.enabled"}),
        ("by=subject&value=client:web", {"client.rotated"}),
        ("by=actor&value=operator:root", {"user.enabled"}),
        ("by=type&value=client.rotated", {"client.rotated"}),
        ("by=actor&value=nobody", set()),
    ):
        body = console.open(f"/console/audit?{query}").answer.body.partition("<table>")[2]
        assert {name for name in ("user.disabled", "client.rotated", "user.enabled") if name in body} == found, query


@pytest.mark.parametrize(
    "query", ["by=type&value=no.such", "by=subject&value=", "since=yesterday", "until=2026-13-01", "by=all", "after=x"]
)
def test_what_the_audit_trail_cannot_look_for(console: ConsoleBrowser, query: str) -> None:
    assert console.call("GET", f"/console/audit?{query}").status == 400
    if "after" not in query:
        assert console.call("GET", f"/console/audit.csv?{query}").status == 400


def test_pages_of_events(console: ConsoleBrowser) -> None:
    for number in range(120):
        happened(console.api, number)
    target, seen = "/console/audit?by=subject&value=user:7", 0
    while target:
        page = console.open(target)
        seen += page.answer.body.count('<code class="soft">user.disabled</code>')
        target = next((link for link in page.links if "after=" in link and "lang=" not in link), "")
    assert seen == 120


@pytest.mark.moto
def test_events_before_a_quiet_time(api_store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page has no event of the last month then, but leads on; the export has what is before it."""
    api = make_api(monkeypatch, api_store, issuer=ISSUER)
    monkeypatch.setattr("lingpai.events.dynamodb._clock", api.services.clock)
    console = ConsoleBrowser(api)
    console.log_in_at_console()
    # 2029-11-01 and 2029-09-01.
    for number, at in ((1, 1_888_185_600), (2, 1_882_915_200)):
        event = Event(f"{number:040d}-users-000", "role.granted", at, "user:7", "", "", "", f"r{number}", {})
        api_store.append_events([event])
    page = console.open("/console/audit?until=2029-12-31")
    assert "No events" not in page.text
    seen = 0
    while following := [link for link in page.links if "after=" in link and "lang=" not in link]:
        page = console.open(following[0])
        seen += page.answer.body.count('<code class="soft">role.granted</code>')
    assert seen == 2
    for until in ("2029-12-31", "9999-12-31"):
        answer = console.call("GET", f"/console/audit.csv?until={until}").answer
        rows = list(csv.reader(io.StringIO(answer.body.removeprefix("\ufeff"), newline="")))[1:]
        assert [row[6] for row in rows] == ["r1", "r2"]


@pytest.mark.security("CON-csv")
def test_csv_runs_no_formula(console: ConsoleBrowser) -> None:
    """A field that begins like one is text for a spreadsheet."""
    happened(console.api, 1, actor="=cmd|' /C calc'!A0", client="@sum", address="＋1", request_id="-1")
    answer = console.call("GET", "/console/audit.csv").answer
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    _, row = csv.reader(io.StringIO(answer.body.removeprefix("\ufeff"), newline=""))
    assert row[1:7] == ["user.disabled", "user:7", "'=cmd|' /C calc'!A0", "'@sum", "'＋1", "'-1"]


@pytest.mark.security("CON-trail")
def test_a_change_tells_who_made_it(console: ConsoleBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause that is kept with it names the admin, the console, the address and the page."""
    seen: list[cause.Cause] = []
    commit = MemoryStore.commit

    def noting(store: MemoryStore, *writes: Write) -> None:
        seen.append(cause.current())
        commit(store, *writes)

    alice = console.api.user_id("alice")
    form = question(console.open(f"/console/user/change?id={alice}&action=disable"))
    monkeypatch.setattr(MemoryStore, "commit", noting)
    console.send(form)
    first = seen[0]
    admin = console.api.user_id("admin")
    assert (first.actor, first.client, first.action) == (f"user:{admin}", CONSOLE, "/console/user/change")
    assert first.address == "192.0.2.1"


# --- helpers ----------------------------------------------------------------------------------------------


def question(page: Page) -> Form:
    """The form of a question."""
    return next(form for form in page.forms if form.action.startswith("/console/") and form.action != "/console/logout")


def undo(page: Page) -> Form:
    """The form that undoes what was done."""
    return next(form for form in page.forms if "/change?" in form.action)


def record(page: Page) -> Form:
    """The form of a client's record, with its boxes as they are ticked."""
    form = next(form for form in page.forms if form.action.partition("?")[0] == "/console/client/edit")
    ticked = re.findall(r'type="checkbox" name="([^"]+)" value="yes" checked', page.answer.body)
    chosen = re.findall(r'<select[^>]* name="([^"]+)".*?</select>', page.answer.body, re.DOTALL)
    for name in chosen:
        (options,) = re.findall(rf'<select[^>]* name="{name}".*?</select>', page.answer.body, re.DOTALL)
        # A browser sends the first option where none is selected.
        found = re.search(r'<option value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        assert found is not None
        form.fields[name] = found[1]
    areas = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', page.answer.body)
    form.fields.update({name: unescape(text) for name, text in areas})
    form.fields.update(dict.fromkeys(ticked, "yes"))
    return form


def change(console: ConsoleBrowser, what: str, **asked: object) -> Page:
    """Ask for a change and make it; where it is refused, the page that says so."""
    target = f"/console/{what}/change?{urlencode(asked)}"
    page = console.open(target)
    return page if page.status != 200 else console.follow(console.send(question(page)))


def told(address: str) -> str:
    """The address of a page that says what was done, without its seal."""
    plain, _, seal = address.partition("&seal=")
    assert len(seal) == 43, address
    return plain


def search(console: ConsoleBrowser, text: str) -> Page:
    """Find accounts."""
    form = next(form for form in console.open("/console/users").forms if "q" in form.fields)
    return console.follow(console.send(form, q=text))


def begin(browser: ConsoleBrowser) -> ConsoleBrowser:
    """A browser that has begun a login of its own."""
    browser.call("GET", "/console")
    return browser


def path_of(target: str) -> str:
    return urlsplit(target).path


def user_of(api: Api, name: str) -> User:
    found = api.services.store.get_user(api.user_id(name))
    assert found is not None
    return found


def cookie(browser: Browser, name: str) -> str:
    return next(value for known, value in browser.cookies.items() if known.endswith(name))


def sessions_at_console(api: Api, name: str) -> list[Session]:
    found = api.services.store.list_sessions(api.user_id(name), 100)
    return [each for each in found if isinstance(each, Session) and each.client_id == CONSOLE]
