"""Authorization requests as a client sends them, and the browser sessions that they are answered for."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

from lingpai.authorization import codes, request
from lingpai.authorization.model import Login
from lingpai.clients.model import Client
from lingpai.clients.service import new_client
from lingpai.services import Services
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import PutSession
from tests.support.logs import LOGS

CALLBACK = "https://app.example/callback"
VERIFIER = "a-verifier-of-more-than-forty-three-characters-0123"
API = "https://api.example"


def challenge(verifier: str = VERIFIER) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def web_app(client_id: str = "web-app", secret: str | None = "web-app-secret", **fields: Any) -> Client:
    """A client that logs its users in in a browser: an app of the deployment's owner, unless `fields` say otherwise."""
    given = {
        "first_party": True,
        "grants": ("authorization_code", "refresh_token", "client_credentials"),
        "scopes": ("openid", "profile", "phone", "roles", "read", "lingpai:account"),
        "redirect_uris": (CALLBACK, "http://127.0.0.1/callback"),
        "resources": (API, "https://other.example"),
        **fields,
    }
    return new_client(client_id, "standard", secret, **given)


def request_pairs(**changes: str | None) -> list[tuple[str, str]]:
    """The parameters of a good request of `web_app`; None leaves one out."""
    given: dict[str, str | None] = {
        "client_id": "web-app",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile",
        "state": "a-state",
        "nonce": "a-nonce",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        **changes,
    }
    return [(name, value) for name, value in given.items() if value is not None]


def browser_login(services: Services, user_id: int, **changes: Any) -> Login:
    """A user who has logged in in a browser just now; the session of the browser is put."""
    now = services.clock.now()
    login = Login(user_id, ("pwd",), now, SessionKey(user_id, services.clock.new_session_id()), now)
    login = replace(login, **changes)
    session = Session(login.session, "a-browser", (), now, now + 86400, b"", 0, ())
    services.store.commit(PutSession(session, now + 86400))
    return login


def issue_code(services: Services, login: Login, **changes: str | None) -> str:
    """An authorization code of `web_app` for this login, asked for by `request_pairs`."""
    client, asked = request.read(services, request_pairs(**changes))
    code = codes.issue(services, client, asked, login)
    LOGS.hush("code", code)
    return code
