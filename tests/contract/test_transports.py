"""Both ways to ask AWS, bare and botocore's, against one service: what they send, and what they make of each answer."""

import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any, Literal

import botocore.session
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.regions import EndpointResolver

from lingpai.aws.client import address, aws_client, is_plain
from lingpai.aws.json_client import JsonClient
from lingpai.aws.trust_store import trust_store
from lingpai.kernel.errors import LingpaiError
from lingpai.signing_keys.kms import KmsKeyWrapper
from lingpai.store import DynamoStore
from tests.support.fake_aws import Asked, FakeAws, Told, refused, serving
from tests.support.fake_web import Certificate, Reply, Web
from tests.support.races import race
from tests.support.stores import settings

KEYS = ("AKIDEXAMPLE", "a-secret-key-of-tests")
ITEM = {"id": {"B": b"\x00\xff binary"}, "B": {"S": "no binary"}, "B64": {"L": [{"B": b""}, {"M": {"B": {"B": b"1"}}}]}}
JSON_ITEM = {
    "id": {"B": "AP8gYmluYXJ5"},
    "B": {"S": "no binary"},
    "B64": {"L": [{"B": ""}, {"M": {"B": {"B": "MQ=="}}}]},
}


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with serving() as fake:
        yield fake


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long somebody would have waited."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def a_client(transport: str, url: str, service: str = "dynamodb", **chosen: Any) -> Any:
    quick = {"store_connect_timeout": 5, "store_read_timeout": 5, **chosen}
    return aws_client(settings(aws_transport=transport, **quick), service, url, KEYS)


@pytest.fixture(params=["bare", "botocore"])
def transport(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def client(transport: str, aws: FakeAws) -> Iterator[Any]:
    made = a_client(transport, aws.url)
    yield made
    made.close()


@pytest.fixture
def bare(aws: FakeAws) -> Iterator[JsonClient]:
    made = a_client("bare", aws.url)
    assert isinstance(made, JsonClient)
    yield made
    made.close()


def get(client: Any) -> Any:
    return client.call("GetItem", {"TableName": "T", "Key": {"id": {"B": b"\x00"}}})


# --- what is sent, and what comes back


def test_a_call(client: Any, aws: FakeAws, transport: str) -> None:
    """Binary values are bytes here, and text there."""
    aws.script = [Told(content={"Item": JSON_ITEM})]
    assert get(client)["Item"] == ITEM
    (asked,) = aws.asked
    assert asked.path == "/"
    assert asked.json == {"TableName": "T", "Key": {"id": {"B": "AA=="}}}
    assert asked.headers["content-type"] == "application/x-amz-json-1.0"
    assert asked.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    signed = "content-type;host;x-amz-date;x-amz-target"
    assert f"/us-east-1/dynamodb/aws4_request, SignedHeaders={signed}, Sig" in asked.headers["authorization"]
    if transport == "bare":
        assert set(asked.headers) == {*signed.split(";"), "authorization", "content-length"}


def test_an_address_of_a_family_that_is_not_here(client: Any, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as IPv6 in a container without it: the name's next address may be of another."""
    real = socket.getaddrinfo

    def getaddrinfo(*asked: Any, **more: Any) -> list[Any]:
        return [(255, socket.SOCK_STREAM, 6, "", ("", 1)), *real(*asked, **more)]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    aws.script = [Told(content={"Item": JSON_ITEM})]
    assert get(client)["Item"] == ITEM


def test_other_services(aws: FakeAws, transport: str) -> None:
    kms = a_client(transport, aws.url, "kms")
    aws.script = [
        Told(content={"KeyId": "k", "Plaintext": "cHJpdmF0ZQ=="}),
        Told(content={"SecretString": "cHJpdmF0ZQ=="}),
    ]
    opened = kms.call("Decrypt", {"CiphertextBlob": b"\x00\x01", "KeyId": "k"})
    secrets = a_client(transport, aws.url, "secretsmanager")
    found = secrets.call("GetSecretValue", {"SecretId": "s"})
    assert (opened["Plaintext"], found["SecretString"]) == (b"private", "cHJpdmF0ZQ==")
    assert [(asked.headers["x-amz-target"], asked.headers["content-type"], asked.json) for asked in aws.asked] == [
        ("TrentService.Decrypt", "application/x-amz-json-1.1", {"CiphertextBlob": "AAE=", "KeyId": "k"}),
        ("secretsmanager.GetSecretValue", "application/x-amz-json-1.1", {"SecretId": "s"}),
    ]
    kms.close()
    secrets.close()


def test_a_path_is_kept(aws: FakeAws, transport: str) -> None:
    client = a_client(transport, f"{aws.url}/behind/a/path")
    get(client)
    assert aws.asked[0].path.rstrip("/") == "/behind/a/path"
    client.close()


# --- refusals

REFUSALS = {
    "condition": refused("ConditionalCheckFailedException", message="The conditional request failed", Item=JSON_ITEM),
    "condition, nothing there": refused("ConditionalCheckFailedException", message="The conditional request failed"),
    "transaction": refused(
        "TransactionCanceledException",
        Message="Transaction cancelled",
        CancellationReasons=[{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "m", "Item": JSON_ITEM}],
    ),
    "no such table": refused("ResourceNotFoundException", message="Requested resource not found"),
    "not allowed": Told(400, {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "no"}),
    "without a name space": Told(400, {"__type": "ValidationException", "message": "no"}),
    "no JSON": Told(503, b"<html>Service Unavailable</html>"),
    "nothing": Told(400, b""),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_botocores(aws: FakeAws, pauses: list[float], case: str) -> None:
    """Code, text, status, and what DynamoDB tells of the item: the same from both."""

    def met(transport: str) -> Any:
        aws.script = [REFUSALS[case]] * 3
        client = a_client(transport, aws.url)
        with pytest.raises(ClientError) as error:
            get(client)
        client.close()
        aws.script = []
        response: Any = error.value.response
        told = {name: response.get(name) for name in ("Item", "CancellationReasons")}
        return told, response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], str(error.value)

    ours, theirs = met("bare"), met("botocore")
    assert len(pauses) == (4 if case == "no JSON" else 0)
    if case in {"no JSON", "nothing"}:
        # What each names such an answer is its own affair.
        assert (ours[0], ours[2]) == (theirs[0], theirs[2])
        assert ours[1] == str(ours[2])
    else:
        assert ours == theirs


@pytest.mark.parametrize("content", [b"[1, 2]", b"7", b"null", b'"text"'])
def test_whatever_comes_is_a_refusal(bare: JsonClient, aws: FakeAws, content: bytes) -> None:
    aws.script = [Told(400, content)]
    with pytest.raises(ClientError, match="400"):
        get(bare)


# --- again

PASSING: dict[str, tuple[Told, type[Exception]]] = {
    "throttled": (refused("ProvisionedThroughputExceededException", message="m"), ClientError),
    "throttled by the account": (refused("ThrottlingException", message="m"), ClientError),
    "too many": (refused("RequestLimitExceeded", message="m"), ClientError),
    "in progress": (refused("TransactionInProgressException", message="m"), ClientError),
    "500": (refused("InternalServerError", 500, message="m"), ClientError),
    "503": (Told(503, b"<html>"), ClientError),
    "cut": (Told(fault="cut"), ConnectionClosedError),
    "half": (Told(fault="half"), ConnectionClosedError),
    "silence": (Told(fault="silence"), ReadTimeoutError),
    "flipped": (Told(fault="flipped"), ChecksumError),
}


@pytest.mark.parametrize("case", PASSING)
def test_what_passes_is_tried_again(aws: FakeAws, transport: str, pauses: list[float], case: str) -> None:
    client = a_client(transport, aws.url, store_read_timeout=0.3)
    aws.script = [PASSING[case][0]] * 2
    assert get(client).get("Item") is None
    assert [asked.body for asked in aws.asked] == [aws.asked[0].body] * 3
    assert len(pauses) == 2
    client.close()


@pytest.mark.parametrize("case", PASSING)
def test_and_after_the_last_try_it_is_told(aws: FakeAws, pauses: list[float], case: str) -> None:
    """By the bare one under the name that botocore has for it, or one that is caught in the same place."""
    client = a_client("bare", aws.url, store_read_timeout=0.3)
    aws.script = [PASSING[case][0]] * 3
    with pytest.raises(PASSING[case][1]) as error:
        get(client)
    assert isinstance(error.value, ClientError | BotoCoreError)
    assert len(aws.asked) == 3
    assert len(pauses) == 2
    client.close()


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "ValidationException", "TransactionConflictException"]
)
def test_what_would_be_the_same_again_is_not(aws: FakeAws, transport: str, pauses: list[float], code: str) -> None:
    client = a_client(transport, aws.url)
    aws.script = [refused(code, message="m")]
    with pytest.raises(ClientError):
        get(client)
    assert (len(aws.asked), pauses) == (1, [])
    client.close()


def test_pauses_grow_and_are_drawn(
    bare: JsonClient, aws: FakeAws, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[float, float]] = []

    def most(least: float, highest: float) -> float:
        drawn.append((least, highest))
        return highest

    monkeypatch.setattr(random, "uniform", most)
    aws.script = [refused("ThrottlingException")] * 2
    get(bare)
    assert drawn == [(0, 0.1), (0, 0.2)]
    assert pauses == [0.1, 0.2]


def test_retries_have_a_quota(bare: JsonClient, aws: FakeAws, pauses: list[float]) -> None:
    """A service in trouble is soon asked once for each call; calls that go well earn retries again."""
    aws.answer = lambda _: refused("ThrottlingException")

    def tries() -> int:
        before = len(aws.asked)
        with pytest.raises(ClientError):
            get(bare)
        return len(aws.asked) - before

    assert [tries() for _ in range(50)] == [3] * 50
    assert [tries() for _ in range(3)] == [1, 1, 1]
    aws.answer = None
    for _ in range(5):
        get(bare)
    aws.answer = lambda _: refused("ThrottlingException")
    assert [tries(), tries()] == [2, 1]
    assert len(pauses) == 101


def test_a_transaction_keeps_its_token(client: Any, aws: FakeAws, pauses: list[float]) -> None:
    """Repeated it is the same one to DynamoDB; the next is another."""
    aws.script = [Told(fault="cut")]
    for _ in range(2):
        client.call("TransactWriteItems", {"TransactItems": []})
    first, again, other = (asked.json["ClientRequestToken"] for asked in aws.asked)
    assert first == again != other
    assert 1 <= len(first) <= 36
    assert len(pauses) == 1


# --- connections


def test_a_connection_is_kept(client: Any, aws: FakeAws) -> None:
    for _ in range(3):
        get(client)
    assert [asked.connection for asked in aws.asked] == [1, 1, 1]


def test_one_that_was_closed_meanwhile_is_made_anew(bare: JsonClient, aws: FakeAws, pauses: list[float]) -> None:
    """At once, and it is no failed try."""
    aws.script = [Told(fault="leave")]
    get(bare)
    for _ in range(2):
        get(bare)
    assert [asked.connection for asked in aws.asked] == [1, 2, 2]
    assert pauses == []


def test_one_that_is_closed_as_it_is_used_too(bare: JsonClient, aws: FakeAws, pauses: list[float]) -> None:
    get(bare)
    aws.script = [Told(fault="cut")]
    get(bare)
    assert [asked.connection for asked in aws.asked] == [1, 1, 2]
    assert pauses == []


def test_each_thread_has_its_own(bare: JsonClient, aws: FakeAws) -> None:
    """And no more than ten wait for what comes next."""
    meeting = threading.Barrier(20)

    def at_once(_: Asked) -> Told:
        return Told(content={"Item": JSON_ITEM})

    def call() -> Any:
        meeting.wait(10)
        return get(bare)["Item"]

    aws.answer = at_once
    assert race([call] * 20) == [ITEM] * 20
    assert len(bare.pool._idle) <= 10


def test_nobody_is_there(transport: str, pauses: list[float], certificate: Certificate) -> None:
    with Web(certificate, lambda _: Reply(200, b"{}"), mode="closed").running() as web:
        client = a_client(transport, f"http://{web.host}")
        with pytest.raises(EndpointConnectionError):
            get(client)
        client.close()
    assert len(pauses) == 2


def test_nobody_takes_the_connection(transport: str, pauses: list[float], certificate: Certificate) -> None:
    with Web(certificate, lambda _: Reply(200, b"{}"), mode="full").running() as web:
        client = a_client(transport, f"http://{web.host}", store_connect_timeout=0.3)
        with pytest.raises(ConnectTimeoutError):
            get(client)
        client.close()
    assert len(pauses) == 2


def test_certificates_are_verified(
    transport: str, certificate: Certificate, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """By the list of AWS_CA_BUNDLE, else by botocore's, which has not heard of ours."""
    with serving(certificate) as aws:
        stranger = a_client(transport, aws.url)
        with pytest.raises(SSLError):
            get(stranger)
        assert aws.asked == []
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.path))
        known = a_client(transport, aws.url)
        assert [get(known).get("Item") for _ in range(2)] == [None, None]
        assert [asked.connection for asked in aws.asked] == [aws.connections] * 2
        other = a_client(transport, aws.url.replace("127.0.0.1", "localhost"))
        with pytest.raises(SSLError):
            get(other)
        for client in (stranger, known, other):
            client.close()
    assert len(pauses) == 4


@pytest.mark.parametrize("file", ["that is not there", "without a certificate"])
def test_certificates_that_cannot_be_read_are_trusted_by_nobody(
    transport: str,
    file: str,
    tmp_path: Path,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
) -> None:
    """A store that cannot be asked, and not an error that nobody expected."""
    path = tmp_path / "roots.pem"
    if file == "without a certificate":
        path.write_text("none\n", "utf-8")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(path))
    with serving(certificate) as aws:
        client = a_client(transport, aws.url)
        with pytest.raises(BotoCoreError, match=str(path) if transport == "bare" else None):
            get(client)
        client.close()
        assert aws.asked == []


def test_nothing_that_is_said_is_logged(transport: str, aws: FakeAws, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG botocore quotes requests and answers whole."""
    aws.answer = lambda _: Told(content={"Item": {"password": {"S": "a-hash-that-was-read"}}})
    for logger in ("", "botocore"):  # whatever a client before it has set
        caplog.set_level(logging.DEBUG, logger)
    made = a_client(transport, aws.url)
    made.call("PutItem", {"TableName": "T", "Item": {"password": {"S": "a-hash-that-is-written"}}})
    made.close()
    said = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert [word for word in ("a-hash", KEYS[1]) if word in said] == []


# --- the clock


def an_hour_ahead(code: str) -> Callable[[Asked], Told]:
    """A service whose clock is an hour ahead, and which refuses what is signed by another."""

    def answer(asked: Asked) -> Told:
        there = time.time() + 3600
        date = {"date": formatdate(there, usegmt=True)}
        signed_at = asked.headers["x-amz-date"][:13]
        right = {time.strftime("%Y%m%dT%H%M", time.gmtime(there + some)) for some in (-60, 0, 60)}
        return Told(headers=date) if signed_at in right else Told(400, {"__type": f"x#{code}"}, date)

    return answer


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "InvalidSignatureException", "RequestExpired"])
def test_a_clock_that_is_wrong_is_set(bare: JsonClient, aws: FakeAws, code: str, pauses: list[float]) -> None:
    """The first answer says what time it is, and so it stays."""
    aws.answer = an_hour_ahead(code)
    get(bare)
    assert len(aws.asked) == 2
    get(bare)
    assert len(aws.asked) == 3
    assert len(pauses) == 1


def test_a_wrong_clock_that_two_meet_at_once_is_set_for_both(
    bare: JsonClient, aws: FakeAws, pauses: list[float]
) -> None:
    """The second found it set when it was refused, and took that for what it had been signed by."""
    judge, both = an_hour_ahead("InvalidSignatureException"), threading.Barrier(2)

    def at_once(asked: Asked) -> Told:
        if len(aws.asked) <= 2:
            both.wait(10)
        return judge(asked)

    aws.answer = at_once
    assert race([lambda: get(bare)] * 2) == [{}, {}]
    assert (len(aws.asked), len(pauses)) == (4, 2)


@pytest.mark.parametrize("date", [None, "", "yesterday", "now"])
def test_a_signature_that_is_wrong_is_no_clocks_fault(bare: JsonClient, aws: FakeAws, date: str | None) -> None:
    headers = {} if date is None else {"date": formatdate(usegmt=True) if date == "now" else date}
    aws.script = [Told(400, {"__type": "x#InvalidSignatureException", "message": "m"}, headers)]
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        get(bare)
    assert len(aws.asked) == 1


# --- where


def test_addresses_are_botocores() -> None:
    """Of each service in each region that botocore knows; where another ending is needed, botocore is asked."""
    session = botocore.session.Session()
    resolver = EndpointResolver(session.get_component("data_loader").load_data("endpoints"))
    unknown = set()
    for partition in session.get_available_partitions():
        for service in ("dynamodb", "kms", "secretsmanager"):
            for region in session.get_available_regions(service, partition):
                ours = address(service, region, {})
                if ours is None:
                    unknown.add(partition)
                else:
                    theirs: Any = resolver.construct_endpoint(service, region)
                    assert ours == f"https://{theirs['hostname']}"
    assert not unknown & {"aws", "aws-cn", "aws-us-gov"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_DYNAMODB": "http://b"}, "http://b"),
        ({"AWS_ENDPOINT_URL_KMS": "http://c"}, "https://dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL": ""}, "https://dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL": "http://a"}, "http://a"),
        (
            {"AWS_ENDPOINT_URL": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://dynamodb.eu-west-1.amazonaws.com",
        ),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, None),
        ({"http_proxy": "http://proxy:3128", "AWS_ENDPOINT_URL": "http://a"}, None),
    ],
)
def test_addresses_that_are_set(environment: dict[str, str], expected: str | None) -> None:
    assert address("dynamodb", "eu-west-1", environment) == expected


@pytest.mark.security("F1")
@pytest.mark.parametrize("transport", ["bare", "botocore"])
def test_an_empty_address_is_none(monkeypatch: pytest.MonkeyPatch, transport: Literal["bare", "botocore"]) -> None:
    """Each transport asks AWS itself, as without the variable."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = aws_client(settings(aws_transport=transport, aws_region="eu-west-1"), "dynamodb")
    asked = client.pool.url if transport == "bare" else client.meta.endpoint_url
    assert asked == "https://dynamodb.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
@pytest.mark.parametrize("service", ["dynamodb", "kms", "secretsmanager"])
def test_addresses_in_china(monkeypatch: pytest.MonkeyPatch, service: str, region: str) -> None:
    """Both transports ask at the ending of the partition, sign for the region, and trust botocore's authorities."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    expected = f"https://{service}.{region}.amazonaws.com.cn"
    ours = aws_client(settings(aws_transport="bare", aws_region=region), service)
    assert isinstance(ours, JsonClient)
    assert (ours.pool.url, ours.region) == (expected, region)
    theirs = aws_client(settings(aws_transport="botocore", aws_region=region), service)
    assert (theirs.meta.endpoint_url, theirs.meta.region_name) == (expected, region)
    assert trust_store(region) is None


def test_what_only_botocore_knows_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(aws_transport="bare")
    assert isinstance(aws_client(chosen, "dynamodb"), JsonClient)
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    client = aws_client(chosen, "dynamodb")
    assert client.meta.endpoint_url == "https://dynamodb-fips.us-east-1.amazonaws.com"


# --- what no service should do, and must do no harm


class Raw:
    """A server that takes each connection in turn, and says these bytes to each request on it."""

    def __init__(self, *said: bytes, hang_up: bool = False) -> None:
        self.said = list(said)
        self.hang_up = hang_up
        self.asked = 0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as incoming:
            while head := incoming.readline():
                length = 0
                while (line := incoming.readline()).strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                assert head
                incoming.read(length)
                self.asked += 1
                if not self.said:
                    return
                connection.sendall(self.said.pop(0))
                if self.hang_up:
                    return


def http(body: bytes, *headers: str, status: int = 200) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} OK", f"Content-Length: {len(body)}", *headers))
    return lines.encode() + b"\r\n" + body


@contextlib.contextmanager
def raw(*said: bytes, hang_up: bool = False, transport: str = "bare", **chosen: Any) -> Iterator[tuple[Any, Raw]]:
    server = Raw(*said, hang_up=hang_up)
    client = a_client(transport, server.url, **chosen)
    yield client, server
    client.close()
    server.close()


def test_what_is_left_of_an_answer_is_nobodys() -> None:
    """It came with the first answer, and would be the second's."""
    with raw(http(b'{"of": "alice"}') + http(b'{"of": "alice, too"}'), http(b'{"of": "bob"}')) as (client, server):
        assert [get(client), get(client)] == [{"of": "alice"}, {"of": "bob"}]
        assert server.connections == 2


def test_what_comes_before_an_answer_is_none() -> None:
    early = http(b"", status=100) + http(b"", status=103)
    with raw(early + http(b'{"of": "alice"}'), http(b'{"of": "bob"}')) as (client, server):
        assert [get(client), get(client)] == [{"of": "alice"}, {"of": "bob"}]
        assert server.connections == 1


def test_chunks() -> None:
    """An agent on the way may send an answer in them."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked = head + b'7\r\n{"of": \r\n8;x=y\r\n"alice"}\r\n0\r\nTrailer: x\r\n\r\n'
    with raw(chunked, http(b"{}")) as (client, server):
        assert [get(client), get(client)] == [{"of": "alice"}, {}]
        assert server.connections == 1


@pytest.mark.parametrize("coding", ["Chunked", "CHUNKED"])
def test_codings_have_no_case(coding: str) -> None:
    """RFC 9112, section 7."""
    with raw(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n".encode()) as (
        client,
        server,
    ):
        assert (get(client), server.asked) == ({}, 1)


@pytest.mark.parametrize("version", ["HTTP/1.0 400 no\r\n", "HTTP/1.1 400 no\r\nConnection: close\r\n"])
def test_an_answer_may_end_with_its_connection(version: str, pauses: list[float]) -> None:
    """RFC 9112, section 6.3. A refusal that was not understood was asked for again."""
    refusal = b'{"__type": "x#ConditionalCheckFailedException", "message": "no"}'
    with raw(f"{version}\r\n".encode() + refusal, hang_up=True) as (client, server):
        with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
            get(client)
        assert (server.asked, pauses) == (1, [])


def test_a_kept_connection_that_ends_is_made_anew_once(pauses: list[float]) -> None:
    """Whatever number of them is kept: the request is on its way twice at most for each try."""
    with raw(http(b"{}"), store_attempts=1) as (client, server):
        get(client)
        with pytest.raises(ConnectionClosedError):
            get(client)
        assert (server.asked, server.connections, pauses) == (3, 2, [])


BROKEN = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "two lengths": http(b"{}", "Content-Length: 3"),
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n{}",
    "more than anybody has": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}",
    "another encoding": http(b"{}", "Transfer-Encoding: gzip, chunked"),
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000,
    "a chunk that is longer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_http_is_no_answer(case: str) -> None:
    with raw(BROKEN[case], store_attempts=1) as (client, _), pytest.raises(ConnectionClosedError):
        get(client)


NO_ANSWERS = {
    "html": b"<html>",
    "an array": b"[1]",
    "null": b"null",
    "no base64": b'{"B": "not base64!"}',
    "no base64, deep down": b'{"Responses": {"T": [{"x": {"L": [{"B": "\xc3\xbc"}]}}]}}',
    "no text": b"\xff\xfe",
    "no number": b'{"Count": NaN}',
    "cut off": b"[" * 100_000,
    "too deep": b'{"M":' * 1_000 + b"1" + b"}" * 1_000,
}


@pytest.mark.security("F24")
@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_json_is_not_nothing(body: bytes, transport: str) -> None:
    """An empty answer would be an item that is not there."""
    with raw(http(body), transport=transport) as (client, server):
        with pytest.raises(BotoCoreError, match="GetItem cannot be read"):
            get(client)
        assert server.asked == 1


@pytest.mark.security("F24")
def test_an_answer_with_a_wrong_checksum_is_none(transport: str, aws: FakeAws, pauses: list[float]) -> None:
    """After the last try botocore would take it."""
    client = a_client(transport, aws.url)
    aws.script = [Told(fault="flipped")] * 3
    with pytest.raises(BotoCoreError):
        get(client)
    client.close()
    assert (len(aws.asked), len(pauses)) == (3, 2)


@pytest.mark.parametrize("date", ["Mon, 01 Jan 99999 00:00:00 GMT", "Sun, 22 Nov 2026 00:00:00 +99999999999999999"])
def test_a_strange_date_changes_nothing(bare: JsonClient, aws: FakeAws, date: str) -> None:
    aws.script = [Told(400, {"__type": "x#RequestExpired"}, {"date": date})]
    with pytest.raises(ClientError, match="RequestExpired"):
        get(bare)
    get(bare)
    assert len(aws.asked) == 2


@pytest.mark.parametrize(
    "url",
    [
        "htps://127.0.0.1:1",
        "//127.0.0.1:1",
        "127.0.0.1:8000",
        "http://user:pw@127.0.0.1:1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:1/a b",
        "http://127.0.0.1:1/?a=b",
    ],
)
def test_odd_addresses_are_botocores_to_judge(url: str) -> None:
    """A mistyped scheme must not send a token in clear."""
    assert not is_plain(url)


def test_credentials_that_cannot_be_had_are_a_busy_store(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As after a restored snapshot, where the first request asks for them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{aws.url}/nothing-of-the-kind")
    chosen = settings(aws_transport="bare", keys_kms_key="arn:aws:kms:us-east-1:123456789012:key/k")
    with pytest.raises(LingpaiError, match="temporarily_unavailable"):
        DynamoStore(chosen).get_client("web-client")
    with pytest.raises(LingpaiError, match="temporarily_unavailable"):
        KmsKeyWrapper(chosen).generate("ES256", 1)
    assert [asked for asked in aws.asked if "x-amz-target" in asked.headers] == []
