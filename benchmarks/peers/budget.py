"""What a machine token as ES256 JWT costs in the handler, beside the parts that it cannot do without.

`python -m benchmarks.peers.budget`: a worker as `worker` is; `work` is one of `PARTS`, `TOGETHER` or `HANDLER`. Each
part is done barely: the signature by a key object, a route of Powertools' resolver for HTTP APIs that does nothing, a
structured line of Powertools' logger with the fields that ours has. Together they take longer than each alone again and
again, as they do in the handler: what one of them needs has left the processor's caches when its turn comes.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import markdown
from benchmarks.peers.report import Sample, ratio

SIGNATURE, DISPATCH, LINE = "ES256 signature", "Powertools' dispatch", "a log line of Powertools"
PARTS = (SIGNATURE, DISPATCH, LINE)
TOGETHER = "all three, one after the other"
HANDLER = "the handler"


def table(samples: Mapping[str, Sample]) -> str:
    """Each part, the parts together, and how many times that the handler takes: `samples` by all of these names.

    What else stands in `samples` is another handler.
    """
    rows = [(part, samples[part].told(), "") for part in PARTS]
    others = [name for name in samples if name not in PARTS]
    rows += [(name, samples[name].told(), f"{ratio(samples[name], samples[TOGETHER]):.2f}") for name in others]
    return markdown.table(("", "ms of CPU", "times all three"), rows)


def main() -> int:
    """Answer until the input ends; give the exit code."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    parts = {SIGNATURE: _signature(), DISPATCH: _dispatch(), LINE: _line()}
    acts = {**parts, TOGETHER: lambda: [part() for part in parts.values()], HANDLER: _handler()}
    print(json.dumps({"versions": {}}), file=out, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps({"ms": _measured(acts[asked["work"]], asked["count"])}), file=out, flush=True)
    return 0


def _measured(act: Callable[[], object], count: int) -> float:
    begun = time.process_time()
    for _ in range(count):
        act()
    return (time.process_time() - begun) * 1000 / count


def _signature() -> Callable[[], object]:
    """As long a text as a token's, by the same kind of signature (RFC 6979: no random number)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key, text = ec.generate_private_key(ec.SECP256R1()), b"x" * 400
    how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return lambda: key.sign(text, how)


def _dispatch() -> Callable[[], object]:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from benchmarks.peers.apps.event import make_event

    app = APIGatewayHttpResolver()
    nothing: Response[str] = Response(status_code=200, content_type="application/json", body="{}")

    @app.post("/oauth/introspect")
    def introspect() -> Response[str]:
        return nothing

    @app.post("/oauth/token")
    def token() -> Response[str]:
        return nothing

    event = make_event("POST", "/oauth/token", "", {"host": "127.0.0.1"}, b"grant_type=none", "127.0.0.1")
    context = LambdaContext()
    return lambda: app.resolve(event, context)


def _line() -> Callable[[], object]:
    from lingpai.http.observability import logger

    fields: dict[str, Any] = {
        "correlation_id": "request-1",
        "method": "POST",
        "path": "/oauth/token",
        "status": 200,
        "ms": 0.5,
        "client_id": "machine-es256",
        "grant": "client_credentials",
        "dialect": "standard",
    }
    return lambda: logger.info("request", extra=fields)


def _handler() -> Callable[[], object]:
    from benchmarks.peers.apps.lingpai_app import open_app, populate
    from benchmarks.peers.works import ES256

    populate()
    app = open_app()
    event = app.prepare(app.calls.issue(ES256))

    def act() -> None:
        assert app.answer(event)["statusCode"] == 200

    return act


if __name__ == "__main__":
    sys.exit(main())
