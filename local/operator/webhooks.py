"""`lingpai webhook`: who is told of events, and what could not be delivered."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer
from typer import Argument, Option

from lingpai import bootstrap
from lingpai.aws.queues import SqsQueue
from lingpai.aws.secret_wrapping import SecretWrapper
from lingpai.events.model import Event, document
from lingpai.events.types import TYPES
from lingpai.services import Services
from lingpai.settings import Settings
from lingpai.webhooks import messages, urls
from lingpai.webhooks import service as webhooks
from lingpai.webhooks.delivery import Courier
from lingpai.webhooks.messages import EventMessage
from lingpai.webhooks.model import Webhook
from local.operator.command_context import CommandContext, command
from local.operator.console import Failed, Missing, Refused, field_table, finish_first, format_time, say, table

group = typer.Typer(name="webhook", no_args_is_help=True, help="Who is told of events, by HTTPS.")

TEST = "webhook.test"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_ONCE = "Save the secret now. It is not shown again."
# What a webhook may want: all, all of a group, or one type.
_TYPES = {"*", *TYPES, *(f"{name.partition('.')[0]}.*" for name in TYPES)}
_TYPES_MOST = 50

WebhookId = Annotated[str, Argument(metavar="ID", help="The webhook's id.")]
Url = Annotated[str, Argument(metavar="URL", help="Where it is told: an address that begins with https://.")]
Types = Annotated[
    list[str] | None, Option("--type", metavar="TYPE", help="A type of events, such as user.created, user.* or *.")
]


@command(group, "create")
def create(context: CommandContext, webhook_id: WebhookId, url: Url, *, event_type: Types = None) -> None:
    """Tell URL of events from now on, and show the secret that signs them, once.

    Without --type it is told of all. Refused where there is a webhook of this id.
    """
    if not _ID.fullmatch(webhook_id):
        raise Failed("ID: must have 1 to 60 letters, digits, _ and -, and begin with a letter or digit")
    types = _checked_types(event_type or ["*"])
    with _opened(context) as (services, wrapper), finish_first():
        checked = _checked_url(url, services.settings)
        webhook, secret = webhooks.new_webhook(wrapper, services.clock, webhook_id, checked, types)
        if not services.store.create_webhook(webhook):
            raise Refused(
                f"there is a webhook {webhook_id} already; `lingpai webhook update {webhook_id}` changes its address"
            )
        _show_secret(context, webhook, secret)
        _say_when(services)


@command(group, "list")
def list_webhooks(context: CommandContext) -> None:
    """List all webhooks, without their secrets."""
    with context.services() as services:
        every = sorted(services.store.list_webhooks(), key=lambda webhook: webhook.id)
    rows = [(each.id, each.url, each.types, format_time(each.created_at), _state(each)) for each in every]
    columns = ("id", "url", "types", "created", "state")
    context.show({"webhooks": [webhook_document(each) for each in every]}, table(columns, rows))


@command(group, "test")
def test(context: CommandContext, webhook_id: WebhookId) -> None:
    """Send the webhook an event of the type webhook.test, which nothing has caused, whatever types it wants."""
    with context.services() as services:
        webhook = _found(services, webhook_id)
        if webhook.disabled is not None:
            raise Refused(f"the webhook {webhook_id} is disabled; `lingpai webhook enable {webhook_id}` enables it")
        event = _test_event(services, webhook_id)
        message = EventMessage(webhook_id, document(event))
        if services.settings.webhooks_queue:
            bootstrap.webhook_queue(services.settings).send([messages.write(message)])
            said = f"the event {event.id} is queued; the log of the deliveries says how it goes"
            context.show({"id": webhook_id, "event": event.id, "queued": True}, said)
            return
        # Without a queue of its own this process delivers, by what the function delivers with.
        outcome = Courier(bootstrap.webhook_services(services)).deliver(message)
    shown = {"id": webhook_id, "event": event.id, "queued": False, "delivered": outcome.state == "done"}
    context.show({**shown, "detail": outcome.detail}, f"the event {event.id}: {outcome.detail}")
    if outcome.state != "done":
        raise Refused(f"the webhook {webhook_id} did not take it: {outcome.detail}")


@command(group, "update")
def update(
    context: CommandContext,
    webhook_id: WebhookId,
    *,
    url: Annotated[str | None, Option("--url", metavar="URL", help="Where it is told from now on.")] = None,
    event_type: Types = None,
) -> None:
    """Change the address of a webhook, or the types that it wants, which replace those that it wanted."""
    if url is None and not event_type:
        raise Failed("nothing is to be changed: name --url or --type")
    types = _checked_types(event_type) if event_type else None
    with context.services() as services:
        before = _found(services, webhook_id)
        after = replace(before, types=types or before.types)
        if url is not None:
            after = replace(after, url=_checked_url(url, services.settings))
        _change(services, before, after)
        _say_when(services)
    context.show(webhook_document(after), field_table({"id": after.id, "url": after.url, "types": after.types}))


@command(group, "rotate-secret", asks=True)
def rotate_secret(context: CommandContext, webhook_id: WebhookId) -> None:
    """Give the webhook a new secret and show it, once. For a day each delivery is signed by both."""
    with _opened(context) as (services, wrapper):
        before = _found(services, webhook_id)
        context.confirm(f"the webhook {webhook_id} gets another secret; the present one signs beside it for a day.")
        after, secret = webhooks.rotated(wrapper, services.clock, before)
        with finish_first():
            _change(services, before, after)
            _show_secret(context, after, secret)
            _say_when(services)


@command(group, "disable")
def disable(context: CommandContext, webhook_id: WebhookId) -> None:
    """Tell the webhook nothing more. It does not learn later what it has missed.

    What waits for it is dropped when its next try comes, unless it is enabled again by then.
    """
    with context.services() as services:
        before = _found(services, webhook_id)
        if before.disabled is None:
            _change(services, before, webhooks.switched_off(before, services.clock, "operator"))
            _say_when(services)
    _show_state(context, webhook_id, disabled=True, changed=before.disabled is None)


@command(group, "enable")
def enable(context: CommandContext, webhook_id: WebhookId) -> None:
    """Tell a disabled webhook of events again, also one that was disabled since its receiver answered 410."""
    with context.services() as services:
        before = _found(services, webhook_id)
        if before.disabled is not None:
            _change(services, before, webhooks.switched_on(before))
            _say_when(services)
    _show_state(context, webhook_id, disabled=False, changed=before.disabled is not None)


@command(group, "delete", asks=True)
def delete(context: CommandContext, webhook_id: WebhookId) -> None:
    """Delete the webhook with its secret. What waits for it is dropped when its next try comes."""
    with context.services() as services:
        _found(services, webhook_id)
        context.confirm(f"the webhook {webhook_id} is told nothing more, and its secret is gone.")
        if not services.store.delete_webhook(webhook_id):
            raise Missing(f"somebody else deleted the webhook {webhook_id} meanwhile")
        _say_when(services)
    context.show({"id": webhook_id, "deleted": True}, f"the webhook {webhook_id} is deleted")


@command(group, "redrive")
def redrive(context: CommandContext) -> None:
    """Try again what was given up: events and logouts, in the order of their luck. Each has all its tries again."""
    with context.services() as services:
        settings = services.settings
        if not (settings.webhooks_queue and settings.webhooks_failed_queue):
            raise Refused(f"{context.target.name} has no queue of failed deliveries: WEBHOOKS_FAILED_QUEUE")
        failed, queue = SqsQueue(settings, settings.webhooks_failed_queue), bootstrap.webhook_queue(settings)
        moved = 0
        for message in failed.receive_all():
            # In this order nothing is lost: what is queued twice is delivered under the same id.
            queue.send([message.body])
            failed.delete(message.receipt)
            moved += 1
    said = f"{moved} deliveries are tried again" if moved else "nothing was given up"
    context.show({"redriven": moved}, said)


def webhook_document(webhook: Webhook) -> dict[str, Any]:
    """Return the webhook as JSON, without its secrets."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "types": list(webhook.types),
        "created_at": webhook.created_at,
        "disabled": webhook.disabled,
        "disabled_at": webhook.disabled_at or None,
        "previous_secret_until": webhook.previous_until or None,
    }


@contextmanager
def _opened(context: CommandContext) -> Iterator[tuple[Services, SecretWrapper]]:
    """Open the target's services, with what wraps the secrets of webhooks."""
    with context.services() as services:
        yield services, bootstrap.webhook_secrets(services.settings)


def _found(services: Services, webhook_id: str) -> Webhook:
    webhook = services.store.get_webhook(webhook_id)
    if webhook is None:
        raise Missing(f"there is no webhook {webhook_id}; `lingpai webhook list` has those that there are")
    return webhook


def _checked_url(url: str, settings: Settings) -> str:
    try:
        return urls.check(url, settings)
    except ValueError as error:
        raise Failed(f"URL: {url[:100]!r} {error}") from None


def _checked_types(given: list[str]) -> tuple[str, ...]:
    wrong = [each for each in given if each not in _TYPES]
    if wrong or len(given) > _TYPES_MOST:
        raise Failed(
            f"--type: {wrong[0][:100]!r} is none: there are *, a group such as user.*, and types such as user.created"
            if wrong
            else f"--type: there may be {_TYPES_MOST} at most"
        )
    return tuple(dict.fromkeys(given))


def _change(services: Services, before: Webhook, after: Webhook) -> None:
    """Replace `before` by `after`; raises Refused if somebody else changed it meanwhile."""
    if not services.store.change_webhook(before, after):
        raise Refused(f"somebody else changed the webhook {before.id} meanwhile, and nothing was done: run it again")


def _test_event(services: Services, webhook_id: str) -> Event:
    return Event(
        id=f"test-{services.clock.random_bytes(8).hex()}",
        type=TEST,
        at=services.clock.now(),
        subject=f"webhook:{webhook_id}",
        actor="",
        client="",
        address="",
        request_id="",
        data={},
        action="webhook test",
    )


def _show_secret(context: CommandContext, webhook: Webhook, secret: str) -> None:
    lost = f"`lingpai webhook rotate-secret {webhook.id}` makes another secret: nobody saw this one"
    fields = {"id": webhook.id, "url": webhook.url, "types": webhook.types, "secret": secret}
    context.show({**webhook_document(webhook), "secret": secret}, field_table(fields), unread=lost)
    if not context.options.as_json:
        say(_ONCE)


def _show_state(context: CommandContext, webhook_id: str, *, disabled: bool, changed: bool) -> None:
    state = "disabled" if disabled else "enabled"
    said = f"the webhook {webhook_id} is {state}{'' if changed else ' already'}"
    context.show({"id": webhook_id, "disabled": disabled, "changed": changed}, said)


def _state(webhook: Webhook) -> str:
    why = {None: "enabled", "operator": "disabled", "gone": "disabled: its receiver answered 410"}
    return why[webhook.disabled]


def _say_when(services: Services) -> None:
    """Say how long functions may still use the list that they have read."""
    say(f"the functions know it within {services.settings.webhook_cache_ttl} s")
