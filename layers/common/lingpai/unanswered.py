"""Requests that were answered 503 although what they decided may have been done.

Their callers make them again, and the repeat finds its own traces: a name that is taken, a link that is gone. So a note
is kept for a minute of each such request, and a repeat that would be refused looks for it, and finishes the work.

Of requests that were answered nothing is noted: to make them again is answered as ever. A store that fails for longer
takes no note either, and the repeat is told what stands.
"""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lingpai.errors import LingpaiError
from lingpai.ports import Services

# Seconds in which a repeat is taken for one.
_KEPT = 60
_NO_LIMIT = 2**31


@contextmanager
def noted(services: Services, *request: object) -> Iterator[None]:
    """A note is kept of the request where the block ends by a 503."""
    try:
        yield
    except LingpaiError as error:
        if error.status == 503:
            now = services.clock.now()
            with suppress(LingpaiError):
                services.store.spend(_key(services, request), {str(now): _NO_LIMIT}, now + 2 * _KEPT)
        raise


def is_repeat(services: Services, *request: object) -> bool:
    """Whether the same request was lately answered 503. One read, for a request that would be refused."""
    try:
        key = _key(services, request)
    except LingpaiError:  # without a pepper nothing was noted
        return False
    since = services.clock.now() - _KEPT
    return any(int(at) > since for at in services.store.counts(key))


def _key(services: Services, request: tuple[object, ...]) -> str:
    """The tally of the notes; who reads the table cannot tell whose request it was."""
    return f"unanswered:{hmac.digest(services.pepper(), repr(request).encode(), 'sha256').hex()[:32]}"
