"""What is logged: one structured line for each request, what went wrong by its name, and never a secret."""

import json
import logging
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ReadTimeoutError

from lingpai.http import observability
from local import gateway
from tests.support.api import Api
from tests.support.logs import LOGS, Logs, Output
from tests.support.tokens import ALICE, APP, DONE, STANDARD, WEB, on_call, refresh, spring_tokens, standard_tokens

NUMBER = "13912345678"
SECRET = "a secret of the test"

type Printed = Callable[[], list[Any]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """Gives the service's lines so far as Lambda prints them, read back from their JSON."""
    monkeypatch.setattr(observability.logger.registered_handler, "stream", Output())
    so_far: list[Any] = []

    def lines() -> list[Any]:
        so_far.extend(json.loads(line) for line in capsys.readouterr().out.splitlines())
        return so_far

    return lines


# --- the detector ---------------------------------------------------------------------------------------------


def plant_in_the_message(logger: logging.Logger) -> None:
    logger.warning(f"it is {SECRET}!")  # noqa: G004


def plant_in_an_argument(logger: logging.Logger) -> None:
    logger.warning("it is %s", {"deep": [SECRET]})


def plant_in_a_field(logger: logging.Logger) -> None:
    logger.warning("see there", extra={"there": {"deep": [SECRET]}})


def plant_in_an_exception(logger: logging.Logger) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        logger.exception("it failed")


def plant_in_its_cause(logger: logging.Logger) -> None:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise TypeError("for that") from error
    except TypeError:
        logger.exception("it failed")


@pytest.mark.parametrize(
    "plant",
    [plant_in_the_message, plant_in_an_argument, plant_in_a_field, plant_in_an_exception, plant_in_its_cause],
)
def test_a_planted_secret_is_found(plant: Any) -> None:
    """By a detector of its own on a logger of its own: what is planted on purpose is no fault of the service."""
    logs, logger = Logs(), logging.Logger("planted")  # noqa: LOG001  known to no other listener
    logger.addHandler(logs)
    plant(logger)
    assert logs.leaks() == []
    logs.hush("password", SECRET)
    (leak,) = logs.leaks()
    assert leak.startswith("password: ")
    assert SECRET not in leak
    assert "***" in leak


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("code=123456", True),
        ('{"code": "123456"}', True),
        ("123456", True),
        ("at 1123456789 or 0.123456 or x123456y", False),
    ],
)
def test_a_code_is_found_but_not_in_every_long_number(line: str, found: bool) -> None:
    logs = Logs()
    logs.hush("code", "123456")
    logs.add(line)
    assert bool(logs.leaks()) is found


@pytest.mark.parametrize("words", ["one more", "a new password", "new password"])
def test_words_that_an_honest_line_may_show_are_no_secret_of_a_test(words: str) -> None:
    """The test that takes them fails itself: as leaks they would be found at the end of the suite alone."""
    with pytest.raises(ValueError, match="as our own texts contain it: take another"):
        Logs().hush("password", words)


def test_the_password_of_the_examples_is_a_secret() -> None:
    """It stands in our sources, but only as a whole."""
    logs = Logs()
    logs.hush("password", ALICE["password"])
    assert logs.secrets == {ALICE["password"]: "password"}


def test_a_listener_hears_the_service(api: Api) -> None:
    before = LOGS.heard
    api.post("/oauth/token", form=ALICE, basic=WEB)
    assert LOGS.heard == before + 1
    assert any('"path":"/oauth/token","status":200,' in line for line in LOGS.lines)


# --- the lines ------------------------------------------------------------------------------------------------


def test_a_request_is_one_line_with_the_gateways_id(api: Api, printed: Printed) -> None:
    headers = (("Authorization", "Basic d2ViLWNsaWVudDp3ZWItc2VjcmV0"),)
    body = b"grant_type=client_credentials"
    reply = gateway.answer(api._gateway, gateway.Request("POST", "/oauth/token?x=y", headers, body, "192.0.2.1"))
    (line,) = printed()
    assert line == {
        "level": "INFO",
        "message": "request",
        "timestamp": line["timestamp"],
        "service": "lingpai",
        "correlation_id": dict(reply.headers)["apigw-requestid"],
        "method": "POST",
        "path": "/oauth/token",
        "status": 200,
        "ms": line["ms"],
        "client_id": "web-client",
        "grant": "client_credentials",
        "dialect": "spring",
    }
    assert 0 < line["ms"] < 60_000


def said(line: Any) -> Any:
    """A line without what every line has."""
    common = ("message", "timestamp", "service", "correlation_id", "method", "path", "ms")
    return {name: value for name, value in line.items() if name not in common}


def test_a_refusal_is_named(api: Api, printed: Printed) -> None:
    api.post("/oauth/token", form={**ALICE, "password": "wrong horse battery"}, basic=WEB)
    api.post("/oauth/token", form=ALICE, basic=("web-client", "wrong-secret"))
    api.post("/mobile/code/verify", form={"mobile": NUMBER, "code": "123456"})
    api.call("GET", "/oauth/token?password=x")
    assert [said(line) for line in printed()] == [
        {
            "level": "INFO",
            "status": 400,
            "client_id": "web-client",
            "grant": "password",
            "dialect": "spring",
            "error": "invalid_grant",
            "reason": "bad_credentials",
        },
        {"level": "INFO", "status": 401, "error": "invalid_client", "reason": "bad_client"},
        {"level": "INFO", "status": 400, "error": "invalid_grant", "reason": "bad_code"},
        {"level": "INFO", "status": 405, "error": "invalid_request", "reason": "wrong_method"},
    ]


def test_who_asked_is_told_where_it_was_proven(api: Api, printed: Printed) -> None:
    """Not at the token endpoint alone, and of a refusal, too."""
    token = api.log_in("alice", "correct horse battery", client=STANDARD)["refresh_token"]
    api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB)
    api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB)
    api.post("/oauth/introspect", form={"token": token}, basic=STANDARD)
    api.post("/oauth/revoke", form={"token": token}, basic=WEB)
    api.post("/oauth/revoke", form={"token": token}, basic=STANDARD)
    api.post("/oauth/refreshAccessToken", form={"refreshToken": token}, basic=STANDARD)
    fields = ("path", "status", "client_id", "reason")
    assert [tuple(line.get(field) for field in fields) for line in printed()[1:]] == [
        ("/mobile/code/get", 200, "web-client", None),
        ("/mobile/code/get", 429, "web-client", "resend_too_soon"),
        ("/oauth/introspect", 200, "standard-client", None),
        ("/oauth/revoke", 400, "web-client", "token_of_another_client"),
        ("/oauth/revoke", 200, "standard-client", None),
        ("/oauth/refreshAccessToken", 200, "standard-client", "bad_refresh_token"),
    ]


def test_a_theft_is_told_in_the_log_and_nowhere_else(api: Api, printed: Printed) -> None:
    first = api.log_in("alice", "correct horse battery")
    refresh(api, first["refresh_token"])
    api.time.advance(601)
    refresh(api, first["refresh_token"])
    assert said(printed()[-1]) == {
        "level": "WARNING",
        "status": 400,
        "client_id": "web-client",
        "grant": "refresh_token",
        "dialect": "spring",
        "error": "invalid_grant",
        "reason": "bad_refresh_token",
        "detail": "refresh_token_reused",
    }


@pytest.mark.moto
def test_a_busy_store_is_an_error_with_its_cause(api: Api, printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    def happens(*_: Any) -> Any:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    on_call(monkeypatch, api, happens)
    api.post("/sign/token", form={"sign": "o-1"}, basic=WEB)
    (line,) = printed()
    assert said(line) == {
        "level": "ERROR",
        "status": 503,
        "grant": "sign",
        "error": "temporarily_unavailable",
        "reason": "store_unavailable",
        "cause": "ReadTimeoutError",
    }


def break_down(api: Api, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let every look at a name end in an exception that nobody foresaw."""

    def find(key: str, *_: object) -> NoReturn:
        raise RuntimeError(f"{text} in {key}")

    monkeypatch.setattr(api.services.store, "find_user_id", find)
    monkeypatch.setattr(api.services.store, "look_up_login", find)


@pytest.mark.parametrize(
    ("path", "form"), [("/oauth/token", ALICE), ("/sign/token", {"sign": "o-private-openid"})], ids=["token", "sign"]
)
def test_what_nobody_foresaw_is_a_bare_500_and_two_lines(
    api: Api, printed: Printed, monkeypatch: pytest.MonkeyPatch, path: str, form: dict[str, str]
) -> None:
    """The client learns where to look for it; the log learns type and place, but not the text, which may quote."""
    break_down(api, monkeypatch, SECRET)
    LOGS.hush("exception's text", SECRET)
    answer = api.post(path, form=form, basic=WEB)
    unexpected, request = printed()
    assert answer.status == 500
    assert answer.json == {
        "error": "server_error",
        "error_description": "Unexpected fault",
        "request_id": unexpected["correlation_id"],
    }
    assert (unexpected["level"], unexpected["type"]) == ("ERROR", "RuntimeError")
    assert unexpected["frames"][-1].endswith(" find")
    assert said(request) == {"level": "ERROR", "status": 500}
    assert SECRET not in str(printed())


@pytest.mark.parametrize(
    "problem",
    [BrokenPipeError(), UnicodeEncodeError("ascii", "令牌", 0, 2, "not in range")],
    ids=["gone", "characters"],
)
@pytest.mark.parametrize("fault", [False, True], ids=["good", "fault"])
def test_who_asks_is_answered_where_nobody_reads_the_lines(
    api: Api, monkeypatch: pytest.MonkeyPatch, problem: Exception, fault: bool
) -> None:
    class Closed(Output):
        def write(self, _: str) -> NoReturn:
            raise problem

    if fault:
        break_down(api, monkeypatch, SECRET)
    monkeypatch.setattr(observability.logger.registered_handler, "stream", Closed())
    assert api.post("/oauth/token", form=ALICE, basic=WEB).status == (500 if fault else 200)


# --- the whole suite ------------------------------------------------------------------------------------------


@pytest.mark.moto
def test_no_secret_was_logged(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """In all that the suite did before this test, which runs last, and in a round of its own."""
    before = LOGS.heard
    first = spring_tokens(api.post("/oauth/token", form=ALICE, basic=WEB))
    standard_tokens(api.post("/oauth/token", json_body=ALICE, basic=STANDARD))
    api.post("/oauth/token", form={**ALICE, "password": "wrong horse battery"}, basic=WEB)
    api.post("/oauth/token", form={**ALICE, "client_id": "web-client", "client_secret": "wrong web secret"})
    api.post("/oauth/token?password=in-the-address&refresh_token=too", form=ALICE, basic=WEB)
    LOGS.hush("password", "in-the-address")
    second = spring_tokens(refresh(api, first["refresh_token"]))
    refresh(api, second["refresh_token"], APP)
    api.post("/users/current", bearer=second["access_token"])
    api.time.advance(601)
    refresh(api, first["refresh_token"])
    api.post("/users/current", bearer=second["access_token"])
    assert api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB) == DONE
    code = api.last_code
    api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB)
    api.post("/mobile/code/verify", form={"mobile": NUMBER, "code": f"{(int(code) + 1) % 1000000:06d}"})
    api.post("/mobile/code/verify", form={"mobile": NUMBER, "code": code})
    spring_tokens(api.post("/mobile/token", form={"mobile": NUMBER, "code": code}, basic=WEB))
    spring_tokens(api.post("/sign/token", form={"sign": "o-private-openid"}, basic=WEB))
    api.post("/users/register", json_body={"username": "zoe", "password": "long enough to keep"})
    with monkeypatch.context() as patch:
        on_call(patch, api, lambda *_: (_ for _ in ()).throw(ReadTimeoutError(endpoint_url="https://dynamodb")))
        api.post("/oauth/token", form=ALICE, basic=WEB)
        api.post("/mobile/token", form={"mobile": NUMBER, "code": code}, basic=WEB)
    with monkeypatch.context() as patch:
        break_down(api, patch, f"{ALICE['password']} {second['refresh_token']} {code}")
        api.post("/oauth/token", form=ALICE, basic=WEB)
        api.post("/sign/token", form={"sign": "o-private-openid"}, basic=WEB)
    LOGS.hush("phone number", "+86" + NUMBER)
    assert LOGS.heard - before >= 23
    kinds = {"password", "client secret", "basic header", "token", "code", "phone number", "sign"}
    assert kinds <= set(LOGS.secrets.values())
    assert len(LOGS.secrets) >= 25
    assert LOGS.leaks() == []
