"""The JavaScript SDK's login without a browser, in Node and in a fake WeChat: every first with every second factor.

tests/browser has it in Chromium.
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.server import environment
from tests.support.app_people import FIRST_FACTORS, SECOND_FACTORS, AppPerson, AppServer, serve, somebody
from tests.support.npm import NODE
from tests.support.people import PASSWORD
from tests.support.stores import ROOT

SCRIPT = ROOT / "tests" / "e2e" / "sdk_js_challenge.mjs"
OUTCOMES_SCRIPT = ROOT / "tests" / "e2e" / "sdk_js_challenge_outcomes.mjs"
COMBINATIONS = [
    (platform, first, second)
    for platform in ("node", "wx")
    for first in FIRST_FACTORS
    for second in ("", *SECOND_FACTORS)
    # Node has no wx.login. A passkey is two factors by itself: its user was verified.
    if not (platform == "node" and first.startswith("wechat")) and not (first == "passkey" and second)
]

pytestmark = [
    pytest.mark.skipif(not NODE, reason="no node on the PATH (Node.js 20 or later is needed)"),
    pytest.mark.enable_socket,
]


@pytest.fixture(scope="module")
def server() -> Iterator[AppServer]:
    with pytest.MonkeyPatch.context() as monkeypatch, serve(monkeypatch) as started:
        yield started


def run(person: AppPerson, platform: str, first: str, second: str) -> dict[str, Any]:
    """Log the person in; what the script found."""
    given = {
        "address": person.server.url,
        "client": person.server.client_for(first),
        "platform": platform,
        "first": first,
        "second": second,
        "codes": person.js_codes() if first.startswith("wechat") else [],
    }
    with subprocess.Popen(  # noqa: S603 (the node of this machine)
        [NODE, str(SCRIPT), json.dumps(given)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        found: dict[str, Any] = {}
        for line in process.stdout:
            found = json.loads(line)
            if "ask" not in found:
                break
            process.stdin.write(f"{person.answer(found)}\n")
            process.stdin.flush()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, "")
    return found


@pytest.mark.parametrize(("platform", "first", "second"), COMBINATIONS)
def test_a_login(server: AppServer, platform: str, first: str, second: str) -> None:
    """The tokens come after the last factor alone, and are a session like any other."""
    person = somebody(server, second=bool(second) or first == "passkey", known_to_wechat=first != "wechatAndNumber")
    found = run(person, platform, first, second)
    before = found.pop("before")
    if second:
        next_ = ["totp", "passkey", "recovery_code"]
        assert before == {"done": False, "next": next_, "expiresIn": 600, "tokens": None}
    else:
        assert before is None
    claims, user = found.pop("claims"), found.pop("user")
    assert (claims["iss"], claims["aud"]) == (server.url, server.client_for(first))
    assert claims["acr"] == ("2" if second or first == "passkey" else "1")
    assert user == {
        "sub": str(person.user_id),
        "preferred_username": person.username,
        "phone_number": f"+86{person.number}",
        "phone_number_verified": True,
    }
    if platform == "wx":
        assert (found.pop("logins"), found.pop("left")) == (int(first.startswith("wechat")), [])
    scope = ["openid", "profile", "phone"]
    assert found == {"scope": scope, "stored": True, "sameUser": True, "renewed": True, "after": None}


def test_outcomes(server: AppServer) -> None:
    """Wrong factors leave a login as it is; lost answers, a browser that is needed, a client that may not."""
    alone, two = somebody(server, second=False), somebody(server, second=True)
    given = {
        "address": server.url,
        "client": server.client_for("password"),
        "redirectUri": "com.example.app:/callback",
        "alone": {"username": alone.username, "password": PASSWORD},
        "two": {"username": two.username, "password": PASSWORD, "recoveryCodes": two.recovery_codes},
    }
    done = subprocess.run(  # noqa: S603 (the node of this machine)
        [NODE, str(OUTCOMES_SCRIPT), json.dumps(given)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    second = ["totp", "passkey", "recovery_code"]
    assert json.loads(done.stdout) == {
        "first": ["mobile", "password", "js_code", "passkey"],
        "badMobile": ["Refused", "invalid_request", "bad_mobile", 400],
        "badPassword": ["Refused", "invalid_grant", "bad_credentials", 400],
        "second": second,
        "badTotp": ["Refused", "invalid_grant", "bad_second_factor", 400],
        "badRecoveryCode": ["Refused", "invalid_grant", "bad_second_factor", 400],
        "badPasskey": ["Refused", "invalid_grant", "bad_passkey", 400],
        "stillSecond": second,
        "twice": True,
        "over": ["InvalidSession", "invalid_session", None, None],
        "lost": "TransportError",
        "taken": ["InvalidSession", "invalid_session", "invalid_session", 400],
        "redeemed": [True, ["/oauth/challenge", "/oauth/token", "/oauth/token", "/oauth/token"], True],
        "toWeb": [True, "redirect_to_web", 403, None, None],
        "pushed": [True, 600, True],
        "page": [303, "/login"],
        "afterwards": ["InvalidSession", "invalid_session", None, None],
        "notAllowed": ["Refused", "unauthorized_client", "grant_not_allowed", 400],
        "nobody": "TransportError",
        "typed": True,
    }
