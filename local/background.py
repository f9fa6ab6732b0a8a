"""Work beside the local server, on a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def running(work: Callable[[threading.Event], None], patience: float) -> Iterator[None]:
    """Do the work as long as the context lasts; it ends when its event is set.

    The server waits for it `patience` seconds, and ends then: the thread is a daemon.
    """
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(patience)
