"""WeChat: it knows its apps, and codes that work once.

Those of mini-programs (code2session), of web pages (OAuth 2.0), and of the button that confirms a number, which are
redeemed with the app's access token (getStableAccessToken).
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tests.support.logs import LOGS
from tests.support.time import START

MINI, SECOND = "wx0123456789abcdef", "wxfedcba9876543210"
SECRETS = {MINI: "6d696e692d617070", SECOND: "7365636f6e642d61"}
APPS = ",".join(f"{app}:{secret}" for app, secret in SECRETS.items())
PATH = "/sns/jscode2session"
# The apps of web pages: a website application, and an official account.
SITE, OFFICIAL = "wx5173000000000517", "wx0ff1c1a1000000ff"
WEB_SECRETS = {SITE: "736974652d617070", OFFICIAL: "6f6666696369616c"}
WEB_APPS = ",".join(f"{app}:{secret}" for app, secret in {**SECRETS, **WEB_SECRETS}.items())
WEB_PATH, QR, INSIDE = "/sns/oauth2/access_token", "/connect/qrconnect", "/connect/oauth2/authorize"
TOKEN_PATH, PHONE_PATH = "/cgi-bin/stable_token", "/wxa/business/getuserphonenumber"
# Seconds: how long a token lives, how long before its end the next one is given, and how far apart two by force are.
TOKEN_LIFE, TOKEN_OVERLAP, FORCED_APART = 7200, 300, 30
FORCED_A_DAY = 20
PHONE_CODE_LIFE = 300
# In this order (WeChat compares the address with a pattern).
_PARAMETERS = ["appid", "redirect_uri", "response_type", "scope", "state"]
_STATE = re.compile("[0-9A-Za-z]{1,128}")


@dataclass
class AccessToken:
    """An access token of an app. `revoked`: WeChat takes it no more, whatever it says when it is asked for one."""

    text: str
    expires_at: float
    revoked: bool = False


@dataclass(frozen=True)
class PhoneCode:
    """What a code of the button stands for."""

    app: str
    openid: str
    info: dict[str, Any]
    expires_at: float


@dataclass
class WeChat:
    """A vendor (see `tests.support.vendor`). `says` is an answer to give in place of the right one, `says_at` the path.

    `domain` is the origin that the apps of web pages may send browsers back to. `person` is who scans the QR code on
    its page: openid and unionid.
    """

    secrets: dict[str, str] = field(default_factory=lambda: {**SECRETS, **WEB_SECRETS})
    domain: str = ""
    person: tuple[str, str] = ("o-of-alice", "u-of-alice")
    snapshot: bool = False
    web_codes: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    says: Any = None
    says_at: str = ""
    clock: Callable[[], float] = lambda: START
    # The last one of each app is what it is given; the others are taken until they end or are revoked.
    tokens: dict[str, list[AccessToken]] = field(default_factory=dict)
    forced: dict[str, list[float]] = field(default_factory=dict)
    phone_codes: dict[str, PhoneCode] = field(default_factory=dict)
    posted: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    session_keys: list[str] = field(default_factory=list)

    def log_in(self, openid: str, app: str = MINI, unionid: str | None = None) -> str:
        """A new js_code for the person of this openid, as wx.login gives it to the app."""
        code = f"0x{len(self.codes):04d}{'js' * 13}"
        self.codes[code] = (app, {"openid": openid} | ({"unionid": unionid} if unionid else {}))
        for kind, secret in (("sign", code), ("openid", openid), ("unionid", unionid or "")):
            LOGS.hush(kind, secret)
        return code

    def answer(self, path: str, query: str) -> tuple[int, bytes]:
        """See `vendor.Vendor`."""
        if path in (QR, INSIDE):
            return self._page(path, query)
        if path not in (PATH, WEB_PATH):
            return 404, b"{}"
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        said = self._told(path)
        if said is None:
            said = self._session(asked) if path == PATH else self._web_session(asked)
        return 200, json.dumps(said).encode()

    def answer_json(self, path: str, query: str, content: Any) -> tuple[int, bytes]:
        """See `vendor.TakesJson`."""
        if path not in (TOKEN_PATH, PHONE_PATH):
            return 404, b"{}"
        with self.lock:
            self.posted.append(content)
            said = self._told(path)
            if said is None:
                said = self._token(content) if path == TOKEN_PATH else self._phone_number(query, content)
        return 200, json.dumps(said).encode()

    def _told(self, path: str) -> Any:
        """What is said in place of the right answer at this path."""
        return self.says if self.says_at in ("", path) else None

    def confirm_number(
        self, number: str, openid: str = "openid-of-alice", app: str = MINI, country: object = "86"
    ) -> str:
        """A new code for this national number, as the button gives it to the app when its owner agrees."""
        code = f"{len(self.phone_codes):04d}{'ab' * 30}"
        now = self.clock()
        info = {
            "phoneNumber": number if str(country) == "86" else f"+{country}{number}",
            "purePhoneNumber": number,
            "countryCode": country,
            "watermark": {"timestamp": int(now), "appid": app},
        }
        self.phone_codes[code] = PhoneCode(app, openid, info, now + PHONE_CODE_LIFE)
        LOGS.hush("phone code", code)
        LOGS.hush("number", number)
        return code

    def displace(self, app: str = MINI) -> None:
        """Somebody else asks for the app's token by force: the one before is taken no more."""
        with self.lock:
            self._new_token(app, by_force=True)

    def revoke(self, app: str = MINI) -> None:
        """WeChat takes the app's token no more, and still says that it is the one."""
        self.tokens[app][-1].revoked = True

    def _token(self, content: Any) -> dict[str, Any]:
        """See docs of `cgi-bin/stable_token`."""
        if not isinstance(content, dict) or set(content) - {"grant_type", "appid", "secret", "force_refresh"}:
            return _error(47001, "data format error")
        app, by_force = str(content.get("appid")), content.get("force_refresh", False)
        if content.get("grant_type") != "client_credential":
            return _error(40002, "invalid grant_type")
        if app not in self.secrets:
            return _error(40013, "invalid appid")
        if content.get("secret") != self.secrets[app]:
            return _error(40125, "invalid appsecret")
        if not isinstance(by_force, bool):
            return _error(47001, "data format error")
        now, forced = self.clock(), self.forced.setdefault(app, [])
        if by_force and len(forced) == FORCED_A_DAY:
            return _error(45009, "reach max api daily quota limit")
        if by_force and (not forced or now - forced[-1] >= FORCED_APART):
            forced.append(now)
            given = self._new_token(app, by_force=True)
        else:
            known = self.tokens.get(app)
            is_good = known and known[-1].expires_at - now > TOKEN_OVERLAP
            given = known[-1] if known and is_good else self._new_token(app, by_force=False)
        return {"access_token": given.text, "expires_in": int(given.expires_at - now)}

    def _new_token(self, app: str, *, by_force: bool) -> AccessToken:
        known = self.tokens.setdefault(app, [])
        if by_force:
            for old in known:
                old.revoked = True
        text = f"71_{app[-4:]}-{len(known):04d}{'tK' * 60}"
        LOGS.hush("WeChat's token", text)
        known.append(AccessToken(text, self.clock() + TOKEN_LIFE))
        return known[-1]

    def _phone_number(self, query: str, content: Any) -> dict[str, Any]:
        """See docs of `wxa/business/getuserphonenumber`."""
        asked = dict(parse_qsl(query, strict_parsing=True)) if query else {}
        if "access_token" not in asked:
            return _error(41001, "access_token missing")
        found = [
            (app, token)
            for app, tokens in self.tokens.items()
            for token in tokens
            if token.text == asked["access_token"]
        ]
        if not found:
            return _error(40014, "invalid access_token")
        (app, token), now = found[0], self.clock()
        if token.revoked:
            return _error(40001, "invalid credential, access_token is invalid or not latest")
        if token.expires_at <= now:
            return _error(42001, "access_token expired")
        if not isinstance(content, dict) or set(content) - {"code", "openid"}:
            return _error(47001, "data format error")
        code = str(content.get("code"))
        known = self.phone_codes.get(code)
        if known is None or code in self.used or known.expires_at <= now:
            return _error(40029, "invalid code")
        if known.app != app:
            return _error(40013, "invalid appid")
        if content.get("openid", known.openid) != known.openid:
            return _error(40003, "invalid openid")
        self.used.add(code)
        return {"errcode": 0, "errmsg": "ok", "phone_info": known.info}

    def scan(self, address: str, openid: str, unionid: str = "") -> str:
        """Where the browser is sent back to, after somebody has scanned the code there, or opened it inside WeChat."""
        asked = self._connect(address)
        code = f"0{len(self.web_codes):04d}{'Wb' * 13}w"
        ids = {"openid": openid} | ({"unionid": unionid} if unionid and asked["scope"] != "snsapi_base" else {})
        self.web_codes[code] = (asked["appid"], {**ids, "scope": asked["scope"]})
        for kind, secret in (("code", code), ("openid", openid), ("unionid", unionid), ("state", asked["state"])):
            LOGS.hush(kind, secret)
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def decline(self, address: str) -> str:
        """Where the browser is sent back to, after somebody has said no: without a code."""
        asked = self._connect(address)
        return f"{asked['redirect_uri']}?{urlencode({'state': asked['state']})}"

    def _connect(self, address: str) -> dict[str, str]:
        """The parameters of the address, each of which must be right."""
        parts = urlsplit(address)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
        asked = dict(pairs)
        assert [name for name, _ in pairs] == _PARAMETERS
        assert parts.fragment == "wechat_redirect"
        app, scopes = (SITE, {"snsapi_login"}) if parts.path == QR else (OFFICIAL, {"snsapi_userinfo", "snsapi_base"})
        assert parts.path in (QR, INSIDE)
        assert asked["appid"] == app
        assert asked["redirect_uri"].startswith(f"{self.domain}/")
        assert asked["response_type"] == "code"
        assert asked["scope"] in scopes
        assert _STATE.fullmatch(asked["state"])
        return asked

    def _page(self, path: str, query: str) -> tuple[int, bytes]:
        """A page for a browser, which does not send the fragment; or WeChat's own error page."""
        try:
            link = self.scan(f"{path}?{query}#wechat_redirect", *self.person)
        except (AssertionError, KeyError):
            return 200, "<!doctype html><meta charset=utf-8><h1>参数错误</h1>".encode()
        page = f'<!doctype html><meta charset=utf-8><title>WeChat</title><h1>QR</h1><a href="{escape(link)}">Scan</a>'
        return 200, page.encode()

    def _web_session(self, asked: dict[str, str]) -> dict[str, Any]:
        """See docs of `sns/oauth2/access_token`."""
        app, code = asked.get("appid", ""), asked.get("code", "")
        if app not in WEB_SECRETS or app not in self.secrets:
            return _error(40013, "invalid appid")
        if asked.get("secret") != self.secrets[app]:
            return _error(40125, "invalid appsecret")
        if asked.get("grant_type") != "authorization_code":
            return _error(40002, "invalid grant_type")
        if self.web_codes.get(code, ("", {}))[0] != app:
            return _error(40029, "invalid code")
        if code in self.used:
            return _error(40163, "code been used")
        self.used.add(code)
        tokens = {"access_token": f"60_access-{code}", "expires_in": 7200, "refresh_token": f"60_refresh-{code}"}
        for token in ("access_token", "refresh_token"):
            LOGS.hush("WeChat's token", str(tokens[token]))
        virtual = {"is_snapshotuser": 1} if self.snapshot else {}
        return {**tokens, **virtual, **self.web_codes[code][1]}

    def _session(self, asked: dict[str, str]) -> dict[str, Any]:
        app, code = asked.get("appid"), asked.get("js_code")
        if not app or app not in self.secrets:
            return _error(40013 if app else 41002, "invalid appid")
        if asked.get("secret") != self.secrets[app]:
            return _error(40125 if "secret" in asked else 41004, "invalid appsecret")
        if asked.get("grant_type") != "authorization_code":
            return _error(40002, "invalid grant_type")
        if code is None or self.codes.get(code, ("", {}))[0] != app:
            return _error(40029, "invalid code")
        if code in self.used:
            return _error(40163, "code been used")
        self.used.add(code)
        key = f"c2Vzc2lvbiBrZXkg{len(self.used):04d}=="
        self.session_keys.append(key)
        LOGS.hush("session key", key)
        return {"session_key": key, **self.codes[code][1]}


def _error(code: int, text: str) -> dict[str, Any]:
    return {"errcode": code, "errmsg": f"{text}, rid: 619c7771-0a02d499-79942718"}


for _secret in (*SECRETS.values(), *WEB_SECRETS.values()):
    LOGS.hush("app secret", _secret)
