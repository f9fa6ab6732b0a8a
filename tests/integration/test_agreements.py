"""The ledger of accepted terms: asked on the pages, told by apps, kept with time and address, in the person's data."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from lingpai import bootstrap
from lingpai.accounts.model import Agreement, User
from tests.support.api import Api, make_api
from tests.support.browsers import request_pairs, web_app
from tests.support.memory_store import MemoryStore
from tests.support.pages import Browser, path
from tests.support.time import START

TERMS = {"terms_version": "2030-01", "terms_url": "https://example.com/terms"}
BOTH = {**TERMS, "policy_version": "第三版", "policy_url": "https://example.com/privacy"}


def an_api(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Api:
    store = MemoryStore()
    api = make_api(monkeypatch, store, **settings)
    store.put_client(web_app())
    return api


def alice(api: Api) -> User:
    user = api.services.store.get_user(api.user_id("alice"))
    assert user is not None
    return user


def accepted(version: str, client: str = "lingpai:pages", document: str = "terms", at: int = START) -> Agreement:
    return Agreement(document, version, at, "192.0.2.1", client)


def test_nothing_is_asked_without_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Browser(an_api(monkeypatch)).log_in().target == "/account"


@pytest.mark.parametrize(("language", "title"), [("en", "Terms and privacy policy"), ("zh", "服务条款与隐私政策")])
def test_asked_after_a_login(monkeypatch: pytest.MonkeyPatch, language: str, title: str) -> None:
    api = an_api(monkeypatch, **BOTH)
    browser = Browser(api, language)
    page = browser.log_in()
    assert path(page.target) == "/agreement"
    assert title in page.text
    assert "第三版" in page.text
    assert {"https://example.com/terms", "https://example.com/privacy"} <= set(page.links)
    page = browser.submit(page.forms[-1], action="agree")
    assert page.target == "/account"
    client = alice(api).agreements[0].client
    assert alice(api).agreements == (accepted("2030-01", client), accepted("第三版", client, "policy"))
    content = json.loads(browser.call("GET", "/account?download=json").answer.body)
    assert content["agreements"] == [
        {"document": "terms", "version": "2030-01", "at": START, "address": "192.0.2.1", "client": client},
        {"document": "policy", "version": "第三版", "at": START, "address": "192.0.2.1", "client": client},
    ]


def test_a_new_version_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the way to an app, whose name is kept; the entry of the old version stays."""
    api = an_api(monkeypatch, **TERMS)
    browser = Browser(api)
    browser.submit(browser.log_in().forms[-1], action="agree")
    first = alice(api).agreements
    newer = replace(api.services, settings=api.services.settings.model_copy(update={"terms_version": "2031-01"}))
    monkeypatch.setattr(bootstrap, "services", lambda: newer)
    target = f"/oauth/authorize?{urlencode(request_pairs())}"
    page = browser.get(target)
    assert path(page.target) == "/agreement"
    assert "These have changed" in page.text
    page = browser.submit(page.forms[-1], action="agree")
    assert page.location.startswith("https://")
    assert alice(api).agreements == (*first, accepted("2031-01", web_app().id))
    assert browser.get(target).location.startswith("https://")


def test_prompt_none(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(an_api(monkeypatch, **TERMS))
    browser.log_in()
    page = browser.get(f"/oauth/authorize?{urlencode(request_pairs(prompt='none'))}")
    assert "error=consent_required" in page.location


def test_who_does_not_accept_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else of the account is shown; its data and its deletion are the person's right."""
    browser = Browser(an_api(monkeypatch, **TERMS))
    browser.log_in()
    for target in ("/account", "/account?edit=profile", "/account?edit=password"):
        assert path(browser.get(target).target) == "/agreement"
    assert browser.call("GET", "/account?download=json").status == 200
    page = browser.submit(browser.get("/account?edit=delete").form(action="delete"), confirm="yes")
    assert "Your account is closed" in page.text


@pytest.mark.parametrize("action", ["profile", "password", "end-others", "", "no-such"])
def test_no_form_goes_round_it(monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """The form of the deletion holds the token of all forms: another action by it changes and shows nothing."""
    api = an_api(monkeypatch, **TERMS)
    browser = Browser(api)
    browser.log_in()
    form = browser.get("/account?edit=delete").form(action="delete")
    page = browser.send(form, action=action, name="Mei")
    assert path(page.location) == "/agreement"
    assert alice(api).profile.name is None


def test_a_form_of_an_old_version_accepts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, **TERMS)
    browser = Browser(api)
    form = browser.log_in().forms[-1]
    page = browser.submit(form, action="agree", terms="2029-01")
    assert (page.status, "2030-01" in page.text) == (200, True)
    forged = browser.call("POST", "/agreement", {**form.fields, "csrf": "x"}, {"sec-fetch-site": "same-origin"})
    assert forged.status == 403
    assert alice(api).agreements == ()


def test_an_app_tells_what_was_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, **BOTH)
    token = api.token()
    told = api.post("/users/agreements", json_body={}, bearer=token)
    assert told.json == {"status": 200, "message": {"accepted": [], "missing": ["terms", "policy"]}}
    for _ in range(2):
        told = api.post("/users/agreements", json_body={"termsVersion": "2030-01"}, bearer=token)
        assert told.json["message"] == {
            "accepted": [{"document": "terms", "version": "2030-01", "time": "2030-01-01 16:00:00"}],
            "missing": ["policy"],
        }
    assert alice(api).agreements == (accepted("2030-01", "web-client"),)
    refused = api.post("/users/agreements", json_body={"policyVersion": "2"}, bearer=token)
    assert refused.json == {"status": 400, "error": "参数 policyVersion 不是现行版本 第三版"}
    assert api.post("/users/agreements", json_body={}).status == 401


def test_registered_with_what_was_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken as accepted that was not sent."""
    api = an_api(monkeypatch, **TERMS)
    body = {"username": "carol", "password": "a fine long password"}
    old = api.post("/users/register", json_body={**body, "termsVersion": "2029-01"})
    assert (old.status, api.services.store.find_user_id("username:carol")) == (400, None)
    user_id = api.post("/users/register", json_body={**body, "termsVersion": "2030-01"}).json["message"]
    other_id = api.post("/users/register", json_body={**body, "username": "dave"}).json["message"]
    store = api.services.store
    carol, dave = store.get_user(user_id), store.get_user(other_id)
    assert carol is not None
    assert dave is not None
    assert [(each.version, each.client) for each in carol.agreements] == [("2030-01", "")]
    assert dave.agreements == ()
