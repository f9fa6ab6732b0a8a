"""Events: what has changed in the tables, as their streams tell it."""

import functools
from typing import Any

from lingpai import bootstrap
from lingpai import http as web
from lingpai.events import service
from lingpai.events.service import EventServices
from lingpai.kernel import deadline


@functools.cache
def _services() -> EventServices:
    """What all batches of this process share."""
    return bootstrap.event_services(bootstrap.services())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Keep and send the events in a batch of records, before the function's own time is over."""
    web.collect()
    deadline.begin(context)
    try:
        return service.handle(_services(), event)
    finally:
        deadline.end()
