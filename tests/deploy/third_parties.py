"""A deployment with every sender and third party that there is: fakes of them on 127.0.0.1, and what needs them.

The functions run on this machine and so reach them. What the template has a parameter for (who they are, and the ARNs
of their secrets) is deployed; where the fakes are is set on the functions afterwards.
"""

import dataclasses
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.architecture.test_template import DOCUMENT
from tests.blackbox.service import new_name, new_number
from tests.blackbox.visitor import Visitor
from tests.deploy.permissions import (
    ANYTHING,
    BATCH_GET,
    GET,
    PUBLISH,
    SECRET,
    SEND_TEXT,
    UPDATE,
    Call,
    Line,
    World,
    forget_counts,
    renew,
)
from tests.deploy.stack import Stack
from tests.deploy.stand_in import ACCOUNT, REGION
from tests.support import fake_captcha, fake_sms, openid, wechat
from tests.support.api import Answer
from tests.support.fake_captcha import GEETEST
from tests.support.fake_sms import ALIYUN, AWS, SNS, VENDORS, Vendor, as_json
from tests.support.fake_web import Call as Asked
from tests.support.fake_web import Reply, Web, make_certificate
from tests.support.logs import LOGS
from tests.support.openid import OTHER_AUDIENCE, OpenId
from tests.support.vendor import serving
from tests.support.wechat import MINI, WeChat

# What CloudFront proves itself by.
PROXY_SECRET = "the-shared-secret-of-cloudfront-and-lingpai"
POOL = f"arn:aws:sms-voice:{REGION}:{ACCOUNT}:pool/{fake_sms.POOL}"
# Those that the functions call by HTTPS; End User Messaging and SNS are AWS's own.
_VENDORS = [dataclasses.replace(vendor, clock=time.time) for vendor in VENDORS if vendor not in (AWS, SNS)]


def _settings_by_parameter() -> dict[str, str]:
    """The vendors' settings by the template's parameters; a secret one is the ARN of a secret that holds it."""
    settings = [name for vendor in _VENDORS for name in vendor.environment("") if not name.endswith("_ENDPOINT")]
    named = {"".join(word.capitalize() for word in name.split("_")): name for name in settings}
    return {name if name in DOCUMENT["Parameters"] else f"{name}Secret": setting for name, setting in named.items()}


_PARAMETERS = _settings_by_parameter()
NOTICE_APP, NOTICE_TOKEN = "wx0123456789abcdef", "tokenOfNotices"
NOTICES = f"{NOTICE_APP}:{NOTICE_TOKEN}"
_BREAKER = "sms:breaker:aliyun"
# Five within a minute open it; where a new minute begins in between, it takes a few more.
_FAILURES_MOST = 10


@dataclass(frozen=True)
class Town(World):
    """The deployed API, its admin, and all those whom it asks."""

    wechat: WeChat
    google: OpenId
    webs: Mapping[str, Web]

    def by_party(self, provider: str, app: str = "default", known: str = "web-client") -> tuple[str, str]:
        """A new client whose users a third party vouches for."""
        return self.copy(known, sign_provider={"S": provider}, sign_app={"S": app})

    def by_wechat(self, known: str = "web-client") -> tuple[str, str]:
        """A new client that is a mini-program."""
        return self.by_party("wechat", MINI, known)

    def id_token(self) -> str:
        """An ID token of somebody new."""
        return self.google.token(new_name(), at=int(time.time()))

    def sign(self, client: tuple[str, str], sign: str) -> Call:
        """A login by a third party's word."""
        return self.post("/sign/token", form={"sign": sign}, basic=client)

    def extension(self, client: tuple[str, str], sign: str) -> Call:
        """The same as an extension grant."""
        form = {"grant_type": "urn:lingpai:grant:sign", "sign": sign}
        return self.post("/oauth/token", form=form, basic=client)

    def link(self, sign: str, client: tuple[str, str], **body: str) -> Call:
        """The call by which somebody who is logged in by the client links what a third party says."""
        login = self.post("/oauth/token", form=self.somebody().by_password, basic=client)()
        return self.post("/users/identities/link", json_body={"sign": sign, **body}, bearer=login.json["access_token"])

    def send_by(self, *providers: str) -> Call:
        """The call for a code, to be sent by the first of these that can."""
        settings = {"SMS_PROVIDER": ",".join(providers)}
        function = self.stack.client("lambda").get_function_configuration(FunctionName=self.table("MobileFunction"))
        if not settings.items() <= function["Environment"]["Variables"].items():
            renew(self.stack, "MobileFunction", settings)
        return self.by_web("/mobile/code/get", mobile=new_number())

    def breaker(self) -> dict[str, Any] | None:
        """The item of Aliyun's breaker, None where it is closed."""
        key = {"key": {"S": _BREAKER}}
        found = self.stack.client("dynamodb").get_item(TableName=self.table("CountersTable"), Key=key)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def open_breaker(self) -> None:
        """Let Aliyun be throttled until its breaker opens; Tencent sends meanwhile."""
        forget_counts(self.stack)
        web = self.webs["aliyun"]
        well, web.answer = web.answer, lambda _: ALIYUN.refusals["throttled"][0]
        try:
            for _ in range(_FAILURES_MOST):
                assert self.send_by("aliyun", "tencent")().status == 200
                if self.breaker() is not None:
                    return
        finally:
            web.answer = well
        raise AssertionError("the breaker does not open")


@contextmanager
def town(stack: Stack, folder: Path) -> Iterator[Town]:
    """The stack, deployed once more with all of them."""
    certificate = make_certificate(folder)
    # What a function trusts by itself is the stand-in alone.
    trusted = folder / "trusted.pem"
    trusted.write_bytes(certificate.path.read_bytes() + stack.stand_in.certificate.read_bytes())
    chat, google = WeChat(), OpenId(clock=time.time)
    with ExitStack() as running:
        to_wechat, to_google = running.enter_context(serving(chat)), running.enter_context(serving(google))
        google.issuer = to_google.url
        answers: dict[str, Callable[[Asked], Reply]] = {vendor.name: vendor.answer for vendor in _VENDORS}
        answers["geetest"] = GEETEST.answer
        answers["aws"] = lambda asked: _end_user_messaging(stack, asked)
        webs = {name: running.enter_context(Web(certificate, answer).running()) for name, answer in answers.items()}
        stack.deploy(**_parameters(stack, to_google.url))
        for function in ("TokenFunction", "SignFunction", "UsersFunction"):
            renew(stack, function, {"WECHAT_URL": to_wechat.url})
        at = {f"{vendor.name.upper()}_ENDPOINT": webs[vendor.name].host for vendor in _VENDORS}
        at["AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"] = f"https://{webs['aws'].host}"
        renew(stack, "MobileFunction", {**at, "SSL_CERT_FILE": str(trusted)})
        service = stack.service()
        running.callback(service.close)
        yield Town(stack, service, service.admin(), chat, google, webs)


def _parameters(stack: Stack, issuer: str) -> dict[str, str]:
    """The template's parameters for all of them, with secrets of their own in Secrets Manager."""

    def secret(name: str, value: str) -> str:
        LOGS.hush("vendor's key", value)
        made = stack.client("secretsmanager").create_secret(Name=f"{stack.name}-{name}", SecretString=value)
        arn: str = made["ARN"]
        return arn

    settings: dict[str, str] = {}
    for vendor in _VENDORS:
        settings |= vendor.environment("")
    given = {
        parameter: secret(parameter, settings[name]) if parameter.endswith("Secret") else settings[name]
        for parameter, name in _PARAMETERS.items()
    }
    return {
        **given,
        "SmsProvider": ",".join(vendor.name for vendor in (*_VENDORS, AWS, SNS)),
        "AwsSmsOrigination": POOL,
        "WechatAppsSecret": secret("WechatApps", wechat.APPS),
        "WechatNoticesSecret": secret("WechatNotices", NOTICES),
        "TrustedProxySecret": secret("TrustedProxy", PROXY_SECRET),
        "OidcProviders": openid.setting(issuer, client_id=OTHER_AUDIENCE),
        "OidcClientSecrets": secret("OidcClients", json.dumps({"google": openid.SECRET})),
        "LinkProviders": "google",
        "Captcha": GEETEST.name,
        "CaptchaId": fake_captcha.ID,
        "CaptchaKeySecret": secret("Captcha", fake_captcha.KEY),
        "Release": "2",  # without it the functions would keep the senders that they have
    }


def _end_user_messaging(stack: Stack, asked: Asked) -> Reply:
    """AWS End User Messaging, which the stand-in has not; whether the function may is asked of IAM's simulator."""
    signer = rf"AWS4-HMAC-SHA256 Credential=ASIA\w+/\d+/{REGION}/sms-voice/aws4_request, .+"
    if not re.fullmatch(signer, asked.headers["authorization"]) or not asked.headers["x-amz-security-token"]:
        return AWS.unsigned
    assert asked.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendTextMessage"
    if may_send_from(stack, json.loads(asked.body)["OriginationIdentity"]):
        return AWS.ok
    return as_json(400, __type="com.amazonaws.smsvoice#AccessDeniedException", Message="is not authorized")


def may_send_from(stack: Stack, origination: str) -> bool:
    """Whether IAM would let MobileFunction send from this pool, number or sender id (an ARN)."""
    role = f"arn:aws:iam::{ACCOUNT}:role/{stack.physical('MobileFunctionRole')}"
    (found,) = stack.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[SEND_TEXT], ResourceArns=[origination]
    )["EvaluationResults"]
    decision: str = found["EvalDecision"]
    return decision == "allowed"


# --- calls: each sets up what it needs while nothing is missing, and gives the call itself ---------------------------


def extension_wechat(t: Town) -> Call:
    return t.extension(t.by_wechat("standard-client"), t.wechat.log_in(new_name()))


def extension_wechat_with_a_second_id(t: Town) -> Call:
    client, name = t.by_wechat("standard-client"), new_name()
    assert t.extension(client, t.wechat.log_in(name))().status == 200
    return t.extension(client, t.wechat.log_in(name, unionid=new_name()))


def wechat_login(t: Town) -> Call:
    return t.sign(t.by_wechat(), t.wechat.log_in(new_name()))


def wechat_login_with_two_ids(t: Town) -> Call:
    """The app's own openid, and the unionid of all apps of the operator: both are looked for at once."""
    return t.sign(t.by_wechat(), t.wechat.log_in(new_name(), unionid=new_name()))


def wechat_login_with_a_second_id(t: Town) -> Call:
    """Somebody who came before the app had unionids: the account is given the second id."""
    client, name = t.by_wechat(), new_name()
    assert t.sign(client, t.wechat.log_in(name))().status == 200
    return t.sign(client, t.wechat.log_in(name, unionid=new_name()))


def id_token_login(t: Town) -> Call:
    return t.sign(t.by_party("google"), t.id_token())


def extension_id_token(t: Town) -> Call:
    return t.extension(t.by_party("google", known="standard-client"), t.id_token())


def link_wechat(t: Town) -> Call:
    return t.link(t.wechat.log_in(new_name(), unionid=new_name()), t.by_wechat())


def wechat_notice(t: Town) -> Call:
    """WeChat's check of the address."""
    at, nonce = str(int(time.time())), "n"
    signature = hashlib.sha1("".join(sorted((NOTICE_TOKEN, at, nonce))).encode()).hexdigest()  # noqa: S324
    query = f"signature={signature}&timestamp={at}&nonce={nonce}&echostr=hello"
    return lambda: t.service.get(f"/wechat/notices/{NOTICE_APP}?{query}")


def link_an_id_token(t: Town) -> Call:
    return t.link(t.id_token(), t.service.client("web-client"), provider="google")


def show_what_is_linked(t: Town) -> Call:
    return t.post("/users/identities", bearer=_linked(t))


def unlink(t: Town) -> Call:
    return t.post("/users/identities/unlink", json_body={"provider": "google"}, bearer=_linked(t))


def _linked(t: Town) -> str:
    """The token of somebody who has a username, and has linked an ID token."""
    token = t.somebody().token
    body = {"sign": t.id_token(), "provider": "google"}
    assert t.post("/users/identities/link", json_body=body, bearer=token)().status == 200
    return token


def send_by(vendor: Vendor) -> Callable[[Town], Call]:
    """The call for a code that this vendor sends."""
    return lambda t: t.send_by(vendor.name)


def send_by_end_user_messaging(t: Town) -> Call:
    return t.send_by("aws")


def send_by_sns(t: Town) -> Call:
    return t.send_by("sns")


def spare_who_ails(t: Town) -> Call:
    """Aliyun's breaker is open: the next message goes to Tencent without it. That Aliyun is asked is the fault."""
    t.open_breaker()
    call, asked = t.send_by("aliyun", "tencent"), t.webs["aliyun"].calls

    def watched() -> Answer:
        before = len(asked)
        answer = call()
        return answer if len(asked) == before else Answer(500, {}, "Aliyun was asked, though its breaker is open")

    return watched


def page_login_at_google(t: Town) -> Call:
    """The browser has come back from the provider, whose code is redeemed with the secret of the pages' client."""
    visitor = Visitor(t.service)
    address = visitor.send(visitor.get("/login").form(action="provider", provider="google")).location
    t.google.redirect_uris = (parse_qs(urlsplit(address).query)["redirect_uri"][0],)
    back = urlsplit(t.google.log_in(address, new_name()))
    return lambda: visitor.get(f"{back.path}?{back.query}").answer


def code_after_a_captcha(t: Town) -> Call:
    """Its solution is looked at, though none is asked for."""
    renew(t.stack, "MobileFunction", {"CAPTCHA_ENDPOINT": t.webs["geetest"].host})
    solution = {**fake_captcha.VALIDATED, "lot_number": secrets.token_hex(16)}
    return t.by_web("/mobile/code/get", mobile=new_number(), captcha=json.dumps(solution))


def token_by_cloudfront(t: Town) -> Call:
    return _by_cloudfront(t, "/oauth/introspect")


def code_by_cloudfront(t: Town) -> Call:
    return _by_cloudfront(t, "/mobile/code/verify")


def sign_by_cloudfront(t: Town) -> Call:
    return _by_cloudfront(t, "/sign/token")


def register_by_cloudfront(t: Town) -> Call:
    return _by_cloudfront(t, "/users/register")


def page_by_cloudfront(t: Town) -> Call:
    return _by_cloudfront(t, "/login")


def console_by_cloudfront(t: Town) -> Call:
    return _by_cloudfront(t, "/console/logout")


def _by_cloudfront(t: Town, path: str) -> Call:
    """A call that is refused for its lack of parameters, after its address was looked at."""
    return t.post(path, json_body={}, headers={"X-Origin-Verify": PROXY_SECRET, "X-Forwarded-For": "203.0.113.1"})


# --- the tables -----------------------------------------------------------------------------------------------------

# Those of a table are granted to every stack, the others where the parameter says so.
NEEDED: dict[Line, Callable[[Town], Call]] = {
    ("TokenFunction", "WechatAppsSecret", SECRET): extension_wechat,
    ("MobileFunction", "CountersTable", GET): spare_who_ails,
    **{
        ("MobileFunction", parameter, SECRET): send_by(vendor)
        for vendor in _VENDORS
        for parameter, setting in _PARAMETERS.items()
        if setting in vendor.environment("") and parameter.endswith("Secret")
    },
    ("MobileFunction", "CaptchaKeySecret", SECRET): code_after_a_captcha,
    ("MobileFunction", "AwsSmsOrigination", SEND_TEXT): send_by_end_user_messaging,
    ("MobileFunction", ANYTHING, PUBLISH): send_by_sns,
    ("SignFunction", "WechatAppsSecret", SECRET): wechat_login,
    ("SignFunction", "IdentitiesTable", BATCH_GET): wechat_login_with_two_ids,
    ("SignFunction", "UsersTable", GET): wechat_login_with_a_second_id,
    ("SignFunction", "UsersTable", UPDATE): wechat_login_with_a_second_id,
    ("SignFunction", "CountersTable", UPDATE): id_token_login,
    ("UsersFunction", "WechatAppsSecret", SECRET): link_wechat,
    ("UsersFunction", "WechatNoticesSecret", SECRET): wechat_notice,
    ("TokenFunction", "TrustedProxySecret", SECRET): token_by_cloudfront,
    ("MobileFunction", "TrustedProxySecret", SECRET): code_by_cloudfront,
    ("SignFunction", "TrustedProxySecret", SECRET): sign_by_cloudfront,
    ("UsersFunction", "TrustedProxySecret", SECRET): register_by_cloudfront,
    ("PagesFunction", "TrustedProxySecret", SECRET): page_by_cloudfront,
    ("ConsoleFunction", "TrustedProxySecret", SECRET): console_by_cloudfront,
    ("PagesFunction", "OidcClientSecrets", SECRET): page_login_at_google,
}
# What a notice to a number needs: where it lacks that nothing is sent, and no request fails.
QUIET: frozenset[Line] = frozenset(
    ("UsersFunction", resource, action)
    for function, resource, action in NEEDED
    if function == "MobileFunction" and action in (SECRET, SEND_TEXT, PUBLISH)
    if resource not in ("TrustedProxySecret", "CaptchaKeySecret")
)
# What the pages need as other functions do, by the same code, for which it is shown above.
ALIKE: frozenset[Line] = frozenset(
    {("PagesFunction", "WechatAppsSecret", SECRET)}
    | {
        ("PagesFunction", resource, action)
        for function, resource, action in NEEDED
        if function == "MobileFunction" and action in (SECRET, SEND_TEXT, PUBLISH)
    }
)
# Calls that third parties bring about, and that need nothing beyond what is granted.
SUFFICES: tuple[Callable[[Town], Call], ...] = (
    extension_wechat_with_a_second_id,
    extension_id_token,
    wechat_login_with_a_second_id,
    id_token_login,
    link_wechat,
    link_an_id_token,
    show_what_is_linked,
    unlink,
)
