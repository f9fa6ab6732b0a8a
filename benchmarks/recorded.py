"""Requests with the answers that AWS gives to them: recorded on moto, then played to processes over HTTPS.

What is measured is the function and not the store, so the store is a server elsewhere that only plays.
"""

import contextlib
import json
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import check, deployed_api, restarted, silence, watched
from benchmarks.operations import OPERATIONS
from lingpai.kernel.clock import Clock
from lingpai.signing_keys.service import first_keys
from lingpai.signing_keys.storage import KeyStore
from lingpai.signing_keys.stores import LocalKeyWrapper
from lingpai.store import DynamoStore
from tests.support import stores
from tests.support.background import answering
from tests.support.fake_web import make_certificate

DAY = 86400
PEPPER = "a-pepper-for-benchmarks"
_SECRET = {
    "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:pepper",
    "Name": "pepper",
    "SecretString": PEPPER,
}

# The operation, and the body of AWS's answer.
type Played = tuple[str, bytes]


@dataclass(frozen=True)
class Recording:
    """A request: its function and event, what is answered, and AWS's answers to the function.

    `first` are the answers to a function that has read no client's record yet, `again` those to one that has.
    """

    name: str
    function: str
    event: dict[str, Any]
    status: int
    body: str
    first: tuple[Played, ...]
    again: tuple[Played, ...]


def make_keys(keys: KeyStore) -> KeyStore:
    """The store, with keys that have signed for an hour: those of the tests sign later."""
    first_keys(keys, LocalKeyWrapper(), Clock(time=lambda: time.time() - 3600))
    return keys


def record(name: str, keys: KeyStore) -> Recording:
    """One of `OPERATIONS`, answered once by the handlers of this checkout, which sign with one of `keys`."""
    operation = OPERATIONS[name]
    with stores.on_moto() as store, pytest.MonkeyPatch.context() as patch, silence():
        api = deployed_api(patch, store, code_pepper=PEPPER)
        now = int(time.time())
        api.time.at = now - 5 if operation.today else now - now % DAY + DAY + DAY // 2
        api, seen = watched(restarted(api, patch, keys))
        send = operation.prepare(api, 1)
        # It is another process that answers: one that has read no client's record yet.
        restarted(api, patch, keys)
        with _heard_of(store) as heard:
            answer = check(operation, send())
    # A client's record is read together with others, by table.
    again = tuple(played for played in heard if b'"ClientsTable"' not in played[1])
    return Recording(name, seen[-1].function, seen[-1].event, answer.status, answer.body, tuple(heard), again)


@contextlib.contextmanager
def _heard_of(store: DynamoStore) -> Iterator[list[Played]]:
    """What DynamoDB answers to the store within the block."""
    heard: list[Played] = []

    def hear(response_dict: Mapping[str, Any], event_name: str, **_: Any) -> None:
        assert response_dict["status_code"] == 200, event_name  # the player plays no refusals
        heard.append((event_name.rpartition(".")[2], response_dict["body"]))

    store.client.meta.events.register("response-received.dynamodb", hear)
    try:
        yield heard
    finally:
        store.client.meta.events.unregister("response-received.dynamodb", hear)


def shape(body: str) -> object:
    """What an answer says, but for the texts and numbers in it, which differ from one to the next."""

    def of(value: Any) -> object:
        if isinstance(value, dict):
            return {name: of(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [of(inner) for inner in value]
        return value if value is None or isinstance(value, bool) else type(value).__name__

    return of(json.loads(body or "null"))


@dataclass
class Player:
    """Answers by HTTPS what was recorded. `left` is what was not asked for, `missed` what was and is not recorded."""

    url: str
    authority: Path
    left: list[Played] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def play(self, answers: Sequence[Played]) -> None:
        """From here on these answers, of each operation in their order."""
        self.left, self.missed = list(answers), []

    def take(self, target: str) -> bytes | None:
        """The answer to the next call."""
        if target == "secretsmanager.GetSecretValue":
            return json.dumps(_SECRET).encode()
        operation = target.partition(".")[2]
        for index, (recorded, body) in enumerate(self.left):
            if recorded == operation:
                del self.left[index]
                return body
        self.missed.append(target)
        return None


@contextlib.contextmanager
def playing(folder: Path) -> Iterator[Player]:
    """A player at an address of its own; its certificate is made in `folder`."""
    certificate = make_certificate(folder)
    player = Player("", certificate.path)

    class Handler(_Handler):
        served = player

    with answering(Handler, certificate) as player.url:
        yield player


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes out in one piece: in two, the second waits 40 ms for the first to be acknowledged.
    wbufsize = -1
    served: Player

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        target = self.headers.get("x-amz-target", "")
        body = self.served.take(target)
        self.send_response(200 if body is not None else 400)
        # What AWS says besides, since reading it is of the cost.
        self.send_header("Connection", "keep-alive")
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if target.startswith("DynamoDB"):
            self.send_header("x-amz-crc32", str(zlib.crc32(body or b"")))
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: Any) -> None:
        """Nothing: what is measured prints enough."""
