"""The JSON in a third party's answer, which may be anything."""

import json
from typing import Any


def read(body: bytes) -> Any:
    """The JSON value; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object; None for anything else."""
    found = read(body)
    return found if isinstance(found, dict) else None
