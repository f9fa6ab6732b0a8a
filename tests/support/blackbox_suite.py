"""The black-box suite, run against an API that is deployed somewhere (docs/deployment-tests.md)."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from tests.support.stores import ROOT


def run_suite(
    url: str, *, codes: str, origin: str, lacks: Mapping[str, str], timeout: float, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What pytest ended with and printed, after at most `timeout` seconds.

    `codes`, `origin` and `lacks` are as `tests.blackbox.target` has them; `environment` is all that the suite gets of
    one besides: credentials, and other variables of `target`.
    """
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/blackbox", "-q", "-ra", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **environment,
            "BASE_URL": url,
            "BLACKBOX_CODES": codes,
            "BLACKBOX_ORIGIN": origin,
            "BLACKBOX_LACKS": json.dumps(lacks),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
