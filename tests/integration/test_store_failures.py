"""A store that times out or throttles: 503 with `Retry-After` in the dialect's form, the operation done or not."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from tests.support.api import Answer, Api
from tests.support.tokens import (
    ALICE,
    BUSY,
    DONE,
    STANDARD,
    WEB,
    envelope,
    on_call,
    opens,
    refresh,
    spring_tokens,
    standard_tokens,
    stored,
)

pytestmark = pytest.mark.moto

NUMBER = "13912345678"
BUSY_ENVELOPE = envelope(503, "服务暂时不可用，请稍后再试", {"retry-after": "1"})

type Call = Callable[[], dict[str, Any]]


def refused(code: str, status: int = 400, **more: Any) -> ClientError:
    """What botocore raises for an answer of DynamoDB's that is an error."""
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, "Operation")


def cancelled(*codes: str) -> ClientError:
    """What botocore raises for a transaction that was not done."""
    return refused("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


FAILURES = {
    "read timeout": ReadTimeoutError(endpoint_url="https://dynamodb"),
    "connect timeout": ConnectTimeoutError(endpoint_url="https://dynamodb"),
    "no route": EndpointConnectionError(endpoint_url="https://dynamodb"),
    "no credentials": NoCredentialsError(),
    "throttled": refused("ThrottlingException"),
    "throughput": refused("ProvisionedThroughputExceededException"),
    "rate": refused("RequestLimitExceeded"),
    "fault": refused("InternalServerError", 500),
    "gateway": refused("502", 502),
    "busy": refused("ServiceUnavailable", 503),
    "in progress": refused("TransactionInProgressException"),
    "throttled transaction": cancelled("None", "ThrottlingError"),
    "transaction over throughput": cancelled("ProvisionedThroughputExceeded", "None"),
}


def fail(
    patch: pytest.MonkeyPatch, api: Api, failure: Exception, only: str | None = None, *, after: bool = False
) -> None:
    """Let every operation of the kind `only` (all kinds without it) fail, before or `after` it was done."""

    def happens(operation: str, call: Call) -> dict[str, Any]:
        if only is not None and operation != only:
            return call()
        if after:
            call()
        raise failure

    on_call(patch, api, happens)


def ask(api: Api, path: str, **form: str) -> Answer:
    return api.post(path, form=form, basic=WEB)


OPERATIONS: dict[str, Callable[[Api], Answer]] = {
    "password": lambda api: ask(api, "/oauth/token", **ALICE),
    "client credentials": lambda api: ask(api, "/oauth/token", grant_type="client_credentials"),
    "code": lambda api: ask(api, "/mobile/token", mobile=NUMBER, code="123456"),
    "sign": lambda api: ask(api, "/sign/token", sign="o-1"),
    "standard sign": lambda api: api.post(
        "/oauth/token", form={"grant_type": "urn:lingpai:grant:sign", "sign": "o-1"}, basic=STANDARD
    ),
    "sending": lambda api: ask(api, "/mobile/code/get", mobile=NUMBER),
    "checking": lambda api: ask(api, "/mobile/code/verify", mobile=NUMBER, code="123456"),
}


def busy(operation: str) -> Answer:
    return BUSY_ENVELOPE if operation in ("sending", "checking") else BUSY


@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_fails_is_a_503(api: Api, monkeypatch: pytest.MonkeyPatch, failure: str) -> None:
    """From the first call on, the reading of the client's record, and again with that at hand."""
    tokens = api.log_in("alice", "correct horse battery")
    for client_is_known in (True, False):
        if not client_is_known:
            api.time.advance(60)
        before = stored(api)
        with monkeypatch.context() as patch:
            fail(patch, api, FAILURES[failure])
            for name, operation in OPERATIONS.items():
                assert (name, operation(api)) == (name, busy(name))
            assert refresh(api, tokens["refresh_token"]) == BUSY
        assert (stored(api), api.sent) == (before, 0)
    spring_tokens(refresh(api, tokens["refresh_token"]))


def test_english_is_told_in_english(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, api, FAILURES["throttled"])
    answer = api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB, headers={"Accept-Language": "en"})
    assert answer == envelope(503, "The service is busy: try again in a moment", {"retry-after": "1"})


def test_health_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, api, FAILURES["read timeout"])
    assert api.call("GET", "/health") == BUSY


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("step", range(6))
def test_whichever_call_fails_nothing_is_half_done(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str, step: int
) -> None:
    """A call that fails leaves behind what the calls before it wrote, and those only count things."""
    before = stored(api)
    reached = 0

    def happens(_: str, call: Call) -> dict[str, Any]:
        nonlocal reached
        reached += 1
        if reached > step:
            raise FAILURES["throttled"]
        return call()

    with monkeypatch.context() as patch:
        on_call(patch, api, happens)
        answer = OPERATIONS[name](api)
    if reached > step:
        assert answer == busy(name)
        after = stored(api)
        assert api.sent == 0
        counts = {"codes", "counters"}
        assert {table: rows for table, rows in after.items() if table not in counts} == {
            table: rows for table, rows in before.items() if table not in counts
        }
        assert not any("digest" in row for row in after["codes"])
    else:
        assert answer.status != 503


def test_a_code_is_not_used_up_by_a_login_that_failed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times in a row; each counts as a try, for it was one."""
    assert ask(api, "/mobile/code/get", mobile=NUMBER) == DONE
    code = api.last_code
    for _ in range(4):
        with monkeypatch.context() as patch:
            fail(patch, api, FAILURES["throttled transaction"], "TransactWriteItems")
            assert ask(api, "/mobile/token", mobile=NUMBER, code=code) == BUSY
    assert len(stored(api)["users"]) == 3
    spring_tokens(ask(api, "/mobile/token", mobile=NUMBER, code=code))
    assert len(stored(api)["users"]) == 4


def test_a_first_login_whose_answer_was_lost_made_one_account(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction was done and nobody heard of it: the next login finds what it made."""
    with monkeypatch.context() as patch:
        fail(patch, api, FAILURES["read timeout"], "TransactWriteItems", after=True)
        assert ask(api, "/sign/token", sign="o-lost") == BUSY
    users = api.services.store.list_users(10, None).users
    assert len(users) == 4
    assert opens(api, spring_tokens(ask(api, "/sign/token", sign="o-lost")))["openId"] == "o-lost"
    assert api.services.store.list_users(10, None).users == users


@pytest.mark.parametrize("client", [WEB, STANDARD], ids=["spring", "standard"])
def test_a_refresh_whose_answer_was_lost_can_be_asked_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, client: tuple[str, str]
) -> None:
    """Done or not, the same question has an answer within the grace time."""
    check = spring_tokens if client == WEB else standard_tokens
    tokens = api.log_in("alice", "correct horse battery", client)
    for after in (False, True):
        with monkeypatch.context() as patch:
            fail(patch, api, FAILURES["read timeout"], "UpdateItem", after=after)
            before = stored(api)
            assert refresh(api, tokens["refresh_token"], client) == BUSY
            assert (stored(api) != before) is after
        again = refresh(api, tokens["refresh_token"], client)
        assert refresh(api, tokens["refresh_token"], client) == again
        tokens = check(again)
    assert opens(api, tokens)["username"] == "alice"


def test_a_theft_that_could_not_be_ended_is_ended_when_it_is_tried_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = api.log_in("alice", "correct horse battery")
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(601)
    with monkeypatch.context() as patch:
        fail(patch, api, FAILURES["throttled"], "PutItem")
        assert refresh(api, first["refresh_token"]) == BUSY
    assert refresh(api, first["refresh_token"]).json["error"] == "invalid_grant"
    assert refresh(api, second["refresh_token"]).json["error"] == "invalid_grant"


def test_no_message_is_sent_that_could_not_be_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What costs money fails closed."""
    for only in ("GetItem", "UpdateItem"):
        with monkeypatch.context() as patch:
            fail(patch, api, FAILURES["throttled"], only)
            assert ask(api, "/mobile/code/get", mobile=NUMBER) == BUSY_ENVELOPE
    assert api.sent == 0
    assert ask(api, "/mobile/code/get", mobile=NUMBER) == DONE
    assert api.sent == 1


def test_no_guess_is_free_when_it_cannot_be_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the right one."""
    assert ask(api, "/mobile/code/get", mobile=NUMBER) == DONE
    with monkeypatch.context() as patch:
        fail(patch, api, FAILURES["read timeout"], "UpdateItem")
        assert ask(api, "/mobile/code/verify", mobile=NUMBER, code=api.last_code) == BUSY_ENVELOPE
        assert ask(api, "/mobile/token", mobile=NUMBER, code=api.last_code) == BUSY


def test_an_error_that_is_no_passing_one_is_a_bare_500(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing permission will not be there in a second: nobody is told to come back."""
    fail(monkeypatch, api, refused("AccessDeniedException"))
    answer = ask(api, "/oauth/token", **ALICE)
    assert answer.status == 500
    assert answer.json == {
        "error": "server_error",
        "error_description": "Unexpected fault",
        "request_id": answer.json["request_id"],
    }
    assert "retry-after" not in answer.headers
