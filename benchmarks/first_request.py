"""The measured process: import a function, answer one event, leave as Lambda does, without the interpreter's teardown.

    python -I -S -B first_request.py FUNCTION-FOLDER LAYER-FOLDER EVENT [IMPORTS] [MODULES]

IMPORTS, with commas between, are imported before the function. Out: the HTTP status on standard output; in the file
MODULES, as JSON, the names of what was imported before the request and after it. Nothing but the two folders and the
standard library is on the path.
"""

import sys

sys.path[:0] = sys.argv[1:3]

for name in sys.argv[4].split(",") if sys.argv[4:] else ():
    if name:
        __import__(name)

from app import handler  # type: ignore[import-not-found]  # noqa: E402  the function's, by the path above

imported = sorted(sys.modules)

import json  # noqa: E402
import os  # noqa: E402
from types import SimpleNamespace  # noqa: E402

with open(sys.argv[3], encoding="utf-8") as file:  # noqa: PTH123  Lambda's own process has no pathlib either
    event = json.load(file)
context = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 10_000,
)
answer = handler(event, context)
if len(sys.argv) > 5:
    with open(sys.argv[5], "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump([imported, sorted(sys.modules)], file)
os.write(1, f"\nstatus {answer['statusCode']}\n".encode())
os._exit(0)
