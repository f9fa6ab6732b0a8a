"""From a page to the client: what a user does ends sessions, whose records are events, of which clients are told."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt as pyjwt
import pytest

from lingpai.bootstrap import webhook_secrets
from lingpai.events.records import events_of
from lingpai.store import DynamoStore
from lingpai.webhooks import service as webhooks
from lingpai.webhooks import worker
from lingpai.webhooks.delivery import Courier
from lingpai.webhooks.queue import MemoryQueue
from lingpai.webhooks.service import Subscribers, WebhookServices
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.browsers import CALLBACK, VERIFIER, request_pairs, web_app
from tests.support.fake_web import Certificate, Web
from tests.support.pages import Browser
from tests.support.streams import STREAMS, record
from tests.support.webhooks import TIMEOUTS, receiver

pytestmark = pytest.mark.moto
PASSWORD, NEW_PASSWORD = "correct horse battery", "a fine long password"


class Told:
    """An API on DynamoDB, whose changes are made records, and whose clients are told."""

    def __init__(self, api: Api, store: DynamoStore, web: Web) -> None:
        self.api, self.store, self.web = api, store, web
        services, clock = api.services, api.services.clock
        self.queue = MemoryQueue(clock)
        subscribers = Subscribers(store, clock, 60)
        self.services = WebhookServices(services, subscribers, webhook_secrets(services.settings), self.queue)
        self.known = self._items()

    def _items(self) -> dict[tuple[str, str], dict[str, Any]]:
        tables = {"SessionsTable": ("owner", "id"), "UsersTable": ("id",)}
        return {
            (table, str([item[name] for name in key])): item
            for table, key in tables.items()
            for item in self.store.call("Scan", TableName=table)["Items"]
        }

    def tell(self) -> list[dict[str, Any]]:
        """The logout tokens that what has changed since the last time brings about, as claims, by client and `sid`."""
        now = self._items()
        changed = [key for key in {*self.known, *now} if self.known.get(key) != now.get(key)]
        for sequence, key in enumerate(sorted(changed)):
            change = record(key[0], self.known.get(key), now.get(key), sequence=sequence)
            webhooks.enqueue(self.services, events_of(change, STREAMS))
        self.known = now
        self.web.calls.clear()
        while received := self.queue.receive(0):
            attributes = {"ApproximateReceiveCount": str(received.count)}
            message = {"messageId": "m", "receiptHandle": received.receipt, "body": received.message}
            answer = worker.work(
                {"Records": [{**message, "attributes": attributes}]}, self.services, Courier(self.services)
            )
            assert answer == {"batchItemFailures": []}
            self.queue.settle(received.receipt, done=True)
        tokens = [parse_qs(call.body.decode())["logout_token"][0] for call in self.web.calls]
        claims = [pyjwt.decode(token, options={"verify_signature": False}) for token in tokens]
        return sorted(claims, key=lambda told: (told["aud"], told["sid"]))


@pytest.fixture
def told(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """With two clients that are told."""
    with receiver(certificate, monkeypatch, 200) as web, stores.on_moto() as store:
        api = make_api(monkeypatch, store, issuer="https://login.example", webhook_loopback=True, **TIMEOUTS)
        for name in ("web-app", "other-app"):
            uri = f"https://{web.host}/{name}"
            store.put_client(web_app(name, f"{name}-secret", backchannel_logout_uri=uri))
        yield Told(api, store, web)


def log_in_to(browser: Browser, client_id: str = "web-app") -> dict[str, Any]:
    """The claims of the ID token of a client that the browser's user logs in to."""
    page = browser.call("GET", f"/oauth/authorize?{urlencode(request_pairs(client_id=client_id))}")
    code = parse_qs(urlsplit(page.location).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    tokens = browser.api.post("/oauth/token", form=form, basic=(client_id, f"{client_id}-secret")).json
    claims: dict[str, Any] = pyjwt.decode(tokens["id_token"], options={"verify_signature": False})
    return {**claims, "id_token": tokens["id_token"], "refresh_token": tokens["refresh_token"]}


def pairs(claims: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(told["aud"], told["sub"], told["sid"]) for told in claims]


@pytest.mark.security("BCL-2.4")
def test_a_logout_by_one_client_is_told_to_all(told: Told) -> None:
    """RP-Initiated Logout: the browser session ends, and each client that was logged in to in it is told."""
    browser = Browser(told.api)
    browser.log_in()
    one, other = log_in_to(browser), log_in_to(browser, "other-app")
    assert told.tell() == []
    assert one["sid"] == other["sid"]
    browser.call("GET", f"/oauth/logout?{urlencode({'id_token_hint': one['id_token']})}")
    assert not browser.is_logged_in
    expected = [(client, one["sub"], one["sid"]) for client in ("other-app", "web-app")]
    assert pairs(told.tell()) == expected


def test_another_login_in_the_same_browser_tells_nobody_until_the_logout(told: Told) -> None:
    browser = Browser(told.api)
    browser.log_in()
    first = log_in_to(browser)
    browser.log_in(target=f"/oauth/authorize?{urlencode(request_pairs(prompt='login'))}")
    assert told.tell() == []
    second = log_in_to(browser, "other-app")
    browser.call("GET", f"/oauth/logout?{urlencode({'id_token_hint': second['id_token']})}")
    assert pairs(told.tell()) == [("other-app", first["sub"], first["sid"]), ("web-app", first["sub"], first["sid"])]


def test_the_login_of_another_user_tells_of_the_first(told: Told) -> None:
    browser = Browser(told.api)
    browser.log_in()
    first = log_in_to(browser)
    told.tell()
    again = f"/oauth/authorize?{urlencode(request_pairs(prompt='login'))}"
    browser.log_in("bob", "battery staple correct", target=again)
    assert pairs(told.tell()) == [("web-app", first["sub"], first["sid"])]


def test_tokens_that_are_revoked_are_told(told: Told) -> None:
    """Unless the same client has others of this login."""
    browser = Browser(told.api)
    browser.log_in()
    one, two = log_in_to(browser), log_in_to(browser)
    told.tell()
    for tokens, expected in ((one, []), (two, [("web-app", two["sub"], two["sid"])])):
        form = {"token": tokens["refresh_token"]}
        assert told.api.post("/oauth/revoke", form=form, basic=("web-app", "web-app-secret")).status == 200
        assert pairs(told.tell()) == expected


def test_a_refresh_tells_nobody(told: Told) -> None:
    browser = Browser(told.api)
    browser.log_in()
    tokens = log_in_to(browser)
    told.tell()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert told.api.post("/oauth/token", form=form, basic=("web-app", "web-app-secret")).status == 200
    assert told.tell() == []


def test_a_new_password_ends_the_other_logins(told: Told) -> None:
    """Those of another browser are told of."""
    here, there = Browser(told.api), Browser(told.api)
    for browser in (here, there):
        browser.log_in()
    kept, ended = log_in_to(here), log_in_to(there)
    told.tell()
    page = here.get("/account?edit=password")
    here.submit(page.form(action="password"), oldPassword=PASSWORD, newPassword=NEW_PASSWORD)
    assert not there.is_logged_in
    assert ("web-app", ended["sub"], ended["sid"]) in pairs(told.tell())
    assert kept["sid"] != ended["sid"]
