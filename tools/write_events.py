"""Write events/: an example request for each route, as the event that API Gateway sends to the function.

    make openapi

In: the `EXAMPLES` of the features' modules `api`. Out: what `sam local invoke -e` and the tests send to the functions.
The tokens, codes and ids in them are those of `local.examples`, which `make run` puts into the store when it is told to
(`SAM_LOCAL`): with them there, each event is answered with its example's status.
"""

import base64
import functools
import json
import sys
import urllib.parse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from lingpai import bootstrap
from lingpai.http.example import Example
from lingpai.kernel.clock import Clock
from lingpai.settings import Settings
from lingpai.signing_keys.service import first_keys
from lingpai.signing_keys.stores import LocalKeyWrapper, MemoryKeys
from local import examples, seed, template
from local.examples import Values
from local.gateway import ACCOUNT_ID, Request, make_event, match
from tests.support.memory_store import MemoryStore

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "events"
SETTINGS = FOLDER / "env.local.json"

REQUEST_ID = "JKJaXmPLvHcESHA="
TRACE_ID = "Root=1-695b6e80-a1b2c3d4e5f60718293a4b5c"
NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

# Those of the features, and one of a path that no route takes.
EXAMPLES: Mapping[str, Example] = {
    **examples.EXAMPLES,
    "not-found": Example("/nowhere", method="GET", status=404),
}

# What EventBridge Scheduler sends where a schedule has no input of its own.
SCHEDULED: Mapping[str, Mapping[str, Any]] = {
    name: {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT_ID,
        "time": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [f"arn:aws:scheduler:us-east-1:{ACCOUNT_ID}:schedule/default/lingpai-{schedule}"],
        "detail": "{}",
    }
    for name, schedule in (
        ("keys-schedule", "KeysFunctionTend"),
        ("deletions-schedule", "DeletionsFunctionDelete"),
    )
}


def event(example: Example, values: Values) -> dict[str, Any]:
    """The event for a request, with `values` in their places."""
    request = _request(example, values)
    route = match(_routes(), request.method, request.path)
    if route is None:
        raise LookupError(f"no route takes {request.method} {request.path}")
    made = make_event(request, route, request_id=REQUEST_ID, now=NOW, domain="127.0.0.1", port=3000)
    made["headers"]["x-amzn-trace-id"] = TRACE_ID  # the one thing that is drawn by lot
    return made


def texts() -> dict[str, str]:
    """The content of each file of `events/`, by its name without the extension."""
    values = example_values()
    events = {name: event(example, values.get(name, {})) for name, example in EXAMPLES.items()}
    return {
        name: json.dumps(made, ensure_ascii=False, indent=2) + "\n" for name, made in {**events, **SCHEDULED}.items()
    }


def example_values() -> Mapping[str, Values]:
    """The values of the events: what `local.examples` puts into an empty store with the demo data."""
    settings = Settings(argon2_memory_kib=8, argon2_time=1, code_pepper=SecretStr("any"))
    keys = MemoryKeys()
    first_keys(keys, LocalKeyWrapper(), Clock(NOW.timestamp))
    services = bootstrap.build(settings, MemoryStore(), keys=keys)
    seed.apply(seed.load(None, settings), services)
    return examples.put(services)


@functools.cache
def _routes() -> tuple[template.Route, ...]:
    return template.load(ROOT / "template.yaml").routes


def _request(example: Example, values: Mapping[str, Any]) -> Request:
    headers = {"Host": "127.0.0.1:3000", "User-Agent": "curl/8.11.0", "Accept": "*/*"}
    body = b""
    if example.basic is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(example.basic).encode()).decode()
    if example.bearer:
        headers["Authorization"] = f"Bearer {values['token']}"
    if example.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urllib.parse.urlencode(examples.filled(example.form, values)).encode()
    elif example.content is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(examples.filled(example.content, values), ensure_ascii=False).encode()
    return Request(example.method, example.path, tuple(headers.items()), body)


def main() -> int:
    """Write every file, and remove those that no example stands for; the settings for `sam local` stay."""
    FOLDER.mkdir(exist_ok=True)
    written = texts()
    for path in FOLDER.glob("*.json"):
        if path.stem not in written and path != SETTINGS:
            path.unlink()
    for name, text in written.items():
        (FOLDER / f"{name}.json").write_text(text, "utf-8")
    print(f"{len(written)} events in {FOLDER.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
