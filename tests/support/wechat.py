"""WeChat, as far as code2session goes: it knows its apps, and codes that work once."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.support.logs import LOGS

MINI, SECOND = "wx0123456789abcdef", "wxfedcba9876543210"
SECRETS = {MINI: "6d696e692d617070", SECOND: "7365636f6e642d61"}
APPS = ",".join(f"{app}:{secret}" for app, secret in SECRETS.items())
PATH = "/sns/jscode2session"


@dataclass
class WeChat:
    """A vendor (see `tests.support.vendor`). `says` is an answer to give in place of the right one."""

    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    says: Any = None
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
        if path != PATH:
            return 404, b"{}"
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        said = self.says if self.says is not None else self._session(asked)
        return 200, json.dumps(said).encode()

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


for _secret in SECRETS.values():
    LOGS.hush("app secret", _secret)
