"""The JavaScript SDK: its own tests, and in Node against a running server. tests/browser has it in Chromium."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Server, environment, serving
from tests.support.npm import NODE
from tests.support.stores import ROOT

SDK = ROOT / "sdk" / "js"
README = (SDK / "README.md").read_text("utf-8")
SCRIPT = ROOT / "tests" / "e2e" / "sdk_js.mjs"
CAPTCHA_SCRIPT = ROOT / "tests" / "e2e" / "sdk_js_captcha.mjs"
PASSWORD = "correct horse battery"

pytestmark = pytest.mark.skipif(not NODE, reason="no node on the PATH (Node.js 20 or later is needed)")


def node(*arguments: str, cwd: Path = ROOT) -> str:
    """What this node prints; it must succeed."""
    done = subprocess.run(  # noqa: S603 (the node of this machine)
        [NODE, *arguments], cwd=cwd, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client for apps of its own, and a user."""
    client = {
        "client_id": "my-app",
        "dialect": "standard",
        "grant_types": ["password", "mobile", "refresh_token", "authorization_code", "challenge"],
        "first_party": True,
        "scopes": ["read", "lingpai:account", "openid", "profile"],
    }
    user = {"username": "alice", "password": PASSWORD, "mobile": "13312341234", "roles": ["user"]}
    path = tmp_path_factory.mktemp("seed") / "seed.json"
    roles = [{"id": 2, "roleName": "user"}]
    path.write_text(json.dumps({"clients": [client], "roles": roles, "users": [user]}), "utf-8")
    return path


@pytest.fixture(scope="module")
def server(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with them."""
    with serving(tmp_path_factory.mktemp("server"), SEED=str(seed)) as started:
        started.hush(PASSWORD)
        yield started


def test_own_tests() -> None:
    """Those of sdk/js/tests pass; what needs the tools of `make npm-clients` is left out without them."""
    printed = node("--test", "--test-reporter=tap", *sorted(map(str, (SDK / "tests").glob("*.test.mjs"))))
    counts = dict(re.findall(r"^# (tests|pass|fail|skipped) (\d+)$", printed, re.MULTILINE))
    assert int(counts["tests"]) > 40
    assert int(counts["pass"]) + int(counts["skipped"]) == int(counts["tests"])
    if os.environ.get("REQUIRE_NODE"):
        assert counts["skipped"] == "0"


def test_against_the_server(server: Server) -> None:
    """Codes, passwords, refreshes (20 at once, a lost answer, two objects), logout, refusals."""
    found: dict[str, Any] = json.loads(node(str(SCRIPT), server.url))
    retry_after = found["tooSoon"].pop("retryAfter")
    assert 0 < retry_after <= 60
    assert found.pop("tooSoon").items() >= {"error": "too_many_requests", "status": 429}.items()
    assert found.pop("wrong").items() >= {"error": "bad_request", "status": 400, "retryAfter": None}.items()
    assert found.pop("used") == {
        "error": "invalid_grant",
        "description": "The code is wrong, used or expired",
        "reason": "bad_code",
        "status": 400,
        "retryAfter": None,
    }
    assert found.pop("badPassword").items() >= {"error": "invalid_grant", "reason": "bad_credentials"}.items()
    user = found.pop("user")
    assert user.keys() == {"id", "username", "phone", "openId", "roles", "created"}
    assert (user["username"], user["phone"], user["roles"]) == ("13900139077", "13900139077", [])
    assert 3500 <= found.pop("seconds") <= 3600
    assert found == {
        "scope": ["read", "lingpai:account"],
        "twenty": [1, 1, "alice"],
        "fetched": [1, 20],
        "lost": [3, True],
        "stillGood": "alice",
        "samePair": True,
        "afterwards": "alice",
        "loggedOut": None,
        "revoked": 401,
        "ended": [True, "bad_refresh_token"],
        "nowhere": "TransportError",
    }


def test_captcha(seed: Path, tmp_path: Path) -> None:
    """A code that takes a captcha: the refusal has what shows it, and its solution gets the code sent."""
    limits = {"LIMIT_SMS_IP": "4", "CAPTCHA_ADDRESS_PERCENT": "25"}
    with serving(tmp_path, SEED=str(seed), CAPTCHA="altcha", ALTCHA_COST="2", ALTCHA_TRIES="8", **limits) as started:
        found = json.loads(node(str(CAPTCHA_SCRIPT), started.url))
    assert found == {
        "refused": ["captcha_required", 403, "altcha"],
        "login": [
            [["captcha"], "captcha_required", "altcha"],
            [["captcha"], "bad_captcha", "altcha"],
            [["code", "mobile"], "factor_required", None],
        ],
        "sent": 3,
    }


def test_readme(server: Server, tmp_path: Path) -> None:
    """The README's blocks for any platform, and of a login without a browser, run as they stand."""
    block = README.partition("## Node, or any platform\n")[2].partition("```js\n")[2].partition("```")[0]
    assert block.count("http://127.0.0.1:3000") == 1
    script = tmp_path / "block.mjs"
    ask = f"""
        import {{ Lingpai }} from {json.dumps((SDK / "lingpai.mjs").as_uri())};
        const ask = async () => (await (await fetch("{server.url}/_local/sms")).json()).at(-1).code;
    """
    script.write_text(ask + block.replace("http://127.0.0.1:3000", server.url), "utf-8")
    assert node(str(script)) == "13800138000\n"

    block = README.partition("## Login without a browser\n")[2].partition("```js\n")[2].partition("```")[0]
    client = f'const lingpai = new Lingpai("{server.url}", "my-app");\n'
    shown = "console.log((await lingpai.userinfo()).preferred_username, tokens.scope);"
    script.write_text(ask + client + block + shown, "utf-8")
    assert node(str(script)) == "alice [ 'openid', 'profile' ]\n"


def test_the_readme_has_every_name() -> None:
    """Each method, option and class of the SDK is in the README, and each method in the README is one."""
    types = (SDK / "lingpai.d.ts").read_text("utf-8")
    for name, section in (("Lingpai", "Methods"), ("Challenge", "Login without a browser")):
        written = types.partition(f"export declare class {name} {{")[2].partition("\n}")[0]
        methods = set(re.findall(r"^    (\w+)(?:<[^>]*>)?\(", written, re.MULTILINE)) - {"constructor"}
        table = README.partition(f"## {section}\n")[2].partition("\n## ")[0]
        assert {
            name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)\(", row)
        } == methods
    said = README.partition("## Login without a browser\n")[2].partition("\n## ")[0]
    fields = types.partition("export interface NextStep {")[2].partition("\n}")[0]
    options = types.partition("export interface ChallengeOptions {")[2].partition("\n}")[0]
    named = re.findall(r"^    (\w+)\??:", fields + options, re.MULTILINE)
    assert len(named) > 10
    assert [name for name in named if not re.search(rf"\b{name}\b", said)] == []
    options = types.partition("export interface LingpaiOptions {")[2].partition("\n}")[0]
    names = re.findall(r"^    (\w+)\?:", options, re.MULTILINE)
    assert len(names) > 10
    said = README.partition("## Options\n")[2].partition("\n## ")[0]
    assert [name for name in names if f"`{name}`" not in said] == []
    errors = re.findall(r"export declare class (\w+) extends", types)
    assert set(
        re.findall(r"^\| `(\w+)` \|", README.partition("## Errors\n")[2].partition("\n## ")[0], re.MULTILINE)
    ) == set(errors)
