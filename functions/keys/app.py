"""The keys that sign tokens: made, rotated and taken away by a schedule."""

from typing import Any

from lingpai import bootstrap
from lingpai import http as web
from lingpai.kernel import cause, deadline
from lingpai.kernel.cause import Cause
from lingpai.signing_keys import schedule


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Look after the keys, before the function's own time is over."""
    web.collect()
    deadline.begin(context)
    cause.begin(Cause(action="schedule", actor="system"))
    try:
        services = bootstrap.services()
        store, wrapper = bootstrap.key_store(services.settings), bootstrap.key_wrapper(services.settings)
        return schedule.maintain_keys(event, services, store, wrapper)
    finally:
        cause.end()
        deadline.end()
