"""Send requests made from docs/openapi.yaml to a local server, and compare its answers with that document.

    make schemathesis EXAMPLES=20000

In: how many requests are drawn by lot, and options of schemathesis. The requests of the document's examples, and those
at the limits of each field, come on top. The same lot is drawn each time, unless `--seed` says otherwise.
Fails on an answer 5xx, on one whose status, media type or content the document does not have, and on fewer requests
than were asked for. The server is started and stopped here.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools import local_server

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "openapi.yaml"
SCHEMATHESIS = ROOT / ".cache" / "schemathesis" / "bin" / "schemathesis"
HOOKS = Path(__file__).with_name("hooks.py")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_METHODS = frozenset({"get", "post"})
_GENERATED = re.compile(r"([0-9]+) generated")


def known_values(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values of the document's examples by the name of the field, each once, in their order."""
    found: dict[str, list[Any]] = {}
    for operation in _operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for example in content.get("examples", {}).values():
                for name, value in example["value"].items():
                    values = found.setdefault(name, [])
                    if value not in values:
                        values.append(value)
    return found


def examples_each(document: Mapping[str, Any], total: int) -> int:
    """How many requests each operation needs for `total`: only those that take something can have that many."""
    taking = sum("requestBody" in operation for operation in _operations(document))
    return math.ceil(total / taking)


def _operations(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for path in document["paths"].values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


def command(url: str, each: int, options: Sequence[str] = ()) -> list[str]:
    """The call of schemathesis."""
    return [
        *(str(SCHEMATHESIS), "run", str(DOCUMENT), "--url", url, "--checks", ",".join(CHECKS)),
        *("--phases", "examples,coverage,fuzzing", "--seed", "1", "--max-examples", str(each), "--workers", "2"),
        *("--continue-on-failure", "--generation-database", "none", "--warnings", "off", "--no-color"),
        *("--generation-with-security-parameters", "false"),
        *options,
    ]


def main(total: int, *options: str) -> int:
    """Run, and return the exit code: 0 if every answer was as the document says."""
    document = yaml.load(DOCUMENT.read_text("utf-8"), yaml.CSafeLoader)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with local_server.serving(log) as url:
            known = json.dumps(known_values(document))
            # In a folder of its own: it writes a report beside itself.
            run = subprocess.run(  # noqa: S603  what `make schemathesis` was given
                command(url, examples_each(document, total), options),
                cwd=folder,
                env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "BASE_URL": url, "KNOWN_VALUES": known},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        print(run.stdout)
        if "Traceback" in log.read_text("utf-8"):
            print(log.read_text("utf-8"))
            return 1
    return run.returncode or too_few(run.stdout, total)


def too_few(output: str, total: int) -> int:
    """The exit code for a run of schemathesis that found nothing and printed `output`: 1 if it sent too little."""
    found = _GENERATED.search(output)
    sent = int(found[1]) if found else 0
    if sent < total:
        print(f"{sent} requests were made, and {total} were asked for", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
