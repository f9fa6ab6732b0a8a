"""`/oauth/token` and its other names, in each dialect."""

from typing import Any

import pytest

from tests.blackbox.service import Person, Service, new_name
from tests.support.api import Answer
from tests.support.dialects import (
    digests,
    django_tokens,
    failed,
    passport_error,
    passport_tokens,
    sdk,
    usercenter_tokens,
)
from tests.support.expect import succeeds
from tests.support.tokens import (
    BAD_CLIENT,
    BAD_CREDENTIALS,
    BAD_REFRESH_TOKEN,
    BAD_SCOPE,
    BAD_SPRING_CLIENT,
    TOKEN_PATHS,
    error,
    missing,
    not_allowed,
    spring_tokens,
    standard_tokens,
)

MACHINE_FORM = {"grant_type": "client_credentials"}
NO_KEY = "This deployment has no key to sign tokens with"


def ask(service: Service, client: str, path: str = "/oauth/token", **form: str) -> Answer:
    return service.post(path, form=form, basic=service.client(client))


def refresh(service: Service, token: str, client: str = "web-client", **more: str) -> Answer:
    return ask(service, client, grant_type="refresh_token", refresh_token=token, **more)


def opens(service: Service, token: str) -> Any:
    """The id of the account that an access token is for, whatever it opens."""
    answer = service.post("/user/getUserByToken", bearer=token)
    assert answer.json["status"] == 1, answer
    return answer.json["data"]["id"]


# --- password


def test_spring(service: Service, person: Person) -> None:
    tokens = spring_tokens(ask(service, "web-client", **person.by_password))
    assert opens(service, tokens["access_token"]) == person.id


def test_standard(service: Service, person: Person) -> None:
    standard_tokens(ask(service, "standard-client", **person.by_password))
    tokens = standard_tokens(ask(service, "standard-client", **person.by_password, scope="read"), scope="read")
    assert opens(service, tokens["access_token"]) == person.id


@pytest.mark.parametrize("path", ["/o/token", "/o/token/"])
def test_django(service: Service, person: Person, path: str) -> None:
    if path.endswith("/"):
        service.needs("default route")
    tokens = django_tokens(service.post(path, form={**service.by_body("django-app"), **person.by_password}))
    assert opens(service, tokens["access_token"]) == person.id


def test_passport(service: Service, person: Person) -> None:
    answer = service.post("/oauth/token", form={**service.by_body("2"), **person.by_password, "scope": ""})
    if "signed tokens" in service.target.lacks:
        # What is said to lack a key says so itself: the day it has one, this fails.
        assert (answer.status, answer.json["message"]) == (503, NO_KEY)
    service.needs("signed tokens")
    tokens = passport_tokens(answer)
    assert opens(service, tokens["access_token"]) == person.id


def test_usercenter(service: Service, person: Person) -> None:
    tokens = usercenter_tokens(service.post("/oauth/token", json_body=sdk(person.username, **digests(person.password))))
    assert opens(service, tokens["accessToken"]) == person.id


def test_a_wrong_password_and_an_unknown_user_are_alike(service: Service, person: Person) -> None:
    for username in (person.username, new_name()):
        form = {"grant_type": "password", "username": username, "password": "not the password"}
        assert ask(service, "web-client", **form) == BAD_CREDENTIALS
    form = {"grant_type": "password", "username": new_name(), "password": "not the password"}
    assert service.post("/o/token", form={**service.by_body("django-app"), **form}) == error(
        400, "invalid_grant", "Invalid credentials given."
    )
    answer = service.post("/oauth/token", form={**service.by_body("2"), **form})
    assert answer == passport_error(401, "invalid_credentials", "The user credentials were incorrect.")
    answer = service.post("/oauth/token", json_body=sdk(new_name(), **digests("not the password")))
    assert answer == failed("用户名或密码错误")


# --- the other grants, and how a request is written


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_client_credentials(service: Service, path: str) -> None:
    if path.endswith("/"):
        service.needs("default route")
    spring_tokens(ask(service, "web-client", path, **MACHINE_FORM), refresh=False)


def test_a_machine_with_a_role(service: Service) -> None:
    asked = ask(service, "machine-client", **MACHINE_FORM, scope="lingpai:admin")
    tokens = standard_tokens(asked, scope="lingpai:admin", refresh=False)
    answer = service.post("/users/find", json_body={"username": new_name()}, bearer=tokens["access_token"])
    succeeds(answer, None)


def test_json_and_a_multipart_form(service: Service, person: Person) -> None:
    body = {**service.by_body("web-client"), **person.by_password}
    spring_tokens(service.post("/oauth/token", json_body=body))
    files: Any = {name: (None, value) for name, value in body.items()}
    spring_tokens(service.post("/oauth/token", files=files))


def test_text_beyond_ascii(service: Service, admin: str) -> None:
    """A name that is percent-encoded in a form and plain UTF-8 in JSON is one name."""
    username, password = f"{new_name()} 王小明 🀄", "密码 & more = 100% +"
    body = {"username": username, "password": password}
    saved = service.post("/users/save", json_body=body, bearer=admin)
    assert saved.status == 200
    assert opens(service, service.log_in(username, password)["access_token"]) == saved.json["message"]


# --- refreshing


def test_a_refresh_token_works_once(service: Service, person: Person) -> None:
    """And once more within the grace time, for the same pair."""
    first = person.log_in()
    second = spring_tokens(refresh(service, first["refresh_token"]))
    assert second["access_token"] != first["access_token"]
    again = refresh(service, first["refresh_token"])
    left = again.json["expires_in"]  # at a slow target the clock goes on between the two
    assert second["expires_in"] - 10 <= left <= second["expires_in"]
    assert spring_tokens(again, expires_in=left) == {**second, "expires_in": left}
    third = spring_tokens(refresh(service, second["refresh_token"]))
    assert opens(service, third["access_token"]) == person.id


def test_a_secret_that_the_session_never_had_changes_nothing(service: Service, person: Person) -> None:
    tokens = person.log_in()
    forged = tokens["refresh_token"].partition(".")[0] + "." + "A" * 43
    assert refresh(service, forged) == BAD_REFRESH_TOKEN
    spring_tokens(refresh(service, tokens["refresh_token"]))


def test_another_client_is_refused_and_changes_nothing(service: Service, person: Person) -> None:
    tokens = person.log_in()
    assert refresh(service, tokens["refresh_token"], "app-client") == BAD_REFRESH_TOKEN
    spring_tokens(refresh(service, tokens["refresh_token"]))


def test_a_scope_may_narrow_and_never_widen(service: Service, person: Person) -> None:
    tokens = standard_tokens(ask(service, "standard-client", **person.by_password))
    narrowed = standard_tokens(refresh(service, tokens["refresh_token"], "standard-client", scope="read"), scope="read")
    wide = refresh(service, narrowed["refresh_token"], "standard-client", scope="read write admin")
    assert wide == BAD_SCOPE
    standard_tokens(refresh(service, narrowed["refresh_token"], "standard-client"))


# --- refusals


def test_a_client_must_be_proven(service: Service) -> None:
    assert service.post("/oauth/token", form=MACHINE_FORM, basic=("web-client", "wrong")) == BAD_SPRING_CLIENT
    assert service.post("/oauth/token", form={**MACHINE_FORM, "client_id": new_name()}) == BAD_CLIENT
    # A body in the shape of seed 002 carries no secret, and opens no client that has one.
    body = sdk("anybody", client_id="web-client", **digests("a password"))
    assert service.post("/oauth/token", json_body=body) == BAD_SPRING_CLIENT


def test_grants(service: Service) -> None:
    unknown = error(400, "unsupported_grant_type", "Unsupported grant type: implicit")
    assert ask(service, "web-client", grant_type="implicit") == unknown
    assert ask(service, "machine-client", grant_type="password", username="a", password="b") == not_allowed("password")
    assert ask(service, "web-client", grant_type="password", username="a") == missing("password")
    assert ask(service, "web-client") == missing("grant_type")


def test_another_method(service: Service) -> None:
    allow = {"allow": "POST, OPTIONS"}
    refused = error(405, "invalid_request", "Use the method POST, OPTIONS", allow)
    for method in ("GET", "PUT", "DELETE"):
        assert service.call(method, "/oauth/token") == refused


@pytest.mark.parametrize("path", ["/oauth/token", "/mobile/code/get", "/users/save", "/userDetail/get", "/roles/save"])
def test_options_needs_no_token(service: Service, path: str) -> None:
    service.needs("options")
    assert service.call("OPTIONS", path) == Answer(204, {"allow": "POST, OPTIONS"}, "")


def test_credentials_in_the_query(service: Service) -> None:
    """They end up in logs."""
    path = "/oauth/token?grant_type=client_credentials&client_secret=not-one"
    answer = service.post(path, basic=service.client("web-client"))
    text = "Send client_secret in the body, not in the query string: addresses end up in logs"
    assert answer == error(400, "invalid_request", text)


def test_a_parameter_given_twice(service: Service) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"grant_type=client_credentials&grant_type=password"
    answer = service.post("/oauth/token", body=body, headers=headers, basic=service.client("web-client"))
    assert answer == error(400, "invalid_request", "The parameter grant_type is given twice")


def test_a_body_too_large(service: Service) -> None:
    form = {**MACHINE_FORM, "padding": "x" * 70_000}
    answer = service.post("/oauth/token", form=form, basic=service.client("web-client"))
    assert answer == error(413, "invalid_request", "The body is larger than 65536 bytes")
