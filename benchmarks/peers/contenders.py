"""Who is measured: how each is begun and asked."""

import asyncio
import contextlib
import os
import secrets
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.apps import CLIENTS
from benchmarks.peers.processes import http_client, process, spent
from benchmarks.peers.workloads import CHECK, ES256, OPAQUE, REFRESH, RS256, TOKENS, WORKLOADS, Calls, measure
from lingpai.settings import Settings
from tests.support.fake_web import Certificate
from tests.support.stores import ROOT, TABLE_FIELDS

CACHE = ROOT / ".cache"
PYTHON = {name: CACHE / f"peers-{name}" / "bin" / "python" for name in ("django", "authlib")}
FRONT = CACHE / "peers-front" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
NODE_MODULES = CACHE / "peers-oidc-provider" / "node_modules"
APPS = "benchmarks.peers.apps"


@dataclass(frozen=True)
class Place:
    """Where a run takes place: a folder that is removed at its end, and where DynamoDB answers by HTTPS."""

    folder: Path
    dynamodb: str
    certificate: Path
    secret: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))

    def environ(self, room: str, variant: str = "", path: Sequence[Path] = ()) -> dict[str, str]:
        """What every server here is begun with: a folder of its own, and what it may import besides this one."""
        folder = self.folder / room
        folder.mkdir()
        kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
        return {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *path))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PEER_FOLDER": str(folder),
            "PEER_SECRET": self.secret,
            "PEER_VARIANT": variant,
            "NODE_ENV": "production",
        }

    def service(self, room: str) -> dict[str, str]:
        """The environment of our functions, as the template makes it, on tables of their own."""
        prefix = f"peers-{secrets.token_hex(6)}-"
        return {
            **self.environ(room, path=(ROOT / "layers" / "common", FRONT)),
            **{name.upper(): f"{prefix}{Settings.model_fields[name].default}" for name in TABLE_FIELDS},
            "KEYS_FILE": str(self.folder / room / "keys.json"),
            "CODE_PEPPER": secrets.token_urlsafe(32),
            "METRICS_NAMESPACE": "Lingpai/lingpai-prod",
            "POWERTOOLS_SERVICE_NAME": "lingpai",
            "LOG_LEVEL": "INFO",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@dataclass(frozen=True)
class Running:
    """A server that is up: of what it is made, and the milliseconds that an answer takes, as `workloads.measure`."""

    versions: Mapping[str, str]
    measure: Callable[[str, int], float]


@dataclass(frozen=True)
class Contender:
    """A server in a frame, where its name is unique. It compiles what is often used, or is fast from the start."""

    name: str
    begin: Callable[[Place], AbstractContextManager[Running]]
    workloads: tuple[str, ...] = tuple(WORKLOADS)
    compiles: bool = False


@contextlib.contextmanager
def _worker(python: str | Path, app: str, environ: Mapping[str, str]) -> Iterator[Running]:
    """A server that is asked in its own process: see `worker`."""
    with process([str(python), "-m", "benchmarks.peers.worker", f"{APPS}.{app}"], environ) as begun:
        versions = begun.hear()["versions"]
        yield Running(versions, lambda workload, count: begun.ask({"workload": workload, "count": count})["ms"])


@contextlib.contextmanager
def _server(command: Sequence[str], environ: Mapping[str, str], calls: Calls) -> Iterator[Running]:
    """A server behind a port, which it prints first. It opens sessions where it is asked for them."""
    with process(command, environ) as begun:
        told = begun.hear()

        def ask(workload: str, count: int) -> float:
            sessions = begun.ask({"sessions": TOKENS})["sessions"] if workload == REFRESH else []
            with http_client(told["port"]) as send:
                return measure(send, calls, workload, count, sessions, lambda: spent(begun.begun.pid))

        yield Running(told["versions"], ask)


def _peer(name: str, variant: str) -> Callable[[Place], AbstractContextManager[Running]]:
    return lambda place: _worker(PYTHON[name], f"{name}_app", place.environ(f"{name}-{variant}", variant))


def _ours(place: Place) -> AbstractContextManager[Running]:
    return _worker(sys.executable, "lingpai_app", place.service("ours"))


def _ours_behind_a_front(place: Place) -> AbstractContextManager[Running]:
    calls = Calls("/oauth/token", "/oauth/introspect", CLIENTS, place.secret)
    return _server([sys.executable, "-m", f"{APPS}.lingpai_front"], place.service("ours-front"), calls)


def _oidc_provider(place: Place) -> AbstractContextManager[Running]:
    environ = place.environ("oidc-provider")
    folder = Path(environ["PEER_FOLDER"])
    # node looks for what a script imports beside the script.
    (folder / "node_modules").symlink_to(NODE_MODULES)
    script = folder / "server.mjs"
    script.write_bytes((ROOT / "benchmarks" / "peers" / "oidc-provider" / "server.mjs").read_bytes())
    resources = {workload: {"resource": f"urn:example:{workload}"} for workload in (ES256, RS256)}
    calls = Calls("/token", "/token/introspection", CLIENTS, place.secret, resources)
    return _server(["node", str(script)], environ, calls)


_UNSIGNED = (OPAQUE, CHECK, REFRESH)
# Those that are asked in the same way, by its name. The others are compared with the first, which is ours.
FRAMES: Mapping[str, tuple[Contender, ...]] = {
    "In one process, without HTTP": (
        Contender("Lingpai", _ours),
        Contender("Authlib", _peer("authlib", OPAQUE), _UNSIGNED),
        Contender("Authlib, ES256", _peer("authlib", ES256), (ES256,)),
        Contender("Authlib, RS256", _peer("authlib", RS256), (RS256,)),
        Contender("django-oauth-toolkit", _peer("django", "default"), _UNSIGNED),
        Contender("django-oauth-toolkit, tuned", _peer("django", "tuned"), _UNSIGNED),
    ),
    "Behind an HTTP front": (
        Contender("Lingpai", _ours_behind_a_front),
        Contender("node oidc-provider", _oidc_provider, compiles=True),
    ),
}


def missing() -> str | None:
    """What has to be installed first, or None."""
    needed = (*PYTHON.values(), FRONT, NODE_MODULES)
    gone = [str(path.relative_to(ROOT)) for path in needed if not path.exists()]
    return f"run `make bench-peers`, which installs {', '.join(gone)}" if gone else None


@contextlib.contextmanager
def https_before(port: int, certificate: Certificate) -> Iterator[str]:
    """The address of HTTPS before DynamoDB Local, which speaks HTTP alone.

    DynamoDB of AWS is asked by HTTPS; so that this costs its client here what it costs there, this process takes the
    TLS away.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key_path)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, thither = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, thither), pass_on(there, writer))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
