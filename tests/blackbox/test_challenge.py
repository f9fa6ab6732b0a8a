"""Logins of an app without a browser: by a code, by a password with a second factor, and what is refused."""

import time

from tests.blackbox.service import Person, Service, new_number
from tests.blackbox.visitor import Visitor
from tests.support.api import Answer
from tests.support.authenticator import app_of
from tests.support.browsers import VERIFIER
from tests.support.challenges import PATH, REQUEST
from tests.support.logs import LOGS

APP = {"client_id": "mobile-app"}


def step(service: Service, **fields: str) -> Answer:
    """A step; without an `auth_session` the authorization request goes with it."""
    known = {} if "auth_session" in fields else REQUEST
    answer = service.post(PATH, form={**APP, **known, **fields})
    for name in ("auth_session", "authorization_code"):
        LOGS.hush(name, answer.json.get(name, ""))
    return answer


def redeem(service: Service, issued: Answer) -> Answer:
    assert issued.status == 200, issued
    code = issued.json["authorization_code"]
    form = {**APP, "grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    return service.post("/oauth/token", form=form)


def test_by_a_code(service: Service) -> None:
    service.needs("codes")
    number = new_number()
    sent = step(service, mobile=number)
    assert (sent.status, sent.json["next"]) == (403, ["code", "mobile"])
    code = service.read_code(f"+86{number}")
    LOGS.hush("code", code)
    issued = step(service, auth_session=sent.json["auth_session"], code=code)
    tokens = redeem(service, issued).json
    claims = service.get("/oauth/userinfo", bearer=tokens["access_token"])
    assert claims.status == 200
    # Both are used up.
    assert step(service, auth_session=sent.json["auth_session"], code=code).json["reason"] == "invalid_session"


def test_by_a_password_and_a_second_factor(service: Service, person: Person) -> None:
    by_password = {"username": person.username, "password": person.password}
    assert redeem(service, step(service, **by_password)).status == 200
    visitor = Visitor(service)
    visitor.log_in(person)
    page = visitor.send(visitor.get("/account?edit=totp").form(action="totp-begin"))
    otp = app_of(page)
    visitor.send(page.form(action="totp-confirm"), code=otp.code(time.time(), -1))
    asked = step(service, **by_password)
    assert (asked.status, asked.json["next"]) == (403, ["totp", "recovery_code"])
    session = asked.json["auth_session"]
    wrong = step(service, auth_session=session, totp=otp.wrong_code(time.time()))
    assert (wrong.status, wrong.json["reason"]) == (400, "bad_second_factor")
    issued = step(service, auth_session=session, totp=otp.code(time.time()))
    assert "access_token" in redeem(service, issued).json


def test_refusals(service: Service, person: Person) -> None:
    assert step(service).json["reason"] == "factor_required"
    wrong = step(service, username=person.username, password="not theirs at all")
    assert (wrong.status, wrong.json["error"], wrong.json["reason"]) == (400, "invalid_grant", "bad_credentials")
    assert step(service, auth_session="A" * 43).json["error"] == "invalid_session"
    web_app, secret = service.client("web-app")
    refused = service.post(PATH, form={**REQUEST, **person.by_password}, basic=(web_app, secret))
    assert (refused.status, refused.json["error"]) == (400, "unauthorized_client")
