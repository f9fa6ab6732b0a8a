"""Deliveries: events to webhooks, and logouts to OpenID clients, as they come out of their queue."""

import functools
from typing import Any

from lingpai import bootstrap
from lingpai import http as web
from lingpai.kernel import deadline
from lingpai.webhooks import worker
from lingpai.webhooks.delivery import Courier
from lingpai.webhooks.service import WebhookServices


@functools.cache
def _services() -> tuple[WebhookServices, Courier]:
    """What all deliveries of this process share."""
    services = bootstrap.webhook_services(bootstrap.services())
    return services, Courier(services)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Deliver a batch of messages, before the function's own time is over."""
    web.collect()
    deadline.begin(context)
    try:
        return worker.work(event, *_services())
    finally:
        deadline.end()
