"""Queues of SQS: what is asked of it, and what becomes of what it refuses."""

from collections.abc import Iterator
from contextlib import closing

import moto
import pytest

from lingpai.aws.client import aws_client
from lingpai.aws.queues import QueuedMessage, SqsQueue
from lingpai.kernel.errors import LingpaiError
from tests.support.fake_aws import FakeAws, Told, serving
from tests.support.stores import settings

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/queue"


@pytest.fixture
def of_moto() -> Iterator[SqsQueue]:
    """A queue of moto, by botocore, whose messages come again at once."""
    with moto.mock_aws():
        client = aws_client(settings(), "sqs")
        answer = client.call("CreateQueue", {"QueueName": "queue", "Attributes": {"VisibilityTimeout": "0"}})
        yield SqsQueue(settings(), answer["QueueUrl"], lambda: client)


def test_what_is_sent_is_received(of_moto: SqsQueue) -> None:
    """Whatever characters it has, and more than one call takes."""
    sent = [f"消息 {number} \U0001f600" for number in range(23)]
    of_moto.send(sent)
    received: list[QueuedMessage] = []
    for message in of_moto.receive_all():
        received.append(message)
        of_moto.delete(message.receipt)
    assert sorted(message.body for message in received) == sorted(sent)
    assert list(of_moto.receive_all()) == []


def test_nothing_is_sent_without_a_call() -> None:
    SqsQueue(settings(), URL, lambda: pytest.fail("a call")).send([])


def test_a_postponed_message_is_hidden(of_moto: SqsQueue) -> None:
    of_moto.send(["one"])
    received = next(iter(of_moto.receive_all()))
    of_moto.postpone(received.receipt, 100)
    assert list(of_moto.receive_all()) == []


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with serving() as running:
        yield running


@pytest.fixture
def bare(fake: FakeAws) -> Iterator[SqsQueue]:
    """A queue of the fake, by the bare client."""
    chosen = settings(aws_transport="bare")
    with closing(aws_client(chosen, "sqs", fake.url, credentials=("id", "secret"))) as client:
        yield SqsQueue(settings(), URL, lambda: client)


def test_what_the_bare_client_asks(fake: FakeAws, bare: SqsQueue) -> None:
    """SQS's JSON protocol: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference."""
    fake.script = [
        Told(content={"Successful": [{"Id": "0"}, {"Id": "1"}]}),
        Told(content={}),
        Told(content={"Messages": [{"MessageId": "m", "ReceiptHandle": "r", "Body": "b"}]}),
        Told(content={}),
        Told(content={}),
    ]
    bare.send(["a", "ü"])
    bare.postpone("receipt", 30)
    assert list(bare.receive_all()) == [QueuedMessage("r", "b")]
    bare.delete("receipt")
    assert [(asked.headers["x-amz-target"], asked.json) for asked in fake.asked] == [
        (
            "AmazonSQS.SendMessageBatch",
            {"QueueUrl": URL, "Entries": [{"Id": "0", "MessageBody": "a"}, {"Id": "1", "MessageBody": "ü"}]},
        ),
        (
            "AmazonSQS.ChangeMessageVisibility",
            {"QueueUrl": URL, "ReceiptHandle": "receipt", "VisibilityTimeout": 30},
        ),
        ("AmazonSQS.ReceiveMessage", {"QueueUrl": URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}),
        ("AmazonSQS.ReceiveMessage", {"QueueUrl": URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}),
        ("AmazonSQS.DeleteMessage", {"QueueUrl": URL, "ReceiptHandle": "receipt"}),
    ]
    assert {asked.headers["content-type"] for asked in fake.asked} == {"application/x-amz-json-1.0"}
    assert all("/us-east-1/sqs/aws4_request" in asked.headers["authorization"] for asked in fake.asked)


def test_messages_that_stay_come_once(fake: FakeAws, bare: SqsQueue) -> None:
    """They are shown again after 30 seconds, which many others may take: who works on them comes to an end."""
    stays = [{"MessageId": f"m{number}", "ReceiptHandle": f"r{number}", "Body": f"b{number}"} for number in range(2)]
    late = {"MessageId": "late", "ReceiptHandle": "late", "Body": "late"}
    fake.script = [Told(content={"Messages": each}) for each in (stays, stays, [stays[0], late])]
    fake.answer = lambda _: fake.script.pop(0) if fake.script else Told(content={"Messages": stays})
    bodies = [message.body for message in bare.receive_all()]
    assert (bodies, len(fake.asked)) == (["b0", "b1", "late"], 5)


def test_what_sqs_refuses_of_a_batch_is_sent_again(fake: FakeAws, bare: SqsQueue) -> None:
    """That alone; and it is said where it is refused still."""
    failing = Told(content={"Failed": [{"Id": "1", "Code": "ServiceUnavailable", "SenderFault": False}]})
    fake.script = [failing, Told()]
    bare.send(["a", "b", "c"])
    sent = [[entry["MessageBody"] for entry in asked.json["Entries"]] for asked in fake.asked]
    assert sent == [["a", "b", "c"], ["b"]]
    fake.script = [failing] * 3
    with pytest.raises(LingpaiError) as refused:
        bare.send(["a", "b"])
    assert (refused.value.status, refused.value.detail) == (503, "SQS SendMessageBatch: not all of it")


@pytest.mark.parametrize(
    ("told", "detail"),
    [
        (Told(400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist"}), "SQS DeleteMessage: QueueDoesNotExist"),
        (Told(403, {"__type": "AccessDenied"}), "SQS DeleteMessage: AccessDenied"),
        (Told(fault="cut"), "SQS DeleteMessage: ConnectionClosedError"),
    ],
)
def test_what_fails_is_a_503(fake: FakeAws, bare: SqsQueue, told: Told, detail: str) -> None:
    fake.answer = lambda _: told
    with pytest.raises(LingpaiError) as refused:
        bare.delete("receipt")
    assert (refused.value.status, refused.value.detail) == (503, detail)


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://sqs.us-east-1.amazonaws.com"),
        ("cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_where_sqs_answers(region: str, url: str) -> None:
    client = aws_client(settings(aws_transport="bare", aws_region=region), "sqs", credentials=("id", "secret"))
    assert client.pool.url == url
