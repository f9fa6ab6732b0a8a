"""The measured process: import a function, answer one event, then answer it again and again, each time after a pause.

    python -I -S -B memory_request.py FUNCTION-FOLDER LAYER-FOLDER EVENT BEGUN TIMES PAUSE

BEGUN is when the process was started (`time.monotonic_ns`), PAUSE is in seconds. Out, on standard output as JSON:
statuses (None where the function gives none), milliseconds from BEGUN to the first answer and of each later one, the
processor's milliseconds of the same, and the peak of the resident memory in bytes, then and at the end. Linux's own
peak of a child (`ru_maxrss`) begins with that of the process which started it, so it is read of this process's memory.
"""

import sys
import time

sys.path[:0] = sys.argv[1:3]

from app import handler  # type: ignore[import-not-found]  # noqa: E402  the function's, by the path above


def peak() -> int:
    """Bytes."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123  as in first_request.py
        (line,) = [line for line in file if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


import json  # noqa: E402
import os  # noqa: E402
from types import SimpleNamespace  # noqa: E402

with open(sys.argv[3], encoding="utf-8") as file:  # noqa: PTH123  as in first_request.py
    event = json.load(file)
context = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 60_000,
)
statuses = [handler(event, context).get("statusCode")]
waited = [(time.monotonic_ns() - int(sys.argv[4])) / 1e6]
spent = [time.process_time_ns() / 1e6]
peaks = [peak()]
for _ in range(int(sys.argv[5])):
    time.sleep(float(sys.argv[6]))
    begun, worked = time.monotonic_ns(), time.process_time_ns()
    statuses.append(handler(event, context).get("statusCode"))
    waited.append((time.monotonic_ns() - begun) / 1e6)
    spent.append((time.process_time_ns() - worked) / 1e6)
peaks.append(peak())
said = {"statuses": statuses, "waited": waited, "spent": spent, "peaks": peaks}
os.write(1, f"\nmeasured {json.dumps(said)}\n".encode())
os._exit(0)
