"""The hosted pages over HTTP: each answers, and somebody logs in, looks after the account and logs out."""

import time

import pytest

from tests.blackbox.service import Person, Service, new_number
from tests.blackbox.visitor import Visitor
from tests.support.authenticator import app_of
from tests.support.pages import Form


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
    page = visitor.get("/agreement")
    assert (page.status, page.location) == (303, "/login")
    page = visitor.get("/login/second-factor")
    assert (page.status, page.location) == (303, "/login")
    page = visitor.get("/login/deletion")
    assert (page.status, page.location) == (303, "/login")
    assert visitor.get("/login/callback/google?code=made-up&state=made-up").status == 403
    page = visitor.get("/oauth/authorize?client_id=nobody-at-all")
    assert page.status == 400
    assert "This login request cannot be used" in page.text


def test_passkeys(service: Service) -> None:
    """They are offered where the service has a domain name."""
    visitor = Visitor(service)
    page = visitor.get("/login")
    version = page.answer.body.partition("/assets/passkeys.js?v=")[2].partition('"')[0]
    script = service.get(f"/assets/passkeys.js?v={version}")
    assert (script.status, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    asked = Form("/passkeys/options", {"csrf": page.forms[0].fields["csrf"], "purpose": "login"})
    options = visitor.send(asked).answer
    if version:
        assert options.status == 200
        assert options.json["userVerification"] == "required"
    else:
        assert options.status == 403


def test_a_login(service: Service, person: Person) -> None:
    visitor = Visitor(service)
    page = visitor.log_in(person)
    assert (page.status, page.location) == (303, "/account")
    page = visitor.get("/account")
    assert person.username in page.text
    page = visitor.send(page.form(action="confirm"))
    assert "You are logged out" in page.text
    assert visitor.get("/account").status == 303


def test_a_second_factor(service: Service, person: Person) -> None:
    """An app that is set up on the account page is asked for by the next login, and the password grant is refused."""
    visitor = Visitor(service)
    visitor.log_in(person)
    page = visitor.send(visitor.get("/account?edit=totp").form(action="totp-begin"))
    app = app_of(page)
    page = visitor.send(page.form(action="totp-confirm"), code=app.code(time.time()))
    assert "Recovery codes" in page.text
    assert visitor.get("/account").status == 200
    refused = service.post("/oauth/token", form={**service.by_body("standard-client"), **person.by_password})
    assert (refused.status, refused.json["reason"]) == (400, "second_factor_required")
    other = Visitor(service)
    page = other.log_in(person)
    assert (page.status, page.location) == (303, "/login/second-factor")
    assert other.get("/account").status == 303
    page = other.get(page.location)
    page = other.send(page.form(action="totp"), code=app.wrong_code(time.time()))
    assert page.status == 400
    # Each code is good once, and the clock of an app may be a step ahead.
    page = other.send(page.form(action="totp"), code=app.code(time.time(), 1))
    assert (page.status, page.location) == (303, "/account")
    assert person.username in other.get("/account").text


def test_an_account_is_deleted(service: Service, person: Person) -> None:
    """At once, or (DELETION_DAYS) closed until the password opens it again."""
    visitor = Visitor(service)
    visitor.log_in(person)
    page = visitor.send(visitor.get("/account?edit=delete").form(action="delete"), confirm="yes")
    assert page.status == 200
    assert visitor.get("/account").status == 303
    refused = service.post("/oauth/token", form={**service.by_body("standard-client"), **person.by_password})
    if "Your account is deleted" in page.text:
        assert (refused.status, refused.json["reason"]) == (400, "bad_credentials")
        return
    assert (refused.status, refused.json["reason"]) == (400, "account_closing")
    page = visitor.log_in(person)
    assert (page.status, page.location) == (303, "/login/deletion")
    page = visitor.send(visitor.get(page.location).form(action="keep"))
    assert (page.status, page.location) == (303, "/account")
    assert person.username in visitor.get("/account").text


def test_a_login_by_a_code(service: Service) -> None:
    """The first login of a number makes an account."""
    service.needs("codes")
    visitor, number = Visitor(service), new_number()
    page = visitor.send(visitor.get("/login").form(action="send"), mobile=number)
    assert page.status == 200
    page = visitor.send(page.form(action="code"), code=service.read_code(f"+86{number}"))
    assert (page.status, page.location) == (303, "/account")
    assert number in visitor.get("/account").text
