"""A local server for tools that call it: with the demo data and the data of the examples, on a free port."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_READY = re.compile(r"Lingpai is ready at (http://127\.0\.0\.1:[0-9]+)")
_START_SECONDS = 60.0


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """Run the server until the context ends; gives its address. What it prints goes to `log`.

    RuntimeError if it does not start.
    """
    environment = {**os.environ, "PORT": "0", "SAM_LOCAL": "1", "DYNAMODB_PORT": "0"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if found := _READY.search(log.read_text("utf-8")):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the local server did not start:\n{log.read_text('utf-8')}")
