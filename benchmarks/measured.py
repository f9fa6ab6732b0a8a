"""The measured process: import a function and answer one event, once or many times.

    python -I -S -B measured.py FUNCTION-FOLDER LAYER-FOLDER EVENT [timed|counted TIMES WARM-UP]

Without TIMES it answers once and leaves as Lambda does, without the interpreter's teardown. With TIMES it answers the
event again and again. `timed` empties the processor's caches before each answer, as a function finds them that has
waited for its request. `counted` calls nice(2) before and after the measured answers: there callgrind writes down what
it has counted since the last such call.

Out, on standard output as JSON: the statuses, the last body, how many requests were answered, and for `timed` the
processor's nanoseconds of each measured answer. Only the two folders and the standard library are on the path.
"""

import sys

sys.path[:0] = sys.argv[1:3]

import json  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from types import SimpleNamespace  # noqa: E402

from app import handler  # type: ignore[import-not-found]  # noqa: E402  the function's, by the path above

# More bytes than a core's own caches hold.
CACHES = 8 * 1024 * 1024

with open(sys.argv[3], encoding="utf-8") as file:  # noqa: PTH123  Lambda's own process has no pathlib either
    event = json.load(file)
context = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    # What is measured is slow under callgrind.
    get_remaining_time_in_millis=lambda: 3_600_000,
)
answers = [handler(event, context)]
spent = []
if len(sys.argv) > 4:
    how, times, warm_up = sys.argv[4], int(sys.argv[5]), int(sys.argv[6])
    # Log lines and metrics are written to where that costs one call of the system.
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    answers += [handler(event, context) for _ in range(warm_up)]
    if how == "timed":
        emptied = bytearray(CACHES)
        for _ in range(times):
            emptied[:] = bytes(CACHES)
            begun = time.process_time_ns()
            answers.append(handler(event, context))
            spent.append(time.process_time_ns() - begun)
    else:
        os.nice(0)
        answers += [handler(event, context) for _ in range(times)]
        os.nice(0)
    os.dup2(out, 1)
said = {
    "statuses": sorted({answer["statusCode"] for answer in answers}),
    "body": answers[-1]["body"],
    "answered": len(answers),
    "spent": spent,
}
os.write(1, f"\nmeasured {json.dumps(said)}\n".encode())
os._exit(0)
