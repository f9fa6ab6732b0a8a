"""What causes a change: who, by which client, from where, in which request.

Each audited item keeps the cause of its last change (docs/events.md), so that no call is added for it.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Cause:
    """The cause of a change; what is not known is empty.

    `action` is the path of the route, the operator's command, `schedule` or `delivery`. `actor` is `user:ID`,
    `client:ID`, `operator:NAME` or `system`; empty before somebody is authenticated. `why` says more, such as
    `reuse_found` of an end.
    """

    action: str = ""
    request_id: str = ""
    address: str = ""
    actor: str = ""
    client: str = ""
    why: str = ""


_NONE = Cause()
_current: ContextVar[Cause] = ContextVar("cause", default=_NONE)


def begin(cause: Cause) -> None:
    """Set the cause of what this request changes."""
    _current.set(cause)


def end() -> None:
    """Forget the cause: the request is answered."""
    _current.set(_NONE)


def note(*, actor: str = "", client: str = "") -> None:
    """Add who asks, as soon as the request has found it out."""
    known = _current.get()
    _current.set(replace(known, actor=actor or known.actor, client=client or known.client))


@contextmanager
def caused_by(cause: Cause) -> Iterator[None]:
    """A block whose changes have this cause."""
    token = _current.set(cause)
    try:
        yield
    finally:
        _current.reset(token)


def because(why: str) -> AbstractContextManager[None]:
    """A block that ends something for this reason."""
    return caused_by(replace(_current.get(), why=why))


def current() -> Cause:
    """The cause of what is changed now."""
    return _current.get()


def written(cause: Cause) -> str:
    """The cause as items keep it: JSON without what is empty."""
    known = {name: value for name, value in asdict(cause).items() if value}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def read(text: str | None) -> Cause:
    """The cause that `written` wrote; an empty one for None, and for items of earlier versions."""
    return Cause(**json.loads(text)) if text else _NONE
