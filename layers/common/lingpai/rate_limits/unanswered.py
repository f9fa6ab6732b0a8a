"""Requests that were answered 503, although their writes may have been done.

The client repeats such a request. The repeat may find the effect of the first request, such as a name that is now
taken, and would be refused. So the first one leaves a note for a minute. A repeat that would be refused looks for the
note and, if it finds one, finishes the work.

A request with any other response leaves no note, so its repeat is refused. If the store fails for longer, the note
cannot be written, and the repeat is refused, too.
"""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services

# How long a request with the same content counts as a repeat, in seconds.
_KEPT = 60
_NO_LIMIT = 2**31


@contextmanager
def on_unavailable(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` if the block ends with a 503, which is still raised. An error of `act` is ignored."""
    try:
        yield
    except LingpaiError as error:
        if error.status == 503:
            with suppress(LingpaiError):
                act()
        raise


@contextmanager
def noted(services: Services, *request: object) -> Iterator[None]:
    """Leave a note of the request if the block ends with a 503."""

    def note() -> None:
        now = services.clock.now()
        services.store.increment(_key(services, request), {str(now): _NO_LIMIT}, now + 2 * _KEPT)

    with on_unavailable(note):
        yield


def is_repeat(services: Services, *request: object) -> bool:
    """Whether the same request was recently answered 503. One read; call it only before refusing a request."""
    try:
        key = _key(services, request)
    except LingpaiError:  # without a pepper nothing was noted
        return False
    since = services.clock.now() - _KEPT
    return any(int(at) > since for at in services.store.counts(key))


def _key(services: Services, request: tuple[object, ...]) -> str:
    """The counter key of the notes: a keyed hash, so that the table does not reveal the request."""
    return f"unanswered:{hmac.digest(services.pepper(), repr(request).encode(), 'sha256').hex()[:32]}"
