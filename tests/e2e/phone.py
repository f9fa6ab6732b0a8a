"""A phone with a mini-program, whose code runs in a fake WeChat (fake_wx.mjs)."""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.blackbox.service import Service
from tests.blackbox.target import Target
from tests.blackbox.visitor import Visitor
from tests.e2e.server import Server
from tests.support.authenticator import Authenticator, app_of
from tests.support.logs import LOGS
from tests.support.npm import NODE
from tests.support.stores import ROOT
from tests.support.wechat import WeChat

SCRIPT = ROOT / "tests" / "e2e" / "miniprogram.mjs"
# A step that puts the code that was sent last into the field of `page`: the local server shows it.
READ_CODE = """
    const messages = await wx.send({ url: `${lingpai.baseUrl}/_local/sms` });
    page.setData({ code: messages.data[messages.data.length - 1].code });
"""


@dataclass
class Phone:
    """A person's WeChat with the mini-program in it; `client` is the mini-program's client."""

    server: Server
    chat: WeChat
    folder: Path
    openid: str
    client: str

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
        if self.key in found["storage"]:
            tokens = self.tokens(found)
            self.server.hush(tokens["accessToken"], tokens["refreshToken"])
        return found

    @property
    def key(self) -> str:
        """Under what name the SDK keeps the tokens."""
        return f"lingpai:{self.client}@{self.server.url}"

    def tokens(self, found: dict[str, Any]) -> dict[str, Any]:
        """The tokens in the storage."""
        tokens: dict[str, Any] = json.loads(found["storage"][self.key])
        return tokens

    def storage(self, tokens: dict[str, Any]) -> dict[str, str]:
        """The storage that holds the tokens."""
        return {self.key: json.dumps(tokens)}

    def stale(self, tokens: dict[str, Any]) -> dict[str, str]:
        """The storage that holds the tokens, the access token of which is not good any more."""
        return self.storage(tokens | {"accessToken": f"{tokens['accessToken'][:-4]}AAAA"})


def second_factor(server: Server, number: str) -> tuple[Authenticator, list[str]]:
    """Set up an authenticator app for the account of the number, at the pages: the app, and the recovery codes.

    The app's next code is good at once. A code is sent to the number.
    """
    service = Service(Target(server.url), lambda _: "")
    visitor = Visitor(service)
    page = visitor.send(visitor.get("/login").form(action="send"), mobile=number)
    sent: str = server.get("/_local/sms")[1][-1]["code"]
    visitor.send(page.form(action="code"), code=sent)
    page = visitor.send(visitor.get("/account?edit=totp").form(action="totp-begin"))
    app = app_of(page)
    page = visitor.send(page.form(action="totp-confirm"), code=app.code(time.time(), -1))
    service.close()
    codes = re.findall(r"\b[A-Z0-9]{4}(?:-[A-Z0-9]{4})+\b", page.text)
    assert len(codes) == 10
    for code in codes:
        LOGS.hush("recovery code", code)
    return app, codes
