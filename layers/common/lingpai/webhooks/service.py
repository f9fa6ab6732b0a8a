"""What is sent: which webhooks get an event, and which clients are told of a logout. Also the webhooks themselves.

`enqueue` puts a message for each of them into the queue, and `worker` delivers what comes out of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lingpai.aws.secret_wrapping import SecretWrapper
from lingpai.events.model import Event, document
from lingpai.kernel.clock import Clock
from lingpai.services import Services
from lingpai.webhooks import logouts, messages, signatures
from lingpai.webhooks.messages import EventMessage, Message
from lingpai.webhooks.model import OVERLAP, Disabled, Webhook
from lingpai.webhooks.queue import Queue
from lingpai.webhooks.storage import Webhooks


class Subscribers:
    """The list of webhooks, read again after `ttl` seconds."""

    def __init__(self, store: Webhooks, clock: Clock, ttl: int) -> None:
        self._store = store
        self._clock = clock
        self._ttl = ttl
        self._read_at: int | None = None
        self._webhooks: tuple[Webhook, ...] = ()

    def all(self) -> tuple[Webhook, ...]:
        """All webhooks, disabled ones too, at most `ttl` seconds old."""
        now = self._clock.elapsed()
        if self._read_at is None or now >= self._read_at + self._ttl:
            self._webhooks, self._read_at = self._store.list_webhooks(), now
        return self._webhooks

    def get(self, webhook_id: str) -> Webhook | None:
        """The webhook, at most `ttl` seconds old; None without one. One made or enabled a moment ago is known too."""
        found = self._find(webhook_id)
        if found is None or found.disabled is not None:
            self.forget()
            found = self._find(webhook_id)
        return found

    def forget(self) -> None:
        """Read the list again when it is next asked for."""
        self._read_at = None

    def _find(self, webhook_id: str) -> Webhook | None:
        return next((webhook for webhook in self.all() if webhook.id == webhook_id), None)


@dataclass(frozen=True)
class WebhookServices:
    """What deliveries need: `secrets` wraps the secrets of webhooks, and deliveries wait in the `queue`."""

    services: Services
    subscribers: Subscribers
    secrets: SecretWrapper
    queue: Queue


def enqueue(webhooks: WebhookServices, events: Sequence[Event]) -> None:
    """Queue these events for each webhook that wants them, and the logouts that clients are to be told of.

    LingpaiError 503 where it is not certain that all were queued: then it may be called again, and what was queued
    before is delivered twice, under the same id.
    """
    waiting = [messages.write(message) for event in events for message in _messages(webhooks, event)]
    if waiting:
        webhooks.queue.send(waiting)


def _messages(webhooks: WebhookServices, event: Event) -> Iterator[Message]:
    for webhook in webhooks.subscribers.all():
        if webhook.wants(event.type):
            yield EventMessage(webhook.id, document(event))
    yield from logouts.of(webhooks.services, event)


def new_webhook(
    secrets: SecretWrapper, clock: Clock, webhook_id: str, url: str, types: tuple[str, ...]
) -> tuple[Webhook, str]:
    """A new webhook and its secret, which is told now and never again."""
    secret = clock.new_secret()
    webhook = Webhook(webhook_id, url, types, secrets.wrap(secret, webhook_id), clock.now())
    return webhook, signatures.secret_text(secret)


def rotated(secrets: SecretWrapper, clock: Clock, webhook: Webhook) -> tuple[Webhook, str]:
    """The webhook with a new secret, and that. The present one signs beside it for a day."""
    secret = clock.new_secret()
    after = replace(
        webhook,
        secret=secrets.wrap(secret, webhook.id),
        previous_secret=webhook.secret,
        previous_until=clock.now() + OVERLAP,
    )
    return after, signatures.secret_text(secret)


def switched_off(webhook: Webhook, clock: Clock, why: Disabled) -> Webhook:
    """The webhook as it gets nothing any more."""
    return replace(webhook, disabled=why, disabled_at=clock.now())


def switched_on(webhook: Webhook) -> Webhook:
    """The webhook as it gets events again."""
    return replace(webhook, disabled=None, disabled_at=0)
