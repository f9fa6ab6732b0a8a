"""Limits: so many times in a window, exact under concurrency, one write for each decision."""

from lingpai.errors import too_many_requests
from lingpai.ports import Services

HOUR = 3600
DAY = 86400


def spend(services: Services, key: str, limit: int, window: int) -> None:
    """Take one of `limit` in this window of `window` seconds for `key`; LingpaiError 429 when none is left.

    Windows begin at whole multiples of their length since 1970. A limit of 0 is off. What the store cannot
    count is refused: what costs money fails closed.
    """
    if limit == 0:
        return
    now = services.clock.now()
    begins = now - now % window
    spent = services.store.spend(f"{key}:{window}:{begins}", {"all": limit}, begins + 2 * window)
    if not spent.done:
        raise too_many_requests("limit_reached", retry_after=begins + window - now)
