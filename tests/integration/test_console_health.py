"""The console's page of a deployment's health: what it finds, in both languages, and how."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from pydantic import SecretStr

from lingpai.accounts import roles
from lingpai.clients.service import new_client
from lingpai.health import checks as shared
from lingpai.health import service, tables, texts
from lingpai.health.model import ClientList, Deployment, State
from lingpai.health.storage import TableDescription, TableRefused
from lingpai.kernel import deadline
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import unavailable
from lingpai.kernel.setting_types import Table
from lingpai.settings import Settings
from lingpai.signing_keys.model import StoredKey
from lingpai.signing_keys.service import KeyRing
from lingpai.signing_keys.stores import LocalKeyWrapper, MemoryKeys
from local.operator import checks
from local.operator.findings import Case
from local.operator.target import Target
from tests.integration.test_calls import Calls
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.console import ConsoleBrowser
from tests.support.memory_store import MemoryStore
from tests.support.pages import Page
from tests.support.stores import TEMPLATE

ISSUER = "https://login.example"
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
DAY = 86400
NAMES = tuple(table.name.removesuffix("Table").lower() for table in TEMPLATE.tables)
EXPIRING = tuple(table.name.removesuffix("Table").lower() for table in TEMPLATE.tables if table.ttl)
RECOVERABLE = tuple(table.name.removesuffix("Table").lower() for table in TEMPLATE.tables if table.recoverable)
ROW = re.compile(r'<li><span><b>(.*?)</b> (.*?)</span><span class="tag (\w*)">(.*?)</span></li>')
STATES = {"": "ok", "warn": "warn", "bad": "fail"}


def opened(monkeypatch: pytest.MonkeyPatch, store: Any = None, **settings: Any) -> ConsoleBrowser:
    """An admin at the console, of a deployment with these settings."""
    given = {"issuer": ISSUER, "keys_kms_key": KMS_KEY, **settings}
    browser = ConsoleBrowser(make_api(monkeypatch, store or MemoryStore(), **given))
    assert browser.log_in_at_console().status == 200
    return browser


def rows(page: Page) -> list[tuple[str, str, str]]:
    """State, check and text of each finding, in the order of the page."""
    assert page.status == 200, page.answer.body
    found = ROW.findall(page.answer.body)
    assert found
    return [(STATES[tag], unescape(check), unescape(text)) for check, text, tag, _ in found]


def findings(console: ConsoleBrowser, language: str = "en") -> dict[str, tuple[str, str]]:
    """State and text of each finding by its check; several of one check have their number behind it."""
    found: dict[str, tuple[str, str]] = {}
    for state, check, text in rows(console.open(f"/console/health?lang={language}")):
        name = check if check not in found else f"{check} 2"
        found[name] = (state, text)
    return found


# --- the whole page ---------------------------------------------------------------------------------------

SETTINGS: dict[str, Any] = {
    "health_senders": "aliyun,tencent",
    "limit_sms_day": 5000,
    "sms_unproven": 50,
}


def test_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the template's deployment, in English and in Chinese."""
    console = opened(monkeypatch, **SETTINGS)
    # The test's deployment reads the pepper from its setting.
    expected = {
        "store": ("DynamoDB answers", "数据库", "DynamoDB 正常应答"),
        "roles": ("admin is there", "角色", "有角色 admin"),
        "clients": ("10 enabled of 10", "应用", "共 10 个，启用 10 个"),
        "addresses": (
            "0 that clients may redirect to can be used",
            "回调地址",
            "应用的 0 个跳转地址均可使用",
        ),
        "keys ES256": ("the key has signed for 0 days", "密钥 ES256", "密钥已签名 0 天"),
        "keys RS256": ("the key has signed for 0 days", "密钥 RS256", "密钥已签名 0 天"),
        "audit": ("events are kept for 400 days", "审计", "事件保留 400 天"),
        "pepper": ("can be read", "验证码密钥", "可以读取"),
        "sms": (
            "aliyun,tencent, by the functions' settings, which are not looked at",
            "短信",
            "aliyun,tencent，按各函数的设置，此处不检查",
        ),
        "sms limits": (
            "a prefix is stopped after 50 unproven messages in a day",
            "短信限额",
            "每个号段每日 50 条未验证的短信后停发",
        ),
        "issuer": (ISSUER, "签发者", ISSUER),
    }
    for name in NAMES:
        real = f"{name.capitalize()}Table"
        expected[f"table {name}"] = (real, f"数据表 {name}", real)
    for name in EXPIRING:
        expected[f"ttl {name}"] = ("by the attribute ttl", f"过期时间 {name}", "按属性 ttl")
    for name in RECOVERABLE:
        expected[f"recovery {name}"] = ("to a point in time", f"恢复 {name}", "可恢复到任一时间点")
    count = str(sum(1 for _ in console.api.services.store.list_clients()))
    english = {check: ("ok", en.replace("10", count)) for check, (en, _, _) in expected.items()}
    chinese = {label: ("ok", zh.replace("10", count)) for _, label, zh in expected.values()}
    # By a password alone this admin would not come in where a second factor is needed.
    english["second factors"] = ("warn", "admins may have one factor: MFA_ROLES does not name admin")
    chinese["两步验证"] = ("warn", "管理员可以没有两步验证：MFA_ROLES 中没有 admin")
    assert findings(console) == english
    assert findings(console, "zh") == chinese
    page = console.open("/console/health?lang=en")
    assert "checked from outside" in page.text.lower()
    assert "lingpai doctor" in page.text


def test_the_worst_stands_first(monkeypatch: pytest.MonkeyPatch) -> None:
    console = opened(monkeypatch, audit_days=30)
    monkeypatch.setattr(MemoryStore, "is_recoverable", lambda _, table: table != "UsersTable")
    states = [state for state, _, _ in rows(console.open("/console/health"))]
    assert states == sorted(states, key=["fail", "warn", "ok"].index)
    assert {"fail", "warn", "ok"} == set(states)


# --- each finding -----------------------------------------------------------------------------------------


def refusing(code: str, *, absent: bool = False, denied: bool = False) -> Callable[..., Any]:
    def refuse(_: Any, table: str) -> Any:
        raise TableRefused(code, f"no {table}", is_absent=absent, is_denied=denied)

    return refuse


DENIED = refusing("AccessDeniedException", denied=True)
ABSENT = refusing("ResourceNotFoundException", absent=True)
OTHER = refusing("ValidationException")


@pytest.mark.parametrize(
    ("method", "answer", "check", "state", "english", "chinese"),
    [
        (
            "describe_table",
            DENIED,
            "table",
            "fail",
            "the caller lacks dynamodb:DescribeTable on UsersTable: give it the permission",
            "对 UsersTable 没有 dynamodb:DescribeTable 权限：请授予该权限",
        ),
        (
            "describe_table",
            ABSENT,
            "table",
            "fail",
            "there is no table UsersTable: deploy the stack, or name the right one (--stack, or its variable)",
            "没有数据表 UsersTable：请部署堆栈，或指定正确的表（--stack 或其环境变量）",
        ),
        (
            "describe_table",
            OTHER,
            "table",
            "fail",
            "UsersTable: ValidationException: no UsersTable",
            "UsersTable：ValidationException：no UsersTable",
        ),
        (
            "describe_table",
            lambda *_: TableDescription((("HASH", "id", "S"),), "ACTIVE"),
            "table",
            "fail",
            "UsersTable has the key id (S), and needs id (N): it is not this service's table",
            "UsersTable 的键是 id (S)，而应为 id (N)：这不是本服务的表",
        ),
        (
            "describe_table",
            lambda *_: TableDescription((("HASH", "id", "N"),), "CREATING"),
            "table",
            "warn",
            "UsersTable is CREATING: look again in a minute",
            "UsersTable 的状态是 CREATING：请一分钟后再看",
        ),
        (
            "expires_by",
            lambda *_: None,
            "ttl",
            "warn",
            "what has expired is never deleted: turn on time to live of UsersTable, by the attribute ttl",
            "过期数据不会被删除：请为 UsersTable 按属性 ttl 开启 TTL",
        ),
        (
            "expires_by",
            lambda *_: "expires",
            "ttl",
            "warn",
            "what has expired is never deleted: turn on time to live of UsersTable, by the attribute ttl",
            "过期数据不会被删除：请为 UsersTable 按属性 ttl 开启 TTL",
        ),
        (
            "expires_by",
            DENIED,
            "ttl",
            "warn",
            "the caller lacks dynamodb:DescribeTimeToLive on UsersTable: give it the permission",
            "对 UsersTable 没有 dynamodb:DescribeTimeToLive 权限：请授予该权限",
        ),
        (
            "is_recoverable",
            lambda *_: False,
            "recovery",
            "fail",
            "what is lost cannot be brought back: turn on point-in-time recovery of UsersTable",
            "丢失的数据无法找回：请为 UsersTable 开启时间点恢复",
        ),
        (
            "is_recoverable",
            DENIED,
            "recovery",
            "warn",
            "the caller lacks dynamodb:DescribeContinuousBackups on UsersTable: give it the permission",
            "对 UsersTable 没有 dynamodb:DescribeContinuousBackups 权限：请授予该权限",
        ),
    ],
    ids=[
        *("denied", "absent", "refused", "foreign", "busy"),
        *("ttl-off", "ttl-other", "ttl-denied", "recovery-off", "recovery-denied"),
    ],
)
def test_a_table(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    answer: Callable[..., Any],
    check: str,
    state: str,
    english: str,
    chinese: str,
) -> None:
    """The others are not touched by it."""
    console, usual = opened(monkeypatch, **SETTINGS), getattr(MemoryStore, method)
    before = findings(console)

    def instead(store: MemoryStore, table: str) -> Any:
        return (answer if table == "UsersTable" else usual)(store, table)

    monkeypatch.setattr(MemoryStore, method, instead)
    found = findings(console)
    assert found[f"{check} users"] == (state, english)
    label = {"table": "数据表", "ttl": "过期时间", "recovery": "恢复"}[check]
    assert findings(console, "zh")[f"{label} users"] == (state, chinese)
    others = {name: told for name, told in before.items() if not name.endswith(" users")}
    assert {name: told for name, told in found.items() if not name.endswith(" users")} == others


def client_of(**changes: Any) -> Any:
    made = new_client("shop", "standard", "s" * 20, redirect_uris=("https://shop.example/callback",))
    return replace(made, **changes)


def without_clients(api: Api) -> None:
    store: Any = api.services.store
    for client in store.list_clients():
        store.put_client(replace(client, disabled=True))


SCHEDULE = "; the schedule should have made it: see the log of KeysFunction"
PLAN = "；定时任务本应已生成，请查看 KeysFunction 的日志"


@pytest.mark.parametrize(
    ("settings", "change", "check", "state", "english", "chinese"),
    [
        (
            {},
            without_clients,
            "clients",
            "warn",
            "there is no client, so nobody gets a token: `lingpai client create`",
            "没有应用，因此无人能获得令牌：`lingpai client create`",
        ),
        (
            {},
            lambda api: api.services.store.put_client(client_of(mfa="ignore")),
            "second factors",
            "warn",
            "shop logs users in without their second factor: `mfa` of its record is `ignore`",
            "shop 的登录不要求两步验证：其记录中 `mfa` 为 `ignore`",
        ),
        (
            {"mfa": "off"},
            None,
            "second factors",
            "warn",
            "MFA=off: one factor is enough even for admins",
            "MFA=off：管理员也只需一步登录",
        ),
        (
            {},
            lambda api: api.services.store.put_client(client_of(redirect_uris=("http://shop.example/back",))),
            "addresses",
            "fail",
            (
                "shop: 'http://shop.example/back' is no address that begins with https://: "
                "correct it in the seed file, and `lingpai seed`"
            ),
            "shop: 'http://shop.example/back' 不能使用：请在数据文件中改正，并执行 `lingpai seed`",
        ),
        (
            {},
            lambda api: api.services.store.put_client(client_of(redirect_uris=("http://127.0.0.1:8000/back",))),
            "addresses",
            "warn",
            "shop: http://127.0.0.1:8000/back: it is for development: take it out of the record in a deployment",
            "shop: http://127.0.0.1:8000/back：只用于开发，请在正式部署中从记录里移除",
        ),
        (
            {"audit_days": 179},
            None,
            "audit",
            "warn",
            "events are kept for 179 days: AUDIT_DAYS (AuditDays) of 180 at least, where MLPS holds",
            "事件保留 179 天：须遵守等级保护时，AUDIT_DAYS（AuditDays）至少为 180",
        ),
        (
            {"code_pepper": SecretStr("short-pepper")},
            None,
            "pepper",
            "fail",
            "is too short: codes could be told from their hashes. Make a long one",
            "太短：可由散列值推出验证码，请换一个长的",
        ),
        (
            {"code_pepper": SecretStr("")},
            None,
            "pepper",
            "ok",
            "is not given to this function: `lingpai doctor --stack` reads it",
            "此函数不持有：`lingpai doctor --stack` 可以读取",
        ),
        (
            {"code_pepper": SecretStr(""), "keys_kms_key": ""},
            None,
            "pepper",
            "warn",
            "is not named here: CODE_PEPPER_SECRET, or --stack, says where it is",
            "此处未指定：由 CODE_PEPPER_SECRET 或 --stack 说明在哪里",
        ),
        (
            {},
            None,
            "sms",
            "warn",
            "console: no message is delivered; the parameter SmsProvider names who shall",
            "console：不发送任何短信；由参数 SmsProvider 指定发送方",
        ),
        (
            {"keys_kms_key": ""},
            None,
            "sms",
            "ok",
            "console: no message is delivered; SMS_PROVIDER names who shall",
            "console：不发送任何短信；由 SMS_PROVIDER 指定发送方",
        ),
        (
            {"keys_kms_key": "", "health_senders": "aliyun"},
            None,
            "sms",
            "ok",
            "aliyun: the settings are there; --send-test NUMBER tries it",
            "aliyun：设置齐全；可用 --send-test NUMBER 试发",
        ),
        (
            {"limit_sms_day": 0},
            None,
            "sms limits",
            "warn",
            "LIMIT_SMS_DAY=0: the messages of a day have no limit",
            "LIMIT_SMS_DAY=0：每日总量没有上限",
        ),
        (
            {"limit_sms_day": 1, "sms_unproven": 0},
            None,
            "sms limits",
            "warn",
            "SMS_UNPROVEN=0: no prefix is ever stopped",
            "SMS_UNPROVEN=0：号段不会停发",
        ),
        (
            {"keys_kms_key": "local"},
            None,
            "keys",
            "warn",
            "KEYS_KMS_KEY=local: private halves lie in the table unwrapped, as for `sam local`",
            "KEYS_KMS_KEY=local：私钥未加密地存放在表中，仅适用于 `sam local`",
        ),
        (
            {"aws_region": "cn-north-1", "health_senders": "aliyun,sns,aws"},
            None,
            "china sms",
            "fail",
            "sns, aws cannot send: AWS has no SMS in cn-north-1. Take aliyun or tencent (docs/aws-china.md)",
            "sns, aws 无法发送：AWS 在 cn-north-1 没有短信服务，请改用 aliyun 或 tencent（docs/aws-china.md）",
        ),
        (
            {"aws_region": "cn-north-1", "health_senders": "aliyun"},
            None,
            "china sms",
            "ok",
            "none of the senders is a service of AWS",
            "发送方都不是 AWS 的服务",
        ),
        (
            {"aws_region": "cn-north-1"},
            None,
            "china domain",
            "ok",
            "login.example; it needs an ICP filing (备案) with the region's operator",
            "login.example；须在该区域的运营方办理 ICP 备案",
        ),
        (
            {"aws_region": "cn-north-1"},
            None,
            "china snapshots",
            "ok",
            "cn-north-1 has none for Python; the template makes none there",
            "cn-north-1 没有 Python 的快照；模板在该区域不生成快照",
        ),
    ],
)
def test_a_finding(
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    change: Callable[[Api], None] | None,
    check: str,
    state: str,
    english: str,
    chinese: str,
) -> None:
    console = opened(monkeypatch, **settings)
    if change is not None:
        change(console.api)
    assert findings(console)[check] == (state, english)
    assert (state, chinese) in findings(console, "zh").values()


@pytest.mark.parametrize("days", [90, 91])
def test_a_key_without_a_successor(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """After KEY_PERIOD; the schedule makes it a day before."""
    services = opened(monkeypatch).api.services
    later = services.clock.now() + days * DAY
    services = replace(services, clock=Clock(time=lambda: later))
    found = [each for each in service.look(services) if each.check == "keys"]
    said = {
        90: ("key_ok", "the key has signed for 90 days", "密钥已签名 90 天"),
        91: (
            "key_old_scheduled",
            f"the key has signed for 91 days, and none follows: `lingpai keys rotate --algorithm ES256`{SCHEDULE}",
            f"密钥已签名 91 天，且没有下一个：`lingpai keys rotate --algorithm ES256`{PLAN}",
        ),
    }[days]
    es256 = next(each for each in found if each.subject == "ES256")
    assert (es256.text, texts.text(es256, "en"), texts.text(es256, "zh")) == said
    assert es256.state is (State.ok if days == 90 else State.warn)


def test_keys_that_are_missing_or_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing ones are a fault where a client is to get tokens signed by them."""
    api = opened(monkeypatch).api
    services = api.services
    stored = services.keys.stored()

    def found(keys: tuple[StoredKey, ...], **settings: Any) -> dict[str, tuple[str, str, str]]:
        given = services.settings.model_copy(update=settings)
        ring = KeyRing(MemoryKeys(*keys), LocalKeyWrapper(), services.clock, 0)
        listed = service.look(replace(services, keys=ring, settings=given))
        return {
            each.subject: (each.state.value, texts.text(each, "en"), texts.text(each, "zh"))
            for each in listed
            if each.check == "keys"
        }

    making = "no key signs: `lingpai keys rotate --algorithm RS256` makes one"
    chinese = "没有签名密钥：请用 `lingpai keys rotate --algorithm RS256` 生成"
    only = tuple(key for key in stored if key.algorithm == "ES256")
    assert found(only)["RS256"] == ("fail", making + SCHEDULE, chinese + PLAN)
    assert found(only, keys_kms_key="")["RS256"] == ("fail", making, chinese)
    without_clients(api)
    assert found(only)["RS256"] == ("warn", making + SCHEDULE, chinese + PLAN)
    following = replace(only[0], number=2, kid="next", signs_from=services.clock.now() + DAY)
    said = "the key has signed for 0 days, and the next one is published"
    assert found((*only, following))["ES256"] == ("ok", said, "密钥已签名 0 天，下一个已公布")


def test_a_role_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not seen on the page by anybody who is an admin by it."""
    services = opened(monkeypatch).api.services
    renamed = services.settings.model_copy(update={"admin_role": "chief"})
    (found,) = (each for each in service.look(replace(services, settings=renamed)) if each.check == "roles")
    assert (found.state, texts.text(found, "en")) == (
        State.warn,
        "there is no role chief, so nobody is an admin: `lingpai seed` makes roles",
    )
    assert texts.text(found, "zh") == "没有角色 chief，因此没有管理员：`lingpai seed` 可以创建角色"
    roles.save(services, "chief")
    (found,) = (each for each in service.look(replace(services, settings=renamed)) if each.check == "roles")
    assert found.state is State.ok


def test_second_factors_of_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Admins have to have one; a role that is named and not there is none."""
    services = opened(monkeypatch).api.services
    demanding = services.settings.model_copy(update={"mfa_roles": ("admin", "clerk")})
    found = [
        (each.state.value, texts.text(each, "en"), texts.text(each, "zh"))
        for each in service.look(replace(services, settings=demanding))
        if each.check == "second_factors"
    ]
    assert found == [
        ("warn", "there is no role clerk, which MFA_ROLES names", "没有 MFA_ROLES 中的角色 clerk"),
        ("ok", "admin needs one", "admin 须两步验证"),
    ]


def test_without_an_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    """China's operators of AWS answer at AWS's own addresses only after a filing."""
    services = make_api(monkeypatch, MemoryStore(), keys_kms_key=KMS_KEY, aws_region="cn-north-1").services
    address = "https://a1.execute-api.cn-north-1.amazonaws.com.cn"
    found = {each.check: each for each in service.look(replace(services, issuer=address))}
    assert (found["issuer"].state, texts.text(found["issuer"], "en")) == (
        State.warn,
        "ISSUER is not set: the issuer is the host of each request",
    )
    assert texts.text(found["issuer"], "zh") == "未设置 ISSUER：签发者随请求的域名而变"
    assert (found["china_domain"].state, found["china_domain"].text) == (State.warn, "china_domain_aws")
    assert "ICP filing (备案)" in texts.text(found["china_domain"], "en")
    assert "ICP 备案" in texts.text(found["china_domain"], "zh")


def test_more_clients_than_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says how many they were."""
    monkeypatch.setattr(service, "MOST_CLIENTS", 3)
    console = opened(monkeypatch)
    assert findings(console)["clients"] == ("ok", "3 enabled of the first 3; only these were looked at")
    assert findings(console, "zh")["应用"] == ("ok", "只检查了前 3 个，其中启用 3 个")
    without_clients(console.api)
    assert findings(console)["clients"] == ("warn", "none of the first 3 is enabled; only these were looked at")
    assert findings(console, "zh")["应用"] == ("warn", "只检查了前 3 个，其中没有启用的")


# --- faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reason", "logged"),
    [
        (unavailable(), "temporarily_unavailable", set()),
        (RuntimeError("a secret"), "RuntimeError", {"store", "clients", "addresses"}),
    ],
)
def test_a_check_that_fails_is_a_finding(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    reason: str,
    logged: set[str],
) -> None:
    """Of its own check: the others go on, and nothing of the error is shown but what kind it is; the log has where."""
    console = opened(monkeypatch, **SETTINGS)
    before = findings(console)

    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(MemoryStore, "ping", fail)
    monkeypatch.setattr(MemoryStore, "page_clients", fail)
    capsys.readouterr()
    page, out = console.open("/console/health?lang=en"), capsys.readouterr().out
    assert "a secret" not in page.answer.body + out
    lines = [line for line in map(json.loads, out.splitlines()) if line["message"] == "check failed"]
    assert {line["check"] for line in lines} == logged
    assert {(line["level"], line["type"]) for line in lines} <= {("ERROR", reason)}
    said = ("fail", f"no answer ({reason})")
    wrong = {"store": said, "clients": said, "addresses": said}
    assert findings(console) == {**before, **wrong}
    assert findings(console, "zh")["数据库"] == ("fail", f"没有应答（{reason}）")


def test_the_pepper_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    console = opened(monkeypatch, code_pepper=SecretStr("short-pepper"))
    assert "short-pepper" not in console.open("/console/health").answer.body


def test_the_tables_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a store that is far away is waited for three times, and not forty; each call ends with the request."""
    console, together = opened(monkeypatch), threading.Barrier(len(NAMES), timeout=20)
    seen: list[float] = []
    usual = MemoryStore.describe_table

    def meet(store: MemoryStore, table: str) -> TableDescription:
        together.wait()
        seen.append(deadline.until())
        return usual(store, table)

    monkeypatch.setattr(MemoryStore, "describe_table", meet)
    deadline.begin(type("Context", (), {"get_remaining_time_in_millis": lambda _: 60_000})())
    try:
        found = service.look(console.api.services)
    finally:
        until = deadline.until()
        deadline.end()
    assert {each.text for each in found if each.check == "table"} == {"table_ok"}
    assert seen == [until] * len(NAMES)


# --- what it costs, and what doctor says ------------------------------------------------------------------


def test_its_calls(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside those of every page: the store's, three of each table (two without recovery), clients and roles."""
    calls = Calls()
    with stores.on_dynamodb_local(dynamodb_endpoint, calls.listen, transport="botocore") as store:
        console = opened(monkeypatch, store, keys_kms_key="")
        every = Counter(calls.of(lambda: console.open("/console/audit?by=subject&value=user:1")))
        sent = Counter(calls.of(lambda: console.open("/console/health")))
        every.subtract(["Query"])
        assert sent - every == {
            "DescribeTable": len(NAMES) + 1,
            "DescribeTimeToLive": len(EXPIRING),
            "Scan": 1,
            "BatchGetItem": 1,
        }


def test_doctor_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of doctor is on the page, but those of the outside; on tables of moto, some of which are at fault."""
    with stores.on_moto() as store:
        console = opened(monkeypatch, store, **SETTINGS)
        services = replace(console.api.services, settings=console.api.services.settings)
        found = {(texts.label(each, "en"), texts.text(each, "en")) for each in service.look(services)}
        case = Case(Target("here", None), services, None)
        told = {(each.check, each.text) for each in checks.all_of(case) if each.check.partition(" ")[0] != "access"}
    # Doctor has no stack here: it looks for keys in the table, and at its own senders.
    differ = {"sms", "keys ES256", "keys RS256"}
    outside = {"clock", "health"}
    assert {line for line in told - found if line[0] not in differ | outside} == set()
    own = {texts.LABELS[each][1] for each in ("second_factors", "sms_limits", "issuer")}
    assert {line for line in found - told if line[0] not in differ | own} == set()
    assert {check for check, _ in told} >= {"recovery users", "ttl users", *outside, *differ}


def test_each_check_of_doctor_is_on_the_page_or_made_from_outside() -> None:
    assert set(checks._CHECKS) == {*shared.CHECKS, "tables", *checks.OUTSIDE}
    assert set(shared.CHECKS).isdisjoint(checks.OUTSIDE)
    assert set(checks.OUTSIDE) == {"clock", "health", "issuer", "jwks", "pages", "test message"}


def test_the_tables_are_those_of_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key, time to live and recovery."""
    services = make_api(monkeypatch, MemoryStore()).services
    deployment = Deployment(services, lambda: ClientList(()), None, None, (), "", None)
    kinds = {
        table.name: {entry["AttributeName"]: entry["AttributeType"] for entry in table.create["AttributeDefinitions"]}
        for table in TEMPLATE.tables
    }
    assert tables.shapes(deployment) == {
        table.name.removesuffix("Table").lower(): Table(
            tuple(
                (part["KeyType"], part["AttributeName"], kinds[table.name][part["AttributeName"]])
                for part in table.create["KeySchema"]
            ),
            table.ttl,
            table.recoverable,
        )
        for table in TEMPLATE.tables
    }
    assert {f"{name}_table" for name in NAMES} == {name for name in Settings.model_fields if name.endswith("_table")}


def test_every_text_is_said_in_both_languages() -> None:
    """With the same values, but for what has no Chinese."""
    for name, (chinese, english) in texts.TEXTS.items():
        assert chinese, name
        assert english, name
        places = [set(re.findall(r"{(\w+)}", text)) for text in (chinese, english)]
        assert places[0] - {"addresses"} == places[1] - {"addresses", "reasons"}, name
