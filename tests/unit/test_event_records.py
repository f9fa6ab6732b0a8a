"""The events in the records of the streams."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from lingpai.accounts.dynamodb import UserItem, serialize_user
from lingpai.accounts.model import Email, Profile, User
from lingpai.clients.dynamodb import DEPLOYMENT, serialize_client
from lingpai.clients.model import Client
from lingpai.events import users
from lingpai.events.model import Event
from lingpai.events.records import events_of, table_of
from lingpai.events.types import TYPES
from lingpai.kernel import cause
from lingpai.kernel.cause import Cause
from lingpai.sessions import session_id
from lingpai.sessions.dynamodb import serialize_session
from lingpai.sessions.model import Session, SessionKey
from tests.support.streams import AT, KINDS, STREAMS, record

Item = dict[str, Any]
BY = Cause("/users/save", "request-1", "192.0.2.1", "user:1", "web")
USER = User(
    id=1000,
    created_at=AT,
    username="zhangmei",
    mobile="+8613800138000",
    email=Email("mei@example.com"),
    openids=(("wechat:wx1", "oAbCdEfGhIj"),),
    password="$argon2id$1",
    roles=frozenset({7, 2}),
    profile=Profile(name="张梅"),
    second_factors=frozenset({"totp"}),
)
CLIENT = Client("web", "standard", frozenset({"password"}), ("a",), 3600, 0, 0, secret_hash=b"1")
SESSION = Session(
    SessionKey(1000, bytes(range(8))), "web", ("a",), AT, AT + 99, b"a" * 32, AT + 9, ("a",), auth_time=AT,
    methods=("pwd", "sms"), sid="SID",
)  # fmt: skip
BROWSER = {
    "owner": {"N": "1000"},
    "id": {"B": bytes(8)},
    "browser_hash": {"B": b"hash"},
    "methods": {"L": [{"S": "pwd"}]},
}
SESSION_ITEM = serialize_session(SESSION, AT + 99)
SESSION_ID = session_id.of(SESSION.key)


def caused(item: Item, by: Cause = BY) -> Item:
    return {**item, "cause": {"S": cause.written(by)}}


def tombstone(key: Item, by: Cause = BY) -> Item:
    return caused({**key, "deleted": {"BOOL": True}, "ttl": {"N": str(AT + 86400)}}, by)


def user_item(user: User = USER, **more: Any) -> Item:
    return {**serialize_user(user).serialize(), **more}


def client_item(client: Client = CLIENT) -> Item:
    return serialize_client(client).serialize()


def found(table: str, before: Item | None, after: Item | None, **more: Any) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Type, subject and data of the events; each has the fields of its type, and no other."""
    events = events_of(record(table, before, after, **more), STREAMS)
    for event in events:
        assert set(event.data) == set(TYPES[event.type].data)
    return [(event.type, event.subject, event.data) for event in events]


def changed(after: User, by: Cause = BY, **more: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Type and data of the events of a change of the account."""
    events = found("UsersTable", user_item(), caused(user_item(after, **more), by))
    assert {subject for _, subject, _ in events} <= {"user:1000"}
    return [(kind, data) for kind, _, data in events]


@pytest.mark.security("EVT-cause")
def test_an_event_says_who_caused_it() -> None:
    given = record("UsersTable", user_item(), caused(user_item(replace(USER, disabled=True))))
    event = Event(
        id="0000000000000000000000000000000000000007-users-000",
        type="user.disabled",
        at=AT,
        subject="user:1000",
        actor="user:1",
        client="web",
        address="192.0.2.1",
        request_id="request-1",
        data={},
        action="/users/save",
    )
    assert events_of(given, STREAMS) == events_of(given, STREAMS) == (event,)


def test_who_logs_in_is_the_actor() -> None:
    by = Cause("/oauth/token", "request-1", "192.0.2.1", client="web")
    (event,) = events_of(record("SessionsTable", None, caused(SESSION_ITEM, by)), STREAMS)
    assert (event.type, event.actor, event.client) == ("session.started", "user:1000", "web")


def test_an_item_of_an_earlier_version_has_no_cause() -> None:
    (event,) = events_of(record("UsersTable", user_item(), user_item(replace(USER, disabled=True))), STREAMS)
    assert (event.actor, event.client, event.address, event.request_id, event.action) == ("", "", "", "", "")


def test_a_new_account() -> None:
    assert found("UsersTable", None, caused(user_item())) == [
        ("user.created", "user:1000", {"why": ""}),
        ("identity.linked", "user:1000", {"kind": "username", "value": "z***"}),
        ("identity.linked", "user:1000", {"kind": "mobile", "value": "138****8000"}),
        ("identity.linked", "user:1000", {"kind": "email", "value": "m***@example.com"}),
        ("identity.linked", "user:1000", {"kind": "openid", "value": "wechat:wx1:oAbC***"}),
        ("role.granted", "user:1000", {"role": 2}),
        ("role.granted", "user:1000", {"role": 7}),
        ("factor.added", "user:1000", {"factor": "totp"}),
        ("password.changed", "user:1000", {"why": ""}),
    ]


def test_changes_of_an_account() -> None:
    assert changed(replace(USER, disabled=True)) == [("user.disabled", {})]
    assert found("UsersTable", user_item(replace(USER, disabled=True)), caused(user_item())) == [
        ("user.enabled", "user:1000", {})
    ]
    assert changed(replace(USER, roles=frozenset({7, 9}))) == [
        ("role.revoked", {"role": 2}),
        ("role.granted", {"role": 9}),
    ]
    assert changed(replace(USER, mobile="+12025550134")) == [
        ("identity.unlinked", {"kind": "mobile", "value": "138****8000"}),
        ("identity.linked", {"kind": "mobile", "value": "+1202****34"}),
    ]
    assert changed(replace(USER, email=Email("mei@example.com", verified=True))) == [
        ("user.updated", {"changed": ["email_verified"]})
    ]
    assert changed(replace(USER, profile=Profile(name="李雷", address="上海"))) == [
        ("user.updated", {"changed": ["name", "address"]})
    ]
    assert changed(replace(USER, second_factors=frozenset({"passkey"}))) == [
        ("factor.removed", {"factor": "totp"}),
        ("factor.added", {"factor": "passkey"}),
    ]
    assert changed(USER, ended_until={"N": "5"}) == [("sessions.ended", {"why": ""})]


def test_a_login_changes_nothing_that_is_told() -> None:
    assert changed(USER, sessions={"N": "1"}, logins={"N": "1"}, digests={"S": "x"}) == []


def test_a_password() -> None:
    other = replace(USER, password="$argon2id$2")
    assert changed(other) == [("password.changed", {"why": ""})]
    assert changed(replace(USER, password=None)) == [("password.changed", {"why": ""})]
    assert changed(replace(other, password_set_at=5)) == [("password.changed", {"why": ""})]
    # A login has hashed the same password with other parameters.
    assert changed(other, Cause("/login/second-factor", why="rehashed")) == []


def test_consents() -> None:
    given = {"S": '[["shop",["openid"]],["bank",["openid","phone"]]]'}
    assert changed(USER, consents=given) == [
        ("consent.given", {"client": "shop", "scope": ["openid"]}),
        ("consent.given", {"client": "bank", "scope": ["openid", "phone"]}),
    ]
    before, after = user_item(consents=given), user_item(consents={"S": '[["bank",["openid"]]]'})
    assert found("UsersTable", before, caused(after)) == [
        ("consent.revoked", "user:1000", {"client": "shop"}),
        ("consent.given", "user:1000", {"client": "bank", "scope": ["openid"]}),
    ]


def test_the_terms_and_the_end_of_an_account() -> None:
    entry = '["terms","2026-01",5,"192.0.2.1","web"]'
    assert changed(USER, agreements={"S": f"[{entry}]"}) == [
        ("terms.accepted", {"kind": "terms", "version": "2026-01", "client": "web"})
    ]
    assert changed(USER, closes_at={"N": "9"}, closing={"S": "yes"}) == [("user.deletion_requested", {})]
    assert found("UsersTable", user_item(closes_at={"N": "9"}), caused(user_item())) == [
        ("user.deletion_undone", "user:1000", {})
    ]


def test_a_deleted_account_and_one_after_it() -> None:
    gone = tombstone({"id": {"N": "1000"}})
    assert found("UsersTable", user_item(), gone) == [("user.deleted", "user:1000", {"why": ""})]
    anew = found("UsersTable", gone, caused(user_item(User(1000, AT))))
    assert anew == [("user.created", "user:1000", {"why": ""})]


@pytest.mark.parametrize("table", KINDS)
def test_tombstones_of_nothing_are_no_events(table: str) -> None:
    gone = tombstone({"id": {"N": "1"}, "owner": {"N": "1"}})
    assert found(table, None, gone) == []
    assert found(table, gone, gone) == []


TTL = {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}


@pytest.mark.security("EVT-ttl")
@pytest.mark.parametrize(
    ("table", "item"),
    [
        ("SessionsTable", caused(SESSION_ITEM)),
        ("SessionsTable", caused(BROWSER)),
        ("UsersTable", tombstone({"id": {"N": "1000"}})),
        ("UsersTable", caused(user_item())),
        ("CountersTable", {"key": {"S": "login:192.0.2.0/24:3600:0"}, "n:all": {"N": "100"}}),
    ],
)
def test_what_dynamodb_removes_is_no_event(table: str, item: Item) -> None:
    """As AWS names it, and as DynamoDB Local does."""
    assert found(table, item, None, **TTL) == []
    assert found(table, item, None, name="UNKNOWN_TO_SDK_VERSION") == []


def test_sessions() -> None:
    data = {"session": SESSION_ID, "client": "web", "sid": "SID", "browser": False}
    started = {**data, "methods": ["pwd", "sms"]}
    assert found("SessionsTable", None, caused(SESSION_ITEM)) == [("session.started", "user:1000", started)]
    refreshed = {**SESSION_ITEM, "access_hash": {"B": b"b" * 32}}
    assert found("SessionsTable", SESSION_ITEM, refreshed) == []
    key = {"owner": {"N": "1000"}, "id": {"B": SESSION.key.id}}
    gone = tombstone(key), tombstone(key, replace(BY, why="reuse_found"))
    assert found("SessionsTable", refreshed, gone[0]) == [("session.ended", "user:1000", {**data, "why": ""})]
    assert found("SessionsTable", refreshed, gone[1]) == [
        ("session.reuse_found", "user:1000", {**data, "why": "reuse_found"})
    ]


def test_browser_sessions() -> None:
    data = {"session": session_id.of(SessionKey(1000, bytes(8))), "client": "", "sid": "", "browser": True}
    assert found("SessionsTable", None, caused(BROWSER)) == [
        ("session.started", "user:1000", {**data, "methods": ["pwd"]})
    ]
    used = {**BROWSER, "used_at": {"N": "5"}}
    assert found("SessionsTable", BROWSER, used) == []
    gone = tombstone({"owner": {"N": "1000"}, "id": {"B": bytes(8)}})
    assert found("SessionsTable", used, gone) == [("session.ended", "user:1000", {**data, "why": ""})]


def test_a_client_s_own_session_is_told_only_when_it_is_ended() -> None:
    key = SessionKey(2**63 + 5, bytes(8))
    item = serialize_session(replace(SESSION, key=key, methods=(), auth_time=0, sid=None), AT)
    assert found("SessionsTable", None, caused(item)) == []
    data = {"session": session_id.of(key), "client": "web", "sid": "", "browser": False, "why": ""}
    gone = tombstone({"owner": item["owner"], "id": item["id"]})
    assert found("SessionsTable", item, gone) == [("session.ended", "client:web", data)]


def test_a_revoked_token_without_a_session_is_no_event() -> None:
    assert found("SessionsTable", None, {"owner": {"N": "5"}, "id": {"B": bytes(8)}, "ttl": {"N": "5"}}) == []


def test_clients() -> None:
    assert found("ClientsTable", None, caused(client_item())) == [("client.created", "client:web", {})]
    after = replace(CLIENT, name="Web", scopes=("b",), secret_hash=b"2", disabled=True, valid_from=5)
    assert found("ClientsTable", client_item(), caused(client_item(after))) == [
        ("client.updated", "client:web", {"changed": ["name", "scopes"]}),
        ("client.rotated", "client:web", {}),
        ("client.disabled", "client:web", {}),
        ("sessions.ended", "client:web", {"why": ""}),
    ]
    assert found("ClientsTable", client_item(replace(CLIENT, disabled=True)), caused(client_item())) == [
        ("client.enabled", "client:web", {})
    ]
    gone = tombstone({"client_id": {"S": "web"}})
    assert found("ClientsTable", client_item(), gone) == [("client.deleted", "client:web", {})]


def test_the_deployment_s_record() -> None:
    key = {"client_id": {"S": DEPLOYMENT}}
    ended = {**key, "valid_from": {"N": "5"}}
    assert found("ClientsTable", None, caused(ended)) == [("sessions.ended", "deployment", {"why": ""})]
    assert found("ClientsTable", ended, caused({**ended, "ended": {"S": "[[1,5,null]]"}})) == []


def test_roles() -> None:
    book = {"book": {"S": "roles"}, "names": {"S": '[[1,"admin"],[2,"editor"]]'}}
    assert found("RolesTable", None, caused(book)) == [
        ("role.created", "role:1", {"name": "admin"}),
        ("role.created", "role:2", {"name": "editor"}),
    ]
    after = {**book, "names": {"S": '[[1,"管理员"],[3,"reader"]]'}}
    assert found("RolesTable", book, caused(after)) == [
        ("role.deleted", "role:2", {"name": "editor"}),
        ("role.renamed", "role:1", {"name": "管理员"}),
        ("role.created", "role:3", {"name": "reader"}),
    ]


def test_signing_keys() -> None:
    item = {"algorithm": {"S": "ES256"}, "number": {"N": "1"}, "kid": {"S": "KID"}, "private": {"B": b"wrapped"}}
    bare = {name: value for name, value in item.items() if name != "private"}
    data = {"algorithm": "ES256"}
    assert found("KeysTable", None, caused(item)) == [("key.created", "key:KID", data)]
    assert found("KeysTable", item, caused(bare)) == [("key.retired", "key:KID", data)]
    gone = tombstone({"algorithm": item["algorithm"], "number": item["number"]})
    assert found("KeysTable", bare, gone) == [("key.deleted", "key:KID", data)]


def test_webhooks() -> None:
    """Neither addresses nor secrets are told."""
    item = {"id": {"S": "crm"}, "url": {"S": "https://crm.example/?token=1"}, "secret": {"B": b"wrapped"}}
    changed = {**item, "url": {"S": "https://crm.example/"}, "disabled": {"S": "gone"}}
    assert found("WebhooksTable", None, caused(item)) == [("webhook.created", "webhook:crm", {})]
    data = {"changed": ["disabled", "url"]}
    assert found("WebhooksTable", item, caused(changed)) == [("webhook.updated", "webhook:crm", data)]
    assert found("WebhooksTable", changed, tombstone({"id": item["id"]})) == [("webhook.deleted", "webhook:crm", {})]


def counts(key: str, name: str, before: int, after: int) -> list[tuple[str, str, Mapping[str, Any]]]:
    item = {"key": {"S": key}}
    return found("CountersTable", {**item, name: {"N": str(before)}}, {**item, name: {"N": str(after)}})


def refused(kind: str, count: int) -> dict[str, Any]:
    return {"kind": kind, "limit": "all", "count": count}


@pytest.mark.security("EVT-flood")
@pytest.mark.parametrize(
    ("key", "event", "subject", "kind"),
    [
        ("login:192.0.2.0/24:3600:0", "login.refused", "counter:login", "login"),
        ("login:0123456789abcdef:900:0", "login.refused", "counter:login", "login"),
        ("client:2001:db8::/64:3600:0", "login.refused", "counter:client", "client"),
        ("sign:client:web:3600:0", "login.refused", "client:web", "sign"),
        ("second-factor:1000:3600:0", "login.refused", "user:1000", "second-factor"),
        ("oldpassword:1000:900:0", "login.refused", "user:1000", "oldpassword"),
        ("verify:192.0.2.0/24:3600:0", "code.refused", "counter:verify", "verify"),
        ("sms:client:web:3600:0", "code.refused", "client:web", "sms"),
    ],
)
def test_refusals_are_told_when_they_are_many(key: str, event: str, subject: str, kind: str) -> None:
    assert [counts(key, "n:all", count - 1, count) for count in (1, 9, 11, 20, 99)] == [[]] * 5
    for count in (10, 100, 1000):
        assert counts(key, "n:all", count - 1, count) == [(event, subject, refused(kind, count))]
    # Given back, and not counted.
    assert counts(key, "n:all", 11, 10) == counts(key, "n:all", 10, 10) == []


def test_an_account_that_has_no_guess_at_its_second_factor_left() -> None:
    """Its password is known to somebody, who guesses on: these counters never come to 10."""
    key = "second-factor:1000:3600:0"
    assert counts(key, "n:all", 3, 4) == counts(key, "n:all", 5, 4) == []
    assert counts(key, "n:all", 4, 5) == [("login.refused", "user:1000", refused("second-factor", 5))]
    assert counts("oldpassword:1000:900:0", "n:all", 4, 5) == []


def test_the_address_of_refusals() -> None:
    def address(key: str) -> str:
        item = {"key": {"S": key}, "n:all": {"N": "10"}}
        return events_of(record("CountersTable", None, item), STREAMS)[0].address

    assert address("login:192.0.2.0/24:3600:0") == "192.0.2.0/24"
    assert address("login:2001:db8::/64:3600:0") == "2001:db8::/64"
    assert address("login:0123456789abcdef:900:0") == ""


def test_other_counts_are_no_events() -> None:
    for key in ("sms:all:86400:0", "sms:reserve:+861331:86400:0", "register:192.0.2.0/24:3600:0", "sms:breaker:aws"):
        assert counts(key, "n:all", 9, 10) == []
    assert counts("sms:breaker:aws:failed:60", "n:failed", 9, 10) == []


def test_messages_that_stop() -> None:
    key = "sms:prefix:+861331:86400:0"
    data = {"kind": "prefix", "limit": "unproven", "count": 100}
    assert counts(key, "n:unproven", 98, 99) == []
    assert counts(key, "n:unproven", 99, 100) == [("sms.stopped", "counter:sms:prefix:+861331", data)]
    assert counts(key, "n:unproven", 100, 101) == []
    day = {"kind": "all", "limit": "all", "count": 10_000}
    assert counts("sms:all:86400:0", "n:all", 9_999, 10_000) == [("sms.stopped", "counter:sms:all", day)]


def test_a_stop_that_is_lifted() -> None:
    """By whom is told, and by whom it was lifted is told of no later stop."""
    key = "sms:prefix:+861331:86400:0"
    by = Cause(action="/console/sms/lift", request_id="r1", address="192.0.2.1", actor="user:8", client="c")
    stopped = {"key": {"S": key}, "n:unproven": {"N": "100"}, "n:sent": {"N": "120"}}
    lifted = {"key": {"S": key}, "cause": {"S": cause.written(by)}}
    (event,) = events_of(record("CountersTable", stopped, lifted), STREAMS)
    assert (event.type, event.subject, event.data) == ("sms.lifted", "counter:sms:prefix:+861331", {"kind": "prefix"})
    assert (event.actor, event.client, event.address) == ("user:8", "c", "192.0.2.1")
    assert (event.request_id, event.action) == ("r1", "/console/sms/lift")
    before, after = ({**lifted, "n:unproven": {"N": str(count)}} for count in (99, 100))
    assert events_of(record("CountersTable", lifted, before), STREAMS) == ()
    (event,) = events_of(record("CountersTable", before, after), STREAMS)
    assert (event.type, event.actor, event.address, event.request_id) == ("sms.stopped", "", "", "")


def test_a_record_of_another_table() -> None:
    given = record("OtherTable", None, {"id": {"S": "x"}})
    assert table_of(given) == "OtherTable"
    with pytest.raises(ValueError, match="a record of another table: OtherTable"):
        events_of(given, STREAMS)


def test_each_attribute_of_an_account_is_thought_of() -> None:
    """A new one belongs into an event, or into NO_EVENT."""
    told = {
        "username", "mobile", "email", "openids", "password", "roles", "disabled", "detail", "second_factors",
        "ended_until", "consents", "agreements", "closes_at",
    }  # fmt: skip
    assert set(UserItem.get_attributes()) <= told | users.NO_EVENT


@pytest.mark.security("EVT-secret")
def test_nothing_in_an_event_is_a_secret() -> None:
    """No hash, no whole number, no whole address."""
    events = events_of(record("UsersTable", None, caused(user_item(replace(USER, digests="digests")))), STREAMS)
    told = repr([(event.type, event.data) for event in events])
    for secret in ("argon2", "digests", "13800138000", "mei@", "oAbCdE", "zhangmei"):
        assert secret not in told
