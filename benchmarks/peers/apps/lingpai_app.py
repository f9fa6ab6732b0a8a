"""Lingpai as it is deployed: the token function's handler, its settings and services by `bootstrap.services`.

In: the environment that `contenders` makes, which names the tables and where DynamoDB answers; any setting of the
service may stand in it. Nothing is replaced but AWS: the keys that sign are in a file, not wrapped by KMS.
"""

import functools
import importlib.metadata
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.peers.apps import place
from benchmarks.peers.apps.event import make_event
from benchmarks.peers.workloads import ES256, OPAQUE, REFRESH, RS256, Calls, Request
from local import dynamodb, functions, template

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
ROOT = Path(__file__).resolve().parents[3]
FUNCTION = "TokenFunction"
VERSIONS = ("aws-lambda-powertools", "botocore", "cryptography", "orjson", "pydantic", "pyjwt", "pynamodb")


@functools.cache
def _template() -> template.Template:
    return template.load(ROOT / "template.yaml")


def populate() -> dict[str, Any]:
    """Make the tables, the keys that sign and the clients; give sessions, and of what the server is made."""
    from lingpai import bootstrap
    from lingpai.clients.service import new_client
    from lingpai.signing_keys.service import first_keys
    from lingpai.signing_keys.stores import LocalKeyWrapper

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
        client = new_client(place.CLIENTS[workload], "standard", place.secret(), scopes=("read",), **form)
        # The operator's side of the store, which the service's own port does not have.
        store.put_client(client)  # type: ignore[attr-defined]
    versions = {name: importlib.metadata.version(name) for name in VERSIONS}
    return {"sessions": open_sessions(place.SESSIONS), "versions": versions | {"python": platform.python_version()}}


def open_sessions(count: int) -> list[str]:
    """The refresh tokens of so many new sessions."""
    from lingpai import bootstrap
    from lingpai.sessions import service as sessions

    services = bootstrap.services()
    app = services.clients.get_client(place.CLIENTS[REFRESH])
    assert app is not None
    opened = [sessions.issue(services, app, ("read",), user_id=1 + number) for number in range(count)]
    return [tokens.refresh_token or "" for tokens in opened]


@functools.cache
def handler() -> Handler:
    """What Lambda calls."""
    function = next(function for function in _template().functions if function.name == FUNCTION)
    return functions._import(function, ROOT)  # type: ignore[return-value]  # noqa: SLF001  without the other functions


@functools.cache
def context() -> functions.LambdaContext:
    """What Lambda says about the call: the same each time, but that no function is ended here."""
    made = functions.make_context(next(function for function in _template().functions if function.name == FUNCTION))
    return replace(made, deadline=time.monotonic() + 86400)


def calls() -> Calls:
    """How it is asked."""
    return Calls("/oauth/token", "/oauth/introspect", place.CLIENTS, place.secret())


class HandlerApp:
    """See `worker.App`: the handler, asked with the event that API Gateway makes of a request."""

    def __init__(self) -> None:
        self.calls = calls()
        self._handler, self._context = handler(), context()

    def prepare(self, request: Request) -> dict[str, Any]:
        """The event."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        return make_event("POST", request.path, "", {**headers, "host": "127.0.0.1"}, request.body, "127.0.0.1")

    def answer(self, prepared: dict[str, Any]) -> dict[str, Any]:
        """What the handler gives to Lambda."""
        return self._handler(prepared, self._context)

    def read(self, answered: dict[str, Any]) -> tuple[int, bytes]:
        """See `worker.App`."""
        return answered["statusCode"], answered["body"].encode()


def open_app() -> HandlerApp:
    """See `worker.App`."""
    return HandlerApp()
