"""`lingpai webhook` on DynamoDB Local: what each writes, says, refuses, and ends with."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import standardwebhooks

from lingpai.webhooks import messages
from lingpai.webhooks.model import Webhook
from tests.support.fake_aws import FakeAws, Told, serving
from tests.support.shell import Ended, Shell, a_shell
from tests.support.webhooks import hook, hush

URL = "https://crm.example/hooks?token=1"
KNOWN = "the functions know it within 60 s\n"
NO_CRM = "there is no webhook crm; `lingpai webhook list` has those that there are\n"


@pytest.fixture
def shell(dynamodb_endpoint: str, tmp_path: Path) -> Iterator[Shell]:
    with a_shell(dynamodb_endpoint, tmp_path) as shell:
        yield shell


def stored(shell: Shell, webhook_id: str = "crm") -> Webhook:
    found = shell.store.get_webhook(webhook_id)
    assert found is not None
    return found


def created(shell: Shell, *options: str, url: str = URL) -> str:
    """The secret of a new webhook crm."""
    made = shell.call("webhook", "create", "crm", url, *options, "--json")
    assert made.code == 0, made.err
    hush(made.json["secret"])
    secret: str = made.json["secret"]
    return secret


def same(ended: Ended, code: int, out: str, err: str) -> None:
    assert (ended.code, ended.out, ended.err) == (code, out, err)


def test_a_webhook_from_first_to_last(shell: Shell) -> None:
    made = shell.call("webhook", "create", "crm", URL, "--type", "user.*", "--type", "session.ended", "--json")
    assert (made.code, made.err) == (0, KNOWN)
    secret = made.json["secret"]
    hush(secret)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    first = stored(shell)
    shown = {
        "id": "crm",
        "url": URL,
        "types": ["user.*", "session.ended"],
        "created_at": first.created_at,
        "disabled": None,
        "disabled_at": None,
        "previous_secret_until": None,
    }
    assert made.json == {**shown, "secret": secret}
    assert first == Webhook("crm", URL, ("user.*", "session.ended"), first.secret, first.created_at)
    assert shell.call("webhook", "list", "--json").json == {"webhooks": [shown]}

    changed = shell.call("webhook", "update", "crm", "--type", "*", "--url", "https://crm.example/v2", "--json")
    assert changed.json == {**shown, "types": ["*"], "url": "https://crm.example/v2"}
    assert stored(shell) == replace(first, types=("*",), url="https://crm.example/v2")

    rotated = shell.call("webhook", "rotate-secret", "crm", "--yes", "--json")
    hush(rotated.json["secret"])
    second = stored(shell)
    assert rotated.json["secret"] != secret
    assert rotated.json["previous_secret_until"] == second.previous_until
    assert (second.previous_secret, second.secret == first.secret) == (first.secret, False)

    off = shell.call("webhook", "disable", "crm")
    same(off, 0, "the webhook crm is disabled\n", KNOWN)
    assert stored(shell).disabled == "operator"
    same(shell.call("webhook", "disable", "crm"), 0, "the webhook crm is disabled already\n", "")
    assert "disabled" in shell.call("webhook", "list").out
    same(shell.call("webhook", "enable", "crm"), 0, "the webhook crm is enabled\n", KNOWN)
    assert stored(shell) == second
    same(shell.call("webhook", "delete", "crm", "--yes"), 0, "the webhook crm is deleted\n", KNOWN)
    assert shell.store.list_webhooks() == ()


def test_one_whose_receiver_is_gone(shell: Shell) -> None:
    created(shell)
    gone = replace(stored(shell), disabled="gone", disabled_at=7)
    assert shell.store.change_webhook(stored(shell), gone)
    assert "disabled: its receiver answered 410" in shell.call("webhook", "list").out
    same(shell.call("webhook", "enable", "crm"), 0, "the webhook crm is enabled\n", KNOWN)
    assert stored(shell).disabled is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("crm", "http://crm.example/"), "URL: 'http://crm.example/' is no address that begins with https://\n"),
        (
            ("crm", "https://crm.example:8443/"),
            "URL: 'https://crm.example:8443/' has a port that WEBHOOK_PORTS does not list\n",
        ),
        (("crm", "https://127.0.0.1/"), "URL: 'https://127.0.0.1/' leads to this machine\n"),
        (
            ("crm", "https://169.254.169.254/"),
            "URL: 'https://169.254.169.254/' has a host or a port that cannot be used\n",
        ),
        (("c r m", URL), "ID: must have 1 to 60 letters, digits, _ and -, and begin with a letter or digit\n"),
        (("-x" * 31, URL), None),
        (
            ("crm", URL, "--type", "user.born"),
            "--type: 'user.born' is none: there are *, a group such as user.*, and types such as user.created\n",
        ),
        (("crm", URL, "--type", "born.*"), None),
    ],
)
def test_what_is_no_webhook(shell: Shell, words: tuple[str, ...], said: str | None) -> None:
    ended = shell.call("webhook", "create", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in (None, ended.err)
    assert shell.store.list_webhooks() == ()


def test_it_is_created_once(shell: Shell) -> None:
    created(shell)
    before = stored(shell)
    again = shell.call("webhook", "create", "crm", "https://other.example/")
    said = "there is a webhook crm already; `lingpai webhook update crm` changes its address\n"
    same(again, 1, "", said)
    assert stored(shell) == before


@pytest.mark.parametrize("command", ["test", "rotate-secret", "disable", "enable", "delete"])
def test_one_that_is_not_there(shell: Shell, command: str) -> None:
    same(shell.call("webhook", command, "crm"), 3, "", NO_CRM)
    same(shell.call("webhook", "update", "crm", "--type", "*"), 3, "", NO_CRM)


def test_what_is_asked_first(shell: Shell) -> None:
    """Nothing is done without an answer."""
    created(shell)
    before = stored(shell)
    for command in ("rotate-secret", "delete"):
        ended = shell.call("webhook", command, "crm")
        assert ended.code == 1
        assert "there is no terminal to ask on" in ended.err
    assert stored(shell) == before
    assert shell.call("webhook", "update", "crm").err == "nothing is to be changed: name --url or --type\n"


# --- deliveries


def test_a_test_on_this_machine(shell: Shell) -> None:
    """By the command itself, and signed as all deliveries are."""
    shell.settings["WEBHOOK_LOOPBACK"] = "1"
    with hook() as taken:
        secret = created(shell, "--type", "user.*", url=f"{taken.url}/hooks")
        ended = shell.call("webhook", "test", "crm", "--json")
        assert (ended.code, ended.err) == (0, "")
        ((headers, body),) = taken.calls
        event = standardwebhooks.Webhook(secret).verify(body, headers)
        assert ended.json == {
            "id": "crm",
            "event": event["id"],
            "queued": False,
            "delivered": True,
            "detail": "200",
        }
        assert re.fullmatch("test-[0-9a-f]{16}", event["id"])
        assert {**event, "id": "", "time": ""} == {
            "version": 1,
            "id": "",
            "type": "webhook.test",
            "time": "",
            "subject": "webhook:crm",
            "actor": "",
            "client": "",
            "address": "",
            "request_id": "",
            "action": "webhook test",
            "data": {},
        }
        taken.status = 500
        refused = shell.call("webhook", "test", "crm")
        assert refused.code == 1
        assert refused.err == "the webhook crm did not take it: 500\n"
        shell.call("webhook", "disable", "crm")
        assert shell.call("webhook", "test", "crm").code == 1
        assert len(taken.calls) == 2


@pytest.fixture
def sqs(shell: Shell) -> Iterator[FakeAws]:
    """What answers in the place of SQS."""
    with serving() as fake:
        shell.settings |= {
            "WEBHOOKS_QUEUE": "https://sqs.us-east-1.amazonaws.com/1/queue",
            "WEBHOOKS_FAILED_QUEUE": "https://sqs.us-east-1.amazonaws.com/1/failed",
            "AWS_ENDPOINT_URL_SQS": fake.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
        }
        yield fake


def test_a_test_by_the_queue(shell: Shell, sqs: FakeAws) -> None:
    created(shell)
    sqs.script = [Told(content={"Successful": []})]
    ended = shell.call("webhook", "test", "crm", "--json")
    assert ended.json == {"id": "crm", "event": ended.json["event"], "queued": True}
    (asked,) = sqs.asked
    assert asked.headers["x-amz-target"] == "AmazonSQS.SendMessageBatch"
    ((body,),) = ([entry["MessageBody"] for entry in asked.json["Entries"]],)
    message = messages.read(body)
    assert isinstance(message, messages.EventMessage)
    assert (message.webhook, message.event["type"], message.id) == ("crm", "webhook.test", ended.json["event"])


def test_what_was_given_up_is_tried_again(shell: Shell, sqs: FakeAws) -> None:
    """Each is queued before it is deleted from where it was."""
    given = [{"MessageId": f"m{number}", "ReceiptHandle": f"r{number}", "Body": f"b{number}"} for number in range(2)]
    first = {"Messages": given}
    receives = iter([Told(content=first), Told(content={})])
    sqs.answer = lambda asked: next(receives) if asked.headers["x-amz-target"].endswith("ReceiveMessage") else Told()
    same(shell.call("webhook", "redrive"), 0, "2 deliveries are tried again\n", "")
    told = [
        (
            asked.headers["x-amz-target"].partition(".")[2],
            asked.json["QueueUrl"].rpartition("/")[2],
            asked.json.get("ReceiptHandle") or [entry["MessageBody"] for entry in asked.json.get("Entries", ())],
        )
        for asked in sqs.asked
    ]
    assert told == [
        ("ReceiveMessage", "failed", []),
        ("SendMessageBatch", "queue", ["b0"]),
        ("DeleteMessage", "failed", "r0"),
        ("SendMessageBatch", "queue", ["b1"]),
        ("DeleteMessage", "failed", "r1"),
        ("ReceiveMessage", "failed", []),
    ]
    receives = iter([Told(content={})])
    assert shell.call("webhook", "redrive", "--json").json == {"redriven": 0}


def test_nothing_is_lost_where_it_cannot_be_queued(shell: Shell, sqs: FakeAws) -> None:
    first = {"Messages": [{"MessageId": "m0", "ReceiptHandle": "r0", "Body": "b0"}]}
    refused = Told(403, {"__type": "AccessDenied"})
    sqs.answer = lambda asked: Told(content=first) if "Receive" in asked.headers["x-amz-target"] else refused
    ended = shell.call("webhook", "redrive")
    assert ended.code == 2
    assert [asked for asked in sqs.asked if "Delete" in asked.headers["x-amz-target"]] == []


def test_a_deployment_without_queues(shell: Shell) -> None:
    ended = shell.call("webhook", "redrive")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("has no queue of failed deliveries: WEBHOOKS_FAILED_QUEUE\n")


def test_the_secret_is_shown_to_people_once(shell: Shell) -> None:
    made = shell.call("webhook", "create", "crm", URL)
    secret = re.findall(r"whsec_\S+", made.out)
    assert len(secret) == 1
    hush(secret[0])
    assert made.err == f"Save the secret now. It is not shown again.\n{KNOWN}"
    assert "whsec_" not in shell.call("webhook", "list").out + json.dumps(shell.call("webhook", "list", "--json").json)
