"""Events, their documents and their types."""

import re
from dataclasses import replace

import pytest

from lingpai.events.model import Event, document, parse
from lingpai.events.storage import AuditQuery
from lingpai.events.types import FIELDS, TYPES

EVENT = Event(
    id="users-1-0",
    type="role.granted",
    at=1_796_083_200,
    subject="user:1000",
    actor="operator:梅",
    client="web",
    address="192.0.2.1",
    request_id="request-1",
    data={"role": 7},
    action="/users/role/update",
)


def test_the_document_of_an_event() -> None:
    assert document(EVENT) == {
        "version": 1,
        "id": "users-1-0",
        "type": "role.granted",
        "time": "2026-12-01T00:00:00Z",
        "subject": "user:1000",
        "actor": "operator:梅",
        "client": "web",
        "address": "192.0.2.1",
        "request_id": "request-1",
        "action": "/users/role/update",
        "data": {"role": 7},
    }
    assert parse(document(EVENT)) == EVENT
    assert "192.0.2.1" not in repr(EVENT)


def test_a_document_without_an_action() -> None:
    given = document(EVENT)
    del given["action"]
    assert parse(given) == replace(EVENT, action="")


def test_a_document_of_another_version() -> None:
    with pytest.raises(ValueError, match="version of an event: 2"):
        parse(document(EVENT) | {"version": 2})


def test_a_query_has_one_key() -> None:
    assert AuditQuery(actor="user:1", since=1, until=2).actor == "user:1"
    with pytest.raises(ValueError, match="one of subject, actor and type"):
        AuditQuery(subject="user:1", type="user.created")


def test_each_type_is_described_in_both_languages() -> None:
    for name, kind in TYPES.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
        assert kind.en.endswith((".", "…"))
        assert kind.zh.endswith(("。", "…"))
        assert set(kind.data) <= set(FIELDS)
    assert {name for kind in TYPES.values() for name in kind.data} == set(FIELDS)
