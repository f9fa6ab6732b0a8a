"""What the suites that start whole systems (`make e2e-…`) do before they start anything."""

import os
import signal

from tests.e2e.server import is_proxy


def prepare() -> None:
    """End as Ctrl-C does, fixtures and all, when told to stop or when the terminal closes; ask nobody by a proxy."""
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, signal.default_int_handler)
    for name in filter(is_proxy, list(os.environ)):
        del os.environ[name]
