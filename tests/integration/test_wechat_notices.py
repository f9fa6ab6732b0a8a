"""Notices of WeChat: only those that it has signed, in both modes; what a withdrawal does, however often it comes."""

import base64
import hashlib
import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.identity_providers.settings import notice_secrets
from tests.support.api import Answer, Api, make_api
from tests.support.memory_store import MemoryStore
from tests.support.stores import settings
from tests.support.wechat import SECRETS

APP = next(iter(SECRETS))
TOKEN = "tokenOfNotices7"
KEY = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
ISSUER = f"wechat:{APP}"
PATH = f"/wechat/notices/{APP}"
WEEK = 7 * 86400


def an_api(monkeypatch: pytest.MonkeyPatch, notices: str = f"{APP}:{TOKEN}") -> Api:
    apps = ",".join(f"{app}:{secret}" for app, secret in SECRETS.items())
    return make_api(monkeypatch, MemoryStore(), wechat_apps=apps, wechat_notices=notices)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return an_api(monkeypatch)


def query(api: Api, message: str | None = None, token: str = TOKEN, **changes: str) -> str:
    given = {"timestamp": str(api.services.clock.now()), "nonce": "1320562132"}
    signed = sorted((token, *given.values(), *([] if message is None else [message])))
    name = "signature" if message is None else "msg_signature"
    given[name] = hashlib.sha1("".join(signed).encode()).hexdigest()  # noqa: S324
    return urlencode({**given, **changes})


def told(api: Api, event: str = "user_authorization_revoke", **fields: Any) -> dict[str, Any]:
    return {"ToUserName": "gh_1", "FromUserName": "o-1", "Event": event, "OpenID": "o-1", "AppID": APP, **fields}


def send(api: Api, content: Any, signed: str | None = None, path: str = PATH) -> Answer:
    body = content if isinstance(content, str) else json.dumps(content)
    return api.call("POST", f"{path}?{query(api) if signed is None else signed}", body=body.encode())


def holder(api: Api, **fields: Any) -> int:
    user = User(api.services.clock.new_user_id(), api.services.clock.now(), openids=((ISSUER, "o-1"),), **fields)
    return accounts.add(api.services, user)


def stored(api: Api, user_id: int) -> User:
    user = api.services.store.get_user(user_id)
    assert user is not None
    return user


def success(answer: Answer) -> bool:
    return (answer.status, answer.body, answer.headers["content-type"]) == (200, "success", "text/plain; charset=utf-8")


def test_the_check_of_the_address(api: Api) -> None:
    answer = api.call("GET", f"{PATH}?{query(api, echostr='4375120948345356249')}")
    assert (answer.status, answer.body) == (200, "4375120948345356249")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_who_withdraws_all_is_unlinked_and_logged_out(api: Api) -> None:
    """However often it comes; another way in stays."""
    user_id = holder(api, mobile="+8613800138000")
    for _ in range(2):
        assert success(send(api, told(api, RevokeInfo="301")))
        user = stored(api, user_id)
        assert (user.openids, user.mobile, user.closes_at) == ((), "+8613800138000", None)
    assert api.services.store.find_user_id(f"openid:{ISSUER}:o-1") is None


def test_the_id_for_all_apps_goes_with_the_last_of_them(api: Api) -> None:
    user = User(77, 1, mobile="+8613800138000", openids=((ISSUER, "o-1"), ("wechat:unionid", "u-1")))
    accounts.add(api.services, user)
    assert success(send(api, told(api, "user_authorization_cancellation")))
    assert stored(api, 77).openids == ()


def test_an_account_without_another_way_in_is_closed(api: Api) -> None:
    user_id = holder(api)
    assert success(send(api, told(api, "user_authorization_cancellation")))
    user = stored(api, user_id)
    assert (user.openids, user.closes_at) == ((), api.services.clock.now() + WEEK)


def test_an_admin_is_not_closed(api: Api) -> None:
    """It could be the last one: the operator sees to it."""
    user_id = holder(api, roles=frozenset({1}))
    assert success(send(api, told(api, "user_authorization_cancellation")))
    user = stored(api, user_id)
    assert (user.openids, user.closes_at) == ((), None)


@pytest.mark.parametrize(
    "content", [{"RevokeInfo": "8"}, {"RevokeInfo": ""}, {"event": "user_info_modified"}, {"RevokeInfo": "3010"}]
)
def test_what_is_no_withdrawal_of_all(api: Api, content: dict[str, str]) -> None:
    user_id = holder(api)
    assert success(send(api, told(api, **content)))
    assert stored(api, user_id).openids == ((ISSUER, "o-1"),)


def test_nobody(api: Api) -> None:
    assert success(send(api, told(api, RevokeInfo="301", OpenID="o-nobody")))


def test_xml(api: Api) -> None:
    user_id = holder(api, mobile="+8613800138000")
    fields = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in told(api, RevokeInfo="301").items())
    assert success(send(api, f"<xml>{fields}<CreateTime>1</CreateTime></xml>"))
    assert stored(api, user_id).openids == ()


def test_the_text_of_an_xml_field_is_no_field(api: Api) -> None:
    """Somebody may have written it to the app."""
    user_id = holder(api)
    fields = {**told(api, "text"), "Content": "<Event>user_authorization_cancellation</Event>"}
    body = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    assert success(send(api, f"<xml>{body}</xml>"))
    assert stored(api, user_id).openids == ((ISSUER, "o-1"),)


def test_xml_without_an_end_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs to read grows with its length alone: an encrypted one is read before its signature is known."""
    api = an_api(monkeypatch, f"{APP}:{TOKEN}:{KEY}")

    def cost(piece: str) -> float:
        body, began = "<xml>" + piece * (60_000 // len(piece)), time.process_time()
        assert refused(send(api, body))
        return time.process_time() - began

    assert cost("<a><![CDATA[") < 20 * cost("<a><![CDATA[x]]></a>")


def refused(answer: Answer) -> bool:
    return (answer.status, answer.json) == (403, {"status": 403, "error": "不是微信发送的通知"})


def test_what_wechat_has_not_signed(api: Api) -> None:
    user_id = holder(api)
    content = told(api, RevokeInfo="301")
    good = query(api)
    for wrong in (
        "",
        query(api, token="another1"),
        query(api, nonce="2"),
        query(api, signature=""),
        query(api, timestamp=str(api.services.clock.now() + 1)),
        query(api, timestamp="x"),
    ):
        assert refused(send(api, content, wrong)), wrong
        assert refused(api.call("GET", f"{PATH}?{wrong}"))
    assert refused(send(api, content, path="/wechat/notices/wx00000000000000ff"))
    assert refused(send(api, {**content, "AppID": "wx00000000000000ff"}))
    for body in ("", "[]", "{", "1"):
        assert refused(send(api, body))
    api.time.advance(601)
    assert refused(send(api, content, good))
    assert stored(api, user_id).openids == ((ISSUER, "o-1"),)
    assert send(api, content, f"{query(api)}&nonce=1").status == 400


def test_none_are_taken_without_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    api = an_api(monkeypatch, "")
    assert refused(send(api, told(api)))


def sealed(text: str, app: str = APP, key: str = KEY) -> str:
    """As WeChat encrypts a notice."""
    raw = base64.b64decode(f"{key}=")
    content = secrets.token_bytes(16) + len(text.encode()).to_bytes(4) + text.encode() + app.encode()
    padding = 32 - len(content) % 32
    writer = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(writer.update(content + bytes([padding]) * padding) + writer.finalize()).decode()


def test_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app with a key takes no plain notice, whose content is not signed."""
    api = an_api(monkeypatch, f"{APP}:{TOKEN}:{KEY}")
    user_id = holder(api, mobile="+8613800138000")
    content = told(api, RevokeInfo="301")
    assert refused(send(api, content))
    message, stranger = sealed(json.dumps(content)), sealed(json.dumps(content), app="wx00000000000000ff")
    assert refused(send(api, {"Encrypt": message}))
    assert refused(send(api, {"Encrypt": message}, query(api, stranger)))
    assert refused(send(api, {"Encrypt": stranger}, query(api, stranger)))
    for broken in ("", "x", message[:-8], base64.b64encode(bytes(64)).decode(), sealed("{}", key=KEY[::-1])):
        assert refused(send(api, {"Encrypt": broken}, query(api, broken))), broken
    assert stored(api, user_id).openids == ((ISSUER, "o-1"),)
    assert success(send(api, {"ToUserName": "gh_1", "Encrypt": message}, query(api, message)))
    assert stored(api, user_id).openids == ()


@pytest.mark.parametrize("text", ["wx1", APP, f"{APP}:a", f"{APP}:token:short", f"{APP}:token:{KEY}:x"])
def test_settings_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match="entry 1 is not an app id"):
        notice_secrets(text)
    with pytest.raises(ValueError, match="wechat_notices"):
        settings(wechat_notices=text)
