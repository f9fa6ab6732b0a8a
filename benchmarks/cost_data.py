"""What docs/cost.md is computed from: calls, DynamoDB units, processor time and bytes of log of each operation.

Processor time is that of this process in the handler, of a warm process, with the connection to DynamoDB in clear.
"""

import argparse
import importlib.metadata
import json
import platform
from typing import Any

from benchmarks.harness import (
    ARGON2,
    WARM_UP,
    count,
    items,
    median_ms,
    on_dynamodb_local,
    require_dynamodb_local,
    silence,
)
from benchmarks.operations import OPERATIONS, good, refresh
from benchmarks.units import Units, size_of
from tests.support import stores
from tests.support.api import Api
from tests.support.stores import ROOT

FILE = ROOT / "docs" / "cost.json"
RUNS = 60
_VERSIONS = ("argon2-cffi", "botocore", "cryptography", "pynamodb", "pydantic")


def main(given: argparse.Namespace) -> None:
    """Count and measure what docs/cost.md is computed from."""
    require_dynamodb_local()
    with stores.dynamodb_local() as endpoint:
        counted, kept = count(endpoint, *OPERATIONS), sizes(endpoint)
        with silence(), on_dynamodb_local(endpoint, **ARGON2) as api:
            operations = [_told(name, counted[name], api, given.runs or RUNS) for name in OPERATIONS]
    versions = {name: importlib.metadata.version(name) for name in _VERSIONS}
    measured_on = {"python": platform.python_version(), "processor": platform.machine(), **versions}
    text = json.dumps({"measured_on": measured_on, "bytes": kept, "operations": operations}, indent=1)
    print(text)
    if given.write:
        FILE.write_text(text + "\n", "utf-8")


def _told(name: str, units: Units, api: Api, runs: int) -> dict[str, Any]:
    """The operation, with the median of its processor time, and the bytes that it writes to the log."""
    prepare = OPERATIONS[name].prepare
    ms = median_ms(api, prepare, runs)
    send = prepare(api, WARM_UP + runs)
    with silence() as written:
        send()
    return {
        "name": name,
        "calls": units.calls,
        "read_units": units.read,
        "write_units": units.written,
        "keys": units.keys,
        "log_bytes": len(written.getvalue().encode()),
        "cpu_ms": round(ms, 2),
    }


def sizes(endpoint: str) -> dict[str, int]:
    """Bytes kept of an account with a name, a password, a number and a role, and of a session of its own."""
    with silence(), on_dynamodb_local(endpoint, **ARGON2) as api:
        user_id = str(api.user_id("alice"))
        good(refresh(api, 0)())
        account = items(api, "users_table", "id", user_id) + items(api, "identities_table", "user_id", user_id)
        sessions = items(api, "sessions_table", "owner", user_id)
        return {
            "account": sum(map(size_of, account)),
            "account_items": len(account),
            "session": max(map(size_of, sessions)),
        }
