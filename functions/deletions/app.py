"""The accounts whose owners asked for their deletion: deleted by a schedule when their time is over."""

from dataclasses import asdict
from typing import Any

from lingpai import bootstrap
from lingpai import http as web
from lingpai.accounts import closing
from lingpai.http import observability
from lingpai.kernel import cause, deadline
from lingpai.kernel.cause import Cause


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Delete what is due, before the function's own time is over; `more` says that some is left for the next hour."""
    web.collect()
    deadline.begin(context)
    cause.begin(Cause(action="schedule", actor="system"))
    try:
        deleted = closing.delete_due(bootstrap.services())
        observability.log_deletions(len(deleted.ids), more=deleted.more)
        return asdict(deleted)
    finally:
        cause.end()
        deadline.end()
