"""docs/wechat-miniprogram.zh-CN.md: its snippets run as they stand, in a fake WeChat and against a real server."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lingpai.http.reasons import REASONS
from tests.e2e.server import Server, serving
from tests.support import vendor
from tests.support.npm import NODE
from tests.support.stores import ROOT
from tests.support.wechat import APPS, SECRETS, WeChat

PAGE = (ROOT / "docs" / "wechat-miniprogram.zh-CN.md").read_text("utf-8")
SCRIPT = ROOT / "tests" / "e2e" / "miniprogram.mjs"
ADDRESS = "https://login.example.com"
KEY = "lingpai.tokens"
SHOP = "shop-api:a long random secret"
ME = "return (await lingpai.request('/users/current')).message"

pytestmark = pytest.mark.skipif(not NODE, reason="no node on the PATH (Node.js 20 or later is needed)")


def snippets() -> dict[str, str]:
    """The page's JavaScript by the name of its file, which the first line of each block has."""
    blocks = re.findall(r"^```js\n// (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == PAGE.count("```js\n")
    return dict(blocks)


@dataclass
class Phone:
    """A person's WeChat with the mini-program in it."""

    server: Server
    chat: WeChat
    folder: Path
    openid: str

    def codes(self, count: int) -> list[str]:
        """What wx.login will give."""
        return [self.chat.log_in(self.openid) for _ in range(count)]

    def run(self, *steps: str, codes: list[str], storage: Any = None, faults: tuple[str, ...] = ()) -> dict[str, Any]:
        """Open the mini-program and take the steps."""
        given = {"steps": steps, "codes": codes, "storage": storage or {}, "faults": faults}
        done = subprocess.run(  # noqa: S603 (the node of this machine)
            [NODE, str(SCRIPT), str(self.folder)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        found: dict[str, Any] = json.loads(done.stdout)
        self.server.hush(*(found["storage"].get(KEY) or {}).values())
        return found

    def logged_in(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Log in for the first time: the account, and the tokens in the storage."""
        found = self.run(ME, codes=self.codes(1))
        return found["results"][0]["value"], found["storage"][KEY]


@pytest.fixture(scope="module")
def chat() -> WeChat:
    return WeChat()


@pytest.fixture(scope="module")
def server(chat: WeChat, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the clients of the page."""
    folder = tmp_path_factory.mktemp("server")
    seed = folder / "seed.json"
    seed.write_text(PAGE.partition("```json\n")[2].partition("```")[0], "utf-8")
    with (
        vendor.serving(chat) as to_wechat,
        serving(folder, SEED=str(seed), WECHAT_APPS=APPS, WECHAT_URL=to_wechat.url, RECENT_LOGIN="1") as started,
    ):
        started.hush(*SECRETS.values())
        yield started


@pytest.fixture
def phone(server: Server, chat: WeChat, tmp_path: Path, request: pytest.FixtureRequest) -> Phone:
    """The mini-program as the page has it; only the server's address is another one."""
    for name, source in snippets().items():
        path = tmp_path / "mini" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert name != "utils/lingpai.js" or source.count(ADDRESS) == 1
        path.write_text(source.replace(ADDRESS, server.url), "utf-8")
    openid = f"o-{request.node.name}"
    return Phone(server, chat, tmp_path / "mini", openid)


def test_first_login(phone: Phone) -> None:
    """Requests at the same time share one login; the next start of the program needs none."""
    together = (
        "const all = await Promise.all([1, 2, 3].map(() => lingpai.request('/users/current'))); return all.length"
    )
    first = phone.run(together, ME, codes=phone.codes(1))
    assert first["results"][0] == {"value": 3}
    assert (first["logins"], first["requests"].count(["/sign/token", 200])) == (1, 1)
    account = first["results"][1]["value"]
    assert (account["username"], account["phone"]) == (None, None)

    second = phone.run(ME, codes=[], storage=first["storage"])
    assert (second["results"], second["requests"]) == ([{"value": account}], [["/users/current", 200]])
    introspected = phone.server.post(
        "/oauth/introspect", form={"token": second["storage"][KEY]["access_token"]}, basic=SHOP
    )
    assert (introspected[0], introspected[1]["active"], introspected[1]["sub"]) == (200, True, str(account["id"]))


def test_refreshes_once(phone: Phone) -> None:
    """Three requests with an access token that is not good any more: one refresh, and each is repeated."""
    account, tokens = phone.logged_in()
    stale = {KEY: tokens | {"access_token": f"{tokens['access_token'][:-4]}AAAA"}}
    each = "lingpai.request('/users/current').then((answer) => answer.message.id)"
    found = phone.run(f"return Promise.all([{each}, {each}, {each}])", codes=[], storage=stale)
    assert found["results"] == [{"value": [account["id"]] * 3}]
    assert found["requests"].count(["/oauth/token", 200]) == 1
    assert found["requests"].count(["/users/current", 401]) == 3
    assert found["requests"].count(["/users/current", 200]) == 3
    assert found["storage"][KEY]["refresh_token"] != tokens["refresh_token"]
    assert found["logins"] == 0


def test_a_late_401_does_not_refresh_again(phone: Phone) -> None:
    """A request that was sent before a refresh and is refused after it takes the new token."""
    account, tokens = phone.logged_in()
    stale = {KEY: tokens | {"access_token": f"{tokens['access_token'][:-4]}AAAA"}}
    late = """
        const request = wx.request
        let held
        wx.request = function (options) {
          wx.request = request
          request.call(wx, { ...options, success: (res) => { held = () => options.success(res) } })
        }
        const first = lingpai.request('/users/current')
        await lingpai.request('/users/current')
        while (!held) await new Promise((resolve) => setTimeout(resolve, 5))
        held()
        return (await first).message.id
    """
    found = phone.run(late, codes=[], storage=stale)
    assert found["results"] == [{"value": account["id"]}]
    assert found["requests"].count(["/oauth/token", 200]) == 1


def test_a_lost_refresh_is_repeated(phone: Phone) -> None:
    """The answer to a refresh is lost: the same token again gets the same pair, without a login."""
    account, tokens = phone.logged_in()
    stale = {KEY: tokens | {"access_token": f"{tokens['access_token'][:-4]}AAAA"}}
    found = phone.run(ME, codes=[], storage=stale, faults=("/oauth/token",))
    assert found["results"] == [{"value": account}]
    assert found["requests"].count(["/oauth/token", 200]) == 2
    assert found["logins"] == 0


def test_an_ended_session_logs_in_again(phone: Phone) -> None:
    """The session was ended elsewhere: a silent login leads to the same account."""
    account, tokens = phone.logged_in()
    form = {"client_id": "mini-program", "token": tokens["refresh_token"]}
    assert phone.server.post("/oauth/revoke", form=form) == (200, {})
    found = phone.run(ME, codes=phone.codes(1), storage={KEY: tokens})
    assert found["results"] == [{"value": account}]
    assert found["requests"] == [
        ["/users/current", 401],
        ["/oauth/token", 400],
        ["/sign/token", 200],
        ["/users/current", 200],
    ]


def test_logout(phone: Phone) -> None:
    """Both tokens are good for nothing afterwards, and nothing is left on the phone."""
    _, tokens = phone.logged_in()
    found = phone.run("await lingpai.logout(); await lingpai.logout()", codes=[], storage={KEY: tokens})
    assert (found["results"], found["storage"], found["requests"]) == ([{"value": None}], {}, [["/oauth/revoke", 200]])
    status, answer = phone.server.get("/users/current", bearer=tokens["access_token"])
    assert (status, answer["error"]) == (401, "invalid_token")
    form = {"client_id": "mini-program", "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    status, answer = phone.server.post("/oauth/token", form=form)
    assert (status, answer["reason"]) == (400, "bad_refresh_token")


def test_logout_waits_for_a_refresh(phone: Phone) -> None:
    """A refresh that is on its way does not bring the tokens back."""
    _, tokens = phone.logged_in()
    stale = {KEY: tokens | {"access_token": f"{tokens['access_token'][:-4]}AAAA"}}
    both = """
        const refused = lingpai.request('/users/current').catch((error) => error.status)
        while (!requested()) await new Promise((resolve) => setTimeout(resolve, 1))
        await lingpai.logout()
        await refused
    """
    begun = """
        const request = wx.request
        let begun = false
        const requested = () => begun
        wx.request = function (options) {
          if (options.url.endsWith('/oauth/token')) begun = true
          return request.call(wx, options)
        }
    """
    found = phone.run(begun + both, codes=phone.codes(1), storage=stale)
    assert found["requests"].count(["/oauth/token", 200]) == 1
    assert found["requests"].count(["/oauth/revoke", 200]) == 1
    assert found["storage"] == {}


def test_a_used_code_is_replaced_once(phone: Phone) -> None:
    """Codes that WeChat does not take: one more is tried, and then the refusal is told."""
    used = phone.codes(1)
    phone.run(ME, codes=list(used))
    found = phone.run(ME, codes=[*used, *phone.codes(1)])
    assert "value" in found["results"][0]
    assert [status for path, status in found["requests"] if path == "/sign/token"] == [400, 200]

    made_up = [f"0xmadeup{number}{'js' * 12}" for number in range(3)]
    found = phone.run(ME, codes=made_up)
    refused = {"status": 400, "error": "invalid_grant", "reason": "sign_unknown", "retryAfter": None}
    assert found["results"] == [{"refused": refused | {"text": "登录失败，请重试"}}]
    assert (found["logins"], found["storage"]) == (2, {})


def test_wechat_is_busy(phone: Phone) -> None:
    """The time to wait reaches the program, and nothing is asked twice."""
    phone.chat.says = {"errcode": 45011, "errmsg": "api minute-quota reach limit"}
    try:
        found = phone.run(ME, codes=phone.codes(2))
    finally:
        phone.chat.says = None
    refused = {"status": 429, "error": "too_many_requests", "reason": "provider_busy", "retryAfter": 60}
    assert found["results"] == [{"refused": refused | {"text": "登录人数较多，请稍后再试"}}]
    assert found["logins"] == 1


def test_without_a_network(phone: Phone) -> None:
    """A request that is not answered keeps the tokens."""
    _, tokens = phone.logged_in()
    found = phone.run(ME, codes=[], storage={KEY: tokens}, faults=("/users/current",))
    refused = {"status": 0, "error": "network", "reason": None, "retryAfter": None}
    assert found["results"] == [{"refused": refused | {"text": "网络连接失败，请检查网络后重试"}}]
    assert found["storage"] == {KEY: tokens}


def test_the_page_of_the_account(phone: Phone) -> None:
    """pages/me/me.js shows the account, and nobody after the logout."""
    steps = (
        "const page = open('pages/me/me.js'); await page.onLoad(); const shown = page.data.user; await page.onLogout()"
    )
    found = phone.run(f"{steps}; return [shown.username, page.data.user]", codes=phone.codes(1))
    assert found["results"] == [{"value": [None, None]}]
    assert (found["toasts"], found["storage"]) == ([], {})
    found = phone.run("await open('pages/me/me.js').onLoad()", codes=[])
    assert found["toasts"] == [{"title": "网络连接失败，请检查网络后重试", "icon": "none"}]


def test_the_page_of_the_number(phone: Phone) -> None:
    """pages/mobile/mobile.js links a number to the account, by a code sent to it and a fresh sign."""
    mobile = "13812345678"
    opened = f"const page = open('pages/mobile/mobile.js'); page.setData({{ mobile: '{mobile}' }})"
    first = phone.run(f"{opened}; await page.onSend(); await page.onSend()", codes=phone.codes(1))
    assert [status for path, status in first["requests"] if path == "/mobile/code/get"] == [200, 429]
    assert re.fullmatch(r".+，请 [1-6]?\d 秒后再试", first["toasts"][0]["title"])
    [code] = {found["code"] for found in _dicts(phone.server.get("/_local/sms")[1]) if found.get("code")}
    time.sleep(1.1)  # the login is no longer recent: the sign is the proof
    bind = f"{opened}; page.setData({{ code: '{code}' }}); await page.onBind()"
    second = phone.run(bind, ME, codes=phone.codes(1), storage=first["storage"])
    assert (second["toasts"], second["logins"]) == ([{"title": "已绑定"}], 1)
    assert second["results"][1]["value"]["phone"] == mobile


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a JSON value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _dicts(one)


def test_reasons_of_the_page() -> None:
    """Each `reason` that the page names is one, with a status that its error has."""
    known = {reason: error for error, reasons in REASONS.items() for reason in reasons}
    told = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)
    assert len(told) > 10
    status = {"too_many_requests": "429", "temporarily_unavailable": "503", "invalid_client": "401"}
    assert [(reason, code) for reason, code in told if status.get(known[reason], "400") != code] == []
    texts = snippets()["utils/lingpai.js"].partition("const TEXTS = {")[2].partition("}")[0]
    assert set(re.findall(r"^  (\w+):", texts, re.MULTILINE)) - {"network"} <= set(known)
