"""A store that fails: DynamoDB that is slow, busy, away or contended is a 503, and a passing trouble is none."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from lingpai.accounts.dynamodb import serialize_user, user_key
from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.storage import (
    ChangeUser,
    CheckUser,
    DeleteIdentity,
    Directory,
    DisableUser,
    EnableUser,
    PutIdentity,
    PutUser,
)
from lingpai.clients.dynamodb import serialize_client
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.writes import Conflict
from lingpai.rate_limits.storage import Incremented
from lingpai.sessions.dynamodb import serialize_session, session_key
from lingpai.sessions.model import SessionKey
from lingpai.sessions.storage import EndSession, PutSession, Rotated
from lingpai.sms_codes.dynamodb import code_key
from lingpai.sms_codes.model import Code
from lingpai.store import DynamoStore
from tests.support.contention import cancelled, failure
from tests.support.samples import NOW, NUMBER, a_client, a_code, a_guess, a_rotation, a_session, a_user, consume
from tests.support.stores import settings

USERS = settings().users_table
SESSIONS = settings().sessions_table
FUNCTION_TIMEOUT = 10


@dataclass
class Scripted:
    """A client that answers as it is told, the last answer for ever; it remembers what it was asked."""

    script: tuple[Any, ...]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        outcome = self.script[min(len(self.asked), len(self.script) - 1)]
        self.asked.append((operation, arguments))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class Scene:
    """A store on a scripted client, and the attempts before which it paused."""

    client: Scripted
    store: DynamoStore
    pauses: list[int]

    @property
    def operations(self) -> list[str]:
        """What DynamoDB was asked to do."""
        return [operation for operation, _ in self.client.asked]


def scene(*script: Any) -> Scene:
    """A store whose DynamoDB answers so."""
    client, pauses = Scripted(script), list[int]()
    return Scene(client, DynamoStore(settings(), client=lambda: client, pause=pauses.append), pauses)


def unavailable(call: Callable[[], object]) -> LingpaiError:
    """The refusal of this call, which must be a 503 that says when to come back and no more."""
    with pytest.raises(LingpaiError) as refused:
        call()
    error = refused.value
    assert (error.code, error.status, error.reason) == ("temporarily_unavailable", 503, "store_unavailable")
    assert (error.retry_after, error.values, error.detail) == (1, {}, None)
    return error


BEFORE, AFTER = a_user(), a_user(roles=frozenset({5}))
PLAIN: dict[str, Callable[[DynamoStore], object]] = {
    "get_client": lambda store: store.get_client("web"),
    "list_clients": lambda store: store.list_clients(),
    "find_user_id": lambda store: store.find_user_id("username:alice"),
    "get_user": lambda store: store.get_user(1),
    "directory": lambda store: store.directory(1),
    "list_users": lambda store: store.list_users(10, None),
    "get_session": lambda store: store.get_session(SessionKey(1, bytes(8))),
    "rotate": lambda store: store.rotate(a_rotation(a_session())),
    "sessions_of": lambda store: store.sessions_of(1),
    "list_ended": lambda store: store.list_ended(),
    "end one session": lambda store: store.end_sessions((a_session().key,)),
    "end sessions": lambda store: store.end_sessions((a_session().key, a_session(number=1).key)),
    "get_code": lambda store: store.get_code(NUMBER),
    "save_code": lambda store: store.save_code(None, a_code(), NOW),
    "count_try": lambda store: store.count_try(NUMBER, a_guess(NOW, 60)),
    "increment": lambda store: store.increment("k", {"all": 1}, NOW),
    "refund": lambda store: store.refund("k", "all"),
    "counts": lambda store: store.counts("k"),
    "clear": lambda store: store.clear("k"),
    "put a session": lambda store: store.commit(PutSession(a_session(), NOW)),
    "end a session": lambda store: store.commit(EndSession(a_session().key)),
}
TRANSACTIONS: dict[str, Callable[[DynamoStore], object]] = {
    "put_client": lambda store: store.put_client(a_client()),
    "disable a user": lambda store: store.commit(DisableUser(1)),
    "enable a user": lambda store: store.commit(EnableUser(1)),
    "create_client": lambda store: store.create_client(a_client()),
    "change_client": lambda store: store.change_client(a_client(), a_client(scopes=())),
    "save_roles": lambda store: store.save_roles(RoleBook()),
    "change a user": lambda store: store.commit(ChangeUser(BEFORE, AFTER)),
    "check a user": lambda store: store.commit(CheckUser(1)),
    "free a name": lambda store: store.commit(DeleteIdentity("username:alice", 1)),
    "use up a code": lambda store: store.commit(consume()),
    "put a user": lambda store: store.commit(PutUser(BEFORE), PutIdentity("username:alice", 1)),
}
EVERYTHING = PLAIN | TRANSACTIONS

ENDPOINT = {"endpoint_url": "http://dynamodb"}
FAILURES: dict[str, Exception] = {
    "read timeout": ReadTimeoutError(**ENDPOINT),
    "connect timeout": ConnectTimeoutError(**ENDPOINT),
    "no connection": EndpointConnectionError(**ENDPOINT),
    "connection closed": ConnectionClosedError(**ENDPOINT),
    "throughput": failure("ProvisionedThroughputExceededException", "Any"),
    "throttling": failure("ThrottlingException", "Any"),
    "request limit": failure("RequestLimitExceeded", "Any"),
    "server error": failure("InternalServerError", "Any", status=500),
    "service unavailable": failure("ServiceUnavailable", "Any", status=503),
    "a gateway's error": failure("502", "Any", status=502),
    "transaction in progress": failure("TransactionInProgressException", "Any"),
    "a refusal that cannot be read": failure("400", "Any", status=400),
}


@pytest.mark.parametrize("trouble", FAILURES)
def test_a_store_that_fails_is_unavailable(trouble: str) -> None:
    """Whatever was asked of it. botocore has retried already: nothing is asked twice here."""
    for name, call in EVERYTHING.items():
        stage = scene(FAILURES[trouble])
        error = unavailable(partial(call, stage.store))
        assert error.__cause__ is FAILURES[trouble], name
        assert (len(stage.operations), stage.pauses) == (1, []), name


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException", "AccessDeniedException"])
def test_a_fault_of_our_own_is_not_called_busy(code: str) -> None:
    """A missing table or a missing permission will not go away by itself: it is raised as it is."""
    for call in EVERYTHING.values():
        with pytest.raises(ClientError, match=code):
            call(scene(failure(code, "Any")).store)


def test_which_calls_are_transactions() -> None:
    """A single write that must not be done twice is one as well: its token makes a lost answer harmless."""
    for call in TRANSACTIONS.values():
        stage = scene({})
        call(stage.store)
        assert stage.operations == ["TransactWriteItems"]
    for name in ("put a session", "end a session"):
        stage = scene({})
        PLAIN[name](stage.store)
        assert stage.operations in (["PutItem"], ["DeleteItem"])


# --- transactions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_throttled_is_unavailable(reason: str) -> None:
    for reasons in ((reason, None), (None, reason), ("TransactionConflict", reason)):
        stage = scene(cancelled(*reasons))
        unavailable(partial(TRANSACTIONS["put a user"], stage.store))
        assert stage.operations == ["TransactWriteItems"]


def test_a_transaction_that_meets_others_is_sent_again() -> None:
    """Unchanged, after a pause that grows."""
    stage = scene(cancelled("TransactionConflict", None), cancelled(None, "TransactionConflict"), {})
    TRANSACTIONS["put a user"](stage.store)
    assert stage.operations == ["TransactWriteItems"] * 3
    assert stage.client.asked[0] == stage.client.asked[1] == stage.client.asked[2]
    assert stage.pauses == [0, 1]


def test_a_transaction_that_meets_others_for_ever_is_unavailable() -> None:
    for call in TRANSACTIONS.values():
        stage = scene(cancelled("TransactionConflict"))
        unavailable(partial(call, stage.store))
        assert stage.pauses == list(range(20))


def test_pauses_leave_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the longest of them end well before the function is stopped; and no two callers pause alike."""
    slept: list[float] = []
    monkeypatch.setattr("lingpai.aws.dynamodb.tables.time.sleep", slept.append)
    store = DynamoStore(settings(), client=lambda: Scripted((cancelled("TransactionConflict"),)))
    for _ in range(50):
        unavailable(lambda: TRANSACTIONS["change a user"](store))
    rounds = [sum(slept[start : start + 20]) for start in range(0, len(slept), 20)]
    assert len(set(rounds)) == 50
    assert max(rounds) < FUNCTION_TIMEOUT / 2
    assert max(slept) <= 0.32


def test_the_condition_that_failed_is_told() -> None:
    """The first one; that other writes of the transaction met somebody or were throttled says nothing against it."""
    writes = (PutUser(BEFORE), PutIdentity("username:alice", 1), PutIdentity("username:bob", 1))
    for reasons, failed in (
        (("ConditionalCheckFailed", None, None), 0),
        ((None, "ConditionalCheckFailed", "ConditionalCheckFailed"), 1),
        (("TransactionConflict", None, "ConditionalCheckFailed"), 2),
        (("ThrottlingError", "ConditionalCheckFailed", None), 1),
    ):
        stage = scene(cancelled(*reasons))
        with pytest.raises(Conflict) as refused:
            stage.store.commit(*writes)
        assert refused.value.write == writes[failed]
        assert stage.operations == ["TransactWriteItems"]


def test_a_transaction_that_was_wrong_is_not_called_a_conflict() -> None:
    """A reason that nobody foresaw is raised as it is."""
    for error in (
        cancelled("ValidationError", None),
        cancelled("ValidationError", "ConditionalCheckFailed"),
        cancelled("ItemCollectionSizeLimitExceeded", None),
        failure("TransactionCanceledException", "TransactWriteItems"),
    ):
        with pytest.raises(ClientError) as raised:
            TRANSACTIONS["put a user"](scene(error).store)
        assert raised.value is error


# --- plain writes -----------------------------------------------------------------------------------------


def test_a_plain_write_that_meets_a_transaction_is_sent_again() -> None:
    """And then has its right result."""
    met = failure("TransactionConflictException", "UpdateItem")
    session, item = a_session(), serialize_session(a_session(), NOW)
    answers: dict[str, tuple[Any, object]] = {
        "rotate": ({"Attributes": item}, Rotated(True, session)),
        "save_code": ({}, True),
        "count_try": (
            {"Attributes": {**code_key(NUMBER), "ttl": {"N": "1"}, "tries": {"N": "1"}}},
            Code(NUMBER, tries=1),
        ),
        "increment": ({"Attributes": {"key": {"S": "k"}, "n:all": {"N": "1"}}}, Incremented(True, {"all": 1})),
        "refund": ({}, None),
        "put a session": ({}, None),
        "end a session": ({}, None),
        "end one session": ({}, None),
    }
    for name, (answer, result) in answers.items():
        stage = scene(met, met, answer)
        assert PLAIN[name](stage.store) == result, name
        assert len(set(stage.operations)) == 1, name
        assert stage.client.asked[0] == stage.client.asked[2], name
        assert stage.pauses == [0, 1], name


def test_a_plain_write_that_meets_transactions_for_ever_is_unavailable() -> None:
    stage = scene(failure("TransactionConflictException", "UpdateItem"))
    unavailable(lambda: PLAIN["increment"](stage.store))
    assert stage.pauses == list(range(20))


def test_a_window_that_always_opens_and_closes_is_unavailable() -> None:
    """Neither "in the window" nor "after it": the clocks of two callers lie too far apart to count."""
    stage = scene(failure("ConditionalCheckFailedException", "UpdateItem"))
    unavailable(lambda: PLAIN["count_try"](stage.store))
    assert stage.operations == ["UpdateItem"] * 10


def test_a_guess_counts_in_a_window_that_another_has_just_opened() -> None:
    """It is the first of its window, finds another guess there meanwhile, and is counted after it."""
    nothing = failure("ConditionalCheckFailedException", "UpdateItem")
    opened = {**code_key(NUMBER), "tries": {"N": "1"}, "tries_until": {"N": str(NOW + 60)}}
    other_guess = failure("ConditionalCheckFailedException", "UpdateItem", Item=opened)
    stage = scene(nothing, other_guess, {"Attributes": {**opened, "tries": {"N": "2"}}})
    assert PLAIN["count_try"](stage.store) == Code(NUMBER, tries=2, tries_until=NOW + 60)
    first, second, third = (arguments for _, arguments in stage.client.asked)
    assert first == third != second


# --- batches and pages ------------------------------------------------------------------------------------


def keys_of_sessions(*numbers: int) -> list[dict[str, Any]]:
    """The requests that delete these sessions of user 1."""
    return [{"DeleteRequest": {"Key": session_key(a_session(number=number).key)}} for number in numbers]


def test_what_a_batch_left_undone_is_asked_for_again() -> None:
    """That alone, after a pause that grows; then the next 25."""
    left, still = {SESSIONS: keys_of_sessions(3, 9)}, {SESSIONS: keys_of_sessions(9)}
    stage = scene({"UnprocessedItems": left}, {"UnprocessedItems": still}, {"UnprocessedItems": {}}, {}, {}, {}, {})
    stage.store.end_sessions(tuple(a_session(number=number).key for number in range(105)))
    asked = [arguments["RequestItems"] for _, arguments in stage.client.asked]
    assert asked == [
        {SESSIONS: keys_of_sessions(*range(25))},
        left,
        still,
        {SESSIONS: keys_of_sessions(*range(25, 50))},
        {SESSIONS: keys_of_sessions(*range(50, 75))},
        {SESSIONS: keys_of_sessions(*range(75, 100))},
        {SESSIONS: keys_of_sessions(*range(100, 105))},
    ]
    assert stage.pauses == [0, 1]


def test_a_batch_that_is_never_done_is_unavailable() -> None:
    stage = scene({"UnprocessedItems": {SESSIONS: keys_of_sessions(0)}})
    unavailable(lambda: PLAIN["end sessions"](stage.store))
    assert stage.pauses == list(range(8))


def test_what_a_read_left_out_is_asked_for_again() -> None:
    users = [User(id=user_id, created_at=NOW) for user_id in (1, 2, 3)]
    items = [serialize_user(user).serialize() for user in users]
    left = {USERS: {"Keys": [user_key(2), user_key(3)], "ConsistentRead": True}}
    still = {USERS: {"Keys": [user_key(3)], "ConsistentRead": True}}
    stage = scene(
        {"Responses": {USERS: items[:1]}, "UnprocessedKeys": left},
        {"Responses": {USERS: items[1:2]}, "UnprocessedKeys": still},
        {"Responses": {USERS: items[2:]}, "UnprocessedKeys": {}},
    )
    assert stage.store.directory(1, 2, 3) == Directory({user.id: user for user in users}, RoleBook())
    assert [arguments["RequestItems"] for _, arguments in stage.client.asked[1:]] == [left, still]
    assert stage.pauses == [0, 1]


def test_a_read_that_is_never_whole_is_unavailable() -> None:
    """Half a directory could show an account without its roles: it is none."""
    stage = scene({"Responses": {}, "UnprocessedKeys": {USERS: {"Keys": [user_key(1)], "ConsistentRead": True}}})
    unavailable(lambda: stage.store.directory(1))
    assert stage.pauses == list(range(8))


@pytest.mark.security("F24")
def test_an_answer_that_is_not_dynamodbs_is_unavailable() -> None:
    """JSON that somebody else on the way has made."""
    for name in ("look_up_login", "directory", "list_users", "sessions_of"):
        call: Callable[[DynamoStore], object] = {
            "look_up_login": lambda store: store.look_up_login("username:alice", ()),
            "directory": lambda store: store.directory(1),
            "list_users": lambda store: store.list_users(1, None),
            "sessions_of": lambda store: store.sessions_of(1),
        }[name]
        with pytest.raises(LingpaiError, match="temporarily_unavailable"):
            call(scene({"message": "hello"}).store)


def test_a_list_that_breaks_off_is_unavailable() -> None:
    """Sessions of the first page alone could leave others alive that must end."""
    page = {"Items": [{"id": {"B": bytes(8)}}], "LastEvaluatedKey": session_key(a_session().key)}
    stage = scene(page, FAILURES["read timeout"])
    unavailable(lambda: stage.store.sessions_of(1))
    assert stage.client.asked[1][1]["ExclusiveStartKey"] == session_key(a_session().key)


def test_a_store_that_is_well_again_is_used_again() -> None:
    """Nothing of a failure sticks to the store."""
    client = serialize_client(a_client()).serialize()
    stage = scene(FAILURES["no connection"], failure("ThrottlingException", "GetItem"), {"Item": client})
    for _ in range(2):
        unavailable(lambda: stage.store.get_client("web"))
    assert stage.store.get_client("web") == a_client()


def test_the_client_is_made_when_it_is_first_needed() -> None:
    """A function that needs no store must not pay for one; a client is made once."""
    made: list[Scripted] = []

    def connect() -> Scripted:
        made.append(Scripted(({},)))
        return made[-1]

    store = DynamoStore(settings(), client=connect)
    assert made == []
    for _ in range(2):
        assert store.get_user(1) is None
    assert len(made) == 1
    assert replace(made[0], asked=[]) == Scripted(({},))
