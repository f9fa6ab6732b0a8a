"""Logins of an app by `/oauth/challenge`, as the app sends them."""

from dataclasses import dataclass, field
from typing import Any

from lingpai.clients.model import Client
from tests.support.api import NO_STORE, Answer, Api
from tests.support.browsers import VERIFIER, challenge, web_app
from tests.support.dpop import ProofKey
from tests.support.logs import LOGS

PATH = "/oauth/challenge"
REQUEST = {
    "response_type": "code",
    "code_challenge": challenge(),
    "code_challenge_method": "S256",
    "scope": "openid profile",
    "nonce": "a-nonce",
}


def mobile_app(client_id: str = "mobile-app", secret: str | None = None, **fields: Any) -> Client:
    """A client that logs its users in without a browser."""
    given = {"grants": ("authorization_code", "refresh_token", "challenge"), "redirect_uris": (), **fields}
    return web_app(client_id, secret, **given)


@dataclass
class App:
    """An app on somebody's phone, which keeps the `auth_session` as section 5.3.1 has it."""

    api: Api
    client_id: str = "mobile-app"
    key: ProofKey | None = None
    basic: tuple[str, str] | None = None
    request: dict[str, str] = field(default_factory=lambda: dict(REQUEST))
    auth_session: str = ""
    source_ip: str = "192.0.2.1"

    def step(self, **fields: str) -> Answer:
        """One step; the authorization request goes with the first one."""
        sent = {"auth_session": self.auth_session} if self.auth_session else self.request
        client = {} if self.basic else {"client_id": self.client_id}
        form = {**client, **sent, **fields}
        headers = self.key.headers(path=PATH) if self.key else {}
        answer = self.api.post(PATH, form=form, headers=headers, basic=self.basic, source_ip=self.source_ip)
        if answer.body.startswith("{"):
            for name in ("auth_session", "authorization_code"):
                LOGS.hush(name, answer.json.get(name, ""))
            self.auth_session = answer.json.get("auth_session", self.auth_session)
        assert {**answer.headers, **NO_STORE} == answer.headers
        return answer

    def send_code(self, mobile: str = "13312341234", **fields: str) -> str:
        """Ask for a code; gives the one that was sent."""
        answer = self.step(mobile=mobile, **fields)
        assert (answer.status, answer.json["next"]) == (403, ["code", "mobile"]), answer
        return self.api.last_code

    def redeem(self, answer: Answer, **fields: str) -> Answer:
        """The token request for the code of this answer (section 6)."""
        assert answer.status == 200, answer
        assert answer.json.keys() == {"authorization_code"}
        client = {} if self.basic else {"client_id": self.client_id}
        code = answer.json["authorization_code"]
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, **client, **fields}
        headers = self.key.headers() if self.key else {}
        return self.api.post("/oauth/token", form=form, headers=headers, basic=self.basic)


def refused(answer: Answer, error: str, reason: str, status: int = 400) -> None:
    """A refusal (section 5.2.2)."""
    assert (answer.status, answer.json["error"], answer.json["reason"]) == (status, error, reason), answer
