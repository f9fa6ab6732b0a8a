"""Many callers, one after the other in each of many threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.support.races import RACERS


def crowd[T](calls: Sequence[Callable[[], T]], threads: int = RACERS) -> list[T]:
    """Make all these calls, so many at a time; gives what each returned, in their order."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda call: call(), calls))
