"""`make demo`: run Lingpai with demo data, and two example apps that use it for login, until Ctrl-C.

In: the ports `PORT`, `WEB_APP_PORT` and `SINGLE_PAGE_APP_PORT` (0 takes any free one). Out: it prints the addresses and
each SMS code. Exit code: 0 after an interrupt, 1 when a program ended by itself, 2 for a port that cannot be used.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.environment import HOST, ROOT, SMS_PATH, read_port
from local.errors import LocalError

WEB_APP = ROOT / "examples" / "web-app"
# Copied to where they are served, beside the demo's own config.js.
PAGE_FILES = (
    *(ROOT / "examples" / "single-page-app" / name for name in ("index.html", "app.js")),
    ROOT / "sdk" / "js" / "lingpai.mjs",
)
SINGLE_PAGE_APP = ROOT / ".cache" / "single-page-app"
LOGS = ROOT / ".lingpai"
PORTS = {"PORT": 3000, "WEB_APP_PORT": 8000, "SINGLE_PAGE_APP_PORT": 8001}
# In seconds.
_READY_WITHIN = 60.0
_ENDS_WITHIN = 10.0
_LOOK_EVERY = 0.5
# Variables that are not passed on: with them the server would not use the demo data.
_NOT_THE_DEMO = ("SEED", "ISSUER")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ProgramEndedError(LocalError):
    """A program of the demo ended by itself, or does not answer."""

    code = 1


@dataclass(frozen=True)
class Program:
    """A program of the demo. It is ready when it answers a GET of `path` at `port`; `folder` is where it runs."""

    name: str
    command: Sequence[str | Path]
    port: int
    path: str = "/"
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """The address of the program."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file with its output."""
        return LOGS / f"demo-{self.name}.log"


type Running = Sequence[tuple[Program, "subprocess.Popen[bytes]"]]


def main() -> int:
    """Run until interrupted; return the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        _run(programs(os.environ))
    except KeyboardInterrupt:
        return 0
    except LocalError as error:
        print(error, file=sys.stderr)
        return error.code
    return 0


def programs(environ: Mapping[str, str]) -> tuple[Program, Program, Program]:
    """The server and the two apps."""
    port, web_app_port, page_port = (_port(environ, name, default) for name, default in PORTS.items())
    page_url = f"http://{HOST}:{page_port}"
    kept = {name: value for name, value in environ.items() if name not in _NOT_THE_DEMO}
    server = Program(
        "lingpai",
        (sys.executable, "-m", "local"),
        port,
        "/health",
        environment={**kept, "PORT": str(port), "CORS_ORIGINS": page_url},
    )
    web_app = Program(
        "web-app",
        (ROOT / ".cache" / "web-app" / "bin" / "python", "-m", "flask", "--app", "app", "run", "-p", str(web_app_port)),
        web_app_port,
        folder=WEB_APP,
        environment={
            **kept,
            "ISSUER": server.url,
            "OTHER_APP": f"{page_url}/",
            # Lingpai is on this machine: no proxy.
            "NO_PROXY": HOST,
            "no_proxy": HOST,
        },
    )
    page = Program(
        "single-page-app",
        (sys.executable, "-m", "http.server", str(page_port), "--bind", HOST, "--directory", SINGLE_PAGE_APP),
        page_port,
        environment=kept,
    )
    return server, web_app, page


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    port = read_port(environ, name, default)
    with socket.socket() as asked:
        # The servers set this option too: they can reuse a port right after it was closed.
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((HOST, port))
        except OSError as error:
            raise LocalError(
                f"{name}: port {port} is not free ({error.strerror}). Try: {name}={port + 10} make demo"
            ) from None
        found: int = asked.getsockname()[1]
        return found


def _run(demo: tuple[Program, Program, Program]) -> None:
    server, web_app, page = demo
    config = {"issuer": server.url, "clientId": "single-page-app", "otherApp": f"{web_app.url}/"}
    SINGLE_PAGE_APP.mkdir(parents=True, exist_ok=True)
    for file in PAGE_FILES:
        shutil.copy(file, SINGLE_PAGE_APP)
    (SINGLE_PAGE_APP / "config.js").write_text(f"const CONFIG = {json.dumps(config)};\n", "utf-8")
    LOGS.mkdir(exist_ok=True)
    with ExitStack() as stack:
        running = [(program, stack.enter_context(_running(program))) for program in demo]
        for program in demo:
            _wait_for(program, running)
        print(_what_to_do(server, web_app, page), flush=True)
        shown = 0
        while True:
            messages: list[dict[str, Any]] = json.loads(_get(f"{server.url}{SMS_PATH}"))
            for message in messages[shown:]:
                print(f"  SMS to {message['to']}: {message['text']}", flush=True)
            shown = len(messages)
            _check(running)
            time.sleep(_LOOK_EVERY)


@contextmanager
def _running(program: Program) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the program; end it with the context.

    It has its own process group: Ctrl-C goes only to this process, which then ends the program.
    """
    with program.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (programs of this repository)
            program.command,
            cwd=program.folder,
            env={**program.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # A second Ctrl-C must not interrupt the orderly end.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(program: Program, running: Running) -> None:
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end:
        _check(running)
        try:
            _get(program.url + program.path)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ProgramEndedError(f"{program.name} does not answer at {program.url}: see {program.log}")


def _check(running: Running) -> None:
    for program, process in running:
        if process.poll() is not None:
            printed = program.log.read_text("utf-8", "replace").splitlines()[-20:]
            raise ProgramEndedError("\n".join([f"{program.name} ended with exit code {process.returncode}:", *printed]))


def _get(url: str) -> bytes:
    with _OPENER.open(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def _what_to_do(server: Program, web_app: Program, page: Program) -> str:
    users = json.loads((ROOT / "local" / "demo-seed.json").read_text("utf-8"))["users"]
    user = next(user for user in users if "mobile" in user)
    return f"""
  Lingpai          {server.url}
  Website          {web_app.url}/
  Single-page app  {page.url}/

  1. Open {web_app.url}/ and log in: with the number {user["mobile"]}, whose code is shown here,
     or by password as {user["username"]}, "{user["password"]}".
  2. Open {page.url}/ in the same browser and log in: nothing is asked, because you are logged in.
  3. Manage the account at {server.url}/account.
  4. Log out in either app; the next login, in any app, asks again.

  1. 打开 {web_app.url}/ 登录：用手机号 {user["mobile"]}，验证码会显示在这里；也可以用密码登录，用户名和密码同上。
  2. 在同一个浏览器中打开 {page.url}/ 登录：不用再输入任何内容。
  3. 在 {server.url}/account 管理账号。
  4. 在任意一个应用中退出登录，之后再登录任何应用都要重新输入。

  Ctrl-C ends everything; logs are in {LOGS.relative_to(ROOT)}/demo-*.log.
  按 Ctrl-C 结束；日志在 {LOGS.relative_to(ROOT)}/demo-*.log。
"""


if __name__ == "__main__":
    sys.exit(main())
