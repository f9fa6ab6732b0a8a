"""The console over HTTP: whoever is not logged in is sent to log in, and an account that is no admin is refused."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.blackbox.service import Person, Service
from tests.blackbox.visitor import Visitor
from tests.support.pages import Form, Page

PAGES = (
    "/console",
    "/console/users",
    "/console/user",
    "/console/user/change",
    "/console/clients",
    "/console/client",
    "/console/client/edit",
    "/console/client/change",
    "/console/roles",
    "/console/role/change",
    "/console/keys",
    "/console/keys/rotate",
    "/console/sms",
    "/console/sms/lift",
    "/console/audit",
    "/console/audit.csv",
    "/console/health",
    "/console/login",
)


@pytest.mark.parametrize("path", PAGES)
def test_nobody_is_sent_to_log_in(service: Service, path: str) -> None:
    page = Visitor(service).get(path)
    asked = dict(parse_qsl(urlsplit(page.location).query))
    assert (page.status, urlsplit(page.location).path) == (303, "/oauth/authorize")
    assert (asked["client_id"], asked["code_challenge_method"]) == ("lingpai:console", "S256")


@pytest.mark.parametrize("name", ["console.css", "console.js", "htmx.js"])
def test_files(service: Service, name: str) -> None:
    answer = service.get(f"/assets/{name}")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")


def test_a_login_that_was_not_begun_here(service: Service) -> None:
    page = Visitor(service).get("/console/callback?code=made-up&state=made-up")
    assert (page.status, "not confirmed" in page.text) == (403, True)
    page = Visitor(service).send(Form("/console/logout", {"csrf": "made-up"}))
    assert page.status in (303, 403)


def test_who_is_no_admin(service: Service, person: Person) -> None:
    visitor = Visitor(service)
    visitor.log_in(person)
    page = follow(visitor, visitor.get("/console"))
    assert (page.status, "Only admins" in page.text) == (403, True)


def follow(visitor: Visitor, page: Page) -> Page:
    """Where it leads to, at the service itself."""
    for _ in range(5):
        if not page.location:
            break
        parts = urlsplit(page.location)
        page = visitor.get(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    return page
