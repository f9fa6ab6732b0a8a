"""The development server: store, functions, gateway and HTTP server, set up from the environment.

In: the environment (`PORT`, `SEED`, `DYNAMODB_ENDPOINT`, and every setting of the service). Out: an exit
code: 0 when it was told to stop, 2 with the reason on stderr when it could not start.
"""

import json
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from local import dynamodb, functions, gateway, store_endpoint, template
from local.environment import (
    HOST,
    LOCAL_PATHS,
    ROOT,
    SMS_PATH,
    STORE_PATH,
    named,
    prepare,
    read_port,
)
from local.errors import LocalError
from local.http_server import Answer, HttpServer, listen, port_of

if TYPE_CHECKING:
    from local.seed import Seed


def main() -> int:
    """Run until interrupted; return the exit code."""
    try:
        return _run(os.environ)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 2


def _run(environ: MutableMapping[str, str]) -> int:
    start = time.monotonic()
    with closing(listen(read_port(environ))) as listener:
        port = port_of(listener)
        prepare(environ, port)
        described = template.own()
        functions.set_environment(described, environ)

        # Imported late: these modules may read the environment that was set above.
        from lingpai import bootstrap
        from lingpai.kernel.errors import SettingsError
        from lingpai.settings import from_environment
        from lingpai.signing_keys import service as signing_keys
        from local import containers, deliveries, examples, seed, streams

        try:
            demo = seed.load(environ.get("SEED") or None, from_environment(environ))
            with dynamodb.open_store(environ.get("DYNAMODB_ENDPOINT"), environ) as store:
                services = bootstrap.services()
                tables, turn = named(described.tables, services.settings), threading.Lock()
                dynamodb.create_tables(dynamodb.connect(), tables, streams=True)
                readers = (
                    streams.open_streams(dynamodb.connect(), tables, say, environ["DYNAMODB_ENDPOINT"])
                    if store.kept
                    else [streams.EmbeddedReader(table.name, turn) for table in tables if table.stream]
                )
                invoke = functions.load(described, ROOT)
                signing_keys.first_keys(
                    bootstrap.key_store(services.settings), bootstrap.key_wrapper(services.settings), services.clock
                )
                for note in seed.apply(demo, services).notes():
                    say(note)
                for_containers = environ.get("SAM_LOCAL", "") not in {"", "0"}
                if for_containers:
                    containers.copy_keys(services)
                    if not environ.get("SEED"):
                        examples.put(services)
                api = gateway.Gateway(
                    routes=described.routes,
                    invoke=invoke,
                    domain=HOST,
                    port=port,
                    cors=replace(described.cors, headers=services.settings.cors_headers),
                    origins=services.settings.cors_origins,
                    turn=turn if store.serial else nullcontext(),
                )
                # Only the console sender has an outbox.
                answer = make_answer(api, lambda: getattr(services.sms, "outbox", ()))
                # Only the embedded store needs an address at this server.
                answer = for_this_machine(answer if store.kept else with_store(answer, api))
                with ExitStack() as stack:
                    stack.enter_context(streams.pumping(readers, invoke, say))
                    stack.enter_context(deliveries.delivering(bootstrap.process_queue(), invoke, say))
                    if for_containers and not store.kept:
                        store_port = read_port(environ, "DYNAMODB_PORT", 8000)
                        store_port = stack.enter_context(containers.embedded_store(store_port, api.turn))
                        say(f"\n  Containers find the embedded DynamoDB at http://{containers.NAME}:{store_port}")
                    # Secrets of the caller's own seed file are not shown.
                    shown = demo.without_secrets() if environ.get("SEED") else demo
                    say(banner(port, store, shown, time.monotonic() - start))
                    serve(HttpServer(listener, answer, say))
        except SettingsError as error:
            raise LocalError(str(error)) from None
    return 0


def serve(server: HttpServer) -> None:
    """Answer requests until a signal interrupts; then finish those under way."""
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    # A second Ctrl-C must not interrupt the orderly end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server.stop()


def for_this_machine(answer: Answer) -> Answer:
    """Restrict the paths below `/_local/` to requests whose Host header names this machine.

    A web page whose own name resolves to 127.0.0.1 (DNS rebinding) is refused: its browser sends that name.
    """

    def answer_or_refuse(request: gateway.Request) -> gateway.Reply:
        host = (request.header("host") or "").partition(":")[0].lower()
        if request.path.startswith(LOCAL_PATHS) and host not in {HOST, "localhost"}:
            return gateway.message(403, f"Forbidden: call {request.path} by {HOST} or localhost")
        return answer(request)

    return answer_or_refuse


def make_answer(api: gateway.Gateway, outbox: Callable[[], Sequence[Any]]) -> Answer:
    """Serve the API and, at `GET /_local/sms`, the messages that were "sent". No deployment has that path."""

    def answer(request: gateway.Request) -> gateway.Reply:
        if request.path != SMS_PATH:
            return gateway.answer(api, request)
        if request.method not in {"GET", "HEAD"}:
            return gateway.message(405, "Method Not Allowed")
        sent = [asdict(text) for text in tuple(outbox())]
        body = json.dumps(sent, ensure_ascii=False).encode()
        return gateway.Reply(200, (("content-type", "application/json"), ("cache-control", "no-store")), body)

    return answer


def with_store(answer: Answer, api: gateway.Gateway) -> Answer:
    """Serve the embedded store at `POST /_local/dynamodb/` as well, for `lingpai --local`."""

    def answer_or_ask(request: gateway.Request) -> gateway.Reply:
        if request.path.rstrip("/") != STORE_PATH:
            return answer(request)
        return store_endpoint.answer(request, api.turn)

    return answer_or_ask


def banner(port: int, store: dynamodb.Store, seed: "Seed", seconds: float) -> str:
    """The text at the start: the address, whether data is kept, clients and users, commands to try."""
    url = f"http://{HOST}:{port}"
    kept = "data is kept" if store.kept else "data is gone when it stops"
    clients = [(client.client_id, client.client_secret, client.dialect) for client in seed.clients]
    users = [(user.username, user.password, user.mobile) for user in seed.users]
    lines = [
        "",
        f"  Lingpai is ready at {url} after {seconds:.1f} s",
        f"  {store.where}: {kept}",
        "",
        *_table("clients (id, secret, dialect)", clients),
        *_table("users (name, password, mobile)", users),
        "  to try",
        *(f"    {line}" for line in _tour(url, seed)),
        "",
        "  Ctrl-C stops it",
        "",
    ]
    return "\n".join(lines)


def _table(title: str, rows: Sequence[tuple[str | None, ...]]) -> list[str]:
    if not rows:
        return []
    cells = [[cell or "" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    shown = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
    return [f"  {title}", *(f"    {row}" for row in shown), ""]


def _tour(url: str, seed: "Seed") -> list[str]:
    """Commands to paste into a shell."""
    client = next((client for client in seed.clients if client.dialect == "spring"), None)
    user = next((user for user in seed.users if user.username and user.password), None)
    lines = [f"curl {url}/health"]
    if client and client.client_secret:
        basic = f"curl -u {shlex.quote(f'{client.client_id}:{client.client_secret}')}"
        if user:
            fields = f"-d grant_type=password -d username={user.username} -d {shlex.quote(f'password={user.password}')}"
            lines.append(f"{basic} {fields} {url}/oauth/token")
        lines.append(f"{basic} -d mobile={(user and user.mobile) or '13312341234'} {url}/mobile/code/get")
    return [*lines, f"curl {url}{SMS_PATH}"]


def say(line: str) -> None:
    """Print a line; a closed output is ignored.

    The line is written by one call, which `print` does not do: lines of several threads would mix.
    """
    with suppress(OSError, ValueError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
