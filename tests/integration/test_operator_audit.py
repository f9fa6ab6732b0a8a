"""`lingpai audit` and `lingpai events redrive` on DynamoDB Local: what each finds, shows, refuses and tries again."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lingpai.aws.queues import QueuedMessage, SqsQueue
from lingpai.events import service as events
from lingpai.events.export import COLUMNS, harmless
from lingpai.events.model import Event, document
from lingpai.events.storage import AuditQuery
from tests.support.shell import Shell, a_shell

# 2026-11-30T23:00:00Z, and later.
AT = 1_796_083_200 - 3600


@pytest.fixture
def shell(dynamodb_endpoint: str, tmp_path: Path) -> Iterator[Shell]:
    with a_shell(dynamodb_endpoint, tmp_path) as shell:
        yield shell


def an_event(number: int, **changes: Any) -> Event:
    given: dict[str, Any] = {
        "id": f"{number:040d}-users-000",
        "type": "role.granted",
        "at": AT + number * 3600,
        "subject": "user:1000",
        "actor": "operator:梅",
        "client": "",
        "address": "192.0.2.1",
        "request_id": "",
        "data": {"role": number},
        "action": "user grant",
    }
    return Event(**(given | changes))


GRANTED = an_event(0)
DISABLED = an_event(1, type="client.disabled", subject="client:web", data={})
NAMED = an_event(2, type="role.created", subject="role:2", data={"name": "=cmd()"}, actor="=1+1", action="@x")


@pytest.fixture
def trail(shell: Shell) -> Shell:
    shell.store.append_events([GRANTED, DISABLED, NAMED])
    return shell


def found(shell: Shell, *options: str) -> list[str]:
    """The ids of the events that are shown, the newest first."""
    ended = shell.run("audit", *options, "--json")
    assert (ended.code, ended.err) == (0, "")
    return [event["id"] for event in json.loads(ended.out)["events"]]


def test_what_has_happened(trail: Shell) -> None:
    by_id = {event.id: event for event in (GRANTED, DISABLED, NAMED)}
    ended = trail.run("audit", "--user", "1000", "--json")
    assert json.loads(ended.out) == {"events": [document(GRANTED)]}
    later = ("--until", "2026-12-03")
    assert found(trail, *later) == [NAMED.id, DISABLED.id, GRANTED.id] == sorted(by_id, reverse=True)
    assert found(trail, "--client", "web") == [DISABLED.id]
    assert found(trail, "--actor", "operator:梅") == [DISABLED.id, GRANTED.id]
    assert found(trail, "--type", "role.created") == [NAMED.id]
    assert found(trail, "--since", "2026-12-01", *later) == [NAMED.id, DISABLED.id]
    assert found(trail, "--until", "2026-12-01T08:00:00+08:00") == [GRANTED.id]
    assert found(trail, "--limit", "2", *later) == [NAMED.id, DISABLED.id]
    assert found(trail, "--user", "1001") == []


def test_for_people(trail: Shell) -> None:
    ended = trail.run("audit", "--user", "1000")
    columns = ["time", "type", "subject", "actor", "client", "address", "data"]
    row = ["2026-11-30T23:00:00Z", "role.granted", "user:1000", "operator:梅", "–", "192.0.2.1", "role=0"]
    assert [line.split() for line in ended.out.splitlines()] == [columns, row]
    assert (ended.code, ended.err) == (0, "")


def test_as_csv(trail: Shell) -> None:
    """What a spreadsheet would run has an apostrophe before it."""
    ended = trail.run("audit", "--type", "role.created", "--csv")
    header, row = csv.reader(io.StringIO(ended.out))
    assert tuple(header) == COLUMNS
    fields = dict(zip(header, row, strict=True))
    assert fields == {
        "time": "2026-12-01T01:00:00Z",
        "type": "role.created",
        "subject": "role:2",
        "actor": "'=1+1",
        "client": "",
        "address": "192.0.2.1",
        "request_id": "",
        "action": "'@x",
        "data": '{"name": "=cmd()"}',
        "id": NAMED.id,
    }


def test_nothing_in_a_table_is_obeyed_by_a_terminal(shell: Shell) -> None:
    shell.store.append_events([an_event(5, actor="a\x1b[2Jb\nc\u202ed", data={"name": "\x9b31m"})])
    ended = shell.run("audit", "--user", "1000")
    (row,) = ended.out.splitlines()[1:]
    assert row.split()[3:] == [r"a\x1b[2Jb\nc\u202ed", "–", "192.0.2.1", r"name=\x9b31m"]


def test_an_output_that_has_not_all_characters(shell: Shell) -> None:
    """As behind a pipe on Windows: they are escaped, in JSON as JSON has it."""
    event = an_event(4, actor="operator:梅", data={"name": "\U0001f600"})
    shell.store.append_events([event])
    shell.settings["PYTHONIOENCODING"] = "ascii"
    asked = ("audit", "--user", "1000")
    ended = shell.run(*asked, "--json")
    assert (ended.code, ended.json, ended.out.isascii()) == (0, {"events": [document(event)]}, True)
    for options in ((), ("--csv",)):
        ended = shell.run(*asked, *options)
        assert (ended.code, ended.err, "operator:\\u6885" in ended.out) == (0, "", True)


def test_harmless_fields() -> None:
    for text in ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"):
        assert harmless(text) == f"'{text}"
    for text in ("", "a=1", "梅", "1"):
        assert harmless(text) == text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--user", "1", "--client", "web"), "name one of --user, --client, --actor and --type"),
        (("--user", "1", "--type", "user.created"), "name one of --user, --client, --actor and --type"),
        (("--since", "yesterday"), "--since: yesterday is no time such as 2026-12-01 or 2026-12-01T08:00:00+08:00"),
    ],
)
def test_what_cannot_be_asked(shell: Shell, options: tuple[str, ...], text: str) -> None:
    ended = shell.run("audit", *options)
    assert (ended.code, ended.out, ended.err) == (2, "", f"{text}\n")


def test_an_unknown_type(shell: Shell) -> None:
    ended = shell.run("audit", "--type", "user.vanished")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("--type: user.vanished is none of user.created, user.updated, ")


def test_nothing_to_redrive_from(shell: Shell) -> None:
    ended = shell.run("events", "redrive")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("has no queue of failed events: EVENTS_FAILED_QUEUE\n")


def test_nothing_is_redriven_into_a_queue_that_ends_with_the_command(shell: Shell) -> None:
    shell.settings["EVENTS_FAILED_QUEUE"] = "https://sqs.example/failed"
    ended = shell.run("events", "redrive")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("has no queue of deliveries: WEBHOOKS_QUEUE\n")


@pytest.mark.security("EVT-redrive")
def test_redrive(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no event stays where it is."""
    waiting = [QueuedMessage("1", events.message(GRANTED)), QueuedMessage("2", '{"record": {}}')]
    deleted: list[str] = []
    shell.settings["EVENTS_FAILED_QUEUE"] = "https://sqs.example/failed"
    shell.settings["WEBHOOKS_QUEUE"] = "https://sqs.example/deliveries"
    monkeypatch.setattr(SqsQueue, "receive_all", lambda _: iter(waiting))
    monkeypatch.setattr(SqsQueue, "delete", lambda _, receipt: deleted.append(receipt))
    ended = shell.call("events", "redrive", "--json")
    assert (ended.code, ended.json) == (0, {"redriven": 1, "left": 1})
    assert (ended.err, deleted) == ('has no event, only where it was: {"record": {}}\n', ["1"])
    assert shell.store.find_events(AuditQuery(subject="user:1000"), 9).events == (GRANTED,)
