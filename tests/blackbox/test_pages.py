"""The hosted pages over HTTP: each answers, and somebody logs in, looks after the account and logs out."""

import pytest

from tests.blackbox.service import Person, Service, new_number
from tests.blackbox.visitor import Visitor


@pytest.mark.parametrize("target", ["/login", "/register", "/reset", "/error", "/oauth/logout"])
def test_pages(service: Service, target: str) -> None:
    page = Visitor(service).get(target)
    assert page.status == 200
    assert page.answer.headers["content-type"] == "text/html; charset=utf-8"
    assert page.answer.headers["cache-control"] == "no-store"
    for path in ("/assets/pages.css", "/assets/pages.js"):
        version = page.answer.body.partition(f"{path}?v=")[2].partition('"')[0]
        assert "immutable" in service.get(f"{path}?v={version}").headers["cache-control"]


def test_what_needs_a_login_or_a_request(service: Service) -> None:
    visitor = Visitor(service)
    page = visitor.get("/account")
    assert (page.status, page.location) == (303, "/login?continue=%2Faccount")
    assert visitor.get("/consent").status == 403
    page = visitor.get("/oauth/authorize?client_id=nobody-at-all")
    assert page.status == 400
    assert "This login request cannot be used" in page.text


def test_a_login(service: Service, person: Person) -> None:
    visitor = Visitor(service)
    page = visitor.log_in(person)
    assert (page.status, page.location) == (303, "/account")
    page = visitor.get("/account")
    assert person.username in page.text
    page = visitor.send(page.form(action="confirm"))
    assert "You are logged out" in page.text
    assert visitor.get("/account").status == 303


def test_a_login_by_a_code(service: Service) -> None:
    """The first login of a number makes an account."""
    service.needs("codes")
    visitor, number = Visitor(service), new_number()
    page = visitor.send(visitor.get("/login").form(action="send"), mobile=number)
    assert page.status == 200
    page = visitor.send(page.form(action="code"), code=service.read_code(f"+86{number}"))
    assert (page.status, page.location) == (303, "/account")
    assert number in visitor.get("/account").text
