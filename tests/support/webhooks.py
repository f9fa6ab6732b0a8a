"""Webhooks and their deliveries in this process: real HTTPS to receivers on 127.0.0.1, by a clock that a test turns."""

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.aws.secret_wrapping import LocalSecretWrapper, SecretWrapper
from lingpai.events.model import Event
from lingpai.signing_keys.stores import MemoryKeys
from lingpai.webhooks import service as webhooks
from lingpai.webhooks import worker
from lingpai.webhooks.delivery import Courier
from lingpai.webhooks.model import Webhook
from lingpai.webhooks.queue import MemoryQueue
from lingpai.webhooks.service import Subscribers, WebhookServices
from tests.support.api import signing_keys
from tests.support.background import answering
from tests.support.fake_web import Call, Certificate, Reply, Web
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.meter import MemoryMeter
from tests.support.stores import settings
from tests.support.time import Time

ISSUER = "https://login.example"
# Long for this machine, and short for who waits: a receiver that says nothing is given up after it.
TIMEOUTS: dict[str, Any] = {"webhook_connect_timeout": 20, "webhook_read_timeout": 20}
SHORT: dict[str, Any] = {"webhook_connect_timeout": 1, "webhook_read_timeout": 1}


def an_event(**changes: Any) -> Event:
    """An event with every field given."""
    given: dict[str, Any] = {
        "id": "users-100-0",
        "type": "user.created",
        "at": 1_893_484_800,
        "subject": "user:1000",
        "actor": "user:1",
        "client": "web-client",
        "address": "203.0.113.7",
        "request_id": "r-1",
        "action": "/users/save",
        "data": {"name": "爱丽丝"},
        **changes,
    }
    return Event(**given)


@dataclass
class Office:
    """All that queues and delivers; `given_up` is what SQS would put into the queue of failed deliveries."""

    time: Time
    services: WebhookServices
    queue: MemoryQueue
    store: MemoryStore
    courier: Courier = field(init=False)
    given_up: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.courier = Courier(self.services)

    def add(self, url: str, *types: str) -> tuple[Webhook, str]:
        """A webhook, and its secret."""
        clock = self.services.services.clock
        webhook, secret = webhooks.new_webhook(
            self.services.secrets, clock, f"hook-{len(self.store.webhooks) + 1}", url, types or ("*",)
        )
        hush(secret)
        assert self.store.create_webhook(webhook)
        self.services.subscribers.forget()
        return webhook, secret

    def put(self, webhook: Webhook) -> None:
        """Have the webhook as it is here."""
        self.store.webhooks[webhook.id] = webhook
        self.services.subscribers.forget()

    def enqueue(self, *events: Event) -> None:
        """Queue them, as the function of events does."""
        webhooks.enqueue(self.services, events)

    def due(self) -> list[dict[str, Any]]:
        """The messages that are due, as SQS hands them to the function; it gives up those that came too often."""
        records = []
        while received := self.queue.receive(0):
            if received.count > worker.TRIES:
                self.given_up.append(received.message)
                self.queue.settle(received.receipt, done=True)
                continue
            records.append(
                {
                    "messageId": f"m-{received.receipt}",
                    "receiptHandle": received.receipt,
                    "body": received.message,
                    "attributes": {"ApproximateReceiveCount": str(received.count)},
                }
            )
        return records

    def deliver(self) -> int:
        """One try of each message that is due; gives how many come again."""
        records = self.due()
        answer = worker.work({"Records": records}, self.services, self.courier)
        failed = {entry["itemIdentifier"] for entry in answer["batchItemFailures"]}
        for record in records:
            self.queue.settle(record["receiptHandle"], done=record["messageId"] not in failed)
        return len(failed)


def hush(secret: str) -> None:
    """Look for the secret in the logs, in both forms."""
    LOGS.hush("webhook secret", secret)
    LOGS.hush("webhook secret", base64.b64decode(secret.removeprefix("whsec_")).hex())


def office(secrets: SecretWrapper | None = None, at: float | None = None, **overrides: Any) -> Office:
    """Services in memory. Their clock shows the real time, by which libraries verify what they get, or `at`."""
    clock_time = Time(at=time.time() if at is None else at)
    clock, store = clock_time.clock(), MemoryStore()
    given = settings(**{"issuer": ISSUER, "webhook_loopback": True, **TIMEOUTS, **overrides})
    # They sign from before the real time on.
    keys = MemoryKeys(*(replace(key, signs_from=0) for key in signing_keys()))
    built = replace(bootstrap.build(given, store, clock, keys), meter=MemoryMeter())
    queue = MemoryQueue(clock)
    return Office(
        clock_time,
        WebhookServices(
            services=built,
            subscribers=Subscribers(store, clock, given.webhook_cache_ttl),
            secrets=secrets or LocalSecretWrapper(),
            queue=queue,
        ),
        queue,
        store,
    )


@contextmanager
def receiver(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, status: int = 204, **given: Any
) -> Iterator[Web]:
    """A receiver that answers with this status, and is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))

    def answer(_: Call) -> Reply:
        return Reply(status, b"{}")

    with Web(certificate, answer, **given).running() as web:
        yield web


@dataclass
class Hook:
    """A receiver on this machine, without TLS."""

    url: str = ""
    status: int = 200
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)


@contextmanager
def hook() -> Iterator[Hook]:
    taken = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(taken.status)
            self.send_header("content-length", "0")
            self.end_headers()
            taken.came.set()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with answering(Handler) as taken.url:
        yield taken
