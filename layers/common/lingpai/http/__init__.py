"""The side that HTTP sees: events in, replies out.

What a start imports lives as long as the process. So in Lambda the garbage collector, which would look through it
again and again meanwhile, waits until the first answer (`collect`).
"""

import gc
import os

if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"):
    gc.disable()


def collect() -> None:
    """Start the collector, if it waits, and let it never look at what is there by now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
