"""Lingpai as it is deployed: the token function's handler, its settings and services by `bootstrap.services`.

In: the environment that `contenders` makes, which names the tables and where DynamoDB answers; any setting of the
service may stand in it. Nothing is replaced but AWS: the keys that sign are in a file, not wrapped by KMS.
"""

import base64
import functools
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmarks.peers.apps import CLIENTS, secret, versions
from benchmarks.peers.worker import App
from benchmarks.peers.workloads import ES256, OPAQUE, REFRESH, RS256, TOKENS, Calls, Request
from lingpai import bootstrap
from lingpai.clients.service import new_client
from lingpai.sessions import service as sessions
from lingpai.signing_keys.service import first_keys
from lingpai.signing_keys.stores import LocalKeyWrapper
from local import dynamodb, functions, template

FUNCTION = "TokenFunction"
ROOT = template.FILE.parent
_EVENT: dict[str, Any] = json.loads((ROOT / "events" / "token-client-credentials.json").read_text("utf-8"))
_numbers = itertools.count(1)


@functools.cache
def _template() -> template.Template:
    return template.load(template.FILE)


def populate() -> None:
    """Make the tables, the keys that sign and the clients."""
    services = bootstrap.services()
    settings, store = services.settings, services.store
    prefix = settings.clients_table.removesuffix("ClientsTable")
    dynamodb.create_tables(dynamodb.connect(), _template().tables, prefix)
    first_keys(bootstrap.key_store(settings), LocalKeyWrapper(), services.clock)
    forms: Mapping[str, dict[str, Any]] = {
        OPAQUE: {},
        ES256: {"token_format": "jwt", "token_alg": "ES256"},
        RS256: {"token_format": "jwt", "token_alg": "RS256"},
        REFRESH: {},
    }
    for workload, form in forms.items():
        client = new_client(CLIENTS[workload], "standard", secret(), scopes=("read",), **form)
        # The operator's side of the store, which the service's own port does not have.
        store.put_client(client)


def open_sessions(count: int = TOKENS) -> list[str]:
    """The refresh tokens of so many new sessions."""
    services = bootstrap.services()
    app = services.clients.get_client(CLIENTS[REFRESH])
    assert app is not None
    opened = [sessions.issue(services, app, ("read",), user_id=1 + number) for number in range(count)]
    return [tokens.refresh_token or "" for tokens in opened]


def made_of(*more: str) -> dict[str, str]:
    """See `apps.versions`."""
    packages = ("aws-lambda-powertools", "botocore", "cryptography", "orjson", "pydantic", "pyjwt", "pynamodb")
    return versions(*packages, *more)


class Handler:
    """What Lambda calls, with the same context each time, but that no function is ended here."""

    def __init__(self) -> None:
        function = next(function for function in _template().functions if function.name == FUNCTION)
        self._handler: Any = functions._import(function, ROOT)  # noqa: SLF001  without the other functions
        self._context = replace(functions.make_context(function), deadline=time.monotonic() + 86400)

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the handler gives to Lambda."""
        answer: dict[str, Any] = self._handler(event, self._context)
        return answer


def make_event(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """An event of API Gateway's payload format 2.0, with no more work than it takes: a front has to be thin.

    `path` is decoded, `query` is not, the names of `headers` are in lower case. A form's body is base64, as AWS sends
    it. All else is that of an event in events/.
    """
    return {
        **_EVENT,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            **_EVENT["requestContext"],
            "http": {**_EVENT["requestContext"]["http"], "method": method, "path": path},
            "requestId": f"request-{next(_numbers)}",
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def open_app() -> App:
    """See `worker.App`."""

    def prepare(request: Request) -> dict[str, Any]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return make_event("POST", request.path, "", {**headers, "host": "127.0.0.1"}, request.body)

    calls = Calls("/oauth/token", "/oauth/introspect", CLIENTS, secret())
    return App(calls, prepare, Handler(), lambda answered: (answered["statusCode"], answered["body"].encode()))
