"""Apps that are written with an OpenID Connect library each, as processes beside the local server.

Each of them is a file in `apps/`. It finds its client and its address in the environment (`ISSUER`, `CLIENT_ID`,
`CLIENT_SECRET`, `BASE_URL`, `PORT`), and has these routes: `/` (the claims of the ID token, or null), `/login` (takes
`prompt`), `/userinfo`, `/refresh` and `/logout`; errors are answered with status 400 as JSON.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server import PATIENCE, Server, environment, serving
from tests.support.stores import ROOT

APPS = Path(__file__).parent / "apps"
PACKAGES = ROOT / ".cache" / "npm-browser" / "node_modules"
SCOPES = "openid profile phone roles"
# How long an access token of the single-page app lives, in seconds: it is renewed while a test waits.
SHORT = 6
USERNAME, PASSWORD, NUMBER = "alice", "correct horse battery", "13312341234"


@dataclass(frozen=True)
class App:
    """An app: its client's id, its file, its paths, and what it makes of an error."""

    client_id: str
    file: str
    callback: str = "/callback"
    login: str = "/login"
    logout: str = "/logout"
    after_logout: str = "/"
    error: dict[str, str] | None = None
    """What it answers to a refused login, without the error's code; None where the library does not tell the code."""
    tells_issuer: bool = False
    """Whether its error has the issuer as well."""
    pushes: bool = False
    """Whether it pushes its authorization requests (RFC 9126)."""
    refreshes: bool = True
    """Whether it has `/refresh`."""
    public: bool = False

    @property
    def secret(self) -> str | None:
        """The secret of its client; None for a public one."""
        return None if self.public else f"{self.client_id}-secret-of-the-tests"


@dataclass(frozen=True)
class RunningApps:
    """The server, its issuer, and the address of each app by its client's id."""

    server: Server
    issuer: str
    urls: dict[str, str]


def free_ports(count: int) -> list[int]:
    """Return so many ports that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [int(opened.getsockname()[1]) for opened in sockets]


@contextmanager
def run(folder: Path, apps: Sequence[App]) -> Iterator[RunningApps]:
    """Run the local server and these apps, at `http://localhost`, until the context ends."""
    port, *ports = free_ports(len(apps) + 1)
    issuer = f"http://localhost:{port}"
    urls = {app.client_id: f"http://localhost:{port}" for app, port in zip(apps, ports, strict=True)}
    seed = folder / "seed.json"
    seed.write_text(json.dumps(_seed(apps, urls)), "utf-8")
    with ExitStack() as stack:
        server = stack.enter_context(
            serving(
                folder,
                PORT=str(port),
                ISSUER=issuer,
                SEED=str(seed),
                KEYS_FILE=str(folder / "keys.json"),
                CORS_ORIGINS=",".join(urls[app.client_id] for app in apps if app.public),
            )
        )
        for app, app_port in zip(apps, ports, strict=True):
            stack.enter_context(_process(folder, app, issuer, app_port))
        yield RunningApps(server, issuer, urls)


def _seed(apps: Sequence[App], urls: dict[str, str]) -> dict[str, Any]:
    clients = []
    for app in apps:
        url = urls[app.client_id]
        client = {
            "client_id": app.client_id,
            "dialect": "standard",
            "grant_types": ["authorization_code", "refresh_token"],
            "scopes": SCOPES,
            "name": f"Written with {app.client_id}",
            "redirect_uris": [url + app.callback],
            "post_logout_redirect_uris": [url + app.after_logout],
        }
        clients.append(client | ({"access_token_ttl": SHORT} if app.public else {"client_secret": app.secret}))
    user = {"username": USERNAME, "password": PASSWORD, "mobile": NUMBER, "roles": ["user"]}
    return {"clients": clients, "roles": [{"id": 2, "roleName": "user"}], "users": [user]}


@contextmanager
def _process(folder: Path, app: App, issuer: str, port: int) -> Iterator[None]:
    """Run the app until the context ends; fail if it does not answer."""
    home = folder / app.file.partition(".")[0]
    home.mkdir()
    url = f"http://localhost:{port}"
    output = home / "output.log"
    given = {
        "ISSUER": issuer,
        "CLIENT_ID": app.client_id,
        "CLIENT_SECRET": app.secret or "",
        "BASE_URL": url,
        "PORT": str(port),
        "DATABASE": str(home / "database.sqlite3"),
    }
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  (a file of this repository)
            _command(home, app, issuer, port),
            cwd=home,
            env=environment(**given),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(process, port, output)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _command(home: Path, app: App, issuer: str, port: int) -> list[str]:
    """Put the app into its folder, with the packages of npm where it looks for them, and say how it is run."""
    file = Path(shutil.copy(APPS / app.file, home))
    if file.suffix == ".py":
        return [sys.executable, str(file)]
    if file.suffix == ".html":
        text = file.read_text("utf-8").replace("{{ISSUER}}", issuer).replace("{{CLIENT_ID}}", app.client_id)
        (home / "index.html").write_text(text, "utf-8")
        shutil.copy(PACKAGES / "oidc-client-ts" / "dist" / "browser" / "oidc-client-ts.min.js", home)
        shutil.copy(ROOT / "sdk" / "js" / "lingpai.mjs", home)
        return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    (home / "node_modules").symlink_to(PACKAGES)
    return [shutil.which("node") or "node", str(file)]


def _wait_for(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the app does not listen:\n{output.read_text('utf-8')}")
