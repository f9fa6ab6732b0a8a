"""The console in Chromium: an admin who logs in to it, and a deployment with something to see."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.consents import service as consents
from lingpai.events.model import Event
from lingpai.sms import budget
from lingpai.statistics import service as statistics
from tests.browser.site import NAME, Site, log_in

if TYPE_CHECKING:
    from collections.abc import Mapping

ADMIN, ADMIN_PASSWORD = "admin", "admin-of-the-gate"
_DAY = 86400


def open_console(site: Site, page: Page, target: str = "/console") -> None:
    """Log in as the admin from a page of the console on, and come back to it."""
    page.goto(f"{site.url}{target}")
    page.click("a[href$='way=password']")
    page.fill("#username", ADMIN)
    page.fill("#password", ADMIN_PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"**{target.partition('?')[0]}*")


def populate(site: Site) -> None:
    """Figures of two weeks, a stopped prefix, an app that alice has let in, and 40 more accounts."""
    services = site.api.services
    store: Any = services.store
    now = services.clock.now()
    if all(key.signs_from > now for key in services.keys.stored()):
        for algorithm in ("ES256", "RS256"):
            # The ring has the clock of the tests.
            services.keys.rotate(algorithm, int(now - site.api.time.at) - 10 * _DAY)
    for ago in range(14):
        at = now - ago * _DAY
        figures = (
            ("session.started", 40 + (ago * 37) % 60),
            ("user.created", 3 + ago % 5),
            ("login.refused", ago * 5 % 17),
        )
        statistics.count(services, [(kind, at, times) for kind, times in figures if times])
        store.counters[f"sms:all:{_DAY}:{at - at % _DAY}"] = {"all": 30 + (ago * 23) % 50}
    for mobile, messages in (("+8613312340000", 100), ("+8613800130000", 42), ("+8618612340000", 12)):
        to = budget.destination(services, mobile)
        for _ in range(messages):
            budget.increment(services, to)
        if messages < 100:
            for _ in range(messages // 2):
                budget.proven(services, mobile, now, counts=True)
    alice = site.api.user_id(NAME)
    third = services.clients.get_client("third-app")
    assert third is not None
    consents.grant(services, alice, third, ("openid", "profile"))
    openids = (("wechat:default", "oGZUI0egBJY1zhBYw2KhdUfwVJJE"),)
    accounts.change(services, alice, lambda user: replace(user, openids=openids))
    store.events.clear()
    tell_events(site)
    if store.find_user_id("username:user-001") is None:
        for number in range(1, 41):
            accounts.add(services, User(services.clock.new_user_id(), now - number * _DAY, f"user-{number:03d}"))
    for user in store.list_users(100, None).users:
        # The clock of the tests is ahead.
        if user.created_at > now:
            store.users[user.id] = replace(user, created_at=now - 60 * _DAY)
    _tell_of_accounts(site)


def _tell_of_accounts(site: Site) -> None:
    """The event of each account, when it was created."""
    store: Any = site.api.services.store
    for user in store.list_users(100, None).users:
        told = {"why": "registered"}
        event = Event(f"users-{user.id}-0", "user.created", user.created_at, f"user:{user.id}", "", "", "", "", told)
        store.append_events([event])


def tell_events(site: Site) -> None:
    """Events of the last hours, as the streams tell them."""
    services = site.api.services
    alice, admin, now = site.api.user_id(NAME), site.api.user_id(ADMIN), services.clock.now()
    told: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = (
        ("session.started", f"user:{alice}", "", {"client": "web-app", "methods": ["pwd"]}),
        ("user.updated", f"user:{alice}", f"user:{alice}", {"changed": ["profile"]}),
        ("role.granted", f"user:{alice}", f"user:{admin}", {"role": 2}),
        ("client.updated", "client:web-app", f"user:{admin}", {"changed": ["redirect_uris"]}),
        ("client.rotated", "client:web-client", "operator:root", {}),
        ("login.refused", "counter:login", "", {"kind": "login", "limit": "all", "count": 10}),
        ("session.ended", f"user:{alice}", f"user:{alice}", {"client": "web-app", "why": "logout"}),
        ("sms.stopped", "counter:sms:prefix:+861331", "", {"kind": "prefix", "limit": "unproven", "count": 100}),
    )
    for number, (kind, subject, actor, data) in enumerate(told):
        at = now - 900 * (len(told) - number)
        client = "lingpai:console" if actor == f"user:{admin}" else "web-app" if actor.startswith("user:") else ""
        event = Event(f"{number:040d}-000", kind, at, subject, actor, client, "203.0.113.8", f"r{number}", data)
        services.store.append_events([event])


def alice_logs_in(site: Site, page: Page) -> None:
    """A session of alice's browser, beside that of an app."""
    log_in(site, page)
    page.context.clear_cookies()
