"""What the policy of the stack's operator says: keys are made for signing alone, none is opened; webhooks are kept."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.exceptions
import pytest
import standardwebhooks

from tests.deploy.permissions import renew
from tests.deploy.stack import Stack, policy
from tests.support.webhooks import Hook, hook, hush

STATEMENT = "ToMakeKeysAndOpenNone"


@contextmanager
def without(stack: Stack, sid: str) -> Iterator[None]:
    """The operator's policy without this statement, for as long as the context lasts."""
    whole = policy("operator", stack.name)
    less = [statement for statement in whole["Statement"] if statement["Sid"] != sid]
    assert len(less) == len(whole["Statement"]) - 1

    def put(document: Any) -> None:
        stack.client("iam").put_user_policy(
            UserName="operator", PolicyName="all-it-may", PolicyDocument=json.dumps(document)
        )

    put({**whole, "Statement": less})
    try:
        yield
    finally:
        put(whole)


def test_rotating_keys_needs_the_statement(stack: Stack) -> None:
    rotate = ("keys", "rotate", "--algorithm", "ES256", "--yes", "--json")
    done = stack.command(*rotate)
    assert (done.returncode, [key["algorithm"] for key in json.loads(done.stdout)["keys"]]) == (0, ["ES256"]), done
    with without(stack, STATEMENT):
        refused = stack.command(*rotate)
    assert refused.returncode != 0
    assert "KMS refuses" in refused.stderr + refused.stdout
    assert stack.command(*rotate).returncode == 0


@pytest.mark.parametrize("context", [{"purpose": "another"}, {"number": "1"}, None], ids=str)
def test_keys_are_made_for_signing_alone(stack: Stack, context: dict[str, str] | None) -> None:
    """The condition on the encryption context. (The stand-in is given the key of it: docs/deployment-tests.md.)"""
    kms, key = stack.stand_in.client("kms", stack.operator), stack.physical("KeysKey")

    def make(given: dict[str, str] | None) -> Any:
        more = {} if given is None else {"EncryptionContext": given}
        return kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256", **more)

    assert make({"purpose": "lingpai signing key", "number": "1"})["PrivateKeyCiphertextBlob"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        make(context)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_no_key_is_opened(stack: Stack) -> None:
    kms, context = stack.stand_in.client("kms", stack.operator), {"purpose": "lingpai signing key"}
    made = kms.generate_data_key_pair_without_plaintext(
        KeyId=stack.physical("KeysKey"), KeyPairSpec="ECC_NIST_P256", EncryptionContext=context
    )
    blob = made["PrivateKeyCiphertextBlob"]
    assert stack.client("kms").decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


# Seconds: the stand-in looks into queues now and then.
PATIENCE = 60


def until(done: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.2)


@pytest.fixture(scope="module")
def webhook(stack: Stack) -> Iterator[tuple[Hook, str]]:
    """A webhook of the operator's, and its secret. The receiver is on this machine, which the command would refuse."""
    with hook() as taken:
        made = stack.command("webhook", "create", "crm", "https://crm.example/hooks", "--json")
        assert made.returncode == 0, made
        secret = json.loads(made.stdout)["secret"]
        hush(secret)
        renew(stack, "WebhooksFunction", {"WEBHOOK_LOOPBACK": "1"})
        stack.client("dynamodb").update_item(
            TableName=stack.physical("WebhooksTable"),
            Key={"id": {"S": "crm"}},
            UpdateExpression="SET #url = :url",
            ExpressionAttributeNames={"#url": "url"},
            ExpressionAttributeValues={":url": {"S": taken.url}},
        )
        yield taken, secret
        assert stack.command("webhook", "delete", "crm", "--yes").returncode == 0


def test_an_event_goes_its_whole_way(stack: Stack, webhook: tuple[Hook, str]) -> None:
    """From the command into the queue, to the function, which opens the secret, to the receiver, which verifies it."""
    taken, secret = webhook
    sent = stack.command("webhook", "test", "crm", "--json")
    assert sent.returncode == 0, sent
    event = json.loads(sent.stdout)["event"]
    # It may also be told of its own changes.
    until(lambda: event in {headers["webhook-id"] for headers, _ in taken.calls})
    headers, body = next(call for call in taken.calls if call[0]["webhook-id"] == event)
    assert standardwebhooks.Webhook(secret).verify(body, headers)["id"] == headers["webhook-id"] == event


def test_what_was_given_up_is_brought_back(stack: Stack, webhook: tuple[Hook, str]) -> None:
    taken, _ = webhook
    sqs, failed = stack.client("sqs"), stack.physical("WebhooksFailedQueue")
    message = {"kind": "event", "webhook": "crm", "event": {"id": "given-up"}}
    sqs.send_message(QueueUrl=failed, MessageBody=json.dumps(message))
    with without(stack, "ToBringBackWhatWasGivenUp"):
        assert stack.command("webhook", "redrive").returncode == 2
    done = stack.command("webhook", "redrive", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"redriven": 1}), done
    until(lambda: any(headers["webhook-id"] == "given-up" for headers, _ in taken.calls))


@pytest.mark.parametrize(
    ("sid", "words"),
    [
        ("ToMakeSecretsOfWebhooks", ("rotate-secret", "crm", "--yes")),
        ("ToQueueDeliveries", ("test", "crm")),
    ],
)
def test_webhooks_need_each_statement(
    stack: Stack, webhook: tuple[Hook, str], sid: str, words: tuple[str, ...]
) -> None:
    with without(stack, sid):
        assert stack.command("webhook", *words).returncode == 2
