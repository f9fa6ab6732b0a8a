"""Events in the changes of the role book."""

import json
from collections.abc import Iterator

from lingpai.events.changes import Change, Found, Image


def role_events(change: Change) -> Iterator[Found]:
    """The roles that were created, renamed and deleted."""
    old, new = _names(change.before), _names(change.after)
    for role, name in old.items():
        if role not in new:
            yield Found("role.deleted", f"role:{role}", {"name": name})
    for role, name in new.items():
        if role not in old:
            yield Found("role.created", f"role:{role}", {"name": name})
        elif name != old[role]:
            yield Found("role.renamed", f"role:{role}", {"name": name})


def _names(image: Image) -> dict[int, str]:
    return dict(json.loads(image["names"]["S"])) if "names" in image else {}
