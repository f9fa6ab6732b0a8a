"""`python -m local`: serve the API on this machine."""

import signal
import sys


def run() -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    # A shell may have started this process with signals ignored. Set before the slow imports.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from local.server import main

        return main()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(run())
