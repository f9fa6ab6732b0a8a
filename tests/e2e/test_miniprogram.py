"""docs/wechat-miniprogram.zh-CN.md: its snippets run as they stand, in a fake WeChat and against a real server."""

import base64
import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from lingpai.http.reasons import REASONS
from tests.e2e.phone import READ_CODE, Phone, second_factor
from tests.e2e.server import Server, serving
from tests.support import vendor
from tests.support.npm import NODE
from tests.support.stores import ROOT
from tests.support.wechat import APPS, SECRETS, WeChat

PAGE = (ROOT / "docs" / "wechat-miniprogram.zh-CN.md").read_text("utf-8")
SDK = ROOT / "sdk" / "js" / "lingpai.js"
ADDRESS = "https://login.example.com"
SHOP = "shop-api:a long random secret"
ME = "return lingpai.currentUser()"

pytestmark = pytest.mark.skipif(not NODE, reason="no node on the PATH (Node.js 20 or later is needed)")


def snippets() -> dict[str, str]:
    """The page's JavaScript by the name of its file, which the first line of each block has."""
    blocks = re.findall(r"^```js\n// (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == PAGE.count("```js\n")
    return dict(blocks)


@pytest.fixture(scope="module")
def chat() -> WeChat:
    return WeChat(clock=time.time)


@pytest.fixture(scope="module")
def server(chat: WeChat, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the clients of the page."""
    folder = tmp_path_factory.mktemp("server")
    seed = folder / "seed.json"
    content, client = (
        json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    )
    content["clients"].append(client)
    seed.write_text(json.dumps(content), "utf-8")
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
        assert source.count(ADDRESS) == (name in ("utils/lingpai.js", "utils/shop.js"))
        path.write_text(source.replace(ADDRESS, server.url), "utf-8")
    shutil.copy(SDK, tmp_path / "mini" / "utils" / "lingpai-sdk.js")
    openid = f"o-{request.node.name}"
    return Phone(server, chat, tmp_path / "mini", openid, "mini-program")


def logged_in(phone: Phone) -> tuple[dict[str, Any], dict[str, Any]]:
    """Log in for the first time: the account, and the tokens in the storage."""
    found = phone.run(ME, codes=phone.codes(1))
    return found["results"][0]["value"], phone.tokens(found)


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
        "/oauth/introspect", form={"token": phone.tokens(second)["accessToken"]}, basic=SHOP
    )
    assert (introspected[0], introspected[1]["active"], introspected[1]["sub"]) == (200, True, str(account["id"]))


def test_refreshes_once(phone: Phone) -> None:
    """Three requests with an access token that is not good any more: one refresh, and each is repeated."""
    account, tokens = logged_in(phone)
    stale = phone.stale(tokens)
    each = "lingpai.currentUser().then((user) => user.id)"
    found = phone.run(f"return Promise.all([{each}, {each}, {each}])", codes=[], storage=stale)
    assert found["results"] == [{"value": [account["id"]] * 3}]
    assert found["requests"].count(["/oauth/token", 200]) == 1
    assert found["requests"].count(["/users/current", 401]) == 3
    assert found["requests"].count(["/users/current", 200]) == 3
    assert phone.tokens(found)["refreshToken"] != tokens["refreshToken"]
    assert found["logins"] == 0


def test_a_late_401_does_not_refresh_again(phone: Phone) -> None:
    """A request that was sent before a refresh and is refused after it takes the new token."""
    account, tokens = logged_in(phone)
    stale = phone.stale(tokens)
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
    account, tokens = logged_in(phone)
    stale = phone.stale(tokens)
    found = phone.run(ME, codes=[], storage=stale, faults=("/oauth/token",))
    assert found["results"] == [{"value": account}]
    assert found["requests"].count(["/oauth/token", 200]) == 2
    assert found["logins"] == 0


def test_an_ended_session_logs_in_again(phone: Phone) -> None:
    """The session was ended elsewhere: a silent login leads to the same account."""
    account, tokens = logged_in(phone)
    form = {"client_id": "mini-program", "token": tokens["refreshToken"]}
    assert phone.server.post("/oauth/revoke", form=form) == (200, {})
    found = phone.run(ME, codes=phone.codes(1), storage=phone.storage(tokens))
    assert found["results"] == [{"value": account}]
    assert found["requests"] == [
        ["/users/current", 401],
        ["/oauth/token", 400],
        ["/sign/token", 200],
        ["/users/current", 200],
    ]


def test_logout(phone: Phone) -> None:
    """Both tokens are good for nothing afterwards, and nothing is left on the phone."""
    _, tokens = logged_in(phone)
    found = phone.run("await lingpai.logout(); await lingpai.logout()", codes=[], storage=phone.storage(tokens))
    assert (found["results"], found["storage"], found["requests"]) == ([{"value": None}], {}, [["/oauth/revoke", 200]])
    status, answer = phone.server.get("/users/current", bearer=tokens["accessToken"])
    assert (status, answer["error"]) == (401, "invalid_token")
    form = {"client_id": "mini-program", "grant_type": "refresh_token", "refresh_token": tokens["refreshToken"]}
    status, answer = phone.server.post("/oauth/token", form=form)
    assert (status, answer["reason"]) == (400, "bad_refresh_token")


def test_logout_waits_for_a_refresh(phone: Phone) -> None:
    """A refresh that is on its way does not bring the tokens back."""
    _, tokens = logged_in(phone)
    stale = phone.stale(tokens)
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


def test_what_a_browser_has_is_not_needed(phone: Phone) -> None:
    """A request to log in in a web-view, for which the SDK makes random numbers, a digest and an address by itself."""
    step = "return lingpai.loginUrl({ redirectUri: 'https://app.example/?a=b', appState: { to: '/购物车' } })"
    found = phone.run(step, step, codes=[])
    first, second = (dict(parse_qsl(urlsplit(each["value"]).query)) for each in found["results"])
    assert (first["redirect_uri"], first["code_challenge_method"]) == ("https://app.example/?a=b", "S256")
    pending = json.loads(found["storage"][f"{phone.key}.login"])
    assert pending["state"] == second["state"] != first["state"]
    digest = hashlib.sha256(pending["verifier"].encode()).digest()
    assert second["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert pending["appState"] == {"to": "/购物车"}


def test_without_a_network(phone: Phone) -> None:
    """A request that is not answered keeps the tokens."""
    _, tokens = logged_in(phone)
    found = phone.run(ME, codes=[], storage=phone.storage(tokens), faults=("/users/current",) * 3)
    refused = {"status": 0, "error": "network", "reason": None, "retryAfter": None}
    assert found["results"] == [{"refused": refused | {"text": "网络连接失败，请检查网络后重试"}}]
    assert phone.tokens(found) == tokens


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
    first = phone.run(ME, f"{opened}; await page.onSend(); await page.onSend()", codes=phone.codes(1))
    assert [status for path, status in first["requests"] if path == "/mobile/code/get"] == [200, 429]
    assert re.fullmatch(r".+，请 [1-6]?\d 秒后再试", first["toasts"][0]["title"])
    [code] = {found["code"] for found in _dicts(phone.server.get("/_local/sms")[1]) if found.get("code")}
    time.sleep(1.1)  # the login is no longer recent: the sign is the proof
    bind = f"{opened}; page.setData({{ code: '{code}' }}); await page.onBind()"
    second = phone.run(bind, ME, codes=phone.codes(1), storage=first["storage"])
    assert (second["toasts"], second["logins"]) == ([{"title": "已绑定"}], 1)
    assert second["results"][1]["value"]["phone"] == mobile


def test_the_page_of_the_login(phone: Phone) -> None:
    """pages/login/login.js: a wrong code and the right one, the second factors, and the number by WeChat."""
    shop = replace(phone, client="shop-app")
    opened = "const page = open('pages/login/login.js'); page.onLoad();"
    by_code = f"""
        {opened} page.setData({{ mobile: '13812340001' }}); await page.onSend();
        const told = [page.data.next, page.data.wait];
        page.setData({{ code: '1' }}); await page.onCode();
        {READ_CODE} await page.onCode(); return told
    """
    found = shop.run(by_code, codes=[])
    assert found["results"] == [{"value": [["code", "mobile"], 60]}]
    assert found["toasts"] == [{"title": "验证码不正确或已过期", "icon": "none"}]
    assert found["moves"] == [["reLaunch", "/pages/me/me"]]
    assert shop.tokens(found)["scope"] == ["openid", "profile", "phone"]

    mobile = "13812340002"
    app, recovery_codes = second_factor(phone.server, mobile)

    def by_number() -> str:
        code = phone.chat.confirm_number(mobile, phone.openid)
        return f"{opened} await page.onPhone({{ detail: {{ code: '{code}' }} }});"

    for way, code in (("onTotp", app.code(time.time())), ("onRecoveryCode", recovery_codes[0])):
        second = f"""
            {by_number()} const told = page.data.next;
            page.setData({{ code: '000000' }}); await page.{way}();
            page.setData({{ code: '{code}' }}); await page.{way}(); return told
        """
        found = shop.run(second, codes=phone.codes(1))
        assert found["results"] == [{"value": ["totp", "recovery_code"]}]
        assert found["toasts"] == [{"title": "验证码不正确或已使用", "icon": "none"}]
        assert found["moves"] == [["reLaunch", "/pages/me/me"]]
        status, user = phone.server.get("/oauth/userinfo", bearer=shop.tokens(found)["accessToken"])
        assert (status, user["phone_number"]) == (200, f"+86{mobile}")

    used = by_number()
    found = shop.run(used, used, codes=phone.codes(2))
    assert found["toasts"] == [{"title": "没有获得手机号，请重试", "icon": "none"}]


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
    status = {"redirect_to_web": "403", "insufficient_authorization": "403"}
    status |= {"too_many_requests": "429", "temporarily_unavailable": "503", "invalid_client": "401"}
    assert [(reason, code) for reason, code in told if status.get(known[reason], "400") != code] == []
    texts = snippets()["utils/lingpai.js"].partition("const TEXTS = {")[2].partition("}")[0]
    assert set(re.findall(r"^  (\w+):", texts, re.MULTILINE)) - {"network"} <= set(known)
