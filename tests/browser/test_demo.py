"""`make demo` as a newcomer runs it: log in to one app by a code, to the other without one, and log out."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from tests.browser.site import NAME, NUMBER, PASSWORD, open_chromium
from tests.e2e.server import environment
from tests.support.stores import ROOT

pytestmark = pytest.mark.enable_socket
# It installs what the apps need, where that is not there yet.
READY_WITHIN = 240.0
PORTS = ("PORT", "WEB_APP_PORT", "SINGLE_PAGE_APP_PORT")
BASH = shutil.which("bash") or "bash"
ADDRESSES = ("Lingpai", "Website", "Single-page app")


@dataclass(frozen=True)
class Demo:
    """A demo that runs: its process, and what it has printed so far."""

    process: "subprocess.Popen[bytes]"
    output: Path

    @property
    def printed(self) -> str:
        """Everything it has printed."""
        return self.output.read_text("utf-8")

    def url(self, name: str) -> str:
        """The address that it prints for this program."""
        found = re.search(rf"^  {name} +(http://127\.0\.0\.1:[0-9]+)/?$", self.printed, re.MULTILINE)
        assert found is not None, self.printed
        return found[1]

    def code(self, number: str) -> str:
        """The code for this number, once it has printed that."""
        pattern = rf"^  SMS to \+86{number}: .*?([0-9]{{6}})"
        codes: list[str] = wait_for(lambda: re.findall(pattern, self.printed, re.MULTILINE), self, 20.0)
        return codes[-1]


def wait_for[T](found: Callable[[], T], demo: Demo, within: float) -> T:
    """What is found as soon as it is true."""
    end = time.monotonic() + within
    while not (value := found()):
        assert time.monotonic() < end, demo.printed
        assert demo.process.poll() is None, demo.printed
        time.sleep(0.1)
    return value


@contextmanager
def make_demo(folder: Path) -> Iterator[Demo]:
    """`make demo` on free ports, ended by a Ctrl-C."""
    output, program = folder / "demo.log", shutil.which("make")
    assert program is not None
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (our own Makefile)
            [program, "demo"],
            cwd=ROOT,
            env=environment(**dict.fromkeys(PORTS, "0")),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    demo = Demo(process, output)
    try:
        wait_for(lambda: "Ctrl-C ends everything" in demo.printed, demo, READY_WITHIN)
        yield demo
        # To make and to what it runs, as a terminal sends it.
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=40)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=40)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with make_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running
    assert "Traceback" not in running.printed
    for name in ADDRESSES:
        with socket.socket() as asked:
            assert asked.connect_ex(("127.0.0.1", urlsplit(running.url(name)).port or 0)) != 0, name


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with open_chromium() as opened:
        yield opened


@contextmanager
def a_page(chromium: Chromium, language: str, demo: Demo) -> Iterator[Page]:
    """A page in which every request goes to this demo, and nothing goes wrong."""
    with chromium.new_context(locale=language) as context:
        context.set_default_timeout(20_000)
        page = context.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        yield page
        ours = tuple(f"{demo.url(name)}/" for name in ADDRESSES)
        assert [url for url in asked if not url.startswith((*ours, "data:"))] == []
        assert wrong == []


@pytest.mark.parametrize(
    ("number", "language", "texts"),
    [
        (NUMBER, "en-GB", ("Example website", "You are not logged in.", "Hello, ", "Example single-page app")),
        # Its first login makes the account.
        ("13800138000", "zh-CN", ("示例网站", "您还没有登录。", "您好，", "示例单页应用")),
    ],
)
def test_one_login_for_both_apps(
    demo: Demo, chromium: Chromium, number: str, language: str, texts: tuple[str, ...]
) -> None:
    """By the code in the terminal; the second app asks nothing; after the logout it is asked again."""
    website, single_page = demo.url("Website"), demo.url("Single-page app")
    with a_page(chromium, language, demo) as page:
        page.goto(f"{website}/")
        assert page.inner_text("h1") == texts[0]
        assert texts[1] in page.inner_text("main")
        page.click("#log-in")
        page.fill("#mobile", number)
        page.click("button.main")
        page.fill("#code", demo.code(number))
        page.click("form:not(.resend) button.main")
        page.wait_for_selector("#user")
        assert page.url == f"{website}/"
        assert page.inner_text("#user").startswith(texts[2])
        person = page.inner_text("#sub")

        page.click("#other")
        page.wait_for_url(f"{single_page}/")
        assert page.inner_text("h1") == texts[3]
        page.click("#log-in")
        page.wait_for_selector("#user")
        assert page.url == f"{single_page}/"
        assert page.inner_text("#sub") == person
        page.reload()
        page.wait_for_selector("#user")
        assert page.inner_text("#sub") == person

        # Single logout of the login at Lingpai: the next login of any app asks again.
        page.click("#log-out")
        page.wait_for_selector("#log-in")
        assert page.url == f"{single_page}/"
        page.click("#log-in")
        page.wait_for_selector("#mobile")

        # The website's own cookie stays until it is logged out there.
        page.goto(f"{website}/")
        page.click("#log-out")
        page.wait_for_selector("#log-in, button[name=action]")


def test_a_login_that_is_given_up(demo: Demo, chromium: Chromium) -> None:
    """Each app tells of an error that comes back, and of an answer that it has not asked for."""
    with a_page(chromium, "en-GB", demo) as page:
        page.goto(f"{demo.url('Single-page app')}/?error=access_denied&state=x")
        assert "You were not logged in" in page.inner_text("#note")
        assert page.url == f"{demo.url('Single-page app')}/"
    with chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        answer = page.goto(f"{demo.url('Website')}/callback?code=x&state=y")
        assert answer is not None
        assert answer.status == 400
        assert page.inner_text("#error") == "You were not logged in (mismatching_state)."


def test_the_quick_start(demo: Demo, chromium: Chromium) -> None:
    """docs/quick-start.md, "Add your app": its commands, typed as they stand, make an app that logs people in."""
    page_of = (ROOT / "docs" / "quick-start.md").read_text("utf-8")
    section = page_of.partition("\n## Add your app\n")[2].partition("\n## ")[0]
    create, answer, run = re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    port = urlsplit(demo.url("Lingpai")).port
    typed = subprocess.run(  # noqa: S603 (a command of ours)
        [BASH, "-euc", create],
        cwd=ROOT,
        env=environment(PORT=str(port)),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    pattern = "(.*)".join(re.escape(part) for part in answer.split("…"))
    shown = re.fullmatch(pattern, typed.stdout + typed.stderr)
    assert shown is not None, typed
    with socket.create_server(("127.0.0.1", 0)) as free:
        own_port = free.getsockname()[1]
    assert "CLIENT_SECRET=… " in run
    assert run.count("9000") == 1
    command = run.replace("CLIENT_SECRET=… ", f"CLIENT_SECRET={shown[1]} exec env ").replace("9000", str(own_port))
    process = subprocess.Popen(  # noqa: S603 (a command of ours)
        [BASH, "-euc", command],
        cwd=ROOT,
        env=environment(ISSUER=demo.url("Lingpai"), NO_PROXY="127.0.0.1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: is_open(own_port), demo, 30.0)
        with chromium.new_context(locale="en-GB") as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{own_port}/")
            page.click("#log-in")
            assert "My app" in page.inner_text("body")
            page.click("text=Password")
            page.fill("#username", NAME)
            page.fill("#password", PASSWORD)
            page.click("button.main")
            page.wait_for_selector("#user")
            assert page.url == f"http://127.0.0.1:{own_port}/"
            page.click("#log-out")
            page.wait_for_selector("#log-in")
            assert page.url == f"http://127.0.0.1:{own_port}/"
    finally:
        process.terminate()
        process.wait(timeout=20)


def is_open(port: int) -> bool:
    """Whether something answers at this port."""
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_that_is_in_use(tmp_path: Path) -> None:
    """It says which, and what to type."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "local.demo"],
            cwd=ROOT,
            env=environment(WEB_APP_PORT=str(port)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    said = f"WEB_APP_PORT: port {port} is not free (Address already in use). Try: WEB_APP_PORT={port + 10} make demo\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", said)
