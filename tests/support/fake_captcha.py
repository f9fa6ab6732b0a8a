"""The providers of captchas, as their documents describe them: what each checks, and what each answers."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from lingpai.captcha.model import Subject
from tests.support.fake_sms import Bad, check, check_time
from tests.support.fake_web import Call, Reply
from tests.support.time import START

KEY = "the-key-of-a-captcha-0123456789"
ID = "0123456789abcdef0123456789abcdef"
PEPPER = b"a-pepper-for-tests"
SUBJECT = Subject("+8613955550199", "web-client")
ADDRESS = "198.51.100.7"


@dataclass(frozen=True)
class Provider:
    """One provider: its settings, given the host of its fake; a solution that it takes, and what it answers.

    `reader` checks a request and returns the solution in it. `bad` are its answers to a solution that it does not take,
    `down` those that say nothing of the solution.
    """

    name: str
    environment: Mapping[str, str]
    solution: str
    challenge: Mapping[str, Any]
    reader: Callable[[Call], str]
    ok: Reply
    bad: Mapping[str, Reply]
    down: Mapping[str, Reply]

    def answer(self, call: Call) -> Reply:
        """What the provider answers to a solution that it takes, if there is nothing wrong with the request."""
        try:
            self.reader(call)
        except Bad as error:
            return Reply(400, str(error).encode(), "text/plain")
        return self.ok


def as_json(status: int, content: Any) -> Reply:
    return Reply(status, json.dumps(content).encode())


def form(call: Call, *names: str) -> dict[str, str]:
    """The fields of a form, which has these alone."""
    check(call.method == "POST" and not call.query, "POST")
    check(call.headers["content-type"] == "application/x-www-form-urlencoded", "content type")
    pairs = parse_qsl(call.body.decode(), strict_parsing=True, keep_blank_values=True)
    found = dict(pairs)
    check(len(found) == len(pairs) and set(found) == set(names), "fields")
    return found


# --- Turnstile ---------------------------------------------------------------------------------------------------


def read_turnstile(call: Call) -> str:
    """https://developers.cloudflare.com/turnstile/get-started/server-side-validation/."""
    check(call.path == "/turnstile/v0/siteverify", "path")
    given = form(call, "secret", "response", "remoteip")
    check(given["secret"] == KEY, "secret")
    check(given["remoteip"] == ADDRESS, "remoteip")
    check(0 < len(given["response"]) <= 2048, "response")
    return given["response"]


def turnstile(*codes: str, **changes: Any) -> Reply:
    content = {
        "success": not codes,
        "error-codes": list(codes),
        "challenge_ts": "2026-11-29T10:00:00.000Z",
        "hostname": "login.example.com",
        "action": "",
        "cdata": SUBJECT.mark(PEPPER),
    }
    return as_json(200, {**content, **changes})


TURNSTILE = Provider(
    "turnstile",
    {"CAPTCHA_ID": "0x4AAAAAAAtest"},
    "0.a-token-of-turnstile",
    {"provider": "turnstile", "siteKey": "0x4AAAAAAAtest", "cdata": SUBJECT.mark(PEPPER)},
    read_turnstile,
    turnstile(),
    {
        "wrong": turnstile("invalid-input-response"),
        "used or expired": turnstile("timeout-or-duplicate"),
        "for another number": turnstile(cdata=Subject("+8613955550198", "web-client").mark(PEPPER)),
        "for another client": turnstile(cdata=Subject(SUBJECT.number, "app-client").mark(PEPPER)),
        "for nobody": turnstile(cdata=""),
        "for a number": turnstile(cdata=7),
    },
    {
        "secret": turnstile("invalid-input-secret"),
        "bad request": turnstile("bad-request", "invalid-input-response"),
        "their fault": turnstile("internal-error"),
        "no reason": as_json(200, {"success": False}),
        "success of no kind": as_json(200, {"success": "true"}),
    },
)


# --- Geetest -----------------------------------------------------------------------------------------------------

LOT = "4dc3cfc2cdff448cad8d13107198d473"
VALIDATED = {"lot_number": LOT, "captcha_output": "an output=", "pass_token": "a pass", "gen_time": "1764500000"}


def read_geetest(call: Call) -> str:
    """https://docs.geetest.com/gt4/deploy/server."""
    check(call.path == "/validate", "path")
    given = form(call, "captcha_id", "sign_token", *VALIDATED)
    check(given.pop("captcha_id") == ID, "captcha_id")
    signed = hmac.new(KEY.encode(), given["lot_number"].encode(), hashlib.sha256).hexdigest()
    check(given.pop("sign_token") == signed, "sign_token")
    return json.dumps(given)


def geetest_error(code: str) -> Reply:
    return as_json(200, {"status": "error", "code": code, "msg": "of this", "desc": {"type": "defined error"}})


GEETEST = Provider(
    "geetest",
    {"CAPTCHA_ID": ID},
    json.dumps(VALIDATED),
    {"provider": "geetest", "captchaId": ID},
    read_geetest,
    as_json(200, {"status": "success", "result": "success", "reason": "", "captcha_args": {}}),
    {
        # The envelope of a failure says success.
        "wrong": as_json(200, {"status": "success", "result": "fail", "reason": "pass_token expire"}),
        "used": geetest_error("-50003"),
        "a time that is none": geetest_error("-50005"),
        "expired": geetest_error("-50305"),
    },
    {
        "their fault": geetest_error("-50000"),
        "unknown id": geetest_error("-50102"),
        "paused id": geetest_error("-50105"),
        "no code": as_json(200, {"status": "error"}),
        "result of no kind": as_json(200, {"status": "success", "result": True}),
    },
)


# --- Aliyun ------------------------------------------------------------------------------------------------------


def read_aliyun(call: Call) -> str:
    """https://alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature."""
    found = re.fullmatch(
        r"ACS3-HMAC-SHA256 Credential=(\w+),SignedHeaders=([a-z0-9;-]+),Signature=([0-9a-f]{64})",
        call.headers.get("authorization", ""),
    )
    check(found and found[1] == "LTAI5tTest", "authorization")
    assert found is not None
    signed = found[2].split(";")
    check(signed == sorted(signed), "order of the signed headers")
    must = {name for name in call.headers if name.startswith("x-acs-") or name in {"host", "content-type"}}
    check(must == set(signed), "all of these headers are signed")
    check(call.headers["x-acs-content-sha256"] == hashlib.sha256(call.body).hexdigest(), "hash of the body")
    lines = "".join(f"{name}:{call.headers[name]}\n" for name in signed)
    request = f"POST\n/\n\n{lines}\n{found[2]}\n{call.headers['x-acs-content-sha256']}"
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
    check(found[3] == hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest(), "signature")
    check(call.path == "/", "path")
    check(call.headers["x-acs-action"] == "VerifyIntelligentCaptcha", "action")
    check(call.headers["x-acs-version"] == "2023-03-05", "version")
    at = datetime.strptime(call.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    check_time(at.timestamp(), START)
    check(len(call.headers["x-acs-signature-nonce"]) >= 16, "nonce")
    given = form(call, "CaptchaVerifyParam", "SceneId")
    check(given["SceneId"] == ID, "scene")
    return given["CaptchaVerifyParam"]


def aliyun(code: str, *, passed: bool = False) -> Reply:
    result = {"VerifyResult": passed, "VerifyCode": code}
    return as_json(200, {"Code": "Success", "Message": "success", "RequestId": "A0", "Success": True, "Result": result})


ALIYUN = Provider(
    "aliyun",
    {"CAPTCHA_ID": ID, "CAPTCHA_PREFIX": "abc123", "CAPTCHA_KEY_ID": "LTAI5tTest"},
    '{"sceneId":"0123","certifyId":"x*y z~","deviceToken":"a+b/c=","data":"验证"}',
    {"provider": "aliyun", "sceneId": ID, "prefix": "abc123", "region": "cn"},
    read_aliyun,
    aliyun("T001", passed=True),
    {
        "suspicious": aliyun("F001"),
        "no format": aliyun("F003"),
        "used": aliyun("F008"),
        "of another scene": aliyun("F012"),
        "a code that says well": aliyun("T001"),
    },
    {
        "no such scene": aliyun("F005"),
        "no result": as_json(200, {"Code": "Success", "Success": True}),
        "signature": as_json(400, {"Code": "SignatureDoesNotMatch", "Message": "no"}),
        "their fault": as_json(200, {"Code": "InternalError", "Success": False, "Result": {"VerifyResult": True}}),
    },
)

PROVIDERS = [TURNSTILE, GEETEST, ALIYUN]
