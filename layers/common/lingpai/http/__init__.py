"""HTTP: events, requests, routes, responses, log and metrics.

Imported modules live as long as the process. So in Lambda the garbage collector, which would scan them repeatedly
during the start, is off until the first response (`collect`).
"""

import gc
import os

if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"):
    gc.disable()


def collect() -> None:
    """Turn the collector on, if it is off, and exclude all present objects from it."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
