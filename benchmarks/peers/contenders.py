"""Who is measured: how each is begun, what is asked of it, and what it does differently."""

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.peers.apps.place import CLIENTS
from benchmarks.peers.processes import BrokenPeerError, HttpClient, Process, process, spent
from benchmarks.peers.workloads import CHECK, ES256, OPAQUE, REFRESH, RS256, TOKENS, WORKLOADS, Calls, measure
from lingpai.settings import Settings
from tests.support.stores import ROOT, TABLE_FIELDS

CACHE = ROOT / ".cache"
PYTHON = {name: CACHE / f"peers-{name}" / "bin" / "python" for name in ("django", "authlib")}
FRONT = CACHE / "peers-front" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
NODE_MODULES = CACHE / "peers-oidc-provider" / "node_modules"
APPS = "benchmarks.peers.apps"
# Of this process's environment, what the peers need of it.
_HANDED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Place:
    """Where a run takes place: a folder that is removed at its end, and where DynamoDB answers by HTTPS.

    `settings` are those of the service that the one who measures wants otherwise.
    """

    folder: Path
    dynamodb: str
    certificate: Path
    settings: Mapping[str, str]
    secret: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))

    def room(self, name: str) -> Path:
        """A folder for one of them."""
        made = self.folder / "".join(c if c.isalnum() else "-" for c in name)
        made.mkdir(exist_ok=True)
        return made

    def environ(self, room: Path, variant: str = "", path: Sequence[Path] = ()) -> dict[str, str]:
        """What every Python server here is begun with; `path` is what it may import besides this folder."""
        kept = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        return kept | {
            "HOME": str(room),
            "TMPDIR": str(room),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *path))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PEER_FOLDER": str(room),
            "PEER_SECRET": self.secret,
            "PEER_VARIANT": variant,
        }

    def service(self, room: Path) -> dict[str, str]:
        """The environment of our functions, as the template makes it, on tables of their own."""
        prefix = f"peers-{secrets.token_hex(6)}-"
        return {
            **self.environ(room, path=(ROOT / "layers" / "common", FRONT)),
            **{name.upper(): f"{prefix}{Settings.model_fields[name].default}" for name in TABLE_FIELDS},
            "KEYS_FILE": str(room / "keys.json"),
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
            **self.settings,
        }


class Running(Protocol):
    """A server that is up."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Of what it is made."""
        ...

    def measure(self, workload: str, count: int) -> float:
        """Milliseconds of its processor time for an answer, the mean of `count`."""
        ...


Begin = Callable[[Place], contextlib.AbstractContextManager[Running]]


@dataclass(frozen=True)
class Contender:
    """A server in a frame, where its name is unique.

    `compiles`: it compiles what is often used while it runs, and is fast only then.
    """

    name: str
    begin: Begin
    workloads: tuple[str, ...]
    compiles: bool = False


@dataclass(frozen=True)
class Frame:
    """Servers that are asked in the same way. The others are compared with the first, which is ours."""

    title: str
    text: str
    contenders: tuple[Contender, ...]


# --- asked in their own process -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Worker:
    """See `worker`."""

    process: Process
    versions: Mapping[str, str]

    def measure(self, workload: str, count: int) -> float:
        """See `Running`."""
        self.process.say(json.dumps({"workload": workload, "count": count}))
        given = self.process.hear()
        if "error" in given:
            raise self.process.broken(given["error"])
        ms: float = given["ms"]
        return ms


@contextlib.contextmanager
def _worker(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Running]:
    with process(command, environ, Path(environ["PEER_FOLDER"]) / "complaints") as begun:
        yield _Worker(begun, begun.hear()["versions"])


def _peer(name: str, variant: str) -> Begin:
    def begin(place: Place) -> contextlib.AbstractContextManager[Running]:
        environ = place.environ(place.room(f"{name}-{variant}"), variant)
        return _worker([str(PYTHON[name]), "-m", "benchmarks.peers.worker", f"{APPS}.{name}_app"], environ)

    return begin


def _ours(place: Place) -> contextlib.AbstractContextManager[Running]:
    environ = place.service(place.room("ours"))
    return _worker([sys.executable, "-m", "benchmarks.peers.worker", f"{APPS}.lingpai_app"], environ)


# --- asked over HTTP ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Server:
    """A server behind a port. It prints its port and versions first, then new sessions where it is asked for them."""

    process: Process
    port: int
    calls: Calls
    versions: Mapping[str, str]

    def measure(self, workload: str, count: int) -> float:
        """See `Running`. The connection is kept from the first request to the last."""
        sessions: list[str] = []
        if workload == REFRESH:
            self.process.say(f"sessions {TOKENS}")
            sessions = self.process.hear()["sessions"]
        with contextlib.closing(HttpClient(self.port)) as client:
            ms = measure(client, self.calls, workload, count, sessions, lambda: spent(self.process.pid))
        if client.connections != 1:
            raise BrokenPeerError(f"{client.connections} connections were needed where one should have been kept")
        return ms


@contextlib.contextmanager
def _server(command: Sequence[str], environ: Mapping[str, str], calls: Calls) -> Iterator[Running]:
    with process(command, environ, Path(environ["PEER_FOLDER"]) / "complaints") as begun:
        told = begun.hear()
        yield _Server(begun, told["port"], calls, told["versions"])


def _ours_behind_uvloop(place: Place) -> contextlib.AbstractContextManager[Running]:
    environ = place.service(place.room("ours-uvloop"))
    calls = Calls("/oauth/token", "/oauth/introspect", CLIENTS, place.secret)
    return _server([sys.executable, "-m", f"{APPS}.lingpai_front"], environ, calls)


def _oidc_provider(place: Place) -> contextlib.AbstractContextManager[Running]:
    room = place.room("oidc-provider")
    # node looks for what a script imports beside the script.
    (room / "node_modules").symlink_to(NODE_MODULES)
    script = room / "server.mjs"
    script.write_bytes((ROOT / "benchmarks" / "peers" / "oidc-provider" / "server.mjs").read_bytes())
    resources = {workload: {"resource": f"urn:example:{workload}"} for workload in (ES256, RS256)}
    calls = Calls("/token", "/token/introspection", CLIENTS, place.secret, more=resources)
    return _server(["node", str(script)], place.environ(room) | {"NODE_ENV": "production"}, calls)


# --- all of them --------------------------------------------------------------------------------------------------

_ALL = tuple(WORKLOADS)
_UNSIGNED = (OPAQUE, CHECK, REFRESH)

IN_PROCESS = Frame(
    "In one process, without HTTP",
    "The handler called with an event of API Gateway, Django and Flask as WSGI callables with an environ: both made "
    "before, and what comes back is read after. What each writes to a log is in it, and goes to /dev/null.",
    (
        Contender("Lingpai", _ours, _ALL),
        Contender("Authlib", _peer("authlib", OPAQUE), _UNSIGNED),
        Contender("Authlib, ES256", _peer("authlib", ES256), (ES256,)),
        Contender("Authlib, RS256", _peer("authlib", RS256), (RS256,)),
        Contender("django-oauth-toolkit", _peer("django", "default"), _UNSIGNED),
        Contender("django-oauth-toolkit, tuned", _peer("django", "tuned"), _UNSIGNED),
    ),
)

OVER_HTTP = Frame(
    "Behind an HTTP front",
    "Over one kept connection, the server's process alone: node on its own HTTP server, and ours on a front of the "
    "same parts, llhttp and libuv (httptools and uvloop).",
    (
        Contender("Lingpai", _ours_behind_uvloop, _ALL),
        Contender("node oidc-provider", _oidc_provider, _ALL, compiles=True),
    ),
)

FRAMES = (IN_PROCESS, OVER_HTTP)

DIFFERENCES: Mapping[str, str] = {
    "Lingpai": (
        "DynamoDB Local answers by HTTPS in a process of its own on this machine: what the client of it costs is in "
        "the figures, TLS included; what DynamoDB itself costs is not. Stores hashes of tokens alone. A JWT of a "
        "client for itself is not stored. Client records are kept for 60 s, as deployed, and client secrets are "
        "SHA-256. Every request writes a log line and, where it issues a token, a line of metrics. Keys that sign are "
        "in a file; on AWS KMS unwraps them once."
    ),
    "Authlib": (
        "SQLAlchemy on SQLite, a file in the same process: the database is in the figures. Stores tokens and client "
        "secrets in the clear, as its mixins do. JWTs are not stored, which its documentation allows. A refresh "
        "writes a new row and revokes the old one, in two transactions; a token that comes back revokes no family. "
        "Logs nothing."
    ),
    "django-oauth-toolkit": (
        "Django's ORM on SQLite, a file in the same process: the database is in the figures. By default a client's "
        "secret is hashed by PBKDF2 at each request and the connection to the database is opened for each; tuned, it "
        "has neither (`hash_client_secret=False`, `CONN_MAX_AGE=None`). Stores tokens in the clear, with a SHA-256 to "
        "find them by. A reused refresh token revokes its family only where a setting says so, which is off by "
        "default. This version signs no access tokens. Logs nothing."
    ),
    "node oidc-provider": (
        "Keeps everything in the memory of the process, by the adapter that it has for development: nothing is "
        "durable, and there is no store in its figures. A refresh checks the grant and the account and revokes the "
        "grant where a token comes back; it was told to rotate, and its sessions are new in each round, since its "
        "adapter takes longer with each token of a grant. Logs nothing. It has no way to be asked without HTTP."
    ),
}


def missing() -> str | None:
    """What has to be installed first, or None."""
    needed = (*PYTHON.values(), FRONT, NODE_MODULES)
    gone = [str(path.relative_to(ROOT)) for path in needed if not path.exists()]
    return f"run `make bench-peers`, which installs {', '.join(gone)}" if gone else None
