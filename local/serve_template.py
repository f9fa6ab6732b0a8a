"""`python -m local.serve_template TEMPLATE [PARAMETER=VALUE…]`: serve the HTTP API of a SAM template on this machine.

In: the template's path and parameters, and the environment variable `PORT` (3001 by default). Out: the exit code 0
after an interrupt, or 2 with the reason on stderr when it cannot start. The functions run in this process. Only
functions, routes and authorizers are supported, not tables.
"""

import os
import signal
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import closing
from pathlib import Path

from local import functions, gateway, template
from local.authorizers import make_authorize
from local.environment import HOST, read_port
from local.errors import LocalError
from local.http_server import HttpServer, listen, port_of
from local.server import say, serve

PORT = 3001


class ArgumentError(LocalError):
    """The command line is not `TEMPLATE [PARAMETER=VALUE…]`."""


def main(arguments: Sequence[str], environ: MutableMapping[str, str]) -> int:
    """Serve until interrupted; return the exit code."""
    try:
        path, parameters = _read(arguments)
        with closing(listen(read_port(environ, default=PORT))) as listener:
            port = port_of(listener)
            api = load_api(path, parameters, environ, port)
            say(f"\n  {path} is ready at http://{HOST}:{port}\n")
            for route in api.routes:
                say(f"    {route.key}{f'  ({route.authorizer})' if route.authorizer else ''}")
            say("\n  Ctrl-C stops it\n")
            serve(HttpServer(listener, lambda request: gateway.answer(api, request), say))
    except LocalError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def load_api(path: Path, parameters: dict[str, str], environ: MutableMapping[str, str], port: int) -> gateway.Gateway:
    """Load the template's functions, whose variables are set in `environ`, and return its API."""
    described = template.load(path, parameters)
    functions.set_environment(described, environ)
    invoke = functions.load(described, path.parent)
    return gateway.Gateway(
        routes=described.routes,
        invoke=invoke,
        authorize=make_authorize(described.authorizers, invoke),
        domain=HOST,
        port=port,
    )


def _read(arguments: Sequence[str]) -> tuple[Path, dict[str, str]]:
    if not arguments or not all("=" in each for each in arguments[1:]):
        raise ArgumentError("usage: python -m local.serve_template TEMPLATE [PARAMETER=VALUE…]")
    pairs = (each.partition("=") for each in arguments[1:])
    return Path(arguments[0]), {name: value for name, _, value in pairs}


if __name__ == "__main__":
    # A shell may have started this process with signals ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:], os.environ))
    except KeyboardInterrupt:
        sys.exit(0)
