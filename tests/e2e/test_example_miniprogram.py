"""examples/miniprogram: the code of its pages in a fake WeChat, against the local server with its seed."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lingpai.http.reasons import REASONS
from tests.e2e.phone import READ_CODE, Phone, second_factor
from tests.e2e.server import Server, serving
from tests.support import vendor
from tests.support.npm import NODE
from tests.support.people import new_number
from tests.support.stores import ROOT
from tests.support.wechat import APPS, SECRETS, WeChat

EXAMPLE = ROOT / "examples" / "miniprogram"
SEED = EXAMPLE / "seed.json"
ADDRESS = "http://127.0.0.1:3000"
NETWORK = "网络连接失败，请检查网络后重试"
TO_ME, TO_LOGIN = ["reLaunch", "/pages/me/me"], ["reLaunch", "/pages/login/login"]
PAGE = "const page = open('pages/login/login.js'); page.onLoad();"
SECOND = "const page = open('pages/second/second.js');"
SHOW_ME = "const page = open('pages/me/me.js'); await page.onShow(); return page.data"
LOGGED_OUT = "return lingpai.tokens()"

pytestmark = pytest.mark.skipif(not NODE, reason="no node on the PATH (Node.js 20 or later is needed)")


@pytest.fixture(scope="module")
def chat() -> WeChat:
    return WeChat(clock=time.time)


@pytest.fixture(scope="module")
def server(chat: WeChat, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that sends a code each second."""
    folder = tmp_path_factory.mktemp("server")
    settings = {"SEED": str(SEED), "WECHAT_APPS": APPS, "CODE_RESEND": "1"}
    with vendor.serving(chat) as to_wechat, serving(folder, WECHAT_URL=to_wechat.url, **settings) as started:
        started.hush(*SECRETS.values())
        yield started


def install(server: Server, folder: Path) -> Path:
    """The mini-program as its README has it; only the server's address is another one."""
    mini = folder / "mini"
    shutil.copytree(EXAMPLE, mini)
    shutil.copy(ROOT / "sdk" / "js" / "lingpai.js", mini / "utils" / "lingpai-sdk.js")
    config = (mini / "config.js").read_text("utf-8")
    assert config.count(ADDRESS) == 1
    (mini / "config.js").write_text(config.replace(ADDRESS, server.url), "utf-8")
    return mini


@pytest.fixture
def phone(server: Server, chat: WeChat, tmp_path: Path, request: pytest.FixtureRequest) -> Phone:
    return Phone(server, chat, install(server, tmp_path), f"o-{request.node.name}", "miniprogram")


def value(found: dict[str, Any], step: int = -1) -> Any:
    """What the step gave; it must not have been refused."""
    return found["results"][step]["value"]


def paths(found: dict[str, Any]) -> list[str]:
    """The addresses that were asked."""
    return [path for path, _ in found["requests"]]


def send_code(number: str) -> str:
    """The steps that ask for a code; the code is put into its field when `code` is known."""
    return f"page.onMobileInput({{ detail: {{ value: ' {number} ' }} }}); await page.onSend();"


def test_nobody_is_logged_in(phone: Phone) -> None:
    """The first page leads to the login."""
    found = phone.run(SHOW_ME, codes=[])
    assert value(found) == {"user": None, "error": ""}
    assert (found["moves"], found["requests"]) == ([TO_LOGIN], [])


def test_by_an_sms_code(phone: Phone) -> None:
    """A code, a countdown, a login, who it is, and the logout."""
    number = new_number()
    login = f"{PAGE} {send_code(number)} const sent = {{ ...page.data }}; {READ_CODE} await page.onCode(); return sent"
    found = phone.run(login, SHOW_ME, codes=[])
    sent = value(found, 0)
    assert (sent["sent"], sent["busy"], sent["error"], sent["wait"]) == (True, False, "", 1)
    assert found["moves"] == [TO_ME]
    user = value(found)["user"]
    assert user == {"sub": user["sub"], "phone_number": f"+86{number}", "phone_number_verified": True}
    asked = ["/oauth/challenge", "/oauth/challenge", "/oauth/token", "/oauth/userinfo"]
    assert [path for path in paths(found) if path != "/_local/sms"] == asked

    # The program is opened again.
    found = phone.run(SHOW_ME, codes=[], storage=found["storage"])
    assert (value(found)["user"], paths(found)) == (user, ["/oauth/userinfo"])
    logout = "const page = open('pages/me/me.js'); await page.onLogout(); return page.data.user"
    found = phone.run(logout, LOGGED_OUT, codes=[], storage=found["storage"])
    assert ([each["value"] for each in found["results"]], found["moves"]) == ([None, None], [TO_LOGIN])
    assert (paths(found), found["storage"]) == (["/oauth/revoke"], {})


def test_wrong_codes(phone: Phone) -> None:
    """What was typed is told to be wrong, the login goes on, and a new code can be sent."""
    number = new_number()
    steps = f"""
        {PAGE}
        const errors = [];
        await page.onSend(); errors.push(page.data.error);
        page.onMobileInput({{ detail: {{ value: '123' }} }}); await page.onSend(); errors.push(page.data.error);
        {send_code(number)}
        await page.onCode(); errors.push(page.data.error);
        page.onCodeInput({{ detail: {{ value: '1' }} }}); await page.onCode(); errors.push(page.data.error);
        errors.push(page.data.sent);
        await new Promise((resolve) => setTimeout(resolve, 1100));
        await page.onSend(); errors.push(page.data.error);
        {READ_CODE} await page.onCode(); errors.push(page.data.error);
        return errors
    """
    found = phone.run(steps, codes=[])
    told = ["请输入手机号", "请输入正确的手机号", "请输入验证码", "验证码不正确或已过期", True, "", ""]
    assert (value(found), found["moves"]) == (told, [TO_ME])


def test_too_soon(chat: WeChat, tmp_path: Path) -> None:
    """A second code at once: the page says how long to wait, and counts down."""
    steps = f"""
        {PAGE}
        {send_code(new_number())}
        const first = page.data.wait;
        await page.onSend();
        const told = [page.data.error, page.data.wait];
        await new Promise((resolve) => setTimeout(resolve, 2100));
        page.onUnload();
        return [first, ...told, page.data.wait]
    """
    with serving(tmp_path, SEED=str(SEED), WECHAT_APPS=APPS) as started:
        phone = Phone(started, chat, install(started, tmp_path), "o-too-soon", "miniprogram")
        first, error, second, later = value(phone.run(steps, codes=[]))
    assert (first, error) == (60, f"操作过于频繁，请 {second} 秒后再试")
    assert later < second <= 60


def test_two_taps(phone: Phone) -> None:
    """One step is taken."""
    number = new_number()
    steps = f"""
        {PAGE} page.onMobileInput({{ detail: {{ value: '{number}' }} }});
        await Promise.all([page.onSend(), page.onSend()]);
        {READ_CODE}
        await Promise.all([page.onCode(), page.onCode()]);
        return page.data.error
    """
    found = phone.run(steps, codes=[])
    assert (value(found), found["moves"]) == ("", [TO_ME])
    assert [path for path in paths(found) if path != "/_local/sms"] == ["/oauth/challenge"] * 2 + ["/oauth/token"]


def test_by_wechat_alone(phone: Phone) -> None:
    """Without a number; the same person is the same account the next time."""
    login = f"{PAGE} await page.onWeChat(); return page.data.error"
    first = phone.run(login, SHOW_ME, codes=phone.codes(1))
    user = value(first)["user"]
    assert (value(first, 0), first["moves"], first["logins"]) == ("", [TO_ME], 1)
    assert "phone_number" not in user
    second = phone.run(login, SHOW_ME, codes=phone.codes(1))
    assert value(second)["user"]["sub"] == user["sub"]


def test_by_wechat_with_the_number(phone: Phone) -> None:
    """The number is proven by the button; a person who declines is told of the other way."""
    number = new_number()
    code = phone.chat.confirm_number(number, phone.openid)
    steps = f"""
        {PAGE}
        await page.onPhone({{ detail: {{ errMsg: 'getPhoneNumber:fail user deny' }} }});
        const declined = page.data.error;
        await page.onPhone({{ detail: {{ errMsg: 'getPhoneNumber:ok', code: '{code}' }} }});
        return [declined, page.data.error]
    """
    found = phone.run(steps, SHOW_ME, codes=phone.codes(1))
    assert (value(found, 0), found["moves"]) == (["没有获得手机号，可以用短信验证码登录", ""], [TO_ME])
    assert value(found)["user"]["phone_number"] == f"+86{number}"
    used = f"{PAGE} await page.onPhone({{ detail: {{ code: '{code}' }} }}); return page.data.error"
    assert value(phone.run(used, codes=phone.codes(1))) == "没有获得手机号，请重试"


def test_wechat_gives_no_code(phone: Phone) -> None:
    """And one that WeChat does not know."""
    login = f"{PAGE} await page.onWeChat(); return [page.data.error, page.data.busy]"
    assert value(phone.run(login, codes=[])) == [NETWORK, False]
    assert value(phone.run(login, codes=[f"0xmadeup{'js' * 12}"])) == ["微信登录失败，请重试", False]


def test_a_second_factor(phone: Phone) -> None:
    """An account with an authenticator app: its code, a recovery code, what is wrong, and what was left behind."""
    app, recovery_codes = second_factor(phone.server, "13312341234")
    time.sleep(1.1)
    first = f"{PAGE} {send_code('13312341234')} {READ_CODE} await page.onCode();"
    move = ["navigateTo", "/pages/second/second?ways=totp,recovery_code"]
    second = f"""
        {SECOND} page.onLoad({{ ways: 'totp,recovery_code' }});
        const told = [page.data.way, page.data.other];
        await page.onSubmit(); told.push(page.data.error);
        page.onCodeInput({{ detail: {{ value: '{app.wrong_code(time.time())}' }} }});
        await page.onSubmit(); told.push(page.data.error, page.data.code);
        page.onCodeInput({{ detail: {{ value: '{app.code(time.time())}' }} }});
        await page.onSubmit(); page.onUnload(); told.push(page.data.error);
        return told
    """
    found = phone.run(first, second, SHOW_ME, codes=[])
    assert value(found, 1) == ["totp", "recovery_code", "请输入验证码", "验证码不正确或已使用", "", ""]
    assert found["moves"] == [move, TO_ME]
    assert value(found)["user"]["preferred_username"] == "alice"

    time.sleep(1.1)
    by_recovery = f"""
        {SECOND} page.onLoad({{ ways: 'totp,recovery_code' }}); page.onOther();
        const told = [page.data.way, page.data.other];
        page.onCodeInput({{ detail: {{ value: ' {recovery_codes[0].lower()} ' }} }}); await page.onSubmit();
        return [...told, page.data.error]
    """
    found = phone.run(first, by_recovery, codes=[])
    assert (value(found), found["moves"]) == (["recovery_code", "totp", ""], [move, TO_ME])

    # Back to the first page: the login that was begun is given up.
    time.sleep(1.1)
    given_up = f"""
        {SECOND} page.onLoad({{ ways: 'totp,recovery_code' }}); page.onUnload();
        page.onCodeInput({{ detail: {{ value: '123456' }} }}); await page.onSubmit();
        return page.data.error
    """
    found = phone.run(first, given_up, codes=[])
    assert (value(found), found["moves"]) == ("登录已超时，请重新登录", [move, TO_LOGIN])
    assert found["toasts"] == [{"title": "登录已超时，请重新登录", "icon": "none"}]


def test_lost_answers(phone: Phone) -> None:
    """A lost step is told, and can be taken again; lost tokens are fetched again by themselves."""
    login = f"{PAGE} await page.onWeChat(); const told = page.data.error; await page.onWeChat(); return told"
    found = phone.run(login, codes=phone.codes(2), faults=("/oauth/challenge", "/oauth/token"))
    assert (value(found), found["moves"]) == (NETWORK, [TO_ME])
    assert paths(found) == ["/oauth/challenge", "/oauth/challenge", "/oauth/token", "/oauth/token"]
    found = phone.run(SHOW_ME, codes=[], storage=found["storage"], faults=("/oauth/userinfo",) * 3)
    assert value(found) == {"user": None, "error": NETWORK}
    logout = "const page = open('pages/me/me.js'); await page.onLogout()"
    found = phone.run(logout, codes=[], storage=found["storage"], faults=("/oauth/revoke",) * 3)
    assert (found["storage"], found["moves"]) == ({}, [TO_LOGIN])
    assert found["toasts"] == [{"title": NETWORK, "icon": "none"}]


@pytest.mark.parametrize(
    ("settings", "told", "sent"),
    [
        ({"CAPTCHA": "altcha", "ALTCHA_COST": "20", "ALTCHA_TRIES": "200"}, [True, ""], 2),
        ({"CAPTCHA": "turnstile", "CAPTCHA_ID": "a", "CAPTCHA_KEY": "b"}, [False, "出错了，请稍后再试"], 1),
    ],
    ids=["altcha", "without a plugin"],
)
def test_captcha(chat: WeChat, tmp_path: Path, settings: dict[str, str], told: list[Any], sent: int) -> None:
    """The proof of work is done by the phone, and the code is sent. A captcha that it cannot show is told."""
    limits = {"SEED": str(SEED), "WECHAT_APPS": APPS, "LIMIT_SMS_IP": "4", "CAPTCHA_ADDRESS_PERCENT": "25"}
    with serving(tmp_path, **settings, **limits) as started:
        phone = Phone(started, chat, install(started, tmp_path), "o-captcha", "miniprogram")
        steps = [f"{PAGE} {send_code(new_number())} return [page.data.sent, page.data.error]" for _ in range(2)]
        found = phone.run(*steps, codes=[])
        assert [each["value"] for each in found["results"]] == [[True, ""], told]
        assert len(started.get("/_local/sms")[1]) == sent


def test_the_pages_fit_together() -> None:
    """Each page has its files; what a page's view calls is a function of the page, and shows what its data has."""
    pages = json.loads((EXAMPLE / "app.json").read_text("utf-8"))["pages"]
    assert sorted(pages) == sorted(
        str(file.relative_to(EXAMPLE).with_suffix("")) for file in EXAMPLE.glob("pages/*/*.wxml")
    )
    for name in pages:
        view = (EXAMPLE / f"{name}.wxml").read_text("utf-8")
        code = (EXAMPLE / f"{name}.js").read_text("utf-8")
        assert json.loads((EXAMPLE / f"{name}.json").read_text("utf-8"))["navigationBarTitleText"]
        called = set(re.findall(r'bind\w+="(\w+)"', view))
        functions = set(re.findall(r"^  (?:async )?(\w+)\(.*\) \{$", code, re.MULTILINE))
        assert called <= functions, name
        data = set(re.findall(r"(\w+):", code.partition("data: {")[2].partition("}")[0]))
        shown = {
            word
            for text in re.findall(r"\{\{(.*?)\}\}", view)
            for word in re.findall(r"(?<![\w.'])[a-z]\w*", re.sub(r"'[^']*'", "", text))
        }
        assert shown <= data, name


def test_what_errors_are_called() -> None:
    """Each reason that has a text is one of the server's."""
    texts = (EXAMPLE / "utils" / "lingpai.js").read_text("utf-8").partition("const TEXTS = {")[2].partition("}")[0]
    known = {reason for reasons in REASONS.values() for reason in reasons}
    assert set(re.findall(r"^  (\w+):", texts, re.MULTILINE)) <= known
