"""Who is measured: how each is begun, what is asked of it, and what it does differently."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.peers import cpu
from benchmarks.peers.processes import BrokenPeerError, Process, free_port, listening, process
from benchmarks.peers.talk import HttpTalk
from benchmarks.peers.works import CHECK, ES256, OPAQUE, REFRESH, RS256, TOKENS, WORKS, Calls, measure

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
PYTHON = {name: CACHE / f"peers-{name}" / "bin" / "python" for name in ("django", "authlib")}
FRONT = CACHE / "peers-front" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
NODE_MODULES = CACHE / "peers-oidc-provider" / "node_modules"
APPS = "benchmarks.peers.apps"
TABLES = ("Clients", "Users", "Identities", "Roles", "Sessions", "Codes", "Counters", "Keys")
# Of this process's environment, what the peers need of it.
_HANDED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_SEEDING = 120


@dataclass(frozen=True)
class Place:
    """Where a run takes place: a folder that is removed at its end, and where DynamoDB answers, in clear and by HTTPS.

    `settings` are those of the service that the one who measures wants otherwise.
    """

    folder: Path
    dynamodb: str
    dynamodb_tls: str
    certificate: Path
    settings: Mapping[str, str]
    secret: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))

    def room(self, name: str) -> Path:
        """A folder for one of them."""
        made = self.folder / "".join(c if c.isalnum() else "-" for c in name)
        made.mkdir(exist_ok=True)
        return made

    def environ(self, room: Path, variant: str, path: Sequence[Path] = ()) -> dict[str, str]:
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

    def service(self, room: Path, variant: str) -> dict[str, str]:
        """The environment of our functions, as the template makes it, on tables of their own."""
        prefix = f"peers-{secrets.token_hex(6)}-"
        endpoint = self.dynamodb_tls if variant == TLS else self.dynamodb
        return {
            **self.environ(room, variant, (ROOT / "layers" / "common", FRONT)),
            **{f"{name.upper()}_TABLE": f"{prefix}{name}Table" for name in TABLES},
            "KEYS_FILE": str(room / "keys.json"),
            "CODE_PEPPER": secrets.token_urlsafe(32),
            "METRICS_NAMESPACE": "Lingpai/lingpai-prod",
            "POWERTOOLS_SERVICE_NAME": "lingpai",
            "LOG_LEVEL": "INFO",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
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

    def measure(self, work: str, count: int) -> float:
        """Milliseconds of its processor time for an answer, the mean of `count`."""
        ...


Begin = Callable[[Place], contextlib.AbstractContextManager[Running]]


@dataclass(frozen=True)
class Contender:
    """A server in a frame. `name` is unique there; `beside` is the name of ours that it is compared with.

    `compiles`: it compiles what is often used while it runs, and is fast only then.
    """

    name: str
    begin: Begin
    works: tuple[str, ...]
    beside: str
    compiles: bool = False


@dataclass(frozen=True)
class Frame:
    """Servers that are asked in the same way."""

    title: str
    text: str
    contenders: tuple[Contender, ...]


# --- asked in their own process -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Worker:
    """See `worker`."""

    process: Process
    versions: Mapping[str, str]

    def measure(self, work: str, count: int) -> float:
        """See `Running`."""
        self.process.say(json.dumps({"work": work, "count": count}))
        given = self.process.hear()
        if "error" in given:
            raise self.process.broken(given["error"])
        ms: float = given["ms"]
        return ms


@contextlib.contextmanager
def _worker(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Running]:
    with process(command, environ, Path(environ["PEER_FOLDER"]) / "complaints") as begun:
        yield _Worker(begun, begun.hear()["versions"])


def _peer_in_process(name: str, app: str, variant: str) -> Begin:
    def begin(place: Place) -> contextlib.AbstractContextManager[Running]:
        environ = place.environ(place.room(f"{app}-{variant}-in"), variant)
        return _worker([str(PYTHON[name]), "-m", "benchmarks.peers.worker", f"{APPS}.{app}"], environ)

    return begin


def _ours_in_process(variant: str) -> Begin:
    def begin(place: Place) -> contextlib.AbstractContextManager[Running]:
        environ = place.service(place.room(f"ours-{variant}-in"), variant)
        return _worker([sys.executable, "-m", "benchmarks.peers.worker", f"{APPS}.lingpai_app"], environ)

    return begin


def budget(place: Place, name: str, settings: Mapping[str, str]) -> contextlib.AbstractContextManager[Running]:
    """The worker of `budget`, with these settings besides."""
    environ = {**place.service(place.room(f"budget-{name}"), PLAIN), **settings}
    return _worker([sys.executable, "-m", "benchmarks.peers.budget"], environ)


# --- asked over HTTP ----------------------------------------------------------------------------------------------


@dataclass
class _Server:
    """A server behind a port, whose answers all come from the process `pid`; `fresh` makes new sessions."""

    port: int
    pid: int
    calls: Calls
    sessions: list[str]
    versions: Mapping[str, str]
    fresh: Callable[[int], list[str]] | None = None

    def measure(self, work: str, count: int) -> float:
        """See `Running`. The connection is kept from the first request to the last."""
        if work == REFRESH and self.fresh is not None:
            self.sessions = self.fresh(TOKENS)
        with contextlib.closing(HttpTalk(self.port)) as talk:
            ms = measure(talk, self.calls, work, count, self.sessions, lambda: cpu.spent(self.pid))
        if talk.connections != 1:
            raise BrokenPeerError(f"{talk.connections} connections were needed where one should have been kept")
        return ms


# gthread is the worker of gunicorn's that keeps connections; with one thread it answers one request at a time.
_GUNICORN = ("-m", "gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "1", "--no-control-socket")


@contextlib.contextmanager
def _gunicorn(python: Path | str, environ: Mapping[str, str], app: str, wsgi: str, calls: Calls) -> Iterator[Running]:
    seeded = _seeded(python, environ, app)
    room = environ["PEER_FOLDER"]
    with listening() as door:
        port, descriptor = door.getsockname()[1], door.fileno()
        options = ("--bind", f"fd://{descriptor}", "--worker-tmp-dir", room, "--log-level", "error")
        command = [str(python), *_GUNICORN, *options, f"{wsgi}:application"]
        with process(command, environ, Path(room) / "complaints", [descriptor]) as begun:
            begun.wait_for(lambda: len(cpu.children(begun.pid)) == 1)
            (worker,) = cpu.children(begun.pid)
            yield _Server(port, worker, calls, seeded["sessions"], seeded["versions"])


def _seeded(python: Path | str, environ: Mapping[str, str], app: str) -> dict[str, Any]:
    """What `seed` gives."""
    command = [str(python), "-m", "benchmarks.peers.seed", f"{APPS}.{app}"]
    done = subprocess.run(command, env=dict(environ), capture_output=True, timeout=_SEEDING, check=False)  # noqa: S603  commands of this folder
    if done.returncode != 0:
        raise BrokenPeerError(f"{command!r}\n{done.stderr.decode(errors='replace')[-2000:]}")
    seeded: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seeded


def _clients() -> Mapping[str, str]:
    from benchmarks.peers.apps.place import CLIENTS

    return CLIENTS


def _peer_behind_gunicorn(name: str, app: str, variant: str) -> Begin:
    def begin(place: Place) -> contextlib.AbstractContextManager[Running]:
        environ = place.environ(place.room(f"{app}-{variant}-http"), variant)
        paths = ("/o/token/", "/o/introspect/") if name == "django" else ("/oauth/token", "/oauth/introspect")
        calls = Calls(*paths, _clients(), place.secret)
        return _gunicorn(PYTHON[name], environ, app, f"{APPS}.{name}_wsgi", calls)

    return begin


def _ours_calls(place: Place) -> Calls:
    return Calls("/oauth/token", "/oauth/introspect", _clients(), place.secret)


def _ours_behind_gunicorn(variant: str) -> Begin:
    def begin(place: Place) -> contextlib.AbstractContextManager[Running]:
        environ = place.service(place.room(f"ours-{variant}-gunicorn"), variant)
        # What the handler logs is no output of gunicorn's to be read.
        return _gunicorn(sys.executable, environ, "lingpai_app", f"{APPS}.lingpai_wsgi", _ours_calls(place))

    return begin


def _ours_behind_uvloop(variant: str) -> Begin:
    @contextlib.contextmanager
    def begin(place: Place) -> Iterator[Running]:
        environ = place.service(place.room(f"ours-{variant}-uvloop"), variant)
        seeded = _seeded(sys.executable, environ, "lingpai_app")
        with listening() as door:
            command = [sys.executable, "-m", f"{APPS}.lingpai_front", str(door.fileno())]
            with process(command, environ, Path(environ["PEER_FOLDER"]) / "complaints", [door.fileno()]) as begun:
                versions = {**seeded["versions"], **_front_versions()}
                yield _Server(door.getsockname()[1], begun.pid, _ours_calls(place), seeded["sessions"], versions)

    return begin


def _front_versions() -> dict[str, str]:
    from importlib.metadata import distributions

    return {one.metadata["Name"]: one.version for one in distributions(path=[str(FRONT)])}


@contextlib.contextmanager
def _oidc_provider(place: Place) -> Iterator[Running]:
    room = place.room("oidc-provider")
    # node looks for what a script imports beside the script.
    (room / "node_modules").symlink_to(NODE_MODULES)
    script = room / "server.mjs"
    script.write_bytes((ROOT / "benchmarks" / "peers" / "oidc-provider" / "server.mjs").read_bytes())
    port = free_port()
    environ = place.environ(room, "") | {"NODE_ENV": "production", "PEER_PORT": str(port)}
    resources = {work: {"resource": f"urn:example:{work}"} for work in (ES256, RS256)}
    with process(["node", str(script)], environ, room / "complaints") as begun:
        versions = begun.hear()["versions"]

        def fresh(count: int) -> list[str]:
            begun.say(f"sessions {count}")
            made: list[str] = begun.hear()["sessions"]
            return made

        calls = Calls("/token", "/token/introspection", _clients(), place.secret, more=resources)
        yield _Server(port, begun.pid, calls, [], versions, fresh)


# --- all of them --------------------------------------------------------------------------------------------------

PLAIN, TLS = "plain", "tls"
_ALL = tuple(WORKS)
_UNSIGNED = (OPAQUE, CHECK, REFRESH)
_STORED = (OPAQUE, CHECK, REFRESH)

IN_PROCESS = Frame(
    "In one process, without HTTP",
    "The handler called with an event of API Gateway, Django and Flask as WSGI callables with an environ: both made "
    "before, and what comes back is read after. What each writes to a log is in it, and goes to /dev/null.",
    (
        Contender("Lingpai, DynamoDB by HTTPS", _ours_in_process(TLS), _ALL, "Lingpai, DynamoDB by HTTPS"),
        Contender("Lingpai, DynamoDB in clear", _ours_in_process(PLAIN), _STORED, "Lingpai, DynamoDB by HTTPS"),
        Contender(
            "Authlib", _peer_in_process("authlib", "authlib_app", OPAQUE), _UNSIGNED, "Lingpai, DynamoDB by HTTPS"
        ),
        Contender(
            "Authlib, ES256", _peer_in_process("authlib", "authlib_app", ES256), (ES256,), "Lingpai, DynamoDB by HTTPS"
        ),
        Contender(
            "Authlib, RS256", _peer_in_process("authlib", "authlib_app", RS256), (RS256,), "Lingpai, DynamoDB by HTTPS"
        ),
        Contender(
            "django-oauth-toolkit",
            _peer_in_process("django", "django_app", "default"),
            _UNSIGNED,
            "Lingpai, DynamoDB by HTTPS",
        ),
        Contender(
            "django-oauth-toolkit, tuned",
            _peer_in_process("django", "django_app", "tuned"),
            _UNSIGNED,
            "Lingpai, DynamoDB by HTTPS",
        ),
    ),
)

_GUNICORN_TLS = "Lingpai behind gunicorn, DynamoDB by HTTPS"
_UVLOOP_TLS = "Lingpai behind uvloop, DynamoDB by HTTPS"
OVER_HTTP = Frame(
    "Behind an HTTP front",
    "Over one kept connection, the server's process alone. Flask and Django behind gunicorn, with one worker of one "
    "thread (gthread: the worker that keeps connections), and ours behind the same; node on its own HTTP server, and "
    "ours beside it on a front of the same parts, llhttp and libuv (httptools and uvloop). Each peer is compared with "
    "ours behind the same kind of front.",
    (
        Contender(_GUNICORN_TLS, _ours_behind_gunicorn(TLS), _ALL, _GUNICORN_TLS),
        Contender("Lingpai behind gunicorn, DynamoDB in clear", _ours_behind_gunicorn(PLAIN), _STORED, _GUNICORN_TLS),
        Contender("Authlib", _peer_behind_gunicorn("authlib", "authlib_app", OPAQUE), _UNSIGNED, _GUNICORN_TLS),
        Contender("Authlib, ES256", _peer_behind_gunicorn("authlib", "authlib_app", ES256), (ES256,), _GUNICORN_TLS),
        Contender("Authlib, RS256", _peer_behind_gunicorn("authlib", "authlib_app", RS256), (RS256,), _GUNICORN_TLS),
        Contender(
            "django-oauth-toolkit", _peer_behind_gunicorn("django", "django_app", "default"), _UNSIGNED, _GUNICORN_TLS
        ),
        Contender(
            "django-oauth-toolkit, tuned",
            _peer_behind_gunicorn("django", "django_app", "tuned"),
            _UNSIGNED,
            _GUNICORN_TLS,
        ),
        Contender(_UVLOOP_TLS, _ours_behind_uvloop(TLS), _ALL, _UVLOOP_TLS),
        Contender("Lingpai behind uvloop, DynamoDB in clear", _ours_behind_uvloop(PLAIN), _STORED, _UVLOOP_TLS),
        Contender("node oidc-provider", _oidc_provider, _ALL, _UVLOOP_TLS, compiles=True),
    ),
)

FRAMES = (IN_PROCESS, OVER_HTTP)

DIFFERENCES: Mapping[str, str] = {
    "Lingpai": (
        "DynamoDB Local answers in a process of its own on this machine: what the client of it costs is in the "
        "figures, what DynamoDB itself costs is not. By HTTPS, as on AWS, is what counts; in clear is what the same "
        "costs without TLS. Stores hashes of tokens alone. A JWT of a client for itself is not stored. Client records "
        "are kept for 60 s, as deployed, and client secrets are SHA-256. Every request writes a log line and, where "
        "it issues a token, a line of metrics. Keys that sign are in a file; on AWS KMS unwraps them once."
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
